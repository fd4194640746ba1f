//! The few system calls everything here is made of: always relative to an open directory, never through a symlink.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{
    Advice, AtFlags, CWD, FileType, Mode, OFlags, RawDir, RenameFlags, Statx, StatxFlags, Timespec,
    Timestamps, UTIME_OMIT,
};
use rustix::io::Errno;

use super::error::Error;
use crate::engine::Reach;
use crate::sync::FileStamp;

/// Mode of every directory.
const DIR_MODE: Mode = Mode::RWXU;
/// Mode of every file.
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// A directory that is open, with its path for messages.
#[derive(Debug)]
pub(super) struct Dir {
    fd: OwnedFd,
    path: Vec<u8>,
}

/// What [`Dir::entries`] shows of an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Its type, which some file systems do not tell.
    pub kind: FileType,
}

impl Dir {
    /// Opens a directory by its full path, the only place where symlinks are followed: where the account lives is the
    /// user's choice.
    pub fn open_root(path: &Path) -> Result<Self, Error> {
        let bytes = path.as_os_str().as_bytes().to_vec();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::openat(CWD, path, flags, Mode::empty())
            .map(|fd| Self {
                fd,
                path: bytes.clone(),
            })
            .map_err(|error| Error::io("open", &bytes, Reach::Account, error))
    }

