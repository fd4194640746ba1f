//! Carrying out a plan: what adds comes first, what deletes comes last.

mod deletions;
mod describe;
mod download;
mod flags;
mod holds;
mod moves;
mod records;
mod relocate;
mod upload;

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

pub(super) use describe::{describe_mailbox_op, describe_op, is_silent};
pub(super) use moves::ghost;

use super::context::{Pass, Ports};
use super::fault::{Fault, Reach};
use super::folders::Mailboxes;
use super::observe::Observed;
use super::pool::{Named, Pool, RemoteOf};
use super::ports::{Event, Remote, Store};
use crate::mail::{Flags, LocalId, MailboxName, Uid, UidSet, UidValidity};
use crate::sync::{
    Change, Entry, FlagPlan, IntentKind, LocalMessage, MailboxId, MailboxInput, Op, Parked, Plan,
    RowId,
};

/// Flags of one row that are to be changed on one side or both.
#[derive(Clone, Debug)]
pub(super) struct FlagJob {
    /// Its agreed flags so far, if listeners are to be told how they change.
    before: Option<Flags>,
    row: RowId,
    mailbox: MailboxId,
    uid: Option<Uid>,
    local: Option<LocalId>,
    plan: FlagPlan,
}

/// Carries out one plan.
pub(super) struct Executor<'a, 'b, P: Ports> {
    pub(super) pass: &'a Pass<'b, P>,
    pub(super) pool: &'a Pool<P>,
    pub(super) observed: &'a Observed,
    pub(super) mailboxes: &'a Mailboxes,
    /// Where something was left undone: their watermarks stay.
    unfinished: RefCell<BTreeSet<MailboxId>>,
    flag_jobs: RefCell<Vec<FlagJob>>,
    /// UIDs that the server gave to what was copied and moved.
    given: RefCell<BTreeSet<(MailboxId, Uid)>>,
    vanished: OnceCell<BTreeSet<RowId>>,
    appeared: OnceCell<BTreeMap<(MailboxId, &'a LocalId), &'a LocalMessage>>,
}

/// The operations of one mailbox that need a connection.
pub(super) struct Job<T> {
    mailbox: MailboxId,
    name: MailboxName,
    work: T,
}

impl<T> Named for Job<T> {
    fn name(&self) -> Option<&MailboxName> {
        Some(&self.name)
    }
}

impl<'a, 'b, P: Ports> Executor<'a, 'b, P> {
    pub(super) fn new(
        pass: &'a Pass<'b, P>,
        pool: &'a Pool<P>,
        observed: &'a Observed,
        mailboxes: &'a Mailboxes,
    ) -> Self {
        Self {
            pass,
            pool,
            observed,
            mailboxes,
            unfinished: RefCell::default(),
            flag_jobs: RefCell::default(),
            given: RefCell::default(),
            vanished: OnceCell::new(),
            appeared: OnceCell::new(),
        }
    }

    /// Does all of it; returns the mailboxes in which something was left undone.
    pub(super) async fn run(self, plan: Plan) -> Result<BTreeSet<MailboxId>, Fault> {
        self.announce_totals(&plan);
        let (gone, ops) = self.apart(plan.ops);
        let mut ops = self.without_unsettled(ops).await?;
        // Before a mailbox is made again: afterwards the rows of the old one would look like lost mail of the new one.
        self.deletions(&gone).await?;
        ops.retain(|op| !self.is_early(op));
        self.recreate_mailboxes(&ops).await?;
        self.records(&ops).await?;
        self.drop_names(&ops).await?;
        self.moves_local(&ops).await?;
        self.moves_remote(&ops).await?;
        self.copies(&ops).await?;
        self.transfers(&ops).await?;
        self.flags(&ops).await?;
        self.holds(&ops).await?;
        self.deletions(&ops).await?;
        Ok(self.unfinished.into_inner())
    }

    /// Files that could not be read are tried again later and later.
    pub(super) async fn park_unread(&self) -> Result<(), Fault> {
        let unread = self.observed.unread.iter();
        let unread = unread.filter(|((mailbox, file), _)| !self.observed.is_parked(*mailbox, file));
        let parked = unread.map(|((mailbox, file), reason)| {
            Change::Park(self.park(*mailbox, None, Some(file.clone()), reason.clone()))
        });
        self.pass.commit(parked.collect()).await
    }

    /// Deletions of files whose whole mailbox is gone from the server, and all the rest.
    fn apart(&self, ops: Vec<Op>) -> (Vec<Op>, Vec<Op>) {
        ops.into_iter().partition(|op| match op {
            Op::DeleteLocal { row } => self.entry(*row).is_some_and(|(input, _)| input.remote_gone),
            _ => false,
        })
    }

