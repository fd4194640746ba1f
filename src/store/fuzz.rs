//! What holds for any state file: see [`crate::fuzz`].
#![allow(clippy::unwrap_used, reason = "a broken promise has to be loud")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::types::Value;
use rusqlite::{Connection, params};

use super::{SqliteReader, SqliteStore, StoreError, database_path};
use crate::engine::ports::Store;

/// The state that version 1 wrote.
const BASE: &[u8] = include_bytes!("../../tests/fixtures/state-v1.sqlite");

/// Every column there is but those that are part of no answer.
const COLUMNS: [&str; 56] = [
    "state.id",
    "state.epoch",
    "state.pending",
    "state.clean",
    "serial.last",
    "serial.kind",
    "mailbox.id",
    "mailbox.name",
    "mailbox.role",
    "mailbox.uidvalidity",
    "mailbox.uidnext",
    "mailbox.modseq",
    "mailbox.marker",
    "mailbox.object_id",
    "mailbox.last_sync",
    "mailbox.problem",
    "entry.row",
    "entry.mailbox",
    "entry.uid",
    "entry.local",
    "entry.flags",
    "entry.keywords",
    "entry.size",
    "entry.date",
    "entry.message_id",
    "entry.digest",
    "entry.raw",
    "entry.inode",
    "entry.mtime_ns",
    "entry.linked",
    "entry.hold",
    "intent.kind",
    "intent.since",
    "intent.mailbox",
    "intent.uidvalidity",
    "intent.uidnext",
    "intent.row",
    "intent.local",
    "intent.keywords",
    "intent.digest",
    "parked.mailbox",
    "parked.uid",
    "parked.local",
    "parked.reason",
    "parked.attempts",
    "parked.retry_at",
    "hold.id",
    "hold.side",
    "hold.kind",
    "hold.verdict",
    "batch.id",
    "batch.name",
    "batch.side",
    "deletion.batch",
    "deletion.at",
    "deletion.trash_path",
];

/// A state directory that goes away.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        // Memory, where there is such a thing: nothing here is about disks.
        let shared = Path::new("/dev/shm");
        let base = if shared.is_dir() {
            shared.to_owned()
        } else {
            std::env::temp_dir()
        };
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = base.join(format!("mailferry-fuzz-{}-{count}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The first octet says what the rest is: a whole file, octets in another one, or values in its tables.
///
/// Whatever the state's file holds: it is opened, refused and left as it is, or set aside. It is never gone.
pub fn state(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else {
        return;
    };
    let place = Place::new();
    let file = database_path(&place.0, "a");
    match kind % 4 {
        0 => fs::write(&file, rest).unwrap(),
        1 => fs::write(&file, patched(rest)).unwrap(),
        2 => {
            let end = rest.iter().fold(0, |all, octet| {
                (all * 256 + usize::from(*octet)) % BASE.len()
            });
            fs::write(&file, BASE.get(..end).unwrap()).unwrap();
        }
        _ => {
            fs::write(&file, BASE).unwrap();
            rewrite(&file, rest);
        }
    }
    let before = fs::read(&file).unwrap();
    look(&file);
    assert_eq!(fs::read(&file).unwrap(), before, "looking changed it");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(open(&place.0, &file, &before));
}

/// Three octets are a place, one a length, and then come octets for that place.
fn patched(mut rest: &[u8]) -> Vec<u8> {
    let mut file = BASE.to_vec();
    while let &[high, middle, low, length, ref octets @ ..] = rest {
        let at =
            (usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low)) % file.len();
        let (octets, after) = octets.split_at(usize::from(length % 16).min(octets.len()));
        for (target, octet) in file.iter_mut().skip(at).zip(octets) {
            *target = *octet;
        }
        rest = after;
    }
    file
}

/// One octet is a column, one the type of a value, one its length, and then comes the value.
fn rewrite(file: &Path, mut rest: &[u8]) {
    let conn = Connection::open(file).unwrap();
    let free = "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;";
    conn.execute_batch(free).unwrap();
    while let &[column, kind, length, ref octets @ ..] = rest {
        let (octets, after) = octets.split_at(usize::from(length).min(octets.len()));
        rest = after;
        let number = octets
            .iter()
            .fold(0_u64, |all, octet| all << 8 | u64::from(*octet));
        let value = match kind % 5 {
            0 => Value::Null,
            1 => Value::Integer(number.cast_signed()),
            2 => Value::Integer(number.wrapping_neg().cast_signed()),
            3 => Value::Text(String::from_utf8_lossy(octets).into_owned()),
            _ => Value::Blob(octets.to_vec()),
        };
        let known = COLUMNS.get(usize::from(column) % COLUMNS.len()).unwrap();
        let (table, column) = known.split_once('.').unwrap();
        // What SQLite itself does not take is no state that could be found.
        let _ = conn.execute(&format!("UPDATE {table} SET {column} = ?1"), params![value]);
    }
}

/// Whatever can be read without being the writer.
fn look(file: &Path) {
    let Ok(Some(reader)) = SqliteReader::open(file) else {
        return;
    };
    let _ = (
        reader.id(),
        reader.mailboxes(),
        reader.counts(),
        reader.holds(),
    );
    let _ = (
        reader.parked(),
        reader.intents(),
        reader.deletions(0),
        reader.batches(),
    );
}

async fn open(dir: &Path, file: &Path, before: &[u8]) {
    let size = |path: &Path| fs::metadata(path).unwrap().len();
    let opened = match SqliteStore::open(dir, "a").await {
        Ok(opened) => opened,
        Err(StoreError::Foreign { .. } | StoreError::Newer { .. }) => {
            assert_eq!(fs::read(file).unwrap(), before, "refused and changed");
            return;
        }
        Err(error) => {
            assert!(!matches!(error, StoreError::Stopped { .. }), "{error}");
            assert!(size(file) >= before.len() as u64, "{error}");
            return;
        }
    };
    if let Some(aside) = &opened.damaged {
        assert_eq!(size(aside), before.len() as u64);
    }
    let store = opened.store;
    read(&store).await;
    let id = store.id().await;
    if store.close().await.is_err() {
        return;
    }
    // A state that could be used can be used again.
    if let Ok(id) = id {
        match SqliteStore::open(dir, "a").await {
            Ok(again) if again.damaged.is_none() => {
                assert_eq!(again.store.id().await.unwrap().id, id.id);
            }
            Ok(again) => assert!(size(&again.damaged.unwrap()) > 0),
            Err(error) => assert!(!matches!(error, StoreError::Stopped { .. }), "{error}"),
        }
    }
}

/// Whatever the writer can read; that may fail, but not bring its thread down.
async fn read(store: &SqliteStore) {
    for mailbox in store.mailboxes().await.unwrap_or_default() {
        let _ = store.base(mailbox.id).await;
        let _ = store.count(mailbox.id).await;
    }
    let _ = (
        store.intents().await,
        store.parked().await,
        store.holds().await,
    );
    let _ = (
        store.deletions(0).await,
        store.batches().await,
        store.fact("server").await,
    );
    let _ = store.set_fact("seen", Some("yes".to_owned())).await;
    let after = store.fact("seen").await;
    assert!(
        !matches!(after, Err(StoreError::Stopped { .. })),
        "the state's thread panicked"
    );
}
