//! Flags: deltas to the server in batches, renames in the folder, the base last.

use std::collections::{BTreeMap, BTreeSet};

use super::{Executor, FlagJob, Job};
use crate::engine::context::Ports;
use crate::engine::fault::Fault;
use crate::engine::pool::RemoteOf;
use crate::engine::ports::{Local, Remote};
use crate::mail::{FlagDelta, Flags, LocalId, Uid, UidSet};
use crate::sync::{Change, MailboxId, MailboxInput, Op, RowId};

/// Most messages in one STORE and one transaction.
const BATCH: usize = 1000;

impl<P: Ports> Executor<'_, '_, P> {
    /// Flags of rows that were planned, and of rows that were linked or moved just now.
    pub(super) async fn flags(&self, ops: &[Op]) -> Result<(), Fault> {
        let mut jobs: BTreeMap<MailboxId, Vec<FlagJob>> = BTreeMap::new();
        let mut only_base = Vec::new();
        let relinked = relinked(ops);
        for op in ops {
            let Op::SetFlags { row, flags } = op else {
                continue;
            };
            let Some((input, entry)) = self.entry(*row) else {
                continue;
            };
            // A record of this plan may have brought the row somewhere else.
            let home = (input.base.mailbox.id, &entry.uid, &entry.local);
            let (mailbox, uid, local) = relinked.get(row).copied().unwrap_or(home);
            if flags.local.is_none() && flags.remote.is_empty() {
                only_base.push(Change::SetFlags(*row, flags.agreed.clone()));
                only_base.extend(self.pass.flagged(*row, mailbox, &entry.flags, flags));
                continue;
            }
            let job = FlagJob {
                before: Some(entry.flags.clone()),
                row: *row,
                mailbox,
                uid: *uid,
                local: local.clone(),
                plan: flags.clone(),
            };
            jobs.entry(job.mailbox).or_default().push(job);
        }
        self.pass.commit(only_base).await?;
        for job in self.flag_jobs.take() {
            jobs.entry(job.mailbox).or_default().push(job);
        }
        self.local_only(&mut jobs).await?;
        let jobs = self.jobs(jobs);
        let work = async |remote: &mut RemoteOf<P>, job: &Job<Vec<FlagJob>>| {
            let Some(input) = self.input(job.mailbox) else {
                return Ok(());
            };
            for batch in job.work.chunks(BATCH) {
                let result = self.flag_batch(Some(&mut *remote), input, batch).await;
                self.finished(job.mailbox, result)?;
            }
            Ok(())
        };
        self.pool.each(self.pass, jobs, work).await
    }

    /// Mailboxes in which only files are renamed need no connection.
    async fn local_only(&self, jobs: &mut BTreeMap<MailboxId, Vec<FlagJob>>) -> Result<(), Fault> {
        let quiet: Vec<MailboxId> = jobs
            .iter()
            .filter(|(_, list)| list.iter().all(|job| job.plan.remote.is_empty()))
            .map(|(mailbox, _)| *mailbox)
            .collect();
        for mailbox in quiet {
            let (Some(input), Some(list)) = (self.input(mailbox), jobs.remove(&mailbox)) else {
                continue;
            };
            for batch in list.chunks(BATCH) {
                self.flag_batch(None, input, batch).await?;
            }
        }
        Ok(())
    }

    async fn flag_batch(
        &self,
        remote: Option<&mut RemoteOf<P>>,
        input: &MailboxInput,
        batch: &[FlagJob],
    ) -> Result<(), Fault> {
        self.pass.announce().await?;
        let mut failed = match remote {
            Some(remote) => self.push(remote, input, batch).await?,
            None => BTreeSet::new(),
        };
        failed.extend(self.relabel(input, batch, &failed).await?);
        let done = batch.iter().filter(|job| !failed.contains(&job.row));
        let mut changes = Vec::with_capacity(batch.len());
        for job in done {
            changes.push(Change::SetFlags(job.row, job.plan.agreed.clone()));
            if let Some(before) = &job.before {
                let news = self.pass.flagged(job.row, job.mailbox, before, &job.plan);
                changes.extend(news);
            }
        }
        self.pass.commit(changes).await
    }

    /// Sends what differs; returns the rows that somebody else changed meanwhile.
    async fn push(
        &self,
        remote: &mut RemoteOf<P>,
        input: &MailboxInput,
        batch: &[FlagJob],
    ) -> Result<BTreeSet<RowId>, Fault> {
        let mut deltas: BTreeMap<&FlagDelta, Vec<(Uid, RowId)>> = BTreeMap::new();
        let mut failed = BTreeSet::new();
        for job in batch.iter().filter(|job| !job.plan.remote.is_empty()) {
            match job.uid {
                Some(uid) => deltas
                    .entry(&job.plan.remote)
                    .or_default()
                    .push((uid, job.row)),
                // Moved, and its new UID is not known yet: the next look sees to its flags.
                None => {
                    self.leave_unfinished(job.mailbox);
                    failed.insert(job.row);
                }
            }
        }
        if deltas.is_empty() {
            return Ok(failed);
        }
        let id = input.base.mailbox.id;
        self.select(remote, input).await?;
        let seen = self.observed.facts.get(&id).and_then(|facts| facts.modseq);
        for (delta, messages) in deltas {
            let uids: UidSet = messages.iter().map(|(uid, _)| *uid).collect();
            // What has just been moved or linked here is newer than the view: no condition on it.
            let old = messages.iter().all(|(_, row)| {
                let home = self.entry(*row).map(|(home, _)| home.base.mailbox.id);
                home == Some(id)
            });
            let modified = remote.store(&uids, delta, seen.filter(|_| old)).await?;
            for (uid, row) in &messages {
                if modified.contains(*uid) {
                    self.leave_unfinished(id);
                    failed.insert(*row);
                } else {
                    self.pass
                        .count(&input.base.mailbox.name, |counts| counts.flags_pushed += 1);
                }
            }
        }
        Ok(failed)
    }

    /// Renames files; returns the rows whose file could not be.
    async fn relabel(
        &self,
        input: &MailboxInput,
        batch: &[FlagJob],
        skip: &BTreeSet<RowId>,
    ) -> Result<Vec<RowId>, Fault> {
        let mut rows = Vec::new();
        let mut files: Vec<(LocalId, Flags)> = Vec::new();
        for job in batch.iter().filter(|job| !skip.contains(&job.row)) {
            if let (Some(flags), Some(local)) = (&job.plan.local, &job.local) {
                rows.push(job.row);
                files.push((local.clone(), flags.clone()));
            }
        }
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let results = self
            .pass
            .local()
            .relabel(&input.base.mailbox.name, &files)
            .await?;
        let mut failed = Vec::new();
        for ((row, (local, _)), result) in rows.into_iter().zip(&files).zip(results) {
            match result {
                Ok(()) => self
                    .pass
                    .count(&input.base.mailbox.name, |counts| counts.flags_pulled += 1),
                Err(fault) => {
                    failed.push(row);
                    self.one_failed(input, local, fault)?;
                }
            }
        }
        Ok(failed)
    }
}

/// Where the records of a plan bring rows: mailbox, UID, file.
fn relinked(ops: &[Op]) -> BTreeMap<RowId, (MailboxId, &Option<Uid>, &Option<LocalId>)> {
    let records = ops.iter().filter_map(|op| match op {
        Op::Record(changes) => Some(changes),
        _ => None,
    });
    let places = records.flatten().filter_map(|change| match change {
        Change::Relink {
            row,
            mailbox,
            uid,
            local,
        } => Some((*row, (*mailbox, uid, local))),
        _ => None,
    });
    places.collect()
}
