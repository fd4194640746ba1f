//! Stored mail of a POP3 account: all files of its Maildir. The server knows only what it has given out; where that lies by
//! now, and what else is there, the Maildir says.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;

use super::files;
use crate::hooks::{Shelf, ShelfError};
use crate::mail::{LocalId, MailboxName};
use crate::maildir::MaildirAccount;
use crate::store::SqliteReader;
use crate::sync::{Letter, LetterState, RowId, Subject};

/// One POP3 account's stored mail.
pub(super) struct StoredLetters {
    pub(super) database: PathBuf,
    pub(super) maildir: MaildirAccount,
}

fn failed(error: impl std::fmt::Display) -> ShelfError {
    ShelfError(error.to_string())
}

impl StoredLetters {
    /// The letters that came, by the names of their files.
    fn letters(&self) -> Result<HashMap<LocalId, Letter>, ShelfError> {
        let Some(reader) = SqliteReader::open(&self.database).map_err(failed)? else {
            return Ok(HashMap::new());
        };
        let letters = reader.known_letters().map_err(failed)?.into_iter();
        Ok(letters.map(|it| (it.local.clone(), it)).collect())
    }
}

impl Shelf for StoredLetters {
    fn mailboxes(&self) -> Result<Vec<MailboxName>, ShelfError> {
        self.maildir.list_now().map_err(failed)
    }

    fn messages(&self, mailbox: &MailboxName) -> Result<Vec<Subject>, ShelfError> {
        let there = self.mailboxes()?.contains(mailbox);
        let Some(folder) = self.maildir.path_of(mailbox).filter(|_| there) else {
            return Ok(Vec::new());
        };
        let letters = self.letters()?;
        let view = self.maildir.scan_now(mailbox).map_err(failed)?;
        let mut paths = files(&folder);
        let subjects = view.files.into_iter().filter_map(|file| {
            let letter = letters.get(&file.id);
            if letter.is_some_and(|it| it.known.state == LetterState::Delivering) {
                return None;
            }
            Some(Subject {
                row: letter.map_or_else(|| stray(&file.id), |it| RowId(it.known.id.0)),
                mailbox: mailbox.clone(),
                path: Some(paths.remove(&file.id)?),
                uid: None,
                size: file.stamp.size,
                flags: file.flags,
                date: letter.map_or(file.stamp.mtime_ns / 1_000_000_000, |it| it.known.since),
                local: Some(file.id),
                header: None,
            })
        });
        Ok(subjects.collect())
    }
}

/// A number for a file that is no letter: the same for the same file, and none that a letter has.
fn stray(file: &LocalId) -> RowId {
    let mut hasher = DefaultHasher::new();
    file.as_bytes().hash(&mut hasher);
    let number = i64::try_from(hasher.finish() >> 1).unwrap_or_default();
    RowId(-1 - number)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::engine::ports::Store as _;
    use crate::mail::{Digest, Flag, Flags, FolderNames, Uidl};
    use crate::maildir::{FollowLinks, Layout, Settings};
    use crate::store::{SqliteStore, database_path};
    use crate::sync::{Change, KnownLetter, LetterId};

    fn letter(id: i64, state: LetterState) -> Change {
        Change::PutLetter(Letter {
            known: KnownLetter {
                id: LetterId(id),
                uidl: Uidl::new(format!("u{id}").as_bytes()).unwrap(),
                size: 7,
                since: 5,
                state,
                missing: None,
            },
            octets: 7,
            local: LocalId::new(format!("{id}.R1.host").as_bytes()).unwrap(),
            digest: Digest([0; 32]),
            header: Digest([0; 32]),
        })
    }

    #[tokio::test]
    async fn letters_are_found_wherever_they_are_and_so_is_other_mail() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("Mail");
        for (folder, names) in [
            ("INBOX", ["new/1.R1.host", "cur/3.R1.host:2,"]),
            ("Lists/Dev", ["cur/2.R1.host:2,FS", "cur/99.x:2,"]),
        ] {
            for part in ["cur", "new", "tmp"] {
                fs::create_dir_all(root.join(folder).join(part)).unwrap();
            }
            for name in names {
                fs::write(root.join(folder).join(name), "Subject: x\n\n").unwrap();
            }
        }
        let store = SqliteStore::open(dir.path(), "post").await.unwrap().store;
        let all = [1, 2].map(|id| letter(id, LetterState::Linked));
        let mut changes = vec![letter(3, LetterState::Delivering)];
        changes.extend(all);
        store.commit(changes).await.unwrap();
        let settings = Settings {
            root: root.clone(),
            layout: Layout::Nested,
            follow: FollowLinks::default(),
            names: FolderNames::default(),
            host: "host".to_owned(),
            notes: crate::maildir::NotePlaces::default(),
        };
        let shelf = StoredLetters {
            database: database_path(dir.path(), "post"),
            maildir: MaildirAccount::open(settings).unwrap(),
        };
        let dev = MailboxName::parse("Lists/Dev").unwrap();
        assert_eq!(
            shelf.mailboxes().unwrap(),
            [MailboxName::inbox(), dev.clone()]
        );
        let inbox = shelf.messages(&MailboxName::inbox()).unwrap();
        let seen: Vec<_> = inbox.iter().map(|it| (it.row.0, it.date)).collect();
        assert_eq!(seen, [(1, 5)], "what is still being delivered is not there");
        let found = shelf.messages(&dev).unwrap();
        assert_eq!(found.len(), 2);
        let moved = found.iter().find(|it| it.row == RowId(2)).unwrap();
        assert_eq!(
            moved.flags,
            Flags::new().with(Flag::Seen).with(Flag::Flagged)
        );
        assert_eq!(moved.path, Some(root.join("Lists/Dev/cur/2.R1.host:2,FS")));
        let stray = found.iter().find(|it| it.row != RowId(2)).unwrap();
        assert!(stray.row.0 < 0 && stray.date > 1_000_000_000, "{stray:?}");
        let none = MailboxName::parse("None").unwrap();
        assert_eq!(shelf.messages(&none).unwrap(), []);
    }
}
