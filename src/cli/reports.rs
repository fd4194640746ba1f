//! What the verbs report, as plain data. `docs/json.md` describes the same fields for users; they are stable.
//!
//! Texts in here may come from servers and mail: they are escaped where they are shown, not where they are stored.

mod check;
mod mailboxes;
mod status;
mod sync;

use serde::{Deserialize, Serialize};

pub use self::check::{AccountCheck, CheckReport, ConfigMistake, Feature, HookCheck, ServerCheck};
pub use self::mailboxes::{AccountMailboxes, MailboxChoice, MailboxesReport};
pub use self::status::{
    AccountStatus, HookStatus, LimitedReport, MailboxStatus, NotificationStatus, StatusReport,
};
pub use self::sync::{AccountSync, Counts, MailboxSync, SyncReport};

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

/// Seconds since 1970 as RFC 3339 in UTC; what is no date at all is shown as it is.
#[must_use]
pub fn timestamp(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| seconds.to_string(), |time| time.to_string())
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
