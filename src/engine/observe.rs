//! Looking at both sides of every mailbox, no more than necessary.

mod claimed;
mod focus;
mod folder;
mod learn;
mod rest;
mod steady;
mod unseen;
mod versions;

use std::collections::{BTreeMap, BTreeSet};

use super::context::{Pass, Ports};
use super::fault::Fault;
use super::folders::Mailboxes;
use super::pool::{Named, Pool, RemoteOf};
use super::ports::{Clock, Event, Inspected, KnownMailbox, MailboxStatus, Remote, Store};
use crate::mail::{LocalId, MailboxName, ModSeq, Uid, UidSet, UidValidity};
use crate::sync::{
    AccountInput, Base, EntryState, FolderToken, Known, LocalChanges, MailboxId, MailboxInput,
    MailboxRecord, Parked, PermanentFlags, RemoteChanges, RemoteView, diff_remote,
};

use folder::scan;
pub(super) use folder::{LocalSide, local_side};
pub(super) use learn::{ask_server, learn};
pub(super) use rest::{FolderSide, let_rest, remember_resting, resting};
use unseen::Unseen;
pub(super) use unseen::hold_back;
pub(super) use versions::tell_apart;

/// How far a mailbox was seen, to become its watermark when everything has been done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) uidvalidity: Option<UidValidity>,
    pub(super) uidnext: Option<Uid>,
    pub(super) modseq: Option<ModSeq>,
}

/// Everything that was observed.
#[derive(Debug, Default)]
pub(super) struct Observed {
    pub(super) input: AccountInput,
    pub(super) known: Known,
    pub(super) facts: BTreeMap<MailboxId, Facts>,
    pub(super) inspected: BTreeMap<(MailboxId, LocalId), Inspected>,
    /// Files that could not be read in this pass.
    pub(super) unread: BTreeMap<(MailboxId, LocalId), String>,
    /// What was found out of mailboxes that could not be observed.
    unseen: Vec<Unseen>,
    /// Where not everything could be looked at: their watermarks stay.
    pub(super) doubtful: BTreeSet<MailboxId>,
    /// Folders that were found just as their rows say, while nothing had changed on the server either.
    at_rest: BTreeMap<MailboxId, FolderToken>,
    /// Every parked message; the input has those whose time has not come.
    pub(super) all_parked: Vec<Parked>,
}

/// One mailbox on its way to being observed.
struct Job {
    record: MailboxRecord,
    side: std::cell::RefCell<Option<FolderSide>>,
    status: Option<MailboxStatus>,
    held: bool,
}

impl Named for Job {
    fn name(&self) -> Option<&MailboxName> {
        Some(&self.record.name)
    }
}

/// Observes all mailboxes that take part; what fails is reported and left out.
pub(super) async fn all<P: Ports>(
    pass: &Pass<'_, P>,
    pool: &Pool<P>,
    mailboxes: &Mailboxes,
    mut scanned: BTreeMap<MailboxId, FolderSide>,
) -> Result<Observed, Fault> {
    let observed = std::cell::RefCell::new(Observed::default());
    let holds = pass.store().holds().await?;
    let parked = pass.store().parked().await?;
    let mut jobs = Vec::new();
    let believed = mailboxes.records.values();
    for record in believed.filter(|record| !mailboxes.doubted.contains(&record.id)) {
        let before = scanned
            .remove(&record.id)
            .filter(|_| !mailboxes.changed.contains(&record.id));
        let held = holds.iter().any(|hold| hold.mailbox == record.id)
            || parked.iter().any(|message| message.mailbox == record.id);
        let job = Job {
            record: record.clone(),
            side: std::cell::RefCell::new(before),
            status: mailboxes.status.get(&record.id).cloned(),
            held,
        };
        let gone = mailboxes.remote_gone.contains(&record.id);
        if (!gone && job.is_quiet()) || job.look_closer(pass).await? {
            jobs.push(job);
        }
    }
    let (jobs, restless) = hold_still(pass, mailboxes, jobs).await?;
    observed.borrow_mut().doubtful = restless;
    let is_gone = |job: &Job| mailboxes.remote_gone.contains(&job.record.id);
    let (gone, jobs): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(is_gone);
    let (quiet, jobs): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(Job::is_quiet);
    for job in gone {
        observed.borrow_mut().add_gone(job);
    }
    for job in quiet {
        observed.borrow_mut().add_quiet(job);
    }
    let look = async |remote: &mut RemoteOf<P>, job: &Job| {
        pass.event(Event::Mailbox(&job.record.name));
        let marker_lost = mailboxes.marker_lost.contains(&job.record.id);
        look(remote, job, marker_lost, &observed).await
    };
    pool.each(pass, jobs, look).await?;
    let mut observed = observed.into_inner();
    observed.input.holds = holds;
    let now = pass.clock().now();
    observed.input.parked = parked
        .iter()
        .filter(|message| message.retry_at > now)
        .cloned()
        .collect();
    observed.all_parked = parked;
    Ok(observed)
}

