//! The plan: what is to be done, as plain values.

use super::base::{MailboxId, RowId};
use super::change::{Change, HoldKind, Side};
use super::input::Unsynced;
use crate::mail::{FlagDelta, Flags, LocalId, Uid};

/// What a message's flags become on either side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlagPlan {
    /// The merged flags: the new base.
    pub agreed: Flags,
    /// What the file's name must say; `None` if it says so already.
    pub local: Option<Flags>,
    /// What must be sent; empty if the server has it already.
    pub remote: FlagDelta,
}

/// One operation. Each belongs to one message and can fail without harm to the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Fetch a message that is not here.
    Download {
        /// From and to.
        mailbox: MailboxId,
        /// On the server.
        uid: Uid,
        /// Its flags there.
        flags: Flags,
        /// RFC822.SIZE where known.
        size: Option<u64>,
        /// The row that lost its file and gets a new one.
        replaces: Option<RowId>,
    },
    /// Send a file that is not on the server.
    Upload {
        /// From and to.
        mailbox: MailboxId,
        /// The file.
        local: LocalId,
        /// Its flags.
        flags: Flags,
        /// The row that lost its UID and gets a new one.
        replaces: Option<RowId>,
    },
    /// A message and a file without rows are the same mail.
    Adopt {
        /// In this mailbox.
        mailbox: MailboxId,
        /// On the server.
        uid: Uid,
        /// The file.
        local: LocalId,
        /// Their flags.
        flags: FlagPlan,
        /// The flags that another program has left on both sides, where it says so.
        base: Option<Flags>,
        /// Whether the content must be fetched and compared first; the evidence so far is only the header's.
        verify: bool,
    },
    /// After UIDVALIDITY changed: a row's message has this UID now.
    Rebind {
        /// The row.
        row: RowId,
        /// Its UID in the new generation.
        uid: Uid,
        /// Flags of both sides, merged.
        flags: FlagPlan,
    },
    /// Flags only.
    SetFlags {
        /// The row.
        row: RowId,
        /// What they become.
        flags: FlagPlan,
    },
    /// The file moved to another folder (or got another name): the server follows with UID MOVE.
    MoveRemote {
        /// The row; still in the old mailbox.
        row: RowId,
        /// Where the file is now. The old mailbox itself if only the name changed: nothing is sent then.
        to: MailboxId,
        /// The file there.
        local: LocalId,
        /// Flags, pushed before the move.
        flags: FlagPlan,
    },
    /// The message moved on the server: the file follows with a rename.
    MoveLocal {
        /// The row; still in the old mailbox.
        row: RowId,
        /// Where the message is now.
        to: MailboxId,
        /// Its UID there.
        uid: Uid,
        /// The folder the file is in at the moment, when not the row's mailbox (moved on both sides).
        from: Option<(MailboxId, LocalId)>,
        /// Flags, set with the rename, pushed after it.
        flags: FlagPlan,
    },
    /// A file has another name in a folder where it does not belong: that one goes. Before anything else is done with it.
    DropName {
        /// Where the name is that goes.
        mailbox: MailboxId,
        /// Where the file stays, under the same name.
        keeps: MailboxId,
        /// What it is called in both.
        local: LocalId,
        /// The flags of the one that stays.
        flags: Flags,
    },
    /// A file is a copy of a message the server has: UID COPY instead of an upload.
    CopyRemote {
        /// The row whose content it is.
        source: RowId,
        /// Where the copy is.
        to: MailboxId,
        /// The copy.
        local: LocalId,
        /// The copy's flags.
        flags: Flags,
    },
    /// The file goes to the local trash.
    DeleteLocal {
        /// The row.
        row: RowId,
    },
    /// The message goes to the server's trash, or is expunged.
    DeleteRemote {
        /// The row.
        row: RowId,
        /// A file that takes the message's place: nothing is deleted before the server has it.
        after: Option<(MailboxId, LocalId)>,
    },
    /// Only the state changes: nothing to do on either side.
    Record(Vec<Change>),
    /// Deletions to be held. The engine gives the hold its number.
    Hold {
        /// The mailbox.
        mailbox: MailboxId,
        /// The side on which they would be carried out.
        side: Side,
        /// Why.
        kind: HoldKind,
        /// For people.
        reason: String,
        /// The rows.
        rows: Vec<RowId>,
    },
}

/// Everything to be done in one pass of an account, in order of safety: what adds comes before what deletes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The operations.
    pub ops: Vec<Op>,
    /// Messages that stay on the server although their file is gone from its folder.
    pub waits: Vec<Wait>,
}

/// A message that stays on the server although its file is gone from its folder: the file is somewhere else, and the
/// message cannot follow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The mailbox it stays in.
    pub mailbox: MailboxId,
    /// Its row.
    pub row: RowId,
    /// Why it cannot follow.
    pub reason: WaitReason,
}

/// Why a message cannot follow its file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WaitReason {
    /// The file lies where nothing is synced.
    Unsynced(Unsynced),
    /// The file is in this mailbox's folder, and `push` allows neither the move nor sending it.
    Forbidden(MailboxId),
    /// The file is in this mailbox's folder, and one of the two mailboxes can only be read.
    ReadOnly(MailboxId),
    /// The file is in this mailbox's folder, and could not be read or sent, or the folder has lost its marker.
    Unusable(MailboxId),
}

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }
}
