//! What a script has asked for in one job, over all handlers: a batch of events must not want without end.

use std::collections::HashMap;
use std::mem::size_of;

use mlua::{Error, Result};

use super::meter::full;
use crate::mail::Flags;
use crate::sync::{Act, RowId, Wanted};

/// The most acts for one message: no more than that is done to it within an hour.
const MOST_FOR_ONE: u32 = 16;
/// The most acts.
const MOST_ACTS: usize = 100_000;
/// The most lines for the log.
const MOST_LINES: usize = 1_000;
/// The most notifications.
const MOST_NOTICES: usize = 100;
/// The most programs that are noted, and the most octets of their arguments.
const MOST_PROGRAMS: usize = 100;
const MOST_ARGUMENTS: usize = 1 << 20;

/// Counts them.
#[derive(Default)]
pub(super) struct Tally {
    rows: HashMap<RowId, u32>,
    acts: usize,
    octets: usize,
    lines: usize,
    notices: usize,
    programs: usize,
    arguments: usize,
}

/// What becomes of a line.
pub(super) enum Line {
    Kept,
    Last,
    Dropped,
}

impl Tally {
    /// One more act; `memory` is what all of them may take.
    pub fn act(&mut self, wanted: &Wanted, memory: usize) -> Result<()> {
        if self.acts >= MOST_ACTS {
            let text = format!("more than {MOST_ACTS} acts at once");
            return Err(Error::runtime(text));
        }
        let octets = self.octets.saturating_add(weight(wanted));
        if octets > memory {
            return Err(full());
        }
        let count = self.rows.entry(wanted.row).or_default();
        if *count >= MOST_FOR_ONE {
            let text = format!("more than {MOST_FOR_ONE} acts for one message");
            return Err(Error::runtime(text));
        }
        *count += 1;
        self.acts += 1;
        self.octets = octets;
        Ok(())
    }

    /// Of a handler that fails nothing is done.
    pub fn forget(&mut self, wanted: &[Wanted]) {
        for one in wanted {
            if let Some(count) = self.rows.get_mut(&one.row) {
                *count = count.saturating_sub(1);
            }
            self.acts = self.acts.saturating_sub(1);
            self.octets = self.octets.saturating_sub(weight(one));
        }
    }

    /// One more line for the log.
    pub fn line(&mut self) -> Line {
        self.lines = self.lines.saturating_add(1);
        match self.lines {
            lines if lines <= MOST_LINES => Line::Kept,
            lines if lines == MOST_LINES + 1 => Line::Last,
            _ => Line::Dropped,
        }
    }

    /// One more notification; whether it is shown.
    pub fn notice(&mut self) -> bool {
        self.notices = self.notices.saturating_add(1);
        self.notices <= MOST_NOTICES
    }

    /// One more program; whether it is noted.
    pub fn program(&mut self, octets: usize) -> bool {
        self.programs = self.programs.saturating_add(1);
        self.arguments = self.arguments.saturating_add(octets);
        self.programs <= MOST_PROGRAMS && self.arguments <= MOST_ARGUMENTS
    }
}

/// About the octets that it takes.
fn weight(wanted: &Wanted) -> usize {
    let words = |flags: &Flags| {
        let keywords = flags.keywords().map(|one| one.as_str().len() + 64);
        keywords.sum::<usize>()
    };
    let act = match &wanted.act {
        Act::MoveTo(name) | Act::CopyTo(name) => name.as_str().len(),
        Act::AddFlags(flags) | Act::RemoveFlags(flags) => words(flags),
        Act::Delete => 0,
    };
    size_of::<Wanted>() + wanted.local.as_bytes().len() + act
}
