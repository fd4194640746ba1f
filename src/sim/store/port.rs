//! The port [`Store`], as its documentation has it.

use std::collections::{BTreeMap, BTreeSet};

use super::{SimStore, StoreState};
use crate::engine::ports::{LetterStore, Serial, StateId, Store};
use crate::engine::{Fault, Reach};
use crate::mail::Digest;
use crate::sim::steps::{DiskError, Place, SimError, Trouble, fault};
use crate::sync::{
    Absent, Base, Change, Deletion, Entry, Heard, Hold, Intent, Letter, MailboxId, MailboxRecord,
    Naming, News, Parked, Rest, RowId,
};

impl SimStore {
    async fn begin(&self, what: &str) -> Result<(), Fault> {
        self.steps.pause().await;
        match self.steps.call(Place::Store, what)? {
            Some(Trouble::Disk(error, _)) => Err(broken(error, what)),
            _ => Ok(()),
        }
    }

    fn read<T>(&self, look: impl FnOnce(&StoreState) -> T) -> T {
        look(&self.state.borrow())
    }

    fn whole_id(&self) -> StateId {
        self.read(|state| StateId {
            id: state.id.clone(),
            epoch: state.epoch,
            pending: state.pending,
            fresh: state.fresh,
        })
    }
}

fn broken(error: DiskError, what: &str) -> Fault {
    Fault::new(Reach::Account, true, SimError::Disk(error, what.to_owned()))
}

/// Whether a change says more than when, how well and how far a sync went.
fn is_weighty(change: &Change) -> bool {
    !matches!(
        change,
        Change::SetOutcome { .. }
            | Change::SetWatermark(..)
            | Change::PutRest(..)
            | Change::PutNews(_)
            | Change::DropNews(_)
            | Change::DropOldNews(_)
            | Change::Hear(_)
            | Change::Begin(_)
            | Change::SetAbsent(_)
            | Change::SetNaming(_)
            | Change::PutLabels(..)
    )
}

fn name_of(change: &Change) -> String {
    let text = format!("{change:?}");
    text.split(['(', ' ']).next().unwrap_or_default().to_owned()
}

impl Store for SimStore {
    async fn rests(&self) -> Result<BTreeMap<MailboxId, Rest>, Fault> {
        self.begin("rests").await?;
        Ok(self.read(|state| state.rests.clone()))
    }

    async fn id(&self) -> Result<StateId, Fault> {
        self.begin("id").await?;
        Ok(self.whole_id())
    }

    async fn set_epoch(&self, epoch: u64, pending: Option<u64>) -> Result<(), Fault> {
        self.begin("set_epoch").await?;
        self.steps
            .effect(Place::Store, &format!("epoch {epoch} {pending:?}"), || {
                let mut state = self.state.borrow_mut();
                state.epoch = epoch;
                state.pending = pending;
                state.fresh &= pending.is_some();
            })
    }

    async fn start_over(&self) -> Result<StateId, Fault> {
        self.begin("start_over").await?;
        self.steps.effect(Place::Store, "start over", || {
            let mut rng = self.rng.borrow_mut();
            let mut state = self.state.borrow_mut();
            state.id = rng.hex128();
            state.epoch = 1;
            state.fresh = true;
            state.pending = None;
            state.forget_untold(|_| true);
            state.heard = Heard::default();
            state.absent = None;
            state.labels.clear();
            state.entries.clear();
            state.intents.clear();
            state.parked.clear();
            state.holds.clear();
            state.letters.clear();
            for record in state.mailboxes.values_mut() {
                record.uidvalidity = None;
                record.uidnext = None;
                record.modseq = None;
                record.marker = rng.hex128();
            }
        })?;
        Ok(self.whole_id())
    }

    async fn mailboxes(&self) -> Result<Vec<MailboxRecord>, Fault> {
        self.begin("mailboxes").await?;
        Ok(self.mailboxes_now())
    }

    async fn base(&self, mailbox: MailboxId) -> Result<Base, Fault> {
        self.begin("base").await?;
        let found = self.read(|state| {
            let record = state.mailboxes.get(&mailbox)?.clone();
            let rows = state.entries.values();
            let rows = rows.filter(|entry| entry.mailbox == mailbox).cloned();
            let entries: Vec<Entry> = rows.collect();
            let wish = |entry: &Entry| Some((entry.row, state.labels.get(&entry.row)?.clone()));
            Some(Base {
                mailbox: record,
                labels: entries.iter().filter_map(wish).collect(),
                entries,
            })
        });
        found.ok_or_else(|| fault(Reach::Mailbox, false, format!("no mailbox {mailbox:?}")))
    }

