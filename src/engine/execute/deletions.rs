//! Deletions, last of all and only on evidence asked for again.

use std::collections::{BTreeMap, BTreeSet};

use super::moves::moving;
use super::{Executor, Job};
use crate::engine::context::Ports;
use crate::engine::fault::{Fault, Reach};
use crate::engine::pool::RemoteOf;
use crate::engine::ports::{Clock, Local, Remote, Store};
use crate::mail::{Flag, LocalId, MailboxName, SpecialUse, UidSet};
use crate::sync::{
    Change, Deletion, Deletions, Entry, FileStamp, MailboxId, MailboxInput, Op, RowId, Side, What,
};

/// Most messages deleted in one command and one transaction.
const BATCH: usize = 500;
/// The mailbox that is made for deleted mail where the server has none.
const TRASH: &str = "Trash";

/// A mailbox's deletions on both sides.
#[derive(Default)]
struct Doomed {
    local: Vec<Entry>,
    remote: Vec<Entry>,
}

impl<P: Ports> Executor<'_, '_, P> {
    /// Deletes what was decided, if it is still gone on the other side.
    pub(super) async fn deletions(&self, ops: &[Op]) -> Result<(), Fault> {
        let early = self.too_early(ops).await?;
        let mut sides: BTreeMap<RowId, Side> = BTreeMap::new();
        for op in ops {
            match op {
                Op::DeleteLocal { row } => sides.insert(*row, Side::Local),
                Op::DeleteRemote { row, .. } if early.contains(row) => continue,
                Op::DeleteRemote { row, .. } => sides.insert(*row, Side::Remote),
                _ => continue,
            };
        }
        if sides.is_empty() {
            return Ok(());
        }
        // As the state has them now: what was carried out before may have brought a row to another mailbox.
        let rows: Vec<RowId> = sides.keys().copied().collect();
        let mut by_mailbox: BTreeMap<MailboxId, Doomed> = BTreeMap::new();
        for entry in self.pass.store().entries(&rows).await? {
            let doomed = by_mailbox.entry(entry.mailbox).or_default();
            match sides.get(&entry.row) {
                Some(Side::Local) => doomed.local.push(entry),
                _ => doomed.remote.push(entry),
            }
        }
        let jobs = self.jobs(by_mailbox);
        let work = async |remote: &mut RemoteOf<P>, job: &Job<Doomed>| {
            let result = self.delete(remote, job).await;
            self.finished(job.mailbox, result)
        };
        self.pool.each(self.pass, jobs, work).await
    }

    /// Messages whose place was to be taken by a file that the server does not have yet.
    async fn too_early(&self, ops: &[Op]) -> Result<BTreeSet<RowId>, Fault> {
        let mut awaited: BTreeMap<MailboxId, Vec<(RowId, &LocalId)>> = BTreeMap::new();
        for op in ops {
            if let Op::DeleteRemote {
                row,
                after: Some((mailbox, file)),
            } = op
            {
                awaited.entry(*mailbox).or_default().push((*row, file));
            }
        }
        let mut early = BTreeSet::new();
        for (mailbox, rows) in awaited {
            let base = self.pass.store().base(mailbox).await?;
            let there = base.entries.iter().filter(|entry| entry.uid.is_some());
            let there: BTreeSet<&LocalId> =
                there.filter_map(|entry| entry.local.as_ref()).collect();
            let missing = rows.into_iter().filter(|(_, file)| !there.contains(file));
            early.extend(missing.map(|(row, _)| row));
        }
        for mailbox in early.iter().filter_map(|row| self.entry(*row)) {
            let record = &mailbox.0.base.mailbox;
            self.leave_unfinished(record.id);
            let text =
                "a message stays on the server until the file that takes its place has been sent";
            self.pass.problem(Some(&record.name), &text);
        }
        Ok(early)
    }

