//! One daemon's life: its task is polled, time goes on to the next thing that happens, and what it may not do is noticed.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::super::{Account, Activity, Notice, Options, Order, View, Wish};
use super::outside::{Event, Outside};
use super::parts::Parts;
use super::script::{Ask, Chaos, Deed};
use crate::engine::{Mode, Report, Scope, Settings, Telling};
use crate::mail::MailboxName;
use crate::sim::world::Check;
use crate::sim::{Place, Rng, World};
use crate::sync::Policy;

/// What is asked for is answered within this.
const ANSWER: Duration = Duration::from_secs(600);
/// What is told to end ends within this.
const END: Duration = Duration::from_secs(5);
/// How often what is not watched is looked at.
pub(super) const POLL: Duration = Duration::from_secs(300);
/// Connections that the user allows.
pub(super) const ALLOWED: usize = 3;

/// Whether a task wants to go on at once.
#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Asked {
    at: Duration,
    answer: oneshot::Receiver<Result<Report, String>>,
}

/// A process that is running.
struct Running {
    task: Pin<Box<dyn Future<Output = ()>>>,
    orders: mpsc::UnboundedSender<Order>,
    notices: mpsc::UnboundedReceiver<Notice>,
    wishes: Vec<Asked>,
    stopped: Option<Duration>,
    paused: Option<Duration>,
    /// What had been done when it came to rest in its pause.
    still: Option<[u64; 4]>,
}

/// The life of one account's daemon.
pub(super) struct Life {
    pub outside: Rc<Outside>,
    pub chaos: Chaos,
    pub rng: Rng,
    running: Option<Running>,
    pub view: watch::Receiver<View>,
    flag: Arc<Flag>,
    idle: usize,
    poll: Duration,
    /// What was counted before the counters were set back.
    counted: [u64; 3],
    pub polls: u64,
    pub answers: u64,
    /// Passes that were told of.
    pub synced: u64,
    /// Those of them with problems.
    pub failed: u64,
    pub starts: u64,
    crash: bool,
}

impl Life {
    /// Nothing runs yet.
    pub(super) fn new(seed: u64, chaos: Chaos) -> Self {
        let world = World::new(seed);
        world.steps.set_yielding(true);
        world.clock.let_sleepers_wait();
        Self {
            outside: Outside::new(world, seed, ALLOWED),
            chaos,
            rng: Rng::new(seed ^ 0x11fe),
            running: None,
            view: watch::channel(View::default()).1,
            flag: Arc::default(),
            idle: 1,
            poll: POLL,
            counted: [0; 3],
            polls: 0,
            answers: 0,
            synced: 0,
            failed: 0,
            starts: 0,
            crash: false,
        }
    }

    pub(super) fn world(&self) -> &World {
        &self.outside.world
    }

    pub(super) fn now(&self) -> Duration {
        self.outside.now()
    }

    pub(super) fn with_idle(mut self, idle: usize) -> Self {
        self.idle = idle;
        self
    }

    pub(super) fn with_poll(mut self, poll: Duration) -> Self {
        self.poll = poll;
        self
    }

    pub(super) fn activity(&self) -> Option<Activity> {
        self.running.as_ref().map(|_| self.view.borrow().activity)
    }

    /// The process starts, unless it is running.
    pub(super) fn start(&mut self) {
        if self.running.is_some() {
            return;
        }
        let now = self.now();
        self.outside.note("the daemon starts");
        self.outside.state.borrow_mut().rules.release(now);
        let (orders, inbox) = mpsc::unbounded_channel();
        let (show, view) = watch::channel(View::default());
        let (tell, notices) = mpsc::unbounded_channel();
        let names = ["INBOX", "Archive", "Trash"].map(|name| MailboxName::parse(name).unwrap());
        let options = Options {
            poll: self.poll,
            idle: names.into_iter().take(self.idle).collect(),
        };
        let outside = Rc::clone(&self.outside);
        let task = Box::pin(async move {
            let parts = Parts::new(outside);
            let account = Account::new(&parts, settings(), options, show, tell);
            account.run(inbox).await;
        });
        self.view = view;
        self.starts += 1;
        self.running = Some(Running {
            task,
            orders,
            notices,
            wishes: Vec::new(),
            stopped: None,
            paused: None,
            still: None,
        });
    }

