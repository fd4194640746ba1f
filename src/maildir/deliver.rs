//! Taking messages as they come from the network: [`Delivery`] and [`Batch`].
//!
//! The network task only copies octets into loads, of which a bounded amount is on the way. One thread per delivery hashes,
//! converts and writes; the account's fsync threads make the files durable side by side.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::error::Error;
use super::pool;
use super::stage::{Meta, Stage, Written};
use super::sys::Dir;
use super::{Core, QUEUE};
use crate::engine::Fault;
use crate::engine::ports::{Batch, Delivery, Staged};
use crate::mail::{Flags, MailboxName, Uid};

/// The octets of a load. What does not fit into one is written in pieces of this.
const LOAD: usize = 128 * 1024;
/// A message up to this size lies in one load.
const WHOLE: usize = LOAD / 2;
/// A load has no more steps than this.
const STEPS: usize = 256;
/// So many written files may be open before they are handed to fsync, even if no batch has ended.
const OPEN: usize = 64;
/// With so many files waiting for fsync, the writer helps.
const BACKLOG: usize = 128;

/// What is to be done with the octets of a load.
enum Step {
    Begin(Meta),
    /// So many more octets.
    Piece(usize),
    End,
    Abandon,
}

/// Messages, or parts of them, that go to the writer at once: waking it costs more than many a message.
#[derive(Default)]
struct Load {
    octets: Vec<u8>,
    steps: Vec<Step>,
    /// Its share of what may be on the way.
    share: Option<OwnedSemaphorePermit>,
}

/// What the writer is told.
enum Order {
    Load(Load),
    Cut(oneshot::Sender<mpsc::UnboundedReceiver<Outcome>>),
}

/// What became of one message.
struct Outcome {
    turn: usize,
    uid: Uid,
    result: Result<Staged, Error>,
}

/// Takes one stream of messages into a folder.
pub struct MaildirDelivery {
    core: Arc<Core>,
    name: MailboxName,
    writer: Option<Desk>,
    load: Load,
    open: bool,
}

/// The way to the writer, and back: loads are used again.
struct Desk {
    orders: mpsc::UnboundedSender<Order>,
    spare: mpsc::UnboundedReceiver<Load>,
}

impl MaildirDelivery {
    pub(super) fn new(core: Arc<Core>, name: MailboxName) -> Self {
        Self {
            core,
            name,
            writer: None,
            load: Load::default(),
            open: false,
        }
    }

    fn writer(&mut self) -> Result<&mut Desk, Error> {
        if self.writer.is_none() {
            let (orders, received) = mpsc::unbounded_channel();
            let (used, spare) = mpsc::unbounded_channel();
            let mut writer = Writer::new(Arc::clone(&self.core), self.name.clone());
            pool::start("deliver", move || writer.work(received, &used))?;
            self.writer = Some(Desk { orders, spare });
        }
        self.writer.as_mut().ok_or(Error::Worker)
    }

    async fn start(&mut self, meta: Meta) -> Result<(), Error> {
        if self.open {
            self.load.steps.push(Step::Abandon);
        }
        self.open = true;
        let octets = meta.octets.and_then(|octets| usize::try_from(octets).ok());
        let fits = octets.is_none_or(|octets| octets > WHOLE || octets <= self.room());
        if !fits || self.load.steps.len() >= STEPS {
            self.ship().await?;
        }
        self.load.steps.push(Step::Begin(meta));
        Ok(())
    }

    fn room(&self) -> usize {
        LOAD - self.load.octets.len().min(LOAD)
    }

    /// Hands over what there is, once there is room for it on the way: who waits for that waits only for the writers.
    async fn ship(&mut self) -> Result<(), Error> {
        let octets = self.load.octets.len().min(QUEUE);
        let octets = u32::try_from(octets).map_err(|_| Error::Worker)?;
        let share = Arc::clone(&self.core.queue).acquire_many_owned(octets);
        self.load.share = Some(share.await.map_err(|_| Error::Worker)?);
        self.send()
    }

    fn send(&mut self) -> Result<(), Error> {
        if self.load.steps.is_empty() {
            return Ok(());
        }
        let load = std::mem::take(&mut self.load);
        let writer = self.writer()?;
        let sent = writer.orders.send(Order::Load(load));
        let spare = writer.spare.try_recv();
        self.load = spare.unwrap_or_default();
        sent.map_err(|_| Error::Worker)
    }
}

impl Delivery for MaildirDelivery {
    type Batch = MaildirBatch;

    async fn begin(
        &mut self,
        uid: Uid,
        octets: u64,
        date: i64,
        flags: Option<Flags>,
    ) -> Result<(), Fault> {
        let octets = Some(octets);
        let meta = Meta {
            uid,
            octets,
            date,
            flags,
        };
        Ok(self.start(meta).await?)
    }

    async fn begin_letter(&mut self, uid: Uid, date: i64) -> Result<(), Fault> {
        let meta = Meta {
            uid,
            octets: None,
            date,
            flags: None,
        };
        Ok(self.start(meta).await?)
    }

