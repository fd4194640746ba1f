//! Which ways to log in, and going one of them.
//!
//! SASL before LOGIN: it carries any octets. With SASL-IR (RFC 4959) it is one round trip less.
//! A way that is answered with BAD is followed by the next one.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_imap::Authenticator;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::dialogue::{Dialogue, Failed};
use super::error::{ConnectError, Step};
use super::gate::Gate;
use super::privacy::Privacy;
use super::ways::Ways;
use crate::auth::sasl::{Broken, Exchange, Identity, Means, NoChoice, Unspeakable, choose};
use crate::auth::veil::{LEFT_OUT, Veil};
use crate::auth::{Mechanism, Secret};
use crate::imap::capabilities::Capabilities;
use crate::net::Stream;

/// The longest literal that LITERAL- (RFC 7888) takes without asking.
const SHORT: usize = 4096;
/// The longest initial response that is put into the command itself; servers limit their command lines.
const INITIAL: usize = 2000;

/// How to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// AUTHENTICATE.
    Sasl {
        /// By which mechanism.
        mechanism: Mechanism,
        /// With SASL-IR.
        initial: bool,
    },
    /// LOGIN.
    Login {
        /// How long a literal may be without asking first.
        unasked: usize,
    },
}

impl Way {
    /// What it is called.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sasl { mechanism, .. } => mechanism.name(),
            Self::Login { .. } => "LOGIN",
        }
    }

    /// Whether the login is bound to its TLS connection.
    pub(super) fn binds(self) -> bool {
        matches!(self, Self::Sasl { mechanism, .. } if mechanism.binds())
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sasl { mechanism, initial } => {
                write!(f, "AUTHENTICATE {}", mechanism.name())?;
                f.write_str(if *initial {
                    " with an initial response"
                } else {
                    ""
                })
            }
            Self::Login { .. } => f.write_str("LOGIN"),
        }
    }
}

/// The ways that both sides know and that may be gone here, the best first; never empty.
pub(super) fn ways(means: &Means<'_>, offered: &Capabilities) -> Result<Vec<Way>, ConnectError> {
    let may_login = !offered.has("LOGINDISABLED");
    let has = |mechanism: Mechanism| {
        offered.has(&format!("AUTH={}", mechanism.name()))
            || (mechanism == Mechanism::Login && may_login)
    };
    let initial = offered.has("SASL-IR");
    let unasked = match (offered.has("LITERAL+"), offered.has("LITERAL-")) {
        (true, _) => usize::MAX,
        (false, true) => SHORT,
        (false, false) => 0,
    };
    let both = choose(means, &has).map_err(|why| match why {
        NoChoice::Downgraded => ConnectError::Downgraded,
        NoChoice::None => ConnectError::NoMechanism {
            offered: named(offered),
            limited: means.allowed.is_limited(),
        },
    })?;
    let mut ways = Vec::new();
    for mechanism in both {
        if mechanism == Mechanism::Login && may_login {
            ways.push(Way::Login { unasked });
            continue;
        }
        let forms = [true, false].into_iter();
        let forms = forms.filter(|form| !form || initial && mechanism.begins());
        ways.extend(forms.map(|initial| Way::Sasl { mechanism, initial }));
    }
    Ok(ways)
}

/// What is offered for logging in.
fn named(offered: &Capabilities) -> String {
    let named: Vec<&str> = offered
        .iter()
        .filter(|atom| atom.starts_with("AUTH=") || *atom == "LOGINDISABLED")
        .take(20)
        .collect();
    named.join(" ")
}

/// Who logs in, with what.
pub(super) struct Login<'a> {
    pub(super) identity: Identity<'a>,
    pub(super) veil: &'a Veil,
    /// The ways that the server does not know.
    pub(super) refused: &'a Ways,
    /// That nobody can listen.
    pub(super) privacy: &'a Privacy,
}

