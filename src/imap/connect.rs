//! Opens the conversation with an IMAP server: TCP, TLS, greeting, STARTTLS, login, capabilities.
//!
//! async-imap says the first words, through a gate under it, and stops right after the tagged OK to the login.
//! Then the stream goes to the wire engine, with every octet that was read behind that OK. Nothing here knows of
//! mailboxes and messages, and nothing is tried twice: one call is one attempt, with one try of the password. Only BAD,
//! which says nothing of the password, leads to the next way to log in.
//!
//! A password travels only over TLS that was verified or inside this machine (`Privacy` says so by its type). It is
//! fetched only once the server has proved who it is, so that no passphrase is asked for while the network is down.
//!
//! # Logs
//! async-imap writes every command to the log at trace level, LOGIN with its password among them. Filters must leave
//! out [`QUIET_TARGETS`]. (Its copies of the command in memory are not wiped either; ours are.)

mod dialogue;
mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod gate;
mod line;
mod login;
mod privacy;
mod ways;

use std::time::Duration;

use futures_util::future::join;
use tokio::time;

use self::dialogue::{Dialogue, Parts};
use self::line::Condition;
use self::privacy::Privacy;
use super::capabilities::Capabilities;
use crate::auth::sasl::{Identity, Kind, Means};
use crate::auth::veil::Veil;
use crate::auth::{Accepted, Allowed, Bound, SecretSource};
use crate::net::tls::{TlsMode, TlsSettings};
use crate::net::{BoxStream, dial};

pub use self::error::{ConnectError, Refusal, Step};
pub(super) use self::line::escape;
pub use self::ways::Ways;

/// Log targets that must be off whatever is asked for: they print passwords (`async_imap`), or report as errors what
/// is none (the verifiers, when a certificate is trusted for another reason).
pub const QUIET_TARGETS: &[&str] = &["async_imap", "imap_proto", "rustls_platform_verifier"];

/// What is needed to open a connection.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The account's name, for the log.
    pub account: String,
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is encrypted and trusted.
    pub tls: TlsSettings,
    /// Who logs in.
    pub user: String,
    /// With which password or token.
    pub secret: SecretSource,
    /// By which mechanisms.
    pub allowed: Allowed,
    /// The password that was accepted last.
    pub accepted: Accepted,
    /// The ways to log in that the server did not know.
    pub ways: Ways,
    /// Whether logins were bound to their connections.
    pub bound: Bound,
    /// Capabilities to take for absent, before and after the login.
    pub hide_capabilities: Vec<String>,
    /// How long each step may take: connecting, the handshake, and each answer.
    pub timeout: Duration,
}

/// A connection that is logged in.
#[derive(Debug)]
pub struct Opened {
    /// What to talk over. Writes are kept back until a flush.
    pub stream: BoxStream,
    /// What the server has said already behind its OK.
    pub leftover: Vec<u8>,
    /// What it is able to do, without what is hidden.
    pub capabilities: Capabilities,
    /// How it introduced itself in its greeting: one line, escaped, perhaps cut. ID is not asked for here (it would
    /// cost a round trip).
    pub server: Option<String>,
    /// How often the opening waited for the server, TCP and TLS included.
    pub round_trips: u32,
    /// By which mechanism it is logged in, or `LOGIN`; `None`: the server took us as logged in.
    pub way: Option<&'static str>,
    /// Keeps the password out of what is shown of the server's words.
    pub veil: Veil,
}

/// Opens a connection and logs in. A token that is refused is asked for once more; another one is tried.
///
/// # Errors
/// See [`ConnectError`]. Without a trusted server no password has been fetched, let alone sent.
pub async fn open(settings: &Settings) -> Result<Opened, ConnectError> {
    match by_some_way(settings).await {
        // Whoever prints tokens may have another one by now.
        Err(refused @ ConnectError::TokenRefused { .. }) => match by_some_way(settings).await {
            Ok(opened) => Ok(opened),
            Err(again @ ConnectError::TokenRefused { .. }) => Err(again),
            Err(_) => Err(refused),
        },
        other => other,
    }
}

async fn by_some_way(settings: &Settings) -> Result<Opened, ConnectError> {
    loop {
        let refused = settings.ways.refused();
        match attempt(settings).await {
            // A server may hang up on whoever said what it does not know. That way is not gone again.
            Err(error) if error.is_hanging_up() && settings.ways.refused() > refused => {
                tracing::debug!(account = %settings.account, %error, "logging in by another way");
            }
            other => return other,
        }
    }
}

async fn attempt(settings: &Settings) -> Result<Opened, ConnectError> {
    let (host, port, limit) = (&settings.host, settings.port, settings.timeout);
    let opened = match settings.tls.mode {
        TlsMode::Implicit => {
            let (tcp, trust) = join(dial::connect(host, port, limit), settings.tls.prepare()).await;
            let tcp = tcp?;
            trust?;
            let secured = encrypt(settings, tcp).await?;
            let privacy = Privacy::of_tls(&secured);
            let trips = 1 + secured.round_trips;
            converse(settings, Box::new(secured.stream), privacy, trips).await
        }
        TlsMode::None => {
            let (tcp, privacy) = Privacy::of_this_machine(host, port, limit).await?;
            let stream = tokio::io::BufWriter::new(tcp);
            converse(settings, Box::new(stream), privacy, 1).await
        }
        TlsMode::StartTls => start_tls(settings).await,
    }?;
    tracing::debug!(
        account = %settings.account,
        way = opened.way,
        round_trips = opened.round_trips,
        "logged in"
    );
    Ok(opened)
}

