//! What goes wrong with a POP3 server, and how far it reaches.

use std::fmt;
use std::io;
use std::time::Duration;

use super::codec::{self, Code, Shown};
use crate::auth;
use crate::engine::{Advice, Fault, Pace, Reach};
use crate::net::{dial, tls};

/// How long to leave a maildrop alone that somebody else has, or that was opened a moment ago: neither answer says.
const BUSY: Duration = Duration::from_secs(60);

/// Where in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The TLS handshake.
    Handshake,
    /// Waiting for the greeting.
    Greeting,
    /// CAPA.
    Capa,
    /// STLS.
    Stls,
    /// UTF8.
    Utf8,
    /// USER, PASS, APOP or AUTH.
    Login,
    /// LIST.
    List,
    /// UIDL.
    Uidl,
    /// TOP of a letter.
    Top(u32),
    /// RETR of a letter.
    Retr(u32),
    /// DELE of a letter.
    Dele(u32),
    /// QUIT.
    Quit,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handshake => f.write_str("the TLS handshake"),
            Self::Greeting => f.write_str("the greeting"),
            Self::Capa => f.write_str("CAPA"),
            Self::Stls => f.write_str("STLS"),
            Self::Utf8 => f.write_str("UTF8"),
            Self::Login => f.write_str("the login"),
            Self::List => f.write_str("LIST"),
            Self::Uidl => f.write_str("UIDL"),
            Self::Top(number) => write!(f, "TOP {number}"),
            Self::Retr(number) => write!(f, "RETR {number}"),
            Self::Dele(number) => write!(f, "DELE {number}"),
            Self::Quit => f.write_str("QUIT"),
        }
    }
}

/// Why a session failed. Words of the server in here are escaped and cut.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No TCP connection.
    #[error(transparent)]
    Dial(#[from] dial::Error),
    /// No trusted TLS.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// No password to send.
    #[error(transparent)]
    Secret(#[from] auth::Error),
    /// User or password cannot be said in POP3.
    #[error("user name and password must not contain NUL or line ends")]
    Unspeakable,
    /// The server is silent.
    #[error("no answer to {step} within {} s", .limit.as_secs())]
    Timeout {
        /// To what.
        step: Step,
        /// How long it was waited.
        limit: Duration,
    },
    /// The connection broke.
    #[error("the connection broke during {step}")]
    Io {
        /// During what.
        step: Step,
        /// How.
        source: io::Error,
    },
    /// The server hung up.
    #[error("the server closed the connection during {step}")]
    Closed {
        /// During what.
        step: Step,
    },
    /// What came makes no sense.
    #[error("the server's answer to {step} makes no sense")]
    Protocol {
        /// To what.
        step: Step,
        /// What was wrong.
        source: codec::Error,
    },
    /// A question where there is nothing to answer.
    #[error("the server asks for more after all of {step} was said")]
    Insatiable {
        /// Of what.
        step: Step,
    },
    /// The server does not play by the rules of the login.
    #[error(transparent)]
    Broken(#[from] auth::sasl::Broken),
    /// The server does not offer what it offered before.
    #[error(
        "the server does not offer a login bound to the TLS connection (SCRAM-SHA-256-PLUS) any more, and no weaker one is \
         made: somebody may be reading along. If the server really has changed, name what may be used, such as auth = \
         [\"scram-sha-256\", \"plain\"]"
    )]
    Downgraded,
    /// The server refuses the access token.
    #[error("the server refused the access token: {text}. Sign in again where it comes from")]
    TokenRefused {
        /// Why, in its words.
        text: String,
    },
    /// The program still prints the access token that the server has refused.
    #[error(
        "the access token is the one that the server refused before. Sign in again where it comes from"
    )]
    StaleToken,
    /// A letter that does not end anywhere near its size.
    #[error("letter {number} was listed with {size} octets and has not ended after {came}")]
    Endless {
        /// Its number.
        number: u32,
        /// As it was listed.
        size: u64,
        /// What came of it.
        came: u64,
    },
    /// STLS is asked for in the configuration, and the server has none. Perhaps somebody on the way took it out.
    #[error("the server does not offer STLS")]
    NoStls,
    /// Something was said between STLS and TLS: somebody on the way puts words into the server's mouth.
    #[error("plain text followed the answer to STLS")]
    Injected,
    /// The server takes what we have in no way that we know.
    #[error(
        "the server offers no way to log in {}",
        if *.limited { "that `auth` allows" } else { "with what the account has" }
    )]
    NoMechanism {
        /// Whether the configuration limits what may be used.
        limited: bool,
    },
    /// The server says no.
    #[error("the server refused {step}{}: {words}", .known.then_some(KNOWN).unwrap_or_default())]
    Refused {
        /// What it refused.
        step: Step,
        /// Why, by its code.
        code: Option<Code>,
        /// Why, in its words.
        words: Shown,
        /// Whether it would have said that the credentials are wrong (AUTH-RESP-CODE).
        tells: bool,
        /// Whether it accepted this very password before.
        known: bool,
    },
}

/// What is said of a refusal that cannot mean the password.
const KNOWN: &str = ", though it accepted this password before";

impl Error {
    /// The same after a password that was accepted before, or not.
    pub(super) fn knowing(mut self, accepted: bool) -> Self {
        if let Self::Refused {
            step: Step::Login,
            known,
            ..
        } = &mut self
        {
            *known = accepted;
        }
        self
    }

