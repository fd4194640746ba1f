//! Stored mail for `mailferry.search`: rows of the state that have a file in their folder.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::hooks::{Shelf, ShelfError};
use crate::mail::{LocalId, MailboxName};
use crate::maildir::MaildirAccount;
use crate::store::SqliteReader;
use crate::sync::{EntryState, Subject};

/// One account's stored mail. Opens the state for each question: hooks ask seldom.
pub struct StoredMail {
    database: PathBuf,
    maildir: MaildirAccount,
}

impl StoredMail {
    /// The mail that this state and this Maildir have.
    #[must_use]
    pub fn new(database: PathBuf, maildir: MaildirAccount) -> Self {
        Self { database, maildir }
    }

    fn reader(&self) -> Result<Option<SqliteReader>, ShelfError> {
        SqliteReader::open(&self.database).map_err(|error| ShelfError(error.to_string()))
    }
}

impl Shelf for StoredMail {
    fn mailboxes(&self) -> Result<Vec<MailboxName>, ShelfError> {
        let Some(reader) = self.reader()? else {
            return Ok(Vec::new());
        };
        let records = reader.mailboxes();
        let records = records.map_err(|error| ShelfError(error.to_string()))?;
        Ok(records.into_iter().map(|record| record.name).collect())
    }

    fn messages(&self, mailbox: &MailboxName) -> Result<Vec<Subject>, ShelfError> {
        let failed = |error: crate::store::StoreError| ShelfError(error.to_string());
        let (Some(reader), Some(folder)) = (self.reader()?, self.maildir.path_of(mailbox)) else {
            return Ok(Vec::new());
        };
        let records = reader.mailboxes().map_err(failed)?;
        let Some(record) = records.into_iter().find(|record| record.name == *mailbox) else {
            return Ok(Vec::new());
        };
        let base = reader.base(record.id).map_err(failed)?;
        let mut files = files(&folder);
        let entries = base.map(|base| base.entries).unwrap_or_default();
        let linked = entries
            .into_iter()
            .filter(|entry| entry.state == EntryState::Linked && entry.hold.is_none());
        let subjects = linked.filter_map(|entry| {
            let local = entry.local?;
            Some(Subject {
                row: entry.row,
                mailbox: mailbox.clone(),
                path: Some(files.remove(&local)?),
                local: Some(local),
                uid: entry.uid,
                size: entry.size,
                flags: entry.flags,
                date: entry.date,
            })
        });
        Ok(subjects.collect())
    }
}

/// The files of a folder by their unique names. What cannot be listed has none: nothing is found then.
fn files(folder: &Path) -> HashMap<LocalId, PathBuf> {
    ["new", "cur"]
        .iter()
        .filter_map(|part| fs::read_dir(folder.join(part)).ok())
        .flatten()
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let name = entry.file_name();
            let unique = name.as_encoded_bytes().split(|byte| *byte == b':').next()?;
            Some((LocalId::new(unique)?, entry.path()))
        })
        .collect()
}
