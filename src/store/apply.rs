//! One list of changes as SQL, inside a transaction that somebody else begins and ends.
//!
//! Changes are applied in their order, and UIDs and files must be unique after each of them: where two rows swap
//! theirs, a `Relink` that clears one comes first. Names of mailboxes and references to mailboxes need only be right
//! at the end. A change to something that is not there changes nothing.

mod acts;
mod letters;
pub(super) mod news;

use std::collections::{BTreeMap, HashMap, hash_map};
use std::fmt::Write as _;

use rusqlite::{Connection, Error, Params, Result, Statement, ffi, params};

use self::news::{Run, UNTOLD_OF_MAILBOX};
use super::rows;
use crate::mail::{Digest, Flags, LocalId, MessageIdHash, ModSeq, Uid, UidValidity};
use crate::sync::{
    Absent, Change, Entry, EntryState, FileStamp, MailboxId, MailboxRecord, Naming, Rest, RowId,
    Side, Watermark,
};

const PUT_ENTRY: &str = "INSERT INTO entry (row, mailbox, uid, local, flags, keywords, size, date, message_id, digest,
         raw, inode, file_size, mtime_ns, linked, hold, content)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
     ON CONFLICT (row) DO UPDATE SET mailbox = ?2, uid = ?3, local = ?4, flags = ?5, keywords = ?6, size = ?7,
         date = ?8, message_id = ?9, digest = ?10, raw = ?11, inode = ?12, file_size = ?13, mtime_ns = ?14,
         linked = ?15, hold = ?16, content = ?17";
const PUT_MAILBOX: &str = "INSERT INTO mailbox (id, name, role, uidvalidity, uidnext, modseq, marker, object_id,
         last_sync, problem)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
     ON CONFLICT (id) DO UPDATE SET name = ?2, role = ?3, uidvalidity = ?4, uidnext = ?5, modseq = ?6, marker = ?7,
         object_id = ?8, last_sync = ?9, problem = ?10
     WHERE (name, role, uidvalidity, uidnext, modseq, marker, object_id, last_sync, problem)
         IS NOT (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const SET_WATERMARK: &str = "UPDATE mailbox SET uidvalidity = ?2, uidnext = ?3, modseq = ?4
     WHERE id = ?1 AND (uidvalidity, uidnext, modseq) IS NOT (?2, ?3, ?4)";
const PUT_REST: &str = "INSERT INTO rest (mailbox, token, uids, since) VALUES (?1, ?2, ?3, ?4)
     ON CONFLICT (mailbox) DO UPDATE SET token = ?2, uids = ?3, since = ?4
     WHERE (token, uids, since) IS NOT (?2, ?3, ?4)";
const SET_OUTCOME: &str = "UPDATE mailbox SET last_sync = coalesce(?2, last_sync), problem = ?3
     WHERE id = ?1 AND (last_sync, problem) IS NOT (coalesce(?2, last_sync), ?3)";

/// Statements that stay prepared as long as the connection lives.
pub(super) struct Statements<'c> {
    conn: &'c Connection,
    prepared: HashMap<&'static str, Statement<'c>>,
}

impl<'c> Statements<'c> {
    pub(super) fn new(conn: &'c Connection) -> Self {
        Self {
            conn,
            prepared: HashMap::new(),
        }
    }

    pub(super) fn run(&mut self, sql: &'static str, params: impl Params) -> Result<usize> {
        self.prepared(sql)?.execute(params)
    }

    /// The numbers that a query finds.
    fn numbers(&mut self, sql: &'static str, params: impl Params) -> Result<Vec<i64>> {
        let found = self.prepared(sql)?.query_map(params, |row| row.get(0))?;
        found.collect()
    }

    fn prepared(&mut self, sql: &'static str) -> Result<&mut Statement<'c>> {
        match self.prepared.entry(sql) {
            hash_map::Entry::Occupied(known) => Ok(known.into_mut()),
            hash_map::Entry::Vacant(place) => Ok(place.insert(self.conn.prepare(sql)?)),
        }
    }
}

/// The highest numbers a list of changes uses.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Used {
    pub mailbox: i64,
    pub entry: i64,
    pub intent: i64,
    pub hold: i64,
    pub batch: i64,
    pub news: i64,
}

/// A transaction in the making.
pub(super) struct Apply<'s, 'c> {
    pub statements: &'s mut Statements<'c>,
    pub used: Used,
    names_changed: bool,
    batches: BTreeMap<(MailboxId, Side), i64>,
    /// Events that are not written yet, because the next one may belong to them.
    run: Option<Run>,
}

impl<'s, 'c> Apply<'s, 'c> {
    /// `last` are the highest numbers ever used; batches of deletions and events get theirs here.
    pub(super) fn new(statements: &'s mut Statements<'c>, last: &Used) -> Self {
        Self {
            statements,
            used: Used {
                batch: last.batch,
                news: last.news,
                ..Used::default()
            },
            names_changed: false,
            batches: BTreeMap::new(),
            run: None,
        }
    }

