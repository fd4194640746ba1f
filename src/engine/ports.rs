//! The traits through which the engine sees the world. Adapters implement them and never see each other.
//!
//! Their futures need not be `Send`: an account is one task on one thread.
#![allow(
    async_fn_in_trait,
    reason = "implemented and used inside this crate, on one thread"
)]

use std::time::Duration;

use super::Fault;
use crate::mail::{
    Digest, FlagDelta, Flags, Identity, LocalId, MailboxName, ModSeq, SpecialUse, Uid, UidSet,
    UidValidity,
};
use crate::sync::{
    Base, Change, Deletion, Entry, FileStamp, Hold, Intent, LocalView, MailboxId, MailboxRecord,
    Parked, RemoteView, RowId,
};

// ------------------------------------------------------------------------------------------------ the server

/// Opens connections to one account's server.
pub trait Connector {
    /// What it opens.
    type Remote: Remote;

    /// A connection that is logged in and ready.
    ///
    /// # Errors
    /// Reach `Account` for what concerns the account (name, certificate, password), `Connection` for a limit on
    /// connections.
    async fn connect(&self) -> Result<Self::Remote, Fault>;
}

/// One mailbox of a complete LIST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteMailbox {
    /// Its name.
    pub name: MailboxName,
    /// What it is for.
    pub role: Option<SpecialUse>,
    /// Whether it can be selected (no `\Noselect`, no `\NonExistent`).
    pub selectable: bool,
    /// STATUS, when it came with the LIST (RFC 5819).
    pub status: Option<MailboxStatus>,
}

/// What STATUS says of a mailbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailboxStatus {
    /// MESSAGES.
    pub messages: Option<u32>,
    /// UIDNEXT.
    pub uidnext: Option<Uid>,
    /// UIDVALIDITY.
    pub uidvalidity: Option<UidValidity>,
    /// HIGHESTMODSEQ; `None` without CONDSTORE or when zero.
    pub modseq: Option<ModSeq>,
    /// MAILBOXID (RFC 8474).
    pub object_id: Option<String>,
}

/// What the base knows of a mailbox, so that the server need only tell the rest.
#[derive(Clone, Debug)]
pub struct KnownMailbox<'a> {
    /// The generation.
    pub uidvalidity: UidValidity,
    /// Changes up to here are known; `None` asks for a full comparison.
    pub modseq: Option<ModSeq>,
    /// The UIDs that have rows.
    pub uids: &'a UidSet,
}

/// Where fetched messages go. Calls come in the order begin, write..., end | abandon, message by message.
pub trait BodySink {
    /// A message begins: its literal's announced octets, INTERNALDATE in seconds, flags as sent along.
    ///
    /// # Errors
    /// An error here or in the other calls ends the fetch with that error.
    async fn begin(
        &mut self,
        uid: Uid,
        octets: u64,
        date: i64,
        flags: Option<Flags>,
    ) -> Result<(), Fault>;
    /// Some more octets of it.
    async fn write(&mut self, octets: &[u8]) -> Result<(), Fault>;
    /// All announced octets and the closing parenthesis of its FETCH have come.
    async fn end(&mut self) -> Result<(), Fault>;
}

/// The octets of a message that is being sent.
pub trait BodySource {
    /// The next octets, as they go on the wire; empty at the end.
    ///
    /// # Errors
    /// The file cannot be read, or is not any more what was announced.
    async fn next(&mut self) -> Result<Vec<u8>, Fault>;
}

/// What became of an APPEND that was answered with OK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// APPENDUID (RFC 4315), unchecked: some servers get it wrong.
    pub uid: Option<(UidValidity, Uid)>,
}

/// Where messages went in a MOVE or COPY: COPYUID, in pairs. Empty without UIDPLUS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transferred {
    /// The destination's UIDVALIDITY.
    pub uidvalidity: Option<UidValidity>,
    /// Source and destination UID.
    pub pairs: Vec<(Uid, Uid)>,
}

/// What this server is able to do, as far as the engine has to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// UID EXPUNGE, APPENDUID, COPYUID.
    pub uidplus: bool,
    /// UID MOVE.
    pub uid_move: bool,
    /// APPENDLIMIT (RFC 7889), in octets.
    pub append_limit: Option<u64>,
}

/// One connection. Every call is complete only with the server's tagged OK; NO, BAD, BYE, the end of the stream and
/// silence are faults. A NO or BAD has reach `Message` or `Mailbox`, a broken stream `Connection`.
pub trait Remote {
    /// What the server can do.
    fn abilities(&self) -> Abilities;

    /// All mailboxes. An empty list, or one without INBOX, is a fault.
    async fn list(&mut self) -> Result<Vec<RemoteMailbox>, Fault>;

