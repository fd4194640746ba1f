//! What an account's daemon sees of the simulated world: a server that grants connections or does not, watches that
//! tell, tell late, wrongly or nothing, and who is told what.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use super::rules::{Rules, Verdict};
use super::script::Deed;
use crate::engine::ports::{Clock, Hint};
use crate::engine::{Advice, Fault, Reach};
use crate::mail::MailboxName;
use crate::sim::steps::fault;
use crate::sim::{Rng, World};
use crate::sync::FolderToken;

/// A server that cannot be reached lets nobody wait longer.
const DIAL: Duration = Duration::from_secs(30);

/// How the server can be watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Notify,
    Idle,
    Poll,
}

/// Something that happens at its time.
#[derive(Debug)]
pub(super) enum Event {
    RemoteHint(u64, Hint),
    LocalHint(u64, Hint),
    Deed(Deed),
}

/// One watch of the server.
#[derive(Debug, Default)]
pub(super) struct Post {
    pub hints: Vec<Hint>,
    pub broken: Option<Advice>,
    /// Tells nothing until it is renewed.
    pub deaf: bool,
    /// Tells nothing, and cannot be renewed.
    pub dead: bool,
    /// The mailboxes it covers; `None` for all.
    pub covers: Option<BTreeSet<MailboxName>>,
    pub seats: usize,
    pub waker: Option<Waker>,
}

/// The watch of the Maildir.
#[derive(Debug, Default)]
pub(super) struct Folders {
    pub id: u64,
    pub hints: Vec<Hint>,
    pub unwatched: BTreeSet<MailboxName>,
    pub waker: Option<Waker>,
}

/// How hints come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Noise {
    /// Some come late, twice, too general, or lead nowhere.
    pub odd: bool,
    /// Some never come.
    pub lossy: bool,
}

/// All that can change.
pub(super) struct State {
    pub rng: Rng,
    pub agenda: BTreeMap<(Duration, u64), Event>,
    count: u64,
    pub way: Way,
    pub noise: Noise,
    /// Whether the server can be reached.
    pub up: bool,
    /// So many connections are granted.
    pub capacity: usize,
    /// A server that says NO to one too many without saying why.
    pub curt: bool,
    /// One that hangs up on one too many.
    pub mum: bool,
    /// The password cannot be had.
    pub locked: bool,
    /// No login for a while: come back later.
    pub unavailable: Option<Option<Duration>>,
    /// The password that we have, and the one that is right.
    pub secret: u64,
    pub right: u64,
    /// The last that this process could log in with.
    pub accepted: Option<u64>,
    pub mark_shown: bool,
    /// Watches break as soon as they are set.
    pub brittle: bool,
    /// The server does not tell of this mailbox.
    pub mute: Option<MailboxName>,
    /// The Maildir cannot be watched.
    pub unwatchable: bool,
    pub posts: BTreeMap<u64, Post>,
    pub folders: Option<Folders>,
    pub entering: usize,
    /// A hint was lost since this was last set back.
    pub lost: bool,
    pub renewals: u64,
    /// Messages that the engine has announced and not carried over.
    pub coming: u64,
    pub rules: Rules,
    seen_at: usize,
    seen_remote: BTreeMap<MailboxName, (crate::mail::UidValidity, u64)>,
    seen_local: BTreeMap<MailboxName, FolderToken>,
}

/// The world and what is around it; shared by all parts.
pub(super) struct Outside {
    pub world: World,
    pub state: RefCell<State>,
}

impl Outside {
    pub(super) fn new(world: World, seed: u64, allowed: usize) -> Rc<Self> {
        let state = State {
            rng: Rng::new(seed ^ 0x0007_51de),
            agenda: BTreeMap::new(),
            count: 0,
            way: Way::Notify,
            noise: Noise::default(),
            up: true,
            capacity: 99,
            curt: false,
            mum: false,
            locked: false,
            unavailable: None,
            secret: 1,
            right: 1,
            accepted: None,
            mark_shown: true,
            brittle: false,
            mute: None,
            unwatchable: false,
            posts: BTreeMap::new(),
            folders: None,
            entering: 0,
            lost: false,
            renewals: 0,
            coming: 0,
            rules: Rules::new(allowed),
            seen_at: 0,
            seen_remote: world.server.marks(),
            seen_local: world.local.marks(),
        };
        Rc::new(Self {
            world,
            state: RefCell::new(state),
        })
    }

