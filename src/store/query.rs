//! The questions a state answers, the same for who writes and who only reads.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, Params, Result, Row};

use super::rows;
use crate::mail::{Digest, FlagDelta, Keyword};
use crate::sync::{
    Absent, Base, Deletion, Entry, FolderToken, Heard, Hold, Intent, Letter, MailboxId,
    MailboxRecord, Naming, News, NewsId, Parked, Rest, RowId, Side,
};

/// Where this many rows were read, few of the pages that were kept for it are of use to anybody later.
const MANY: usize = 10_000;

/// Who the state is, as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identification {
    pub id: String,
    pub epoch: u64,
    pub pending: Option<u64>,
    pub clean: bool,
}

/// Deletions that were carried out together and can be undone together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletionBatch {
    /// Its number in the account's state.
    pub batch: i64,
    /// The mailbox they were in; it may be gone.
    pub mailbox: MailboxId,
    /// Its name at that time.
    pub name: String,
    /// The side on which they were deleted by us.
    pub side: Side,
    /// When, seconds since 1970.
    pub at: i64,
    /// How many.
    pub count: u64,
}

fn all<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: fn(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    conn.prepare(sql)?.query_map(params, read)?.collect()
}

pub(super) fn identification(conn: &Connection) -> Result<Identification> {
    conn.query_row("SELECT id, epoch, pending, clean FROM state", [], |row| {
        Ok(Identification {
            id: row.get(0)?,
            epoch: rows::unsigned(row, 1)?,
            pending: row.get::<_, Option<i64>>(2)?.map(i64::cast_unsigned),
            clean: row.get(3)?,
        })
    })
}

pub(super) fn rests(conn: &Connection) -> Result<BTreeMap<MailboxId, Rest>> {
    let read = |row: &Row<'_>| {
        let rest = Rest {
            token: FolderToken(row.get(1)?),
            uids: rows::unsigned(row, 2)?,
            since: row.get(3)?,
        };
        Ok((MailboxId(row.get(0)?), rest))
    };
    let found = all(
        conn,
        "SELECT mailbox, token, uids, since FROM rest",
        [],
        read,
    )?;
    Ok(found.into_iter().collect())
}

pub(super) fn mailboxes(conn: &Connection) -> Result<Vec<MailboxRecord>> {
    let sql = format!("{} ORDER BY id", rows::MAILBOX);
    all(conn, &sql, [], rows::mailbox)
}

pub(super) fn base(conn: &Connection, mailbox: MailboxId) -> Result<Option<Base>> {
    let sql = format!("{} WHERE id = ?1", rows::MAILBOX);
    let record = conn
        .query_row(&sql, [mailbox.0], rows::mailbox)
        .optional()?;
    let Some(record) = record else {
        return Ok(None);
    };
    let mut entries =
        Vec::with_capacity(usize::try_from(count(conn, mailbox)?).unwrap_or_default());
    let mut statement = conn.prepare(&format!("{} WHERE mailbox = ?1", rows::ENTRY))?;
    let mut found = statement.query([mailbox.0])?;
    while let Some(row) = found.next()? {
        entries.push(rows::entry(row)?);
    }
    drop(found);
    drop(statement);
    if entries.len() >= MANY {
        conn.execute_batch("PRAGMA shrink_memory")?;
    }
    // They come in the order of an index, which mostly is the order of the rows already.
    entries.sort_by_key(|entry: &Entry| entry.row);
    Ok(Some(Base {
        mailbox: record,
        entries,
        labels: labels(conn, mailbox)?,
    }))
}

pub(super) fn count(conn: &Connection, mailbox: MailboxId) -> Result<u64> {
    conn.query_row(
        "SELECT count(*) FROM entry WHERE mailbox = ?1",
        [mailbox.0],
        |row| rows::unsigned(row, 0),
    )
}

pub(super) fn counts(conn: &Connection) -> Result<BTreeMap<MailboxId, u64>> {
    let sql = "SELECT mailbox, count(*) FROM entry GROUP BY mailbox";
    let found = all(conn, sql, [], |row| {
        Ok((MailboxId(row.get(0)?), rows::unsigned(row, 1)?))
    })?;
    Ok(found.into_iter().collect())
}

