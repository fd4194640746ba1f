//! One account's state in one SQLite file: what both sides last agreed on, and what is under way.
//!
//! [`SqliteStore`] is the only writer: it holds the account's lock and owns a thread that owns the connection.
//! [`SqliteReader`] looks on. This room knows tables and transactions; it knows nothing of servers and folders, and
//! decides nothing about mail.
//!
//! What may be relied on:
//! * A commit that returned is on the disk (write-ahead log, `synchronous=FULL`); one that did not is there whole
//!   or not at all.
//! * In one mailbox no two rows have the same UID or the same file. Changes of a commit are applied in their order and
//!   this holds after each, so that rows which swap theirs must first be cleared.
//! * Where nothing changes, nothing is written: not by opening, by an empty commit, by a fact that is known already.
//! * A damaged file is renamed, never removed, and a fresh state takes its place.

mod apply;
mod error;
mod files;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod open;
mod port;
mod query;
mod reader;
mod rows;
mod schema;
#[cfg(test)]
mod tests;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use rusqlite::params;
use tokio::sync::oneshot;

use self::writer::{Counters, Job, Session};
use crate::engine::Fault;
use crate::sync::{Deletion, HoldId, HoldVerdict};

pub use self::error::StoreError;
pub use self::files::{account_of, database_path};
pub use self::query::DeletionBatch;
pub use self::reader::SqliteReader;

/// One account's state, open for writing. Dropping it waits until the file is closed and the lock is free.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    counters: Arc<Counters>,
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// What opening led to.
#[derive(Debug)]
pub struct Opened {
    /// The state.
    pub store: SqliteStore,
    /// Where a damaged state was put; the one in `store` is new then.
    pub damaged: Option<PathBuf>,
}

#[allow(
    clippy::redundant_closure_for_method_calls,
    reason = "a method's path is not general enough over the session's lifetime"
)]
impl SqliteStore {
    /// Opens an account's state below `state_dir`, and makes it (and the directory) if there is none.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while another process (or another `SqliteStore`) has it; [`StoreError::Newer`] for the
    /// state of a later version; disk errors.
    pub async fn open(state_dir: &Path, account: &str) -> Result<Opened, StoreError> {
        let path = database_path(state_dir, account);
        let counters = Arc::new(Counters::default());
        let (jobs, queue) = mpsc::channel();
        let (tell, told) = oneshot::channel();
        let thread = {
            let (state_dir, account) = (state_dir.to_path_buf(), account.to_owned());
            let counters = Arc::clone(&counters);
            thread::Builder::new()
                .name("state".to_owned())
                .spawn(move || run(&state_dir, &account, counters, &queue, tell))
                .map_err(|error| StoreError::file(&path, "start the state's thread", error))?
        };
        let store = Self {
            path,
            counters,
            jobs: Some(jobs),
            thread: Some(thread),
        };
        let damaged = told.await.map_err(|_| store.stopped())??;
        Ok(Opened { store, damaged })
    }

    /// The database file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Closes the state: everything goes from the log to the file, and the lock is let go.
    ///
    /// # Errors
    /// The disk failed; nothing that was committed is lost.
    pub async fn close(self) -> Result<(), StoreError> {
        self.call(|session| session.finish()).await
    }

    /// What was noted about the account under this key.
    ///
    /// # Errors
    /// The state cannot be read.
    pub async fn fact(&self, key: &str) -> Result<Option<String>, StoreError> {
        let key = key.to_owned();
        self.call(move |session| session.read("read a fact", |conn| query::fact(conn, &key)))
            .await
    }

    /// Notes something about the account, or forgets it.
    ///
    /// # Errors
    /// The state cannot be written.
    pub async fn set_fact(&self, key: &str, value: Option<String>) -> Result<(), StoreError> {
        const ACT: &str = "note a fact";
        let key = key.to_owned();
        self.call(move |session| match value {
            Some(value) => session.execute(
                ACT,
                "INSERT INTO fact (key, value) VALUES (?1, ?2)
                 ON CONFLICT (key) DO UPDATE SET value = ?2 WHERE value <> ?2",
                params![key, value],
            ),
            None => session.execute(ACT, "DELETE FROM fact WHERE key = ?1", [key]),
        })
        .await
        .map(drop)
    }

