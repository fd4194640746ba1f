//! Why a connection was not opened, and what that means for the account.

use std::fmt;
use std::io;
use std::time::Duration;

use super::line::{Condition, Status};
use crate::auth;
use crate::engine::{Advice, Fault, Pace, Reach};
use crate::imap::error::come_back;
use crate::net::{dial, tls};

/// How far the opening had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The TLS handshake.
    Handshake,
    /// Waiting for the greeting.
    Greeting,
    /// STARTTLS.
    StartTls,
    /// CAPABILITY.
    Capability,
    /// LOGIN or AUTHENTICATE.
    Login,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Handshake => "the TLS handshake",
            Self::Greeting => "the greeting",
            Self::StartTls => "STARTTLS",
            Self::Capability => "CAPABILITY",
            Self::Login => "the login",
        })
    }
}

/// Why a server says no, by its response code (RFC 5530 section 3), never by its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// AUTHENTICATIONFAILED: user or password is wrong.
    AuthenticationFailed,
    /// AUTHORIZATIONFAILED: the password is right, but not for this.
    AuthorizationFailed,
    /// EXPIRED: user or password is out of date.
    Expired,
    /// PRIVACYREQUIRED: not without encryption.
    PrivacyRequired,
    /// CONTACTADMIN: somebody has to do something.
    ContactAdmin,
    /// UNAVAILABLE, SERVERBUG: something in or behind the server is out of order for the moment.
    Unavailable,
    /// LIMIT, INUSE, THROTTLED: too many connections or requests.
    Limit,
    /// OVERQUOTA: what is granted in a day is used up (Gmail).
    Exhausted,
    /// No code, or one that says something else.
    Unknown,
}

impl Refusal {
    fn of(code: Option<&str>) -> Self {
        match code {
            Some("AUTHENTICATIONFAILED") => Self::AuthenticationFailed,
            Some("AUTHORIZATIONFAILED") => Self::AuthorizationFailed,
            Some("EXPIRED") => Self::Expired,
            Some("PRIVACYREQUIRED") => Self::PrivacyRequired,
            Some("CONTACTADMIN") => Self::ContactAdmin,
            Some("UNAVAILABLE" | "SERVERBUG") => Self::Unavailable,
            Some("LIMIT" | "INUSE" | "THROTTLED") => Self::Limit,
            Some("OVERQUOTA") => Self::Exhausted,
            _ => Self::Unknown,
        }
    }
}

/// Why there is no connection. Texts of the server in here are escaped and cut.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No TCP connection.
    #[error(transparent)]
    Dial(#[from] dial::Error),
    /// No trusted TLS.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// No password to send.
    #[error(transparent)]
    Secret(#[from] auth::Error),
    /// User or password cannot be sent by any means.
    #[error(transparent)]
    Unspeakable(#[from] auth::sasl::Unspeakable),
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
    /// The server hung up without a word.
    #[error("the server closed the connection during {step}")]
    Closed {
        /// During what.
        step: Step,
    },
    /// The server hung up with a BYE.
    #[error("the server hung up: {text}")]
    Bye {
        /// Why, by its code.
        refusal: Refusal,
        /// Why, in its words.
        text: String,
    },
    /// What came is not IMAP.
    #[error("this is no IMAP server: {line}")]
    NotImap {
        /// What came instead of a greeting.
        line: String,
    },
    /// A line without end.
    #[error("the server sent too long a line during {step}")]
    TooLong {
        /// During what.
        step: Step,
    },
    /// An answer that makes no sense here.
    #[error("the server's answer to {step} makes no sense")]
    Protocol {
        /// To what.
        step: Step,
        /// What was wrong.
        source: async_imap::error::Error,
    },
    /// The server asks for more than there is to say.
    #[error("the server asks for more after all of {step} was said")]
    Insatiable {
        /// Of what.
        step: Step,
    },
    /// STARTTLS is asked for in the configuration, and the server has none. Perhaps somebody on the way took it out.
    #[error("the server does not offer STARTTLS")]
    NoStartTls,
    /// Something was said between STARTTLS and TLS: somebody on the way tries to put words into the server's mouth.
    #[error("plain text followed the answer to STARTTLS")]
    Injected,
    /// The server takes us for logged in before TLS, which leaves no way to begin TLS.
    #[error("the server greets with PREAUTH, so STARTTLS is impossible")]
    Preauth,
    /// The server takes what we have in no way that we know.
    #[error(
        "the server offers no way to log in {} (it has: {offered})",
        if *.limited { "that `auth` allows" } else { "with what the account has" }
    )]
    NoMechanism {
        /// Its AUTH= and LOGINDISABLED capabilities.
        offered: String,
        /// Whether the configuration limits what may be used.
        limited: bool,
    },
    /// The server says no.
    #[error("the server refused {step}{}: {text}", .known.then_some(KNOWN).unwrap_or_default())]
    Refused {
        /// What it refused.
        step: Step,
        /// Whether it said BAD, which it says to commands, and not NO.
        bad: bool,
        /// Whether it accepted this very password before.
        known: bool,
        /// Why, by its code.
        refusal: Refusal,
        /// Why, in its words.
        text: String,
    },
}

/// What is said of a refusal that cannot mean the password.
const KNOWN: &str = ", though it accepted this password before";

impl ConnectError {
    pub(super) fn bye(status: &Status) -> Self {
        Self::Bye {
            refusal: Refusal::of(status.code.as_deref()),
            text: status.shown(),
        }
    }