    async fn count(&self, mailbox: MailboxId) -> Result<u64, Fault> {
        self.begin("count").await?;
        let rows = self.entries_now();
        let count = rows.iter().filter(|entry| entry.mailbox == mailbox).count();
        Ok(u64::try_from(count).unwrap_or(u64::MAX))
    }

    async fn with_digest(&self, digests: &[Digest]) -> Result<Vec<Entry>, Fault> {
        self.begin("with_digest").await?;
        let mut rows = self.entries_now();
        rows.retain(|entry| {
            let known = entry.digest.is_some_and(|digest| digests.contains(&digest));
            known && entry.uid.is_some() && entry.local.is_some()
        });
        Ok(rows)
    }

    async fn entries(&self, rows: &[RowId]) -> Result<Vec<Entry>, Fault> {
        self.begin("entries").await?;
        Ok(self.read(|state| {
            rows.iter()
                .filter_map(|row| state.entries.get(row))
                .cloned()
                .collect()
        }))
    }

    async fn reserve_rows(&self, count: u32) -> Result<RowId, Fault> {
        self.begin("reserve_rows").await?;
        let mut state = self.state.borrow_mut();
        let first = state.rows + 1;
        state.rows += i64::from(count);
        Ok(RowId(first))
    }

    async fn reserve(&self, what: Serial) -> Result<i64, Fault> {
        self.begin(&format!("reserve {what:?}")).await?;
        let mut state = self.state.borrow_mut();
        state.serials += 1;
        Ok(state.serials)
    }

    fn random_id(&self) -> Result<String, Fault> {
        Ok(self.rng.borrow_mut().hex128())
    }

    async fn intents(&self) -> Result<Vec<Intent>, Fault> {
        self.begin("intents").await?;
        Ok(self.intents_now())
    }

    async fn parked(&self) -> Result<Vec<Parked>, Fault> {
        self.begin("parked").await?;
        Ok(self.parked_now())
    }

    async fn holds(&self) -> Result<Vec<Hold>, Fault> {
        self.begin("holds").await?;
        Ok(self.holds_now())
    }

    async fn deletions(&self, since: i64) -> Result<Vec<Deletion>, Fault> {
        self.begin("deletions").await?;
        Ok(self.read(|state| {
            let recent = state
                .deletions
                .iter()
                .filter(|deletion| deletion.at >= since);
            recent.cloned().collect()
        }))
    }

    async fn heard(&self) -> Result<Heard, Fault> {
        self.begin("heard").await?;
        Ok(self.read(|state| state.heard.clone()))
    }

    async fn absent(&self) -> Result<Option<Absent>, Fault> {
        self.begin("absent").await?;
        Ok(self.read(|state| state.absent.clone()))
    }

    async fn naming(&self) -> Result<Option<Naming>, Fault> {
        // Read whenever a connection is opened, which is a step by itself.
        Ok(self.read(|state| state.naming))
    }

    async fn news(&self, most: u32) -> Result<Vec<News>, Fault> {
        self.begin("news").await?;
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Ok(self.news_now().into_iter().take(most).collect())
    }

    async fn deleted_contents(&self, digests: &[Digest]) -> Result<BTreeSet<Digest>, Fault> {
        self.begin("deleted_contents").await?;
        Ok(self.read(|state| {
            let all = state.deletions.iter();
            all.filter_map(|deletion| deletion.identity.digest)
                .filter(|digest| digests.contains(digest))
                .collect()
        }))
    }

    async fn deleted(&self, rows: &[RowId]) -> Result<Vec<Deletion>, Fault> {
        self.begin("deleted").await?;
        Ok(self.read(|state| {
            let all = state.deletions.iter();
            all.filter(|deletion| rows.contains(&deletion.row))
                .cloned()
                .collect()
        }))
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<(), Fault> {
        self.begin("commit").await?;
        let names: Vec<String> = changes.iter().map(name_of).collect();
        let what = format!("commit {}", names.join(" "));
        self.steps.effect(Place::Store, &what, || {
            let mut after = self.state.borrow().clone();
            let weighty = changes.iter().filter(|change| is_weighty(change)).count();
            for change in changes {
                after.apply(change);
            }
            after.check_whole()?;
            *self.weighty.borrow_mut() += u64::try_from(weighty).unwrap_or(0);
            *self.state.borrow_mut() = after;
            Ok(())
        })?
    }
}

impl LetterStore for SimStore {
    async fn letters(&self) -> Result<Vec<Letter>, Fault> {
        self.begin("letters").await?;
        Ok(self.letters_now())
    }
}
