//! What has arrived becomes files with names and rows in the state, in the order that survives every stop.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::doorstep::Inbox;
use super::holdings::Holdings;
use super::transfer::Notes;
use super::{LetterPorts, Session};
use crate::engine::context::Pass;
use crate::engine::fault::{Fault, Reach};
use crate::engine::ports::{Batch, Clock, Event, Local, Staged, Store};
use crate::mail::{Digest, Flags, MailboxName};
use crate::sync::{
    Change, FetchLetter, KnownLetter, Letter, LetterId, LetterState, LettersPlan, RowId, Side, What,
};

/// What is known of letters, and what became clear in this session.
pub(super) struct Knowledge(RefCell<Known>);

#[derive(Default)]
struct Known {
    letters: BTreeMap<LetterId, Letter>,
    /// Known letters that stand for one of this session already.
    used: BTreeSet<LetterId>,
    /// Known letters that the server does not list, by content.
    vanished: BTreeMap<Digest, Vec<LetterId>>,
    /// Numbers of this session that were brought, and proved to be known.
    arrived: Vec<(u32, LetterId)>,
    matched: BTreeMap<u32, LetterId>,
    holdings: Option<Holdings>,
    renamed: u64,
    reused: u64,
    failed: bool,
}

impl Knowledge {
    pub(super) fn new(letters: Vec<Letter>, holdings: Option<Holdings>) -> Self {
        let letters = letters
            .into_iter()
            .map(|letter| (letter.known.id, letter))
            .collect();
        Self(RefCell::new(Known {
            letters,
            holdings,
            ..Known::default()
        }))
    }

    pub(super) fn all(&self) -> Vec<Letter> {
        self.0.borrow().letters.values().cloned().collect()
    }

    pub(super) fn known(&self) -> Vec<KnownLetter> {
        let known = self.0.borrow();
        let letters = known.letters.values();
        letters.map(|letter| letter.known.clone()).collect()
    }

    pub(super) fn get(&self, id: LetterId) -> Option<Letter> {
        self.0.borrow().letters.get(&id).cloned()
    }

    /// The known letter that one of this session was found to be, by its whole content.
    pub(super) fn matched(&self, number: u32) -> Option<LetterId> {
        self.0.borrow().matched.get(&number).copied()
    }

    /// What was brought in this session and is durable.
    pub(super) fn arrived(&self) -> Vec<(u32, Letter)> {
        let known = self.0.borrow();
        let letter =
            |(number, id): &(u32, LetterId)| Some((*number, known.letters.get(id)?.clone()));
        known.arrived.iter().filter_map(letter).collect()
    }

    /// Whether a letter came and could not be kept.
    pub(super) fn failed(&self) -> bool {
        self.0.borrow().failed
    }

    pub(super) fn note_absence(&self, plan: &LettersPlan, now: i64) {
        let mut known = self.0.borrow_mut();
        for id in &plan.forget {
            known.letters.remove(id);
        }
        for id in &plan.missing {
            if let Some(letter) = known.letters.get_mut(id) {
                letter.known.missing = Some(now);
            }
        }
        let mut vanished: BTreeMap<Digest, Vec<LetterId>> = BTreeMap::new();
        let gone = known.letters.values();
        for letter in gone.filter(|letter| letter.known.missing.is_some()) {
            let same = vanished.entry(letter.digest).or_default();
            same.push(letter.known.id);
        }
        known.vanished = vanished;
    }

    /// People should know when a server's names cannot be relied on.
    pub(super) fn tell_changed_names<P: LetterPorts>(&self, pass: &Pass<'_, P>) {
        let known = self.0.borrow();
        let inbox = MailboxName::inbox();
        let tell = |number: u64, what: &str| {
            if number > 0 {
                let text = format!("{number} letters {what}");
                let mailbox = &inbox;
                pass.event(Event::Remark {
                    mailbox,
                    text: &text,
                });
            }
        };
        tell(
            known.renamed,
            "that are here have new names (UIDL) on the server",
        );
        tell(
            known.reused,
            "have names (UIDL) on the server that others had before",
        );
    }
}

impl Known {
    /// Whether a letter is one that came before, by its content.
    fn recognise(&mut self, wanted: &FetchLetter, digest: &Digest) -> Option<LetterId> {
        let candidates = wanted.compare.iter();
        let vanished = self.vanished.get(digest).into_iter().flatten();
        let found = candidates.chain(vanished).copied().find(|id| {
            let letter = self.letters.get(id);
            !self.used.contains(id) && letter.is_some_and(|letter| letter.digest == *digest)
        })?;
        self.used.insert(found);
        Some(found)
    }
}

