//! What has happened to mail, as plugins and the desktop are told of it, and what plugins ask for in return.
//!
//! Only words: who writes the outbox is the engine, who empties it the daemon, and what is made of an event is up to
//! the listeners. Nothing here knows a listener, what a message says, or how an act is carried out.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::base::{MailboxId, RowId};
use super::change::Side;
use crate::mail::{Flags, LocalId, MailboxName, Uid};

/// The number of an event in an account's outbox. None is used twice: listeners know a repeated event by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NewsId(pub i64);

/// Whose mail is not silent any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Since when the account is synced, seconds since 1970: what came later is new in whatever mailbox.
    pub since: Option<i64>,
    /// Mailboxes that were synced whole once: what happens in them is news.
    pub mailboxes: BTreeSet<MailboxId>,
}

/// Something that happened to a message, on its way into the outbox: the state gives it its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tidings {
    /// The message.
    pub row: RowId,
    /// The mailbox it is in; for a deletion, was in.
    pub mailbox: MailboxId,
    /// Where the change was made.
    pub side: Side,
    /// When it is recorded, seconds since 1970.
    pub at: i64,
    /// Whether it is of a mailbox that had never been synced whole before: mail that was there already.
    pub old: bool,
    /// What happened.
    pub what: What,
}

/// An event in the outbox, written in the transaction that made it true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// Its number; within a mailbox events are told in the order of these.
    pub id: NewsId,
    /// The message. Its row may have gone since.
    pub row: RowId,
    /// The mailbox it is in; for a deletion, was in.
    pub mailbox: MailboxId,
    /// Where the change was made.
    pub side: Side,
    /// When it was recorded, seconds since 1970.
    pub at: i64,
    /// Whether it is of a mailbox that had never been synced whole before.
    pub old: bool,
    /// What happened.
    pub what: What,
}

impl Tidings {
    /// The event that it becomes under this number.
    #[must_use]
    pub fn numbered(self, id: NewsId) -> News {
        News {
            id,
            row: self.row,
            mailbox: self.mailbox,
            side: self.side,
            at: self.at,
            old: self.old,
            what: self.what,
        }
    }
}

/// What happened to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It arrived and is durable in the Maildir.
    New,
    /// Its flags or keywords changed.
    Flags {
        /// Those that were set.
        added: Flags,
        /// Those that were taken away.
        removed: Flags,
    },
    /// It was moved.
    Moved {
        /// The mailbox it was in.
        from: MailboxId,
    },
    /// It was deleted.
    Deleted,
}

/// The header of a message as it is in its file, with the empty line that ends it. Shows nothing of it in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct RawHeader(Arc<[u8]>);

impl RawHeader {
    /// Copies it.
    #[must_use]
    pub fn new(octets: &[u8]) -> Self {
        Self(octets.into())
    }

    /// As it is.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for RawHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawHeader({} octets)", self.0.len())
    }
}

/// A message as listeners are told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// What the state knows it by.
    pub row: RowId,
    /// The mailbox it is in; for a deletion, was in.
    pub mailbox: MailboxName,
    /// The base name of its file without flags; `None` once it is deleted.
    pub local: Option<LocalId>,
    /// Its file, absolute; `None` once it is deleted.
    pub path: Option<PathBuf>,
    /// Its UID, if it is on an IMAP server.
    pub uid: Option<Uid>,
    /// Octets of the file.
    pub size: u64,
    /// Flags and keywords as they are now.
    pub flags: Flags,
    /// INTERNALDATE, or when a letter was fetched; seconds since 1970.
    pub date: i64,
    /// Its header, where that is at hand.
    pub header: Option<RawHeader>,
}

/// Something that listeners are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// `message.new`, `message.flags`, `message.moved`, `message.deleted`.
    Message {
        /// From the outbox; also the stable id.
        id: NewsId,
        /// Where the change was made.
        side: Side,
        /// Whether a listener wanted it, as far as this process remembers.
        by_listener: bool,
        /// What happened.
        what: Happened,
        /// To which message.
        subject: Arc<Subject>,
    },
    /// `mailbox.synced`: once per batch, after the events of its messages.
    MailboxSynced {
        /// The mailbox.
        mailbox: MailboxName,
        /// Files that appeared, changed their name or content, absolute and sorted.
        changed: Vec<PathBuf>,
        /// Messages that arrived.
        new: u64,
        /// Messages that went.
        gone: u64,
    },
    /// `account.synced`: a pass over the whole account is over.
    AccountSynced {
        /// Whether all of it was done.
        complete: bool,
    },
    /// `account.state`: as the word in `status`.
    AccountState {
        /// The word.
        state: String,
    },
    /// `hold`: deletions are held.
    Hold {
        /// As `holds` prints it.
        id: String,
        /// The mailbox.
        mailbox: MailboxName,
        /// How many messages.
        count: u64,
        /// For people.
        reason: String,
    },
    /// `error`: something went wrong that the user sees in `status`.
    Error {
        /// The mailbox, if it is about one.
        mailbox: Option<MailboxName>,
        /// For people.
        text: String,
    },
}

/// [`What`] with names for listeners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// It arrived.
    New,
    /// Its flags or keywords changed.
    Flags {
        /// Those that were set.
        added: Flags,
        /// Those that were taken away.
        removed: Flags,
    },
    /// It was moved.
    Moved {
        /// The mailbox it was in.
        from: MailboxName,
    },
    /// It was deleted.
    Deleted,
}

/// What a listener wants done to one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What the state knows it by.
    pub row: RowId,
    /// The mailbox it was seen in.
    pub mailbox: MailboxName,
    /// The file it was seen as; if it is gone from there, nothing is done.
    pub local: LocalId,
    /// What is to be done.
    pub act: Act,
}

/// What can be done to a message, as if the user had done it in the Maildir.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Into another mailbox of its account, which is made if there is none of that name.
    MoveTo(MailboxName),
    /// A copy into another mailbox.
    CopyTo(MailboxName),
    /// Sets these.
    AddFlags(Flags),
    /// Takes these away.
    RemoveFlags(Flags),
    /// To the trash, as a deletion by the user.
    Delete,
}
