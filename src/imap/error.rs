//! What can go wrong on an IMAP connection, and how far it reaches.

use std::fmt;
use std::io;
use std::time::Duration;

use super::response::Code;
use crate::auth::veil::{LEFT_OUT, Veil};
use crate::engine::{Advice, Fault, Reach};
use crate::mail::{MailboxName, Uid};

/// A server's words, safe to show: control characters escaped, at most 200 characters.
#[derive(Clone, PartialEq, Eq)]
pub struct Words(String);

impl Words {
    /// Makes octets from a server presentable.
    #[must_use]
    pub fn new(octets: &[u8]) -> Self {
        let text = String::from_utf8_lossy(octets);
        let mut shown = String::new();
        for character in text.trim().chars().take(200) {
            if is_harmful(character) {
                shown.extend(character.escape_unicode());
            } else {
                shown.push(character);
            }
        }
        Self(shown)
    }

    /// Leaves them out if they give a password away.
    pub(super) fn cover(&mut self, veil: &Veil) {
        if veil.covers(&self.0) {
            LEFT_OUT.clone_into(&mut self.0);
        }
    }
}

/// Controls, and the marks that turn the direction of text around.
fn is_harmful(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// A command was answered with NO or BAD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The command's name.
    pub command: &'static str,
    /// Whether the answer was BAD: the server did not understand it.
    pub bad: bool,
    /// The response code.
    pub code: Code,
    /// What the server says.
    pub words: Words,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answer = if self.bad { "BAD" } else { "NO" };
        write!(
            f,
            "the server answered {} with {answer}: {}",
            self.command, self.words
        )
    }
}

/// What can go wrong on an IMAP connection.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server refused a command that concerns a mailbox.
    #[error("mailbox {mailbox}: {refusal}")]
    Mailbox {
        /// The mailbox.
        mailbox: MailboxName,
        /// The answer.
        refusal: Refusal,
    },
    /// The server refused a command that concerns messages of the selected mailbox.
    #[error("{0}")]
    Refused(Refusal),
    /// The server refused a command that the whole account depends on.
    #[error("{0}")]
    AccountRefused(Refusal),
    /// The server said BYE.
    #[error("the server closed the connection: {words}")]
    Bye {
        /// The response code.
        code: Code,
        /// What the server says.
        words: Words,
    },
    /// The stream ended.
    #[error("the connection ended before the server had answered")]
    Closed,
    /// Nothing came for too long.
    #[error("nothing came from the server for {} seconds", .0.as_secs())]
    Silent(Duration),
    /// Hardly anything came for too long.
    #[error("hardly anything came from the server for {} seconds", .0.as_secs())]
    Slow(Duration),
    /// The server talks and talks, and does not answer.
    #[error("the server sent {0} responses and no answer")]
    Endless(u64),
    /// More mailboxes than anybody has.
    #[error("the server listed more than {0} mailboxes")]
    TooMany(usize),
    /// The stream failed.
    #[error("the connection failed")]
    Io(#[from] io::Error),
    /// An earlier command was broken off, so what comes now cannot be understood.
    #[error("the connection was left in the middle of a command")]
    Dead,
    /// The server sent what cannot be understood.
    #[error("{what}: {line}")]
    Protocol {
        /// What is wrong with it.
        what: &'static str,
        /// What was sent.
        line: Words,
    },
    /// A response is longer than anything sensible, in octets.
    #[error("the server sent a response longer than {0} bytes")]
    TooLong(usize),
    /// A message is larger than this connection takes.
    #[error("message {uid} has {octets} bytes, more than the {limit} that are taken")]
    TooBig {
        /// Its UID.
        uid: Uid,
        /// What the server announced.
        octets: u64,
        /// The limit.
        limit: u64,
    },
    /// The list of mailboxes is empty or lacks INBOX, which every account has.
    #[error("the server listed {0} mailboxes, and no INBOX among them")]
    NoInbox(usize),
    /// A mailbox was opened without EXISTS (RFC 9051 section 6.3.2 demands it).
    #[error("mailbox {0}: the server did not say how many messages it has")]
    Uncounted(MailboxName),
    /// A listing does not add up, so absence from it proves nothing.
    #[error("mailbox {mailbox}: the server says it has {exists} messages but listed {listed}")]
    Inconsistent {
        /// The mailbox.
        mailbox: MailboxName,
        /// EXISTS.
        exists: u32,
        /// What was listed.
        listed: u64,
    },
    /// A mailbox's name cannot be written for this server.
    #[error("mailbox {0}: the server has no way to write this name")]
    Name(MailboxName),
    /// A folder below INBOX, where all mailboxes are below INBOX and are called here without it.
    #[error(
        "mailbox {0}: this server keeps all mailboxes below a prefix that is left out here, so no mailbox can be called \
         INBOX/...; give the folder a name without INBOX"
    )]
    BelowInbox(MailboxName),
    /// The server announces NAMESPACE (RFC 2342) and does not answer it, though its prefix is left out of names here.
    #[error("the server does not say where its mailboxes are: {0}")]
    NoNamespace(String),
    /// No mailbox is selected.
    #[error("no mailbox is selected")]
    NotSelected,
    /// A message that is being sent turned out longer or shorter than announced.
    #[error("the message has {found} bytes instead of the {announced} announced")]
    Length {
        /// What was announced.
        announced: u64,
        /// What was there, as far as it was read.
        found: u64,
    },
    /// The other end of a transfer failed.
    #[error(transparent)]
    Other(#[from] Fault),
}