    /// The process is gone in the middle of whatever it did.
    pub(super) fn kill(&mut self, crash: bool) {
        if self.running.take().is_none() {
            return;
        }
        self.outside.note("the daemon is killed");
        self.world().restart(crash);
        let soon = Duration::from_millis(1 + self.rng.number() % 8000);
        self.plan(soon, Deed::Start);
    }

    pub(super) fn plan(&self, delay: Duration, deed: Deed) {
        let at = self.now() + delay;
        let mut state = self.outside.state.borrow_mut();
        state.plan(at, Event::Deed(deed));
    }

    /// Lives until then.
    ///
    /// # Errors
    /// What it did that it must not do.
    pub(super) fn live_until(&mut self, end: Duration) -> Check {
        loop {
            let busy = self.turn()?;
            let clock = self.world().clock.clone();
            let now = self.now();
            if let Some(event) = self.outside.due() {
                match event {
                    Event::Deed(deed) => self.happen(deed),
                    hint => self.outside.deliver(hint),
                }
                continue;
            }
            if now >= end {
                return Ok(());
            }
            let next = if busy {
                now + Duration::from_micros(self.rng.number() % 2000)
            } else {
                let next = clock.next_waking().into_iter().chain(self.outside.next());
                next.min().unwrap_or(end).min(end)
            };
            clock.advance(next.saturating_sub(now));
            clock.wake();
        }
    }

    pub(super) fn live_for(&mut self, time: Duration) -> Check {
        self.live_until(self.now() + time)
    }

