//! Which way to log in, and going it: one try of the password.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::wire::{Answer, Wire};
use crate::auth::sasl::{Broken, Exchange, Identity, Means, NoChoice, apop, choose};
use crate::auth::{Mechanism, Secret};
use crate::net::Stream;
use crate::pop3::codec::Capabilities;
use crate::pop3::error::{Error, Step};

/// How to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// APOP with the greeting's timestamp (RFC 1939 section 7).
    Apop(String),
    /// AUTH (RFC 5034).
    Sasl(Mechanism),
    /// USER and PASS.
    User,
}

impl Way {
    /// What it is called.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Apop(_) => "APOP".to_owned(),
            Self::Sasl(mechanism) => format!("AUTH {}", mechanism.name()),
            Self::User => "USER".to_owned(),
        }
    }

    /// Whether it is a SASL mechanism.
    pub(super) fn is_sasl(&self) -> bool {
        matches!(self, Self::Sasl(_))
    }

    /// Whether the login is bound to its TLS connection.
    pub(super) fn binds(&self) -> bool {
        matches!(self, Self::Sasl(mechanism) if mechanism.binds())
    }
}

/// The ways that both sides know and that may be gone here, the best first; never empty. `None` is a server without CAPA,
/// which has USER.
pub(super) fn ways(
    means: &Means<'_>,
    offered: Option<&Capabilities>,
    greeting: &[u8],
) -> Result<Vec<Way>, Error> {
    let timestamp = timestamp(greeting);
    let by_command = offered.is_none_or(|offered| offered.has("USER"));
    let by_sasl = |mechanism: Mechanism| {
        offered.is_some_and(|offered| offered.has_mechanism(mechanism.name()))
    };
    let has = |mechanism: Mechanism| match mechanism {
        Mechanism::Apop => timestamp.is_some(),
        Mechanism::Login => by_command || by_sasl(mechanism),
        mechanism => by_sasl(mechanism),
    };
    let both = choose(means, &has).map_err(|why| match why {
        NoChoice::Downgraded => Error::Downgraded,
        NoChoice::None => Error::NoMechanism {
            limited: means.allowed.is_limited(),
        },
    })?;
    let way = |mechanism| match (mechanism, &timestamp) {
        (Mechanism::Apop, Some(timestamp)) => Way::Apop(timestamp.clone()),
        (Mechanism::Login, _) if by_command => Way::User,
        (mechanism, _) => Way::Sasl(mechanism),
    };
    Ok(both.into_iter().map(way).collect())
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
    identity: &Identity<'_>,
) -> Result<Way, Error> {
    let (user, password) = (identity.user, identity.secret);
    if !speakable(user.as_bytes()) || !speakable(password.expose()) {
        return Err(Error::Unspeakable);
    }
    match &way {
        Way::Apop(timestamp) => {
            let line = format!("APOP {user} {}", apop(timestamp, password));
            wire.command(Step::Login, &line).await?;
        }
        Way::Sasl(mechanism) => {
            let exchange = Exchange::new(*mechanism, identity);
            let exchange = exchange.map_err(|_| Error::Unspeakable)?;
            match begin(wire, *mechanism).await {
                Ok(question) => authenticate(wire, exchange, question).await?,
                // Nothing of the password was sent, so this says nothing of it.
                Err(Error::Refused { code: None, .. }) if or_user => {
                    user_pass(wire, user, password).await?;
                    return Ok(Way::User);
                }
                Err(other) => return Err(other),
            }
        }
        Way::User => user_pass(wire, user, password).await?,
    }
    Ok(way)
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

/// Without a response in the command, as AUTH has been from the first (RFC 1734). Whoever announces SASL should take one
/// there as well (RFC 2449 section 6.3), but some do not, and nothing tells which: one that refuses it cannot be told from
/// one that refuses the password.
async fn begin<S: Stream>(wire: &mut Wire<S>, mechanism: Mechanism) -> Result<Answer, Error> {
    let command = format!("AUTH {}\r\n", mechanism.name());
    wire.say(Step::Login, command.as_bytes()).await?;
    wire.answer(Step::Login).await
}

/// Answers the server's question, and those that follow.
async fn authenticate<S: Stream>(
    wire: &mut Wire<S>,
    mut exchange: Exchange,
    mut question: Answer,
) -> Result<(), Error> {
    // More questions than any mechanism has.
    for _ in 0..8 {
        let challenge = match question {
            Answer::Ok(_) => return Ok(exchange.finish()?),
            // What is no base64 is a request in words.
            Answer::More(text) => STANDARD.decode(text.trim_ascii()).unwrap_or_default(),
        };
        let response = match exchange.respond(&challenge) {
            Ok(response) => response,
            Err(broken) => return Err(cancel(wire, broken).await),
        };
        let line = Zeroizing::new(STANDARD.encode(response.as_slice()) + "\r\n");
        wire.say(Step::Login, line.as_bytes()).await?;
        let answer = wire.answer(Step::Login).await;
        question = answer.map_err(|error| error.with_detail(exchange.detail()))?;
    }
    Err(Error::Insatiable { step: Step::Login })
}

/// Ends an exchange with a server that is not to be trusted (RFC 5034 section 4).
async fn cancel<S: Stream>(wire: &mut Wire<S>, broken: Broken) -> Error {
    // Whether it hears that makes no difference any more.
    let _ = wire.say(Step::Login, b"*\r\n").await;
    broken.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::sasl::{Allowed, Kind};

    fn offered(lines: &[&str]) -> Capabilities {
        let mut offered = Capabilities::default();
        for line in lines {
            offered.add(line.as_bytes()).unwrap();
        }
        offered
    }

    fn first(
        allowed: &Allowed,
        offered: Option<&Capabilities>,
        greeting: &[u8],
    ) -> Result<Way, Error> {
        let means = Means {
            secret: Some(Kind::Password),
            certificate: false,
            binding: false,
            allowed,
            bound_before: false,
        };
        ways(&means, offered, greeting).map(|ways| ways[0].clone())
    }

    #[test]
    fn sasl_comes_before_user_and_apop_only_when_asked_for() {
        let greeting = b"ready <1896.697170952@dbc.mtview.ca.us>";
        let all = Allowed::default();
        let choose = |allowed, offered: Option<&Capabilities>| first(allowed, offered, greeting);
        let both = offered(&["USER", "SASL PLAIN LOGIN"]);
        assert_eq!(
            choose(&all, Some(&both)).unwrap(),
            Way::Sasl(Mechanism::Plain)
        );
        let strong = offered(&["USER", "SASL PLAIN SCRAM-SHA-1"]);
        assert_eq!(
            choose(&all, Some(&strong)).unwrap(),
            Way::Sasl(Mechanism::ScramSha1)
        );
        let old = offered(&["TOP", "USER"]);
        assert_eq!(choose(&all, Some(&old)).unwrap(), Way::User);
        assert_eq!(choose(&all, None).unwrap(), Way::User);
        let login = offered(&["SASL LOGIN"]);
        assert_eq!(
            choose(&all, Some(&login)).unwrap(),
            Way::Sasl(Mechanism::Login)
        );
        let none = offered(&["STLS", "SASL GSSAPI"]);
        let refused = choose(&all, Some(&none));
        assert!(matches!(
            refused,
            Err(Error::NoMechanism { limited: false })
        ));
        let apop = Allowed::only(vec![Mechanism::Apop]);
        let way = Way::Apop("<1896.697170952@dbc.mtview.ca.us>".to_owned());
        assert_eq!(choose(&apop, Some(&both)).unwrap(), way);
    }

    #[test]
    fn a_greeting_without_a_timestamp_has_no_apop() {
        let apop = Allowed::only(vec![Mechanism::Apop]);
        for greeting in [&b"ready"[..], b"<>", b"<a b@c>", b"<a@b", b"\xff<a@b>"] {
            let refused = first(&apop, None, greeting);
            assert!(matches!(refused, Err(Error::NoMechanism { limited: true })));
        }
    }
}
