//! The marker files: `.mailferry` in the root and in every folder.
//!
//! A few lines of TOML that say whose directory this is. In the Maildir++ layout the root is also INBOX, and one
//! file says both.

use std::io::{Read, Write};

use rustix::io::Errno;

use super::error::Error;
use super::name;
use super::sys::Dir;
use crate::engine::Reach;
use crate::engine::ports::Marker;

/// The file's name.
pub(super) const FILE: &[u8] = b".mailferry";

/// More than any marker has.
const LONGEST: u64 = 4096;

/// What a marker file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// Of the root, or of a folder that is not the root.
    pub own: Option<Marker>,
    /// Of INBOX, when that is the root.
    pub inbox: Option<Marker>,
}

impl Marks {
    fn parse(text: &str) -> Self {
        let mut own = Marker {
            id: String::new(),
            epoch: 0,
        };
        let mut inbox = None;
        for line in text.lines() {
            let Some((key, value)) = line.split_once('=') else {
                continue;
            };
            let value = value.trim().trim_matches('"');
            match key.trim() {
                "id" if is_id(value) => value.clone_into(&mut own.id),
                "epoch" => own.epoch = value.parse().unwrap_or_default(),
                "folder" if is_id(value) => inbox = Some(value.to_owned()),
                _ => {}
            }
        }
        Self {
            own: (!own.id.is_empty()).then_some(own),
            inbox: inbox.map(|id| Marker { id, epoch: 0 }),
        }
    }

    fn text(&self) -> String {
        let mut text = String::from(
            "# mailferry keeps this directory in step with a mail server. Without this file it would not know that\n\
             # the directory is the right one, and would stop rather than believe that its mail is gone.\n",
        );
        if let Some(own) = &self.own {
            text.push_str(&format!("id = \"{}\"\nepoch = {}\n", own.id, own.epoch));
        }
        if let Some(inbox) = &self.inbox {
            text.push_str(&format!("folder = \"{}\"\n", inbox.id));
        }
        text
    }
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Reads a directory's marker; one that cannot be understood counts as none.
pub(super) fn read(dir: &Dir) -> Result<Marks, Error> {
    let failed = |errno| dir.error("read", FILE, Reach::Mailbox, errno);
    let file = match dir.open_file(FILE) {
        Ok(file) => file,
        Err(Errno::NOENT | Errno::LOOP) => return Ok(Marks::default()),
        Err(errno) => return Err(failed(errno)),
    };
    let mut bytes = Vec::new();
    match file.take(LONGEST).read_to_end(&mut bytes) {
        Ok(_) => Ok(Marks::parse(&String::from_utf8_lossy(&bytes))),
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::ISDIR) => Ok(Marks::default()),
            errno => Err(failed(errno.unwrap_or(Errno::IO))),
        },
    }
}

/// Writes a directory's marker: whole or not at all. It is written in `tmp`, a folder's, if that is there and on the same
/// disk: mail programs expect files to come and go there, and elsewhere `notmuch new` ends with an error at a file that
/// it has seen and that is gone when it gets to it.
pub(super) fn write(dir: &Dir, tmp: Option<&Dir>, marks: &Marks) -> Result<(), Error> {
    let from = tmp.filter(|tmp| tmp.is_on_disk_of(dir)).unwrap_or(dir);
    let temporary = name::temporary(super::random()?);
    let mut file = from.create_file(&temporary)?;
    let written = file
        .write_all(marks.text().as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| Error::io("write", &dir.path_of(FILE), Reach::Mailbox, error))
        .and_then(|()| from.replace(&temporary, dir, FILE));
    if let Err(error) = written {
        // The error that is reported is the first one; the leftover is small and hidden.
        let _ = from.remove(&temporary);
        return Err(error);
    }
    dir.sync()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker(id: &str, epoch: u64) -> Marker {
        Marker {
            id: id.to_owned(),
            epoch,
        }
    }

    #[test]
    fn a_marker_reads_back() {
        for (own, inbox) in [
            (Some(marker("0a1b", 7)), None),
            (Some(marker("0a1b", 7)), Some(marker("ff", 0))),
            (None, Some(marker("ff", 0))),
        ] {
            let marks = Marks { own, inbox };
            assert_eq!(Marks::parse(&marks.text()), marks);
        }
    }

    #[test]
    fn a_damaged_marker_is_none() {
        for text in ["", "id = \"\"", "epoch = 3", "id = \"a b\"", "\0\0\0"] {
            assert_eq!(Marks::parse(text), Marks::default(), "{text:?}");
        }
    }
}