    async fn delete(&self, remote: &mut RemoteOf<P>, job: &Job<Doomed>) -> Result<(), Fault> {
        let Some(input) = self.input(job.mailbox) else {
            return Ok(());
        };
        for batch in job.work.local.chunks(BATCH) {
            self.delete_local(remote, input, batch).await?;
        }
        if !job.work.remote.is_empty() {
            self.delete_remote(remote, input, &job.work.remote).await?;
        }
        Ok(())
    }

    async fn delete_local(
        &self,
        remote: &mut RemoteOf<P>,
        input: &MailboxInput,
        batch: &[Entry],
    ) -> Result<(), Fault> {
        let name = &input.base.mailbox.name;
        let alive = if input.remote_gone {
            UidSet::new()
        } else {
            let uids: UidSet = batch.iter().filter_map(|entry| entry.uid).collect();
            self.select(remote, input).await?;
            remote.existing(&uids).await?
        };
        let (spared, doomed): (Vec<&Entry>, Vec<&Entry>) = batch
            .iter()
            .partition(|entry| entry.uid.is_some_and(|uid| alive.contains(uid)));
        if !spared.is_empty() {
            self.leave_unfinished(input.base.mailbox.id);
            let text =
                "the server reported messages as deleted that it still has; they were not deleted";
            self.pass.problem(Some(name), &text);
        }
        self.pass.announce().await?;
        let files: Vec<(LocalId, FileStamp)> = doomed
            .iter()
            .filter_map(|entry| Some((entry.local.clone()?, entry.stamp)))
            .collect();
        let day = self.pass.clock().day(0);
        let results = self.pass.local().trash(name, &files, &day).await?;
        let mut results = results.into_iter();
        let mut changes = Vec::new();
        for entry in doomed {
            let trashed = match &entry.local {
                Some(local) => match results.next() {
                    Some(Ok(path)) => Some(path),
                    Some(Err(fault)) => {
                        self.one_failed(input, local, fault)?;
                        continue;
                    }
                    None => continue,
                },
                None => None,
            };
            self.pass.count(name, |counts| counts.deleted_local += 1);
            changes.extend(self.deleted(entry, Side::Local, trashed));
        }
        self.pass.commit(changes).await
    }

    fn deleted(&self, entry: &Entry, side: Side, trash_path: Option<Vec<u8>>) -> Vec<Change> {
        let deletion = Deletion {
            row: entry.row,
            mailbox: entry.mailbox,
            side,
            at: self.pass.clock().now(),
            identity: entry.identity(),
            flags: entry.flags.clone(),
            trash_path,
        };
        let done = [Change::PutDeletion(deletion), Change::DropEntry(entry.row)];
        done.into_iter()
            .chain(self.told_deleted(entry, side))
            .collect()
    }

    /// A deletion that we carried out on one side was made on the other.
    fn told_deleted(&self, entry: &Entry, side: Side) -> Option<Change> {
        let made = match side {
            Side::Local => Side::Remote,
            Side::Remote => Side::Local,
        };
        let pass = self.pass;
        pass.news(entry.row, entry.mailbox, made, What::Deleted)
    }

    async fn delete_remote(
        &self,
        remote: &mut RemoteOf<P>,
        input: &MailboxInput,
        doomed: &[Entry],
    ) -> Result<(), Fault> {
        let name = &input.base.mailbox.name;
        let gone = self.still_gone(input, doomed).await?;
        let mut doomed: Vec<&Entry> = doomed
            .iter()
            .filter(|entry| gone.contains(&entry.row))
            .collect();
        let trash = self.trash_for(remote, input).await?;
        if trash.is_some() && doomed.iter().any(|entry| is_marked(entry)) {
            self.keep_marked(remote, input, &mut doomed).await?;
        }
        for batch in doomed.chunks(BATCH) {
            let uids: UidSet = batch.iter().filter_map(|entry| entry.uid).collect();
            self.pass.announce().await?;
            let removed = match &trash {
                Some(trash) => {
                    let go = async |remote: &mut RemoteOf<P>| {
                        self.to_trash(remote, input, trash, batch, &uids).await
                    };
                    moving(remote, go).await?
                }
                None => {
                    self.select(remote, input).await?;
                    remote.expunge(&uids).await?
                }
            };
            // Where a message cannot be expunged a mark is all that can be done, and it is done once.
            let done = batch.iter().filter(|it| removed || !is_marked(it));
            self.pass.count(name, |counts| {
                counts.deleted_remote += done.clone().map(|_| 1).sum::<u64>();
            });
            let changes = done.flat_map(|entry| {
                if removed {
                    return self.deleted(entry, Side::Remote, None);
                }
                let marked = entry.flags.clone().with(Flag::Deleted);
                let told = self.told_deleted(entry, Side::Remote);
                std::iter::once(Change::SetFlags(entry.row, marked))
                    .chain(told)
                    .collect()
            });
            self.pass.commit(changes.collect()).await?;
        }
        Ok(())
    }

