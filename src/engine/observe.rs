//! Looking at both sides of every mailbox, no more than necessary.

use std::collections::BTreeMap;

use super::context::{Pass, Ports};
use super::fault::{Fault, Reach};
use super::folders::Mailboxes;
use super::pool::{Named, Pool, RemoteOf};
use super::ports::{Clock, Event, Inspected, KnownMailbox, Local, MailboxStatus, Remote, Store};
use crate::mail::{LocalId, MailboxName, ModSeq, Uid, UidSet, UidValidity};
use crate::sync::{
    AccountInput, Base, EntryState, KeywordScope, Known, LocalChanges, LocalKnown, MailboxId,
    MailboxInput, MailboxRecord, Parked, PermanentFlags, RemoteChanges, diff_local, diff_remote,
    needs,
};

/// A mailbox's base and how its folder differs from it.
#[derive(Debug)]
pub(super) struct LocalSide {
    pub(super) base: Base,
    pub(super) changes: LocalChanges,
    pub(super) scope: KeywordScope,
}

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
    /// Every parked message; the input has those whose time has not come.
    pub(super) all_parked: Vec<Parked>,
}

/// Scans one folder and compares it with the base.
pub(super) async fn local_side<P: Ports>(
    pass: &Pass<'_, P>,
    record: &MailboxRecord,
) -> Result<LocalSide, Fault> {
    let base = pass.store().base(record.id).await?;
    let view = pass.local().scan(&record.name).await?;
    let changes = diff_local(&base, &view);
    Ok(LocalSide {
        base,
        changes,
        scope: view.scope,
    })
}

