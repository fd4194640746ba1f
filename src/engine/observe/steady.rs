//! Files that move from one folder to another while the folders are scanned one after the other.
//!
//! Such a file is seen twice, which looks like a copy, or not at all, which looks like a deletion. Both are looked at
//! again before they are believed.

use std::collections::{BTreeMap, BTreeSet};

use super::{LocalSide, scan_again};
use crate::engine::context::{Pass, Ports};
use crate::engine::fault::Fault;
use crate::engine::folders::Mailboxes;
use crate::mail::LocalId;
use crate::sync::{Entry, FileStamp, MailboxId, RowId};

/// How often folders are scanned once more because of one another.
const ROUNDS: usize = 2;

/// Scans folders again where a file may have moved between two scans.
pub(super) async fn settle<P: Ports>(
    pass: &Pass<'_, P>,
    mailboxes: &Mailboxes,
    sides: &mut BTreeMap<MailboxId, LocalSide>,
) -> Result<(), Fault> {
    for round in 0..ROUNDS {
        let mut again = seen_twice(sides);
        if round == 0 && sides.len() > 1 && seen_nowhere(sides) {
            again.extend(sides.keys());
        }
        if again.is_empty() {
            return Ok(());
        }
        for record in again.iter().filter_map(|id| mailboxes.records.get(id)) {
            match scan_again(pass, record, None).await? {
                Some(side) => sides.insert(record.id, side),
                None => sides.remove(&record.id),
            };
        }
    }
    Ok(())
}

/// The mailboxes in which a file appeared that is also still in its old folder, with those folders.
fn seen_twice(sides: &BTreeMap<MailboxId, LocalSide>) -> BTreeSet<MailboxId> {
    let mut appeared: BTreeMap<&LocalId, MailboxId> = BTreeMap::new();
    let mut stamps: BTreeMap<FileStamp, MailboxId> = BTreeMap::new();
    for (mailbox, side) in sides {
        for file in &side.changes.appeared {
            appeared.insert(&file.id, *mailbox);
            stamps.insert(file.stamp, *mailbox);
        }
    }
    let mut twice = BTreeSet::new();
    if appeared.is_empty() {
        return twice;
    }
    for (mailbox, side) in sides {
        let gone = vanished(side);
        let here = side.base.entries.iter();
        for entry in here.filter(|entry| !gone.contains(&entry.row)) {
            let Some(id) = &entry.local else { continue };
            let other = appeared.get(id).or_else(|| stamps.get(&entry.stamp));
            if let Some(other) = other.filter(|other| *other != mailbox) {
                twice.extend([*mailbox, *other]);
            }
        }
    }
    twice
}

/// Whether a file vanished that appeared in no folder.
fn seen_nowhere(sides: &BTreeMap<MailboxId, LocalSide>) -> bool {
    let appeared = sides.values().flat_map(|side| &side.changes.appeared);
    let stamps: BTreeSet<FileStamp> = appeared.map(|file| file.stamp).collect();
    let lost = |entry: &Entry| !stamps.contains(&entry.stamp);
    sides.values().any(|side| {
        let gone = vanished(side);
        let rows = side.base.entries.iter();
        !gone.is_empty() && rows.filter(|entry| gone.contains(&entry.row)).any(lost)
    })
}

fn vanished(side: &LocalSide) -> BTreeSet<RowId> {
    side.changes.vanished.iter().copied().collect()
}
