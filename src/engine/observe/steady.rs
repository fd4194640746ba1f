//! Files that move from one folder to another while the folders are scanned one after the other.
//!
//! Such a file is seen twice, which looks like a copy, or not at all, which looks like a deletion. Both are looked at
//! again before they are believed.

use std::collections::{BTreeMap, BTreeSet};

use super::{LocalSide, scan};
use crate::engine::context::{Pass, Ports};
use crate::engine::fault::Fault;
use crate::engine::folders::Mailboxes;
use crate::mail::LocalId;
use crate::sync::{Entry, FileStamp, MailboxId, RowId};

/// How often folders are scanned once more because of one another.
const ROUNDS: usize = 3;

/// Scans folders again where a file may have moved between two scans, until two scans show the same. What does not hold
/// still is left for the next pass; returns the mailboxes it was left in.
pub(super) async fn settle<P: Ports>(
    pass: &Pass<'_, P>,
    mailboxes: &Mailboxes,
    sides: &mut BTreeMap<MailboxId, LocalSide>,
) -> Result<BTreeSet<MailboxId>, Fault> {
    for _ in 0..ROUNDS {
        let again = suspects(sides);
        if again.is_empty() {
            return Ok(BTreeSet::new());
        }
        let mut steady = true;
        for record in again.iter().filter_map(|id| mailboxes.records.get(id)) {
            let before = sides.remove(&record.id).map(|side| side.changes);
            if let Some(side) = scan(pass, record).await? {
                steady &= before.as_ref() == Some(&side.changes);
                sides.insert(record.id, side);
            }
        }
        if steady {
            return Ok(BTreeSet::new());
        }
    }
    let restless = hold_back(sides);
    for record in restless.iter().filter_map(|id| mailboxes.records.get(id)) {
        let told = "its files keep being moved, what came or went is looked at again later";
        pass.problem(Some(&record.name), &told);
    }
    Ok(restless)
}

/// The mailboxes whose scans may not be of one moment.
fn suspects(sides: &BTreeMap<MailboxId, LocalSide>) -> BTreeSet<MailboxId> {
    if sides.len() > 1 && seen_nowhere(sides) {
        return sides.keys().copied().collect();
    }
    let twice = seen_twice(sides).into_iter();
    twice.flat_map(|(old, new, _)| [old, new]).collect()
}

/// Takes out what may be half a move; returns where something was taken out.
fn hold_back(sides: &mut BTreeMap<MailboxId, LocalSide>) -> BTreeSet<MailboxId> {
    let mut restless = BTreeSet::new();
    let twice = seen_twice(sides);
    let twice: BTreeSet<(MailboxId, LocalId)> = twice
        .into_iter()
        .map(|(_, new, file)| (new, file))
        .collect();
    let stamps = appeared(sides);
    for (mailbox, side) in sides {
        let rows = side.base.entries.iter();
        let moved: BTreeSet<RowId> = rows
            .filter(|entry| stamps.contains(&entry.stamp))
            .map(|entry| entry.row)
            .collect();
        let changes = &mut side.changes;
        let before = changes.appeared.len() + changes.vanished.len();
        changes
            .appeared
            .retain(|file| !twice.contains(&(*mailbox, file.id.clone())));
        changes.vanished.retain(|row| moved.contains(row));
        if changes.appeared.len() + changes.vanished.len() < before {
            restless.insert(*mailbox);
        }
    }
    restless
}

/// Files that appeared in one mailbox and are also still in their old folder: the old mailbox, the new one, the file.
fn seen_twice(sides: &BTreeMap<MailboxId, LocalSide>) -> Vec<(MailboxId, MailboxId, LocalId)> {
    let mut ids: BTreeMap<&LocalId, (MailboxId, &LocalId)> = BTreeMap::new();
    let mut stamps: BTreeMap<FileStamp, (MailboxId, &LocalId)> = BTreeMap::new();
    for (mailbox, side) in sides {
        for file in &side.changes.appeared {
            ids.insert(&file.id, (*mailbox, &file.id));
            stamps.insert(file.stamp, (*mailbox, &file.id));
        }
    }
    let mut twice = Vec::new();
    if ids.is_empty() {
        return twice;
    }
    for (mailbox, side) in sides {
        let gone = vanished(side);
        let here = side.base.entries.iter();
        for entry in here.filter(|entry| !gone.contains(&entry.row)) {
            let Some(id) = &entry.local else { continue };
            for (new, file) in ids.get(id).into_iter().chain(stamps.get(&entry.stamp)) {
                if new != mailbox {
                    twice.push((*mailbox, *new, (*file).clone()));
                }
            }
        }
    }
    twice
}