impl Login<'_> {
    /// Logs in by the first of these ways that the server knows, with one try of each; tells which it was.
    pub(super) async fn by_one_of<S: Stream>(
        &self,
        mut dialogue: Dialogue<S>,
        ways: &[Way],
    ) -> Result<(Dialogue<S>, Way), ConnectError> {
        let mut told: Vec<(Way, ConnectError)> = Vec::new();
        let mut waiting = ways.iter().copied();
        while let Some(way) = waiting.next() {
            let (error, back) = match self.by(dialogue, way).await {
                Ok(dialogue) => return Ok((dialogue, way)),
                Err(failed) => failed,
            };
            let again = back.filter(|_| error.is_of_the_command() && waiting.len() > 0);
            let Some(again) = again else {
                if error.is_of_the_command() {
                    self.refused.forget();
                }
                return Err(with_those_before(error, way, &told));
            };
            tracing::debug!(%way, %error, "the server does not know this way to log in");
            self.refused.refuse(way);
            told.push((way, error));
            dialogue = again;
        }
        Err(ConnectError::Closed { step: Step::Login })
    }

    /// What the server said before is forgotten first.
    async fn by<S: Stream>(
        &self,
        mut dialogue: Dialogue<S>,
        way: Way,
    ) -> Result<Dialogue<S>, Failed<S>> {
        let Self {
            identity,
            veil,
            privacy: Privacy { .. },
            ..
        } = self;
        let heard = dialogue.heard();
        (heard.capabilities, heard.answer) = (None, None);
        let result = match way {
            Way::Sasl { mechanism, initial } => match Exchange::new(mechanism, identity) {
                Ok(exchange) => authenticate(dialogue, exchange, initial).await,
                Err(error) => Err(alone(error)),
            },
            Way::Login { unasked } => {
                login(dialogue, identity.user, identity.secret, unasked).await
            }
        };
        result.map_err(|(error, back)| (withhold(error, veil), back))
    }
}

/// A server that knows none of the ways it offers is quoted with what it said to each.
fn with_those_before(
    error: ConnectError,
    way: Way,
    before: &[(Way, ConnectError)],
) -> ConnectError {
    match error {
        ConnectError::Refused {
            step,
            bad: true,
            known,
            refusal,
            text,
        } if !before.is_empty() => {
            let words = before.iter().filter_map(|(way, error)| match error {
                ConnectError::Refused { text, .. } => Some(format!("{text} (to {way}); ")),
                _ => None,
            });
            let text = format!("{}{text} (to {way})", words.collect::<String>());
            ConnectError::Refused {
                step,
                bad: true,
                known,
                refusal,
                text,
            }
        }
        other => other,
    }
}

/// Some servers repeat the command in their complaint about it. That must not get into a log.
fn withhold(error: ConnectError, veil: &Veil) -> ConnectError {
    let hide = |text: String| {
        if veil.covers(&text) {
            LEFT_OUT.to_owned()
        } else {
            text
        }
    };
    match error {
        ConnectError::Refused {
            step,
            bad,
            known,
            refusal,
            text,
        } => ConnectError::Refused {
            step,
            bad,
            known,
            refusal,
            text: hide(text),
        },
        ConnectError::Bye { refusal, text } => ConnectError::Bye {
            refusal,
            text: hide(text),
        },
        other => other,
    }
}

/// An error after which the dialogue does not go on.
fn alone<S: Stream>(error: impl Into<ConnectError>) -> Failed<S> {
    (error.into(), None)
}

/// Our side of an exchange, as async-imap wants it.
struct Talk {
    exchange: Exchange,
    /// What the server did against the rules; it hears nothing but a cancellation then.
    broken: Option<Broken>,
    /// Makes `*` of the next line.
    cancel: Arc<AtomicBool>,
    answers: u32,
}

impl Authenticator for &mut Talk {
    type Response = Answer;

    fn process(&mut self, challenge: &[u8]) -> Answer {
        self.answers += 1;
        if self.broken.is_none() {
            match self.exchange.respond(challenge) {
                Ok(response) => return Answer(response),
                Err(broken) => self.broken = Some(broken),
            }
        }
        self.cancel.store(true, Ordering::Relaxed);
        Answer(Zeroizing::default())
    }
}

