//! Control of the running daemon: one D-Bus interface, `org.mailferry.Mailferry1`, on a private socket and on the session
//! bus, and its client.
//!
//! Knows what can be asked and how it travels; not what an account is, nor how anything is carried out. Every call becomes
//! a [`Call`] on a channel, and whoever reads the channel answers.

mod bus;
mod client;
mod error;
mod interface;
mod logind;
mod peer;
mod place;
mod server;
#[cfg(test)]
mod tests;

use tokio::sync::oneshot;

pub use self::client::{Client, Signals, connect};
pub use self::error::ControlError;
pub use self::logind::Awakenings;
pub use self::place::Place;
pub use self::server::{Server, serve};

/// The interface, and the name on the session bus.
pub const NAME: &str = "org.mailferry.Mailferry1";

/// The one object.
pub const PATH: &str = "/org/mailferry/Mailferry1";

/// What can be asked of the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Sync now; answered when the very mailboxes asked for have been synced.
    Sync {
        /// `ACCOUNT[:MAILBOX]`; none means everything.
        targets: Vec<String>,
        /// Only say what would be done.
        dry_run: bool,
    },
    /// How everything is.
    Status,
    /// Stop syncing.
    Pause {
        /// The account; all without it.
        account: Option<String>,
    },
    /// Go on syncing.
    Resume {
        /// The account; all without it.
        account: Option<String>,
    },
    /// The deletions that are held.
    Holds,
    /// Let held deletions go on.
    Approve {
        /// As [`Request::Holds`] shows it.
        id: String,
    },
    /// Bring the messages of held or done deletions back.
    Restore {
        /// As [`Request::Holds`] shows it, or the id of a deletion that was carried out.
        id: String,
    },
    /// Bring a hook back that was set aside.
    EnableHook {
        /// As `status` shows it, or the end of its path.
        name: String,
    },
    /// Read the configuration again.
    Reload,
}

/// The JSON text of the same documents that `--json` prints (sync, status, holds), `null` for the others.
pub type Answer = Result<String, Refusal>;

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Whose fault it is.
    pub kind: RefusalKind,
    /// What is wrong, for people.
    pub message: String,
}

impl Refusal {
    /// The request itself is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            kind: RefusalKind::Usage,
            message: message.into(),
        }
    }

    /// The request was right and could not be carried out.
    pub fn failed(message: impl Into<String>) -> Self {
        Self {
            kind: RefusalKind::Failed,
            message: message.into(),
        }
    }
}

/// The kinds of [`Refusal`]; on the bus `org.mailferry.Mailferry1.Error.Usage` and `.Failed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// It names something that is not there.
    Usage,
    /// Something went wrong.
    Failed,
}

/// A request and the way back.
#[derive(Debug)]
pub struct Call {
    /// What is asked.
    pub request: Request,
    /// Takes the answer. Dropped without one, the caller hears that the daemon is stopping.
    pub answer: oneshot::Sender<Answer>,
}

/// What the daemon tells whoever listens. Signals are hints: one that a slow listener misses is not sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// New mail came into the Maildir.
    NewMail {
        /// The account.
        account: String,
        /// The mailbox.
        mailbox: String,
        /// How many messages.
        count: u64,
    },
    /// An account is in another state than before.
    AccountChanged {
        /// The account.
        account: String,
        /// As in `status --json`.
        state: String,
    },
    /// Deletions wait for the user.
    HoldRaised {
        /// The account.
        account: String,
        /// The mailbox.
        mailbox: String,
        /// How many messages.
        count: u64,
    },
}
