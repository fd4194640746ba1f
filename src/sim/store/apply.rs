//! One change at a time, with the rules a database would hold.

use std::collections::BTreeMap;

use super::StoreState;
use crate::engine::{Fault, Reach};
use crate::mail::FlagDelta;
use crate::sim::steps::fault;
use crate::sync::{
    Change, Entry, EntryState, HoldId, IntentKind, MailboxId, News, NewsId, Parked, RowId,
    Watermark,
};

impl StoreState {
    /// Makes one change. What is about something that is not there changes nothing.
    ///
    /// # Panics
    /// When afterwards two rows of a mailbox have one UID or one file: never to be allowed.
    pub(super) fn apply(&mut self, change: Change) {
        let before = self.entries.clone();
        self.make(change);
        self.meet_labels();
        self.disturb(&before);
        self.check_unique();
    }

    /// A mailbox of which any row changed does not rest any more.
    fn disturb(&mut self, before: &BTreeMap<RowId, Entry>) {
        let differs = |(row, entry): (&RowId, &Entry)| before.get(row) != Some(entry);
        let lost = |(row, entry): (&RowId, &Entry)| self.entries.get(row) != Some(entry);
        let fresh = self.entries.iter().filter(|pair| differs(*pair));
        let gone = before.iter().filter(|pair| lost(*pair));
        for mailbox in fresh.chain(gone).map(|(_, entry)| entry.mailbox) {
            self.rests.remove(&mailbox);
        }
    }

    fn make(&mut self, change: Change) {
        match change {
            Change::PutMailbox(record) => {
                self.mailboxes.insert(record.id, record);
            }
            Change::DropMailbox(id) => self.drop_mailbox(id),
            Change::SetWatermark(id, mark) => self.set_watermark(id, mark),
            Change::SetOutcome {
                mailbox,
                at,
                problem,
            } => {
                if let Some(record) = self.mailboxes.get_mut(&mailbox) {
                    record.last_sync = at.or(record.last_sync);
                    record.problem = problem;
                }
            }
            Change::PutEntry(entry) => {
                if let Some(digest) = entry.digest {
                    self.digests.entry(entry.row).or_insert(digest);
                }
                self.entries.insert(entry.row, entry);
            }
            Change::ForgetUids(mailbox) => {
                let rows = self.entries.values_mut();
                for entry in rows.filter(|entry| entry.mailbox == mailbox) {
                    entry.uid = None;
                }
            }
            Change::DropEntry(row) => self.drop_entry(row),
            Change::PutNews(tidings) => {
                self.news += 1;
                let id = NewsId(self.news);
                self.outbox.insert(id, tidings.numbered(id));
            }
            Change::DropNews(all) | Change::DropOldNews(all) => {
                self.outbox.retain(|id, _| !all.contains(id));
            }
            Change::Hear(mailbox) => drop(self.heard.mailboxes.insert(mailbox)),
            Change::Begin(at) => drop(self.heard.since.get_or_insert(at)),
            Change::SetAbsent(absent) => self.absent = absent,
            Change::SetNaming(naming) => self.naming = Some(naming),
            Change::PutLabels(row, delta) => self.put_labels(row, &delta),
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
            Change::DropHold(id) => self.drop_hold(id),
            Change::PutRest(mailbox, rest) => {
                self.rests.insert(mailbox, rest);
            }
            other => self.apply_to_letter(other),
        }
    }

    fn drop_hold(&mut self, id: HoldId) {
        self.holds.remove(&id);
        let rows = self.entries.values_mut();
        for entry in rows.filter(|entry| entry.hold == Some(id)) {
            entry.hold = None;
        }
    }

    fn apply_to_letter(&mut self, change: Change) {
        match change {
            Change::PutLetter(letter) => {
                self.letters.insert(letter.known.id, letter);
            }
            Change::SetLetters(ids, state) => {
                for id in ids {
                    if let Some(letter) = self.letters.get_mut(&id) {
                        letter.known.state = state;
                    }
                }
            }
            Change::SetMissing(id, missing) => {
                if let Some(letter) = self.letters.get_mut(&id) {
                    letter.known.missing = missing;
                }
            }
            Change::DropLetter(id) => {
                self.letters.remove(&id);
            }
            other => self.apply_to_row(other),
        }
    }

