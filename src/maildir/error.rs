//! What can go wrong on disk, and how far it reaches.

use std::io;

use rustix::io::Errno;

use super::links::LinkRefusal;
use crate::engine::{Fault, Reach};
use crate::mail::{LocalId, MailboxName};

/// An error of a Maildir account.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused something.
    #[error("cannot {act} {path}")]
    Io {
        /// What was tried, as a verb.
        act: &'static str,
        /// On what, escaped for display.
        path: String,
        /// How far it reaches when the cause says nothing more.
        reach: Reach,
        /// The cause.
        source: io::Error,
    },
    /// A symbolic link in the Maildir is not followed.
    #[error("{path} is a directory that is not synced: {why}", path = .path, why = .why)]
    Link {
        /// Its path below the root.
        path: String,
        /// Why not.
        why: LinkRefusal,
    },
    /// A mailbox's name makes a directory name longer than file systems take.
    #[error("mailbox {0}: the name is too long for a directory")]
    NameTooLong(MailboxName),
    /// The configuration gives the folder of this name to another mailbox.
    #[error(
        "mailbox {0}: [accounts.NAME.folders] gives its folder to another mailbox; name one for this mailbox there, too"
    )]
    FolderTaken(MailboxName),
    /// A directory kept changing while it was listed.
    #[error("mailbox {0}: its files keep being renamed, it was not listed")]
    Restless(MailboxName),
    /// A directory that is no synced folder kept changing while it was searched.
    #[error("{0}: its files keep being renamed, it was not searched")]
    RestlessDirectory(String),
    /// A file is not in the folder any more.
    #[error("file {0} is gone")]
    Gone(LocalId),
    /// A file does not look as it did.
    #[error("file {0} has changed")]
    Changed(LocalId),
    /// A file is no message: empty, or not a regular file.
    #[error("file {0} is no message: {1}")]
    NoMessage(LocalId, &'static str),
    /// The name that a file would get belongs to another file.
    #[error("the name of file {0} is taken by another file")]
    Taken(LocalId),
    /// A message had another number of octets than announced.
    #[error("a message of {announced} octets came with {came}")]
    Incomplete {
        /// What was announced.
        announced: u64,
        /// What came.
        came: u64,
    },
    /// A folder cannot be retired while it holds messages.
    #[error("mailbox {0}: messages are left in its folder")]
    NotEmpty(MailboxName),
    /// A folder cannot take this name.
    #[error("mailbox {0}: there is a folder of this name already")]
    FolderExists(MailboxName),
    /// The root of a Maildir++ account is its INBOX and stays where it is.
    #[error("mailbox {0}: this folder is the root and cannot be moved")]
    IsRoot(MailboxName),
    /// A path that does not lead into the local trash.
    #[error("not a path in the local trash: {0}")]
    NotInTrash(String),
    /// A day that is not written `YYYY-MM-DD`.
    #[error("not a day: {0}")]
    NotADay(String),
    /// The system has no random numbers.
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
    /// A worker thread could not be started or ended early.
    #[error("a worker thread of the Maildir ended early")]
    Worker,
}

impl Error {
    /// An I/O error, with the path escaped.
    pub(super) fn io(
        act: &'static str,
        path: &[u8],
        reach: Reach,
        source: impl Into<io::Error>,
    ) -> Self {
        Self::Io {
            act,
            path: path.escape_ascii().to_string(),
            reach,
            source: source.into(),
        }
    }

    /// Whether it concerns the whole account.
    pub(super) fn reaches_account(&self) -> bool {
        self.weight().0 >= Reach::Account
    }

    /// What went wrong, with its cause.
    pub(super) fn full(&self) -> String {
        match self {
            Self::Io { source, .. } => format!("{self}: {source}"),
            other => other.to_string(),
        }
    }

    /// How far it reaches, and whether the same may work later.
    fn weight(&self) -> (Reach, bool) {
        match self {
            Self::Io { reach, source, .. } => weigh(*reach, source),
            Self::Restless(_) | Self::RestlessDirectory(_) => (Reach::Mailbox, true),
            Self::Link { .. } => (Reach::Mailbox, true),
            Self::NameTooLong(_)
            | Self::FolderTaken(_)
            | Self::NotEmpty(_)
            | Self::FolderExists(_)
            | Self::IsRoot(_) => (Reach::Mailbox, false),
            Self::Gone(_) | Self::Changed(_) | Self::Incomplete { .. } => (Reach::Message, true),
            Self::NoMessage(..) | Self::Taken(_) | Self::NotInTrash(_) => (Reach::Message, false),
            Self::NotADay(_) => (Reach::Account, false),
            Self::Random(_) | Self::Worker => (Reach::Account, true),
        }
    }
}

/// Full, broken and read-only disks concern the whole account, whatever file met them first.
fn weigh(reach: Reach, source: &io::Error) -> (Reach, bool) {
    let whole_disk = [
        Errno::NOSPC,
        Errno::DQUOT,
        Errno::ROFS,
        Errno::IO,
        Errno::STALE,
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOMEM,
    ];
    match Errno::from_io_error(source) {
        Some(errno) if whole_disk.contains(&errno) => (Reach::Account, true),
        Some(Errno::NAMETOOLONG) => (reach, false),
        _ => (reach, true),
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let (reach, retry) = error.weight();
        Self::new(reach, retry, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_concerns_the_account_and_a_lost_file_only_its_message() {
        let full = Error::io("write", b"tmp/x", Reach::Message, Errno::NOSPC);
        assert_eq!(Fault::from(full).reach, Reach::Account);
        let gone = Error::Gone(LocalId::new(b"x").unwrap());
        assert_eq!(Fault::from(gone).reach, Reach::Message);
    }

    #[test]
    fn paths_are_escaped_and_the_cause_is_named() {
        let error = Error::io("open", b"a\x1b]0;x", Reach::Mailbox, Errno::ACCESS);
        let text = Fault::from(error).to_string();
        assert!(text.starts_with("cannot open a\\x1b]0;x: "), "{text}");
    }
}