/// A response that is wiped.
struct Answer(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Answer {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// AUTHENTICATE.
async fn authenticate<S: Stream>(
    mut dialogue: Dialogue<S>,
    mut exchange: Exchange,
    initial: bool,
) -> Result<Dialogue<S>, Failed<S>> {
    let mut command = Zeroizing::new(exchange.mechanism().name().to_owned());
    let short = exchange
        .first_length()
        .is_some_and(|length| length <= INITIAL);
    if initial
        && short
        && let Some(first) = exchange.tell()
    {
        command.push(' ');
        match first.as_slice() {
            // Nothing at all is not the same as an empty response (RFC 4959 section 3).
            [] => command.push('='),
            first => command.push_str(&Zeroizing::new(STANDARD.encode(first))),
        }
    }
    let mut talk = Talk {
        exchange,
        broken: None,
        cancel: dialogue.cancelling(),
        answers: 0,
    };
    let result = dialogue
        .consume(Step::Login, 1, async |client| {
            let mut session = client.authenticate(command.as_str(), &mut talk).await?;
            Ok(std::mem::replace(session.get_mut(), Gate::Taken))
        })
        .await;
    if let Some(broken) = talk.broken {
        return Err(alone(broken));
    }
    let mut dialogue =
        result.map_err(|(error, back)| (error.with_detail(talk.exchange.detail()), back))?;
    talk.exchange.finish().map_err(alone)?;
    dialogue.round_trips += talk.answers;
    Ok(dialogue)
}

async fn login<S: Stream>(
    dialogue: Dialogue<S>,
    user: &str,
    password: &Secret,
    unasked: usize,
) -> Result<Dialogue<S>, Failed<S>> {
    let quotable = |octets: &[u8]| octets.iter().all(|octet| (b' '..=b'~').contains(octet));
    match std::str::from_utf8(password.expose()) {
        Ok(text) if quotable(user.as_bytes()) && quotable(password.expose()) => {
            dialogue
                .consume(Step::Login, 1, async |client| {
                    let (mut session, _) = client.login_with_capabilities(user, text).await?;
                    Ok(std::mem::replace(session.get_mut(), Gate::Taken))
                })
                .await
        }
        // LOGIN is the last way: nothing can follow.
        _ => login_with_literals(dialogue, user.as_bytes(), password.expose(), unasked)
            .await
            .map_err(alone),
    }
}

/// LOGIN with what no quoted string can hold (RFC 3501 section 4.3: 8-bit octets, CR and LF).
async fn login_with_literals<S: Stream>(
    mut dialogue: Dialogue<S>,
    user: &[u8],
    password: &[u8],
    unasked: usize,
) -> Result<Dialogue<S>, ConnectError> {
    if user.contains(&0) || password.contains(&0) {
        return Err(Unspeakable { what: "NUL" }.into());
    }
    let mut text = Zeroizing::new(Vec::with_capacity(64 + user.len() + password.len()));
    text.extend_from_slice(dialogue.own_tag().as_bytes());
    text.extend_from_slice(b" LOGIN");
    for part in [user, password] {
        let asks = part.len() > unasked;
        let sign = if asks { "" } else { "+" };
        text.extend_from_slice(format!(" {{{}{sign}}}\r\n", part.len()).as_bytes());
        if asks {
            if !dialogue.say(Step::Login, &text).await? {
                // An OK to half a command.
                return Err(Broken::Hasty.into());
            }
            text.clear();
        }
        text.extend_from_slice(part);
    }
    text.extend_from_slice(b"\r\n");
    // A continuation is no answer any more: whatever the server wants, there is nothing to add.
    match dialogue.say(Step::Login, &text).await? {
        false => Ok(dialogue),
        true => Err(ConnectError::Insatiable { step: Step::Login }),
    }
}
