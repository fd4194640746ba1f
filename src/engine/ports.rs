//! The traits through which the engine sees the world. Adapters implement them and never see each other.
//!
//! Their futures need not be `Send`: an account is one task on one thread.
#![allow(
    async_fn_in_trait,
    reason = "implemented and used inside this crate, on one thread"
)]

mod letters;
mod local;
mod remote;
mod store;
mod watch;

use std::time::Duration;

pub use letters::{LetterSink, LetterStore, Listed, Maildrop, Postbox};
pub use local::{
    Barred, Batch, Delivery, Folder, Inspected, Local, Looked, Marker, Root, Seen, Staged,
};
pub use remote::{
    Abilities, Appended, BodySink, BodySource, Connector, KnownMailbox, MailboxStatus, Remote,
    RemoteMailbox, Transferred,
};
pub use store::{Serial, StateId, Store};
pub use watch::{
    Hint, LocalCoverage, LocalWatch, RemoteCoverage, RemoteWatch, RemoteWatcher, RemoteWay,
};

use crate::mail::MailboxName;

/// The time.
pub trait Clock {
    /// Seconds since 1970.
    fn now(&self) -> i64;
    /// Time that never jumps, from an arbitrary start.
    fn monotonic(&self) -> Duration;
    /// Waits.
    async fn sleep(&self, time: Duration);
    /// A day as `YYYY-MM-DD`, `days` before today (UTC).
    fn day(&self, days_ago: u32) -> String;
}

/// Is told what happens, for progress bars, logs and counters.
pub trait Observer {
    /// Something happened.
    fn event(&self, event: Event<'_>);
}

/// What happens during a pass.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// So many messages (and octets, as far as known) are to be carried over in all.
    Total {
        /// Messages.
        messages: u64,
        /// Octets.
        octets: u64,
    },
    /// A message was carried over.
    Done {
        /// Its octets.
        octets: u64,
    },
    /// There is something in the outbox.
    News,
    /// A mailbox is being looked at.
    Mailbox(&'a MailboxName),
    /// Something people should know that is no failure, and is in no report.
    Remark {
        /// The mailbox it is about.
        mailbox: &'a MailboxName,
        /// What.
        text: &'a str,
    },
    /// Something people should read.
    Warning {
        /// The mailbox it is about.
        mailbox: Option<&'a MailboxName>,
        /// What.
        text: &'a str,
    },
}