    pub(super) fn now(&self) -> Duration {
        self.world.clock.monotonic()
    }

    pub(super) fn note(&self, text: &str) {
        let now = self.now();
        self.world.steps.note(format!("[{now:?}] {text}"));
    }

    /// Connections that the account holds.
    pub(super) fn open(&self) -> usize {
        let state = self.state.borrow();
        let working = usize::try_from(self.world.server.connections()).unwrap();
        let watching: usize = state.posts.values().map(|post| post.seats).sum();
        working + watching + state.entering
    }

    /// How long the next answer takes.
    pub(super) fn latency(&self) -> Duration {
        let mut state = self.state.borrow_mut();
        Duration::from_millis(1 + u64::try_from(state.rng.below(20)).unwrap())
    }

    /// What is due, if anything is.
    pub(super) fn due(&self) -> Option<Event> {
        let now = self.now();
        let mut state = self.state.borrow_mut();
        state.agenda.keys().next().filter(|(at, _)| *at <= now)?;
        state.agenda.pop_first().map(|(_, event)| event)
    }

    /// When the next thing happens.
    pub(super) fn next(&self) -> Option<Duration> {
        let state = self.state.borrow();
        state.agenda.keys().next().map(|(at, _)| *at)
    }

    /// A connection is opened and logged in; the seat has to be taken at once.
    pub(super) async fn log_in(&self) -> Result<(), Fault> {
        let begun = self.now();
        let secret = self.state.borrow().secret;
        let open = self.open();
        self.state.borrow_mut().rules.tries(begun, open);
        let clock = &self.world.clock;
        clock.sleep(self.latency()).await;
        if self.world.server.switches().silent {
            clock.sleep(DIAL).await;
            return Err(fault(Reach::Account, true, "nobody answers"));
        }
        let open = self.open();
        let now = self.now();
        let mut state = self.state.borrow_mut();
        let verdict = state.verdict(secret, open);
        state.rules.answered(begun, now, open, verdict);
        if verdict == Verdict::Welcome {
            state.accepted = Some(secret);
        }
        drop(state);
        self.note(&format!("login beside {open}: {verdict:?}"));
        verdict.result()
    }

    /// The server tells of this mailbox, whatever has happened there.
    pub(super) fn hint(&self, name: &MailboxName) {
        let posts: Vec<u64> = self.state.borrow().posts.keys().copied().collect();
        for id in posts {
            self.deliver(Event::RemoteHint(id, Hint::Mailbox(name.clone())));
        }
    }

    /// The server breaks this watch.
    pub(super) fn break_posts(&self, advice: Advice) {
        self.note(&format!("the watch breaks: {advice:?}"));
        for post in self.state.borrow_mut().posts.values_mut() {
            post.broken = Some(advice);
            wake(&mut post.waker);
        }
    }

    /// Whoever watches is told of what has happened since this was last called.
    pub(super) fn observe(&self) {
        let length = self.world.steps.trace_len();
        if std::mem::replace(&mut self.state.borrow_mut().seen_at, length) == length {
            return;
        }
        let (remote, local) = (self.world.server.marks(), self.world.local.marks());
        let mut state = self.state.borrow_mut();
        let before = std::mem::replace(&mut state.seen_remote, remote.clone());
        let there = changed(&before, &remote);
        let before = std::mem::replace(&mut state.seen_local, local.clone());
        let here = changed(&before, &local);
        drop(state);
        for hint in there {
            self.tell_remote(&hint);
        }
        for hint in here {
            self.tell_local(&hint);
        }
    }

    fn tell_remote(&self, hint: &Hint) {
        let now = self.now();
        let state = &mut *self.state.borrow_mut();
        let mut heard = false;
        if matches!((hint, &state.mute), (Hint::Mailbox(name), Some(mute)) if name == mute) {
            return;
        }
        let ids: Vec<u64> = state.posts.keys().copied().collect();
        for id in ids {
            if state.posts.get(&id).is_some_and(|post| post.tells(hint)) {
                heard = true;
                for (delay, hint) in state.coloured(hint) {
                    state.plan(now + delay, Event::RemoteHint(id, hint));
                }
            }
        }
        state.lost |= !heard;
    }

