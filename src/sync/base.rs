//! The base: for every message, the state on which server and Maildir last agreed.

use super::view::FolderToken;
use crate::mail::{
    ContentDigest, Digest, FlagDelta, Flags, Identity, LocalId, MailboxName, MessageIdHash, ModSeq,
    SpecialUse, Uid, UidValidity,
};

/// The number of a mailbox in the state; never used again for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxId(pub i64);

/// The number of a message in the state; never used again for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId(pub i64);

/// The number of a hold in one account's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HoldId(pub i64);

/// The number of an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IntentId(pub i64);

/// How a file looked when it was last agreed on, or looks now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileStamp {
    /// Inode number.
    pub inode: u64,
    /// Size on disk in bytes.
    pub size: u64,
    /// Modification time in nanoseconds since 1970.
    pub mtime_ns: i64,
}

impl FileStamp {
    /// Whether a file that looked like `agreed` may have been edited since. A new inode alone says nothing: a restored
    /// or copied Maildir has new ones throughout.
    #[must_use]
    pub fn may_be_edited(&self, agreed: &Self) -> bool {
        self.size != agreed.size || self.mtime_ns != agreed.mtime_ns
    }
}

/// What is known of one mailbox between passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailboxRecord {
    /// Its number.
    pub id: MailboxId,
    /// Its name, the same on both sides.
    pub name: MailboxName,
    /// What the server says it is for.
    pub role: Option<SpecialUse>,
    /// The UIDVALIDITY that all its UIDs belong to; `None` before the first sync, which may only add.
    pub uidvalidity: Option<UidValidity>,
    /// Every UID below this has been dealt with.
    pub uidnext: Option<Uid>,
    /// Every change up to this has been dealt with; `None` asks for a full comparison.
    pub modseq: Option<ModSeq>,
    /// The 128-bit id that stands in the folder's marker file, as hexadecimal.
    pub marker: String,
    /// The server's MAILBOXID (RFC 8474), where it has one.
    pub object_id: Option<String>,
    /// When it was last synced whole, seconds since 1970.
    pub last_sync: Option<i64>,
    /// Why the last sync of it failed.
    pub problem: Option<String>,
}

/// How far a message's delivery has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryState {
    /// Written to the state before its file was given its final name.
    Delivering,
    /// Durable here and known on the server.
    Linked,
}

/// One message as both sides last agreed on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub row: RowId,
    /// The mailbox it is in.
    pub mailbox: MailboxId,
    /// Its UID; `None` after UIDVALIDITY changed and until it is found again.
    pub uid: Option<Uid>,
    /// Its file; `None` when the folder was lost and the message is due to be fetched again.
    pub local: Option<LocalId>,
    /// The agreed flags and keywords.
    pub flags: Flags,
    /// Octets on the wire.
    pub size: u64,
    /// INTERNALDATE, seconds since 1970.
    pub date: i64,
    /// Hash of its Message-ID.
    pub message_id: Option<MessageIdHash>,
    /// Hash of its content on the wire.
    pub digest: Option<Digest>,
    /// Digest of its canonical form; `None` until it is learned. The file's octets may be others than the server's where
    /// a mail program has put headers of its own into it, but not this.
    pub content: Option<ContentDigest>,
    /// Whether the file holds the wire's octets unchanged (otherwise CRLF became LF).
    pub raw: bool,
    /// How the file looked.
    pub stamp: FileStamp,
    /// How far its delivery has come.
    pub state: EntryState,
    /// The hold that keeps its deletion back.
    pub hold: Option<HoldId>,
}

impl Entry {
    /// What is known of its content.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity {
            size: self.size,
            message_id: self.message_id,
            date: self.date,
            digest: self.digest,
        }
    }
}

/// One mailbox's part of the base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// The mailbox.
    pub mailbox: MailboxRecord,
    /// Its messages in the order of their rows.
    pub entries: Vec<Entry>,
    /// What listeners want of keywords that file names here cannot show, in the order of rows: changes made on this side.
    pub labels: Vec<(RowId, FlagDelta)>,
}

/// A folder that was found exactly as its rows say, all of them known on the server. Holds until a row of it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rest {
    /// The folder then.
    pub token: FolderToken,
    /// How many rows there are, and so UIDs.
    pub uids: u64,
    /// When each file of it was last looked at, seconds since 1970.
    pub since: i64,
}

/// An act whose outcome may be unknown after a crash or a cut: written down before it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Its number.
    pub id: IntentId,
    /// What it is about to do.
    pub kind: IntentKind,
    /// When it was written down, seconds since 1970.
    pub since: i64,
}

/// The acts that must not be repeated blindly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntentKind {
    /// APPEND of a local file.
    Upload {
        /// Where to.
        mailbox: MailboxId,
        /// The file.
        local: LocalId,
        /// Its content; the digest is always known.
        identity: Identity,
        /// The flags it is sent with.
        flags: Flags,
        /// UIDVALIDITY before the act.
        uidvalidity: UidValidity,
        /// UIDNEXT before the act: a copy made by it has this UID or a later one.
        uidnext: Uid,
        /// The row it continues, when a message lost its remote side.
        replaces: Option<RowId>,
    },
    /// UID MOVE or UID COPY of a row's message to another mailbox.
    Transfer {
        /// The message.
        row: RowId,
        /// Where to.
        to: MailboxId,
        /// UIDVALIDITY of the destination before the act.
        uidvalidity: UidValidity,
        /// UIDNEXT of the destination before the act.
        uidnext: Uid,
        /// The file in the destination folder; `None` when the message goes to the trash.
        local: Option<LocalId>,
        /// Whether the source stays.
        copy: bool,
    },
    /// An APPEND or a COPY that was given up. Its connection is dead, but the server may still carry it out; the message
    /// that it makes then is a second one of a mail that was sent or copied again.
    Overdue {
        /// Whether it was a COPY.
        copied: bool,
        /// Where to.
        mailbox: MailboxId,
        /// Its content; the digest is always known.
        identity: Identity,
        /// The flags it was sent with.
        flags: Flags,
        /// UIDVALIDITY before the act.
        uidvalidity: UidValidity,
        /// UIDNEXT before the act: what it makes has this UID or a later one.
        uidnext: Uid,
    },
}
