//! Opens the conversation: TCP, TLS, greeting, STLS, capabilities, login.
//!
//! A password travels only over TLS that was verified or inside this machine, and is fetched only once the server has
//! proved who it is. Of what was said before TLS nothing is believed but the greeting's timestamp.

use futures_util::future::join;
use tokio::io::BufWriter;
use tokio::net::TcpStream;
use tokio::time;

use super::login::{self, Way};
use super::wire::Wire;
use super::{Session, Settings};
use crate::auth::veil::Veil;
use crate::net::tls::{Secured, TlsMode};
use crate::net::{BoxStream, Stream, dial};
use crate::pop3::codec::{Capabilities, Shown};
use crate::pop3::error::{Error, Step};

/// Opens a connection and logs in.
pub(super) async fn open(settings: &Settings) -> Result<Session, Error> {
    let (host, port, limit) = (&settings.host, settings.port, settings.timeout);
    let (wire, greeting) = match settings.tls.mode {
        TlsMode::Implicit => {
            let secured = encrypt(settings, dial_trusted(settings).await?).await?;
            let stream: BoxStream = Box::new(secured.stream);
            greet(settings, stream).await?
        }
        TlsMode::None => {
            let tcp = dial::connect_loopback(host, port, limit).await?;
            let stream: BoxStream = Box::new(BufWriter::new(tcp));
            greet(settings, stream).await?
        }
        TlsMode::StartTls => start_tls(settings).await?,
    };
    identify(settings, wire, greeting).await
}

async fn dial_trusted(settings: &Settings) -> Result<TcpStream, Error> {
    let dialled = dial::connect(&settings.host, settings.port, settings.timeout);
    let (tcp, trust) = join(dialled, settings.tls.prepare()).await;
    let tcp = tcp?;
    trust?;
    Ok(tcp)
}

async fn encrypt(settings: &Settings, tcp: TcpStream) -> Result<Secured, Error> {
    let handshake = settings.tls.handshake(&settings.host, tcp);
    match time::timeout(settings.timeout, handshake).await {
        Ok(secured) => Ok(secured?),
        Err(_) => Err(Error::Timeout {
            step: Step::Handshake,
            limit: settings.timeout,
        }),
    }
}

async fn greet<S: Stream>(settings: &Settings, stream: S) -> Result<(Wire<S>, Vec<u8>), Error> {
    let mut wire = Wire::new(stream, settings.timeout);
    let greeting = wire.ok(Step::Greeting).await?;
    Ok((wire, greeting))
}

/// STLS (RFC 2595 section 4). No second greeting comes.
async fn start_tls(settings: &Settings) -> Result<(Wire<BoxStream>, Vec<u8>), Error> {
    let (mut clear, greeting) = greet(settings, dial_trusted(settings).await?).await?;
    clear
        .command(Step::Stls, "STLS")
        .await
        .map_err(|error| match error {
            Error::Refused { .. } => Error::NoStls,
            other => other,
        })?;
    let secured = encrypt(settings, clear.into_stream()?).await?;
    let stream: BoxStream = Box::new(secured.stream);
    Ok((Wire::new(stream, settings.timeout), greeting))
}

/// What the server can do; `None` if it does not know the question.
pub(super) async fn ask(wire: &mut Wire<BoxStream>) -> Result<Option<Capabilities>, Error> {
    match wire.command(Step::Capa, "CAPA").await {
        Ok(_) => {}
        Err(Error::Refused { .. }) => return Ok(None),
        Err(other) => return Err(other),
    }
    let mut found = Capabilities::default();
    // What can be done is shown and written to the log; a password is no capability.
    let veil = wire.veil.clone();
    let take = |line: &[u8]| {
        if veil.covers(&String::from_utf8_lossy(line)) {
            return Ok(());
        }
        found.add(line)
    };
    wire.each_line(Step::Capa, take).await?;
    Ok(Some(found))
}

async fn identify(
    settings: &Settings,
    mut wire: Wire<BoxStream>,
    greeting: Vec<u8>,
) -> Result<Session, Error> {
    let offered = ask(&mut wire).await?;
    let way = login::choose(settings.login, offered.as_ref(), &greeting)?;
    let has = |name: &str| offered.as_ref().is_some_and(|offered| offered.has(name));
    // Letters come as they are instead of downgraded (RFC 6856); only before the login.
    let utf8 = has("UTF8") && say_utf8(&mut wire).await?;
    wire.tells = has("AUTH-RESP-CODE");
    let password = settings.secret.load().await?;
    wire.veil = Veil::new(&settings.user, &password, shown);
    let mark = settings.accepted.mark(&password);
    let way = login::log_in(&mut wire, way, has("USER"), &settings.user, &password)
        .await
        .map_err(|error| error.knowing(settings.accepted.has(mark)))?;
    settings.accepted.keep(mark);
    tracing::debug!(account = %settings.account, way = way.name(), "logged in");
    let capabilities = match ask(&mut wire).await? {
        Some(now) => Some(now),
        None => offered,
    };
    Ok(Session::new(wire, &greeting, capabilities, &way, utf8))
}

async fn say_utf8(wire: &mut Wire<BoxStream>) -> Result<bool, Error> {
    match wire.command(Step::Utf8, "UTF8").await {
        Ok(_) => Ok(true),
        Err(Error::Refused { .. }) => Ok(false),
        Err(other) => Err(other),
    }
}

pub(super) fn shown(text: &str) -> String {
    Shown::new(text.as_bytes()).to_string()
}

impl Way {
    /// Whether it is a SASL mechanism.
    pub(super) fn is_sasl(&self) -> bool {
        matches!(self, Self::Plain)
    }
}