    pub(super) fn refused(step: Step, status: &Status) -> Self {
        debug_assert!(matches!(status.condition, Condition::No | Condition::Bad));
        Self::Refused {
            step,
            bad: status.condition == Condition::Bad,
            known: false,
            refusal: Refusal::of(status.code.as_deref()),
            text: status.shown(),
        }
    }

    /// The same with what the server said of a token.
    pub(super) fn with_detail(mut self, detail: Option<&str>) -> Self {
        if let (Self::Refused { text, .. }, Some(detail)) = (&mut self, detail) {
            *text = format!("{text} ({detail})");
        }
        self
    }

    /// The same for a login by an access token, which is not what the user can mistype.
    pub(super) fn of_token(self) -> Self {
        match self {
            Self::Refused {
                step: Step::Login,
                refusal:
                    Refusal::AuthenticationFailed
                    | Refusal::AuthorizationFailed
                    | Refusal::Expired
                    | Refusal::Unknown,
                text,
                ..
            } => Self::TokenRefused { text },
            other => other,
        }
    }

    /// The same after a password that was accepted before, or not.
    pub(super) fn knowing(self, accepted: bool) -> Self {
        match self {
            Self::Refused {
                step: Step::Login,
                bad,
                refusal,
                text,
                ..
            } => Self::Refused {
                step: Step::Login,
                bad,
                known: accepted,
                refusal,
                text,
            },
            other => other,
        }
    }

    /// Whether the server did not know the command, or its form, and so has said nothing of the password.
    pub(super) fn is_of_the_command(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                step: Step::Login,
                bad: true,
                refusal: Refusal::Unknown,
                ..
            }
        )
    }

    /// Whether the connection ended during the login.
    pub(super) fn is_hanging_up(&self) -> bool {
        matches!(
            self,
            Self::Closed { step: Step::Login }
                | Self::Io {
                    step: Step::Login,
                    ..
                }
                | Self::Bye { .. }
        )
    }

    /// Servers have many ways to say that there are too many connections, a plain NO among them. Whether it is that or
    /// a wrong password shows in whether others are open.
    fn advice(&self) -> Advice {
        let (_, retry) = self.verdict();
        let barred = !retry;
        let pace = self.pace();
        match self {
            Self::Refused {
                step: Step::Login,
                refusal,
                text,
                ..
            }
            | Self::Bye { refusal, text } => Advice {
                crowded: matches!(
                    refusal,
                    Refusal::Limit | Refusal::Exhausted | Refusal::Unavailable | Refusal::Unknown
                ),
                barred,
                pace,
                wait: come_back(text),
                ..Advice::default()
            },
            _ => Advice {
                wordless: self.is_wordless(),
                barred,
                pace,
                ..Advice::default()
            },
        }
    }

    /// Whether nothing came where something should have. Some servers greet one connection too many with that.
    fn is_wordless(&self) -> bool {
        matches!(
            self,
            Self::Dial(dial::Error::Connect { .. } | dial::Error::Timeout { .. })
                | Self::Tls(tls::Error::Handshake { .. })
                | Self::Timeout { .. }
                | Self::Io { .. }
                | Self::Closed { .. }
        )
    }

    fn pace(&self) -> Pace {
        match self {
            Self::Refused {
                refusal: Refusal::Exhausted | Refusal::Unknown,
                ..
            } => Pace::Refused,
            Self::Secret(error) if error.asks() => Pace::Asking,
            // It is the program that has to be asked again.
            Self::TokenRefused { .. } | Self::StaleToken => Pace::Asking,
            _ => Pace::Soon,
        }
    }

    /// How far it reaches, and whether to try again.
    fn verdict(&self) -> (Reach, bool) {
        match self {
            // Nothing was sent to a server that is not trusted, and a captive portal looks just like that.
            Self::Tls(
                tls::Error::CaFile { .. } | tls::Error::HostName { .. } | tls::Error::Identity(_),
            )
            | Self::Dial(dial::Error::NotLoopback { .. })
            | Self::Unspeakable(_)
            | Self::NoMechanism { .. }
            | Self::Preauth => (Reach::Account, false),
            Self::Secret(error) => (Reach::Account, error.may_pass()),
            Self::Refused {
                step,
                known,
                refusal,
                ..
            } => refused(*refusal, *known || *step != Step::Login),
            Self::Bye { refusal, .. } => refused(*refusal, true),
            _ => (Reach::Account, true),
        }
    }
}

/// `otherwise` is whether a refusal without a known reason is worth another try. A login with a password that was never
/// accepted is not: the usual reason is the password, and asking again locks accounts.
fn refused(refusal: Refusal, otherwise: bool) -> (Reach, bool) {
    match refusal {
        Refusal::Limit => (Reach::Connection, true),
        Refusal::Unavailable | Refusal::Exhausted => (Reach::Account, true),
        Refusal::Unknown => (Reach::Account, otherwise),
        Refusal::AuthenticationFailed
        | Refusal::AuthorizationFailed
        | Refusal::Expired
        | Refusal::PrivacyRequired
        | Refusal::ContactAdmin => (Reach::Account, false),
    }
}

impl From<ConnectError> for Fault {
    fn from(error: ConnectError) -> Self {
        let (reach, retry) = error.verdict();
        let advice = error.advice();
        Self::new(reach, retry, error).advised(advice)
    }
}
