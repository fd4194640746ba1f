//! Crashes, damage, other forms, locks, permissions, and not writing where nothing changes.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::SystemTime;

use rusqlite::Connection;

use super::*;
use crate::store::files::beside;

fn filled(dir: &Path, rows: i64) -> SqliteStore {
    let store = open(dir);
    commit(&store, vec![Change::PutMailbox(mailbox(1, "INBOX"))]);
    let put = |row| Change::PutEntry(entry(row, 1, Some(u32::try_from(row).unwrap())));
    commit(&store, (1..=rows).map(put).collect());
    store
}

fn error_of(dir: &Path) -> StoreError {
    block(SqliteStore::open(dir, "work")).unwrap_err()
}

/// The main file and the log: size and time of last change.
fn looks(store: &Path) -> Vec<Option<(u64, SystemTime)>> {
    ["", "-wal"]
        .map(|suffix| {
            let metadata = beside(store, suffix).metadata().ok()?;
            Some((metadata.len(), metadata.modified().unwrap()))
        })
        .to_vec()
}

#[test]
fn only_the_owner_can_read_it() {
    let dir = tempfile::tempdir().unwrap();
    let below = dir.path().join("a/state");
    let store = filled(&below, 3);
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&below), 0o700);
    for suffix in ["", "-wal", "-shm"] {
        assert_eq!(mode(&beside(store.path(), suffix)), 0o600, "{suffix}");
    }
    assert_eq!(mode(&below.join("work.lock")), 0o600);
    let path = store.path().to_path_buf();
    drop(store);
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    drop(open(&below));
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn nothing_is_written_where_nothing_changes() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path(), 3);
    block(store.set_fact("a", Some("b".to_owned()))).unwrap();
    let path = store.path().to_path_buf();
    block(store.close()).unwrap();
    let before = looks(&path);
    assert!(before[1].is_none(), "the log is gone after a close");
    let store = open(dir.path());
    let log = looks(&path);
    commit(&store, Vec::new());
    commit(&store, vec![Change::PutMailbox(mailbox(1, "INBOX"))]);
    let outcome = Change::SetOutcome {
        mailbox: MailboxId(1),
        at: None,
        problem: None,
    };
    commit(&store, vec![outcome]);
    block(store.set_fact("a", Some("b".to_owned()))).unwrap();
    block(store.set_fact("c", None)).unwrap();
    block(store.set_epoch(1, None)).unwrap();
    assert_eq!(looks(&path), log);
    block(store.close()).unwrap();
    assert_eq!(looks(&path), before);
}

#[test]
fn the_second_to_open_it_is_told_who_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let error = error_of(dir.path());
    assert!(matches!(error, StoreError::Locked { .. }));
    assert_eq!(
        error.to_string(),
        "another mailferry is syncing account work"
    );
    assert!(child_is_locked_out(dir.path()));
    block(SqliteStore::open(dir.path(), "other")).unwrap();
    drop(store);
    assert!(!child_is_locked_out(dir.path()));
    drop(open(dir.path()));
}

fn child_is_locked_out(dir: &Path) -> bool {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "store::tests::files::in_a_child"])
        .env("MAILFERRY_TEST_STATE", dir)
        .output()
        .unwrap()
        .status;
    status.success()
}

#[test]
#[ignore = "only run by the_second_to_open_it_is_told_who_has_it"]
fn in_a_child() {
    let dir = std::env::var_os("MAILFERRY_TEST_STATE").unwrap();
    let error = error_of(Path::new(&dir));
    assert!(matches!(error, StoreError::Locked { .. }));
}

#[test]
fn what_was_committed_survives_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path(), 400);
    let id = block(store.id()).unwrap().id;
    let crashed = tempfile::tempdir().unwrap();
    for suffix in ["", "-wal"] {
        let from = beside(store.path(), suffix);
        let to = crashed.path().join(from.file_name().unwrap());
        fs::copy(from, to).unwrap();
    }
    commit(&store, vec![Change::DropEntry(RowId(1))]);
    let opened = block(SqliteStore::open(crashed.path(), "work")).unwrap();
    assert_eq!(opened.damaged, None);
    assert_eq!(base(&opened.store, 1).entries.len(), 400);
    let known = block(opened.store.id()).unwrap();
    assert!(known.id == id && !known.fresh);
    assert_eq!(block(opened.store.reserve_rows(1)).unwrap(), RowId(401));
}

#[test]
fn a_torn_log_loses_only_the_last_commit() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path(), 10);
    let crashed = tempfile::tempdir().unwrap();
    commit(&store, vec![Change::DropEntry(RowId(1))]);
    fs::copy(store.path(), crashed.path().join("work.sqlite")).unwrap();
    let log = fs::read(beside(store.path(), "-wal")).unwrap();
    fs::write(
        crashed.path().join("work.sqlite-wal"),
        &log[..log.len() - 100],
    )
    .unwrap();
    let opened = block(SqliteStore::open(crashed.path(), "work")).unwrap();
    assert_eq!(opened.damaged, None);
    assert_eq!(base(&opened.store, 1).entries.len(), 10);
}