/// Has the folders agree with each other about what came and what went; returns those that do not.
async fn hold_still<P: Ports>(
    pass: &Pass<'_, P>,
    mailboxes: &Mailboxes,
    jobs: Vec<Job>,
) -> Result<(Vec<Job>, BTreeSet<MailboxId>), Fault> {
    // A file may have moved between a folder at rest and one that was looked at.
    let moving = jobs.iter().any(Job::has_files_on_the_move);
    let mut sides = BTreeMap::new();
    for job in &jobs {
        if moving && !job.look_closer(pass).await? {
            continue;
        }
        let looked = job.side.borrow_mut().take_if(|side| !side.is_resting());
        if let Some(FolderSide::Looked(side)) = looked {
            sides.insert(job.record.id, *side);
        }
    }
    let restless = steady::settle(pass, mailboxes, &mut sides).await?;
    let mut known = |job: &Job| {
        if let Some(side) = sides.remove(&job.record.id) {
            job.side.replace(Some(FolderSide::Looked(Box::new(side))));
        }
        job.side.borrow().is_some()
    };
    let jobs = jobs.into_iter().filter(&mut known).collect();
    Ok((jobs, restless))
}

impl Job {
    /// Scans the folder if that has not been done; false if it cannot be, which is reported.
    async fn look_closer<P: Ports>(&self, pass: &Pass<'_, P>) -> Result<bool, Fault> {
        if matches!(*self.side.borrow(), Some(FolderSide::Looked(_))) {
            return Ok(true);
        }
        let side = scan(pass, &self.record).await?;
        let side = side.map(|side| FolderSide::Looked(Box::new(side)));
        let found = side.is_some();
        self.side.replace(side);
        Ok(found)
    }

    fn has_files_on_the_move(&self) -> bool {
        match &*self.side.borrow() {
            Some(FolderSide::Looked(side)) => {
                let changes = &side.changes;
                !(changes.appeared.is_empty()
                    && changes.edited.is_empty()
                    && changes.vanished.is_empty())
            }
            _ => false,
        }
    }

    /// Whether STATUS proves that nothing changed on the server, and nothing changed here either.
    fn is_quiet(&self) -> bool {
        let side = self.side.borrow();
        let (Some(side), Some(status)) = (side.as_ref(), &self.status) else {
            return false;
        };
        let same = status.uidvalidity == self.record.uidvalidity
            && status.uidvalidity.is_some()
            && status.uidnext == self.record.uidnext
            && status.uidnext.is_some()
            && status.modseq == self.record.modseq
            && status.modseq.is_some()
            && status
                .messages
                .is_some_and(|count| u64::from(count) == side.uids());
        same && !self.held && side.is_at_rest()
    }
}

/// Whether every row is linked on both sides; if not, a delta from the server is not enough to judge it.
fn is_whole(base: &Base) -> bool {
    base.entries.iter().all(|entry| {
        entry.uid.is_some()
            && entry.local.is_some()
            && entry.hold.is_none()
            && entry.state == EntryState::Linked
    })
}

