//! From a state directory and an account's name to a database that is ours, whole and of the current form.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, params};

use super::query::{self, Identification};
use super::{StoreError, files, random_hex, schema};

/// Up to this many octets a state is looked through at every start: that costs a few milliseconds.
const ALWAYS_CHECKED: u64 = 2 << 20;

/// An open database. The lock comes last: it must outlive the connection.
pub(super) struct Database {
    pub conn: Connection,
    pub path: PathBuf,
    pub identification: Identification,
    pub fresh: bool,
    pub damaged: Option<PathBuf>,
    pub lock: File,
}

/// Locks the account and opens its state; makes one where there is none, sets a damaged one aside.
pub(super) fn open(state_dir: &Path, account: &str) -> Result<Database, StoreError> {
    files::make_dir(state_dir)?;
    let lock = files::lock(state_dir, account)?;
    let path = files::database_path(state_dir, account);
    let (mut conn, damaged) = match attach(&path).or_else(|error| look_again(&path, error)) {
        Err(error @ StoreError::Damaged { .. }) => {
            let aside = files::set_aside(&path)?;
            tracing::error!(%error, aside = %aside.display(), "the state is damaged and was set aside");
            (attach(&path)?, Some(aside))
        }
        other => (other?, None),
    };
    let made = introduce(&mut conn, &path)?;
    let failed = |error| StoreError::sql(&path, "read who the state is", error);
    let identification = query::identification(&conn).map_err(failed)?;
    // One that knows nothing yet is as good as new: a crash may have come right after it was made.
    let knows_nothing =
        identification.epoch <= 1 && query::mailboxes(&conn).map_err(failed)?.is_empty();
    Ok(Database {
        conn,
        identification,
        fresh: made || knows_nothing,
        damaged,
        lock,
        path,
    })
}

/// A read that fails looks like damage to SQLite's check, but says nothing about what the disk holds. Damage is what
/// is found twice in files that can be read.
fn look_again(path: &Path, error: StoreError) -> Result<Connection, StoreError> {
    if !matches!(error, StoreError::Damaged { .. }) {
        return Err(error);
    }
    files::read_through(path)?;
    attach(path)
}

/// Opens, checks and migrates.
fn attach(path: &Path) -> Result<Connection, StoreError> {
    files::make_private(path)?;
    let failed = |error| StoreError::sql(path, "open the state", error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(path, flags).map_err(failed)?;
    let found = schema::version(&conn, path)?;
    schema::refuse_newer(found, schema::MIGRATIONS.len(), path)?;
    schema::configure(&conn, path)?;
    if found > 0 {
        check(&conn, path)?;
    }
    schema::migrate(&mut conn, path, schema::MIGRATIONS)?;
    Ok(conn)
}

/// A large state is only looked through if the last process did not close it, a suspicious one thoroughly.
fn check(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    if files::is_suspect(path) {
        schema::check(conn, path, true)?;
        return files::trust(path);
    }
    let size = fs::metadata(path)
        .map_err(|error| StoreError::file(path, "look at the state", error))?
        .len();
    let clean: bool = conn
        .query_row("SELECT coalesce(min(clean), 0) FROM state", [], |row| {
            row.get(0)
        })
        .map_err(|error| StoreError::sql(path, "check the state", error))?;
    if clean && size > ALWAYS_CHECKED {
        return Ok(());
    }
    schema::check(conn, path, false)
}

/// Gives a state an identity if it has none; says whether it had none.
fn introduce(conn: &mut Connection, path: &Path) -> Result<bool, StoreError> {
    let failed = |error| StoreError::sql(path, "make the state", error);
    let known: i64 = conn
        .query_row("SELECT count(*) FROM state", [], |row| row.get(0))
        .map_err(failed)?;
    if known > 0 {
        return Ok(false);
    }
    conn.execute(
        "INSERT INTO state (one, id, epoch, pending, clean) VALUES (1, ?1, 1, NULL, 0)",
        params![random_hex()?],
    )
    .map_err(failed)?;
    Ok(true)
}
