//! What is shown of an account, and what is told of it.

use super::quota::Limited;
use crate::engine::ports::{LocalCoverage, RemoteCoverage};
use crate::engine::{LeftThere, Problem};
use crate::mail::MailboxName;

/// What an account is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activity {
    /// It is about to connect, or waits before it tries again.
    #[default]
    Connecting,
    /// It is comparing and carrying over.
    Syncing,
    /// All is done; it waits for something to happen.
    Watching,
    /// The user told it to stop.
    Paused,
    /// It will not try again by itself: the password is wrong, or the like.
    Blocked,
}

/// An account as `status` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// What it is doing.
    pub activity: Activity,
    /// How the server is watched; `None` while it is not.
    pub remote: Option<RemoteCoverage>,
    /// Why it makes do with fewer connections than it may have, if it does.
    pub limited: Option<Limited>,
    /// How well the Maildir is watched.
    pub local: LocalCoverage,
    /// What went wrong when it last tried, and is not over.
    pub problems: Vec<Problem>,
    /// How many holds wait for the user.
    pub held: u64,
    /// What a POP3 session has left on the server.
    pub left_there: LeftThere,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// New mail is in the Maildir.
    NewMail {
        /// Where.
        mailbox: MailboxName,
        /// How many.
        count: u64,
    },
    /// Deletions are held that were not held before.
    HoldRaised {
        /// Where.
        mailbox: MailboxName,
        /// How many messages.
        count: u64,
    },
    /// A pass has ended, however it did.
    Synced {
        /// Whether everything was in sync or held at its end.
        complete: bool,
        /// What went wrong.
        problems: Vec<Problem>,
    },
}
