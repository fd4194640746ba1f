//! One change at a time, with the rules a database would hold.

use super::StoreState;
use crate::engine::{Fault, Reach};
use crate::sim::steps::fault;
use crate::sync::{Change, Entry, EntryState, MailboxId, Parked, RowId, Watermark};

impl StoreState {
    /// Makes one change.
    ///
    /// # Errors
    /// It names a mailbox or a row that is not there: the engine's mistake.
    ///
    /// # Panics
    /// When afterwards two rows of a mailbox have one UID or one file, or two mailboxes one name: never to be allowed.
    pub(super) fn apply(&mut self, change: Change) -> Result<(), Fault> {
        match change {
            Change::PutMailbox(record) => {
                self.mailboxes.insert(record.id, record);
            }
            Change::DropMailbox(id) => self.drop_mailbox(id),
            Change::SetWatermark(id, mark) => self.set_watermark(id, mark)?,
            Change::SetOutcome {
                mailbox,
                at,
                problem,
            } => {
                let record = self.mailboxes.get_mut(&mailbox);
                let record = record.ok_or_else(|| missing("mailbox", mailbox.0))?;
                record.last_sync = at.or(record.last_sync);
                record.problem = problem;
            }
            Change::PutEntry(entry) => {
                if !self.mailboxes.contains_key(&entry.mailbox) {
                    return Err(missing("mailbox", entry.mailbox.0));
                }
                self.entries.insert(entry.row, entry);
            }
            Change::ForgetUids(mailbox) => {
                let rows = self.entries.values_mut();
                for entry in rows.filter(|entry| entry.mailbox == mailbox) {
                    entry.uid = None;
                }
            }
            Change::DropEntry(row) => {
                self.entries.remove(&row);
            }
            Change::PutIntent(intent) => {
                self.intents.insert(intent.id, intent);
            }
            Change::DropIntent(id) => {
                self.intents.remove(&id);
            }
            Change::PutDeletion(deletion) => self.deletions.push(deletion),
            Change::Park(parked) => {
                self.unpark(&parked);
                self.parked.push(parked);
            }
            Change::Unpark {
                mailbox,
                uid,
                local,
            } => {
                let same = |parked: &Parked| {
                    parked.mailbox == mailbox && parked.uid == uid && parked.local == local
                };
                self.parked.retain(|parked| !same(parked));
            }
            Change::PutHold(hold) => {
                self.holds.insert(hold.id, hold);
            }
            Change::DropHold(id) => {
                self.holds.remove(&id);
                for entry in self
                    .entries
                    .values_mut()
                    .filter(|entry| entry.hold == Some(id))
                {
                    entry.hold = None;
                }
            }
            other => self.apply_to_row(other)?,
        }
        self.check_unique();
        Ok(())
    }

    fn apply_to_row(&mut self, change: Change) -> Result<(), Fault> {
        match change {
            Change::Delivered(row, stamp) => {
                let entry = self.row(row)?;
                entry.state = EntryState::Linked;
                entry.stamp = stamp;
            }
            Change::SetFlags(row, flags) => self.row(row)?.flags = flags,
            Change::SetStamp(row, stamp) => self.row(row)?.stamp = stamp,
            Change::Relink {
                row,
                mailbox,
                uid,
                local,
            } => {
                let entry = self.row(row)?;
                entry.mailbox = mailbox;
                entry.uid = uid;
                entry.local = local;
            }
            Change::SetDigest(row, digest) => self.row(row)?.digest = Some(digest),
            Change::SetHold(rows, hold) => {
                for row in rows {
                    self.row(row)?.hold = hold;
                }
            }
            other => panic!("{other:?} is not about a row"),
        }
        Ok(())
    }

    fn row(&mut self, row: RowId) -> Result<&mut Entry, Fault> {
        self.entries
            .get_mut(&row)
            .ok_or_else(|| missing("row", row.0))
    }

    fn set_watermark(&mut self, id: MailboxId, mark: Watermark) -> Result<(), Fault> {
        let record = self
            .mailboxes
            .get_mut(&id)
            .ok_or_else(|| missing("mailbox", id.0))?;
        record.uidvalidity = mark.uidvalidity;
        record.uidnext = mark.uidnext;
        record.modseq = mark.modseq;
        Ok(())
    }

    fn drop_mailbox(&mut self, id: MailboxId) {
        self.mailboxes.remove(&id);
        self.entries.retain(|_, entry| entry.mailbox != id);
        self.parked.retain(|parked| parked.mailbox != id);
        self.holds.retain(|_, hold| hold.mailbox != id);
    }

    fn unpark(&mut self, like: &Parked) {
        self.parked.retain(|parked| {
            parked.mailbox != like.mailbox || parked.uid != like.uid || parked.local != like.local
        });
    }

    fn check_unique(&self) {
        let mut uids: Vec<_> = self
            .entries
            .values()
            .filter_map(|entry| Some((entry.mailbox, entry.uid?)))
            .collect();
        uids.sort_unstable();
        let mut files: Vec<_> = self
            .entries
            .values()
            .filter_map(|entry| Some((entry.mailbox, entry.local.as_ref()?)))
            .collect();
        files.sort_unstable();
        let mut names: Vec<_> = self.mailboxes.values().map(|record| &record.name).collect();
        names.sort_unstable();
        assert!(
            uids.windows(2).all(|two| two[0] != two[1]),
            "two rows have one UID: {uids:?}"
        );
        assert!(
            files.windows(2).all(|two| two[0] != two[1]),
            "two rows have one file: {files:?}"
        );
        assert!(
            names.windows(2).all(|two| two[0] != two[1]),
            "two mailboxes have one name: {names:?}"
        );
    }
}

fn missing(what: &str, number: i64) -> Fault {
    fault(
        Reach::Process,
        false,
        format!("a change of {what} {number}, which is not there"),
    )
}
