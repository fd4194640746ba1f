//! Bringing a database file into the form this version knows.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::{Connection, OptionalExtension};

use super::StoreError;
use super::files::{beside, make_private, sync_dir};

/// Each leads to the `user_version` that is its place in the list, counted from one. Never changed once released.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
    include_str!("migrations/0005.sql"),
    include_str!("migrations/0006.sql"),
    include_str!("migrations/0007.sql"),
];

/// "mfry": marks a SQLite file as ours.
const APPLICATION_ID: i64 = 0x6d66_7279;

/// How the connection works; none of it writes to a database that works this way already.
pub(super) fn configure(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |error| StoreError::sql(path, "configure the state", error);
    conn.busy_timeout(Duration::from_secs(5)).map_err(failed)?;
    let mode: String = conn
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .map_err(failed)?;
    if mode != "wal" {
        tracing::warn!(path = %path.display(), mode, "the state's file system has no write-ahead log");
    }
    conn.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA cache_size = -2048;
         PRAGMA wal_autocheckpoint = 2000;
         PRAGMA journal_size_limit = 8388608;",
    )
    .map_err(failed)
}

/// The form of a database: 0 for an empty one. Refuses what is not ours.
pub(super) fn version(conn: &Connection, path: &Path) -> Result<i64, StoreError> {
    let failed = |error| StoreError::sql(path, "read the state's form", error);
    let number = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0));
    let tables = number("SELECT count(*) FROM sqlite_schema").map_err(failed)?;
    if tables == 0 {
        return Ok(0);
    }
    let version = number("PRAGMA user_version").map_err(failed)?;
    if number("PRAGMA application_id").map_err(failed)? != APPLICATION_ID || version < 1 {
        return Err(StoreError::Foreign {
            path: path.to_path_buf(),
        });
    }
    Ok(version)
}

/// Refuses what a later version wrote.
pub(super) fn refuse_newer(found: i64, known: usize, path: &Path) -> Result<(), StoreError> {
    let known = i64::try_from(known).unwrap_or(i64::MAX);
    if found > known {
        return Err(StoreError::Newer {
            path: path.to_path_buf(),
            found,
            known,
        });
    }
    Ok(())
}

/// Applies the migrations that are missing, each in its own transaction. Data there was is copied first.
pub(super) fn migrate(
    conn: &mut Connection,
    path: &Path,
    migrations: &[&str],
) -> Result<(), StoreError> {
    let found = version(conn, path)?;
    refuse_newer(found, migrations.len(), path)?;
    let done = usize::try_from(found).unwrap_or_default();
    if done > 0 && done < migrations.len() {
        backup(conn, path, found)?;
    }
    for (number, sql) in (1_i64..).zip(migrations).skip(done) {
        apply(conn, sql, number).map_err(|error| StoreError::sql(path, "migrate", error))?;
    }
    Ok(())
}

fn apply(conn: &mut Connection, sql: &str, version: i64) -> rusqlite::Result<()> {
    let transaction = conn.transaction()?;
    transaction.execute_batch(sql)?;
    transaction.pragma_update(None, "user_version", version)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.commit()
}

/// Copies the database to `<file>.v<version>.bak`, complete or not at all.
fn backup(conn: &Connection, path: &Path, version: i64) -> Result<(), StoreError> {
    let target = beside(path, &format!(".v{version}.bak"));
    let partial = beside(&target, ".part");
    let failed = |error| StoreError::file(&target, "back the state up before a migration", error);
    match fs::remove_file(&partial) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    make_private(&partial)?;
    copy(conn, &partial).map_err(|error| {
        StoreError::sql(&partial, "back the state up before a migration", error)
    })?;
    fs::rename(&partial, &target).map_err(failed)?;
    sync_dir(path)
}

fn copy(conn: &Connection, target: &Path) -> rusqlite::Result<()> {
    let mut copy = Connection::open(target)?;
    Backup::new(conn, &mut copy)?.run_to_completion(256, Duration::ZERO, None)?;
    // The copy stands alone: without this it would want a log beside it.
    copy.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    copy.close().map_err(|(_, error)| error)
}

/// Looks for damage: quickly, or everything with the indexes compared to their tables.
pub(super) fn check(conn: &Connection, path: &Path, thorough: bool) -> Result<(), StoreError> {
    let sql = if thorough {
        "PRAGMA integrity_check(1)"
    } else {
        "PRAGMA quick_check(1)"
    };
    let verdict: Option<String> = conn
        .query_row(sql, [], |row| row.get(0))
        .optional()
        .map_err(|error| StoreError::sql(path, "check the state", error))?;
    match verdict {
        Some(text) if text == "ok" => Ok(()),
        other => Err(StoreError::Damaged {
            path: path.to_path_buf(),
            act: "a check",
            detail: other.unwrap_or_default(),
        }),
    }
}
