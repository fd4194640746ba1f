//! Messages from the server into the folder: streamed, made durable, written down, named, written down again.
//!
//! Reading from the network, writing to the disk and committing overlap: while one batch is being made durable, the
//! next one is already being received.

use std::cell::RefCell;
use std::collections::BTreeMap;

use futures_util::future::join;
use tokio::sync::mpsc;

use super::Executor;
use crate::engine::context::Ports;
use crate::engine::fault::{Fault, Reach};
use crate::engine::pool::RemoteOf;
use crate::engine::ports::{Batch, BodySink, Delivery, Event, Local, Remote, Staged, Store};
use crate::mail::{Flags, LocalId, Uid, UidSet};
use crate::sync::{Change, Entry, EntryState, FlagPlan, MailboxId, MailboxInput, Op, RowId};

/// A batch is closed when it has this many messages...
const BATCH_MESSAGES: usize = 512;
/// ...or this many octets.
const BATCH_OCTETS: u64 = 8 << 20;

/// A message to be fetched.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Wanted {
    uid: Uid,
    flags: Flags,
    replaces: Option<RowId>,
    /// The file that it may be the same mail as.
    adopt: Option<(LocalId, FlagPlan)>,
}

impl Wanted {
    /// The download in an operation, if it is one.
    pub(super) fn from_op(op: &Op) -> Option<(MailboxId, Self)> {
        match op {
            Op::Download {
                mailbox,
                uid,
                flags,
                replaces,
                ..
            } => Some((
                *mailbox,
                Self {
                    uid: *uid,
                    flags: flags.clone(),
                    replaces: *replaces,
                    adopt: None,
                },
            )),
            Op::Adopt {
                mailbox,
                uid,
                local,
                flags,
                verify: true,
            } => Some((
                *mailbox,
                Self {
                    uid: *uid,
                    flags: flags.agreed.clone(),
                    replaces: None,
                    adopt: Some((local.clone(), flags.clone())),
                },
            )),
            _ => None,
        }
    }
}

/// Fetches messages of one mailbox.
pub(super) async fn run<P: Ports>(
    executor: &Executor<'_, '_, P>,
    remote: &mut RemoteOf<P>,
    input: &MailboxInput,
    wanted: &[Wanted],
) -> Result<(), Fault> {
    let name = &input.base.mailbox.name;
    let by_uid: BTreeMap<Uid, &Wanted> = wanted.iter().map(|wanted| (wanted.uid, wanted)).collect();
    let uids: UidSet = by_uid.keys().copied().collect();
    executor.pass.announce().await?;
    remote.select(name).await?;
    let mut delivery = executor.pass.local().deliver(name);
    let (batches, mut queue) = mpsc::channel(2);
    let committer = Committer {
        executor,
        input,
        by_uid: &by_uid,
        seen: RefCell::default(),
    };
    let receive = async {
        let mut sink = Sink::new(&mut delivery, batches);
        let fetched = remote.fetch(&uids, &mut sink).await;
        sink.close().await;
        fetched
    };
    let settler = &committer;
    // Owns the queue: when a commit fails, the queue goes with it and the sink stops the fetch.
    let commit = async move {
        while let Some(batch) = queue.recv().await {
            settler.settle(batch).await?;
        }
        Ok::<(), Fault>(())
    };
    let (fetched, committed) = join(receive, commit).await;
    committed?;
    fetched?;
    let seen = committer.seen.into_inner();
    let mut missing = uids;
    for uid in seen.iter().collect::<Vec<_>>() {
        missing.remove(uid);
    }
    set_aside(executor, remote, input, &missing).await
}

/// What did not come though it exists is parked; what does not exist any more is left to the next look.
async fn set_aside<P: Ports>(
    executor: &Executor<'_, '_, P>,
    remote: &mut RemoteOf<P>,
    input: &MailboxInput,
    missing: &UidSet,
) -> Result<(), Fault> {
    if missing.is_empty() {
        return Ok(());
    }
    let mailbox = input.base.mailbox.id;
    executor.leave_unfinished(mailbox);
    let mut changes = Vec::new();
    for uid in remote.existing(missing).await?.iter() {
        let reason = format!("the server lists message {uid} but does not deliver it");
        executor
            .pass
            .problem(Some(&input.base.mailbox.name), &reason);
        changes.push(Change::Park(executor.park(
            mailbox,
            Some(uid),
            None,
            reason,
        )));
    }
    executor.pass.commit(changes).await
}

/// Hands what arrives to the delivery and closes batches.
struct Sink<'a, D: Delivery> {
    delivery: &'a mut D,
    batches: mpsc::Sender<D::Batch>,
    messages: usize,
    octets: u64,
}

