//! The one thread that owns the connection. Everything that is asked of it is a job in a queue.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use rusqlite::{Connection, params};

use super::apply::news::UNTOLD;
use super::apply::{Apply, Statements, Used};
use super::open::Database;
use super::{StoreError, files, query, random_hex};
use crate::engine::ports::StateId;
use crate::sync::Change;

/// Something to be done with the connection.
pub(super) type Job = Box<dyn for<'a, 'c> FnOnce(&'a mut Session<'c>) + Send>;

/// The highest numbers given out, of each kind that can be reserved.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub mailbox: AtomicI64,
    pub entry: AtomicI64,
    pub intent: AtomicI64,
    pub hold: AtomicI64,
}

impl Counters {
    /// Numbers in use are not given out any more, whoever thought of them.
    fn raise(&self, used: &Used) {
        self.mailbox.fetch_max(used.mailbox, Ordering::Relaxed);
        self.entry.fetch_max(used.entry, Ordering::Relaxed);
        self.intent.fetch_max(used.intent, Ordering::Relaxed);
        self.hold.fetch_max(used.hold, Ordering::Relaxed);
    }
}

/// Reads the numbers that were used so far.
pub(super) fn used(conn: &Connection) -> rusqlite::Result<Used> {
    let last = |kind: &str| {
        let sql = "SELECT last FROM serial WHERE kind = ?1";
        conn.query_row(sql, [kind], |row| row.get(0))
    };
    Ok(Used {
        mailbox: last("mailbox")?,
        entry: last("entry")?,
        intent: last("intent")?,
        hold: last("hold")?,
        batch: last("batch")?,
        news: last("news")?,
    })
}

/// Calls `ready`, does jobs until nobody can send any more, then closes the database and lets the lock go.
pub(super) fn serve(
    database: Database,
    used: Used,
    counters: Arc<Counters>,
    jobs: &Receiver<Job>,
    ready: impl FnOnce(),
) {
    let Database {
        conn,
        path,
        identification,
        fresh,
        lock,
        ..
    } = database;
    counters.raise(&used);
    ready();
    let mut session = Session {
        conn: &conn,
        path: &path,
        statements: Statements::new(&conn),
        counters,
        persisted: used,
        clean: identification.clean,
        fresh,
        stopped: false,
    };
    for job in jobs {
        job(&mut session);
    }
    if let Err(error) = session.finish() {
        tracing::warn!(%error, "the state was not closed properly");
    }
    drop(session);
    drop(conn);
    drop(lock);
}

/// The connection and what is known about the file's content without asking.
pub(super) struct Session<'c> {
    conn: &'c Connection,
    path: &'c Path,
    statements: Statements<'c>,
    counters: Arc<Counters>,
    persisted: Used,
    clean: bool,
    fresh: bool,
    stopped: bool,
}

impl<'c> Session<'c> {
    /// Asks something. In one transaction, so that a question of many parts takes the lock only once.
    pub(super) fn read<T>(
        &mut self,
        act: &'static str,
        ask: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.ready()?;
        let reading = |conn: &Connection| {
            let reading = conn.unchecked_transaction()?;
            let answer = ask(&reading)?;
            reading.finish()?;
            Ok(answer)
        };
        let answer = reading(self.conn).map_err(|error| StoreError::sql(self.path, act, error));
        self.heed(answer)
    }

    /// Who the state is.
    pub(super) fn id(&mut self) -> Result<StateId, StoreError> {
        let known = self.read("read who the state is", query::identification)?;
        Ok(StateId {
            id: known.id,
            epoch: known.epoch,
            pending: known.pending,
            fresh: self.fresh,
        })
    }

