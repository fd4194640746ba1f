//! The notes of OfflineIMAP: UIDs in file names, and the status files with the flags of its last run.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::lines;
use crate::mail::Flags;

/// What each of a folder's messages had when OfflineIMAP last ran, by UID.
pub(super) type Status = BTreeMap<u32, Flags>;

/// The first line of a status file, with the number of its format.
const MAGIC: &str = "OFFLINEIMAP LocalStatus CACHE DATA - DO NOT MODIFY - FORMAT ";
/// The first octets of a status that is a database.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// Reads a status in text: format 1 has `UID:FLAGS`, format 2 `UID|FLAGS|MTIME|LABELS`. `None` if it is none.
pub(super) fn parse(text: &[u8]) -> Option<Status> {
    let mut lines = lines(text);
    let separator = match lines.next()?.strip_prefix(MAGIC)?.trim() {
        "1" => ':',
        "2" => '|',
        _ => return None,
    };
    let rows = lines.filter_map(|line| {
        let (uid, rest) = line.split_once(separator)?;
        let letters = rest.split(separator).next()?;
        known(uid.trim().parse().ok()?, letters)
    });
    Some(rows.collect())
}

/// Reads a status file, text or database, without changing it.
pub(super) fn read(path: &Path) -> Option<Status> {
    let text = super::contents(path)?;
    if !text.starts_with(SQLITE) {
        return parse(&text);
    }
    // Immutable: not even a journal is looked at, and no file is made beside it.
    let uri = format!("file:{}?immutable=1", escaped(path));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri, flags).ok()?;
    let mut statement = connection.prepare("SELECT id, flags FROM status").ok()?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)));
    Some(
        rows.ok()?
            .filter_map(|row| row.ok().and_then(|(uid, flags)| known(uid, &flags)))
            .collect(),
    )
}

/// A message that is known on the server: its UID is not negative.
fn known(uid: i64, letters: &str) -> Option<(u32, Flags)> {
    let uid = u32::try_from(uid).ok()?;
    // Letters in lower case are keywords, with a meaning that only OfflineIMAP's configuration knows.
    let letters: String = letters.chars().filter(char::is_ascii_uppercase).collect();
    Some((uid, super::flags_of(&letters)?))
}

fn escaped(path: &Path) -> String {
    let octets = path.as_os_str().as_encoded_bytes().iter();
    octets
        .map(|octet| match octet {
            b'/' | b'.' | b'-' | b'_' => char::from(*octet).to_string(),
            octet if octet.is_ascii_alphanumeric() => char::from(*octet).to_string(),
            octet => format!("%{octet:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::Flag;

    fn seen() -> Flags {
        Flags::new().with(Flag::Seen)
    }

    fn expected() -> Status {
        [
            (3, seen()),
            (4, seen().with(Flag::Flagged)),
            (5, Flags::new()),
        ]
        .into()
    }

    #[test]
    fn both_formats_in_text_are_read() {
        let first = format!("{MAGIC}1\n3:S\n4:FS\n5:\n-2:S\n");
        assert_eq!(parse(first.as_bytes()), Some(expected()));
        let second = format!("{MAGIC}2\n3|S|1479391238|\n4|FSa|0|work, x\n5||0|\nx|S|0|\n");
        assert_eq!(parse(second.as_bytes()), Some(expected()));
        for other in ["", "3:S\n", &format!("{MAGIC}3\n3|S|0|\n")] {
            assert_eq!(parse(other.as_bytes()), None);
        }
    }

    #[test]
    fn a_database_is_read_and_left_as_it_is() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a b?#%.INBOX");
        let database = Connection::open(&path).unwrap();
        let script = "CREATE TABLE metadata (key VARCHAR(50) PRIMARY KEY, value VARCHAR(128));
            INSERT INTO metadata VALUES('db_version', '2');
            CREATE TABLE status (id INTEGER PRIMARY KEY, flags VARCHAR(50), mtime INTEGER, labels VARCHAR(256));
            INSERT INTO status VALUES(3, 'S', 0, ''), (4, 'FSa', 0, ''), (5, '', 0, ''), (-1, 'S', 0, '');";
        database.execute_batch(script).unwrap();
        drop(database);
        let before = std::fs::read(&path).unwrap();
        assert_eq!(read(&path), Some(expected()));
        assert_eq!(std::fs::read(&path).unwrap(), before);
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);
        std::fs::write(&path, [SQLITE, b"damaged"].concat()).unwrap();
        assert_eq!(read(&path), None);
    }
}
