//! The server, as the engine sees it.

use super::super::Fault;
use crate::mail::{
    FlagDelta, Flags, Identity, MailboxName, ModSeq, SpecialUse, Uid, UidSet, UidValidity,
};
use crate::sync::{Naming, RemoteView};

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

    /// How mailboxes are called from now on, on connections that are open as well. `None`: without the prefix of the
    /// personal namespace, and it is not decided yet.
    fn set_naming(&self, naming: Option<Naming>);
}

/// One mailbox of a complete LIST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteMailbox {
    /// Its name.
    pub name: MailboxName,
    /// Its name with the prefix of the personal namespace (RFC 2342), where `name` is without.
    pub full: Option<MailboxName>,
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
    /// They are still at their source as well, marked `\Deleted`.
    pub left: bool,
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

    /// Moves messages of the selected mailbox: UID MOVE, or else UID COPY, `\Deleted` and UID EXPUNGE of exactly these.
    /// Without UIDPLUS the last step is left out, and a server may refuse it: then they are `left`.
    async fn transfer(
        &mut self,
        uids: &UidSet,
        to: &MailboxName,
        copy: bool,
    ) -> Result<Transferred, Fault>;

    /// Sets `\Deleted` on messages of the selected mailbox and expunges exactly these; whether they are gone. Without
    /// UIDPLUS, or where the server refuses it, they stay, marked.
    async fn expunge(&mut self, uids: &UidSet) -> Result<bool, Fault>;

    /// Whether messages of the selected mailbox can be expunged. The server is asked to expunge one that is not there.
    async fn expunges(&mut self) -> Result<bool, Fault>;

    /// Creates a mailbox (and subscribes to it). One that exists already is no fault.
    async fn create(&mut self, mailbox: &MailboxName) -> Result<(), Fault>;

    /// Renames a mailbox and what is below it.
    async fn rename(&mut self, from: &MailboxName, to: &MailboxName) -> Result<(), Fault>;

    /// LOGOUT. Errors do not matter any more.
    async fn close(self);
}
