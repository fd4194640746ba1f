//! The guard against floods of deletions: what is too much at once is held until the user decides.

use std::collections::BTreeMap;

use super::base::{EntryState, MailboxId, RowId};
use super::change::{HoldKind, HoldVerdict, Side};
use super::input::{AccountInput, MailboxInput};
use super::plan::Op;
use super::policy::Guard;
use crate::mail::LocalId;

/// A message that is due to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Doomed {
    pub mailbox: MailboxId,
    /// Where it would be deleted.
    pub side: Side,
    pub row: RowId,
    /// The user has marked or trashed it, has approved of it, or another copy stays: not the guard's business.
    pub exempt: bool,
    /// A file that takes its place on the server, and has to be there first.
    pub after: Option<(MailboxId, LocalId)>,
}

impl Doomed {
    fn op(&self) -> Op {
        let row = self.row;
        match self.side {
            Side::Local => Op::DeleteLocal { row },
            Side::Remote => Op::DeleteRemote {
                row,
                after: self.after.clone(),
            },
        }
    }
}

/// What may be deleted, and what is to be held instead.
pub(super) fn judge(doomed: &[Doomed], input: &AccountInput, guard: Guard) -> (Vec<Op>, Vec<Op>) {
    let mut groups: BTreeMap<(MailboxId, Side), Vec<Doomed>> = BTreeMap::new();
    for one in doomed {
        groups
            .entry((one.mailbox, one.side))
            .or_default()
            .push(one.clone());
    }
    let (mut deletes, mut holds) = (Vec::new(), Vec::new());
    for ((mailbox, side), group) in groups {
        let (exempt, counted): (Vec<Doomed>, Vec<Doomed>) =
            group.into_iter().partition(|one| one.exempt);
        let place = input
            .mailboxes
            .iter()
            .find(|place| place.base.mailbox.id == mailbox);
        deletes.extend(exempt.iter().map(Doomed::op));
        let flood = place.and_then(|place| {
            let recent = input.recent.get(&(mailbox, side)).copied().unwrap_or(0);
            Tally::new(place, counted.len(), exempt.len(), recent).flood(guard)
        });
        let joins = !counted.is_empty() && has_open_flood(input, mailbox, side);
        match flood.or_else(|| joins.then(|| "more of what is held already".to_owned())) {
            None => deletes.extend(counted.iter().map(Doomed::op)),
            Some(reason) => holds.push(Op::Hold {
                mailbox,
                side,
                kind: HoldKind::Flood,
                reason,
                rows: counted.iter().map(|one| one.row).collect(),
            }),
        }
    }
    (deletes, holds)
}

/// An open hold that still keeps something back.
fn has_open_flood(input: &AccountInput, mailbox: MailboxId, side: Side) -> bool {
    let mut open = input.holds.iter().filter(|hold| {
        hold.mailbox == mailbox
            && hold.side == side
            && hold.kind == HoldKind::Flood
            && hold.verdict == HoldVerdict::Open
    });
    open.any(|hold| {
        let entries = input.mailboxes.iter().flat_map(|place| &place.base.entries);
        entries.into_iter().any(|entry| entry.hold == Some(hold.id))
    })
}

struct Tally {
    now: u64,
    recent: u64,
    /// Messages that were there before, the exempt ones not counted.
    linked: u64,
}

impl Tally {
    fn new(place: &MailboxInput, now: usize, exempt: usize, recent: u32) -> Self {
        let linked = place
            .base
            .entries
            .iter()
            .filter(|entry| entry.state == EntryState::Linked)
            .count();
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        Self {
            now: number(now),
            recent: u64::from(recent),
            linked: number(linked.saturating_sub(exempt)),
        }
    }

    fn flood(&self, guard: Guard) -> Option<String> {
        if self.now == 0 {
            return None;
        }
        let (gone, all) = (self.now + self.recent, self.linked + self.recent);
        let many = gone >= u64::from(guard.messages);
        let share = gone.saturating_mul(100) >= u64::from(guard.percent).saturating_mul(all);
        // In several steps as well as in one.
        let emptied = all >= 5 && gone >= all;
        if emptied {
            Some(format!("all {all} messages are gone within ten minutes"))
        } else if many && share {
            Some(format!(
                "{gone} of {all} messages are gone within ten minutes"
            ))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests;
