//! Which way to log in, and going it.
//!
//! PLAIN (RFC 4616) before LOGIN: it carries any octets. With SASL-IR (RFC 4959) it is one round trip, like LOGIN.

use async_imap::Authenticator;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::dialogue::Dialogue;
use super::error::{ConnectError, Step};
use super::gate::Gate;
use super::privacy::Privacy;
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

/// The best way that is offered.
pub(super) fn choose(offered: &Capabilities) -> Result<Way, ConnectError> {
    if offered.has("AUTH=PLAIN") {
        let initial = offered.has("SASL-IR");
        return Ok(Way::Plain { initial });
    }
    if !offered.has("LOGINDISABLED") {
        let unasked = match (offered.has("LITERAL+"), offered.has("LITERAL-")) {
            (true, _) => usize::MAX,
            (false, true) => SHORT,
            (false, false) => 0,
        };
        return Ok(Way::Login { unasked });
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

/// Logs in, with one try. What the server said before is forgotten first.
pub(super) async fn log_in<S: Stream>(
    mut dialogue: Dialogue<S>,
    way: Way,
    user: &str,
    password: Secret,
    veil: &Veil,
    _privacy: Privacy,
) -> Result<Dialogue<S>, ConnectError> {
    dialogue.heard().capabilities = None;
    let result = match way {
        Way::Plain { initial } => plain(dialogue, user, password, initial).await,
        Way::Login { unasked } => login(dialogue, user, &password, unasked).await,
    };
    result.map_err(|error| withhold(error, veil))
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
            known,
            refusal,
            text,
        } => ConnectError::Refused {
            step,
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
    password: Secret,
    initial: bool,
) -> Result<Dialogue<S>, ConnectError> {
    let mechanism = Mechanism::plain(user, password)?;
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
) -> Result<Dialogue<S>, ConnectError> {
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
        _ => login_with_literals(dialogue, user.as_bytes(), password.expose(), unasked).await,
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