    fn apply_to_row(&mut self, change: Change) {
        match change {
            Change::Delivered(row, stamp) => self.with_row(row, |entry| {
                entry.state = EntryState::Linked;
                entry.stamp = stamp;
            }),
            Change::SetFlags(row, flags) => self.with_row(row, |entry| entry.flags = flags),
            Change::SetStamp(row, stamp) => self.with_row(row, |entry| entry.stamp = stamp),
            Change::Relink {
                row,
                mailbox,
                uid,
                local,
            } => self.with_row(row, |entry| {
                entry.mailbox = mailbox;
                entry.uid = uid;
                entry.local = local;
            }),
            Change::SetDigest(row, digest) => {
                self.with_row(row, |entry| entry.digest = Some(digest));
            }
            Change::SetHold(rows, hold) => {
                for row in rows {
                    self.with_row(row, |entry| entry.hold = hold);
                }
            }
            other => panic!("{other:?} is not about a row"),
        }
    }

    fn with_row(&mut self, row: RowId, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.entries.get_mut(&row) {
            change(entry);
        }
    }

    fn set_watermark(&mut self, id: MailboxId, mark: Watermark) {
        if let Some(record) = self.mailboxes.get_mut(&id) {
            record.uidvalidity = mark.uidvalidity;
            record.uidnext = mark.uidnext;
            record.modseq = mark.modseq;
        }
    }

    /// What must hold at the end of a commit.
    ///
    /// # Errors
    /// Something belongs to a mailbox that is not there: the engine's mistake.
    ///
    /// # Panics
    /// When two mailboxes have one name.
    pub(super) fn check_whole(&self) -> Result<(), Fault> {
        let mut names: Vec<_> = self.mailboxes.values().map(|record| &record.name).collect();
        names.sort_unstable();
        assert!(
            names.windows(2).all(|two| two[0] != two[1]),
            "two mailboxes have one name: {names:?}"
        );
        let rows = self.entries.values().map(|entry| entry.mailbox);
        let intents = self.intents.values().map(|intent| home(&intent.kind));
        let parked = self.parked.iter().map(|parked| parked.mailbox);
        let holds = self.holds.values().map(|hold| hold.mailbox);
        let mut homes = rows.chain(intents).chain(parked).chain(holds);
        match homes.find(|home| !self.mailboxes.contains_key(home)) {
            Some(home) => Err(missing(home)),
            None => Ok(()),
        }
    }

    fn drop_mailbox(&mut self, id: MailboxId) {
        self.mailboxes.remove(&id);
        self.heard.mailboxes.remove(&id);
        self.forget_untold(|entry| entry.mailbox == id);
        self.entries.retain(|_, entry| entry.mailbox != id);
        self.parked.retain(|parked| parked.mailbox != id);
        self.holds.retain(|_, hold| hold.mailbox != id);
        self.intents.retain(|_, intent| home(&intent.kind) != id);
    }

    fn drop_entry(&mut self, row: RowId) {
        let entry = self.entries.remove(&row);
        if entry.is_some_and(|entry| entry.state == EntryState::Delivering) {
            self.outbox.retain(|_, news| news.row != row);
        }
    }

    /// What was to be told of messages that are not delivered yet.
    pub(super) fn forget_untold(&mut self, which: impl Fn(&Entry) -> bool) {
        let entries = &self.entries;
        let untold = |news: &News| {
            let entry = entries.get(&news.row);
            entry.is_some_and(|entry| entry.state == EntryState::Delivering && which(entry))
        };
        self.outbox.retain(|_, news| !untold(news));
    }

    fn put_labels(&mut self, row: RowId, delta: &FlagDelta) {
        let Some(entry) = self.entries.get(&row) else {
            return;
        };
        let known = self.labels.entry(row).or_default();
        known.add = known.add.minus(&delta.remove).union(&delta.add);
        known.remove = known.remove.minus(&delta.add).union(&delta.remove);
        self.rests.remove(&entry.mailbox);
    }

    /// Wishes that are met are none any more.
    fn meet_labels(&mut self) {
        let entries = &self.entries;
        self.labels.retain(|row, delta| {
            let Some(entry) = entries.get(row) else {
                return false;
            };
            delta.add = delta.add.minus(&entry.flags);
            delta.remove = delta.remove.intersection(&entry.flags);
            !delta.is_empty()
        });
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
        assert!(
            uids.windows(2).all(|two| two[0] != two[1]),
            "two rows have one UID: {uids:?}"
        );
        assert!(
            files.windows(2).all(|two| two[0] != two[1]),
            "two rows have one file: {files:?}"
        );
    }
}

/// The mailbox that an act leads to.
fn home(kind: &IntentKind) -> MailboxId {
    match kind {
        IntentKind::Upload { mailbox, .. } | IntentKind::Overdue { mailbox, .. } => *mailbox,
        IntentKind::Transfer { to, .. } => *to,
    }
}

fn missing(mailbox: MailboxId) -> Fault {
    let text = format!("something belongs to {mailbox:?}, which is not there");
    fault(Reach::Process, false, text)
}
