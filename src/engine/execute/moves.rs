//! Moves and copies: no body travels.

use std::collections::BTreeMap;

use super::{Executor, FlagJob, Job};
use crate::engine::context::Pass;
use crate::engine::context::Ports;
use crate::engine::fault::{Fault, Reach};
use crate::engine::pool::RemoteOf;
use crate::engine::ports::{Clock, Event, Remote, Serial, Store, Transferred};
use crate::engine::recover::UNSEEN;
use crate::mail::{Flag, LocalId, MailboxName, Uid, UidSet};
use crate::sync::{
    Change, Entry, EntryState, FlagPlan, Intent, IntentId, IntentKind, MailboxId, Op, RowId, Side,
};

/// Most messages in one MOVE or COPY.
const BATCH: usize = 500;

/// A row whose message goes to another mailbox on the server.
#[derive(Clone, Debug)]
struct Going {
    row: RowId,
    uid: Uid,
    local: LocalId,
    flags: FlagPlan,
}

impl<P: Ports> Executor<'_, '_, P> {
    /// Moved in the Maildir: the server follows.
    pub(super) async fn moves_remote(&self, ops: &[Op]) -> Result<(), Fault> {
        let mut groups: BTreeMap<MailboxId, BTreeMap<MailboxId, Vec<Going>>> = BTreeMap::new();
        let mut renamed = Vec::new();
        for op in ops {
            let Op::MoveRemote {
                row,
                to,
                local,
                flags,
            } = op
            else {
                continue;
            };
            let Some((input, entry)) = self.entry(*row) else {
                continue;
            };
            let from = input.base.mailbox.id;
            let Some(uid) = entry.uid else {
                continue;
            };
            let going = Going {
                row: *row,
                uid,
                local: local.clone(),
                flags: flags.clone(),
            };
            if from == *to {
                renamed.extend(self.follow(going, from, *to, Some(uid)));
            } else {
                groups
                    .entry(from)
                    .or_default()
                    .entry(*to)
                    .or_default()
                    .push(going);
            }
        }
        self.pass.commit(renamed).await?;
        let jobs = self.jobs(groups);
        let work = async |remote: &mut RemoteOf<P>, job: &Job<BTreeMap<MailboxId, Vec<Going>>>| {
            for (to, going) in &job.work {
                for batch in going.chunks(BATCH) {
                    let result = self.transfer_batch(remote, job, *to, batch, false).await;
                    self.finished(job.mailbox, result)?;
                }
            }
            Ok(())
        };
        self.pool.each(self.pass, jobs, work).await
    }

    /// The row follows its file (and its message, where the new UID is known); its flags are set afterwards.
    fn follow(
        &self,
        going: Going,
        from: MailboxId,
        to: MailboxId,
        uid: Option<Uid>,
    ) -> Vec<Change> {
        let before = self.entry(going.row).map(|(_, entry)| entry.flags.clone());
        self.queue_flags(FlagJob {
            before,
            row: going.row,
            mailbox: to,
            uid,
            local: Some(going.local.clone()),
            plan: going.flags,
        });
        let relink = Change::Relink {
            row: going.row,
            mailbox: to,
            uid,
            local: Some(going.local),
        };
        let news = self.pass.moved(going.row, from, to, Side::Local);
        std::iter::once(relink).chain(news).collect()
    }

    /// Moves or copies.
    async fn transfer_batch<T>(
        &self,
        remote: &mut RemoteOf<P>,
        job: &Job<T>,
        to: MailboxId,
        batch: &[Going],
        copy: bool,
    ) -> Result<(), Fault> {
        let go =
            async |remote: &mut RemoteOf<P>| self.transfer_once(remote, job, to, batch, copy).await;
        moving(remote, go).await
    }

