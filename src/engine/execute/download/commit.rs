//! What has arrived becomes files with names and rows in the state, in the order that survives every stop.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::Wanted;
use crate::engine::context::Ports;
use crate::engine::execute::Executor;
use crate::engine::fault::Fault;
use crate::engine::ports::{Batch, Event, Local, Staged, Store};
use crate::mail::{Digest, Flags, Uid, UidSet};
use crate::sync::{Change, Entry, EntryState, MailboxInput, RowId, Side};

/// Brings batches from `tmp/` to their names, with the state always one step ahead.
pub(super) struct Committer<'a, 'b, 'c, P: Ports> {
    pub(super) executor: &'a Executor<'b, 'c, P>,
    pub(super) input: &'a MailboxInput,
    pub(super) by_uid: &'a BTreeMap<Uid, &'a Wanted>,
    pub(super) seen: RefCell<UidSet>,
}

impl<P: Ports> Committer<'_, '_, '_, P> {
    /// What of these has not come.
    pub(super) fn left(&self, uids: &UidSet) -> UidSet {
        let seen = self.seen.borrow();
        uids.iter().filter(|uid| !seen.contains(*uid)).collect()
    }

    pub(super) async fn settle<B: Batch>(&self, batch: B) -> Result<(), Fault> {
        let mut fresh = Vec::new();
        let mut twins = Vec::new();
        for (uid, result) in batch.durable().await? {
            self.seen.borrow_mut().insert(uid);
            let Some(wanted) = self.by_uid.get(&uid).copied() else {
                continue;
            };
            match result {
                Err(fault) => self.executor.one_failed(self.input, &uid, fault)?,
                Ok(staged) if self.same_as_file(wanted, &staged) => twins.push((staged, wanted)),
                Ok(staged) => fresh.push((staged, wanted)),
            }
        }
        let fresh = self.without_known(fresh).await?;
        self.deliver(fresh).await?;
        self.link(twins).await
    }

    /// New mail with the content of a row in a mailbox that this pass does not look at may have come from there. It
    /// is left for a pass that sees both.
    async fn without_known<'w>(
        &self,
        fresh: Vec<(Staged, &'w Wanted)>,
    ) -> Result<Vec<(Staged, &'w Wanted)>, Fault> {
        let pass = self.executor.pass;
        if !pass.is_narrow() {
            return Ok(fresh);
        }
        let digests: Vec<Digest> = fresh
            .iter()
            .filter(|(_, wanted)| wanted.replaces.is_none())
            .filter_map(|(staged, _)| staged.identity.digest)
            .collect();
        let mut owners = pass.store().with_digest(&digests).await?;
        owners.retain(|owner| self.executor.observed.mailbox(owner.mailbox).is_none());
        if owners.is_empty() {
            return Ok(fresh);
        }
        let elsewhere: BTreeSet<Option<Digest>> = owners.iter().map(|it| it.digest).collect();
        let (known, fresh): (Vec<_>, Vec<_>) = fresh.into_iter().partition(|(staged, wanted)| {
            wanted.replaces.is_none() && elsewhere.contains(&staged.identity.digest)
        });
        pass.came_from_elsewhere();
        self.executor.leave_unfinished(self.input.base.mailbox.id);
        let spare: Vec<Staged> = known.into_iter().map(|(staged, _)| staged).collect();
        let name = &self.input.base.mailbox.name;
        pass.local().discard(name, &spare).await?;
        Ok(fresh)
    }

    /// Whether it is the same mail as the file it was compared with, whatever a mail program has added to either.
    fn same_as_file(&self, wanted: &Wanted, staged: &Staged) -> bool {
        let file = wanted.adopt.as_ref().and_then(|(local, _)| {
            let key = (self.input.base.mailbox.id, local.clone());
            self.executor.observed.inspected.get(&key)
        });
        file.is_some_and(|file| file.content.digest == staged.content.digest)
    }

    async fn deliver(&self, fresh: Vec<(Staged, &Wanted)>) -> Result<(), Fault> {
        if fresh.is_empty() {
            return Ok(());
        }
        let count = u32::try_from(fresh.len()).unwrap_or(u32::MAX);
        let first = self.executor.pass.store().reserve_rows(count).await?;
        let contents = fresh.iter().map(|(staged, _)| staged.identity.digest);
        let known = self.executor.pass.known_before(contents).await?;
        let mut rows = Vec::with_capacity(fresh.len());
        let mut changes = Vec::with_capacity(fresh.len());
        let mut files = Vec::with_capacity(fresh.len());
        for (number, (staged, wanted)) in (first.0..).zip(fresh) {
            let row = wanted.replaces.unwrap_or(RowId(number));
            let flags = staged.flags.clone().unwrap_or_else(|| wanted.flags.clone());
            changes.push(Change::PutEntry(self.entry(row, &staged, &flags)));
            match wanted.replaces {
                Some(row) => changes.extend(self.came_again(row, &flags)),
                None if staged.identity.digest.is_some_and(|it| known.contains(&it)) => {}
                None => changes.extend(self.arrived(row, staged.identity.date)),
            }
            rows.push(row);
            files.push((staged, flags));
        }
        self.executor.pass.commit(changes).await?;
        let name = &self.input.base.mailbox.name;
        let named = self.executor.pass.local().publish(name, &files).await?;
        let mut changes = Vec::with_capacity(files.len());
        for ((row, (staged, _)), result) in rows.into_iter().zip(&files).zip(named) {
            match result {
                Ok(()) => changes.extend(self.delivered(row, staged)),
                Err(fault) => {
                    changes.push(Change::DropEntry(row));
                    self.executor.one_failed(self.input, &staged.uid, fault)?;
                }
            }
        }
        self.executor.pass.commit(changes).await
    }

    /// Written down with the row, told once it is delivered: whether it is new mail is known only now.
    fn arrived(&self, row: RowId, date: i64) -> Option<Change> {
        let mailbox = self.input.base.mailbox.id;
        let pass = self.executor.pass;
        pass.arrived(row, mailbox, Side::Remote, date)
    }

    fn came_again(&self, row: RowId, flags: &Flags) -> Vec<Change> {
        let Some((_, before)) = self.executor.entry(row) else {
            return Vec::new();
        };
        let mailbox = self.input.base.mailbox.id;
        let pass = self.executor.pass;
        pass.flags_became(row, mailbox, Side::Remote, &before.flags, flags)
    }

    fn entry(&self, row: RowId, staged: &Staged, flags: &Flags) -> Entry {
        Entry {
            row,
            mailbox: self.input.base.mailbox.id,
            uid: Some(staged.uid),
            local: Some(staged.local.clone()),
            flags: flags.clone(),
            size: staged.identity.size,
            date: staged.identity.date,
            message_id: staged.identity.message_id,
            digest: staged.identity.digest,
            content: Some(staged.content.digest),
            raw: staged.raw,
            stamp: staged.stamp,
            state: EntryState::Delivering,
            hold: None,
        }
    }

    fn delivered(&self, row: RowId, staged: &Staged) -> Vec<Change> {
        let octets = staged.identity.size;
        self.executor.pass.event(Event::Done { octets });
        let name = &self.input.base.mailbox.name;
        self.executor
            .pass
            .count(name, |counts| counts.downloaded += 1);
        let mut changes = vec![Change::Delivered(row, staged.stamp)];
        changes.extend(self.unpark(staged.uid));
        changes
    }

    fn unpark(&self, uid: Uid) -> Option<Change> {
        let mailbox = self.input.base.mailbox.id;
        let parked = &self.executor.observed.all_parked;
        let was = parked
            .iter()
            .any(|parked| parked.mailbox == mailbox && parked.uid == Some(uid));
        was.then_some(Change::Unpark {
            mailbox,
            uid: Some(uid),
            local: None,
        })
    }

    /// What came is what the file holds already: the file stays, what came is dropped.
    async fn link(&self, twins: Vec<(Staged, &Wanted)>) -> Result<(), Fault> {
        if twins.is_empty() {
            return Ok(());
        }
        let count = u32::try_from(twins.len()).unwrap_or(u32::MAX);
        let first = self.executor.pass.store().reserve_rows(count).await?;
        let mut changes = Vec::new();
        let mut spare = Vec::new();
        for (number, (staged, wanted)) in (first.0..).zip(twins) {
            if let Some((local, flags)) = &wanted.adopt {
                let row = RowId(number);
                let there = Some(&staged.identity);
                let linked = self
                    .executor
                    .link(self.input, row, staged.uid, local, flags, there);
                changes.extend(linked.map(Change::PutEntry));
            }
            spare.push(staged);
        }
        self.executor.pass.commit(changes).await?;
        self.executor
            .pass
            .local()
            .discard(&self.input.base.mailbox.name, &spare)
            .await
    }
}
