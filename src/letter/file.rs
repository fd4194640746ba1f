//! Reading a message's file, never more of it than was asked for.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::{HEAD_LIMIT, Letter};

/// How much is read at a time while looking for the end of the header.
const PIECE: usize = 8 * 1024;
/// So much memory each thread keeps for the next header.
const KEPT: usize = 2 * PIECE;

thread_local! {
    /// What is read into: memory that is given back to the system has to be asked for again each time.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Reads the header of a message's file. Looks for it as [`read_head`] does.
///
/// # Errors
/// When there is no such file, it is no plain file, or it cannot be read.
pub fn head(path: &Path) -> io::Result<Letter> {
    with_head(path, Letter::parse)
}

/// Reads the header of a message's file, and perhaps a little more; at most [`HEAD_LIMIT`] and a little.
///
/// A file that is gone is looked for under the same name with other flags, in `cur` and `new` beside it.
///
/// # Errors
/// When there is no such file, it is no plain file, or it cannot be read.
pub fn read_head(path: &Path) -> io::Result<Vec<u8>> {
    with_head(path, <[u8]>::to_vec)
}

fn with_head<T>(path: &Path, use_it: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
    let mut file = open(path)?;
    BUFFER.with_borrow_mut(|buffer| {
        let mut filled = 0;
        loop {
            if buffer.len() < filled + PIECE {
                buffer.resize(filled + PIECE, 0);
            }
            let room = buffer.get_mut(filled..).unwrap_or_default();
            let read = match file.read(room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            let seen = filled.saturating_sub(3);
            filled += read;
            let fresh = buffer.get(seen..filled).unwrap_or_default();
            if read == 0 || ends(fresh) || filled >= HEAD_LIMIT {
                break;
            }
        }
        let result = use_it(buffer.get(..filled).unwrap_or_default());
        buffer.truncate(KEPT);
        buffer.shrink_to(KEPT);
        Ok(result)
    })
}

/// Reads a message's file, at most `limit` bytes of it. Looks for it as [`read_head`] does.
///
/// # Errors
/// When there is no such file, it is no plain file, or it cannot be read.
pub fn read(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let mut whole = Vec::new();
    file.take(u64::try_from(limit).unwrap_or(u64::MAX))
        .read_to_end(&mut whole)?;
    Ok(whole)
}

/// Whether there is an empty line.
fn ends(piece: &[u8]) -> bool {
    let mut rest = piece;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        rest = rest.get(end + 1..).unwrap_or_default();
        if rest.starts_with(b"\n") || rest.starts_with(b"\r\n") {
            return true;
        }
    }
    false
}

fn open(path: &Path) -> io::Result<File> {
    match open_plain(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            open_plain(&renamed(path).ok_or(error)?)
        }
        other => other,
    }
}

/// Opens what is a plain file: a pipe that somebody put there would make us wait for ever.
fn open_plain(path: &Path) -> io::Result<File> {
    let not_plain = || io::Error::new(io::ErrorKind::InvalidInput, "not a plain file");
    let how = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    // Nobody has read the mail because we look at it, and a time of access would have to be written down. Only a file's
    // owner may leave it as it is.
    let opened = match rustix::fs::open(path, how | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => rustix::fs::open(path, how, Mode::empty()),
        opened => opened,
    };
    let file = match opened {
        Ok(file) => File::from(file),
        Err(Errno::LOOP) => return Err(not_plain()),
        Err(error) => return Err(error.into()),
    };
    if !file.metadata()?.is_file() {
        return Err(not_plain());
    }
    Ok(file)
}

/// The file with the same unique name: mail programs change flags by renaming.
fn renamed(path: &Path) -> Option<PathBuf> {
    let unique = |name: &[u8]| -> Vec<u8> {
        let end = name.iter().position(|byte| *byte == b':');
        name.get(..end.unwrap_or(name.len()))
            .unwrap_or_default()
            .to_vec()
    };
    let wanted = unique(path.file_name()?.as_encoded_bytes());
    let folder = path.parent()?.parent()?;
    ["cur", "new"].into_iter().find_map(|part| {
        fs::read_dir(folder.join(part))
            .ok()?
            .filter_map(Result::ok)
            .find(|entry| unique(entry.file_name().as_encoded_bytes()) == wanted)
            .map(|entry| entry.path())
    })
}