    /// One poll; whether it wants to go on at once.
    fn turn(&mut self) -> Result<bool, String> {
        self.flag.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&self.flag));
        let mut ended = false;
        if let Some(running) = &mut self.running {
            self.polls += 1;
            let mut context = Context::from_waker(&waker);
            ended = running.task.as_mut().poll(&mut context) == Poll::Ready(());
        }
        if self.world().steps.stopped() {
            self.kill(self.crash);
        } else if ended {
            self.ended()?;
        }
        self.outside.observe();
        self.look_after()?;
        let broken = self.outside.state.borrow_mut().rules.broken.take();
        broken.map_or(Ok(()), Err)?;
        Ok(self.flag.0.load(Ordering::Relaxed))
    }

    fn ended(&mut self) -> Check {
        let ended = self.running.take();
        let stopped = ended.and_then(|running| running.stopped);
        self.outside.note("the daemon has ended");
        self.world().steps.restart();
        self.world().store.restart();
        stopped
            .map(drop)
            .ok_or_else(|| "it ended by itself".to_owned())
    }

    /// Effects of each kind and calls to the server, and logins, since the beginning.
    pub(super) fn done(&self) -> [u64; 4] {
        let steps = &self.world().steps;
        let [calls, server, local] = self.counted;
        [
            calls + steps.calls(Place::Server),
            server + steps.effects_at(Place::Server),
            local + steps.effects_at(Place::Local),
            self.outside.state.borrow().rules.all_tries,
        ]
    }

    /// Nothing goes wrong any more, and counting begins anew.
    pub(super) fn reset_steps(&mut self) {
        let [calls, server, local, _] = self.done();
        self.counted = [calls, server, local];
        self.world().steps.reset();
    }

    fn look_after(&mut self) -> Check {
        let (now, done) = (self.now(), self.done());
        if self
            .world()
            .steps
            .calls(Place::Server)
            .max(self.world().steps.calls(Place::Store))
            > 5000
        {
            self.reset_steps();
        }
        let activity = self.activity();
        let Some(running) = &mut self.running else {
            return Ok(());
        };
        while let Ok(notice) = running.notices.try_recv() {
            if let Notice::Synced { complete, .. } = notice {
                self.synced += 1;
                self.failed += u64::from(!complete);
            }
        }
        for mut wish in std::mem::take(&mut running.wishes) {
            match wish.answer.try_recv() {
                Ok(_) => self.answers += 1,
                Err(oneshot::error::TryRecvError::Closed) => {
                    return Err(format!("the wish of {:?} was dropped", wish.at));
                }
                Err(oneshot::error::TryRecvError::Empty) if now > wish.at + ANSWER => {
                    return Err(format!("the wish of {:?} is not answered", wish.at));
                }
                Err(oneshot::error::TryRecvError::Empty) => running.wishes.push(wish),
            }
        }
        self.outside.state.borrow_mut().rules.asked = !running.wishes.is_empty();
        if running.stopped.is_some_and(|at| now > at + END) {
            return Err("told to stop, it goes on".to_owned());
        }
        let Some(paused) = running.paused else {
            return Ok(());
        };
        if activity != Some(Activity::Paused) {
            let late = running.still.is_some() || now > paused + ANSWER;
            return if late {
                Err(format!("paused, it is {activity:?}"))
            } else {
                Ok(())
            };
        }
        let still = *running.still.get_or_insert(done);
        if still == done {
            Ok(())
        } else {
            Err("paused, it does something".to_owned())
        }
    }

    fn order(&mut self, order: Order) {
        if let Some(running) = &self.running {
            // One that is about to end takes no orders any more.
            let _ = running.orders.send(order);
        }
    }

    pub(super) fn ask(&mut self, ask: Ask) {
        let now = self.now();
        self.outside.note(&format!("order {ask:?}"));
        {
            let mut state = self.outside.state.borrow_mut();
            state.rules.excuse(now);
            // That the network is another one says nothing of what a server wants.
            if !matches!(ask, Ask::Pause | Ask::Probe | Ask::Reconnect) {
                state.rules.order(now);
            }
            state.rules.asked |= matches!(
                ask,
                Ask::SyncAll | Ask::SyncOnly | Ask::SyncTouched | Ask::DryRun
            );
        }
        let Some(running) = self.running.as_mut().filter(|it| it.stopped.is_none()) else {
            return;
        };
        let inbox = || BTreeSet::from([MailboxName::inbox()]);
        let (scope, mode) = match ask {
            Ask::SyncAll => (Scope::All, Mode::Apply),
            Ask::SyncOnly => (Scope::Only(inbox()), Mode::Apply),
            Ask::SyncTouched => (Scope::Touched(inbox()), Mode::Apply),
            Ask::DryRun => (Scope::All, Mode::DryRun),
            Ask::Pause => {
                running.paused.get_or_insert(now);
                return self.order(Order::Pause);
            }
            Ask::Resume => {
                (running.paused, running.still) = (None, None);
                return self.order(Order::Resume);
            }
            Ask::Wake => return self.order(Order::Wake),
            Ask::Reconnect => return self.order(Order::Reconnect),
            Ask::Probe => return self.order(Order::Probe),
        };
        let (answer, receiver) = oneshot::channel();
        running.wishes.push(Asked {
            at: now,
            answer: receiver,
        });
        self.order(Order::Sync(Wish {
            scope,
            mode,
            answer,
        }));
    }

    pub(super) fn stop(&mut self) {
        let now = self.now();
        if let Some(running) = &mut self.running {
            running.stopped.get_or_insert(now);
            // Whoever waits learns from the end of the program.
            running.wishes.clear();
        }
        self.outside.note("order Stop");
        self.order(Order::Stop);
        self.plan(END + Duration::from_secs(1), Deed::Start);
    }

    pub(super) fn is_paused(&self) -> bool {
        self.running.as_ref().is_some_and(|it| it.paused.is_some())
    }

    pub(super) fn crash_next(&mut self, crash: bool) {
        self.crash = crash;
    }
}

pub(super) fn settings() -> Settings {
    Settings {
        telling: Telling::Nothing,
        thorough: false,
        policy: Policy::default(),
        selects: Rc::new(|_| true),
        connections: ALLOWED,
        trash_days: 30,
        settle: Duration::from_secs(15),
        large: 1,
    }
}
