//! What changed on each side since the base. Two joins, nothing is concluded here.

use std::collections::HashMap;

use super::base::{Base, Entry, EntryState, FileStamp};
use super::view::{
    LocalChanges, LocalMessage, LocalView, PermanentFlags, RemoteChanges, RemoteMessage, RemoteView,
};
use crate::mail::{Flags, LocalId};

/// How a folder differs from the base. Rows without a file wait for their download and are not reported.
#[must_use]
pub fn diff_local(base: &Base, view: &LocalView) -> LocalChanges {
    let mut changes = LocalChanges::default();
    let mut owners: HashMap<&LocalId, &Entry> = HashMap::with_capacity(base.entries.len());
    for entry in &base.entries {
        if let Some(local) = &entry.local {
            owners.insert(local, entry);
        }
    }
    for file in &view.files {
        match owners.remove(&file.id) {
            Some(entry) => compare_file(entry, file, view, &mut changes),
            None => changes.appeared.push(file.clone()),
        }
    }
    // What is left has no file. Asked in the order of the rows, so that the result is always the same.
    if !owners.is_empty() {
        for entry in &base.entries {
            let lost = |local| {
                owners
                    .get(local)
                    .is_some_and(|owner| owner.row == entry.row)
            };
            if entry.local.as_ref().is_some_and(lost) {
                match entry.state {
                    EntryState::Linked => changes.vanished.push(entry.row),
                    EntryState::Delivering => changes.undelivered.push(entry.row),
                }
            }
        }
    }
    changes.flags.sort_by_key(|(row, _)| *row);
    changes.edited.sort_by_key(|(row, _)| *row);
    changes.copied.sort_by_key(|(row, _)| *row);
    changes.delivered.sort_by_key(|(row, _)| *row);
    changes
}

fn compare_file(entry: &Entry, file: &LocalMessage, view: &LocalView, changes: &mut LocalChanges) {
    match entry.state {
        EntryState::Delivering if may_be_edited(&entry.stamp, &file.stamp) => {
            // Somebody was quick: what was delivered is what the row says, what is there now is an edit of it.
            changes.delivered.push((entry.row, entry.stamp));
            changes.edited.push((entry.row, file.clone()));
        }
        EntryState::Delivering => changes.delivered.push((entry.row, file.stamp)),
        EntryState::Linked if may_be_edited(&entry.stamp, &file.stamp) => {
            changes.edited.push((entry.row, file.clone()));
        }
        EntryState::Linked if is_copied(&entry.stamp, &file.stamp) => {
            changes.copied.push((entry.row, file.stamp));
        }
        EntryState::Linked => {}
    }
    if file.flags != entry.flags {
        let seen = view.scope.complete(&file.flags, &entry.flags);
        if seen != entry.flags {
            changes.flags.push((entry.row, seen));
        }
    }
}

fn is_copied(agreed: &FileStamp, seen: &FileStamp) -> bool {
    *agreed != FileStamp::default() && agreed.inode != seen.inode
}

fn may_be_edited(agreed: &FileStamp, seen: &FileStamp) -> bool {
    *agreed != FileStamp::default() && seen.may_be_edited(agreed)
}

/// How a mailbox on the server differs from the base.
///
/// When UIDVALIDITY is not the base's, no UID of the base says anything: nothing vanished, everything appeared. A
/// server without lasting UIDs renumbers every time.
#[must_use]
pub fn diff_remote(base: &Base, view: &RemoteView) -> RemoteChanges {
    if renumbered(base, view) {
        return RemoteChanges {
            renumbered: true,
            appeared: view.listed.clone(),
            ..RemoteChanges::default()
        };
    }
    let mut changes = RemoteChanges::default();
    let mut listed = sorted_by_uid(&view.listed).into_iter().peekable();
    for entry in bound_by_uid(base) {
        let Some(uid) = entry.uid else { continue };
        while let Some(new) = listed.next_if(|message| message.uid < uid) {
            changes.appeared.push(new.clone());
        }
        match listed.next_if(|message| message.uid == uid) {
            Some(seen) => compare_message(entry, seen, &view.permanent, &mut changes),
            None if view.presence.has(uid) => {}
            None => changes.vanished.push(entry.row),
        }
    }
    changes.appeared.extend(listed.cloned());
    changes.vanished.sort_unstable();
    changes.flags.sort_by_key(|(row, _)| *row);
    changes
}

fn renumbered(base: &Base, view: &RemoteView) -> bool {
    match (base.mailbox.uidvalidity, view.uidvalidity) {
        (Some(known), seen) => seen != Some(known),
        (None, Some(_)) => false,
        (None, None) => base.entries.iter().any(|entry| entry.uid.is_some()),
    }
}

fn sorted_by_uid(listed: &[RemoteMessage]) -> Vec<&RemoteMessage> {
    let mut sorted: Vec<&RemoteMessage> = listed.iter().collect();
    sorted.sort_by_key(|message| message.uid);
    // Servers may answer twice for one UID; the later answer is the newer one.
    sorted.reverse();
    sorted.dedup_by_key(|message| message.uid);
    sorted.reverse();
    sorted
}

fn bound_by_uid(base: &Base) -> Vec<&Entry> {
    let mut bound: Vec<&Entry> = base
        .entries
        .iter()
        .filter(|entry| entry.uid.is_some())
        .collect();
    bound.sort_by_key(|entry| entry.uid);
    bound
}

fn compare_message(
    entry: &Entry,
    seen: &RemoteMessage,
    permanent: &PermanentFlags,
    changes: &mut RemoteChanges,
) {
    if seen.flags == entry.flags {
        return;
    }
    let effective = as_kept(permanent, &seen.flags, &entry.flags);
    if effective != entry.flags {
        changes.flags.push((entry.row, effective));
    }
}

/// What a message's flags are, given that the server cannot keep all of them: the rest is the base's.
pub(super) fn as_kept(permanent: &PermanentFlags, seen: &Flags, base: &Flags) -> Flags {
    let hidden = base.minus(&permanent.kept(base));
    permanent.kept(seen).union(&hidden)
}

#[cfg(test)]
mod tests;