    /// Opens a directory in this one; one name, no path.
    pub fn open(&self, name: &[u8]) -> Result<Self, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(&self.fd, OsStr::from_bytes(name), flags, Mode::empty())
            .map(|fd| Self {
                fd,
                path: self.path_of(name),
            })
            .map_err(|error| self.error("open", name, Reach::Mailbox, error))
    }

    /// Opens the directory that an entry is or points to.
    pub fn follow(&self, name: &[u8]) -> Result<Self, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&self.fd, OsStr::from_bytes(name), flags, Mode::empty());
        opened.map(|fd| Self {
            fd,
            path: self.path_of(name),
        })
    }

    /// The same, `None` when there is no such directory.
    pub fn open_linked(&self, name: &[u8]) -> Result<Option<Self>, Error> {
        match self.follow(name) {
            Ok(dir) => Ok(Some(dir)),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
            Err(error) => Err(self.error("open", name, Reach::Mailbox, error)),
        }
    }

    /// Which directory this is: its device and its inode.
    pub fn identity(&self) -> Result<(u64, u64), Error> {
        rustix::fs::fstat(&self.fd)
            .map(|stat| (stat.st_dev, stat.st_ino))
            .map_err(|error| self.error("look at", b"", Reach::Mailbox, error))
    }

    /// The same, `None` when there is no such directory.
    pub fn find(&self, name: &[u8]) -> Result<Option<Self>, Error> {
        match self.open(name) {
            Ok(dir) => Ok(Some(dir)),
            Err(error) if means_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens a directory in this one, making it (durably) if need be.
    pub fn make(&self, name: &[u8]) -> Result<Self, Error> {
        match rustix::fs::mkdirat(&self.fd, OsStr::from_bytes(name), DIR_MODE) {
            Ok(()) => self.sync()?,
            Err(Errno::EXIST) => {}
            Err(error) => return Err(self.error("create", name, Reach::Mailbox, error)),
        }
        self.open(name)
    }

    /// Makes a file that was not there, readable by its owner only.
    pub fn create_file(&self, name: &[u8]) -> Result<File, Error> {
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(&self.fd, OsStr::from_bytes(name), flags, FILE_MODE)
            .map(File::from)
            .map_err(|error| self.error("create", name, Reach::Message, error))
    }

    /// Opens a file for reading. Does not wait on a FIFO.
    pub fn open_file(&self, name: &[u8]) -> Result<File, Errno> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let open =
            |flags| rustix::fs::openat(&self.fd, OsStr::from_bytes(name), flags, Mode::empty());
        // Nobody has read the mail because it is compared or sent, and a time of access would have to be written down.
        // Only a file's owner may leave it as it is.
        let opened = match open(flags | OFlags::NOATIME) {
            Err(Errno::PERM) => open(flags),
            opened => opened,
        };
        opened.map(File::from)
    }

    /// Looks at an entry itself, not at what it points to.
    pub fn look(&self, name: &[u8]) -> Result<Look, Errno> {
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::statx(
            &self.fd,
            OsStr::from_bytes(name),
            flags,
            StatxFlags::BASIC_STATS,
        )
        .map(|stat| Look::new(&stat))
    }

    /// Looks at this directory.
    pub fn look_at_self(&self) -> Result<Look, Error> {
        look_at(&self.fd).map_err(|error| self.error("look at", b"", Reach::Mailbox, error))
    }

    /// Calls `each` for every entry but `.` and `..`. An error in the middle is an error, never an end.
    pub fn entries(
        &self,
        mut each: impl FnMut(Listed<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let failed = |error| self.error("list", b"", Reach::Mailbox, error);
        // A descriptor of its own: the offset of `self.fd` stays at the start for the next listing.
        let fresh = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.fd, c".", fresh, Mode::empty()).map_err(failed)?;
        let mut buffer = Vec::with_capacity(64 * 1024);
        let mut dir = RawDir::new(fd, buffer.spare_capacity_mut());
        while let Some(entry) = dir.next() {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                each(Listed {
                    name,
                    kind: entry.file_type(),
                })?;
            }
        }
        Ok(())
    }

    /// The type of an entry, asked for where the listing did not say.
    pub fn kind(&self, entry: Listed<'_>) -> Result<FileType, Errno> {
        match entry.kind {
            FileType::Unknown => self.look(entry.name).map(|look| look.kind),
            known => Ok(known),
        }
    }

    /// Renames, never over another file. Where the file has the new name already, the old one goes.
    pub fn rename(&self, from: &[u8], to_dir: &Self, to: &[u8]) -> Result<(), Errno> {
        let (old, new) = (OsStr::from_bytes(from), OsStr::from_bytes(to));
        let flags = RenameFlags::NOREPLACE;
        let renamed = match rustix::fs::renameat_with(&self.fd, old, &to_dir.fd, new, flags) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                rustix::fs::linkat(&self.fd, old, &to_dir.fd, new, AtFlags::empty())
                    .and_then(|()| rustix::fs::unlinkat(&self.fd, old, AtFlags::empty()))
            }
            other => other,
        };
        match renamed {
            Err(Errno::EXIST) if self.is_linked(from, to_dir, to)? => {
                rustix::fs::fsync(&to_dir.fd)?;
                rustix::fs::unlinkat(&self.fd, old, AtFlags::empty())
            }
            other => other,
        }
    }

    /// Whether these are two names of one file, as a power cut in the middle of a rename may leave them.
    pub fn is_linked(&self, name: &[u8], other_dir: &Self, other: &[u8]) -> Result<bool, Errno> {
        let stat = |dir: &Self, name: &[u8]| {
            let (name, flags) = (OsStr::from_bytes(name), AtFlags::SYMLINK_NOFOLLOW);
            rustix::fs::statx(&dir.fd, name, flags, StatxFlags::BASIC_STATS)
        };
        let identity = |stat: &Statx| (stat.stx_dev_major, stat.stx_dev_minor, stat.stx_ino);
        let (one, two) = (stat(self, name)?, stat(other_dir, other)?);
        let [here, there] = [self, other_dir].map(|dir| stat(dir, b"."));
        let same_name = name == other && identity(&here?) == identity(&there?);
        let regular = FileType::from_raw_mode(u32::from(one.stx_mode)) == FileType::RegularFile;
        Ok(regular && !same_name && one.stx_nlink > 1 && identity(&one) == identity(&two))
    }

    /// Renames over whatever is there: for files that are ours alone.
    pub fn replace(&self, from: &[u8], to_dir: &Self, to: &[u8]) -> Result<(), Error> {
        let (old, new) = (OsStr::from_bytes(from), OsStr::from_bytes(to));
        rustix::fs::renameat(&self.fd, old, &to_dir.fd, new)
            .map_err(|error| to_dir.error("replace", to, Reach::Mailbox, error))
    }

    /// Whether files can be renamed from one to the other, as far as that can be told.
    pub fn is_on_disk_of(&self, other: &Self) -> bool {
        let disk = |dir: &Self| rustix::fs::fstat(&dir.fd).map(|stat| stat.st_dev).ok();
        disk(self).is_some() && disk(self) == disk(other)
    }

    /// Removes a file.
    pub fn remove(&self, name: &[u8]) -> Result<(), Errno> {
        rustix::fs::unlinkat(&self.fd, OsStr::from_bytes(name), AtFlags::empty())
    }

    /// Removes an empty directory.
    pub fn remove_dir(&self, name: &[u8]) -> Result<(), Errno> {
        rustix::fs::unlinkat(&self.fd, OsStr::from_bytes(name), AtFlags::REMOVEDIR)
    }

    /// Makes every rename, creation and removal in this directory durable.
    pub fn sync(&self) -> Result<(), Error> {
        rustix::fs::fsync(&self.fd).map_err(|error| self.error("sync", b"", Reach::Account, error))
    }

    /// The file system's magic number.
    pub fn file_system(&self) -> Result<u64, Error> {
        rustix::fs::fstatfs(&self.fd)
            .map(|stat| u64::try_from(stat.f_type).unwrap_or_default())
            .map_err(|error| self.error("look at", b"", Reach::Mailbox, error))
    }

    /// An error about an entry of this directory (or, with an empty name, about itself).
    pub fn error(&self, act: &'static str, name: &[u8], reach: Reach, error: Errno) -> Error {
        Error::io(act, &self.path_of(name), reach, error)
    }

    /// Where this directory really is, for messages only.
    pub fn shown(&self) -> String {
        let link = format!(
            "/proc/self/fd/{}",
            std::os::fd::AsRawFd::as_raw_fd(&self.fd)
        );
        let path = std::fs::read_link(link).map(|path| path.into_os_string().into_encoded_bytes());
        path.unwrap_or_else(|_| self.path.clone())
            .escape_ascii()
            .to_string()
    }

    /// The path of an entry (or, with an empty name, of itself), for messages only.
    pub fn path_of(&self, name: &[u8]) -> Vec<u8> {
        let mut path = self.path.clone();
        if !name.is_empty() {
            path.push(b'/');
            path.extend_from_slice(name);
        }
        path
    }
}