    /// Whether it would make a mailbox again whose old files are not all away yet.
    fn is_early(&self, op: &Op) -> bool {
        let (Op::Upload { mailbox: to, .. }
        | Op::MoveRemote { to, .. }
        | Op::CopyRemote { to, .. }) = op
        else {
            return false;
        };
        let gone = self.input(*to).is_some_and(|input| input.remote_gone);
        gone && self.unfinished.borrow().contains(to)
    }

    /// Files that an earlier, dead connection may still be delivering are left for later.
    async fn without_unsettled(&self, mut ops: Vec<Op>) -> Result<Vec<Op>, Fault> {
        let intents = self.pass.store().intents().await?;
        let open: BTreeSet<_> = intents
            .into_iter()
            .filter_map(|intent| match intent.kind {
                IntentKind::Upload { mailbox, local, .. } => Some((mailbox, local)),
                IntentKind::Transfer { .. } | IntentKind::Overdue { .. } => None,
            })
            .collect();
        if open.is_empty() {
            return Ok(ops);
        }
        ops.retain(|op| {
            let (mailbox, local) = match op {
                Op::Upload { mailbox, local, .. } | Op::Adopt { mailbox, local, .. } => {
                    (mailbox, local)
                }
                Op::CopyRemote { to, local, .. } => (to, local),
                _ => return true,
            };
            let waits = open.contains(&(*mailbox, local.clone()));
            if waits {
                self.leave_unfinished(*mailbox);
                let name = self.observed.name(*mailbox).cloned();
                self.pass
                    .with_report(|report| report.unsettled.extend(name));
            }
            !waits
        });
        Ok(ops)
    }

    fn announce_totals(&self, plan: &Plan) {
        let mut messages = 0;
        let mut octets = 0;
        for op in &plan.ops {
            match op {
                Op::Download { size, .. } => {
                    messages += 1;
                    octets += size.unwrap_or(0);
                }
                Op::Upload { mailbox, local, .. } => {
                    messages += 1;
                    let known = self.observed.known.local.get(&(*mailbox, local.clone()));
                    octets += known.map_or(0, |known| known.identity.size);
                }
                _ => {}
            }
        }
        if messages > 0 {
            self.pass.event(Event::Total { messages, octets });
        }
    }

    /// Downloads, uploads and comparisons, every mailbox on a connection of its own as far as they go round.
    async fn transfers(&self, ops: &[Op]) -> Result<(), Fault> {
        let mut jobs: BTreeMap<MailboxId, (Vec<download::Wanted>, Vec<upload::Outgoing>)> =
            BTreeMap::new();
        for op in ops {
            if let Some((mailbox, wanted)) = download::Wanted::from_op(op) {
                jobs.entry(mailbox).or_default().0.push(wanted);
            } else if let Some((mailbox, outgoing)) = upload::Outgoing::from_op(op) {
                jobs.entry(mailbox).or_default().1.push(outgoing);
            }
        }
        let jobs = self.jobs(jobs);
        let work = async |remote: &mut RemoteOf<P>, job: &Job<_>| {
            let (wanted, outgoing): &(Vec<_>, Vec<_>) = &job.work;
            let result = self.transfer(remote, job.mailbox, wanted, outgoing).await;
            self.finished(job.mailbox, result)
        };
        self.pool.each(self.pass, jobs, work).await
    }

    async fn transfer(
        &self,
        remote: &mut RemoteOf<P>,
        mailbox: MailboxId,
        wanted: &[download::Wanted],
        outgoing: &[upload::Outgoing],
    ) -> Result<(), Fault> {
        let Some(input) = self.observed.mailbox(mailbox) else {
            return Ok(());
        };
        if !wanted.is_empty() {
            download::run(self, remote, input, wanted).await?;
        }
        if !outgoing.is_empty() {
            upload::run(self, remote, input, outgoing).await?;
        }
        Ok(())
    }

    /// Jobs for the mailboxes that were observed.
    fn jobs<T>(&self, by_mailbox: BTreeMap<MailboxId, T>) -> Vec<Job<T>> {
        by_mailbox
            .into_iter()
            .filter_map(|(mailbox, work)| {
                let name = self.observed.name(mailbox)?.clone();
                Some(Job {
                    mailbox,
                    name,
                    work,
                })
            })
            .collect()
    }

    /// Remembers that a mailbox is not done when its work failed, and hands the fault on.
    fn finished(&self, mailbox: MailboxId, result: Result<(), Fault>) -> Result<(), Fault> {
        if result.is_err() {
            self.leave_unfinished(mailbox);
        }
        result
    }

