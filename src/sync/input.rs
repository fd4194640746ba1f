//! What the planner is given: one account, every mailbox of it that could be observed on both sides.

use std::collections::{BTreeMap, BTreeSet};

use super::base::{Base, MailboxId, MailboxRecord, RowId};
use super::change::{Hold, Parked, Side};
use super::claims::Claim;
use super::view::{KeywordScope, LocalChanges, PermanentFlags, RemoteChanges};
use crate::mail::{
    Content, ContentDigest, Identity, LocalId, MailboxName, SpecialUse, Uid, UidSet, UidValidity,
};

/// One mailbox, observed on both sides.
#[derive(Clone, Debug)]
pub struct MailboxInput {
    /// What both sides last agreed on.
    pub base: Base,
    /// How the folder differs from it.
    pub local: LocalChanges,
    /// How the server differs from it.
    pub remote: RemoteChanges,
    /// What the folder's file names can show.
    pub scope: KeywordScope,
    /// What flags the server keeps.
    pub permanent: PermanentFlags,
    /// Whether the server lets us write.
    pub writable: bool,
    /// The server does not list this mailbox any more (`remote.vanished` has every row then).
    pub remote_gone: bool,
    /// The folder is there but its marker is missing or another one: its emptiness proves nothing.
    pub marker_lost: bool,
    /// The base of this mailbox was lost, or is new: what matches by size, date and Message-ID is the same mail.
    pub recovering: bool,
}

/// One account.
#[derive(Clone, Debug, Default)]
pub struct AccountInput {
    /// The mailboxes that could be observed on both sides.
    pub mailboxes: Vec<MailboxInput>,
    /// Whether every mailbox of the account is in the list. If not, a message missing here may have moved to one that
    /// was not looked at; deletions still go to the trash.
    pub whole: bool,
    /// Messages deleted by us within the last ten minutes.
    pub recent: BTreeMap<(MailboxId, Side), u32>,
    /// Holds that are not settled, whatever their verdict.
    pub holds: Vec<Hold>,
    /// Parked messages whose time has not come again.
    pub parked: Vec<Parked>,
    /// The mailbox with the role Trash.
    pub trash: Option<MailboxId>,
    /// The mailboxes that something is to be done about; `None` for all. Others are there because messages may have
    /// come from them or gone to them.
    pub focus: Option<BTreeSet<MailboxId>>,
}

impl AccountInput {
    /// Whether something is to be done about a mailbox for its own sake.
    #[must_use]
    pub fn concerns(&self, mailbox: MailboxId) -> bool {
        self.focus
            .as_ref()
            .is_none_or(|focus| focus.contains(&mailbox))
    }
}

/// What has been learned of messages without rows.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Messages on the server: no digest, unless the body was compared.
    pub remote: BTreeMap<(MailboxId, Uid), Identity>,
    /// Files, with digest, and `verbatim` readings as second element.
    pub local: BTreeMap<(MailboxId, LocalId), LocalKnown>,
    /// Messages on the server that were read whole to learn what their content is.
    pub contents: BTreeMap<(MailboxId, Uid), ContentDigest>,
    /// What another program says of files: which message each of them is.
    pub claims: BTreeMap<(MailboxId, LocalId), Claim>,
    /// Rows whose file is gone and was looked for in what is not synced of the Maildir: where it lies, or `None` if it
    /// is not there either.
    pub unsynced: BTreeMap<RowId, Option<Unsynced>>,
}

/// A directory of the Maildir that is not synced, with a message in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unsynced {
    /// Its path below the root, for people.
    pub directory: String,
    /// The mailbox that it would be the folder of, if it is a folder.
    pub folder: Option<MailboxName>,
}

/// What is known of a file without a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalKnown {
    /// Its content as it would go on the wire.
    pub identity: Identity,
    /// The other reading of its line ends.
    pub verbatim: Option<(u64, crate::mail::Digest)>,
    /// Its content without what mail programs add.
    pub content: Content,
}