    pub(super) fn change(&mut self, change: &Change) -> Result<()> {
        match change {
            Change::PutMailbox(record) => self.put_mailbox(record),
            Change::DropMailbox(id) => self.drop_mailbox(*id),
            Change::SetWatermark(id, mark) => self.set_watermark(*id, *mark),
            Change::SetOutcome {
                mailbox,
                at,
                problem,
            } => self.run(SET_OUTCOME, params![mailbox.0, at, problem]),
            Change::PutRest(mailbox, rest) => self.put_rest(*mailbox, rest),
            Change::PutEntry(entry) => self.put_entry(entry),
            Change::Delivered(row, stamp) => self.delivered(*row, *stamp),
            Change::SetFlags(row, flags) => self.set_flags(*row, flags),
            Change::SetStamp(row, stamp) => self.set_stamp(*row, *stamp),
            Change::Relink {
                row,
                mailbox,
                uid,
                local,
            } => self.run(
                "UPDATE entry SET mailbox = ?2, uid = ?3, local = ?4 WHERE row = ?1",
                params![
                    row.0,
                    mailbox.0,
                    uid.map(Uid::get),
                    local.as_ref().map(LocalId::as_bytes)
                ],
            ),
            Change::SetDigest(row, digest) => self.set_digest(*row, digest),
            Change::ForgetUids(mailbox) => self.run(
                "UPDATE entry SET uid = NULL WHERE mailbox = ?1 AND uid IS NOT NULL",
                [mailbox.0],
            ),
            Change::DropEntry(row) => self.drop_entry(*row),
            Change::PutIntent(intent) => self.put_intent(intent),
            Change::DropIntent(id) => self.run("DELETE FROM intent WHERE id = ?1", [id.0]),
            Change::PutDeletion(deletion) => self.put_deletion(deletion),
            Change::Park(parked) => self.park(parked),
            Change::Unpark {
                mailbox,
                uid,
                local,
            } => self.unpark(*mailbox, *uid, local.as_ref().map(LocalId::as_bytes)),
            Change::PutHold(hold) => self.put_hold(hold),
            Change::SetHold(rows, hold) => self.set_hold(rows, *hold),
            Change::DropHold(id) => self.drop_hold(*id),
            Change::PutLetter(letter) => self.put_letter(letter),
            Change::SetLetters(letters, state) => self.set_letters(letters, *state),
            Change::SetMissing(id, missing) => self.run(
                "UPDATE letter SET missing = ?2 WHERE id = ?1",
                params![id.0, missing],
            ),
            Change::DropLetter(id) => self.run("DELETE FROM letter WHERE id = ?1", [id.0]),
            Change::PutNews(tidings) => self.put_news(tidings),
            Change::DropNews(all) | Change::DropOldNews(all) => self.drop_news(all),
            Change::Hear(mailbox) => self.run(
                "INSERT OR IGNORE INTO heard (mailbox) VALUES (?1)",
                [mailbox.0],
            ),
            Change::Begin(at) => self.run(
                "INSERT OR IGNORE INTO fact (key, value) VALUES ('begun', ?1)",
                [at.to_string()],
            ),
            Change::SetAbsent(absent) => self.set_absent(absent.as_ref()),
            Change::SetNaming(naming) => self.set_naming(*naming),
            Change::PutLabels(row, delta) => self.put_labels(*row, delta),
        }
    }

    /// What must hold at the end of every transaction; the numbers used are written down.
    pub(super) fn finish(&mut self, persisted: &Used) -> Result<()> {
        self.put_run()?;
        if self.names_changed {
            self.check_names()?;
        }
        let used = self.used;
        let bumps = [
            ("mailbox", used.mailbox, persisted.mailbox),
            ("entry", used.entry, persisted.entry),
            ("intent", used.intent, persisted.intent),
            ("hold", used.hold, persisted.hold),
            ("batch", used.batch, persisted.batch),
            ("news", used.news, persisted.news),
        ];
        for (kind, last, before) in bumps {
            if last > before {
                self.run(
                    "UPDATE serial SET last = ?2 WHERE kind = ?1",
                    params![kind, last],
                )?;
            }
        }
        Ok(())
    }

    fn check_names(&self) -> Result<()> {
        let shared = "SELECT name FROM mailbox GROUP BY name HAVING count(*) > 1";
        if self.statements.conn.prepare(shared)?.exists([])? {
            return Err(Error::SqliteFailure(
                ffi::Error::new(ffi::SQLITE_CONSTRAINT_UNIQUE),
                Some("two mailboxes with one name".to_owned()),
            ));
        }
        Ok(())
    }

    fn run(&mut self, sql: &'static str, params: impl Params) -> Result<()> {
        self.statements.run(sql, params).map(drop)
    }

