//! Letters on their way: received, made durable and written down at the same time.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join;
use tokio::sync::mpsc;

use super::commit::Committer;
use super::{LetterPorts, Session};
use crate::content::HeaderHasher;
use crate::engine::fault::{Fault, Reach};
use crate::engine::ports::{Clock, Delivery, LetterSink, Local, Maildrop};
use crate::mail::{Digest, Uid};
use crate::sync::FetchLetter;

/// A batch is closed when it has this many letters...
const BATCH_LETTERS: usize = 512;
/// ...or this many octets...
const BATCH_OCTETS: u64 = 8 << 20;
/// ...or is this old, so that little comes a second time over a slow line.
const BATCH_AGE: Duration = Duration::from_secs(2);

/// What the receiver tells of letters besides their octets.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) headers: BTreeMap<u32, Digest>,
    refused: Vec<(u32, Fault)>,
}

/// Fetches letters; everything that came is settled when it returns. Those that the server refused come back.
pub(super) async fn run<P: LetterPorts, M: Maildrop>(
    session: &Session<'_, '_, P>,
    maildrop: &mut M,
    wanted: &[FetchLetter],
) -> Result<Vec<(u32, Fault)>, Fault> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    session.pass.announce().await?;
    let notes = RefCell::new(Notes::default());
    let committer = Committer::new(session, wanted, &notes);
    let mut delivery = session.pass.local().deliver(&session.inbox.record.name);
    let (batches, mut queue) = mpsc::channel(2);
    let numbers: Vec<(u32, u64)> = wanted
        .iter()
        .map(|letter| (letter.number, letter.size))
        .collect();
    let receive = async {
        let mut sink = Sink::new(&mut delivery, batches, &notes, session.pass.clock());
        let fetched = maildrop.fetch(&numbers, &mut sink).await;
        // What is complete stays so, whatever became of the rest.
        sink.cut().await.and(fetched)
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
    fetched?;
    Ok(notes.into_inner().refused)
}

/// Hands what arrives to the delivery and closes batches.
struct Sink<'a, D: Delivery, C> {
    delivery: &'a mut D,
    batches: mpsc::Sender<D::Batch>,
    notes: &'a RefCell<Notes>,
    clock: &'a C,
    number: u32,
    hasher: HeaderHasher,
    letters: usize,
    octets: u64,
    since: Duration,
}

impl<'a, D: Delivery, C: Clock> Sink<'a, D, C> {
    fn new(
        delivery: &'a mut D,
        batches: mpsc::Sender<D::Batch>,
        notes: &'a RefCell<Notes>,
        clock: &'a C,
    ) -> Self {
        Self {
            delivery,
            batches,
            notes,
            clock,
            number: 0,
            hasher: HeaderHasher::default(),
            letters: 0,
            octets: 0,
            since: clock.monotonic(),
        }
    }

    async fn cut(&mut self) -> Result<(), Fault> {
        self.octets = 0;
        if self.letters == 0 {
            return Ok(());
        }
        self.letters = 0;
        let stopped = |_| Fault::new(Reach::Account, true, "the letters could not be stored");
        self.batches
            .send(self.delivery.cut())
            .await
            .map_err(stopped)
    }
}

impl<D: Delivery, C: Clock> LetterSink for Sink<'_, D, C> {
    async fn begin(&mut self, number: u32) -> Result<(), Fault> {
        self.number = number;
        self.hasher = HeaderHasher::default();
        if self.letters == 0 {
            self.since = self.clock.monotonic();
        }
        let zero = || Fault::new(Reach::Account, true, "the server lists a letter 0");
        let uid = Uid::new(number).ok_or_else(zero)?;
        self.delivery.begin_letter(uid, self.clock.now()).await
    }

    async fn write(&mut self, octets: &[u8]) -> Result<(), Fault> {
        self.hasher.update(octets);
        self.octets = self
            .octets
            .saturating_add(u64::try_from(octets.len()).unwrap_or(u64::MAX));
        self.delivery.write(octets).await
    }

    async fn end(&mut self) -> Result<(), Fault> {
        let header = std::mem::take(&mut self.hasher).finish();
        self.notes.borrow_mut().headers.insert(self.number, header);
        self.delivery.end().await?;
        self.letters += 1;
        let age = self.clock.monotonic().saturating_sub(self.since);
        if self.letters >= BATCH_LETTERS || self.octets >= BATCH_OCTETS || age >= BATCH_AGE {
            self.cut().await?;
        }
        Ok(())
    }

    fn refused(&mut self, number: u32, fault: Fault) {
        self.notes.borrow_mut().refused.push((number, fault));
    }
}