    fn tell_local(&self, hint: &Hint) {
        let now = self.now();
        let state = &mut *self.state.borrow_mut();
        let unwatched = |folders: &Folders| match hint {
            Hint::Mailbox(name) => folders.unwatched.contains(name),
            _ => false,
        };
        let id = state.folders.as_ref();
        let Some(id) = id.filter(|it| !unwatched(it)).map(|folders| folders.id) else {
            state.lost = true;
            return;
        };
        for (delay, hint) in state.coloured(hint) {
            state.plan(now + delay, Event::LocalHint(id, hint));
        }
    }

    /// A hint comes to whom it was meant for, if that one is still there.
    pub(super) fn deliver(&self, event: Event) {
        let state = &mut *self.state.borrow_mut();
        match event {
            Event::RemoteHint(id, hint) => match state.posts.get_mut(&id) {
                Some(post) if !post.deaf && !post.dead => {
                    post.hints.push(hint);
                    wake(&mut post.waker);
                }
                _ => state.lost = true,
            },
            Event::LocalHint(id, hint) => match &mut state.folders {
                Some(folders) if folders.id == id => {
                    folders.hints.push(hint);
                    wake(&mut folders.waker);
                }
                _ => state.lost = true,
            },
            Event::Deed(_) => {}
        }
    }
}

impl Post {
    fn tells(&self, hint: &Hint) -> bool {
        let told = match (&self.covers, hint) {
            (None, _) => true,
            (Some(names), Hint::Mailbox(name)) => names.contains(name),
            (Some(_), _) => false,
        };
        told && !self.deaf && !self.dead
    }
}

impl State {
    pub(super) fn number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    pub(super) fn plan(&mut self, at: Duration, event: Event) {
        let key = (at, self.number());
        self.agenda.insert(key, event);
    }

    /// What a hint becomes on its way, and how late each part of it comes.
    fn coloured(&mut self, hint: &Hint) -> Vec<(Duration, Hint)> {
        let Noise { odd, lossy } = self.noise;
        let rng = &mut self.rng;
        let late = match rng.below(8) {
            0 | 1 if odd => late_of(rng),
            2 | 3 => late_of(rng) / 6,
            _ => Duration::ZERO,
        };
        let mut hints = vec![(late, hint.clone())];
        if odd {
            let elsewhere = MailboxName::parse("Nowhere").unwrap();
            match rng.below(12) {
                0 => hints.push((late_of(rng), hint.clone())),
                1 => hints = vec![(late_of(rng), Hint::Everything)],
                2 => hints.push((late_of(rng), Hint::Mailbox(elsewhere))),
                3 => hints.push((late_of(rng), Hint::Mailbox(MailboxName::inbox()))),
                4 => hints.push((late_of(rng), Hint::Mailboxes)),
                _ => {}
            }
        }
        if lossy && rng.one_in(5) {
            self.lost = true;
            hints.clear();
        }
        hints
    }

    fn verdict(&self, secret: u64, open: usize) -> Verdict {
        if !self.up {
            return Verdict::Unreachable;
        }
        if self.locked {
            return Verdict::Locked;
        }
        if self.mum && open >= self.capacity {
            return Verdict::Mum;
        }
        if let Some(wait) = self.unavailable {
            return Verdict::Later(wait);
        }
        let known = self.accepted == Some(secret);
        match (secret == self.right, open < self.capacity) {
            (false, _) if self.curt => Verdict::No(known),
            (false, _) => Verdict::Barred,
            (true, true) => Verdict::Welcome,
            (true, false) if self.curt => Verdict::No(known),
            (true, false) => Verdict::Crowded,
        }
    }
}

fn late_of(rng: &mut Rng) -> Duration {
    Duration::from_millis(u64::try_from(rng.below(3000)).unwrap())
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

fn changed<V: PartialEq>(
    before: &BTreeMap<MailboxName, V>,
    after: &BTreeMap<MailboxName, V>,
) -> Vec<Hint> {
    let mut hints = Vec::new();
    if !before.keys().eq(after.keys()) {
        hints.push(Hint::Mailboxes);
    }
    let differs = after
        .iter()
        .filter(|(name, value)| before.get(*name).is_some_and(|old| old != *value));
    hints.extend(differs.map(|(name, _)| Hint::Mailbox(name.clone())));
    hints
}
