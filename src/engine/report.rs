//! What a pass did, for whoever asked for it.

use std::collections::BTreeMap;

use crate::mail::MailboxName;

/// Something that went wrong and did not stop the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where; `None` for the account.
    pub mailbox: Option<MailboxName>,
    /// What, in one line for people.
    pub text: String,
}

/// How much of what was done in one mailbox.
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
    /// Whether the mailbox itself was created, renamed or deleted on either side.
    pub mailbox: u64,
    /// Messages set aside until later.
    pub parked: u64,
    /// Messages whose deletion is held.
    pub held: u64,
}

/// What became of a pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What was done, for every mailbox in which something was.
    pub mailboxes: BTreeMap<MailboxName, Counts>,
    /// What went wrong.
    pub problems: Vec<Problem>,
    /// Holds that wait for the user.
    pub held: u64,
    /// What would be done, one line each, with the mailbox it would be done in; only in a dry run.
    pub planned: Vec<(Option<MailboxName>, String)>,
    /// Mailboxes with an upload that waits until an earlier connection is certainly dead.
    pub unsettled: Vec<MailboxName>,
    /// What a POP3 session has left on the server.
    pub left_there: LeftThere,
    /// Mailboxes that were asked for by name and cannot be synced. If there are any, nothing was done.
    pub unknown: Vec<Unknown>,
}

/// A mailbox that was asked for by name and cannot be synced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The name.
    pub name: MailboxName,
    /// It is there, and the configuration leaves it out.
    pub left_out: bool,
    /// The mailboxes that can be synced.
    pub others: Vec<MailboxName>,
}

/// Letters that a POP3 session has left on the server, and how soon there may be another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftThere {
    /// Larger than the user wants them.
    pub too_large: u64,
    /// To be fetched by later sessions.
    pub later: u64,
    /// The server wants so many seconds between two logins.
    pub login_delay: Option<u64>,
}

impl Report {
    /// Adds what an earlier pass did that was made again with more in sight. All else it had to say is said again.
    pub(super) fn add_counts(&mut self, earlier: Self) {
        for (name, more) in earlier.mailboxes {
            self.mailboxes.entry(name).or_default().add(more);
        }
    }

    /// Adds what a later pass of the same call did.
    pub(super) fn absorb(&mut self, later: Self) {
        for (name, more) in later.mailboxes {
            self.mailboxes.entry(name).or_default().add(more);
        }
        self.problems.extend(later.problems);
        self.held = later.held;
        self.unsettled = later.unsettled;
    }
}

impl Counts {
    /// Adds more of the same.
    pub(super) fn add(&mut self, more: Self) {
        self.downloaded += more.downloaded;
        self.uploaded += more.uploaded;
        self.linked += more.linked;
        self.flags_pulled += more.flags_pulled;
        self.flags_pushed += more.flags_pushed;
        self.moved_local += more.moved_local;
        self.moved_remote += more.moved_remote;
        self.deleted_local += more.deleted_local;
        self.deleted_remote += more.deleted_remote;
        self.mailbox += more.mailbox;
        self.parked += more.parked;
        self.held += more.held;
    }
}
