//! Taking messages as they come from the network: [`Delivery`] and [`Batch`].
//!
//! The network task only copies octets into a queue of bounded size. One thread per delivery hashes, converts and
//! writes; the account's fsync threads make the files durable side by side.

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

/// Messages up to this size are written in one go; longer ones in pieces of it.
const PIECE: usize = 256 * 1024;
/// So many written files may be open before they are handed to fsync, even if no batch has ended.
const OPEN: usize = 64;
/// With so many files waiting for fsync, the writer helps.
const BACKLOG: usize = 128;

/// Octets in memory, with their share of the queue.
struct Piece {
    octets: Vec<u8>,
    _share: Option<OwnedSemaphorePermit>,
}

/// What the writer is told.
enum Order {
    Begin(Meta),
    Piece(Piece),
    End,
    Abandon,
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
    orders: Option<mpsc::UnboundedSender<Order>>,
    octets: Vec<u8>,
    share: Option<OwnedSemaphorePermit>,
    open: bool,
}

impl MaildirDelivery {
    pub(super) fn new(core: Arc<Core>, name: MailboxName) -> Self {
        Self {
            core,
            name,
            orders: None,
            octets: Vec::new(),
            share: None,
            open: false,
        }
    }

    fn order(&mut self, order: Order) -> Result<(), Error> {
        let orders = match &mut self.orders {
            Some(orders) => orders,
            none => {
                let (sender, receiver) = mpsc::unbounded_channel();
                let mut writer = Writer::new(Arc::clone(&self.core), self.name.clone());
                pool::start("deliver", move || writer.work(receiver))?;
                none.insert(sender)
            }
        };
        orders.send(order).map_err(|_| Error::Worker)
    }

    fn start(&mut self, meta: Meta) -> Result<(), Error> {
        if self.open {
            self.octets.clear();
            self.share = None;
            self.order(Order::Abandon)?;
        }
        self.open = true;
        self.order(Order::Begin(meta))
    }

    fn flush(&mut self) -> Result<(), Error> {
        if self.octets.is_empty() {
            return Ok(());
        }
        let piece = Piece {
            octets: std::mem::take(&mut self.octets),
            _share: self.share.take(),
        };
        self.order(Order::Piece(piece))
    }

    async fn reserve(&mut self, octets: usize) -> Result<(), Error> {
        let amount = u32::try_from(octets.min(QUEUE)).map_err(|_| Error::Worker)?;
        let queue = Arc::clone(&self.core.queue);
        let more = queue.acquire_many_owned(amount).await;
        let more = more.map_err(|_| Error::Worker)?;
        match &mut self.share {
            Some(share) => share.merge(more),
            none => *none = Some(more),
        }
        Ok(())
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
        self.start(Meta {
            uid,
            octets: Some(octets),
            date,
            flags,
        })?;
        let expected = usize::try_from(octets).unwrap_or(PIECE).min(PIECE);
        self.octets.reserve(expected);
        Ok(())
    }

    async fn begin_letter(&mut self, uid: Uid, date: i64) -> Result<(), Fault> {
        Ok(self.start(Meta {
            uid,
            octets: None,
            date,
            flags: None,
        })?)
    }

    async fn write(&mut self, octets: &[u8]) -> Result<(), Fault> {
        let mut rest = octets;
        while !rest.is_empty() {
            let room = PIECE - self.octets.len().min(PIECE - 1);
            let (now, later) = rest.split_at(room.min(rest.len()));
            self.reserve(now.len()).await?;
            self.octets.extend_from_slice(now);
            rest = later;
            if self.octets.len() >= PIECE {
                self.flush()?;
            }
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<(), Fault> {
        self.flush()?;
        self.open = false;
        Ok(self.order(Order::End)?)
    }

    fn cut(&mut self) -> MaildirBatch {
        let (sender, receiver) = oneshot::channel();
        // A delivery that has taken nothing has no writer, and a batch without one is empty.
        let outcomes = match &self.orders {
            None => None,
            Some(orders) => {
                // A writer that is gone drops the sender, which the batch reports.
                let _ = orders.send(Order::Cut(sender));
                Some(receiver)
            }
        };
        MaildirBatch { outcomes }
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
    fn work(&mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        while let Some(order) = orders.blocking_recv() {
            match order {
                Order::Begin(meta) => self.stage = Some((meta.uid, self.begin(meta))),
                Order::Piece(piece) => self.write(&piece.octets),
                Order::End => self.end(),
                Order::Abandon => self.stage = None,
                Order::Cut(batch) => self.cut(batch),
            }
        }
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
        match stage.and_then(Stage::end) {
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