    /// STATUS of one mailbox, by the cheapest way.
    async fn status(&mut self, mailbox: &MailboxName) -> Result<MailboxStatus, Fault>;

    /// Selects a mailbox and observes it whole. With `known` the server is only asked for what differs, where it can.
    async fn observe(
        &mut self,
        mailbox: &MailboxName,
        known: Option<KnownMailbox<'_>>,
    ) -> Result<RemoteView, Fault>;

    /// Selects a mailbox (if it is not) for the calls below.
    async fn select(&mut self, mailbox: &MailboxName) -> Result<Option<UidValidity>, Fault>;

    /// Which of these UIDs exist in the selected mailbox, asked afresh.
    async fn existing(&mut self, uids: &UidSet) -> Result<UidSet, Fault>;

    /// Size, date and Message-ID of messages in the selected mailbox, with no body fetched. What is gone is left out.
    async fn identify(&mut self, uids: &UidSet) -> Result<Vec<(Uid, Identity)>, Fault>;

    /// Fetches whole messages from the selected mailbox without setting `\Seen`. What does not exist any more, or
    /// comes without a body, is left out; the sink knows what came.
    async fn fetch(&mut self, uids: &UidSet, sink: &mut impl BodySink) -> Result<(), Fault>;

    /// Appends one message. A fault of reach `Connection` leaves open whether the server has it.
    async fn append(
        &mut self,
        mailbox: &MailboxName,
        flags: &Flags,
        date: i64,
        octets: u64,
        body: &mut impl BodySource,
    ) -> Result<Appended, Fault>;

    /// Changes flags in the selected mailbox; returns the UIDs that were not changed because they had been modified
    /// since `unchanged_since` (RFC 7162 section 3.1.3).
    async fn store(
        &mut self,
        uids: &UidSet,
        delta: &FlagDelta,
        unchanged_since: Option<ModSeq>,
    ) -> Result<UidSet, Fault>;

    /// Moves messages of the selected mailbox: UID MOVE, or else UID COPY, `\Deleted` and UID EXPUNGE of exactly these
    /// (without UIDPLUS the last step is left out).
    async fn transfer(
        &mut self,
        uids: &UidSet,
        to: &MailboxName,
        copy: bool,
    ) -> Result<Transferred, Fault>;

    /// Sets `\Deleted` on messages of the selected mailbox and expunges exactly these; without UIDPLUS they stay
    /// marked.
    async fn expunge(&mut self, uids: &UidSet) -> Result<(), Fault>;

    /// Creates a mailbox (and subscribes to it). One that exists already is no fault.
    async fn create(&mut self, mailbox: &MailboxName) -> Result<(), Fault>;

    /// Renames a mailbox and what is below it.
    async fn rename(&mut self, from: &MailboxName, to: &MailboxName) -> Result<(), Fault>;

    /// LOGOUT. Errors do not matter any more.
    async fn close(self);
}

// ----------------------------------------------------------------------------------------------- the Maildir

/// What the root's marker file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// 128 random bits as hexadecimal: the state's id in the root, the mailbox's `marker` in a folder.
    pub id: String,
    /// Counts up with the state; 0 in folders.
    pub epoch: u64,
}

/// How the root looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Root {
    /// There is no such directory.
    Missing,
    /// A directory without a marker; `empty` if it holds no folder and no file either.
    Unmarked {
        /// Nothing in it.
        empty: bool,
    },
    /// A directory with a marker.
    Marked(Marker),
}

/// A Maildir folder below the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Its mailbox name, unescaped.
    pub name: MailboxName,
    /// Its marker; `None` if it has none.
    pub marker: Option<Marker>,
}

/// A message that is durable in `tmp/` but has not got its name yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staged {
    /// Its UID.
    pub uid: Uid,
    /// The unique name it will have.
    pub local: LocalId,
    /// Its content; the digest is known.
    pub identity: Identity,
    /// Whether the file holds the wire's octets unchanged.
    pub raw: bool,
    /// How the file looks.
    pub stamp: FileStamp,
    /// The flags that came with the body.
    pub flags: Option<Flags>,
}

/// A file's content, read whole once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// Its content as it would go on the wire; the digest is known. The date is the file's mtime.
    pub identity: Identity,
    /// Whether it goes on the wire unchanged.
    pub raw: bool,
    /// How the file looked before and after.
    pub stamp: FileStamp,
    /// The other reading of the line ends, where one is possible: size and digest of the octets unchanged.
    pub verbatim: Option<(u64, Digest)>,
}

/// A Maildir account. Every act is durable when its call returns, directories included.
pub trait Local {
    /// Takes one stream of messages.
    type Delivery: Delivery;
    /// Reads one message.
    type Body: BodySource;

