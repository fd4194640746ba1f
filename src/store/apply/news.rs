//! Changes to the outbox.

use rusqlite::{Result, params};

use super::super::rows;
use super::Apply;
use crate::mail::{FlagDelta, Flags};
use crate::sync::{NewsId, RowId, Tidings, What};

const PUT_NEWS: &str =
    "INSERT INTO outbox (id, row, mailbox, side, at, old, what, origin, added, added_keywords,
         removed, removed_keywords)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
/// Whether the row is one whose delivery is not complete is asked once, not for each event.
const DROP_UNTOLD: &str = "DELETE FROM outbox
     WHERE EXISTS (SELECT 1 FROM entry WHERE entry.row = ?1 AND linked = 0) AND row = ?1";

const PUT_LABEL: &str = "INSERT OR REPLACE INTO label (row, keyword, wanted)
     SELECT row, ?2, ?3 FROM entry WHERE row = ?1";
/// As the trigger does when agreed flags change.
const DROP_MET: &str =
    "DELETE FROM label WHERE row = ?1 AND wanted = (SELECT instr(' ' || lower(keywords) || ' ',
     ' ' || lower(label.keyword) || ' ') > 0 FROM entry WHERE entry.row = ?1)";

impl Apply<'_, '_> {
    pub(super) fn put_news(&mut self, tidings: &Tidings) -> Result<()> {
        self.used.news += 1;
        let id = self.used.news;
        let none = Flags::new();
        let (word, origin, added, removed) = match &tidings.what {
            What::New => ("new", None, &none, &none),
            What::Flags { added, removed } => ("flags", None, added, removed),
            What::Moved { from } => ("moved", Some(from.0), &none, &none),
            What::Deleted => ("deleted", None, &none, &none),
        };
        self.run(
            PUT_NEWS,
            params![
                id,
                tidings.row.0,
                tidings.mailbox.0,
                rows::side_word(tidings.side),
                tidings.at,
                tidings.old,
                word,
                origin,
                added.system_bits(),
                rows::keywords_text(added),
                removed.system_bits(),
                rows::keywords_text(removed),
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
        for id in all {
            self.run("DELETE FROM outbox WHERE id = ?1", [id.0])?;
        }
        Ok(())
    }

    /// What was to be told of a message that was never delivered is not told.
    pub(super) fn drop_entry(&mut self, row: RowId) -> Result<()> {
        self.run(DROP_UNTOLD, [row.0])?;
        self.run("DELETE FROM entry WHERE row = ?1", [row.0])
    }
}
