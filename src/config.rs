//! The configuration: what stands in the TOML file, checked and resolved.
//!
//! [`Config::load`] reads the file, walks its spanned tables by hand and returns either a whole [`Config`] or every
//! mistake it found, each with file, line, column and key. It opens no socket, runs no command and reads no secret
//! but the one that stands in the file itself; whether a named file exists is for those who use it to find out.

mod account;
mod environment;
mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod hooks;
mod model;
mod nearest;
mod options;
mod paths;
mod patterns;
mod reader;
mod secret;
mod server;
mod source;
mod top;
mod units;

pub use environment::Environment;
pub use error::{ConfigError, ConfigErrors, Mistake};
pub use hooks::PLUGINS;
pub use model::{
    Account, AccountName, Config, Endpoint, Hook, HookScript, ImapAccount, Keep, Layout, Notify,
    NotifyAction, Pop3Account, Privacy, Protocol, QuietHours, Tls, secret_key,
};
pub use nearest::nearest;
pub use patterns::{Decision, PatternError, Patterns};
pub use units::{parse_duration, parse_size, show_duration};

/// Every table of the configuration with the keys it may have, for documentation and tests. A `NAME` in the table's
/// name stands for the account's name.
#[must_use]
pub fn known_keys() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        ("", top::KEYS.to_vec()),
        ("accounts.NAME", account::all_keys()),
        ("accounts.NAME.sync", account::SYNC_KEYS.to_vec()),
        ("accounts.NAME.sync.hold", account::HOLD_KEYS.to_vec()),
        ("accounts.NAME.notify", account::NOTIFY_KEYS.to_vec()),
        ("hooks", hooks::KEYS.to_vec()),
    ]
}

#[cfg(test)]
mod tests;