    async fn transfer_once<T>(
        &self,
        remote: &mut RemoteOf<P>,
        job: &Job<T>,
        to: MailboxId,
        batch: &[Going],
        copy: bool,
    ) -> Result<(), Fault> {
        let (Some(source), Some(target)) = (self.input(job.mailbox), self.input(to)) else {
            return Ok(());
        };
        let target = &target.base.mailbox.name;
        let rows: Vec<(RowId, Option<LocalId>)> = batch
            .iter()
            .map(|going| (going.row, Some(going.local.clone())))
            .collect();
        let uids: UidSet = batch.iter().map(|going| going.uid).collect();
        let intents = self.intend(remote, target, to, &rows, copy).await?;
        self.select(remote, source).await?;
        let moved = match remote.transfer(&uids, target, copy).await {
            Ok(moved) => moved,
            Err(fault) => {
                if fault.reach < Reach::Connection {
                    self.forget_intents(&intents).await?;
                }
                return Err(fault);
            }
        };
        let new_uids: BTreeMap<Uid, Uid> = moved.pairs.iter().copied().collect();
        if !self.all_known(batch, &new_uids, &moved) {
            self.leave_unfinished(to);
        }
        let mut changes = Vec::new();
        for going in batch {
            let uid = new_uids.get(&going.uid).copied();
            self.pass.count(target, |counts| counts.moved_remote += 1);
            if uid.is_some_and(|uid| !self.is_fresh(to, uid)) {
                changes.push(self.only_one(to, &going.local));
                changes.extend((!copy).then_some(Change::DropEntry(going.row)));
                continue;
            }
            if copy {
                changes.extend(self.copied(going, to, uid).await?);
                continue;
            }
            if moved.left
                && let Some((_, entry)) = self.entry(going.row)
            {
                changes.extend(ghost(self.pass, entry).await?);
            }
            changes.extend(self.follow(going.clone(), job.mailbox, to, uid));
        }
        changes.extend(intents.into_iter().map(Change::DropIntent));
        self.pass.commit(changes).await
    }

    fn all_known(
        &self,
        batch: &[Going],
        new_uids: &BTreeMap<Uid, Uid>,
        moved: &Transferred,
    ) -> bool {
        moved.uidvalidity.is_some() && batch.iter().all(|going| new_uids.contains_key(&going.uid))
    }

    /// Where messages cannot be moved in one step, what is about to happen is written down first.
    pub(super) async fn intend(
        &self,
        remote: &mut RemoteOf<P>,
        target: &MailboxName,
        to: MailboxId,
        rows: &[(RowId, Option<LocalId>)],
        copy: bool,
    ) -> Result<Vec<IntentId>, Fault> {
        self.pass.announce().await?;
        if remote.abilities().uid_move && !copy {
            return Ok(Vec::new());
        }
        let Some((uidvalidity, uidnext)) = Self::bounds(remote, target).await? else {
            return Ok(Vec::new());
        };
        let mut ids = Vec::new();
        let mut changes = Vec::new();
        for (row, local) in rows {
            let id = IntentId(self.pass.store().reserve(Serial::Intent).await?);
            ids.push(id);
            changes.push(Change::PutIntent(Intent {
                id,
                kind: IntentKind::Transfer {
                    row: *row,
                    to,
                    uidvalidity,
                    uidnext,
                    local: local.clone(),
                    copy,
                },
                since: self.pass.clock().now(),
            }));
        }
        self.pass.commit(changes).await?;
        Ok(ids)
    }

    pub(super) async fn forget_intents(&self, intents: &[IntentId]) -> Result<(), Fault> {
        self.pass
            .commit(intents.iter().copied().map(Change::DropIntent).collect())
            .await
    }

