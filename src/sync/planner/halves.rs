//! Halves of moves: a message stays on the server while its file is somewhere else and the message cannot follow.

use super::decide::{Decider, replaced};
use super::scene::{File, Row};
use crate::mail::LocalId;
use crate::sync::base::MailboxId;
use crate::sync::plan::{Wait, WaitReason};

impl<'a> Decider<'_, 'a> {
    /// Whether a row's file was looked for everywhere below the root and is not there. Where it is found the message
    /// waits; where nobody has looked nothing is concluded.
    pub(super) fn is_nowhere(&mut self, row: &Row<'a>) -> bool {
        match self.scene.unsynced.get(&row.entry.row) {
            Some(None) => !self.is_unsent(row),
            Some(Some(place)) => {
                self.wait(row, WaitReason::Unsynced(place.clone()));
                false
            }
            None => false,
        }
    }

    /// Whether a row's file may have moved to where nothing is synced. One that was never given its name has not.
    pub(super) fn may_be_elsewhere(&mut self, row: &Row<'a>) -> bool {
        (!row.undelivered || row.published) && !self.is_nowhere(row)
    }

    /// Whether a new file may hold a message of which no digest is known. It goes up first.
    fn is_unsent(&self, row: &Row<'a>) -> bool {
        let may_be = |file: &File<'_>| {
            let known = file.known.filter(|_| !file.taken);
            known.is_some_and(|known| row.is_content_of(known))
        };
        row.entry.digest.is_none() && self.scene.files.iter().any(may_be)
    }

    /// The message is an old version of a file that has not been sent yet: it is deleted after that, or waits.
    pub(super) fn is_replaced(&mut self, row: &Row<'a>) -> bool {
        let Some(file) = self.replacement(row) else {
            return false;
        };
        let (place, local) = (file.mailbox, file.message.id.clone());
        let sendable = self.scene.boxes.get(&place);
        if !file.usable {
            self.wait(row, WaitReason::Unusable(place));
        } else if sendable.is_some_and(|place| self.can_send(place)) {
            self.replace(row, Some((place, local)));
        } else {
            self.wait(row, WaitReason::Forbidden(place));
        }
        true
    }

    /// The new file whose content a row had before it was edited.
    fn replacement(&self, row: &Row<'a>) -> Option<&File<'a>> {
        let name = row.entry.local.as_ref()?.as_bytes();
        let name = name.strip_suffix(replaced(row.entry.row).as_bytes())?;
        let mut files = self.scene.files.iter();
        files.find(|file| file.message.id.as_bytes() == name)
    }

    /// Where a row's file is, and what it is called there.
    pub(super) fn place_of(&self, row: &Row<'a>) -> Option<(MailboxId, LocalId)> {
        let local = self.new_name(row).or(row.entry.local.as_ref())?;
        Some((row.entry.mailbox, local.clone()))
    }

    /// Says why a message stays where it is.
    pub(super) fn wait(&mut self, row: &Row<'a>, reason: WaitReason) {
        self.steps.waits.push(Wait {
            mailbox: row.entry.mailbox,
            row: row.entry.row,
            reason,
        });
    }
}
