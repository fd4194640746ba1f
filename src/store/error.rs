//! What can go wrong with the state, told apart by SQLite's codes and never by text.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::engine::{Fault, Reach};

/// An error of one account's state.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the account's lock.
    #[error("another mailferry is syncing account {}", .account.escape_debug())]
    Locked {
        /// The account.
        account: String,
    },
    /// The file was written by a later version, which may keep things there that this one would lose.
    #[error(
        "{}: written by a newer mailferry (form {found}, this one knows up to {known})", .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its `user_version`.
        found: i64,
        /// The highest one known here.
        known: i64,
    },
    /// The file has an older form, and whoever asks may only read.
    #[error("{}: still in an older form ({found}); a sync brings it up to date", .path.display())]
    Older {
        /// The file.
        path: PathBuf,
        /// Its `user_version`.
        found: i64,
    },
    /// A database, but not one of ours.
    #[error("{}: not a mailferry state", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file's content is broken.
    #[error("{}: damaged, found by {act}: {detail}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was being done.
        act: &'static str,
        /// What SQLite says.
        detail: String,
    },
    /// No space is left. The transaction was undone; the state is as before.
    #[error("{}: no space left, {act}", .path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// What was being done.
        act: &'static str,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// The disk failed. What the file holds now is only known after it was opened again.
    #[error("{}: {act}", .path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// What was being done.
        act: &'static str,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// A file operation beside SQLite failed.
    #[error("{}: {act}", .path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What was being done.
        act: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// Two messages would share a UID or a file, two mailboxes a name, or something would refer to nothing.
    #[error("{}: refused {change}", .path.display())]
    Conflict {
        /// The file.
        path: PathBuf,
        /// The change at fault.
        change: String,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// Any other answer of SQLite.
    #[error("{}: {act}", .path.display())]
    Sql {
        /// The file.
        path: PathBuf,
        /// What was being done.
        act: &'static str,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// The state knows no mailbox of this number.
    #[error("{}: no mailbox {number}", .path.display())]
    NoMailbox {
        /// The file.
        path: PathBuf,
        /// The number.
        number: i64,
    },
    /// After a disk error or damage nothing more is done until the state is opened again.
    #[error("{}: closed after an earlier error", .path.display())]
    Stopped {
        /// The file.
        path: PathBuf,
    },
    /// The system has no random numbers.
    #[error("no random numbers from the system: {0}")]
    Random(getrandom::Error),
}

impl StoreError {
    /// Sorts one of SQLite's errors.
    pub(super) fn sql(path: &Path, act: &'static str, source: rusqlite::Error) -> Self {
        let path = path.to_path_buf();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged {
                path,
                act,
                detail: source.to_string(),
            },
            Some(ErrorCode::DiskFull) => Self::Full { path, act, source },
            Some(
                ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied
                | ErrorCode::FileLockingProtocolFailed,
            ) => Self::Disk { path, act, source },
            Some(ErrorCode::ConstraintViolation) => Self::Conflict {
                path,
                change: act.to_owned(),
                source,
            },
            _ => Self::Sql { path, act, source },
        }
    }

    /// A failed file operation.
    pub(super) fn file(path: &Path, act: &'static str, source: io::Error) -> Self {
        let path = path.to_path_buf();
        Self::File { path, act, source }
    }

    /// Whether nothing may be done any more with the connection that said so.
    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::Disk { .. } | Self::Damaged { .. })
    }
}

impl From<StoreError> for Fault {
    /// Nearly everything concerns the account. Only what somebody has to look at is not tried again.
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::NoMailbox { .. }) {
            return Self::new(Reach::Mailbox, true, error);
        }
        let hopeless = matches!(
            error,
            StoreError::Newer { .. } | StoreError::Older { .. } | StoreError::Foreign { .. }
        );
        Self::new(Reach::Account, !hopeless, error)
    }
}
