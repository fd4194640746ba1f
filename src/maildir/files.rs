//! An open folder: its directory with `cur`, `new` and `tmp`.

use rustix::io::Errno;

use super::Core;
use super::error::Error;
use super::keywords::{self, Keywords};
use super::sys::{Dir, Look, means_absent};
use crate::engine::Reach;
use crate::mail::MailboxName;

/// Which of the two directories a message is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// Seen by a mail program, or with flags.
    Cur,
    /// Delivered and not looked at yet.
    New,
}

/// A folder, open.
#[derive(Debug)]
pub(super) struct FolderDirs {
    /// The folder itself.
    pub dir: Dir,
    /// `cur`.
    pub cur: Dir,
    /// `new`.
    pub new: Dir,
    /// `tmp`.
    pub tmp: Dir,
}

impl FolderDirs {
    /// `cur` or `new`.
    pub fn place(&self, place: Place) -> &Dir {
        match place {
            Place::Cur => &self.cur,
            Place::New => &self.new,
        }
    }

    /// How the file of keywords looks, where there is one.
    pub fn look_at_keywords(&self) -> Result<Option<Look>, Error> {
        let name = keywords::FILE.as_bytes();
        match self.dir.look(name) {
            Ok(look) => Ok(Some(look)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(self.dir.error("look at", name, Reach::Mailbox, errno)),
        }
    }

    /// What letters mean here.
    pub fn keywords(&self) -> Result<Keywords, Error> {
        let name = keywords::FILE.as_bytes();
        let failed = |errno| self.dir.error("read", name, Reach::Mailbox, errno);
        let file = match self.dir.open_file(name) {
            Ok(file) => file,
            Err(Errno::NOENT | Errno::LOOP) => return Ok(Keywords::default()),
            Err(errno) => return Err(failed(errno)),
        };
        let mut text = Vec::new();
        // 26 keywords of 255 bytes fit many times over.
        match std::io::Read::read_to_end(&mut std::io::Read::take(file, 64 * 1024), &mut text) {
            Ok(_) => Ok(Keywords::parse(&text)),
            Err(error) => match Errno::from_io_error(&error) {
                Some(Errno::ISDIR) => Ok(Keywords::default()),
                errno => Err(failed(errno.unwrap_or(Errno::IO))),
            },
        }
    }
}

impl Core {
    /// The root, open.
    pub(super) fn root_dir(&self) -> Result<Dir, Error> {
        Dir::open_root(&self.root)
    }

    /// A folder's own directory, open.
    pub(super) fn dir_of(&self, name: &MailboxName) -> Result<Dir, Error> {
        self.open_path(&self.path_to(name)?)
    }

    /// The same, `None` when there is no such directory (but a root).
    pub(super) fn find_dir(&self, name: &MailboxName) -> Result<Option<Dir>, Error> {
        let path = self.path_to(name)?;
        // An absent root is an error, never an absent folder.
        self.root_dir()?;
        match self.open_path(&path) {
            Ok(dir) => Ok(Some(dir)),
            Err(error) if means_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A folder, open. One that lacks `cur`, `new` or `tmp` is an error, never an empty folder.
    pub(super) fn folder(&self, name: &MailboxName) -> Result<FolderDirs, Error> {
        let dir = self.dir_of(name)?;
        Ok(FolderDirs {
            cur: dir.open(b"cur")?,
            new: dir.open(b"new")?,
            tmp: dir.open(b"tmp")?,
            dir,
        })
    }
}
