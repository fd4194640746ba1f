//! What `mailboxes` reports.

use serde::{Deserialize, Serialize};

use super::Problem;

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