/// How an entry looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// Its type.
    pub kind: FileType,
    /// Inode, size and mtime.
    pub stamp: FileStamp,
    /// When its content, name or attributes changed last, in nanoseconds since 1970.
    pub ctime_ns: i64,
}

impl Look {
    fn new(stat: &Statx) -> Self {
        let nanos = |seconds: i64, rest: u32| {
            seconds
                .saturating_mul(1_000_000_000)
                .saturating_add(i64::from(rest))
        };
        Self {
            kind: FileType::from_raw_mode(u32::from(stat.stx_mode)),
            stamp: FileStamp {
                inode: stat.stx_ino,
                size: stat.stx_size,
                mtime_ns: nanos(stat.stx_mtime.tv_sec, stat.stx_mtime.tv_nsec),
            },
            ctime_ns: nanos(stat.stx_ctime.tv_sec, stat.stx_ctime.tv_nsec),
        }
    }
}

/// Looks at an open file.
pub(super) fn look_at(file: impl AsFd) -> Result<Look, Errno> {
    rustix::fs::statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)
        .map(|stat| Look::new(&stat))
}

/// Lets the kernel begin to write a file's octets. Whether that succeeds the fsync tells that follows: begun like this,
/// those of many files lead to a few writes of the file system's journal, and not to one for each.
pub(super) fn begin_writing(file: impl AsFd) {
    let _ = rustix::fs::fadvise(file, 0, None, Advice::DontNeed);
}

/// Sets a file's mtime to whole seconds since 1970, and leaves its atime.
pub(super) fn set_date(file: impl AsFd, date: i64) -> Result<(), Errno> {
    set_mtime(file, date, 0)
}

/// Sets a file's mtime to nanoseconds since 1970, and leaves its atime.
pub(super) fn set_date_ns(file: impl AsFd, date_ns: i64) -> Result<(), Errno> {
    set_mtime(
        file,
        date_ns.div_euclid(1_000_000_000),
        date_ns.rem_euclid(1_000_000_000),
    )
}

fn set_mtime(file: impl AsFd, seconds: i64, nanos: i64) -> Result<(), Errno> {
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: seconds,
            tv_nsec: nanos,
        },
    };
    rustix::fs::futimens(file, &times)
}

/// Creates a directory with all its parents, durably.
pub(super) fn make_all(path: &Path) -> Result<Dir, Error> {
    match Dir::open_root(path) {
        Err(error) if means_absent(&error) => {}
        other => return other,
    }
    let bytes = path.as_os_str().as_bytes();
    let failed = |errno| Error::io("create", bytes, Reach::Account, errno);
    let parent = path.parent().ok_or_else(|| failed(Errno::NOENT))?;
    let name = path.file_name().ok_or_else(|| failed(Errno::INVAL))?;
    let parent = if parent.as_os_str().is_empty() {
        Path::new(".")
    } else {
        parent
    };
    let above = make_all(parent)?;
    match rustix::fs::mkdirat(&above.fd, name, DIR_MODE) {
        Ok(()) => above.sync()?,
        Err(Errno::EXIST) => {}
        Err(errno) => return Err(failed(errno)),
    }
    Dir::open_root(path)
}

/// Whether an error says that something is simply not there (or no directory).
pub(super) fn means_absent(error: &Error) -> bool {
    let Error::Io { source, .. } = error else {
        return false;
    };
    matches!(
        Errno::from_io_error(source),
        Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP)
    )
}