#[test]
fn a_damaged_file_is_set_aside() {
    for (number, length) in [(1, 8192), (2, 100), (3, 40_000)] {
        let dir = tempfile::tempdir().unwrap();
        let store = filled(dir.path(), 2000);
        let path = store.path().to_path_buf();
        let id = block(store.id()).unwrap().id;
        block(store.close()).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let from = if number == 2 { 0 } else { 4096 };
        bytes[from..from + length].fill(0xa5);
        fs::write(&path, &bytes).unwrap();
        let opened = block(SqliteStore::open(dir.path(), "work")).unwrap();
        let aside = beside(&path, ".damaged-1");
        assert_eq!(opened.damaged, Some(aside.clone()));
        assert_eq!(fs::read(aside).unwrap(), bytes);
        let known = block(opened.store.id()).unwrap();
        assert!(known.fresh && known.id != id);
        assert!(block(opened.store.mailboxes()).unwrap().is_empty());
    }
}

#[test]
fn damage_found_later_stops_the_state_and_is_looked_for_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path(), 20_000);
    let path = store.path().to_path_buf();
    block(store.close()).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    assert!(bytes.len() > 3 << 20, "large enough not to be checked");
    let from = 300_000;
    bytes[from..from + 1_000_000].fill(0xa5);
    fs::write(&path, &bytes).unwrap();
    let opened = block(SqliteStore::open(dir.path(), "work")).unwrap();
    assert_eq!(opened.damaged, None);
    let fault = block(opened.store.base(MailboxId(1))).unwrap_err();
    let error = fault.source.downcast_ref::<StoreError>().unwrap();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
    assert!(block(opened.store.id()).is_err(), "nothing works any more");
    drop(opened);
    let opened = block(SqliteStore::open(dir.path(), "work")).unwrap();
    assert!(opened.damaged.is_some());
    assert!(!beside(&path, ".suspect").exists());
}

#[test]
fn a_state_of_a_later_version_is_refused_untouched() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path(), 3);
    let path = store.path().to_path_buf();
    drop(store);
    let conn = Connection::open(&path).unwrap();
    conn.pragma_update(None, "user_version", 99).unwrap();
    drop(conn);
    let before = fs::read(&path).unwrap();
    let error = error_of(dir.path());
    assert!(
        matches!(error, StoreError::Newer { found: 99, .. }),
        "{error:?}"
    );
    assert!(matches!(
        SqliteReader::open(&path),
        Err(StoreError::Newer { .. })
    ));
    assert!(!Fault::from(error).retry);
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn somebody_elses_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = database_path(dir.path(), "work");
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch("CREATE TABLE a (b)").unwrap();
    drop(conn);
    assert!(matches!(error_of(dir.path()), StoreError::Foreign { .. }));
}

#[test]
fn a_migration_copies_the_data_first_and_is_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path(), 3);
    let path = store.path().to_path_buf();
    drop(store);
    let mut conn = Connection::open(&path).unwrap();
    let newest = i64::try_from(schema::MIGRATIONS.len()).unwrap();
    let broken = "CREATE TABLE extra (a INTEGER NOT NULL) STRICT; SELECT nonsense;";
    let and = |more| [schema::MIGRATIONS, &[more]].concat();
    assert!(schema::migrate(&mut conn, &path, &and(broken)).is_err());
    assert_eq!(schema::version(&conn, &path).unwrap(), newest);
    let good = "CREATE TABLE extra (a INTEGER NOT NULL) STRICT;";
    schema::migrate(&mut conn, &path, &and(good)).unwrap();
    assert_eq!(schema::version(&conn, &path).unwrap(), newest + 1);
    let copy = beside(&path, &format!(".v{newest}.bak"));
    assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let reader = SqliteReader::open(&copy).unwrap().unwrap();
    assert_eq!(reader.counts().unwrap()[&MailboxId(1)], 3);
}

#[test]
fn reading_goes_on_while_somebody_writes() {
    let dir = tempfile::tempdir().unwrap();
    let path = database_path(dir.path(), "work");
    assert!(SqliteReader::open(&path).unwrap().is_none());
    let store = filled(dir.path(), 3);
    let reader = SqliteReader::open(&path).unwrap().unwrap();
    assert_eq!(reader.counts().unwrap()[&MailboxId(1)], 3);
    commit(&store, vec![Change::DropEntry(RowId(1))]);
    assert_eq!(reader.counts().unwrap()[&MailboxId(1)], 2);
    assert_eq!(reader.mailboxes().unwrap(), [mailbox(1, "INBOX")]);
    assert_eq!(reader.id().unwrap().epoch, 1);
    block(store.close()).unwrap();
    assert_eq!(reader.counts().unwrap()[&MailboxId(1)], 2);
    assert!(SqliteReader::open(&path).unwrap().is_some());
}

#[test]
fn a_full_disk_undoes_the_commit_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path(), 3);
    let limit = |pages: i64| {
        block(store.call(move |session| {
            session.read("limit", |conn| {
                conn.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
            })
        }))
        .unwrap();
    };
    limit(1);
    let many =
        (10..2000).map(|row| Change::PutEntry(entry(row, 1, Some(u32::try_from(row).unwrap()))));
    let fault = block(store.commit(many.collect())).unwrap_err();
    let error = fault.source.downcast_ref::<StoreError>().unwrap();
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    limit(1_000_000);
    commit(&store, vec![Change::DropEntry(RowId(1))]);
    let store = reopen(store, dir.path());
    assert_eq!(base(&store, 1).entries.len(), 2);
}