    /// The same with what the server said of a token.
    pub(super) fn with_detail(mut self, detail: Option<&str>) -> Self {
        if let (Self::Refused { words, .. }, Some(detail)) = (&mut self, detail) {
            *words = Shown::new(format!("{words} ({detail})").as_bytes());
        }
        self
    }

    /// The same for a login by an access token, which is not what the user can mistype.
    pub(super) fn of_token(self) -> Self {
        match self {
            Self::Refused {
                step: Step::Login,
                code: None | Some(Code::Auth | Code::Other(_)),
                words,
                ..
            } => Self::TokenRefused {
                text: words.to_string(),
            },
            other => other,
        }
    }

    fn pace(&self) -> Pace {
        match self {
            Self::Refused {
                step: Step::Login,
                code: None | Some(Code::Other(_)),
                ..
            } => Pace::Refused,
            Self::Secret(error) if error.asks() => Pace::Asking,
            // It is the program that has to be asked again.
            Self::TokenRefused { .. } | Self::StaleToken => Pace::Asking,
            _ => Pace::Soon,
        }
    }

    /// Whether the server does not let us in, and when to come back.
    fn advice(&self, retry: bool) -> Advice {
        let busy = matches!(
            self,
            Self::Refused {
                code: Some(Code::InUse | Code::LoginDelay),
                ..
            }
        );
        Advice {
            barred: !retry,
            pace: self.pace(),
            wait: busy.then_some(BUSY),
            ..Advice::default()
        }
    }

    /// How far it reaches, and whether to try again.
    fn verdict(&self) -> (Reach, bool) {
        match self {
            Self::Tls(
                tls::Error::CaFile { .. } | tls::Error::HostName { .. } | tls::Error::Identity(_),
            )
            | Self::Dial(dial::Error::NotLoopback { .. })
            | Self::Unspeakable
            | Self::NoMechanism { .. } => (Reach::Account, false),
            Self::Secret(error) => (Reach::Account, error.may_pass()),
            Self::Refused {
                step,
                code,
                tells,
                known,
                ..
            } => refused(*step, code.as_ref(), *tells || *known),
            _ => (Reach::Account, true),
        }
    }
}

/// A login that is refused without a reason is not repeated: mostly it is the password, and asking again locks
/// accounts. `otherwise` is whether it must be something else: a server that tells says so where it is the password
/// (RFC 3206), and one that accepted it before may still be busy with our own last session (RFC 1939 section 7: `-ERR
/// maildrop already locked`).
fn refused(step: Step, code: Option<&Code>, otherwise: bool) -> (Reach, bool) {
    match (step, code) {
        // Somebody else has the maildrop, or it is too soon.
        (_, Some(Code::InUse | Code::LoginDelay)) => (Reach::Mailbox, true),
        (Step::Top(_) | Step::Retr(_) | Step::Dele(_), _) => (Reach::Message, true),
        (_, Some(Code::SysTemp)) => (Reach::Account, true),
        (Step::Login, Some(Code::Auth | Code::SysPerm | Code::Utf8)) => (Reach::Account, false),
        (Step::Login, _) => (Reach::Account, otherwise),
        _ => (Reach::Account, true),
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let (reach, retry) = error.verdict();
        let advice = error.advice(retry);
        Self::new(reach, retry, error).advised(advice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(step: Step, code: Option<Code>, tells: bool) -> Error {
        Error::Refused {
            step,
            code,
            words: Shown::new(b"no"),
            tells,
            known: false,
        }
    }

    fn verdict(step: Step, code: Option<Code>, tells: bool) -> (Reach, bool) {
        refusal(step, code, tells).verdict()
    }

    #[test]
    fn a_password_that_was_accepted_before_is_not_what_an_unknown_refusal_means() {
        for code in [None, Some(Code::Other(Shown::new(b"BUSY")))] {
            let fault = Fault::from(refusal(Step::Login, code, false).knowing(true));
            assert!(fault.retry && !fault.advice.barred, "{fault}");
            assert_eq!(fault.advice.pace, Pace::Refused);
            assert!(fault.to_string().contains("before"), "{fault}");
        }
        let wrong = refusal(Step::Login, Some(Code::Auth), true).knowing(true);
        assert!(Fault::from(wrong).advice.barred);
    }

    #[test]
    fn a_refused_login_is_repeated_only_when_it_is_not_the_password() {
        let stop = (Reach::Account, false);
        assert_eq!(verdict(Step::Login, Some(Code::Auth), true), stop);
        assert_eq!(verdict(Step::Login, None, false), stop);
        assert_eq!(verdict(Step::Login, None, true), (Reach::Account, true));
        let busy = (Reach::Mailbox, true);
        assert_eq!(verdict(Step::Login, Some(Code::InUse), false), busy);
        assert_eq!(verdict(Step::Login, Some(Code::LoginDelay), true), busy);
        let later = (Reach::Account, true);
        assert_eq!(verdict(Step::Login, Some(Code::SysTemp), false), later);
    }

    #[test]
    fn a_refused_letter_is_one_letter_s_trouble() {
        assert_eq!(verdict(Step::Retr(3), None, false), (Reach::Message, true));
        assert_eq!(verdict(Step::List, None, false), (Reach::Account, true));
    }
}
