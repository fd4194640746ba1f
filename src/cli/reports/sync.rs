//! What `sync` reports.

use serde::{Deserialize, Serialize};

use super::{LeftOnServer, Problem, State};
use crate::cli::{Failure, Outcome};

/// `sync --json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncReport {
    /// Nothing was done; the numbers are what would have been.
    pub dry_run: bool,
    /// In the order of the configuration.
    pub accounts: Vec<AccountSync>,
}

impl SyncReport {
    /// The report, unless a mailbox was asked for that cannot be synced.
    ///
    /// # Errors
    /// [`Failure::Usage`], with the nearest name.
    pub fn unless_unknown(self) -> Result<Self, Failure> {
        let unknown = self.accounts.iter().flat_map(|account| &account.unknown);
        let unknown: Vec<&str> = unknown.map(String::as_str).collect();
        if unknown.is_empty() {
            return Ok(self);
        }
        Err(Failure::Usage(unknown.join("; ")))
    }

    /// What it means for the exit code.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let failed =
            |account: &AccountSync| account.state == State::Failed || !account.problems.is_empty();
        let held = |account: &AccountSync| {
            account.state == State::Held || account.mailboxes.iter().any(|mailbox| mailbox.held > 0)
        };
        Outcome::of(
            self.accounts.iter().any(failed),
            self.accounts.iter().any(held),
        )
    }
}

/// One account in a [`SyncReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountSync {
    /// Its name.
    pub name: String,
    /// How it ended: `in-sync`, `held`, or `failed`.
    pub state: State,
    /// Mailboxes that something happened to or went wrong with.
    pub mailboxes: Vec<MailboxSync>,
    /// What was (or would be) done to mailboxes as such, one line each.
    pub operations: Vec<String>,
    /// What went wrong.
    pub problems: Vec<Problem>,
    /// How many holds wait for the user, as `holds` lists them; also those of earlier passes.
    #[serde(default)]
    pub held: u64,
    /// Mailboxes that were asked for and cannot be synced, for people: a mistake of whoever asked.
    #[serde(skip)]
    pub unknown: Vec<String>,
}

/// One mailbox in an [`AccountSync`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxSync {
    /// Its name, `/` between levels.
    pub name: String,
    /// From the server to the Maildir.
    pub pulled: Counts,
    /// From the Maildir to the server.
    pub pushed: Counts,
    /// Messages that both sides had already, linked without a transfer; absent if there are none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub linked: u64,
    /// Deletions that are held.
    pub held: u64,
    /// Messages that could not be carried over and are tried again later.
    pub parked: u64,
    /// In a dry run: what would be done, one line each.
    pub operations: Vec<String>,
    /// Messages that were left on a POP3 server; absent if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_on_server: Option<LeftOnServer>,
}

/// How many messages each kind of change concerned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// New messages.
    pub new: u64,
    /// Messages whose flags changed.
    pub flags: u64,
    /// Messages that moved.
    pub moves: u64,
    /// Messages that were deleted.
    pub deletions: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_none(number: &u64) -> bool {
    *number == 0
}
