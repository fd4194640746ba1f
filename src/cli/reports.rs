//! What the verbs report, as plain data. `docs/json.md` describes the same fields for users; they are stable.
//!
//! Texts in here may come from servers and mail: they are escaped where they are shown, not where they are stored.

use serde::{Deserialize, Serialize};

use super::Outcome;
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

/// Messages that were left on a POP3 server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOnServer {
    /// Larger than `max_message_size`.
    pub too_large: u64,
    /// To be fetched by later sessions (`max_per_session`).
    pub later: u64,
}

/// How an account, a mailbox or a pass is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It was never synced.
    Never,
    /// Both sides are the same.
    InSync,
    /// It is being synced.
    Syncing,
    /// Deletions wait for the user.
    Held,
    /// Something failed.
    Failed,
    /// The user paused it.
    Paused,
}

/// How changes on the server are noticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Watch {
    /// No daemon runs.
    #[default]
    None,
    /// NOTIFY (RFC 5465).
    Notify,
    /// IDLE (RFC 2177), and looking at the other mailboxes from time to time.
    Idle,
    /// Looking from time to time.
    Poll,
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

/// Something that went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The mailbox, if it concerns only one.
    pub mailbox: Option<String>,
    /// What, for people.
    pub message: String,
}

impl Problem {
    /// A problem of a whole account.
    pub fn of_account(message: impl Into<String>) -> Self {
        Self {
            mailbox: None,
            message: message.into(),
        }
    }
}

/// One element of `holds --json`, which is an array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldReport {
    /// What `approve` and `restore` take: the account, a colon, a number.
    pub id: String,
    /// The account.
    pub account: String,
    /// The mailbox.
    pub mailbox: String,
    /// Where the deletions would be carried out.
    pub side: HeldSide,
    /// How many messages.
    pub count: u64,
    /// Since when, RFC 3339 in UTC.
    pub since: String,
    /// Why, for people.
    pub reason: String,
}

/// The side on which held deletions would be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeldSide {
    /// On the server: the files are gone from the Maildir.
    Server,
    /// In the Maildir: the messages are gone from the server.
    Maildir,
}

/// `mailboxes --json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxesReport {
    /// In the order of the configuration.
    pub accounts: Vec<AccountMailboxes>,
}

/// One account in a [`MailboxesReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountMailboxes {
    /// Its name.
    pub name: String,
    /// What its server has.
    pub mailboxes: Vec<MailboxChoice>,
    /// What went wrong.
    pub problems: Vec<Problem>,
}

/// One mailbox in a [`MailboxesReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxChoice {
    /// Its name, `/` between levels.
    pub name: String,
    /// Its folder, absolute; `null` if it has none.
    pub folder: Option<String>,
    /// What it is for: `all`, `archive`, `drafts`, `flagged`, `junk`, `sent`, `trash`.
    pub role: Option<String>,
    /// Whether it can hold messages.
    pub selectable: bool,
    /// Whether it is synced.
    pub included: bool,
    /// The rule that says so; `null` when no rule matched.
    pub rule: Option<String>,
}

/// `sync --json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncReport {
    /// Nothing was done; the numbers are what would have been.
    pub dry_run: bool,
    /// In the order of the configuration.
    pub accounts: Vec<AccountSync>,
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

/// `check --json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReport {
    /// The configuration file.
    pub config: String,
    /// Where the state is kept; `null` if the configuration is wrong.
    pub state_dir: Option<String>,
    /// What is wrong with the configuration.
    pub mistakes: Vec<ConfigMistake>,
    /// Empty if the configuration is wrong.
    pub accounts: Vec<AccountCheck>,
}

/// One mistake in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigMistake {
    /// From one.
    pub line: usize,
    /// In characters, from one.
    pub column: usize,
    /// Dotted; empty if no key is concerned.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// One account in a [`CheckReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountCheck {
    /// Its name.
    pub name: String,
    /// `imap` or `pop3`.
    pub protocol: String,
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// `implicit`, `starttls`, or `none`.
    pub tls: String,
    /// Who logs in.
    pub user: String,
    /// The key that says where the password comes from.
    pub password_from: String,
    /// The root of the Maildir.
    pub maildir: String,
    /// `null` if no connection was tried (`--offline`).
    pub server: Option<ServerCheck>,
    /// What went wrong.
    pub problems: Vec<Problem>,
}

/// What a server said after login.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerCheck {
    /// What it calls itself (RFC 2971), if it says so.
    pub software: Option<String>,
    /// What it announced, in order.
    pub capabilities: Vec<String>,
    /// What is made of it.
    pub features: Vec<Feature>,
    /// How the daemon would notice changes.
    pub watch: Watch,
    /// Why in this way, in words for people.
    pub watch_reason: String,
}

/// Something that a server may offer and mailferry may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feature {
    /// Such as `QRESYNC`.
    pub name: String,
    /// Whether it will be used.
    pub used: bool,
    /// What it is used for, or why it is not used.
    pub note: String,
}

/// Seconds since 1970 as RFC 3339 in UTC; what is no date at all is shown as it is.
#[must_use]
pub fn timestamp(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| seconds.to_string(), |time| time.to_string())
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

impl SyncReport {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_utc_and_never_fail() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00Z");
        assert_eq!(timestamp(i64::MAX), i64::MAX.to_string());
    }
}
