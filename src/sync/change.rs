//! Changes to the state. A list of them is one transaction: all of it becomes durable, or nothing.

use super::base::{
    Entry, FileStamp, HoldId, Intent, IntentId, MailboxId, MailboxRecord, Rest, RowId,
};
use super::input::Absent;
use super::letters::{Letter, LetterId, LetterState};
use super::naming::Naming;
use super::news::{NewsId, Tidings};
use crate::mail::{Digest, FlagDelta, Flags, Identity, LocalId, ModSeq, Uid, UidValidity};

/// One of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The Maildir.
    Local,
    /// The server.
    Remote,
}

/// Why something is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldKind {
    /// Too many deletions at once.
    Flood,
    /// The folder lost its marker file, so its emptiness proves nothing.
    MarkerLost,
    /// UIDVALIDITY changed and these messages are not on the server any more.
    Renumbered,
}

/// What the user said of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldVerdict {
    /// Nothing yet.
    Open,
    /// The deletions may go on.
    Approved,
    /// The messages come back.
    Restore,
}

/// Deletions kept back until the user decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its number.
    pub id: HoldId,
    /// The mailbox.
    pub mailbox: MailboxId,
    /// The side on which the deletions would be carried out.
    pub side: Side,
    /// Why.
    pub kind: HoldKind,
    /// When it was raised, seconds since 1970.
    pub since: i64,
    /// For people.
    pub reason: String,
    /// What the user said.
    pub verdict: HoldVerdict,
}

/// A deletion that was carried out, kept so that it can be undone and so that the guard can count it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// The row that went.
    pub row: RowId,
    /// The mailbox it was in.
    pub mailbox: MailboxId,
    /// The side on which it was deleted by us.
    pub side: Side,
    /// When, seconds since 1970.
    pub at: i64,
    /// Its content.
    pub identity: Identity,
    /// The agreed flags.
    pub flags: Flags,
    /// For a local deletion: the path in the trash, relative to the account's root, as bytes.
    pub trash_path: Option<Vec<u8>>,
}

/// A message that could not be carried over; it is tried again later and does not stop the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// The mailbox.
    pub mailbox: MailboxId,
    /// On the server; `None` for a file that cannot go up.
    pub uid: Option<Uid>,
    /// The file that cannot go up.
    pub local: Option<LocalId>,
    /// Why, for people.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Not before this, seconds since 1970.
    pub retry_at: i64,
}

/// Up to where a mailbox has been dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermark {
    /// The generation the other two belong to.
    pub uidvalidity: Option<UidValidity>,
    /// Every UID below has been dealt with.
    pub uidnext: Option<Uid>,
    /// Every change up to here has been dealt with.
    pub modseq: Option<ModSeq>,
}

/// One change to the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A mailbox is new, or anything but its messages changed.
    PutMailbox(MailboxRecord),
    /// A mailbox and all its rows go.
    DropMailbox(MailboxId),
    /// How far a mailbox has been dealt with.
    SetWatermark(MailboxId, Watermark),
    /// When a mailbox was last synced whole, and what went wrong.
    SetOutcome {
        /// The mailbox.
        mailbox: MailboxId,
        /// Seconds since 1970; `None` keeps the old one.
        at: Option<i64>,
        /// What went wrong; `None` clears it.
        problem: Option<String>,
    },
    /// A folder is just as its rows say.
    PutRest(MailboxId, Rest),
    /// A message is new or anything of it changed; by row number.
    PutEntry(Entry),
    /// A delivery is complete.
    Delivered(RowId, FileStamp),
    /// The agreed flags of a message.
    SetFlags(RowId, Flags),
    /// Its file looks different now (renamed flags do not count).
    SetStamp(RowId, FileStamp),
    /// A message changed mailbox, UID or file; whatever is `None` is cleared.
    Relink {
        /// The message.
        row: RowId,
        /// Where it is now.
        mailbox: MailboxId,
        /// Its UID there.
        uid: Option<Uid>,
        /// Its file there.
        local: Option<LocalId>,
    },
    /// What its content is, learned later.
    SetDigest(RowId, Digest),
    /// The UIDs of all rows of a mailbox mean nothing any more.
    ForgetUids(MailboxId),
    /// A message is gone from both sides.
    DropEntry(RowId),
    /// An act is about to start.
    PutIntent(Intent),
    /// An act is over, one way or the other.
    DropIntent(IntentId),
    /// A deletion was carried out.
    PutDeletion(Deletion),
    /// A message could not be carried over.
    Park(Parked),
    /// It could, after all, or is gone. By UID or by file.
    Unpark {
        /// The mailbox.
        mailbox: MailboxId,
        /// On the server.
        uid: Option<Uid>,
        /// In the folder.
        local: Option<LocalId>,
    },
    /// A hold is new or changed.
    PutHold(Hold),
    /// These rows belong to a hold (or, with `None`, to none any more).
    SetHold(Vec<RowId>, Option<HoldId>),
    /// A hold is settled; its rows belong to none.
    DropHold(HoldId),
    /// A letter is new or anything of it changed; by number.
    PutLetter(Letter),
    /// How far letters have come.
    SetLetters(Vec<LetterId>, LetterState),
    /// Since when the server does not list a letter, seconds since 1970; `None` if it does.
    SetMissing(LetterId, Option<i64>),
    /// A letter need not be known any more.
    DropLetter(LetterId),
    /// Something happened that listeners are to be told of. Of a message whose delivery is not complete nothing is told
    /// before it is; if the row goes before that, so does what was to be told of it.
    PutNews(Tidings),
    /// Listeners have been told.
    DropNews(Vec<NewsId>),
    /// Listeners have been told of mail that was there before. A power cut soon after may undo this: they are told again.
    DropOldNews(Vec<NewsId>),
    /// A mailbox has been synced whole once: what happens in it from now on is news.
    Hear(MailboxId),
    /// Since when the account is synced, seconds since 1970; the first one counts.
    Begin(i64),
    /// Many mailboxes are missing from the server's list; `None` when that is over.
    SetAbsent(Option<Absent>),
    /// How the mailboxes of the personal namespace are called from now on.
    SetNaming(Naming),
    /// A message is to get and to lose keywords that the names of files in its folder cannot show. Forgotten as soon as its
    /// agreed flags say the same.
    PutLabels(RowId, FlagDelta),
}