/// What became of a letter that came.
enum Came {
    /// It is new.
    Fresh(Letter, Staged),
    /// It is known; its row as it is to be from now on.
    Again(Letter, Staged),
}

/// Brings batches from `tmp/` to their names, with the state always one step ahead.
pub(super) struct Committer<'a, 'b, 'c, P> {
    session: &'a Session<'b, 'c, P>,
    wanted: BTreeMap<u32, &'a FetchLetter>,
    notes: &'a RefCell<Notes>,
}

impl<'a, 'b, 'c, P: LetterPorts> Committer<'a, 'b, 'c, P> {
    pub(super) fn new(
        session: &'a Session<'b, 'c, P>,
        wanted: &'a [FetchLetter],
        notes: &'a RefCell<Notes>,
    ) -> Self {
        let wanted = wanted.iter().map(|letter| (letter.number, letter));
        Self {
            session,
            wanted: wanted.collect(),
            notes,
        }
    }

    pub(super) async fn settle<B: Batch>(&self, batch: B) -> Result<(), Fault> {
        let mut fresh = Vec::new();
        let mut again = Vec::new();
        for (uid, result) in batch.durable().await? {
            let number = uid.get();
            let Some(wanted) = self.wanted.get(&number) else {
                continue;
            };
            match result {
                Err(fault) => self.failed(number, fault)?,
                Ok(staged) => match self.judge(wanted, staged) {
                    Some(Came::Fresh(letter, staged)) => fresh.push((number, letter, staged)),
                    Some(Came::Again(letter, staged)) => again.push((number, letter, staged)),
                    None => {}
                },
            }
        }
        self.deliver(fresh).await?;
        self.recognised(again).await
    }

    fn failed(&self, number: u32, fault: Fault) -> Result<(), Fault> {
        self.session.knowledge.0.borrow_mut().failed = true;
        if fault.reach > Reach::Message {
            return Err(fault);
        }
        let inbox = MailboxName::inbox();
        let text = format!("letter {number} cannot be kept: {fault}");
        self.session.pass.problem(Some(&inbox), &text);
        self.session.pass.count(&inbox, |counts| counts.parked += 1);
        Ok(())
    }

    /// Whether it is new, and its row.
    fn judge(&self, wanted: &FetchLetter, staged: Staged) -> Option<Came> {
        let digest = staged.identity.digest?;
        let header = self.notes.borrow_mut().headers.remove(&wanted.number)?;
        let mut known = self.session.knowledge.0.borrow_mut();
        let octets = staged.identity.size;
        if let Some(id) = known.recognise(wanted, &digest) {
            let letter = known.letters.get_mut(&id)?;
            let was = std::mem::replace(&mut letter.known.uidl, wanted.uidl.clone());
            letter.known.size = wanted.size;
            letter.known.missing = None;
            // Twice the same: that is what the server has, whatever it lists.
            (letter.octets, letter.header) = (octets.max(wanted.size), header);
            let letter = letter.clone();
            known.matched.insert(wanted.number, id);
            known.renamed += u64::from(was != wanted.uidl);
            return Some(Came::Again(letter, staged));
        }
        known.reused += u64::from(!wanted.compare.is_empty());
        let held = known.holdings.as_ref().and_then(|it| it.take(&digest));
        let letter = Letter {
            known: KnownLetter {
                // Given later: all of a batch at once.
                id: LetterId(0),
                uidl: wanted.uidl.clone(),
                size: wanted.size,
                since: self.session.pass.clock().now(),
                missing: None,
                state: LetterState::Delivering,
            },
            octets,
            local: held.clone().unwrap_or_else(|| staged.local.clone()),
            digest,
            header,
        };
        Some(match held {
            Some(_) => Came::Again(letter, staged),
            None => Came::Fresh(letter, staged),
        })
    }

    async fn numbered(&self, letters: impl Iterator<Item = &mut Letter>) -> Result<(), Fault> {
        let without: Vec<&mut Letter> = letters.filter(|it| it.known.id == LetterId(0)).collect();
        let count = u32::try_from(without.len()).unwrap_or(u32::MAX);
        if count == 0 {
            return Ok(());
        }
        let first = self.session.pass.store().reserve_rows(count).await?;
        for (number, letter) in (first.0..).zip(without) {
            letter.known.id = LetterId(number);
        }
        Ok(())
    }

