//! Stored mail for `mailferry.search`: rows of the state that have a file in their folder; of a POP3 account, whatever is in
//! its Maildir.

mod letters;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use self::letters::StoredLetters;
use crate::hooks::{Shelf, ShelfError};
use crate::mail::{LocalId, MailboxName};
use crate::maildir::MaildirAccount;
use crate::store::SqliteReader;
use crate::sync::{EntryState, Subject};

/// Where an account's stored mail is.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) database: PathBuf,
    pub(super) maildir: MaildirAccount,
    /// Whether it came by POP3.
    pub(super) letters: bool,
}

impl Stored {
    /// For one hook.
    pub(super) fn shelf(&self) -> Box<dyn Shelf> {
        let (database, maildir) = (self.database.clone(), self.maildir.clone());
        if self.letters {
            return Box::new(StoredLetters { database, maildir });
        }
        Box::new(StoredMail::new(database, maildir))
    }
}

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
                header: None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ports::Store as _;
    use crate::mail::{Flag, Flags, FolderNames, Uid};
    use crate::maildir::{FollowLinks, Layout, Settings};
    use crate::store::{SqliteStore, database_path};
    use crate::sync::{Change, Entry, FileStamp, MailboxId, MailboxRecord, RowId};

    fn entry(row: i64, state: EntryState) -> Change {
        Change::PutEntry(Entry {
            row: RowId(row),
            mailbox: MailboxId(1),
            uid: u32::try_from(row).ok().and_then(Uid::new),
            local: LocalId::new(format!("{row}.R1.host").as_bytes()),
            flags: Flags::new().with(Flag::Seen),
            size: 7,
            date: 5,
            message_id: None,
            digest: None,
            content: None,
            raw: true,
            stamp: FileStamp::default(),
            state,
            hold: None,
        })
    }

    #[tokio::test]
    async fn what_is_found_has_a_row_and_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("Mail");
        let inbox = root.join("INBOX");
        for part in ["cur", "new"] {
            fs::create_dir_all(inbox.join(part)).unwrap();
        }
        for name in [
            "new/1.R1.host",
            "cur/2.R1.host:2,FS",
            "cur/4.R1.host:2,",
            "cur/9.x:2,",
        ] {
            fs::write(inbox.join(name), "Subject: x\n\n").unwrap();
        }
        let store = SqliteStore::open(dir.path(), "work").await.unwrap().store;
        let record = MailboxRecord {
            id: MailboxId(1),
            name: MailboxName::inbox(),
            role: None,
            uidvalidity: None,
            uidnext: None,
            modseq: None,
            marker: format!("{:032x}", 1),
            object_id: None,
            last_sync: None,
            problem: None,
        };
        let linked = [1, 2, 3].map(|row| entry(row, EntryState::Linked));
        let mut changes = vec![Change::PutMailbox(record), entry(4, EntryState::Delivering)];
        changes.extend(linked);
        store.commit(changes).await.unwrap();
        let maildir = MaildirAccount::open(Settings {
            root,
            layout: Layout::Nested,
            follow: FollowLinks::default(),
            names: FolderNames::default(),
            host: "host".to_owned(),
            notes: crate::maildir::NotePlaces::default(),
        })
        .unwrap();
        let shelf = StoredMail::new(database_path(dir.path(), "work"), maildir.clone());
        assert_eq!(shelf.mailboxes().unwrap(), [MailboxName::inbox()]);
        let found = shelf.messages(&MailboxName::inbox()).unwrap();
        let paths: Vec<_> = found
            .iter()
            .map(|one| (one.row.0, one.path.clone().unwrap()))
            .collect();
        assert_eq!(
            paths,
            [
                (1, inbox.join("new/1.R1.host")),
                (2, inbox.join("cur/2.R1.host:2,FS"))
            ]
        );
        let none = MailboxName::parse("None").unwrap();
        assert_eq!(shelf.messages(&none).unwrap(), []);
        let nowhere = StoredMail::new(dir.path().join("nothing"), maildir);
        assert_eq!(nowhere.mailboxes().unwrap(), []);
    }
}
