//! What a server can do, and what it does wrong.

/// What the server can do, and how it misbehaves.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "switches are on or off")]
pub struct Switches {
    /// Tells what vanished (RFC 7162).
    pub qresync: bool,
    /// Keeps modification sequences (RFC 7162).
    pub condstore: bool,
    /// UID EXPUNGE, APPENDUID, COPYUID (RFC 4315).
    pub uidplus: bool,
    /// UID MOVE (RFC 6851).
    pub uid_move: bool,
    /// MAILBOXID (RFC 8474).
    pub object_id: bool,
    /// STATUS comes with LIST (RFC 5819).
    pub list_status: bool,
    /// What APPENDUID says.
    pub append_uid: AppendUid,
    /// APPENDLIMIT (RFC 7889).
    pub append_limit: Option<u64>,
    /// What a dead connection had sent to the end is carried out within so many seconds, each time after another
    /// delay.
    pub late: Option<i64>,
    /// With QRESYNC, says of one message that exists that it vanished.
    pub false_vanished: bool,
    /// LIST answers with nothing.
    pub empty_list: bool,
    /// No login works.
    pub refuse_login: bool,
    /// UIDNEXT stands still at 1, whatever comes.
    pub uidnext_back: bool,
    /// HIGHESTMODSEQ stands still at 1, whatever changes.
    pub modseq_back: bool,
    /// All mailboxes lie below INBOX on the wire, as with Courier (RFC 2342).
    pub prefix: bool,
    /// UIDVALIDITY is told by no mailbox (or as 0, which is the same).
    pub no_uidvalidity: bool,
    /// No UIDNEXT is told.
    pub no_uidnext: bool,
    /// MOVE is offered, and answered with NO.
    pub refuse_move: bool,
    /// EXPUNGE is answered with OK, and nothing is expunged.
    pub idle_expunge: bool,
    /// What a mailbox has already does not come into it once more; APPENDUID and COPYUID tell of the one that it has.
    pub one_of_each: bool,
    /// CREATE is answered with NO.
    pub refuse_create: bool,
    /// EXPUNGE is answered with NO.
    pub refuse_expunge: bool,
    /// STORE says of the second half of the messages that somebody changed them.
    pub half_store: bool,
    /// So many connections at once.
    pub connections: Option<u32>,
    /// It takes what is sent and never answers.
    pub silent: bool,
    /// It closes connections that said nothing for so long.
    pub closes_after: Option<std::time::Duration>,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            qresync: true,
            condstore: true,
            uidplus: true,
            uid_move: true,
            object_id: true,
            list_status: true,
            append_uid: AppendUid::Right,
            append_limit: None,
            late: None,
            false_vanished: false,
            empty_list: false,
            refuse_login: false,
            uidnext_back: false,
            modseq_back: false,
            prefix: false,
            no_uidvalidity: false,
            no_uidnext: false,
            refuse_move: false,
            idle_expunge: false,
            one_of_each: false,
            refuse_create: false,
            refuse_expunge: false,
            half_store: false,
            connections: None,
            silent: false,
            closes_after: None,
        }
    }
}

/// What a server says in APPENDUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendUid {
    /// What it should.
    Right,
    /// Nothing.
    Missing,
    /// The UID of another message.
    Wrong,
    /// A UID that nothing has.
    Nothing,
    /// Another UIDVALIDITY.
    OtherValidity,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Poison {
    /// FETCH leaves it out.
    LeftOut,
    /// FETCH of it is answered with NO.
    Refused,
    /// FETCH of it breaks the connection.
    Cuts,
}
