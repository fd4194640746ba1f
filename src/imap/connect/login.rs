//! Which way to log in, and going it.
//!
//! PLAIN (RFC 4616) before LOGIN: it carries any octets. With SASL-IR (RFC 4959) it is one round trip, like LOGIN.
//! A way that is answered with BAD is followed by the next one.

use std::fmt;

use async_imap::Authenticator;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::dialogue::{Dialogue, Failed};
use super::error::{ConnectError, Step};
use super::gate::Gate;
use super::privacy::Privacy;
use super::ways::Ways;
use crate::auth::sasl::Unspeakable;
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
    /// AUTHENTICATE PLAIN.
    Plain {
        /// With SASL-IR.
        initial: bool,
    },
    /// LOGIN.
    Login {
        /// How long a literal may be without asking first.
        unasked: usize,
    },
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain { initial: true } => "AUTHENTICATE PLAIN with an initial response",
            Self::Plain { initial: false } => "AUTHENTICATE PLAIN",
            Self::Login { .. } => "LOGIN",
        })
    }
}

/// The ways that are offered, the best one first.
pub(super) fn choose(offered: &Capabilities) -> Result<Vec<Way>, ConnectError> {
    let mut ways = Vec::new();
    if offered.has("AUTH=PLAIN") {
        if offered.has("SASL-IR") {
            ways.push(Way::Plain { initial: true });
        }
        ways.push(Way::Plain { initial: false });
    }
    if !offered.has("LOGINDISABLED") {
        let unasked = match (offered.has("LITERAL+"), offered.has("LITERAL-")) {
            (true, _) => usize::MAX,
            (false, true) => SHORT,
            (false, false) => 0,
        };
        ways.push(Way::Login { unasked });
    }
    if !ways.is_empty() {
        return Ok(ways);
    }
    let named: Vec<&str> = offered
        .iter()
        .filter(|atom| atom.starts_with("AUTH=") || *atom == "LOGINDISABLED")
        .take(20)
        .collect();
    Err(ConnectError::NoMechanism {
        offered: named.join(" "),
    })
}

/// Who logs in, with what.
pub(super) struct Login<'a> {
    pub(super) user: &'a str,
    pub(super) password: &'a Secret,
    pub(super) veil: &'a Veil,
    /// The ways that the server does not know.
    pub(super) refused: &'a Ways,
    pub(super) privacy: Privacy,
}

impl Login<'_> {
    /// Logs in by the first of these ways that the server knows, with one try of each.
    pub(super) async fn by_one_of<S: Stream>(
        self,
        mut dialogue: Dialogue<S>,
        ways: &[Way],
    ) -> Result<Dialogue<S>, ConnectError> {
        let mut told: Vec<(Way, ConnectError)> = Vec::new();
        let mut waiting = ways.iter().copied();
        while let Some(way) = waiting.next() {
            let (error, back) = match self.by(dialogue, way).await {
                Ok(dialogue) => return Ok(dialogue),
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
            user,
            password,
            veil,
            privacy: Privacy { .. },
            ..
        } = *self;
        let heard = dialogue.heard();
        (heard.capabilities, heard.answer) = (None, None);
        let result = match way {
            Way::Plain { initial } => plain(dialogue, user, password, initial).await,
            Way::Login { unasked } => login(dialogue, user, password, unasked).await,
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

/// Answers the first question with the response, and any further one with nothing.
struct Once(Option<Zeroizing<Vec<u8>>>);

impl Authenticator for Once {
    type Response = Answer;

    fn process(&mut self, _challenge: &[u8]) -> Answer {
        Answer(self.0.take().unwrap_or_default())
    }
}

/// A response that is wiped.
struct Answer(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Answer {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

async fn plain<S: Stream>(
    dialogue: Dialogue<S>,
    user: &str,
    password: &Secret,
    initial: bool,
) -> Result<Dialogue<S>, Failed<S>> {
    let mechanism = Mechanism::plain(user, password.clone()).map_err(alone)?;
    let response = mechanism.initial_response();
    let mut command = Zeroizing::new(mechanism.name().to_owned());
    let initial = initial && response.len() <= INITIAL;
    if initial {
        command.push(' ');
        command.push_str(&Zeroizing::new(STANDARD.encode(&response)));
    }
    // Kept for servers that ask although they were told.
    let answers = Once(Some(response));
    dialogue
        .consume(Step::Login, if initial { 1 } else { 2 }, async |client| {
            let mut session = client.authenticate(command.as_str(), answers).await?;
            Ok(std::mem::replace(session.get_mut(), Gate::Taken))
        })
        .await
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
        return Err(Unspeakable.into());
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
                return Err(ConnectError::Hasty);
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