    /// Writes down what the user said of a hold; `false` if there is no such hold.
    ///
    /// # Errors
    /// The state cannot be written.
    pub async fn set_verdict(
        &self,
        hold: HoldId,
        verdict: HoldVerdict,
    ) -> Result<bool, StoreError> {
        let changed = self
            .call(move |session| {
                session.execute(
                    "note a verdict",
                    "UPDATE hold SET verdict = ?2 WHERE id = ?1",
                    params![hold.0, rows::verdict_word(verdict)],
                )
            })
            .await?;
        Ok(changed > 0)
    }

    /// What can be undone, oldest first.
    ///
    /// # Errors
    /// The state cannot be read.
    pub async fn batches(&self) -> Result<Vec<DeletionBatch>, StoreError> {
        self.call(|session| session.read("read deletions", query::batches))
            .await
    }

    /// The deletions of one batch.
    ///
    /// # Errors
    /// The state cannot be read.
    pub async fn deletions_of(&self, batch: i64) -> Result<Vec<Deletion>, StoreError> {
        self.call(move |session| {
            session.read("read deletions", |conn| query::deletions_of(conn, batch))
        })
        .await
    }

    /// A batch of deletions was undone: all that is remembered of it is what content it had.
    ///
    /// # Errors
    /// The state cannot be written.
    pub async fn forget_batch(&self, batch: i64) -> Result<(), StoreError> {
        let sql = "UPDATE batch SET undone = 1 WHERE id = ?1";
        self.call(move |session| session.execute("forget deletions", sql, [batch]))
            .await
            .map(drop)
    }

    /// Forgets deletions that were carried out before then, seconds since 1970.
    ///
    /// # Errors
    /// The state cannot be written.
    pub async fn prune(&self, before: i64) -> Result<(), StoreError> {
        const ACT: &str = "forget old deletions";
        self.call(move |session| {
            session.execute(ACT, "DELETE FROM deletion WHERE at < ?1", [before])?;
            let empty = "DELETE FROM batch WHERE id NOT IN (SELECT DISTINCT batch FROM deletion)";
            session.execute(ACT, empty, [])
        })
        .await
        .map(drop)
    }

    /// Has the thread do something and waits for it without keeping the caller's thread.
    async fn call<T: Send + 'static>(
        &self,
        work: impl for<'a, 'c> FnOnce(&'a mut Session<'c>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (tell, told) = oneshot::channel();
        let job: Job = Box::new(move |session| {
            // Nobody waits any more: what was to be done is done all the same.
            let _ = tell.send(work(session));
        });
        let sent = self.jobs.as_ref().map(|jobs| jobs.send(job));
        match sent {
            Some(Ok(())) => told.await.map_err(|_| self.stopped())?,
            _ => Err(self.stopped()),
        }
    }

    /// Asks something.
    async fn ask<T: Send + 'static>(
        &self,
        act: &'static str,
        question: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Fault> {
        Ok(self
            .call(move |session| session.read(act, question))
            .await?)
    }

    fn stopped(&self) -> StoreError {
        StoreError::Stopped {
            path: self.path.clone(),
        }
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(path = %self.path.display(), "the state's thread panicked");
        }
    }
}

/// The thread: opens, tells how that went, and serves.
fn run(
    state_dir: &Path,
    account: &str,
    counters: Arc<Counters>,
    queue: &mpsc::Receiver<Job>,
    tell: oneshot::Sender<Result<Option<PathBuf>, StoreError>>,
) {
    let opened = open::open(state_dir, account).and_then(|database| {
        let used = writer::used(&database.conn)
            .map_err(|error| StoreError::sql(&database.path, "read the numbers", error))?;
        Ok((database, used))
    });
    match opened {
        Ok((database, used)) => {
            let damaged = database.damaged.clone();
            writer::serve(database, used, counters, queue, || {
                // Whoever asked may have gone: then the queue is closed too.
                let _ = tell.send(Ok(damaged));
            });
        }
        Err(error) => {
            let _ = tell.send(Err(error));
        }
    }
}

/// 128 random bits as hexadecimal.
fn random_hex() -> Result<String, StoreError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(StoreError::Random)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