pub(super) fn with_digest(conn: &Connection, digests: &[Digest]) -> Result<Vec<Entry>> {
    let sql = format!(
        "{} WHERE digest = ?1 AND uid IS NOT NULL AND local IS NOT NULL",
        rows::ENTRY
    );
    let mut statement = conn.prepare(&sql)?;
    let mut entries = Vec::new();
    for digest in digests {
        for entry in statement.query_map([digest.0.as_slice()], rows::entry)? {
            entries.push(entry?);
        }
    }
    entries.sort_by_key(|entry| entry.row);
    entries.dedup_by_key(|entry| entry.row);
    Ok(entries)
}

pub(super) fn entries(conn: &Connection, wanted: &[RowId]) -> Result<Vec<Entry>> {
    let sql = format!("{} WHERE row BETWEEN ?1 AND ?2", rows::ENTRY);
    let mut statement = conn.prepare(&sql)?;
    let mut entries = Vec::with_capacity(wanted.len());
    for run in wanted.chunk_by(|one, next| next.0 == one.0 + 1) {
        if let (Some(first), Some(last)) = (run.first(), run.last()) {
            for entry in statement.query_map([first.0, last.0], rows::entry)? {
                entries.push(entry?);
            }
        }
    }
    Ok(entries)
}

pub(super) fn intents(conn: &Connection) -> Result<Vec<Intent>> {
    let sql = format!("{} ORDER BY id", rows::INTENT);
    all(conn, &sql, [], rows::intent)
}

pub(super) fn parked(conn: &Connection) -> Result<Vec<Parked>> {
    let sql = format!("{} ORDER BY mailbox, uid, local", rows::PARKED);
    all(conn, &sql, [], rows::parked)
}

pub(super) fn holds(conn: &Connection) -> Result<Vec<Hold>> {
    let sql = format!("{} ORDER BY id", rows::HOLD);
    all(conn, &sql, [], rows::hold)
}

pub(super) fn heard(conn: &Connection) -> Result<Heard> {
    let sql = "SELECT mailbox FROM heard";
    let found = all(conn, sql, [], |row| Ok(MailboxId(row.get(0)?)))?;
    let begun = fact(conn, "begun")?;
    Ok(Heard {
        since: begun.and_then(|text| text.parse().ok()),
        mailboxes: found.into_iter().collect(),
    })
}

/// The time, and the mailboxes' numbers.
pub(super) fn absent(conn: &Connection) -> Result<Option<Absent>> {
    let text = fact(conn, "absent")?;
    Ok(text.and_then(|text| {
        let mut numbers = text.split(' ').map(|number| number.parse::<i64>().ok());
        let since = numbers.next()??;
        let mailboxes: Option<BTreeSet<MailboxId>> = numbers.map(|id| id.map(MailboxId)).collect();
        let mailboxes = mailboxes?;
        Some(Absent { since, mailboxes })
    }))
}

pub(super) fn naming(conn: &Connection) -> Result<Option<Naming>> {
    let text = fact(conn, "naming")?;
    Ok(match text.as_deref() {
        Some("short") => Some(Naming::Short),
        Some("full") => Some(Naming::Full),
        _ => None,
    })
}

/// What listeners want of keywords, in the order of rows.
fn labels(conn: &Connection, mailbox: MailboxId) -> Result<Vec<(RowId, FlagDelta)>> {
    let sql = "SELECT label.row, keyword, wanted FROM label JOIN entry USING (row) WHERE mailbox = ?1 ORDER BY label.row";
    let read = |row: &Row<'_>| {
        let keyword = Keyword::new(row.get_ref(1)?.as_str()?);
        Ok((RowId(row.get(0)?), keyword, row.get::<_, bool>(2)?))
    };
    let mut labels: Vec<(RowId, FlagDelta)> = Vec::new();
    for (row, keyword, wanted) in all(conn, sql, [mailbox.0], read)? {
        let Some(keyword) = keyword else { continue };
        if labels.last().is_none_or(|(last, _)| *last != row) {
            labels.push((row, FlagDelta::default()));
        }
        if let Some((_, delta)) = labels.last_mut() {
            let side = if wanted {
                &mut delta.add
            } else {
                &mut delta.remove
            };
            side.set_keyword(keyword);
        }
    }
    Ok(labels)
}