    async fn write(&mut self, octets: &[u8]) -> Result<(), Fault> {
        let mut rest = octets;
        while !rest.is_empty() {
            if self.room() == 0 {
                self.ship().await?;
            }
            let (now, later) = rest.split_at(self.room().min(rest.len()));
            self.load.push(now);
            rest = later;
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<(), Fault> {
        self.load.steps.push(Step::End);
        self.open = false;
        Ok(())
    }

    fn cut(&mut self) -> MaildirBatch {
        // A writer that is gone drops the sender of the batch, which the batch reports.
        let _ = self.send();
        let (sender, receiver) = oneshot::channel();
        // A delivery that has taken nothing has no writer, and a batch without one is empty.
        let outcomes = self.writer.as_ref().map(|writer| {
            let _ = writer.orders.send(Order::Cut(sender));
            receiver
        });
        MaildirBatch { outcomes }
    }
}

impl Load {
    fn push(&mut self, octets: &[u8]) {
        if self.octets.capacity() < LOAD {
            self.octets.reserve_exact(LOAD - self.octets.len());
        }
        self.octets.extend_from_slice(octets);
        match self.steps.last_mut() {
            Some(Step::Piece(length)) => *length += octets.len(),
            _ => self.steps.push(Step::Piece(octets.len())),
        }
    }
}

/// Complete messages on their way to the disk.
pub struct MaildirBatch {
    outcomes: Option<oneshot::Receiver<mpsc::UnboundedReceiver<Outcome>>>,
}

impl Batch for MaildirBatch {
    async fn durable(self) -> Result<Vec<(Uid, Result<Staged, Fault>)>, Fault> {
        let Some(outcomes) = self.outcomes else {
            return Ok(Vec::new());
        };
        let mut outcomes = outcomes.await.map_err(|_| Error::Worker)?;
        let mut all = Vec::new();
        while let Some(outcome) = outcomes.recv().await {
            all.push(outcome);
        }
        all.sort_unstable_by_key(|outcome| outcome.turn);
        Ok(all
            .into_iter()
            .map(|outcome| (outcome.uid, outcome.result.map_err(Fault::from)))
            .collect())
    }
}

/// The thread behind a delivery.
struct Writer {
    core: Arc<Core>,
    name: MailboxName,
    tmp: Option<Arc<Dir>>,
    stage: Option<(Uid, Result<Stage, Error>)>,
    written: Vec<(usize, Written)>,
    turn: usize,
    sender: mpsc::UnboundedSender<Outcome>,
    receiver: mpsc::UnboundedReceiver<Outcome>,
    buffer: Vec<u8>,
}

impl Writer {
    fn new(core: Arc<Core>, name: MailboxName) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self {
            core,
            name,
            tmp: None,
            stage: None,
            written: Vec::new(),
            turn: 0,
            sender,
            receiver,
            buffer: Vec::new(),
        }
    }

    /// Follows orders until the delivery is dropped. What was in no batch by then goes away with the writer.
    fn work(
        &mut self,
        mut orders: mpsc::UnboundedReceiver<Order>,
        used: &mpsc::UnboundedSender<Load>,
    ) {
        while let Some(order) = orders.blocking_recv() {
            match order {
                Order::Load(mut load) => {
                    self.unload(&mut load);
                    // Nobody may want it any more.
                    let _ = used.send(load);
                }
                Order::Cut(batch) => self.cut(batch),
            }
        }
    }

    /// Takes the steps of a load, which is empty after that.
    fn unload(&mut self, load: &mut Load) {
        let mut rest = load.octets.as_slice();
        for step in load.steps.drain(..) {
            match step {
                Step::Begin(meta) => self.stage = Some((meta.uid, self.begin(meta))),
                Step::Piece(length) => {
                    let (piece, later) = rest.split_at(length.min(rest.len()));
                    self.write(piece);
                    rest = later;
                }
                Step::End => self.end(),
                Step::Abandon => self.stage = None,
            }
        }
        load.octets.clear();
        load.share = None;
    }

    fn begin(&mut self, meta: Meta) -> Result<Stage, Error> {
        let tmp = match &self.tmp {
            Some(tmp) => Arc::clone(tmp),
            None => {
                let tmp = Arc::new(self.core.dir_of(&self.name)?.open(b"tmp")?);
                self.tmp = Some(Arc::clone(&tmp));
                tmp
            }
        };
        Stage::begin(&self.core, &tmp, meta)
    }

    fn write(&mut self, octets: &[u8]) {
        if let Some((_, stage)) = &mut self.stage
            && let Ok(open) = stage
            && let Err(error) = open.write(&self.core, octets, &mut self.buffer)
        {
            // The file goes at once: on a full disk the others need its room.
            *stage = Err(error);
        }
    }

    fn end(&mut self) {
        let Some((uid, stage)) = self.stage.take() else {
            return;
        };
        let turn = self.turn;
        self.turn += 1;
        match stage.and_then(|stage| stage.end(&self.core)) {
            Ok(written) => self.written.push((turn, written)),
            Err(error) => self.tell(turn, uid, Err(error)),
        }
        if self.written.len() >= OPEN {
            self.sync();
        }
    }

    fn cut(&mut self, batch: oneshot::Sender<mpsc::UnboundedReceiver<Outcome>>) {
        self.sync();
        let (sender, receiver) = mpsc::unbounded_channel();
        self.sender = sender;
        let outcomes = std::mem::replace(&mut self.receiver, receiver);
        // Nobody waits for a batch that was dropped; its files are swept later.
        let _ = batch.send(outcomes);
    }

    /// Hands all written files to the fsync threads.
    fn sync(&mut self) {
        for (turn, written) in std::mem::take(&mut self.written) {
            let uid = written.uid();
            if self.core.syncers.backlog() >= BACKLOG {
                self.tell(turn, uid, written.sync());
                continue;
            }
            let sender = self.sender.clone();
            let job = move || {
                let result = written.sync();
                let _ = sender.send(Outcome { turn, uid, result });
            };
            if let Err(error) = self.core.syncers.spawn(job) {
                self.tell(turn, uid, Err(error));
            }
        }
    }

    fn tell(&self, turn: usize, uid: Uid, result: Result<Staged, Error>) {
        let _ = self.sender.send(Outcome { turn, uid, result });
    }
}