    /// Makes all changes in one transaction. It is durable when this returns, unless it need not be.
    pub(super) fn commit(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let may_be_lost = |change: &Change| matches!(change, Change::DropOldNews(_));
        // Without a log before the file, what is not durable may damage it.
        if !changes.iter().all(may_be_lost) || !self.has_log()? {
            return self.commit_durably(changes);
        }
        self.set("PRAGMA synchronous = NORMAL")?;
        let outcome = self.commit_durably(changes);
        if let Err(error) = self.set("PRAGMA synchronous = FULL") {
            tracing::error!(%error, "nothing would be durable any more");
            self.stopped = true;
        }
        outcome
    }

    fn has_log(&mut self) -> Result<bool, StoreError> {
        let ask = |conn: &Connection| conn.query_row("PRAGMA journal_mode", [], |row| row.get(0));
        let mode: String = self.read("read how the state is kept", ask)?;
        Ok(mode == "wal")
    }

    fn set(&self, pragma: &'static str) -> Result<(), StoreError> {
        let failed = |error| StoreError::sql(self.path, "set how durable the state is", error);
        self.conn.execute_batch(pragma).map_err(failed)
    }

    fn commit_durably(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let path = self.path;
        self.write("commit changes", |apply| {
            for change in changes {
                apply
                    .change(change)
                    .map_err(|error| refused(path, change, error))?;
            }
            Ok(())
        })
    }

    /// Runs one statement in its own transaction; returns how many rows it changed.
    pub(super) fn execute(
        &mut self,
        act: &'static str,
        sql: &'static str,
        params: impl rusqlite::Params,
    ) -> Result<usize, StoreError> {
        let path = self.path;
        self.write(act, |apply| {
            apply
                .statements
                .run(sql, params)
                .map_err(|error| StoreError::sql(path, act, error))
        })
    }

    /// Announces or settles an epoch. A settled one ends the state's being new.
    pub(super) fn set_epoch(&mut self, epoch: u64, pending: Option<u64>) -> Result<(), StoreError> {
        self.execute(
            "set the epoch",
            "UPDATE state SET epoch = ?1, pending = ?2 WHERE (epoch, pending) IS NOT (?1, ?2)",
            params![epoch.cast_signed(), pending.map(u64::cast_signed)],
        )?;
        if pending.is_none() {
            self.fresh = false;
        }
        Ok(())
    }

    /// Another identity; nothing is known any more but the mailboxes' names and what was deleted.
    pub(super) fn start_over(&mut self) -> Result<StateId, StoreError> {
        const ACT: &str = "start over";
        let path = self.path;
        let id = random_hex()?;
        let mut markers = Vec::new();
        for mailbox in self.read(ACT, query::mailboxes)? {
            markers.push((mailbox.id.0, random_hex()?));
        }
        self.write(ACT, |apply| {
            apply
                .drop_untold(UNTOLD, [])
                .map_err(|error| StoreError::sql(path, ACT, error))?;
            let mut run = |sql, params: &[&dyn rusqlite::ToSql]| {
                apply
                    .statements
                    .run(sql, params)
                    .map_err(|error| StoreError::sql(path, ACT, error))
            };
            run("DELETE FROM heard", &[])?;
            run("DELETE FROM fact WHERE key IN ('begun', 'absent')", &[])?;
            run("DELETE FROM entry", &[])?;
            run("DELETE FROM intent", &[])?;
            run("DELETE FROM parked", &[])?;
            run("DELETE FROM hold", &[])?;
            run("DELETE FROM letter", &[])?;
            for (mailbox, marker) in &markers {
                run(
                    "UPDATE mailbox SET uidvalidity = NULL, uidnext = NULL, modseq = NULL, marker = ?2
                     WHERE id = ?1",
                    &[mailbox, marker],
                )?;
            }
            run(
                "UPDATE state SET id = ?1, epoch = 1, pending = NULL",
                &[&id],
            )
        })?;
        self.fresh = true;
        self.id()
    }

