//! Looking at a state without taking the account's lock, also while another process writes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::query::{self, DeletionBatch};
use super::{StoreError, schema};
use crate::engine::ports::StateId;
use crate::sync::{Base, Deletion, Hold, Intent, Letter, MailboxId, MailboxRecord, Naming, Parked};

/// A view of one account's state. Each answer is consistent in itself.
#[derive(Debug)]
pub struct SqliteReader {
    conn: Connection,
    path: PathBuf,
}

impl SqliteReader {
    /// Opens a state for reading; `None` if there is none (yet).
    ///
    /// # Errors
    /// The file is of another form, damaged or not ours, or cannot be read.
    pub fn open(path: &Path) -> Result<Option<Self>, StoreError> {
        let missing = match path.metadata() {
            Ok(metadata) => metadata.len() == 0 && !super::files::beside(path, "-wal").exists(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
            Err(error) => return Err(StoreError::file(path, "look at the state", error)),
        };
        if missing {
            return Ok(None);
        }
        let failed = |error| StoreError::sql(path, "open the state for reading", error);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(path, flags).map_err(failed)?;
        conn.busy_timeout(Duration::from_secs(2)).map_err(failed)?;
        let found = schema::version(&conn, path)?;
        if found == 0 {
            return Ok(None);
        }
        let known = schema::MIGRATIONS.len();
        schema::refuse_newer(found, known, path)?;
        let path = path.to_path_buf();
        if usize::try_from(found).is_ok_and(|found| found < known) {
            return Err(StoreError::Older { path, found });
        }
        Ok(Some(Self { conn, path }))
    }

    fn ask<T>(
        &self,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        question(&self.conn).map_err(|error| StoreError::sql(&self.path, "read the state", error))
    }

    /// How the mailboxes of the personal namespace are called; `None` as long as it makes no difference.
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn naming(&self) -> Result<Option<Naming>, StoreError> {
        self.ask(query::naming)
    }

    /// Who the state is; never fresh.
    ///
    /// # Errors
    /// The file cannot be read; the same for everything below.
    pub fn id(&self) -> Result<StateId, StoreError> {
        let known = self.ask(query::identification)?;
        Ok(StateId {
            id: known.id,
            epoch: known.epoch,
            pending: known.pending,
            fresh: false,
        })
    }

    /// The letters of a POP3 account.
    ///
    /// # Errors
    /// As above.
    pub fn known_letters(&self) -> Result<Vec<Letter>, StoreError> {
        self.ask(query::letters)
    }

    /// All mailboxes.
    ///
    /// # Errors
    /// As above.
    pub fn mailboxes(&self) -> Result<Vec<MailboxRecord>, StoreError> {
        self.ask(query::mailboxes)
    }

    /// A mailbox with its messages; `None` if there is none of that number.
    ///
    /// # Errors
    /// As above.
    pub fn base(&self, mailbox: MailboxId) -> Result<Option<Base>, StoreError> {
        self.ask(|conn| query::base(conn, mailbox))
    }

    /// How many messages each mailbox has; one without any is left out.
    ///
    /// # Errors
    /// As above.
    pub fn counts(&self) -> Result<BTreeMap<MailboxId, u64>, StoreError> {
        self.ask(query::counts)
    }

    /// Holds that are not settled, and how many messages each keeps back.
    ///
    /// # Errors
    /// As above.
    pub fn holds(&self) -> Result<Vec<(Hold, u64)>, StoreError> {
        let (holds, held) = self.ask(|conn| Ok((query::holds(conn)?, query::held(conn)?)))?;
        let count = |hold: &Hold| held.get(&hold.id.0).copied().unwrap_or_default();
        Ok(holds
            .into_iter()
            .map(|hold| {
                let held = count(&hold);
                (hold, held)
            })
            .collect())
    }

    /// Parked messages.
    ///
    /// # Errors
    /// As above.
    pub fn parked(&self) -> Result<Vec<Parked>, StoreError> {
        self.ask(query::parked)
    }

    /// Acts that are not known to be over.
    ///
    /// # Errors
    /// As above.
    pub fn intents(&self) -> Result<Vec<Intent>, StoreError> {
        self.ask(query::intents)
    }

    /// Deletions carried out since then, seconds since 1970.
    ///
    /// # Errors
    /// As above.
    pub fn deletions(&self, since: i64) -> Result<Vec<Deletion>, StoreError> {
        self.ask(|conn| query::deletions(conn, since))
    }

    /// What can be undone, oldest first.
    ///
    /// # Errors
    /// As above.
    pub fn batches(&self) -> Result<Vec<DeletionBatch>, StoreError> {
        self.ask(query::batches)
    }

    /// The deletions of one batch.
    ///
    /// # Errors
    /// As above.
    pub fn deletions_of(&self, batch: i64) -> Result<Vec<Deletion>, StoreError> {
        self.ask(|conn| query::deletions_of(conn, batch))
    }

    /// How many letters of a POP3 account are here and on the server.
    ///
    /// # Errors
    /// As above.
    pub fn letters(&self) -> Result<u64, StoreError> {
        self.ask(query::letters_on_both_sides)
    }

    /// What was noted about the account under this key.
    ///
    /// # Errors
    /// As above.
    pub fn fact(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.ask(|conn| query::fact(conn, key))
    }

    /// Everything that was noted about the account.
    ///
    /// # Errors
    /// As above.
    pub fn facts(&self) -> Result<BTreeMap<String, String>, StoreError> {
        self.ask(query::facts)
    }
}
