//! Reading a message's file, never more of it than was asked for.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::HEAD_LIMIT;

/// How much is read at a time while looking for the end of the header. Memory for more is given back to the system and asked
/// for again each time.
const PIECE: usize = 8 * 1024;

/// Reads the header of a message's file, and perhaps a little more; at most [`HEAD_LIMIT`].
///
/// A file that is gone is looked for under the same name with other flags, in `cur` and `new` beside it.
///
/// # Errors
/// When there is no such file, it is no plain file, or it cannot be read.
pub fn read_head(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = open(path)?;
    let mut head = Vec::new();
    loop {
        let from = head.len();
        // Else it is read in small pieces that grow.
        head.reserve(PIECE);
        let read = (&mut file).take(PIECE as u64).read_to_end(&mut head)?;
        let seen = head.get(from.saturating_sub(3)..).unwrap_or_default();
        if read == 0 || ends(seen) || head.len() >= HEAD_LIMIT {
            return Ok(head);
        }
    }
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
    piece.windows(2).any(|two| two == b"\n\n") || piece.windows(3).any(|three| three == b"\n\r\n")
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
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a plain file",
        ));
    }
    File::open(path)
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
