//! Which way to log in, and going it: one try of the password.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

use super::Login;
use super::wire::{Answer, Wire};
use crate::auth::{Mechanism, Secret};
use crate::net::Stream;
use crate::pop3::codec::Capabilities;
use crate::pop3::error::{Error, Step};

/// How to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// APOP with the greeting's timestamp (RFC 1939 section 7).
    Apop(String),
    /// AUTH PLAIN (RFC 5034, RFC 4616).
    Plain,
    /// USER and PASS.
    User,
}

impl Way {
    /// What it is called.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Apop(_) => "APOP",
            Self::Plain => "AUTH PLAIN",
            Self::User => "USER",
        }
    }
}

/// The way that is asked for, or the best that is offered. `None` is a server without CAPA, which has USER.
pub(super) fn choose(
    login: Login,
    offered: Option<&Capabilities>,
    greeting: &[u8],
) -> Result<Way, Error> {
    if login == Login::Apop {
        return timestamp(greeting).map(Way::Apop).ok_or(Error::NoApop);
    }
    match offered {
        Some(offered) if offered.has_mechanism("PLAIN") => Ok(Way::Plain),
        Some(offered) if !offered.has("USER") => Err(Error::NoMechanism),
        _ => Ok(Way::User),
    }
}

/// The timestamp in a greeting: `<...@...>`, printable.
fn timestamp(greeting: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(greeting).ok()?;
    let (_, rest) = text.split_once('<')?;
    let (inner, _) = rest.split_once('>')?;
    let fit = inner.contains('@') && inner.bytes().all(|octet| octet.is_ascii_graphic());
    fit.then(|| format!("<{inner}>"))
}

/// Whether it can stand in a command.
fn speakable(octets: &[u8]) -> bool {
    !octets
        .iter()
        .any(|octet| matches!(octet, 0 | b'\r' | b'\n'))
}

/// Logs in; by which way in the end. With `or_user`, a server that does not know the AUTH it announces is told USER and
/// PASS.
pub(super) async fn log_in<S: Stream>(
    wire: &mut Wire<S>,
    way: Way,
    or_user: bool,
    user: &str,
    password: &Secret,
) -> Result<Way, Error> {
    if !speakable(user.as_bytes()) || !speakable(password.expose()) {
        return Err(Error::Unspeakable);
    }
    match &way {
        Way::Apop(timestamp) => apop(wire, timestamp, user, password).await?,
        Way::Plain => match begin_plain(wire).await {
            Ok(()) => plain(wire, user, password).await?,
            // Nothing of the password was sent, so this says nothing of it.
            Err(Error::Refused { code: None, .. }) if or_user => {
                user_pass(wire, user, password).await?;
                return Ok(Way::User);
            }
            Err(other) => return Err(other),
        },
        Way::User => user_pass(wire, user, password).await?,
    }
    Ok(way)
}

async fn apop<S: Stream>(
    wire: &mut Wire<S>,
    timestamp: &str,
    user: &str,
    password: &Secret,
) -> Result<(), Error> {
    let digest = Md5::new()
        .chain_update(timestamp)
        .chain_update(password.expose())
        .finalize();
    let mut line = format!("APOP {user} ");
    for octet in digest {
        // Writing to a string does not fail.
        let _ = write!(line, "{octet:02x}");
    }
    wire.command(Step::Login, &line).await.map(drop)
}

async fn user_pass<S: Stream>(
    wire: &mut Wire<S>,
    user: &str,
    password: &Secret,
) -> Result<(), Error> {
    wire.command(Step::Login, &format!("USER {user}")).await?;
    let mut line = Zeroizing::new(Vec::with_capacity(8 + password.expose().len()));
    line.extend_from_slice(b"PASS ");
    line.extend_from_slice(password.expose());
    line.extend_from_slice(b"\r\n");
    wire.say(Step::Login, &line).await?;
    wire.ok(Step::Login).await.map(drop)
}

/// Always in two steps, as AUTH has been from the first (RFC 1734). Whoever announces SASL should take the response in
/// the command as well (RFC 2449 section 6.3), but some do not, and nothing tells which: one that refuses it cannot be
/// told from one that refuses the password.
async fn begin_plain<S: Stream>(wire: &mut Wire<S>) -> Result<(), Error> {
    wire.say(Step::Login, b"AUTH PLAIN\r\n").await?;
    match wire.answer(Step::Login).await? {
        Answer::Ok(_) => Err(Error::Hasty),
        Answer::More => Ok(()),
    }
}

async fn plain<S: Stream>(wire: &mut Wire<S>, user: &str, password: &Secret) -> Result<(), Error> {
    let mechanism = Mechanism::plain(user, password.clone()).map_err(|_| Error::Unspeakable)?;
    let response = Zeroizing::new(STANDARD.encode(mechanism.initial_response()));
    let line = Zeroizing::new(format!("{}\r\n", *response));
    wire.say(Step::Login, line.as_bytes()).await?;
    wire.ok(Step::Login).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(lines: &[&str]) -> Capabilities {
        let mut offered = Capabilities::default();
        for line in lines {
            offered.add(line.as_bytes()).unwrap();
        }
        offered
    }

    #[test]
    fn sasl_comes_before_user_and_apop_only_when_asked_for() {
        let greeting = b"ready <1896.697170952@dbc.mtview.ca.us>";
        let choose = |login, offered: Option<&Capabilities>| choose(login, offered, greeting);
        let both = offered(&["USER", "SASL PLAIN"]);
        assert_eq!(choose(Login::Password, Some(&both)).unwrap(), Way::Plain);
        let old = offered(&["TOP", "USER"]);
        assert_eq!(choose(Login::Password, Some(&old)).unwrap(), Way::User);
        assert_eq!(choose(Login::Password, None).unwrap(), Way::User);
        let none = offered(&["STLS", "SASL GSSAPI"]);
        let refused = choose(Login::Password, Some(&none));
        assert!(matches!(refused, Err(Error::NoMechanism)));
        let apop = Way::Apop("<1896.697170952@dbc.mtview.ca.us>".to_owned());
        assert_eq!(choose(Login::Apop, Some(&both)).unwrap(), apop);
    }

    #[test]
    fn a_greeting_without_a_timestamp_has_no_apop() {
        for greeting in [&b"ready"[..], b"<>", b"<a b@c>", b"<a@b", b"\xff<a@b>"] {
            let refused = choose(Login::Apop, None, greeting);
            assert!(matches!(refused, Err(Error::NoApop)));
        }
    }
}