    /// Where messages are copied to the trash and cannot be expunged then, each pass would make one more copy of those that
    /// are marked. They stay.
    async fn keep_marked(
        &self,
        remote: &mut RemoteOf<P>,
        input: &MailboxInput,
        doomed: &mut Vec<&Entry>,
    ) -> Result<(), Fault> {
        if !remote.abilities().uid_move {
            self.select(remote, input).await?;
            if !remote.expunges().await? {
                doomed.retain(|entry| !is_marked(entry));
            }
        }
        Ok(())
    }

    /// The rows whose file a second scan does not find either.
    async fn still_gone(
        &self,
        input: &MailboxInput,
        doomed: &[Entry],
    ) -> Result<BTreeSet<RowId>, Fault> {
        let view = self.pass.local().scan(&input.base.mailbox.name).await?;
        let present: BTreeSet<&LocalId> = view.files.iter().map(|file| &file.id).collect();
        let gone = doomed.iter().filter(|entry| {
            let local = entry.local.as_ref();
            !local.is_some_and(|local| present.contains(local))
        });
        let gone: BTreeSet<_> = gone.map(|entry| entry.row).collect();
        if gone.len() < doomed.len() {
            self.leave_unfinished(input.base.mailbox.id);
        }
        Ok(gone)
    }

    /// Moves messages to the trash; whether nothing of them is left.
    async fn to_trash(
        &self,
        remote: &mut RemoteOf<P>,
        input: &MailboxInput,
        trash: &MailboxName,
        batch: &[&Entry],
        uids: &UidSet,
    ) -> Result<bool, Fault> {
        let record = self
            .mailboxes
            .records
            .values()
            .find(|record| record.name == *trash);
        let intents = match record {
            Some(record) => {
                let rows: Vec<_> = batch.iter().map(|entry| (entry.row, None)).collect();
                self.intend(remote, trash, record.id, &rows, false).await?
            }
            None => Vec::new(),
        };
        self.select(remote, input).await?;
        let moved = remote.transfer(uids, trash, false).await;
        let broken = moved
            .as_ref()
            .is_err_and(|fault| fault.reach >= Reach::Connection);
        if !broken {
            self.forget_intents(&intents).await?;
        }
        Ok(!moved?.left)
    }

    /// Where deleted mail goes; `None` when it is to be expunged.
    async fn trash_for(
        &self,
        remote: &mut RemoteOf<P>,
        input: &MailboxInput,
    ) -> Result<Option<MailboxName>, Fault> {
        if self.pass.settings.policy.deletions != Deletions::Trash {
            return Ok(None);
        }
        let record = &input.base.mailbox;
        let trash = match &self.mailboxes.trash {
            Some(trash) => trash.clone(),
            None => match MailboxName::from_levels([TRASH]) {
                Some(trash) => {
                    self.pass.announce().await?;
                    remote.create(&trash).await?;
                    trash
                }
                None => return Ok(None),
            },
        };
        let is_trash = record.name == trash
            || record.role == Some(SpecialUse::Trash)
            || record.name.is_below(&trash);
        Ok((!is_trash).then_some(trash))
    }
}

fn is_marked(entry: &Entry) -> bool {
    entry.flags.has(Flag::Deleted)
}