    /// One transaction; undone whole if anything in it fails.
    fn write<T>(
        &mut self,
        act: &'static str,
        fill: impl FnOnce(&mut Apply<'_, 'c>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.ready()?;
        let outcome = self.attempt(act, fill);
        if outcome.is_err()
            && !self.conn.is_autocommit()
            && let Err(error) = self.conn.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a transaction could not be undone");
            self.stopped = true;
        }
        self.heed(outcome)
    }

    fn attempt<T>(
        &mut self,
        act: &'static str,
        fill: impl FnOnce(&mut Apply<'_, 'c>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let path = self.path;
        let failed = |error| StoreError::sql(path, act, error);
        let before = self.conn.total_changes();
        self.statements.run("BEGIN IMMEDIATE", []).map_err(failed)?;
        let mut apply = Apply::new(&mut self.statements, &self.persisted);
        let value = fill(&mut apply)?;
        apply.finish(&self.persisted).map_err(failed)?;
        let used = apply.used;
        let changed = self.conn.total_changes() != before;
        if changed && self.clean {
            self.statements
                .run("UPDATE state SET clean = 0", [])
                .map_err(failed)?;
        }
        self.statements.run("COMMIT", []).map_err(failed)?;
        self.clean = self.clean && !changed;
        self.persisted = self.persisted.max(&used);
        self.counters.raise(&used);
        Ok(value)
    }

    /// Says in the file that it was closed properly, if it does not say so already, and empties the log.
    pub(super) fn finish(&mut self) -> Result<(), StoreError> {
        if self.stopped || self.clean {
            return Ok(());
        }
        let failed = |error| StoreError::sql(self.path, "close the state", error);
        self.statements
            .run("UPDATE state SET clean = 1", [])
            .map_err(failed)?;
        self.clean = true;
        // Somebody who reads may be in the way: then the log stays until the next time.
        self.conn
            .busy_timeout(Duration::from_millis(100))
            .map_err(failed)?;
        self.conn
            .query_row("PRAGMA wal_checkpoint (TRUNCATE)", [], |_| Ok(()))
            .map_err(failed)
    }

    fn ready(&self) -> Result<(), StoreError> {
        if self.stopped {
            return Err(StoreError::Stopped {
                path: self.path.to_path_buf(),
            });
        }
        Ok(())
    }

    /// After an error of the disk nobody knows what a page in memory is worth: no more is done with it.
    fn heed<T>(&mut self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error) = &outcome {
            self.stopped = self.stopped || error.is_final();
            if matches!(error, StoreError::Damaged { .. }) {
                files::distrust(self.path);
            }
        }
        outcome
    }
}

impl Used {
    fn max(&self, other: &Self) -> Self {
        Self {
            mailbox: self.mailbox.max(other.mailbox),
            entry: self.entry.max(other.entry),
            intent: self.intent.max(other.intent),
            hold: self.hold.max(other.hold),
            batch: self.batch.max(other.batch),
            news: self.news.max(other.news),
        }
    }
}

/// An error with the change that led to it. Names no content, only numbers.
fn refused(path: &Path, change: &Change, error: rusqlite::Error) -> StoreError {
    match StoreError::sql(path, "commit changes", error) {
        StoreError::Conflict { path, source, .. } => StoreError::Conflict {
            path,
            change: describe(change),
            source,
        },
        other => other,
    }
}

fn describe(change: &Change) -> String {
    match change {
        Change::PutEntry(entry) => {
            let uid = entry.uid.map_or(0, crate::mail::Uid::get);
            format!(
                "row {} with UID {uid} in mailbox {}",
                entry.row.0, entry.mailbox.0
            )
        }
        Change::Relink {
            row, mailbox, uid, ..
        } => {
            let uid = uid.map_or(0, crate::mail::Uid::get);
            format!(
                "to move row {} to UID {uid} in mailbox {}",
                row.0, mailbox.0
            )
        }
        Change::PutLetter(letter) => format!("letter {}", letter.known.id.0),
        Change::Park(parked) => format!("to park a message of mailbox {}", parked.mailbox.0),
        _ => "a change".to_owned(),
    }
}