impl<'a, D: Delivery> Sink<'a, D> {
    fn new(delivery: &'a mut D, batches: mpsc::Sender<D::Batch>) -> Self {
        Self {
            delivery,
            batches,
            messages: 0,
            octets: 0,
        }
    }

    async fn cut(&mut self) -> Result<(), Fault> {
        if self.messages == 0 {
            return Ok(());
        }
        self.messages = 0;
        self.octets = 0;
        let stopped = |_| Fault::new(Reach::Connection, true, "the messages could not be stored");
        self.batches
            .send(self.delivery.cut())
            .await
            .map_err(stopped)
    }

    /// The last batch; whoever receives them sees the end.
    async fn close(mut self) {
        // If nobody listens any more, the listener's own fault is what is reported.
        let _ = self.cut().await;
    }
}

impl<D: Delivery> BodySink for Sink<'_, D> {
    async fn begin(
        &mut self,
        uid: Uid,
        octets: u64,
        date: i64,
        flags: Option<Flags>,
    ) -> Result<(), Fault> {
        self.octets += octets;
        self.delivery.begin(uid, octets, date, flags).await
    }

    async fn write(&mut self, octets: &[u8]) -> Result<(), Fault> {
        self.delivery.write(octets).await
    }

    async fn end(&mut self) -> Result<(), Fault> {
        self.delivery.end().await?;
        self.messages += 1;
        if self.messages >= BATCH_MESSAGES || self.octets >= BATCH_OCTETS {
            self.cut().await?;
        }
        Ok(())
    }
}

/// Brings batches from `tmp/` to their names, with the state always one step ahead.
struct Committer<'a, 'b, 'c, P: Ports> {
    executor: &'a Executor<'b, 'c, P>,
    input: &'a MailboxInput,
    by_uid: &'a BTreeMap<Uid, &'a Wanted>,
    seen: RefCell<UidSet>,
}

impl<P: Ports> Committer<'_, '_, '_, P> {
    async fn settle<B: Batch>(&self, batch: B) -> Result<(), Fault> {
        let mut fresh = Vec::new();
        let mut twins = Vec::new();
        for (uid, result) in batch.durable().await? {
            self.seen.borrow_mut().insert(uid);
            let Some(wanted) = self.by_uid.get(&uid).copied() else {
                continue;
            };
            match result {
                Err(fault) => self.executor.one_failed(self.input, &uid, fault)?,
                Ok(staged) => match self.same_as_file(wanted, &staged) {
                    Some(verbatim) => twins.push((staged, wanted, verbatim)),
                    None => fresh.push((staged, wanted)),
                },
            }
        }
        self.deliver(fresh).await?;
        self.link(twins).await
    }

    /// Whether it is the same mail as the file it was compared with, and by which reading of the line ends.
    fn same_as_file(&self, wanted: &Wanted, staged: &Staged) -> Option<bool> {
        let (local, _) = wanted.adopt.as_ref()?;
        let key = (self.input.base.mailbox.id, local.clone());
        let found = self.executor.observed.inspected.get(&key)?;
        if found.identity.digest == staged.identity.digest {
            return Some(false);
        }
        let verbatim = found.verbatim.map(|(_, digest)| digest);
        (verbatim.is_some() && verbatim == staged.identity.digest).then_some(true)
    }

    async fn deliver(&self, fresh: Vec<(Staged, &Wanted)>) -> Result<(), Fault> {
        if fresh.is_empty() {
            return Ok(());
        }
        let count = u32::try_from(fresh.len()).unwrap_or(u32::MAX);
        let first = self.executor.pass.store().reserve_rows(count).await?;
        let mut rows = Vec::with_capacity(fresh.len());
        let mut changes = Vec::with_capacity(fresh.len());
        let mut files = Vec::with_capacity(fresh.len());
        for (number, (staged, wanted)) in (first.0..).zip(fresh) {
            let row = wanted.replaces.unwrap_or(RowId(number));
            let flags = staged.flags.clone().unwrap_or_else(|| wanted.flags.clone());
            changes.push(Change::PutEntry(self.entry(row, &staged, &flags)));
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
    async fn link(&self, twins: Vec<(Staged, &Wanted, bool)>) -> Result<(), Fault> {
        if twins.is_empty() {
            return Ok(());
        }
        let count = u32::try_from(twins.len()).unwrap_or(u32::MAX);
        let first = self.executor.pass.store().reserve_rows(count).await?;
        let mut changes = Vec::new();
        let mut spare = Vec::new();
        for (number, (staged, wanted, verbatim)) in (first.0..).zip(twins) {
            if let Some((local, flags)) = &wanted.adopt {
                let row = RowId(number);
                let linked = self
                    .executor
                    .link(self.input, row, staged.uid, local, flags, verbatim);
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