/// Whether a file vanished that appeared in no folder.
fn seen_nowhere(sides: &BTreeMap<MailboxId, LocalSide>) -> bool {
    let stamps = appeared(sides);
    let lost = |entry: &Entry| !stamps.contains(&entry.stamp);
    sides.values().any(|side| {
        let gone = vanished(side);
        let mut rows = side.base.entries.iter();
        !gone.is_empty() && rows.any(|entry| gone.contains(&entry.row) && lost(entry))
    })
}

fn appeared(sides: &BTreeMap<MailboxId, LocalSide>) -> BTreeSet<FileStamp> {
    let files = sides.values().flat_map(|side| &side.changes.appeared);
    files.map(|file| file.stamp).collect()
}

fn vanished(side: &LocalSide) -> BTreeSet<RowId> {
    side.changes.vanished.iter().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{Flags, MailboxName, Uid};
    use crate::sync::{Base, EntryState, LocalChanges, LocalMessage, MailboxRecord};

    const OLD: MailboxId = MailboxId(1);
    const NEW: MailboxId = MailboxId(2);

    fn stamp(inode: u64) -> FileStamp {
        FileStamp {
            inode,
            size: 10,
            mtime_ns: 7,
        }
    }

    fn side(id: MailboxId, rows: &[(i64, &str)], changes: LocalChanges) -> LocalSide {
        let entries = rows.iter().map(|(row, file)| Entry {
            row: RowId(*row),
            mailbox: id,
            uid: Uid::new(1),
            local: LocalId::new(file.as_bytes()),
            flags: Flags::new(),
            size: 10,
            date: 0,
            message_id: None,
            digest: None,
            content: None,
            raw: false,
            stamp: stamp(u64::try_from(*row).unwrap()),
            state: EntryState::Linked,
            hold: None,
        });
        let mailbox = MailboxRecord {
            id,
            name: MailboxName::inbox(),
            role: None,
            uidvalidity: None,
            uidnext: None,
            modseq: None,
            marker: "m".to_owned(),
            object_id: None,
            last_sync: None,
            problem: None,
        };
        LocalSide {
            base: Base {
                labels: Vec::new(),
                mailbox,
                entries: entries.collect(),
            },
            changes,
            scope: crate::sync::KeywordScope::default(),
            token: None,
        }
    }

    /// A file of row 1 that may have gone from the old folder, and one of this inode that may be in the new one.
    fn sides(gone: bool, came: Option<(&str, u64)>) -> BTreeMap<MailboxId, LocalSide> {
        let vanished = if gone { vec![RowId(1)] } else { Vec::new() };
        let appeared = came.into_iter().map(|(name, inode)| LocalMessage {
            id: LocalId::new(name.as_bytes()).unwrap(),
            flags: Flags::new(),
            stamp: stamp(inode),
        });
        let old = LocalChanges {
            vanished,
            ..LocalChanges::default()
        };
        let new = LocalChanges {
            appeared: appeared.collect(),
            ..LocalChanges::default()
        };
        BTreeMap::from([
            (OLD, side(OLD, &[(1, "a"), (2, "b")], old)),
            (NEW, side(NEW, &[(3, "c")], new)),
        ])
    }

    #[test]
    fn a_whole_move_and_a_new_file_are_believed_at_once() {
        assert!(suspects(&sides(true, Some(("a", 1)))).is_empty());
        assert!(suspects(&sides(true, Some(("renamed", 1)))).is_empty());
        assert!(suspects(&sides(false, Some(("new", 9)))).is_empty());
        assert!(suspects(&sides(false, None)).is_empty());
    }

    #[test]
    fn a_file_in_both_folders_is_held_back_where_it_came() {
        for file in [("a", 9), ("renamed", 1)] {
            let mut sides = sides(false, Some(file));
            assert_eq!(suspects(&sides), BTreeSet::from([OLD, NEW]));
            assert_eq!(hold_back(&mut sides), BTreeSet::from([NEW]));
            assert!(sides[&NEW].changes.appeared.is_empty());
        }
    }

    #[test]
    fn a_file_in_no_folder_is_held_back_where_it_was() {
        for came in [None, Some(("new", 9))] {
            let mut sides = sides(true, came);
            assert_eq!(suspects(&sides), BTreeSet::from([OLD, NEW]));
            assert_eq!(hold_back(&mut sides), BTreeSet::from([OLD]));
            assert!(sides[&OLD].changes.vanished.is_empty());
            assert_eq!(
                sides[&NEW].changes.appeared.len(),
                usize::from(came.is_some())
            );
        }
    }
}
