//! What `check` reports.

use serde::{Deserialize, Serialize};

use super::{Problem, Watch};

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
    /// The hooks of these accounts, in the order of the configuration.
    pub hooks: Vec<HookCheck>,
}

/// One hook in a [`CheckReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookCheck {
    /// The script's path, or the plugin's name.
    pub file: String,
    /// Whether the script is there and can be read.
    pub readable: bool,
    /// Why it cannot be used: file, line and message.
    pub error: Option<String>,
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
    /// What would go wrong at the moment (`--offline`).
    pub warnings: Vec<Problem>,
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