    /// Selects a mailbox, provided that its UIDs mean what they meant when it was observed.
    async fn select(&self, remote: &mut RemoteOf<P>, input: &MailboxInput) -> Result<(), Fault> {
        let record = &input.base.mailbox;
        let selected = remote.select(&record.name).await?;
        let seen = match self.observed.facts.get(&record.id) {
            Some(facts) => facts.uidvalidity,
            None => record.uidvalidity,
        };
        if input.remote_gone || selected == seen {
            return Ok(());
        }
        let text = "UIDVALIDITY changed while the mailbox was being synced";
        Err(Fault::new(Reach::Mailbox, true, text))
    }

    /// The generation of a mailbox, and a UID below which nothing new comes: UIDNEXT, or what follows the last message
    /// where the server does not tell.
    async fn bounds(
        remote: &mut RemoteOf<P>,
        name: &MailboxName,
    ) -> Result<Option<(UidValidity, Uid)>, Fault> {
        let status = remote.status(name).await?;
        let Some(uidvalidity) = status.uidvalidity else {
            return Ok(None);
        };
        if let Some(uidnext) = status.uidnext {
            return Ok(Some((uidvalidity, uidnext)));
        }
        if remote.select(name).await? != Some(uidvalidity) {
            return Ok(None);
        }
        let all = UidSet::from_range(Uid::MIN, Uid::MAX);
        let next = match remote.existing(&all).await?.last() {
            Some(last) => Uid::new(last.get().saturating_add(1)).filter(|next| *next > last),
            None => Some(Uid::MIN),
        };
        Ok(next.map(|next| (uidvalidity, next)))
    }

    /// Whether the server gave a UID that no other message has; it counts as given from then on.
    fn is_fresh(&self, mailbox: MailboxId, uid: Uid) -> bool {
        let rows = self.input(mailbox).map(|input| &input.base.entries);
        let known = rows.is_some_and(|rows| rows.iter().any(|row| row.uid == Some(uid)));
        !known && self.given.borrow_mut().insert((mailbox, uid))
    }

    /// Some servers keep only one of each mail in a mailbox. A file of another one is kept here and reported.
    fn only_one(&self, mailbox: MailboxId, local: &LocalId) -> Change {
        self.leave_unfinished(mailbox);
        let reason =
            format!("{local}: the server has this mail there already, and keeps no second one");
        let name = self.observed.name(mailbox);
        self.pass.problem(name, &reason);
        Change::Park(self.park(mailbox, None, Some(local.clone()), reason))
    }

    fn leave_unfinished(&self, mailbox: MailboxId) {
        self.unfinished.borrow_mut().insert(mailbox);
    }

    /// A fault of one message: reported, the mailbox is left unfinished. Anything that reaches further is handed on.
    fn one_failed(
        &self,
        input: &MailboxInput,
        what: &dyn std::fmt::Display,
        fault: Fault,
    ) -> Result<(), Fault> {
        self.leave_unfinished(input.base.mailbox.id);
        if fault.reach > Reach::Message {
            return Err(fault);
        }
        let name = &input.base.mailbox.name;
        self.pass
            .problem(Some(name), &format_args!("{what}: {fault}"));
        Ok(())
    }

    fn queue_flags(&self, job: FlagJob) {
        if job.plan.local.is_some() || !job.plan.remote.is_empty() {
            self.flag_jobs.borrow_mut().push(job);
        }
    }

    /// A row and the mailbox it was in when it was observed.
    fn entry(&self, row: RowId) -> Option<(&'a MailboxInput, &'a Entry)> {
        self.observed.input.mailboxes.iter().find_map(|input| {
            let at = input
                .base
                .entries
                .binary_search_by_key(&row, |entry| entry.row)
                .ok()?;
            Some((input, input.base.entries.get(at)?))
        })
    }

    fn input(&self, mailbox: MailboxId) -> Option<&'a MailboxInput> {
        self.observed.mailbox(mailbox)
    }

    /// How a message that cannot be carried over is set aside: tried again at the next pass, then later and later.
    fn park(
        &self,
        mailbox: MailboxId,
        uid: Option<Uid>,
        local: Option<LocalId>,
        reason: String,
    ) -> Parked {
        let earlier =
            self.observed.all_parked.iter().find(|parked| {
                parked.mailbox == mailbox && parked.uid == uid && parked.local == local
            });
        let attempts = earlier.map_or(0, |parked| parked.attempts) + 1;
        let wait = match attempts {
            1 => 0,
            2 => 300,
            3 => 1800,
            4 => 3 * 3600,
            _ => 6 * 3600,
        };
        if let Some(name) = self.observed.name(mailbox) {
            self.pass.count(name, |counts| counts.parked += 1);
        }
        Parked {
            mailbox,
            uid,
            local,
            reason,
            attempts,
            retry_at: super::ports::Clock::now(self.pass.clock()) + wait,
        }
    }
}