async fn encrypt(
    settings: &Settings,
    tcp: tokio::net::TcpStream,
) -> Result<crate::net::tls::Secured, ConnectError> {
    let handshake = settings.tls.handshake(&settings.host, tcp);
    match time::timeout(settings.timeout, handshake).await {
        Ok(secured) => Ok(secured?),
        Err(_) => Err(ConnectError::Timeout {
            step: Step::Handshake,
            limit: settings.timeout,
        }),
    }
}

/// Plain greeting, STARTTLS, handshake, and then everything from the beginning: of what was said in the clear nothing
/// is believed (RFC 3501 section 6.2.1).
async fn start_tls(settings: &Settings) -> Result<Opened, ConnectError> {
    let dialled = dial::connect(&settings.host, settings.port, settings.timeout);
    let (tcp, trust) = join(dialled, settings.tls.prepare()).await;
    let tcp = tcp?;
    trust?;
    let mut clear = Dialogue::new(tcp, settings.timeout);
    let greeting = clear.greeting().await?;
    if greeting.condition == Condition::Preauth {
        return Err(ConnectError::Preauth);
    }
    let offered = clear.heard().capabilities.take();
    if offered.is_some_and(|offered| !offered.without(&settings.hide_capabilities).has("STARTTLS"))
    {
        return Err(ConnectError::NoStartTls);
    }
    let answer = clear.command(Step::StartTls, "STARTTLS").await;
    answer.map_err(|error| match error {
        ConnectError::Refused { .. } => ConnectError::NoStartTls,
        other => other,
    })?;
    let Parts {
        stream,
        leftover,
        round_trips,
        ..
    } = clear.into_parts()?;
    if !leftover.is_empty() {
        return Err(ConnectError::Injected);
    }
    let secured = encrypt(settings, stream).await?;
    let privacy = Privacy::of_tls(&secured);
    let mut secret = Dialogue::new(Box::new(secured.stream) as BoxStream, settings.timeout);
    secret.round_trips = 1 + round_trips + secured.round_trips;
    // No second greeting comes.
    secret.heard().greeting = Some(greeting);
    identify(settings, secret, privacy).await
}

/// Everything from the greeting on, where it counts.
async fn converse(
    settings: &Settings,
    stream: BoxStream,
    privacy: Privacy,
    round_trips: u32,
) -> Result<Opened, ConnectError> {
    let mut dialogue = Dialogue::new(stream, settings.timeout);
    dialogue.round_trips = round_trips;
    let greeting = dialogue.greeting().await?;
    if greeting.condition == Condition::Preauth {
        return settle(settings, dialogue, None, Veil::default()).await;
    }
    identify(settings, dialogue, privacy).await
}

/// Logs in.
async fn identify(
    settings: &Settings,
    mut dialogue: Dialogue<BoxStream>,
    privacy: Privacy,
) -> Result<Opened, ConnectError> {
    if dialogue.heard().capabilities.is_none() {
        dialogue.command(Step::Capability, "CAPABILITY").await?;
    }
    let offered = dialogue.heard().capabilities.take().unwrap_or_default();
    let offered = offered.without(&settings.hide_capabilities);
    let server = format!("{}:{}", settings.host, settings.port);
    let means = Means {
        secret: settings.secret.kind(),
        certificate: privacy.certificate(),
        binding: privacy.binding().is_some(),
        allowed: &settings.allowed,
        bound_before: settings.bound.was(&server, &settings.user),
    };
    let ways = settings.ways.left(login::ways(&means, &offered)?);
    let secret = settings.secret.load().await?;
    let veil = Veil::new(&secret, escape);
    let mark = settings.accepted.mark(&secret);
    let token = means.secret == Some(Kind::Token);
    if token && settings.accepted.was_refused(mark) {
        return Err(ConnectError::StaleToken);
    }
    let login = login::Login {
        identity: Identity {
            user: &settings.user,
            secret: &secret,
            host: &settings.host,
            port: settings.port,
            binding: privacy.binding(),
            may_bind: means.may_bind(),
        },
        veil: &veil,
        refused: &settings.ways,
        privacy: &privacy,
    };
    let (dialogue, way) = match login.by_one_of(dialogue, &ways).await {
        Ok(done) => done,
        Err(error) if token => {
            let error = error.of_token();
            if matches!(error, ConnectError::TokenRefused { .. }) {
                settings.accepted.refuse(mark);
            }
            return Err(error);
        }
        Err(error) => return Err(error.knowing(settings.accepted.has(mark))),
    };
    settings.accepted.keep(mark);
    if way.binds()
        && let Err(error) = settings.bound.keep(&server, &settings.user)
    {
        tracing::warn!(account = %settings.account, "cannot remember that the login was bound to its connection: {error}");
    }
    settle(settings, dialogue, Some(way.name()), veil).await
}

/// Learns what the server can do now, and lets go of the stream.
async fn settle(
    settings: &Settings,
    mut dialogue: Dialogue<BoxStream>,
    way: Option<&'static str>,
    veil: Veil,
) -> Result<Opened, ConnectError> {
    if dialogue.heard().capabilities.is_none() {
        let question = format!("{} CAPABILITY\r\n", dialogue.own_tag());
        let more = dialogue.say(Step::Capability, question.as_bytes()).await?;
        if more {
            return Err(ConnectError::Insatiable {
                step: Step::Capability,
            });
        }
    }
    let parts = dialogue.into_parts()?;
    let capabilities = parts.heard.capabilities.unwrap_or_default();
    let server = parts.heard.greeting.map(|greeting| greeting.text);
    Ok(Opened {
        stream: parts.stream,
        leftover: parts.leftover,
        capabilities: capabilities.without(&settings.hide_capabilities),
        server: server.filter(|text| !text.is_empty()),
        round_trips: parts.round_trips,
        way,
        veil,
    })
}

#[cfg(test)]
mod tests;
