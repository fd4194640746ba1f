//! How an account's last pass ended, beside its state: `status` shows it. Not in the state itself, because a pass that
//! finds nothing to do writes nothing there.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::cli::reports::{LeftOnServer, Problem};
use crate::config::{Account, Config};
use crate::store::database_path;

/// The end of the last pass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Last {
    /// When a pass last ended with everything in sync or held, seconds since 1970.
    pub(super) complete: Option<i64>,
    /// When a pass last ended, however it did.
    pub(super) ended: i64,
    /// What went wrong in it.
    pub(super) problems: Vec<Problem>,
    /// What a POP3 session has left on the server.
    #[serde(default)]
    pub(super) left: Option<LeftOnServer>,
}

fn path(config: &Config, account: &Account) -> PathBuf {
    database_path(&config.state_dir, account.name.as_str()).with_extension("last.json")
}

/// What is known of the last pass; what cannot be read is not known.
pub(super) fn read(config: &Config, account: &Account) -> Option<Last> {
    let text = std::fs::read(path(config, account)).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Whether the last pass there was went well, so that the server let us in.
pub(super) fn went_well(config: &Config, account: &Account) -> bool {
    read(config, account).is_some_and(|last| last.complete == Some(last.ended))
}

/// Writes it down; replaces the file whole, so that a reader never sees half of it.
pub(super) fn write(config: &Config, account: &Account, last: &Last) -> io::Result<()> {
    let path = path(config, account);
    let fresh = path.with_extension("json.new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(&serde_json::to_vec(last)?)?;
    drop(file);
    std::fs::rename(&fresh, &path)
}
