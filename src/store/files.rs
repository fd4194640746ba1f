//! The files around one account's state: names, permissions, the lock, and setting a damaged file aside.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::StoreError;

/// Where an account's state is.
#[must_use]
pub fn database_path(state_dir: &Path, account: &str) -> PathBuf {
    state_dir.join(format!("{}.sqlite", escape(account)))
}

/// The account whose state a file is, from its name; `None` if it is no state.
#[must_use]
pub fn account_of(path: &Path) -> Option<String> {
    unescape(path.file_name()?.to_str()?.strip_suffix(".sqlite")?)
}

/// Letters, digits, `-`, `_` and inner dots stay; any other byte becomes `%XX`. Nothing is `%`.
fn escape(account: &str) -> String {
    if account.is_empty() {
        return "%".to_owned();
    }
    let mut name = String::with_capacity(account.len());
    for (at, byte) in account.bytes().enumerate() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' || (byte == b'.' && at > 0)
        {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    name
}

fn unescape(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        bytes.push(u8::from_str_radix(after.get(..2)?, 16).ok()?);
        rest = after.get(2..)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    let account = String::from_utf8(bytes).ok()?;
    (escape(&account) == name).then_some(account)
}

/// Another file beside the database: its name with something at the end.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Makes the state directory, for its owner only.
pub(super) fn make_dir(dir: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|error| StoreError::file(dir, "make the state directory", error))
}

/// Takes the account's lock. The system lets it go when the file is closed, however the process ends.
pub(super) fn lock(state_dir: &Path, account: &str) -> Result<File, StoreError> {
    let path = state_dir.join(format!("{}.lock", escape(account)));
    let failed = |error| StoreError::file(&path, "lock the account", error);
    let file = private().open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked {
            account: account.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Makes the database file if need be, and sees that only its owner can read it: SQLite gives the files beside it
/// the same permissions.
pub(super) fn make_private(path: &Path) -> Result<(), StoreError> {
    let failed = |error| StoreError::file(path, "open the state", error);
    let file = private().open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))
            .map_err(failed)?;
    }
    Ok(())
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600);
    options
}

/// Reads the database and its log from end to end, as SQLite does: by position.
pub(super) fn read_through(path: &Path) -> Result<(), StoreError> {
    for path in [path.to_path_buf(), beside(path, "-wal")] {
        let failed = |error| StoreError::file(&path, "read the state", error);
        let file = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            other => other.map_err(failed)?,
        };
        let mut buffer = vec![0; 64 * 1024];
        let mut at = 0_u64;
        loop {
            match file.read_at(&mut buffer, at) {
                Ok(0) => break,
                Ok(octets) => at = at.saturating_add(octets as u64),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }
    Ok(())
}

/// Renames a damaged database and the files beside it; returns its new name. The database goes first: what is left
/// after a crash in the middle is then no state at all, never one without its log.
pub(super) fn set_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let failed = |error| StoreError::file(path, "set the damaged state aside", error);
    let free = (1_u32..)
        .map(|number| beside(path, &format!(".damaged-{number}")))
        .find(|name| !name.exists())
        .unwrap_or_else(|| beside(path, ".damaged"));
    fs::rename(path, &free).map_err(failed)?;
    for suffix in ["-wal", "-shm"] {
        match fs::rename(beside(path, suffix), beside(&free, suffix)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    trust(path)?;
    sync_dir(path)?;
    Ok(free)
}

/// Leaves a note that the state must be looked at closely when it is opened again. A best effort: the note must not
/// hide the error that led to it.
pub(super) fn distrust(path: &Path) {
    if let Err(error) = private().open(beside(path, ".suspect")) {
        tracing::warn!(path = %path.display(), %error, "cannot note that the state is damaged");
    }
}

/// Whether there is such a note.
pub(super) fn is_suspect(path: &Path) -> bool {
    beside(path, ".suspect").exists()
}

/// Removes the note.
pub(super) fn trust(path: &Path) -> Result<(), StoreError> {
    let note = beside(path, ".suspect");
    match fs::remove_file(&note) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(StoreError::file(
            &note,
            "remove the note about damage",
            error,
        )),
        _ => Ok(()),
    }
}

/// Makes renames in the state directory durable.
pub(super) fn sync_dir(path: &Path) -> Result<(), StoreError> {
    let dir = path.parent().unwrap_or_else(|| Path::new("."));
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(|error| StoreError::file(dir, "sync the state directory", error))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn account_names_cannot_leave_the_directory() {
        assert_eq!(escape("work"), "work");
        assert_eq!(escape("../x"), "%2E.%2Fx");
        assert_eq!(escape("a b@c"), "a%20b%40c");
        assert_eq!(account_of(Path::new("/s/%2E.%2Fx.sqlite")).unwrap(), "../x");
        assert!(account_of(Path::new("/s/work.sqlite-wal")).is_none());
        assert!(account_of(Path::new("/s/a%2.sqlite")).is_none());
    }

    proptest! {
        #[test]
        fn account_names_round_trip(account in "\\PC{1,12}|[a-z%./ -]{1,12}") {
            let path = database_path(Path::new("/state"), &account);
            prop_assert_eq!(path.parent(), Some(Path::new("/state")));
            prop_assert_eq!(account_of(&path), Some(account));
        }
    }
}
