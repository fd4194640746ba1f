//! Holds: which rows they keep back, which leave them, and which holds are over.

use std::collections::BTreeMap;

use super::decide::Decider;
use super::scene::{Here, Row, There};
use crate::sync::base::HoldId;
use crate::sync::change::{Change, Hold, HoldKind, Side};
use crate::sync::plan::Op;

impl<'a> Decider<'_, 'a> {
    /// The hold that keeps a row back. A row that came back, or whose hold is over, is released.
    pub(super) fn hold_of(&mut self, row: &Row<'a>) -> Option<&'a Hold> {
        let id = row.entry.hold?;
        let hold = self.scene.input.holds.iter().find(|hold| hold.id == id);
        let came_back = match hold.map(|hold| hold.side) {
            Some(Side::Local) => matches!(row.there, There::Kept | There::Moved(_)),
            Some(Side::Remote) => !matches!(row.here, Here::Gone | Here::Missing),
            None => true,
        };
        if came_back {
            self.release(row);
            return None;
        }
        hold
    }

    pub(super) fn release(&mut self, row: &Row<'a>) {
        if let Some(hold) = row.entry.hold {
            *self.released.entry(hold).or_default() += 1;
            self.record(row, Change::SetHold(vec![row.entry.row], None));
        }
    }

    /// Holds everything that is missing from folders that lost their marker.
    pub(super) fn hold_unmarked(&mut self) {
        for mailbox in self.scene.focused() {
            let id = mailbox.base.mailbox.id;
            if !mailbox.marker_lost || self.scene.marker_hold(id).is_some() {
                continue;
            }
            let here = self.scene.rows.iter().filter(|row| {
                row.entry.mailbox == id && row.here == Here::Gone && !row.undelivered
            });
            let rows: Vec<_> = here
                .filter(|row| row.entry.hold.is_none())
                .map(|row| row.entry.row)
                .collect();
            if !rows.is_empty() {
                let reason = format!(
                    "the folder has lost its marker, and {} messages are not in it",
                    rows.len()
                );
                self.steps.holds.push(Op::Hold {
                    mailbox: id,
                    side: Side::Remote,
                    kind: HoldKind::MarkerLost,
                    reason,
                    rows,
                });
            }
        }
    }

    /// Holds a message that was not found again after UIDVALIDITY changed, together with others of its mailbox.
    pub(super) fn hold_renumbered(&mut self, row: &Row<'a>) {
        let number = row.entry.row;
        let id = row.entry.mailbox;
        for op in &mut self.steps.holds {
            if let Op::Hold {
                mailbox,
                kind: HoldKind::Renumbered,
                rows,
                reason,
                ..
            } = op
                && *mailbox == id
            {
                rows.push(number);
                *reason = renumbered(rows.len());
                return;
            }
        }
        self.steps.holds.push(Op::Hold {
            mailbox: id,
            side: Side::Local,
            kind: HoldKind::Renumbered,
            reason: renumbered(1),
            rows: vec![number],
        });
    }

    /// Settles holds that keep nothing back any more.
    pub(super) fn drop_empty_holds(&mut self) {
        let mut kept: BTreeMap<HoldId, usize> = BTreeMap::new();
        for mailbox in self.scene.boxes.values() {
            for hold in mailbox.base.entries.iter().filter_map(|entry| entry.hold) {
                *kept.entry(hold).or_default() += 1;
            }
        }
        for hold in &self.scene.input.holds {
            let left = kept.get(&hold.id).copied().unwrap_or(0);
            let leaving = self.released.get(&hold.id).copied().unwrap_or(0);
            let mut observed = self.scene.focused();
            let seen = observed.any(|mailbox| mailbox.base.mailbox.id == hold.mailbox);
            if seen && left == leaving {
                self.steps.record(hold.mailbox, Change::DropHold(hold.id));
            }
        }
    }
}

fn renumbered(count: usize) -> String {
    format!("UIDVALIDITY changed and {count} messages were not found again on the server")
}
