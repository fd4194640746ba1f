//! Who says where to look: the server and the Maildir, each in its own words brought to the same few.
//!
//! A hint is never believed, only followed: nothing is concluded from what it says, nor from its absence.

use std::time::Duration;

use super::super::Fault;
use crate::mail::MailboxName;

/// Where to look.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hint {
    /// Something happened in this mailbox (or its folder).
    Mailbox(MailboxName),
    /// A mailbox (or folder) may have been made, renamed or removed.
    Mailboxes,
    /// Something happened, and nobody knows where: events were lost.
    Everything,
}

/// How a server is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteWay {
    /// NOTIFY (RFC 5465) over all mailboxes that take part.
    Notify,
    /// IDLE (RFC 2177) on these mailboxes, one connection each.
    Idle(Vec<MailboxName>),
    /// Not at all: somebody has to look from time to time.
    Poll,
}

/// How much of the server a watch covers, and why not more; for people and for who plans the polling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteCoverage {
    /// How.
    pub way: RemoteWay,
    /// Why this way and no better, in one line for people.
    pub reason: String,
}

/// Opens watches of one account's server.
pub trait RemoteWatcher {
    /// What it opens.
    type Watch: RemoteWatch;

    /// Opens connections and has them watch: the best way that the server offers, with at most `connections` of them.
    /// `idle` are the mailboxes that IDLE would be used on, the most important first. When this returns, whatever
    /// happens from now on will be told (or the watch breaks).
    ///
    /// # Errors
    /// As of [`Connector::connect`](super::Connector::connect). A server that can neither is no fault: the watch then
    /// says [`RemoteWay::Poll`] and holds no connection.
    async fn watch(&self, idle: &[MailboxName], connections: usize) -> Result<Self::Watch, Fault>;
}

/// Connections that wait for the server to speak.
pub trait RemoteWatch {
    /// How much is watched.
    fn coverage(&self) -> &RemoteCoverage;

    /// Waits for hints; with [`RemoteWay::Poll`] for ever. May be dropped at any time without losing any.
    ///
    /// # Errors
    /// Reach `Connection` (or more) when a connection is gone; then the watch is of no use any more.
    async fn next(&mut self) -> Result<Vec<Hint>, Fault>;

    /// Makes sure within `limit` that every connection is alive, and begins anew to wait on each (RFC 2177: a client
    /// ends IDLE at least every 29 minutes). Hints that arrived meanwhile are kept for `next`.
    ///
    /// # Errors
    /// Reach `Connection` (or more) when one does not answer.
    async fn renew(&mut self, limit: Duration) -> Result<(), Fault>;

    /// Ends it politely. Errors do not matter any more.
    async fn close(self);
}

/// How well a Maildir is watched.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct LocalCoverage {
    /// Folders that cannot be watched and must be looked at from time to time.
    pub unwatched: Vec<MailboxName>,
    /// What is wrong and what to do about it, in one line for people each.
    pub warnings: Vec<String>,
}

/// A Maildir that is being watched.
pub trait LocalWatch {
    /// Waits for hints, and takes as many as there are. Folders that are new are watched from now on. May be dropped at
    /// any time without losing any.
    async fn next(&mut self) -> Vec<Hint>;

    /// How well it is watched now.
    fn coverage(&self) -> LocalCoverage;
}
