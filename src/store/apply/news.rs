//! Changes to the outbox.

use rusqlite::{Params, Result, params};

use super::super::rows;
use super::Apply;
use crate::mail::{FlagDelta, Flags};
use crate::sync::{NewsId, RowId, Tidings, What};

macro_rules! untold {
    ($which:literal) => {
        concat!(
            "SELECT outbox.id + (entry.row - outbox.row) FROM entry CROSS JOIN outbox
             WHERE linked = 0 AND ",
            $which,
            " AND entry.row BETWEEN outbox.row AND outbox.row + count - 1 ORDER BY 1"
        )
    };
}

/// The events of messages whose delivery is not complete. Whether a row is such a one is asked before any event is.
pub(in super::super) const UNTOLD: &str = untold!("TRUE");
pub(super) const UNTOLD_OF_MAILBOX: &str = untold!("entry.mailbox = ?1");
const UNTOLD_OF_ROW: &str = untold!("entry.row = ?1");

const PUT_NEWS: &str =
    "INSERT INTO outbox (id, row, mailbox, side, at, old, what, origin, added, added_keywords,
         removed, removed_keywords, count)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
/// Of the run around the event ?1, itself and what comes after it.
const SPLIT_OFF: &str =
    "INSERT INTO outbox (id, row, mailbox, side, at, old, what, origin, added, added_keywords,
         removed, removed_keywords, count)
     SELECT ?1, row + (?1 - id), mailbox, side, at, old, what, origin, added, added_keywords,
         removed, removed_keywords, count - (?1 - id)
     FROM outbox WHERE id = (SELECT max(id) FROM outbox WHERE id < ?1) AND id + count > ?1";
const CUT_OFF: &str = "UPDATE outbox SET count = ?1 - id
     WHERE id = (SELECT max(id) FROM outbox WHERE id < ?1) AND id + count > ?1";

const PUT_LABEL: &str = "INSERT OR REPLACE INTO label (row, keyword, wanted)
     SELECT row, ?2, ?3 FROM entry WHERE row = ?1";
/// As the trigger does when agreed flags change.
const DROP_MET: &str =
    "DELETE FROM label WHERE row = ?1 AND wanted = (SELECT instr(' ' || lower(keywords) || ' ',
     ' ' || lower(label.keyword) || ' ') > 0 FROM entry WHERE entry.row = ?1)";

/// Events that follow each other: the same, of one message after the other.
pub(super) struct Run {
    first: Tidings,
    id: i64,
    count: i64,
}

impl Run {
    fn takes(&mut self, next: &Tidings) -> bool {
        let first = &self.first;
        let fits = next.what == What::New
            && next.row.0 == first.row.0 + self.count
            && (next.mailbox, next.side, next.at, next.old, &next.what)
                == (first.mailbox, first.side, first.at, first.old, &first.what);
        self.count += i64::from(fits);
        fits
    }
}

impl Apply<'_, '_> {
    pub(super) fn put_news(&mut self, tidings: &Tidings) -> Result<()> {
        self.used.news += 1;
        if self.run.as_mut().is_some_and(|run| run.takes(tidings)) {
            return Ok(());
        }
        self.put_run()?;
        self.run = Some(Run {
            first: tidings.clone(),
            id: self.used.news,
            count: 1,
        });
        Ok(())
    }

    /// Writes the events that were put last.
    pub(super) fn put_run(&mut self) -> Result<()> {
        let Some(Run { first, id, count }) = self.run.take() else {
            return Ok(());
        };
        let none = Flags::new();
        let (word, origin, added, removed) = match &first.what {
            What::New => ("new", None, &none, &none),
            What::Flags { added, removed } => ("flags", None, added, removed),
            What::Moved { from } => ("moved", Some(from.0), &none, &none),
            What::Deleted => ("deleted", None, &none, &none),
        };
        self.run(
            PUT_NEWS,
            params![
                id,
                first.row.0,
                first.mailbox.0,
                rows::side_word(first.side),
                first.at,
                first.old,
                word,
                origin,
                added.system_bits(),
                rows::keywords_text(added),
                removed.system_bits(),
                rows::keywords_text(removed),
                count,
            ],
        )
    }

    /// Later wishes take the place of earlier ones; those that are met already are none.
    pub(super) fn put_labels(&mut self, row: RowId, delta: &FlagDelta) -> Result<()> {
        for (flags, wanted) in [(&delta.add, true), (&delta.remove, false)] {
            for keyword in flags.keywords() {
                self.run(PUT_LABEL, params![row.0, keyword.as_str(), wanted])?;
            }
        }
        self.run(DROP_MET, [row.0])
    }

    pub(super) fn drop_news(&mut self, all: &[NewsId]) -> Result<()> {
        self.put_run()?;
        for run in all.chunk_by(|one, next| next.0 == one.0 + 1) {
            if let (Some(first), Some(last)) = (run.first(), run.last()) {
                self.drop_between(first.0, last.0)?;
            }
        }
        Ok(())
    }

    fn drop_between(&mut self, first: i64, last: i64) -> Result<()> {
        for place in [first, last + 1] {
            self.run(SPLIT_OFF, [place])?;
            self.run(CUT_OFF, [place])?;
        }
        self.run(
            "DELETE FROM outbox WHERE id BETWEEN ?1 AND ?2",
            [first, last],
        )
    }

    /// What was to be told of messages that were never delivered is not told; `which` finds the events of some of them.
    pub(in super::super) fn drop_untold(
        &mut self,
        which: &'static str,
        params: impl Params,
    ) -> Result<()> {
        self.put_run()?;
        let untold = self.statements.numbers(which, params)?;
        let untold: Vec<NewsId> = untold.into_iter().map(NewsId).collect();
        self.drop_news(&untold)
    }

    pub(super) fn drop_entry(&mut self, row: RowId) -> Result<()> {
        self.drop_untold(UNTOLD_OF_ROW, [row.0])?;
        self.run("DELETE FROM entry WHERE row = ?1", [row.0])
    }
}
