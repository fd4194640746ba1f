//! What `status` reports.

use serde::{Deserialize, Serialize};

use super::{HoldReport, LeftOnServer, Problem, State, Watch};
use crate::cli::Outcome;
use crate::desktop;

/// `status --json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// In the order of the configuration.
    pub accounts: Vec<AccountStatus>,
    /// In the order of the configuration.
    pub hooks: Vec<HookStatus>,
    /// Whether notifications can be shown; only while a daemon runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notifications: Option<NotificationStatus>,
}

impl StatusReport {
    /// What it means for the exit code.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let failed = |account: &AccountStatus| {
            account.state == State::Failed || !account.problems.is_empty()
        };
        let held =
            |account: &AccountStatus| account.state == State::Held || !account.holds.is_empty();
        Outcome::of(
            self.accounts.iter().any(failed),
            self.accounts.iter().any(held),
        )
    }
}

/// Whether notifications can be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationStatus {
    /// `idle`, `ready`, `inhibited`, `silent`, or `unavailable`.
    pub state: String,
    /// By whom, or why not, for people.
    pub detail: String,
}

impl NotificationStatus {
    /// As the desktop tells it.
    #[must_use]
    pub fn of(state: &desktop::State) -> Self {
        Self {
            state: state.word().to_owned(),
            detail: state.to_string(),
        }
    }
}

/// One account in a [`StatusReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountStatus {
    /// Its name.
    pub name: String,
    /// `imap` or `pop3`.
    pub protocol: String,
    /// How it is.
    pub state: State,
    /// How changes on the server are noticed.
    pub watch: Watch,
    /// Why it is watched in this way and in no better one; only while it is watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch_reason: Option<String>,
    /// That the server grants fewer connections than the configuration allows; only while it is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited: Option<LimitedReport>,
    /// The end of the last complete pass, RFC 3339 in UTC.
    pub last_sync: Option<String>,
    /// Messages that are on their way at this moment.
    pub in_flight: u64,
    /// Those that are known here.
    pub mailboxes: Vec<MailboxStatus>,
    /// Deletions that are held.
    pub holds: Vec<HoldReport>,
    /// What went wrong and is not over.
    pub problems: Vec<Problem>,
}

/// Fewer connections than allowed, in an [`AccountStatus`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitedReport {
    /// So many are held at most.
    pub connections: usize,
    /// So many the configuration allows.
    pub allowed: usize,
    /// What the server said.
    pub reason: String,
}

/// One mailbox in an [`AccountStatus`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxStatus {
    /// Its name, `/` between levels.
    pub name: String,
    /// How it is.
    pub state: State,
    /// Messages that both sides have.
    pub messages: u64,
    /// Messages that could not be carried over and are tried again later.
    pub parked: u64,
    /// When it was last synced whole, RFC 3339 in UTC.
    pub last_sync: Option<String>,
    /// Messages that were left on a POP3 server; absent if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_on_server: Option<LeftOnServer>,
}

/// One hook in a [`StatusReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookStatus {
    /// The script's path, or the plugin's name.
    pub file: String,
    /// `running`, `set-aside`, or `not-loaded`.
    pub state: String,
    /// How often it failed in a row.
    pub failures: u64,
    /// The last failure.
    pub last_error: Option<String>,
    /// How many of its threads did not come back and were abandoned.
    #[serde(default)]
    pub abandoned: u64,
    /// How many of its programs took too long and were killed.
    #[serde(default)]
    pub killed: u64,
}