/// One mailbox on its way to being observed.
struct Job {
    record: MailboxRecord,
    side: std::cell::RefCell<Option<LocalSide>>,
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
    mut scanned: BTreeMap<MailboxId, LocalSide>,
) -> Result<Observed, Fault> {
    let observed = std::cell::RefCell::new(Observed::default());
    let holds = pass.store().holds().await?;
    let parked = pass.store().parked().await?;
    let mut jobs = Vec::new();
    for record in mailboxes.records.values() {
        let before = scanned
            .remove(&record.id)
            .filter(|_| !mailboxes.changed.contains(&record.id));
        let Some(side) = scan_again(pass, record, before).await? else {
            continue;
        };
        if mailboxes.remote_gone.contains(&record.id) {
            observed.borrow_mut().add_gone(record, side);
            continue;
        }
        let held = holds.iter().any(|hold| hold.mailbox == record.id)
            || parked.iter().any(|message| message.mailbox == record.id);
        jobs.push(Job {
            record: record.clone(),
            side: std::cell::RefCell::new(Some(side)),
            status: mailboxes.status.get(&record.id).cloned(),
            held,
        });
    }
    let wanted = jobs.len();
    let (quiet, jobs): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(Job::is_quiet);
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
    observed.input.whole = observed.input.mailboxes.len() >= wanted;
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

/// The scan made while connecting, or a new one; a folder that cannot be scanned is reported and left out.
async fn scan_again<P: Ports>(
    pass: &Pass<'_, P>,
    record: &MailboxRecord,
    before: Option<LocalSide>,
) -> Result<Option<LocalSide>, Fault> {
    if before.is_some() {
        return Ok(before);
    }
    match local_side(pass, record).await {
        Ok(side) => Ok(Some(side)),
        Err(fault) if fault.reach >= Reach::Account => Err(fault),
        Err(fault) => {
            pass.problem(Some(&record.name), &fault);
            Ok(None)
        }
    }
}

impl Job {
    /// Whether STATUS proves that nothing changed on the server, and nothing changed here either.
    fn is_quiet(&self) -> bool {
        let side = self.side.borrow();
        let (Some(side), Some(status)) = (side.as_ref(), &self.status) else {
            return false;
        };
        let rows = side
            .base
            .entries
            .iter()
            .filter(|entry| entry.uid.is_some())
            .count();
        let same = status.uidvalidity == self.record.uidvalidity
            && status.uidvalidity.is_some()
            && status.uidnext == self.record.uidnext
            && status.uidnext.is_some()
            && status.modseq == self.record.modseq
            && status.modseq.is_some()
            && status
                .messages
                .is_some_and(|count| usize::try_from(count) == Ok(rows));
        same && !self.held && side.changes == LocalChanges::default() && is_whole(&side.base)
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

async fn look<R: Remote>(
    remote: &mut R,
    job: &Job,
    marker_lost: bool,
    observed: &std::cell::RefCell<Observed>,
) -> Result<(), Fault> {
    let Some(side) = job.side.borrow_mut().take() else {
        return Ok(());
    };
    let uids: UidSet = side
        .base
        .entries
        .iter()
        .filter_map(|entry| entry.uid)
        .collect();
    let delta = !job.held && !marker_lost && is_whole(&side.base);
    let known = job.record.uidvalidity.map(|uidvalidity| KnownMailbox {
        uidvalidity,
        modseq: job.record.modseq.filter(|_| delta),
        uids: &uids,
    });
    let view = remote.observe(&job.record.name, known).await?;
    let changes = diff_remote(&side.base, &view);
    let facts = Facts {
        uidvalidity: view.uidvalidity,
        uidnext: view.uidnext,
        modseq: view.modseq,
    };
    let mut observed = observed.borrow_mut();
    observed.facts.insert(job.record.id, facts);
    observed.add(&job.record, side, changes, |input| {
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

    fn add_quiet(&mut self, job: Job) {
        if let Some(side) = job.side.into_inner() {
            self.add(&job.record, side, RemoteChanges::default(), |_| ());
        }
    }

    fn add_gone(&mut self, record: &MailboxRecord, side: LocalSide) {
        let vanished = side.base.entries.iter().filter(|entry| entry.uid.is_some());
        let changes = RemoteChanges {
            vanished: vanished.map(|entry| entry.row).collect(),
            ..RemoteChanges::default()
        };
        self.add(record, side, changes, |input| input.remote_gone = true);
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

/// Learns whatever the planner must know of messages without rows, until it needs nothing more.
pub(super) async fn learn<P: Ports>(
    pass: &Pass<'_, P>,
    pool: &Pool<P>,
    observed: &mut Observed,
) -> Result<(), Fault> {
    loop {
        let wanted = needs(&observed.input, &observed.known);
        if wanted.is_empty() {
            return Ok(());
        }
        for (mailbox, files) in wanted.local {
            read_files(pass, observed, mailbox, files.into_iter().collect()).await?;
        }
        if !wanted.remote.is_empty() {
            ask_server(pass, pool, observed, wanted.remote).await?;
        }
    }
}

async fn read_files<P: Ports>(
    pass: &Pass<'_, P>,
    observed: &mut Observed,
    mailbox: MailboxId,
    mut files: Vec<LocalId>,
) -> Result<(), Fault> {
    let Some(name) = observed.name(mailbox).cloned() else {
        return Ok(());
    };
    for (file, result) in pass.local().inspect(&name, &files).await? {
        files.retain(|wanted| *wanted != file);
        match result {
            Ok(found) => {
                let known = LocalKnown {
                    identity: found.identity,
                    verbatim: found.verbatim,
                };
                observed.known.local.insert((mailbox, file.clone()), known);
                observed.inspected.insert((mailbox, file), found);
            }
            Err(fault) if fault.reach >= Reach::Account => return Err(fault),
            Err(fault) => {
                pass.problem(Some(&name), &format_args!("{file}: {fault}"));
                observed.ignore_file(mailbox, &file);
            }
        }
    }
    for gone in files {
        observed.ignore_file(mailbox, &gone);
    }
    Ok(())
}

async fn ask_server<P: Ports>(
    pass: &Pass<'_, P>,
    pool: &Pool<P>,
    observed: &mut Observed,
    wanted: BTreeMap<MailboxId, UidSet>,
) -> Result<(), Fault> {
    let mut remote = pool.take(pass).await?;
    for (mailbox, uids) in wanted {
        let Some(name) = observed.name(mailbox).cloned() else {
            continue;
        };
        remote.select(&name).await?;
        let mut missing = uids;
        for (uid, identity) in remote.identify(&missing).await? {
            observed.known.remote.insert((mailbox, uid), identity);
        }
        for uid in missing.iter().collect::<Vec<_>>() {
            if observed.known.remote.contains_key(&(mailbox, uid)) {
                missing.remove(uid);
            }
        }
        observed.ignore_messages(mailbox, &missing);
    }
    pool.give(remote);
    Ok(())
}

impl Observed {
    /// A file that cannot be read now is not looked at in this pass.
    fn ignore_file(&mut self, mailbox: MailboxId, file: &LocalId) {
        let input = self
            .input
            .mailboxes
            .iter_mut()
            .find(|input| input.base.mailbox.id == mailbox);
        if let Some(input) = input {
            input.local.appeared.retain(|found| found.id != *file);
            input.local.edited.retain(|(_, found)| found.id != *file);
            self.facts.remove(&mailbox);
        }
    }

    /// Messages that went while they were asked for are not looked at in this pass.
    fn ignore_messages(&mut self, mailbox: MailboxId, uids: &UidSet) {
        let input = self
            .input
            .mailboxes
            .iter_mut()
            .find(|input| input.base.mailbox.id == mailbox);
        if let Some(input) = input.filter(|_| !uids.is_empty()) {
            input
                .remote
                .appeared
                .retain(|found| !uids.contains(found.uid));
            self.facts.remove(&mailbox);
        }
    }
}