    /// New letters: transaction A, names, transaction B.
    async fn deliver(&self, mut fresh: Vec<(u32, Letter, Staged)>) -> Result<(), Fault> {
        if fresh.is_empty() {
            return Ok(());
        }
        self.numbered(fresh.iter_mut().map(|(_, letter, _)| letter))
            .await?;
        let rows = fresh.iter();
        let rows = rows.map(|(_, letter, _)| Change::PutLetter(letter.clone()));
        self.session.pass.commit(rows.collect()).await?;
        let (letters, files): (Vec<_>, Vec<_>) = fresh
            .into_iter()
            .map(|(number, letter, staged)| ((number, letter), (staged, Flags::new())))
            .unzip();
        let name = &self.session.inbox.record.name;
        let named = self.session.pass.local().publish(name, &files).await?;
        let mut here = Vec::new();
        let mut gone = Vec::new();
        let mut worst = Ok(());
        for ((number, letter), result) in letters.into_iter().zip(named) {
            match result {
                Ok(()) => here.push((number, letter)),
                Err(fault) => {
                    gone.push(letter.known.id);
                    worst = self.failed(number, fault).and(worst);
                }
            }
        }
        let mut changes = home_now(&here, &gone);
        let inbox = self.session.inbox;
        changes.extend(
            here.iter()
                .filter_map(|(_, letter)| news_of(self.session.pass, inbox, letter)),
        );
        self.session.pass.commit(changes).await?;
        self.remember(here);
        worst
    }

    fn remember(&self, here: Vec<(u32, Letter)>) {
        let pass = self.session.pass;
        let mut known = self.session.knowledge.0.borrow_mut();
        for (number, mut letter) in here {
            let id = letter.known.id;
            let octets = letter.octets;
            pass.event(Event::Done { octets });
            pass.count(&MailboxName::inbox(), |counts| counts.downloaded += 1);
            letter.known.state = LetterState::Linked;
            known.letters.insert(id, letter);
            known.arrived.push((number, id));
            // It stands for itself: the same content once more in this session is another copy of it.
            known.used.insert(id);
        }
    }

    /// Letters that are here already: their rows follow the server, what came is dropped.
    async fn recognised(&self, mut again: Vec<(u32, Letter, Staged)>) -> Result<(), Fault> {
        if again.is_empty() {
            return Ok(());
        }
        self.numbered(again.iter_mut().map(|(_, letter, _)| letter))
            .await?;
        let mut changes = Vec::new();
        let mut spare = Vec::new();
        let mut letters = Vec::new();
        for (_, mut letter, staged) in again {
            if letter.known.state == LetterState::Delivering {
                letter.known.state = LetterState::Linked;
            }
            changes.push(Change::PutLetter(letter.clone()));
            letters.push(letter);
            spare.push(staged);
        }
        let pass = self.session.pass;
        pass.commit(changes).await?;
        let name = &self.session.inbox.record.name;
        pass.local().discard(name, &spare).await?;
        let mut known = self.session.knowledge.0.borrow_mut();
        for letter in letters {
            let octets = letter.octets;
            pass.event(Event::Done { octets });
            pass.count(&MailboxName::inbox(), |counts| counts.linked += 1);
            known.used.insert(letter.known.id);
            known.letters.insert(letter.known.id, letter);
        }
        Ok(())
    }
}

/// Transaction B: these letters have their names, durably; those could not be given theirs. What is to be told of new
/// mail goes into the same list (see [`news_of`]), so that it is told of exactly what is here.
fn home_now(here: &[(u32, Letter)], gone: &[LetterId]) -> Vec<Change> {
    let here: Vec<LetterId> = here.iter().map(|(_, letter)| letter.known.id).collect();
    let linked = Change::SetLetters(here, LetterState::Linked);
    let dropped = gone.iter().map(|id| Change::DropLetter(*id));
    std::iter::once(linked).chain(dropped).collect()
}

/// What listeners are told of a letter that is here now: written with the change that says so. Its row is the letter's
/// number, which no entry has.
pub(super) fn news_of<P: LetterPorts>(
    pass: &Pass<'_, P>,
    inbox: &Inbox,
    letter: &Letter,
) -> Option<Change> {
    let row = RowId(letter.known.id.0);
    pass.news(row, inbox.record.id, Side::Remote, What::New)
}
