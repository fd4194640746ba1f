//! Changes to letters.

use rusqlite::{Result, params};

use super::{Apply, rows};
use crate::sync::{Letter, LetterId, LetterState};

const PUT_LETTER: &str = "INSERT INTO letter (id, uidl, size, octets, since, missing, state, local, digest, header)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
     ON CONFLICT (id) DO UPDATE SET uidl = ?2, size = ?3, octets = ?4, since = ?5, missing = ?6, state = ?7,
         local = ?8, digest = ?9, header = ?10";

impl Apply<'_, '_> {
    pub(super) fn put_letter(&mut self, letter: &Letter) -> Result<()> {
        let known = &letter.known;
        self.used.entry = self.used.entry.max(known.id.0);
        self.run(
            PUT_LETTER,
            params![
                known.id.0,
                known.uidl.as_str(),
                known.size.cast_signed(),
                letter.octets.cast_signed(),
                known.since,
                known.missing,
                rows::state_word(known.state),
                letter.local.as_bytes(),
                letter.digest.0.as_slice(),
                letter.header.0.as_slice(),
            ],
        )
    }

    pub(super) fn set_letters(&mut self, letters: &[LetterId], state: LetterState) -> Result<()> {
        for id in letters {
            self.run(
                "UPDATE letter SET state = ?2 WHERE id = ?1",
                params![id.0, rows::state_word(state)],
            )?;
        }
        Ok(())
    }
}
