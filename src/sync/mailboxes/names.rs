//! Which record has which name on either side, renames found out.

use std::collections::{BTreeMap, BTreeSet};

use crate::mail::{MailboxName, Uid};
use crate::sync::base::{MailboxId, MailboxRecord};
use crate::sync::input::{MailboxesInput, SeenFolder, SeenMailbox};

/// Where a record's folder is.
pub(super) enum Folder<'a> {
    /// Under its name, with its marker.
    Here,
    /// There is a folder of its name with another marker, or none, and its marker is nowhere.
    Unmarked,
    /// Its marker is in this folder and not in the one of its name.
    Renamed(&'a MailboxName),
    /// Nowhere.
    Absent,
}

/// The names on all three sides.
pub(super) struct Names<'a> {
    known: BTreeMap<&'a MailboxName, &'a MailboxRecord>,
    remote: BTreeMap<&'a MailboxName, &'a SeenMailbox>,
    folders: BTreeMap<&'a MailboxName, &'a SeenFolder>,
    moved: BTreeMap<MailboxId, &'a MailboxName>,
}

impl<'a> Names<'a> {
    pub(super) fn new(input: &'a MailboxesInput) -> Self {
        let mut names = Self {
            known: input.known.iter().map(|it| (&it.name, it)).collect(),
            remote: input
                .remote
                .iter()
                .filter(|seen| seen.selectable)
                .map(|seen| (&seen.name, seen))
                .collect(),
            folders: input.folders.iter().map(|it| (&it.name, it)).collect(),
            moved: BTreeMap::new(),
        };
        names.moved = names.renames();
        names
    }

    /// The record's name on the server, where it is there.
    pub(super) fn on_server(&self, record: &MailboxRecord) -> Option<&'a MailboxName> {
        let same = self.remote.get_key_value(&record.name);
        same.map(|(name, _)| *name)
            .or_else(|| self.moved.get(&record.id).copied())
    }

    pub(super) fn listed(&self, name: &MailboxName) -> bool {
        self.remote.contains_key(name)
    }

    pub(super) fn is_known(&self, name: &MailboxName) -> bool {
        self.known.contains_key(name)
    }

    pub(super) fn has_folder(&self, name: &MailboxName) -> bool {
        self.folders.contains_key(name)
    }

    pub(super) fn remote(&self) -> impl Iterator<Item = &'a SeenMailbox> + '_ {
        self.remote.values().copied()
    }

    pub(super) fn folders(&self) -> impl Iterator<Item = &'a MailboxName> + '_ {
        self.folders.keys().copied()
    }

    pub(super) fn folder_of(&self, record: &MailboxRecord) -> Folder<'a> {
        let marked = |folder: &SeenFolder| folder.marker.as_deref() == Some(&record.marker);
        let own = self.folders.get(&record.name);
        if own.is_some_and(|folder| marked(folder)) {
            return Folder::Here;
        }
        let mut places = self
            .folders
            .iter()
            .filter(|(name, folder)| marked(folder) && !self.known.contains_key(*name));
        match (places.next(), own) {
            (Some((name, _)), _) => Folder::Renamed(name),
            (None, Some(_)) => Folder::Unmarked,
            (None, None) => Folder::Absent,
        }
    }

    /// Records whose mailbox is on the server under a new name.
    fn renames(&self) -> BTreeMap<MailboxId, &'a MailboxName> {
        let missing: Vec<&MailboxRecord> = self
            .known
            .values()
            .copied()
            .filter(|record| !self.remote.contains_key(&record.name))
            .collect();
        let fresh: Vec<&'a SeenMailbox> = self
            .remote
            .values()
            .copied()
            .filter(|seen| !self.known.contains_key(&seen.name))
            .collect();
        let mut moved = BTreeMap::new();
        for record in &missing {
            let mut candidates = fresh
                .iter()
                .filter(|seen| is_same(record, seen) && self.is_free(record, &seen.name));
            let (Some(seen), None) = (candidates.next(), candidates.next()) else {
                continue;
            };
            let rivals = missing.iter().filter(|other| is_same(other, seen));
            if rivals.count() == 1 {
                moved.insert(record.id, &seen.name);
            }
        }
        self.renamed_on_both(&missing, &fresh, &mut moved);
        self.children(&missing, &fresh, &mut moved);
        moved
    }

    /// A folder that is in the way under the new name makes it two mailboxes; their messages are then paired singly.
    fn is_free(&self, record: &MailboxRecord, name: &MailboxName) -> bool {
        let folder = self.folders.get(name);
        folder.is_none_or(|folder| folder.marker.as_deref() == Some(&record.marker))
    }

    /// Gone from the server under its old name, and there under the name that its folder has got: the same rename.
    fn renamed_on_both(
        &self,
        missing: &[&MailboxRecord],
        fresh: &[&'a SeenMailbox],
        moved: &mut BTreeMap<MailboxId, &'a MailboxName>,
    ) {
        let taken: BTreeSet<&MailboxName> = moved.values().copied().collect();
        for record in missing {
            if let Folder::Renamed(name) = self.folder_of(record)
                && !taken.contains(name)
                && fresh.iter().any(|seen| seen.name == *name)
            {
                moved.entry(record.id).or_insert(name);
            }
        }
    }

    /// What lies below a renamed mailbox went along, empty or not.
    fn children(
        &self,
        missing: &[&MailboxRecord],
        fresh: &[&'a SeenMailbox],
        moved: &mut BTreeMap<MailboxId, &'a MailboxName>,
    ) {
        for record in missing {
            let target = record.name.parent().and_then(|parent| {
                let to = moved.get(&self.known.get(&parent)?.id)?;
                let level = record.name.as_str().strip_prefix(parent.as_str())?;
                MailboxName::parse(&format!("{}{level}", to.as_str()))
            });
            let Some(target) = target else { continue };
            let taken = moved.values().any(|name| **name == target);
            let found = fresh.iter().find(|seen| seen.name == target);
            if let Some(seen) = found
                && !taken
                && seen.uidvalidity == record.uidvalidity
                && self.is_free(record, &seen.name)
            {
                moved.entry(record.id).or_insert(&seen.name);
            }
        }
    }
}

/// Whether a mailbox with a new name can be a known one: the same id, or else the same UIDVALIDITY with at least as
/// many UIDs given out. An empty mailbox that never held anything proves nothing.
fn is_same(record: &MailboxRecord, seen: &SeenMailbox) -> bool {
    if let (Some(known), Some(id)) = (&record.object_id, &seen.object_id) {
        return known == id;
    }
    let Some(known) = record.uidnext.filter(|uid| *uid > Uid::MIN) else {
        return false;
    };
    record.uidvalidity.is_some()
        && record.uidvalidity == seen.uidvalidity
        && seen.uidnext.is_some_and(|uid| uid >= known)
}
