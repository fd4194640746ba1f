//! The marker files: `.mailferry` in the root and in every folder.
//!
//! A few lines of TOML that say whose directory this is. In the Maildir++ layout the root is also INBOX, and one
//! file says both.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt};

use rustix::io::Errno;

use super::error::Error;
use super::sys::Dir;
use crate::engine::Reach;
use crate::engine::ports::Marker;

/// The file's name.
pub(super) const FILE: &[u8] = b".mailferry";

/// What the name of one that is not in its place yet begins with; 32 hexadecimal digits follow.
const BEFORE: &str = ".mailferry.";

/// More than any marker has.
const LONGEST: u64 = 4096;

/// What a disk writes whole or not at all, in octets.
const SECTOR: usize = 512;

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

    /// The same marks, as of the other's time.
    fn with_epoch_of(mut self, other: &Self) -> Self {
        if let (Some(own), Some(other)) = (&mut self.own, &other.own) {
            own.epoch = other.epoch;
        }
        self
    }

    fn text(&self) -> String {
        let mut text = String::from(
            "# mailferry keeps this directory in step with a mail server. Without this file it would not know that\n\
             # the directory is the right one, and would stop rather than believe that its mail is gone.\n",
        );
        if let Some(own) = &self.own {
            // As wide as any epoch is, so that the next one can be written over this one.
            text.push_str(&format!("id = \"{}\"\nepoch = {:<20}\n", own.id, own.epoch));
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

/// Whether a file of this name may be a marker that never got to its place.
pub(super) fn is_temporary(name: &[u8]) -> bool {
    let digits = name.strip_prefix(BEFORE.as_bytes());
    digits.is_some_and(|digits| digits.len() == 32 && digits.iter().all(u8::is_ascii_hexdigit))
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

/// Writes a directory's marker: whole or not at all.
pub(super) fn write(dir: &Dir, marks: &Marks) -> Result<(), Error> {
    match to_write_over(dir, marks) {
        Some((file, there)) => {
            write_over(&file, &there, marks.text().as_bytes())
                .map_err(|error| Error::io("write", &dir.path_of(FILE), Reach::Mailbox, error))?;
            // Its name may not be there for sure, if the program ended just when the file had got it.
            dir.sync()
        }
        None => put(dir, marks),
    }
}

/// The marker that is there and what is in it, if it is one in which only the epoch has to change.
///
/// That happens at the beginning of every pass that has something to do, and a file that comes and goes in a directory
/// is more than a neighbour expects: `notmuch new` ends with an error at a file that it has seen and that is not there
/// any more.
fn to_write_over(dir: &Dir, marks: &Marks) -> Option<(File, Vec<u8>)> {
    let mut file = dir.open_to_change(FILE).ok()?;
    let meta = file.metadata().ok()?;
    // A second name may be somebody's backup, which has to keep the epoch that it was made at.
    if !meta.is_file() || meta.nlink() != 1 {
        return None;
    }
    let mut bytes = Vec::new();
    (&mut file).take(LONGEST).read_to_end(&mut bytes).ok()?;
    let there = Marks::parse(&String::from_utf8_lossy(&bytes));
    let ours = bytes == there.text().as_bytes() && bytes.len() <= SECTOR;
    // What is there already may be so in memory only, if a sync has failed. A file that is written anew is not.
    let ours = ours && there != *marks;
    (ours && there.with_epoch_of(marks) == *marks).then_some((file, bytes))
}

/// Writes what differs, which is some of the epoch's digits: nobody ever sees anything but the old or the new one, and no
/// disk, however bad, can make the marker that of another directory.
fn write_over(file: &File, old: &[u8], new: &[u8]) -> std::io::Result<()> {
    let differs = |(at, octet): (usize, &u8)| (old.get(at) != Some(octet)).then_some(at);
    let first = new.iter().enumerate().find_map(differs);
    let last = new.iter().enumerate().rev().find_map(differs);
    if let (Some(first), Some(last)) = (first, last) {
        let digits = new.get(first..=last).unwrap_or_default();
        file.write_all_at(digits, u64::try_from(first).unwrap_or_default())?;
    }
    file.sync_data()
}

/// Puts a new file in the place of the old one. It is written in the folder's `tmp`, where there is one: mail programs
/// expect files to come and go there.
fn put(dir: &Dir, marks: &Marks) -> Result<(), Error> {
    let tmp = dir.find(b"tmp").ok().flatten();
    let tmp = tmp.filter(|tmp| tmp.is_on_disk_of(dir));
    let from = tmp.as_ref().unwrap_or(dir);
    let temporary = format!("{BEFORE}{:032x}", super::random()?).into_bytes();
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
    fn a_leftover_is_known_by_its_name() {
        assert!(is_temporary(format!("{BEFORE}{:032x}", 5).as_bytes()));
        for name in [".mailferry", ".mailferry.5", "1.M2P3.host"] {
            assert!(!is_temporary(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn every_epoch_takes_the_same_room_in_one_sector() {
        let length = |epoch| {
            let (id, inbox) = ("f".repeat(32), Some(marker(&"e".repeat(32), 0)));
            let own = Some(marker(&id, epoch));
            Marks { own, inbox }.text().len()
        };
        assert_eq!(length(1), length(u64::MAX));
        assert!(length(1) <= SECTOR);
    }

    #[test]
    fn a_damaged_marker_is_none() {
        for text in ["", "id = \"\"", "epoch = 3", "id = \"a b\"", "\0\0\0"] {
            assert_eq!(Marks::parse(text), Marks::default(), "{text:?}");
        }
    }
}
