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
use crate::auth::sasl::{Binding, Identity, Kind, Means};
use crate::auth::veil::Veil;
use crate::net::tls::{Secured, TlsMode};
use crate::net::{BoxStream, Stream, dial};
use crate::pop3::codec::{Capabilities, Shown};
use crate::pop3::error::{Error, Step};

/// Opens a connection and logs in. A token that is refused is asked for once more; another one is tried.
pub(super) async fn open(settings: &Settings) -> Result<Session, Error> {
    match attempt(settings).await {
        Err(refused @ Error::TokenRefused { .. }) => match attempt(settings).await {
            Ok(opened) => Ok(opened),
            Err(again @ Error::TokenRefused { .. }) => Err(again),
            Err(_) => Err(refused),
        },
        other => other,
    }
}

/// What TLS gives to a login.
#[derive(Default)]
struct Tls {
    binding: Option<Binding>,
    certificate: bool,
}

impl Tls {
    fn of(secured: &Secured) -> Self {
        let binding = secured.binding.as_ref();
        Self {
            binding: binding.map(|binding| Binding {
                name: binding.name,
                data: binding.data.clone(),
            }),
            certificate: secured.certificate,
        }
    }
}

async fn attempt(settings: &Settings) -> Result<Session, Error> {
    let (host, port, limit) = (&settings.host, settings.port, settings.timeout);
    let (wire, greeting, tls) = match settings.tls.mode {
        TlsMode::Implicit => {
            let secured = encrypt(settings, dial_trusted(settings).await?).await?;
            let tls = Tls::of(&secured);
            let stream: BoxStream = Box::new(secured.stream);
            let (wire, greeting) = greet(settings, stream).await?;
            (wire, greeting, tls)
        }
        TlsMode::None => {
            let tcp = dial::connect_loopback(host, port, limit).await?;
            let stream: BoxStream = Box::new(BufWriter::new(tcp));
            let (wire, greeting) = greet(settings, stream).await?;
            (wire, greeting, Tls::default())
        }
        TlsMode::StartTls => start_tls(settings).await?,
    };
    identify(settings, wire, greeting, &tls).await
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
async fn start_tls(settings: &Settings) -> Result<(Wire<BoxStream>, Vec<u8>, Tls), Error> {
    let (mut clear, greeting) = greet(settings, dial_trusted(settings).await?).await?;
    clear
        .command(Step::Stls, "STLS")
        .await
        .map_err(|error| match error {
            Error::Refused { .. } => Error::NoStls,
            other => other,
        })?;
    let secured = encrypt(settings, clear.into_stream()?).await?;
    let tls = Tls::of(&secured);
    let stream: BoxStream = Box::new(secured.stream);
    Ok((Wire::new(stream, settings.timeout), greeting, tls))
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
    tls: &Tls,
) -> Result<Session, Error> {
    let offered = ask(&mut wire).await?;
    let server = format!("{}:{}", settings.host, settings.port);
    let means = Means {
        secret: settings.secret.kind(),
        certificate: tls.certificate,
        binding: tls.binding.is_some(),
        allowed: &settings.allowed,
        bound_before: settings.bound.was(&server, &settings.user),
    };
    let ways = login::ways(&means, offered.as_ref(), &greeting)?;
    let has = |name: &str| offered.as_ref().is_some_and(|offered| offered.has(name));
    // Letters come as they are instead of downgraded (RFC 6856); only before the login.
    let utf8 = has("UTF8") && say_utf8(&mut wire).await?;
    wire.tells = has("AUTH-RESP-CODE");
    let way = present(settings, &mut wire, ways, &means, tls).await?;
    if way.binds()
        && let Err(error) = settings.bound.keep(&server, &settings.user)
    {
        tracing::warn!(account = %settings.account, "cannot remember that the login was bound to its connection: {error}");
    }
    tracing::debug!(account = %settings.account, way = way.name(), "logged in");
    let capabilities = match ask(&mut wire).await? {
        Some(now) => Some(now),
        None => offered,
    };
    Ok(Session::new(wire, &greeting, capabilities, &way, utf8))
}

/// Fetches the password or token, and logs in with it; by which way in the end.
async fn present(
    settings: &Settings,
    wire: &mut Wire<BoxStream>,
    ways: Vec<Way>,
    means: &Means<'_>,
    tls: &Tls,
) -> Result<Way, Error> {
    let or_user = ways.contains(&Way::User);
    let way = ways.into_iter().next().ok_or(Error::Downgraded)?;
    let secret = settings.secret.load().await?;
    wire.veil = Veil::new(&secret, shown);
    let mark = settings.accepted.mark(&secret);
    let token = means.secret == Some(Kind::Token);
    if token && settings.accepted.was_refused(mark) {
        return Err(Error::StaleToken);
    }
    let identity = Identity {
        user: &settings.user,
        secret: &secret,
        host: &settings.host,
        port: settings.port,
        binding: tls.binding.as_ref(),
        may_bind: means.may_bind(),
    };
    match login::log_in(wire, way, or_user, &identity).await {
        Ok(way) => {
            settings.accepted.keep(mark);
            Ok(way)
        }
        Err(error) if token => {
            let error = error.of_token();
            if matches!(error, Error::TokenRefused { .. }) {
                settings.accepted.refuse(mark);
            }
            Err(error)
        }
        Err(error) => Err(error.knowing(settings.accepted.has(mark))),
    }
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