    /// How the root looks.
    async fn root(&self) -> Result<Root, Fault>;
    /// Creates the root if need be and writes its marker.
    async fn mark_root(&self, marker: &Marker) -> Result<(), Fault>;
    /// All folders below the root.
    async fn folders(&self) -> Result<Vec<Folder>, Fault>;
    /// Creates a folder (or completes one that lacks `cur`, `new` or `tmp`) and writes its marker.
    async fn create_folder(&self, name: &MailboxName, marker: &Marker) -> Result<(), Fault>;
    /// Renames a folder and, in the nested layout, what is below it.
    async fn rename_folder(&self, from: &MailboxName, to: &MailboxName) -> Result<(), Fault>;
    /// Moves a folder that the server has no more to the local trash, unless messages are left in it; what is below
    /// stays. `day` is `YYYY-MM-DD`.
    async fn retire_folder(&self, name: &MailboxName, day: &str) -> Result<(), Fault>;
    /// Lists a folder so that absence means absence; a fault if it does not hold still.
    async fn scan(&self, name: &MailboxName) -> Result<LocalView, Fault>;
    /// Reads files whole. What is gone is left out; what cannot be read, or is not a regular, non-empty, settled
    /// file, has its own fault.
    async fn inspect(
        &self,
        name: &MailboxName,
        files: &[LocalId],
    ) -> Result<Vec<(LocalId, Result<Inspected, Fault>)>, Fault>;
    /// Opens a file to be sent; fails if it does not look like `stamp` any more, then or at its end.
    async fn open(
        &self,
        name: &MailboxName,
        file: &LocalId,
        stamp: FileStamp,
        raw: bool,
    ) -> Result<Self::Body, Fault>;
    /// Begins to take messages into a folder.
    fn deliver(&self, name: &MailboxName) -> Self::Delivery;
    /// Gives staged messages their names with these flags, never over another file. One result each, in order.
    async fn publish(
        &self,
        name: &MailboxName,
        staged: &[(Staged, Flags)],
    ) -> Result<Vec<Result<(), Fault>>, Fault>;
    /// Removes staged messages that will not be published.
    async fn discard(&self, name: &MailboxName, staged: &[Staged]) -> Result<(), Fault>;
    /// Gives a file its flags, keeping letters that mean nothing to us. One result each; a file that is gone is a
    /// fault of reach `Message`.
    async fn relabel(
        &self,
        name: &MailboxName,
        files: &[(LocalId, Flags)],
    ) -> Result<Vec<Result<(), Fault>>, Fault>;
    /// Moves files to another folder with these flags, keeping their unique names.
    async fn relocate(
        &self,
        from: &MailboxName,
        to: &MailboxName,
        files: &[(LocalId, Flags)],
    ) -> Result<Vec<Result<(), Fault>>, Fault>;
    /// Moves files to the local trash of that day; returns each one's path there, relative to the root. A file that
    /// does not look like its stamp any more is left alone with a fault of reach `Message`.
    async fn trash(
        &self,
        name: &MailboxName,
        files: &[(LocalId, FileStamp)],
        day: &str,
    ) -> Result<Vec<Result<Vec<u8>, Fault>>, Fault>;
    /// Brings a file back from the local trash; returns its unique name in the folder.
    async fn untrash(&self, path: &[u8], to: &MailboxName, flags: &Flags)
    -> Result<LocalId, Fault>;
    /// Removes what has been in the local trash since before `day`, and our own stale files in `tmp/`.
    async fn sweep(&self, day: &str) -> Result<(), Fault>;
}

/// Takes messages as they arrive; holds at most a bounded part of them in memory.
pub trait Delivery {
    /// What has been taken since the last cut.
    type Batch: Batch;

    /// A message begins.
    async fn begin(
        &mut self,
        uid: Uid,
        octets: u64,
        date: i64,
        flags: Option<Flags>,
    ) -> Result<(), Fault>;
    /// Some more of it. Waits when too much is in memory.
    async fn write(&mut self, octets: &[u8]) -> Result<(), Fault>;
    /// It is complete.
    async fn end(&mut self) -> Result<(), Fault>;
    /// Everything complete so far is one batch; a message in the middle goes on into the next one.
    fn cut(&mut self) -> Self::Batch;
}

/// Complete messages on their way to `tmp/`.
pub trait Batch {
    /// Waits until all of it is on disk and fsynced. A message that could not be written has its own fault; its file
    /// is gone.
    async fn durable(self) -> Result<Vec<(Uid, Result<Staged, Fault>)>, Fault>;
}

// ------------------------------------------------------------------------------------------------- the state

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

// ------------------------------------------------------------------------------------------------ everything else

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
    /// A mailbox is being looked at.
    Mailbox(&'a MailboxName),
    /// Something people should read.
    Warning {
        /// The mailbox it is about.
        mailbox: Option<&'a MailboxName>,
        /// What.
        text: &'a str,
    },
}