async fn view<R: Remote>(
    remote: &mut R,
    job: &Job,
    base: &Base,
    marker_lost: bool,
) -> Result<RemoteView, Fault> {
    let uids: UidSet = base.entries.iter().filter_map(|entry| entry.uid).collect();
    let delta = !job.held && !marker_lost && is_whole(base);
    let known = job.record.uidvalidity.map(|uidvalidity| KnownMailbox {
        uidvalidity,
        modseq: job.record.modseq.filter(|_| delta),
        uids: &uids,
    });
    remote.observe(&job.record.name, known).await
}

async fn look<R: Remote>(
    remote: &mut R,
    job: &Job,
    marker_lost: bool,
    observed: &std::cell::RefCell<Observed>,
) -> Result<(), Fault> {
    let Some(FolderSide::Looked(side)) = job.side.borrow_mut().take() else {
        return Ok(());
    };
    let view = match view(remote, job, &side.base, marker_lost).await {
        Ok(view) => view,
        Err(fault) => {
            observed.borrow_mut().unseen.push(Unseen {
                mailbox: job.record.id,
                side: Some(*side),
            });
            return Err(fault);
        }
    };
    let changes = diff_remote(&side.base, &view);
    let facts = Facts {
        uidvalidity: view.uidvalidity,
        uidnext: view.uidnext,
        modseq: view.modseq,
    };
    let mut observed = observed.borrow_mut();
    observed.facts.insert(job.record.id, facts);
    let at_rest = changes == RemoteChanges::default() && side.is_at_rest();
    if let Some(token) = side.token.as_ref().filter(|_| at_rest) {
        observed.at_rest.insert(job.record.id, token.clone());
    }
    observed.add(&job.record, *side, changes, |input| {
        input.permanent = view.permanent;
        input.writable = !view.read_only;
        input.marker_lost = marker_lost;
    });
    Ok(())
}

impl Observed {
    fn add(
        &mut self,
        record: &MailboxRecord,
        side: LocalSide,
        remote: RemoteChanges,
        details: impl FnOnce(&mut MailboxInput),
    ) {
        let mut base = side.base;
        base.mailbox = record.clone();
        let mut input = MailboxInput {
            recovering: record.last_sync.is_none() || remote.renumbered,
            base,
            local: side.changes,
            remote,
            scope: side.scope,
            permanent: PermanentFlags::everything(),
            writable: true,
            remote_gone: false,
            marker_lost: false,
        };
        details(&mut input);
        self.input.mailboxes.push(input);
    }

    /// A mailbox in which nothing changed. The rows of one at rest are not needed: no file came that could be a copy.
    fn add_quiet(&mut self, job: Job) {
        let side = match job.side.into_inner() {
            Some(FolderSide::Looked(side)) => *side,
            Some(FolderSide::Resting(_, scope)) => LocalSide {
                base: Base {
                    mailbox: job.record.clone(),
                    entries: Vec::new(),
                    labels: Vec::new(),
                },
                changes: LocalChanges::default(),
                scope,
                token: None,
            },
            None => return,
        };
        if let Some(token) = &side.token {
            self.at_rest.insert(job.record.id, token.clone());
        }
        self.add(&job.record, side, RemoteChanges::default(), |_| ());
    }

    fn add_gone(&mut self, job: Job) {
        let Some(FolderSide::Looked(side)) = job.side.into_inner() else {
            return;
        };
        let vanished = side.base.entries.iter().filter(|entry| entry.uid.is_some());
        let changes = RemoteChanges {
            vanished: vanished.map(|entry| entry.row).collect(),
            ..RemoteChanges::default()
        };
        self.add(&job.record, *side, changes, |input| {
            input.remote_gone = true;
        });
    }

    /// The input of a mailbox.
    pub(super) fn mailbox(&self, id: MailboxId) -> Option<&MailboxInput> {
        self.input
            .mailboxes
            .iter()
            .find(|input| input.base.mailbox.id == id)
    }

    /// A mailbox's name.
    pub(super) fn name(&self, id: MailboxId) -> Option<&MailboxName> {
        self.mailbox(id).map(|input| &input.base.mailbox.name)
    }
}
