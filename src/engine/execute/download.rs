//! Messages from the server into the folder: streamed, made durable, written down, named, written down again.
//!
//! Reading from the network, writing to the disk and committing overlap: while one batch is being made durable, the
//! next one is already being received.

mod commit;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

use futures_util::future::join;
use tokio::sync::mpsc;

use super::Executor;
use crate::engine::context::Ports;
use crate::engine::fault::{Fault, Reach};
use crate::engine::pool::RemoteOf;
use crate::engine::ports::{BodySink, Clock, Delivery, Local, Remote};
use crate::mail::{Flags, LocalId, Uid, UidSet};
use crate::sync::{Change, FlagPlan, MailboxId, MailboxInput, Op, RowId};
use commit::Committer;

/// A batch is closed when it has this many messages...
const BATCH_MESSAGES: usize = 512;
/// ...or this many octets.
const BATCH_OCTETS: u64 = 8 << 20;
/// So many FETCHes may be refused before the mailbox as a whole counts as refused.
const MOST_REFUSALS: u32 = 64;

/// How long a message waits at which the connection broke for the second time, in seconds.
const SOON: i64 = 120;

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
                ..
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
    let by_uid: BTreeMap<Uid, &Wanted> = wanted.iter().map(|wanted| (wanted.uid, wanted)).collect();
    executor.pass.announce().await?;
    executor.select(remote, input).await?;
    let committer = Committer {
        executor,
        input,
        by_uid: &by_uid,
        seen: RefCell::default(),
    };
    let mut missing = UidSet::new();
    let mut refusals = 0;
    let mut waiting = portions(executor, input, by_uid.keys().copied());
    while let Some(uids) = waiting.pop_front() {
        let fetched = fetch(&committer, remote, &uids).await;
        let left = committer.left(&uids);
        match fetched {
            Ok(()) => missing.extend(left.iter()),
            Err(fault) => {
                let untouched = left == uids;
                if fault.reach > Reach::Message {
                    // Whatever breaks the connection each time must not keep the others from coming.
                    if fault.reach == Reach::Connection {
                        executor.set_aside_first(input, &left, &fault).await?;
                    }
                    return Err(fault);
                }
                refusals += u32::from(untouched);
                if refusals > MOST_REFUSALS {
                    return Err(fault.at_least(Reach::Mailbox));
                }
                if left.len() > 1 {
                    waiting.extend(halves(&left));
                } else {
                    executor.set_aside_first(input, &left, &fault).await?;
                }
            }
        }
    }
    set_aside(executor, remote, input, &missing).await
}

/// The messages in one piece, and each that failed before by itself, last.
fn portions<P: Ports>(
    executor: &Executor<'_, '_, P>,
    input: &MailboxInput,
    uids: impl Iterator<Item = Uid>,
) -> VecDeque<UidSet> {
    let mailbox = input.base.mailbox.id;
    let parked = &executor.observed.all_parked;
    let failed = |uid: &Uid| {
        let mut known = parked.iter();
        known.any(|parked| parked.mailbox == mailbox && parked.uid == Some(*uid))
    };
    let (doubtful, sound): (Vec<Uid>, Vec<Uid>) = if parked.is_empty() {
        (Vec::new(), uids.collect())
    } else {
        uids.partition(failed)
    };
    let sound: UidSet = sound.into_iter().collect();
    let doubtful = doubtful.into_iter().map(|uid| UidSet::from_range(uid, uid));
    std::iter::once(sound)
        .filter(|sound| !sound.is_empty())
        .chain(doubtful)
        .collect()
}

fn halves(uids: &UidSet) -> [UidSet; 2] {
    let all: Vec<Uid> = uids.iter().collect();
    let (first, second) = all.split_at(all.len() / 2);
    [
        first.iter().copied().collect(),
        second.iter().copied().collect(),
    ]
}

/// One FETCH, everything that came of it settled when it returns.
async fn fetch<P: Ports>(
    committer: &Committer<'_, '_, '_, P>,
    remote: &mut RemoteOf<P>,
    uids: &UidSet,
) -> Result<(), Fault> {
    let name = &committer.input.base.mailbox.name;
    let mut delivery = committer.executor.pass.local().deliver(name);
    let (batches, mut queue) = mpsc::channel(2);
    let receive = async {
        let mut sink = Sink::new(&mut delivery, batches);
        let fetched = remote.fetch(uids, &mut sink).await;
        sink.close().await;
        fetched
    };
    // Owns the queue: when a commit fails, the queue goes with it and the sink stops the fetch.
    let commit = async move {
        while let Some(batch) = queue.recv().await {
            committer.settle(batch).await?;
        }
        Ok::<(), Fault>(())
    };
    let (fetched, committed) = join(receive, commit).await;
    committed?;
    fetched
}

impl<P: Ports> Executor<'_, '_, P> {
    /// Parks the message that a FETCH would have begun with.
    async fn set_aside_first(
        &self,
        input: &MailboxInput,
        uids: &UidSet,
        fault: &Fault,
    ) -> Result<(), Fault> {
        let Some(uid) = uids.iter().next() else {
            return Ok(());
        };
        let mailbox = input.base.mailbox.id;
        self.leave_unfinished(mailbox);
        let reason = format!("message {uid} cannot be fetched: {fault}");
        self.pass.problem(Some(&input.base.mailbox.name), &reason);
        let mut parked = self.park(mailbox, Some(uid), None, reason);
        // Two connections may have been cut at any message: this one need not be the reason.
        if fault.reach == Reach::Connection && parked.attempts == 2 {
            parked.retry_at = self.pass.clock().now() + SOON;
        }
        self.pass.commit(vec![Change::Park(parked)]).await
    }
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
