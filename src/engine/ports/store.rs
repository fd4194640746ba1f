//! The state, as the engine sees it.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Fault;
use crate::mail::Digest;
use crate::sync::{
    Absent, Base, Change, Deletion, Entry, Heard, Hold, Intent, MailboxId, MailboxRecord, Naming,
    News, Parked, Rest, RowId,
};

/// Who this state is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateId {
    /// 128 random bits as hexadecimal; new when the state is new.
    pub id: String,
    /// Goes up with every process that writes.
    pub epoch: u64,
    /// An epoch that has been announced, but of which it is not known whether the marker has it.
    pub pending: Option<u64>,
    /// Whether the state was just made (there was none, or it was damaged and set aside).
    pub fresh: bool,
}

/// One account's state. A commit is durable when it returns.
pub trait Store {
    /// Who it is.
    async fn id(&self) -> Result<StateId, Fault>;
    /// Announces an epoch (`pending`), and settles it (`epoch`, nothing pending).
    async fn set_epoch(&self, epoch: u64, pending: Option<u64>) -> Result<(), Fault>;
    /// Takes another id, after markers were found to be newer than the state; all rows lose UIDs, files stay known
    /// by nothing: every row is dropped, mailboxes lose their watermarks and get new markers.
    async fn start_over(&self) -> Result<StateId, Fault>;
    /// All mailboxes.
    async fn mailboxes(&self) -> Result<Vec<MailboxRecord>, Fault>;
    /// One mailbox with all its rows.
    async fn base(&self, mailbox: MailboxId) -> Result<Base, Fault>;
    /// Folders that were found just as their rows say, and no row of theirs changed since.
    async fn rests(&self) -> Result<BTreeMap<MailboxId, Rest>, Fault>;
    /// How many rows a mailbox has.
    async fn count(&self, mailbox: MailboxId) -> Result<u64, Fault>;
    /// Rows with this content anywhere, with a UID and a file.
    async fn with_digest(&self, digests: &[Digest]) -> Result<Vec<Entry>, Fault>;
    /// Rows by number.
    async fn entries(&self, rows: &[RowId]) -> Result<Vec<Entry>, Fault>;
    /// Reserves `count` numbers for rows; the first of them.
    async fn reserve_rows(&self, count: u32) -> Result<RowId, Fault>;
    /// Reserves a number for a mailbox, an intent or a hold.
    async fn reserve(&self, what: Serial) -> Result<i64, Fault>;
    /// 128 random bits as hexadecimal, for markers.
    fn random_id(&self) -> Result<String, Fault>;
    /// Intents that were written down and not dropped.
    async fn intents(&self) -> Result<Vec<Intent>, Fault>;
    /// Parked messages.
    async fn parked(&self) -> Result<Vec<Parked>, Fault>;
    /// Holds that are not settled.
    async fn holds(&self) -> Result<Vec<Hold>, Fault>;
    /// Deletions carried out since then, seconds since 1970.
    async fn deletions(&self, since: i64) -> Result<Vec<Deletion>, Fault>;
    /// Which mailboxes were synced whole once, and since when the account is.
    async fn heard(&self) -> Result<Heard, Fault>;
    /// The mailboxes that lists of the server lack, if they are too many to be believed at once.
    async fn absent(&self) -> Result<Option<Absent>, Fault>;
    /// How the mailboxes of the personal namespace are called; `None` as long as it makes no difference.
    async fn naming(&self) -> Result<Option<Naming>, Fault>;
    /// The first `most` events of the outbox, in the order of their numbers, without those of messages whose delivery
    /// is not complete.
    async fn news(&self, most: u32) -> Result<Vec<News>, Fault>;
    /// Which of these contents were deleted, as far as that is remembered, whether or not it was undone.
    async fn deleted_contents(&self, digests: &[Digest]) -> Result<BTreeSet<Digest>, Fault>;
    /// The deletions of these rows, as far as they are remembered.
    async fn deleted(&self, rows: &[RowId]) -> Result<Vec<Deletion>, Fault>;
    /// Makes all these changes in one transaction.
    async fn commit(&self, changes: Vec<Change>) -> Result<(), Fault>;
}

/// What numbers are reserved for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serial {
    /// [`MailboxId`].
    Mailbox,
    /// [`IntentId`](crate::sync::IntentId).
    Intent,
    /// [`HoldId`](crate::sync::HoldId).
    Hold,
}
