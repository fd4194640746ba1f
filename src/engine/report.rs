//! What a pass did, for whoever asked for it.

use crate::mail::MailboxName;

/// Something that went wrong and did not stop the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where; `None` for the account.
    pub mailbox: Option<MailboxName>,
    /// What, in one line for people.
    pub text: String,
}

/// How much of what was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages fetched.
    pub downloaded: u64,
    /// Messages sent.
    pub uploaded: u64,
    /// Messages found equal on both sides and linked without a transfer.
    pub linked: u64,
    /// Flag changes from the server.
    pub flags_pulled: u64,
    /// Flag changes to the server.
    pub flags_pushed: u64,
    /// Messages moved in the Maildir.
    pub moved_local: u64,
    /// Messages moved (or copied) on the server.
    pub moved_remote: u64,
    /// Messages moved to the local trash.
    pub deleted_local: u64,
    /// Messages deleted on the server.
    pub deleted_remote: u64,
    /// Mailboxes created, renamed or deleted on either side.
    pub mailboxes: u64,
    /// Messages set aside until later.
    pub parked: u64,
}

/// What became of a pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What was done.
    pub counts: Counts,
    /// What went wrong.
    pub problems: Vec<Problem>,
    /// Mailboxes that were looked at.
    pub mailboxes: usize,
    /// Holds that wait for the user.
    pub held: u64,
    /// What would be done, one line each; only in a dry run.
    pub planned: Vec<String>,
    /// Mailboxes with an upload that waits until an earlier connection is certainly dead.
    pub unsettled: Vec<MailboxName>,
}

impl Report {
    /// Adds what a later pass of the same call did.
    pub(super) fn absorb(&mut self, later: Self) {
        let (ours, theirs) = (&mut self.counts, later.counts);
        ours.downloaded += theirs.downloaded;
        ours.uploaded += theirs.uploaded;
        ours.linked += theirs.linked;
        ours.flags_pulled += theirs.flags_pulled;
        ours.flags_pushed += theirs.flags_pushed;
        ours.moved_local += theirs.moved_local;
        ours.moved_remote += theirs.moved_remote;
        ours.deleted_local += theirs.deleted_local;
        ours.deleted_remote += theirs.deleted_remote;
        ours.mailboxes += theirs.mailboxes;
        ours.parked += theirs.parked;
        self.problems.extend(later.problems);
        self.held = later.held;
        self.unsettled = later.unsettled;
    }
}
