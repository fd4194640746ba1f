//! The daemon's ports over the simulated world.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use super::super::Watched;
use super::outside::{Folders, Outside, Post, Way};
use crate::engine::ports::{
    Clock, Connector, Event, Hint, LocalCoverage, LocalWatch, Observer, RemoteCoverage,
    RemoteWatch, RemoteWatcher, RemoteWay,
};
use crate::engine::{Fault, Home, Ports, Reach};
use crate::mail::MailboxName;
use crate::sim::steps::fault;
use crate::sim::{SimClock, SimConnector, SimLocal, SimRemote, SimStore};
use crate::sync::Naming;

/// Nobody looks at the time more often than this at one moment, unless something goes round and round.
const MOST_READS: u32 = 20_000;

/// The clock, which notices when it is read again and again.
pub(super) struct Watch {
    clock: SimClock,
    read: Cell<(Duration, u32)>,
}

impl Clock for Watch {
    fn now(&self) -> i64 {
        self.clock.now()
    }

    fn monotonic(&self) -> Duration {
        let now = self.clock.monotonic();
        let (last, count) = self.read.get();
        let count = if last == now { count + 1 } else { 0 };
        assert!(count < MOST_READS, "at {now:?} it goes round and round");
        self.read.set((now, count));
        now
    }

    async fn sleep(&self, time: Duration) {
        self.clock.sleep(time).await;
    }

    fn day(&self, days_ago: u32) -> String {
        self.clock.day(days_ago)
    }
}

/// Counts what is still to come.
pub(super) struct Counter(Rc<Outside>);

impl Observer for Counter {
    fn event(&self, event: Event<'_>) {
        let mut state = self.0.state.borrow_mut();
        match event {
            Event::Total { messages, .. } => state.coming = messages,
            Event::Done { .. } => state.coming = state.coming.saturating_sub(1),
            _ => {}
        }
    }
}

/// Everything outside one account's daemon.
pub(super) struct Parts {
    door: Door,
    watch: Watch,
    counter: Counter,
}

impl Parts {
    pub(super) fn new(outside: Rc<Outside>) -> Self {
        outside.state.borrow_mut().accepted = None;
        Self {
            watch: Watch {
                clock: outside.world.clock.clone(),
                read: Cell::default(),
            },
            counter: Counter(Rc::clone(&outside)),
            door: Door {
                inner: outside.world.connector(),
                outside,
            },
        }
    }
}

impl Ports for Parts {
    type Connector = Door;

    fn connector(&self) -> &Door {
        &self.door
    }
}

impl Home for Parts {
    type Local = SimLocal;
    type Store = SimStore;
    type Clock = Watch;
    type Observer = Counter;

    fn local(&self) -> &SimLocal {
        &self.door.outside.world.local
    }

    fn store(&self) -> &SimStore {
        &self.door.outside.world.store
    }

    fn clock(&self) -> &Watch {
        &self.watch
    }

    fn observer(&self) -> &Counter {
        &self.counter
    }
}

impl Watched for Parts {
    type Watcher = Door;
    type Folders = SimFolders;

    fn watcher(&self) -> &Door {
        &self.door
    }

    async fn watch_folders(&self) -> Result<SimFolders, Fault> {
        let outside = Rc::clone(&self.door.outside);
        let mut state = outside.state.borrow_mut();
        if state.unwatchable {
            return Err(fault(Reach::Account, true, "no thread to watch with"));
        }
        let id = state.number();
        state.folders = Some(Folders {
            id,
            ..Folders::default()
        });
        drop(state);
        Ok(SimFolders { outside, id })
    }

    fn secret_mark(&self) -> Option<u64> {
        let state = self.door.outside.state.borrow();
        state.mark_shown.then_some(state.secret)
    }

    fn chance(&self) -> u16 {
        let mut state = self.door.outside.state.borrow_mut();
        u16::try_from(state.rng.below(1 << 16)).unwrap()
    }
}

/// Where connections are granted.
pub(super) struct Door {
    inner: SimConnector,
    outside: Rc<Outside>,
}

/// A connection that is granted but not yet counted by who holds it.
struct Entering<'a>(&'a Outside);

impl<'a> Entering<'a> {
    fn new(outside: &'a Outside) -> Self {
        outside.state.borrow_mut().entering += 1;
        Self(outside)
    }
}

impl Drop for Entering<'_> {
    fn drop(&mut self) {
        self.0.state.borrow_mut().entering -= 1;
    }
}

impl Connector for Door {
    type Remote = SimRemote;

    async fn connect(&self) -> Result<SimRemote, Fault> {
        self.outside.log_in().await?;
        let _entering = Entering::new(&self.outside);
        self.inner.connect().await
    }

    fn set_naming(&self, naming: Option<Naming>) {
        self.inner.set_naming(naming);
    }
}

impl RemoteWatcher for Door {
    type Watch = SimPost;