    async fn copied(
        &self,
        going: &Going,
        to: MailboxId,
        uid: Option<Uid>,
    ) -> Result<Vec<Change>, Fault> {
        let (Some((_, source)), Some(uid)) = (self.entry(going.row), uid) else {
            return Ok(Vec::new());
        };
        let row = self.pass.store().reserve_rows(1).await?;
        let found = self.observed.inspected.get(&(to, going.local.clone()));
        let plan = FlagPlan {
            agreed: going.flags.agreed.clone(),
            local: None,
            remote: source.flags.delta_to(&going.flags.agreed),
        };
        self.queue_flags(FlagJob {
            before: None,
            row,
            mailbox: to,
            uid: Some(uid),
            local: Some(going.local.clone()),
            plan,
        });
        let news = self.pass.arrived(row, to, Side::Local, source.date);
        let entry = Entry {
            row,
            mailbox: to,
            uid: Some(uid),
            local: Some(going.local.clone()),
            flags: source.flags.clone(),
            raw: found.is_some_and(|found| found.raw),
            stamp: found.map_or(UNSEEN, |found| found.stamp),
            state: EntryState::Linked,
            hold: None,
            ..source.clone()
        };
        Ok(std::iter::once(Change::PutEntry(entry))
            .chain(news)
            .collect())
    }

    /// Copied in the Maildir: the server copies too.
    pub(super) async fn copies(&self, ops: &[Op]) -> Result<(), Fault> {
        let mut groups: BTreeMap<MailboxId, BTreeMap<MailboxId, Vec<Going>>> = BTreeMap::new();
        for op in ops {
            let Op::CopyRemote {
                source,
                to,
                local,
                flags,
            } = op
            else {
                continue;
            };
            let Some((input, entry)) = self.entry(*source) else {
                continue;
            };
            let Some(uid) = entry.uid else {
                continue;
            };
            let flags = FlagPlan {
                agreed: flags.clone(),
                ..FlagPlan::default()
            };
            let going = Going {
                row: *source,
                uid,
                local: local.clone(),
                flags,
            };
            groups
                .entry(input.base.mailbox.id)
                .or_default()
                .entry(*to)
                .or_default()
                .push(going);
        }
        let jobs = self.jobs(groups);
        let work = async |remote: &mut RemoteOf<P>, job: &Job<BTreeMap<MailboxId, Vec<Going>>>| {
            for (to, going) in &job.work {
                for batch in distinct(going) {
                    self.pass.event(Event::Mailbox(&job.name));
                    let result = self.transfer_batch(remote, job, *to, &batch, true).await;
                    self.finished(job.mailbox, result)?;
                }
            }
            Ok(())
        };
        self.pool.each(self.pass, jobs, work).await
    }
}

/// Does something that moves messages; where a server turns out to refuse the MOVE that it offers, once more, in two steps.
pub(super) async fn moving<R: Remote, T>(
    remote: &mut R,
    mut go: impl AsyncFnMut(&mut R) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let moves = remote.abilities().uid_move;
    match go(remote).await {
        Err(_) if moves && !remote.abilities().uid_move => go(remote).await,
        other => other,
    }
}

/// Where the source of a move stays, marked `\Deleted`, a row of its own keeps it from looking like new mail.
pub(crate) async fn ghost<P: Ports>(
    pass: &Pass<'_, P>,
    source: &Entry,
) -> Result<Vec<Change>, Fault> {
    let row = pass.store().reserve_rows(1).await?;
    let ghost = Entry {
        row,
        flags: source.flags.clone().with(Flag::Deleted),
        ..source.clone()
    };
    // The row itself leaves this mailbox first, or its UID and file would be there twice.
    let leave = Change::Relink {
        row: source.row,
        mailbox: source.mailbox,
        uid: None,
        local: None,
    };
    Ok(vec![leave, Change::PutEntry(ghost)])
}

/// Batches in which no UID occurs twice: one COPY makes one copy of each.
fn distinct(going: &[Going]) -> Vec<Vec<Going>> {
    let mut batches: Vec<Vec<Going>> = Vec::new();
    for one in going {
        let fits = |batch: &&mut Vec<Going>| {
            batch.len() < BATCH && batch.iter().all(|other| other.uid != one.uid)
        };
        match batches.iter_mut().find(fits) {
            Some(batch) => batch.push(one.clone()),
            None => batches.push(vec![one.clone()]),
        }
    }
    batches
}