    fn put_mailbox(&mut self, record: &MailboxRecord) -> Result<()> {
        self.used.mailbox = self.used.mailbox.max(record.id.0);
        self.names_changed = true;
        self.run(
            PUT_MAILBOX,
            params![
                record.id.0,
                record.name.as_str(),
                record.role.map(rows::role_word),
                record.uidvalidity.map(UidValidity::get),
                record.uidnext.map(Uid::get),
                record.modseq.map(modseq_bits),
                record.marker,
                record.object_id,
                record.last_sync,
                record.problem,
            ],
        )
    }

    /// Everything that refers to it goes along; rows that moved out of it lose its holds.
    fn drop_mailbox(&mut self, mailbox: MailboxId) -> Result<()> {
        self.run(
            "UPDATE entry SET hold = NULL
             WHERE hold IN (SELECT id FROM hold WHERE hold.mailbox = ?1)",
            [mailbox.0],
        )?;
        self.drop_untold(UNTOLD_OF_MAILBOX, [mailbox.0])?;
        self.run("DELETE FROM mailbox WHERE id = ?1", [mailbox.0])
    }

    fn set_watermark(&mut self, mailbox: MailboxId, mark: Watermark) -> Result<()> {
        self.run(
            SET_WATERMARK,
            params![
                mailbox.0,
                mark.uidvalidity.map(UidValidity::get),
                mark.uidnext.map(Uid::get),
                mark.modseq.map(modseq_bits),
            ],
        )
    }

    fn put_rest(&mut self, mailbox: MailboxId, rest: &Rest) -> Result<()> {
        let uids = i64::try_from(rest.uids).unwrap_or(i64::MAX);
        self.run(PUT_REST, params![mailbox.0, rest.token.0, uids, rest.since])
    }

    fn put_entry(&mut self, entry: &Entry) -> Result<()> {
        self.used.entry = self.used.entry.max(entry.row.0);
        self.run(
            PUT_ENTRY,
            params![
                entry.row.0,
                entry.mailbox.0,
                entry.uid.map(Uid::get),
                entry.local.as_ref().map(LocalId::as_bytes),
                entry.flags.system_bits(),
                rows::keywords_text(&entry.flags),
                entry.size.cast_signed(),
                entry.date,
                entry.message_id.as_ref().map(message_id_bytes),
                entry.digest.as_ref().map(digest_bytes),
                entry.raw,
                entry.stamp.inode.cast_signed(),
                entry.stamp.size.cast_signed(),
                entry.stamp.mtime_ns,
                entry.state == EntryState::Linked,
                entry.hold.map(|hold| hold.0),
                entry.content.as_ref().map(|content| content.0.as_slice()),
            ],
        )
    }

    fn delivered(&mut self, row: RowId, stamp: FileStamp) -> Result<()> {
        self.run("UPDATE entry SET linked = 1 WHERE row = ?1", [row.0])?;
        self.set_stamp(row, stamp)
    }

    fn set_stamp(&mut self, row: RowId, stamp: FileStamp) -> Result<()> {
        self.run(
            "UPDATE entry SET inode = ?2, file_size = ?3, mtime_ns = ?4 WHERE row = ?1",
            params![
                row.0,
                stamp.inode.cast_signed(),
                stamp.size.cast_signed(),
                stamp.mtime_ns
            ],
        )
    }

    fn set_absent(&mut self, absent: Option<&Absent>) -> Result<()> {
        let Some(absent) = absent else {
            return self.run("DELETE FROM fact WHERE key = 'absent'", []);
        };
        let mut text = absent.since.to_string();
        for mailbox in &absent.mailboxes {
            let _ = write!(text, " {}", mailbox.0);
        }
        self.run(
            "INSERT OR REPLACE INTO fact (key, value) VALUES ('absent', ?1)",
            [text],
        )
    }

    fn set_naming(&mut self, naming: Naming) -> Result<()> {
        let text = match naming {
            Naming::Short => "short",
            Naming::Full => "full",
        };
        self.run(
            "INSERT OR REPLACE INTO fact (key, value) VALUES ('naming', ?1)",
            [text],
        )
    }

    fn set_flags(&mut self, row: RowId, flags: &Flags) -> Result<()> {
        self.run(
            "UPDATE entry SET flags = ?2, keywords = ?3 WHERE row = ?1",
            params![row.0, flags.system_bits(), rows::keywords_text(flags)],
        )
    }

    fn set_digest(&mut self, row: RowId, digest: &Digest) -> Result<()> {
        self.run(
            "UPDATE entry SET digest = ?2 WHERE row = ?1",
            params![row.0, digest_bytes(digest)],
        )
    }
}

fn modseq_bits(modseq: ModSeq) -> i64 {
    modseq.get().cast_signed()
}

fn message_id_bytes(hash: &MessageIdHash) -> &[u8] {
    &hash.0
}

fn digest_bytes(digest: &Digest) -> &[u8] {
    &digest.0
}