/// Nothing is told of a message whose delivery is not complete.
pub(super) fn news(conn: &Connection, most: u32) -> Result<Vec<News>> {
    let mut runs = conn.prepare(&format!("{} ORDER BY id", rows::NEWS))?;
    let mut undelivered =
        conn.prepare("SELECT row FROM entry WHERE row BETWEEN ?1 AND ?2 AND linked = 0")?;
    let most = i64::from(most);
    let (mut found, mut room) = (Vec::new(), most);
    for run in runs.query_map([], rows::news)? {
        let (first, count) = run?;
        let mut at = 0;
        while at < count && room > 0 {
            // No more is looked through than can be told: a run may be all that an account has.
            let end = count.min(at + room);
            let all = (at..end).map(|at| following(&first, at));
            let rows = [at, end - 1].map(|at| first.row.0 + at);
            let waiting = undelivered.query_map(rows, |row| row.get(0))?;
            let waiting: BTreeSet<i64> = waiting.collect::<Result<_>>()?;
            let before = found.len();
            found.extend(all.filter(|one| !waiting.contains(&one.row.0)));
            room -= i64::try_from(found.len() - before).unwrap_or(room);
            at = end;
        }
        if room == 0 {
            break;
        }
    }
    Ok(found)
}

fn following(first: &News, at: i64) -> News {
    News {
        id: NewsId(first.id.0 + at),
        row: RowId(first.row.0 + at),
        ..first.clone()
    }
}

pub(super) fn deleted_contents(conn: &Connection, wanted: &[Digest]) -> Result<BTreeSet<Digest>> {
    let mut statement = conn.prepare("SELECT 1 FROM deletion WHERE digest = ?1")?;
    let mut found = BTreeSet::new();
    for digest in wanted {
        if statement.exists([digest.0.as_slice()])? {
            found.insert(*digest);
        }
    }
    Ok(found)
}

pub(super) fn deleted(conn: &Connection, wanted: &[RowId]) -> Result<Vec<Deletion>> {
    let sql = format!(
        "{} WHERE deletion.row = ?1 ORDER BY deletion.id DESC",
        rows::DELETION
    );
    let mut statement = conn.prepare(&sql)?;
    let mut found = Vec::new();
    for row in wanted {
        found.extend(statement.query_row([row.0], rows::deletion).optional()?);
    }
    Ok(found)
}

/// How many rows belong to each hold; one that has none is left out.
pub(super) fn held(conn: &Connection) -> Result<BTreeMap<i64, u64>> {
    let sql = "SELECT hold, count(*) FROM entry WHERE hold IS NOT NULL GROUP BY hold";
    let found = all(conn, sql, [], |row| {
        Ok((row.get(0)?, rows::unsigned(row, 1)?))
    })?;
    Ok(found.into_iter().collect())
}

pub(super) fn deletions(conn: &Connection, since: i64) -> Result<Vec<Deletion>> {
    let sql = format!(
        "{} WHERE deletion.at >= ?1 AND undone = 0 ORDER BY deletion.id",
        rows::DELETION
    );
    all(conn, &sql, [since], rows::deletion)
}

pub(super) fn deletions_of(conn: &Connection, batch: i64) -> Result<Vec<Deletion>> {
    let sql = format!(
        "{} WHERE deletion.batch = ?1 AND undone = 0 ORDER BY deletion.id",
        rows::DELETION
    );
    all(conn, &sql, [batch], rows::deletion)
}

pub(super) fn batches(conn: &Connection) -> Result<Vec<DeletionBatch>> {
    let sql = "SELECT batch.id, mailbox, name, side, batch.at, count(*)
               FROM batch JOIN deletion ON deletion.batch = batch.id WHERE undone = 0
               GROUP BY batch.id ORDER BY batch.id";
    all(conn, sql, [], |row| {
        Ok(DeletionBatch {
            batch: row.get(0)?,
            mailbox: MailboxId(row.get(1)?),
            name: row.get(2)?,
            side: rows::side(row, 3)?,
            at: row.get(4)?,
            count: rows::unsigned(row, 5)?,
        })
    })
}

pub(super) fn letters(conn: &Connection) -> Result<Vec<Letter>> {
    let sql = format!("{} ORDER BY id", rows::LETTER);
    all(conn, &sql, [], rows::letter)
}

/// How many letters are here that the server lists as well.
pub(super) fn letters_on_both_sides(conn: &Connection) -> Result<u64> {
    let sql = "SELECT count(*) FROM letter WHERE missing IS NULL AND state <> 'delivering'";
    conn.query_row(sql, [], |row| rows::unsigned(row, 0))
}

pub(super) fn fact(conn: &Connection, key: &str) -> Result<Option<String>> {
    let sql = "SELECT value FROM fact WHERE key = ?1";
    conn.query_row(sql, [key], |row| row.get(0)).optional()
}

pub(super) fn facts(conn: &Connection) -> Result<BTreeMap<String, String>> {
    let sql = "SELECT key, value FROM fact ORDER BY key";
    let found = all(conn, sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.into_iter().collect())
}
