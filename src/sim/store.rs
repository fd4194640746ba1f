//! The state in memory: every change as documented, commits whole or not at all.

mod apply;
mod port;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::rng::Rng;
use super::steps::Steps;
use crate::mail::{Digest, FlagDelta};
use crate::sync::{
    Absent, Deletion, Entry, EntryState, Heard, Hold, HoldId, HoldVerdict, Intent, IntentId,
    IntentKind, Letter, LetterId, MailboxId, MailboxRecord, Naming, News, NewsId, Parked, Rest,
    RowId,
};

/// Everything one account's state holds.
#[derive(Clone, Debug, Default)]
pub struct StoreState {
    pub(super) fresh: bool,
    pub(super) id: String,
    pub(super) epoch: u64,
    pub(super) pending: Option<u64>,
    pub(super) mailboxes: BTreeMap<MailboxId, MailboxRecord>,
    pub(super) rests: BTreeMap<MailboxId, Rest>,
    pub(super) entries: BTreeMap<RowId, Entry>,
    pub(super) intents: BTreeMap<IntentId, Intent>,
    pub(super) parked: Vec<Parked>,
    pub(super) holds: BTreeMap<HoldId, Hold>,
    pub(super) deletions: Vec<Deletion>,
    pub(super) letters: BTreeMap<LetterId, Letter>,
    pub(super) outbox: BTreeMap<NewsId, News>,
    pub(super) heard: Heard,
    pub(super) absent: Option<Absent>,
    pub(super) naming: Option<Naming>,
    /// What listeners want of keywords.
    pub(super) labels: BTreeMap<RowId, FlagDelta>,
    pub(super) news: i64,
    pub(super) digests: BTreeMap<RowId, Digest>,
    pub(super) rows: i64,
    pub(super) serials: i64,
}

/// The state; clones are the same one.
#[derive(Clone)]
pub struct SimStore {
    state: Rc<RefCell<StoreState>>,
    rng: Rc<RefCell<Rng>>,
    steps: Steps,
    weighty: Rc<RefCell<u64>>,
}

impl SimStore {
    /// A state that was never written.
    #[must_use]
    pub fn new(seed: u64, steps: Steps) -> Self {
        let store = Self {
            state: Rc::new(RefCell::new(StoreState::default())),
            rng: Rc::new(RefCell::new(Rng::new(seed ^ 0x0005_7a7e))),
            steps,
            weighty: Rc::new(RefCell::new(0)),
        };
        store.begin_anew();
        store
    }

    fn begin_anew(&self) {
        *self.state.borrow_mut() = StoreState {
            fresh: true,
            epoch: 1,
            id: self.rng.borrow_mut().hex128(),
            ..StoreState::default()
        };
    }

    /// A copy of everything, for a backup.
    #[must_use]
    pub fn snapshot(&self) -> StoreState {
        self.state.borrow().clone()
    }

    /// The state is as old as that backup.
    pub fn restore(&self, from: StoreState) {
        self.steps.note("ext: state restored");
        *self.state.borrow_mut() = from;
    }

    /// It does not say how mailboxes are called, like that of a version that knew of no namespaces.
    pub fn forget_naming(&self) {
        self.state.borrow_mut().naming = None;
    }

    /// The state is lost; the program will make a new one.
    pub fn lose(&self) {
        self.steps.note("ext: state lost");
        self.begin_anew();
    }

    /// The program opens the state again.
    pub fn restart(&self) {
        let mut state = self.state.borrow_mut();
        state.fresh = state.epoch <= 1 && state.mailboxes.is_empty();
    }

    /// How many changes there were, without those that only say when and how well a sync went.
    #[must_use]
    pub fn weighty_changes(&self) -> u64 {
        *self.weighty.borrow()
    }

    /// All mailboxes.
    #[must_use]
    pub fn mailboxes_now(&self) -> Vec<MailboxRecord> {
        self.state.borrow().mailboxes.values().cloned().collect()
    }

    /// All rows.
    #[must_use]
    pub fn entries_now(&self) -> Vec<Entry> {
        self.state.borrow().entries.values().cloned().collect()
    }

    /// All letters.
    #[must_use]
    pub fn letters_now(&self) -> Vec<Letter> {
        self.state.borrow().letters.values().cloned().collect()
    }

    /// All intents.
    #[must_use]
    pub fn intents_now(&self) -> Vec<Intent> {
        self.state.borrow().intents.values().cloned().collect()
    }

    /// Acts whose outcome is open. Those that were given up are not: they are kept for a while and harm nobody.
    #[must_use]
    pub fn open_intents(&self) -> Vec<Intent> {
        let mut open = self.intents_now();
        open.retain(|intent| !matches!(intent.kind, IntentKind::Overdue { .. }));
        open
    }

    /// All holds.
    #[must_use]
    pub fn holds_now(&self) -> Vec<Hold> {
        self.state.borrow().holds.values().cloned().collect()
    }

    /// The contents of all rows there ever were.
    #[must_use]
    pub fn digests_ever(&self) -> BTreeMap<RowId, Digest> {
        self.state.borrow().digests.clone()
    }

    /// What can be told of by now.
    #[must_use]
    pub fn news_now(&self) -> Vec<News> {
        let state = self.state.borrow();
        let delivering = |news: &&News| {
            let entry = state.entries.get(&news.row);
            entry.is_some_and(|entry| entry.state == EntryState::Delivering)
        };
        let ready = state.outbox.values().filter(|news| !delivering(news));
        ready.cloned().collect()
    }

    /// All parked messages.
    #[must_use]
    pub fn parked_now(&self) -> Vec<Parked> {
        self.state.borrow().parked.clone()
    }

    /// The user decides all open holds.
    pub fn decide(&self, verdict: HoldVerdict) {
        self.steps.note(format!("ext: holds {verdict:?}"));
        for hold in self.state.borrow_mut().holds.values_mut() {
            hold.verdict = verdict;
        }
    }
}
