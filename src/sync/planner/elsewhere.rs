//! Messages whose content is in the account a second time.

use std::collections::{BTreeMap, BTreeSet};

use super::scene::{Row, Scene};
use crate::mail::ContentDigest;
use crate::sync::base::{Entry, EntryState, MailboxId, RowId};

/// Where each content is, in messages that are on both sides.
#[derive(Debug)]
pub(super) struct Contents {
    places: BTreeMap<ContentDigest, BTreeSet<(MailboxId, RowId)>>,
}

impl Contents {
    /// Looks through all rows but those of trash mailboxes. A message that is gone or was edited on either side is not
    /// there any more.
    pub(super) fn new(scene: &Scene<'_>) -> Self {
        let changed: BTreeSet<RowId> = scene.rows.iter().filter_map(changed).collect();
        let mut places: BTreeMap<ContentDigest, BTreeSet<(MailboxId, RowId)>> = BTreeMap::new();
        for mailbox in scene.boxes.values().filter(|it| !scene.is_trash(it)) {
            let lives = |entry: &&Entry| {
                let linked = entry.state == EntryState::Linked && entry.hold.is_none();
                linked && !changed.contains(&entry.row)
            };
            for entry in mailbox.base.entries.iter().filter(lives) {
                if let Some(content) = entry.content {
                    let place = (entry.mailbox, entry.row);
                    places.entry(content).or_default().insert(place);
                }
            }
        }
        Self { places }
    }

    /// Whether another mailbox than its own has a row's content. Mail programs file a message by saving a copy and
    /// deleting the original, some time later.
    pub(super) fn has_copy(&self, row: &Row<'_>) -> bool {
        let places = row.content.and_then(|content| self.places.get(&content));
        let own = row.entry.mailbox;
        places.is_some_and(|places| places.iter().any(|(mailbox, _)| *mailbox != own))
    }
}

fn changed(row: &Row<'_>) -> Option<RowId> {
    (!row.is_where_it_was()).then_some(row.entry.row)
}