    async fn watch(&self, idle: &[MailboxName], connections: usize) -> Result<SimPost, Fault> {
        let poll = |reason: &str| {
            let coverage = RemoteCoverage {
                way: RemoteWay::Poll,
                reason: reason.to_owned(),
            };
            Ok(SimPost::new(&self.outside, coverage, Post::default()))
        };
        if connections == 0 {
            return poll("no connection is left for it");
        }
        self.outside.log_in().await?;
        let mut seats = vec![Entering::new(&self.outside)];
        let clock = &self.outside.world.clock;
        clock.sleep(self.outside.latency()).await;
        let offered = self.outside.state.borrow().way;
        let way = match offered {
            Way::Poll => return poll("the server offers nothing"),
            Way::Idle if idle.is_empty() => return poll("there is nothing to idle on"),
            Way::Notify => RemoteWay::Notify,
            Way::Idle => RemoteWay::Idle(Vec::new()),
        };
        let mut names: Vec<MailboxName> = idle.iter().take(1).cloned().collect();
        if way != RemoteWay::Notify {
            for name in idle.iter().take(connections).skip(1) {
                // It makes do with those it has, and nobody hears of it.
                if self.outside.log_in().await.is_err() {
                    self.outside.state.borrow_mut().rules.unheard();
                    break;
                }
                seats.push(Entering::new(&self.outside));
                names.push(name.clone());
            }
        }
        clock.sleep(self.outside.latency()).await;
        let post = Post {
            seats: seats.len(),
            covers: (way != RemoteWay::Notify).then(|| names.iter().cloned().collect()),
            dead: self.outside.world.server.switches().silent,
            ..Post::default()
        };
        let way = match way {
            RemoteWay::Idle(_) => RemoteWay::Idle(names),
            other => other,
        };
        drop(seats);
        let coverage = RemoteCoverage {
            way,
            reason: String::new(),
        };
        let watch = SimPost::new(&self.outside, coverage, post);
        if self.outside.state.borrow().brittle {
            self.outside.break_posts(crate::engine::Advice::default());
        }
        Ok(watch)
    }
}

/// Connections that watch.
pub(super) struct SimPost {
    outside: Rc<Outside>,
    id: u64,
    coverage: RemoteCoverage,
}

impl SimPost {
    fn new(outside: &Rc<Outside>, coverage: RemoteCoverage, post: Post) -> Self {
        let mut state = outside.state.borrow_mut();
        let id = state.number();
        if coverage.way != RemoteWay::Poll {
            state.posts.insert(id, post);
        }
        drop(state);
        outside.note(&format!("watching by {:?}", coverage.way));
        Self {
            outside: Rc::clone(outside),
            id,
            coverage,
        }
    }

    fn is_dead(&self) -> bool {
        let state = self.outside.state.borrow();
        let dead = state.posts.get(&self.id).is_some_and(|post| post.dead);
        dead || self.outside.world.server.switches().silent
    }

    fn broken(&self) -> Option<Fault> {
        let state = self.outside.state.borrow();
        let advice = state.posts.get(&self.id)?.broken?;
        drop(state);
        let fault = fault(Reach::Connection, true, "the watch is gone").advised(advice);
        if let Some(wait) = advice.wait {
            let now = self.outside.now();
            self.outside.state.borrow_mut().rules.dismissed(now, wait);
        }
        Some(fault)
    }
}

impl Drop for SimPost {
    fn drop(&mut self) {
        self.outside.state.borrow_mut().posts.remove(&self.id);
    }
}

impl RemoteWatch for SimPost {
    fn coverage(&self) -> &RemoteCoverage {
        &self.coverage
    }

    async fn next(&mut self) -> Result<Vec<Hint>, Fault> {
        poll_fn(|context| {
            if let Some(fault) = self.broken() {
                return Poll::Ready(Err(fault));
            }
            let mut state = self.outside.state.borrow_mut();
            let Some(post) = state.posts.get_mut(&self.id) else {
                return Poll::Pending;
            };
            if post.hints.is_empty() {
                post.waker = Some(context.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(Ok(std::mem::take(&mut post.hints)))
        })
        .await
    }

    async fn renew(&mut self, limit: Duration) -> Result<(), Fault> {
        let clock = &self.outside.world.clock;
        clock.sleep(self.outside.latency()).await;
        if let Some(fault) = self.broken() {
            return Err(fault);
        }
        let dead = self.is_dead();
        if dead {
            clock.sleep(limit).await;
            self.outside.note("the renewal is not answered");
            return Err(fault(Reach::Connection, true, "no answer"));
        }
        let mut state = self.outside.state.borrow_mut();
        state.renewals += 1;
        if let Some(post) = state.posts.get_mut(&self.id) {
            post.deaf = false;
        }
        Ok(())
    }

    async fn close(self) {}
}

/// The watch of the Maildir.
pub(super) struct SimFolders {
    outside: Rc<Outside>,
    id: u64,
}

impl Drop for SimFolders {
    fn drop(&mut self) {
        self.outside.state.borrow_mut().folders = None;
    }
}

impl LocalWatch for SimFolders {
    async fn next(&mut self) -> Vec<Hint> {
        poll_fn(|context| {
            let mut state = self.outside.state.borrow_mut();
            let Some(folders) = state.folders.as_mut().filter(|it| it.id == self.id) else {
                return Poll::Pending;
            };
            if folders.hints.is_empty() {
                folders.waker = Some(context.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(std::mem::take(&mut folders.hints))
        })
        .await
    }

    fn coverage(&self) -> LocalCoverage {
        let state = self.outside.state.borrow();
        let folders = state.folders.as_ref();
        let unwatched = folders.map_or(BTreeSet::new(), |folders| folders.unwatched.clone());
        LocalCoverage {
            unwatched: unwatched.into_iter().collect(),
            warnings: Vec::new(),
        }
    }
}