/// What has to be looked at before a plan can be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Messages on the server whose size, date and Message-ID are needed.
    pub remote: BTreeMap<MailboxId, UidSet>,
    /// Files that must be read.
    pub local: BTreeMap<MailboxId, BTreeSet<LocalId>>,
    /// Rows whose file must be looked for in what is not synced of the Maildir.
    pub unsynced: BTreeSet<RowId>,
    /// Messages on the server that must be read whole: few, as their bodies travel.
    pub contents: BTreeMap<MailboxId, UidSet>,
}

impl Needs {
    /// Whether nothing is needed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.remote.is_empty()
            && self.local.is_empty()
            && self.unsynced.is_empty()
            && self.contents.is_empty()
    }
}

/// A mailbox as LIST shows it, patterns already applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenMailbox {
    /// Its name.
    pub name: MailboxName,
    /// What it is for.
    pub role: Option<SpecialUse>,
    /// Whether it can be selected.
    pub selectable: bool,
    /// UIDVALIDITY where known.
    pub uidvalidity: Option<UidValidity>,
    /// UIDNEXT where known.
    pub uidnext: Option<Uid>,
    /// MAILBOXID where known.
    pub object_id: Option<String>,
}

/// A folder as it is on disk, patterns already applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenFolder {
    /// Its name.
    pub name: MailboxName,
    /// The id in its marker file.
    pub marker: Option<String>,
}

/// What is to be done about one mailbox as a whole. Carried out in order, before messages are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailboxOp {
    /// Renamed on the server: the folder follows, the record gets the new name.
    RenameLocal {
        /// The mailbox.
        id: MailboxId,
        /// Its name so far.
        from: MailboxName,
        /// Its name from now on.
        to: MailboxName,
    },
    /// The folder was renamed: the server follows, the record gets the new name.
    RenameRemote {
        /// The mailbox.
        id: MailboxId,
        /// Its name so far.
        from: MailboxName,
        /// Its name from now on.
        to: MailboxName,
    },
    /// Both sides have it already under the new name: only the record follows.
    RenameRecord {
        /// The mailbox.
        id: MailboxId,
        /// Its name from now on.
        to: MailboxName,
    },
    /// On the server and not here: create the folder and a record.
    CreateLocal {
        /// Its name.
        name: MailboxName,
        /// What it is for.
        role: Option<SpecialUse>,
    },
    /// A folder that the server has not: create it there, and a record.
    CreateRemote {
        /// Its name.
        name: MailboxName,
    },
    /// On both sides and not in the state: only a record (and a marker).
    Adopt {
        /// Its name.
        name: MailboxName,
        /// What it is for.
        role: Option<SpecialUse>,
    },
    /// A known folder is not there at all: it is made again; its messages are fetched again.
    RecreateLocal {
        /// The mailbox.
        id: MailboxId,
    },
    /// A known folder is there without its marker: nothing is concluded from what is in it.
    MarkerLost {
        /// The mailbox.
        id: MailboxId,
    },
    /// A known mailbox is not on the server any more.
    RemoteGone {
        /// The mailbox.
        id: MailboxId,
    },
    /// Gone from both sides.
    Forget {
        /// The mailbox.
        id: MailboxId,
    },
}

/// The mailboxes of an account on all three sides.
#[derive(Clone, Debug, Default)]
pub struct MailboxesInput {
    /// The state's.
    pub known: Vec<MailboxRecord>,
    /// The server's: a complete LIST.
    pub remote: Vec<SeenMailbox>,
    /// The Maildir's.
    pub folders: Vec<SeenFolder>,
    /// What was missing from earlier lists.
    pub absent: Option<Absent>,
    /// The time, seconds since 1970.
    pub now: i64,
}

/// Known mailboxes that lists of the server lack, too many at once to be believed at first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// Since when every list lacks them, seconds since 1970.
    pub since: i64,
    /// Which.
    pub mailboxes: BTreeSet<MailboxId>,
}

/// Why nothing may be concluded from a LIST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListRefused {
    /// It has no INBOX.
    NoInbox,
    /// More than 30 percent (and at least three) of the known mailboxes are missing, none of them renamed.
    TooManyGone {
        /// Which are missing.
        gone: BTreeSet<MailboxId>,
        /// How many there were.
        known: usize,
    },
}