impl Error {
    fn advice(&self) -> Advice {
        let wait = match self {
            Self::Mailbox { refusal, .. }
            | Self::Refused(refusal)
            | Self::AccountRefused(refusal) => come_back(&refusal.words.0),
            Self::Bye { words, .. } => come_back(&words.0),
            _ => None,
        };
        Advice {
            barred: matches!(self, Self::Bye { code, .. } if *code == Code::AuthenticationFailed),
            wait,
            ..Advice::default()
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let (reach, retry) = match &error {
            Error::Other(_) => {
                return match error {
                    Error::Other(fault) => fault,
                    other => Self::new(Reach::Connection, true, other),
                };
            }
            Error::Mailbox { refusal, .. } => refusal_reach(refusal, Reach::Mailbox),
            Error::Refused(refusal) => refusal_reach(refusal, Reach::Message),
            Error::AccountRefused(refusal) => refusal_reach(refusal, Reach::Account),
            Error::Bye { code, .. } if *code == Code::AuthenticationFailed => {
                (Reach::Account, false)
            }
            Error::Bye { .. }
            | Error::Closed
            | Error::Silent(_)
            | Error::Slow(_)
            | Error::Endless(_)
            | Error::Io(_)
            | Error::Dead
            | Error::Protocol { .. }
            | Error::TooLong(_) => (Reach::Connection, true),
            Error::TooBig { .. } => (Reach::Connection, false),
            Error::NoInbox(_) | Error::TooMany(_) => (Reach::Account, true),
            Error::Uncounted(_) | Error::Inconsistent { .. } | Error::NotSelected => {
                (Reach::Mailbox, true)
            }
            Error::NoNamespace(_) => (Reach::Account, true),
            Error::Name(_) | Error::BelowInbox(_) => (Reach::Mailbox, false),
            Error::Length { .. } => (Reach::Message, true),
        };
        let advice = error.advice();
        Self::new(reach, retry, error).advised(advice)
    }
}

/// The longest that a server can make us wait.
const PATIENT: Duration = Duration::from_secs(3600);

/// When Exchange wants to be left alone for a while it says for how long, in words only. They can do no more than make
/// us wait.
pub(super) fn come_back(words: &str) -> Option<Duration> {
    let (_, after) = words.split_once("Backoff Time:")?;
    let mut parts = after.split_ascii_whitespace();
    let count: u64 = parts.next()?.parse().ok()?;
    let wait = match parts.next()?.trim_end_matches(['.', ',', ';']) {
        "milliseconds" | "ms" => Duration::from_millis(count),
        "seconds" | "s" => Duration::from_secs(count),
        _ => return None,
    };
    Some(wait.min(PATIENT))
}

/// How far a refusal reaches, `usual` unless its code says more (RFC 5530), and whether it may pass.
fn refusal_reach(refusal: &Refusal, usual: Reach) -> (Reach, bool) {
    match &refusal.code {
        Code::AuthenticationFailed => (Reach::Account, false),
        // The same for whatever else is asked meanwhile.
        _ if come_back(&refusal.words.0).is_some() => (Reach::Account, true),
        Code::OverQuota | Code::TryCreate => (usual.max(Reach::Mailbox), true),
        Code::Unavailable | Code::InUse | Code::Limit | Code::ServerBug => (usual, true),
        Code::NonExistent
        | Code::NoPermission
        | Code::Cannot
        | Code::TooBig
        | Code::AlreadyExists => (usual, false),
        _ => (usual, !refusal.bad),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_harmless() {
        let words = Words::new("  a\u{1b}]0;x\u{202e}\r\n".as_bytes());
        assert_eq!(words.to_string(), "a\\u{1b}]0;x\\u{202e}");
    }

    #[test]
    fn a_server_may_say_when_to_come_back() {
        let exchange = "Request is throttled. Suggested Backoff Time: 299961 milliseconds";
        assert_eq!(come_back(exchange), Some(Duration::from_millis(299_961)));
        let ages = "Backoff Time: 99999999999999 seconds.";
        assert_eq!(come_back(ages), Some(Duration::from_secs(3600)));
        for nothing in [
            "",
            "Backoff Time:",
            "Backoff Time: x ms",
            "Backoff Time: 5 years",
        ] {
            assert_eq!(come_back(nothing), None, "{nothing}");
        }
        let refusal = Refusal {
            command: "FETCH",
            bad: true,
            code: Code::None,
            words: Words::new(exchange.as_bytes()),
        };
        let fault = Fault::from(Error::Refused(refusal));
        assert_eq!((fault.reach, fault.retry), (Reach::Account, true));
        assert_eq!(fault.advice.wait, Some(Duration::from_millis(299_961)));
    }

    #[test]
    fn reach_follows_what_is_concerned() {
        let refusal = |bad, code| Refusal {
            command: "APPEND",
            bad,
            code,
            words: Words::new(b"no"),
        };
        let reach = |error: Error| {
            let fault = Fault::from(error);
            (fault.reach, fault.retry)
        };
        assert_eq!(reach(Error::Closed), (Reach::Connection, true));
        assert_eq!(reach(Error::NoInbox(0)), (Reach::Account, true));
        assert_eq!(
            reach(Error::Refused(refusal(false, Code::None))),
            (Reach::Message, true)
        );
        assert_eq!(
            reach(Error::Refused(refusal(true, Code::None))),
            (Reach::Message, false)
        );
        assert_eq!(
            reach(Error::Refused(refusal(false, Code::OverQuota))),
            (Reach::Mailbox, true)
        );
        let inner = Fault::new(Reach::Process, false, "disk");
        assert_eq!(reach(Error::Other(inner)), (Reach::Process, false));
    }
}
