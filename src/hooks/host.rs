//! One hook: the handle of its thread, what became of it, and when it is not asked any more.

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::oneshot;
use tokio::time;

use super::clock::Clock;
use super::event::Event;
use super::heads::Heads;
use super::notification::Notification;
use super::reply::{Answer, Failure, HookError, Loaded, Reply, Why};
use super::shelf::Shelf;
use super::spec::Spec;
use super::worker::{self, Job, MOST_FAILURES, Order, Shared};
use crate::sync::Occasion;

/// How long after its deadline a script may take to notice it.
const GRACE: Duration = Duration::from_millis(250);
/// How often the clock is looked at while no handler runs: between two handlers, or before the first.
const BETWEEN: Duration = Duration::from_millis(50);
/// The stack of a hook's thread: Lua allows 200 nested calls of C functions.
const STACK: usize = 4 << 20;

/// What became of a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It is told of events.
    Running,
    /// It is not told any more, until `hooks enable`, a new version of its file, or a restart.
    SetAside {
        /// Why; for people.
        reason: String,
    },
    /// It cannot be loaded.
    NotLoaded {
        /// Why; for people.
        reason: String,
    },
}

impl Condition {
    /// As in `status`: `running`, `set-aside`, `not-loaded`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::SetAside { .. } => "set-aside",
            Self::NotLoaded { .. } => "not-loaded",
        }
    }
}

/// A hook that was started.
pub struct Host {
    spec: Spec,
    shelf: Option<Shared>,
    heads: Heads,
    worker: Option<Worker>,
    loaded: Loaded,
    condition: Condition,
    /// Failures in a row.
    failures: usize,
    last_error: Option<String>,
    /// Threads that did not come back.
    abandoned: usize,
    /// Programs that took too long.
    killed: usize,
    next_timer: Option<Instant>,
    stamp: Option<(SystemTime, u64)>,
}

struct Worker {
    clock: Arc<Clock>,
    orders: Sender<Order>,
}

impl Host {
    /// Starts the thread and loads the script. `shelf` is where `mailferry.search` looks; without one it finds nothing.
    ///
    /// # Errors
    /// When the script cannot be read, fails, or does not come back in time.
    pub async fn start(spec: Spec, shelf: Option<Box<dyn Shelf>>) -> Result<Self, HookError> {
        let mut host = Self::unloaded(spec, shelf);
        match host.load().await {
            Ok(()) => Ok(host),
            Err(error) => Err(error),
        }
    }

    /// A hook that is shown as not loaded if it cannot be loaded, and tried again when its file changes.
    pub(super) async fn start_or_keep(
        spec: Spec,
        shelf: Option<Box<dyn Shelf>>,
        heads: &Heads,
    ) -> Self {
        let mut host = Self::unloaded(spec, shelf);
        host.heads = heads.clone();
        let _ = host.load().await;
        host
    }

    fn unloaded(spec: Spec, shelf: Option<Box<dyn Shelf>>) -> Self {
        Self {
            stamp: spec.script.stamp(),
            shelf: shelf.map(|shelf| Shared(Arc::new(Mutex::new(shelf)))),
            heads: Heads::default(),
            worker: None,
            loaded: Loaded::default(),
            condition: Condition::NotLoaded {
                reason: "not loaded yet".to_owned(),
            },
            failures: 0,
            last_error: None,
            abandoned: 0,
            killed: 0,
            next_timer: None,
            spec,
        }
    }

    /// As `status` shows it.
    #[must_use]
    pub fn name(&self) -> String {
        self.spec.script.name()
    }

    /// What it said when it was loaded.
    #[must_use]
    pub fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    /// What became of it.
    #[must_use]
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// How often it failed in a row.
    #[must_use]
    pub fn failures(&self) -> usize {
        self.failures
    }

    /// The last failure since it was started or enabled.
    #[must_use]
    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// How many of its threads did not come back.
    #[must_use]
    pub fn abandoned(&self) -> usize {
        self.abandoned
    }

    /// How many of its programs were killed because they took too long.
    #[must_use]
    pub fn killed(&self) -> usize {
        self.killed
    }

    /// When the next timer is due; `None` if there is none.
    #[must_use]
    pub fn next_timer(&self) -> Option<Instant> {
        self.next_timer.filter(|_| self.worker.is_some())
    }

    /// Loads it anew, whatever became of it.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub async fn enable(&mut self) -> Result<(), HookError> {
        self.stop();
        self.failures = 0;
        self.last_error = None;
        self.load().await
    }

    /// Loads it anew if its file has changed.
    pub async fn reload_if_changed(&mut self) {
        let stamp = self.spec.script.stamp();
        // A file that an editor is about to replace is not there for a moment.
        if stamp.is_some() && stamp != self.stamp {
            let _ = self.enable().await;
        }
    }

    /// Tells it what happened. `old` says that this is mail of a first sync, of which only those hear who asked.
    pub async fn tell(&mut self, occasions: &[Occasion], old: bool) -> Reply {
        let heard: Vec<Occasion> = occasions
            .iter()
            .filter(|one| self.hears(Event::of(one), old))
            .cloned()
            .collect();
        if heard.is_empty() {
            return Reply::default();
        }
        self.ask(Job::Tell(heard)).await.reply
    }

    /// Runs the timers that are due.
    pub async fn tick(&mut self) -> Reply {
        if self.next_timer().is_none_or(|next| next > Instant::now()) {
            return Reply::default();
        }
        self.ask(Job::Timers).await.reply
    }

    /// Lets it change a notification or silence it. One that fails leaves it as it is.
    pub async fn notification(&mut self, shown: Notification) -> (Option<Notification>, Reply) {
        if !self.hears(Event::Notification, false) {
            return (Some(shown), Reply::default());
        }
        let answer = self.ask(Job::Notification(shown.clone())).await;
        let failed = answer.calls == 0 || !answer.reply.failures.is_empty();
        let after = answer.notification.or_else(|| failed.then_some(shown));
        (after, answer.reply)
    }

    fn hears(&self, event: Event, old: bool) -> bool {
        let listens = self
            .loaded
            .handlers
            .iter()
            .any(|(known, _)| *known == event);
        let too_old = old && event == Event::MessageNew && !self.spec.old_mail;
        self.worker.is_some() && listens && !too_old
    }

    async fn load(&mut self) -> Result<(), HookError> {
        self.stamp = self.spec.script.stamp();
        match self.start_worker().await {
            Ok((worker, loaded)) => {
                let first = loaded.timers.iter().min();
                self.next_timer = first.map(|first| Instant::now() + *first);
                self.worker = Some(worker);
                self.loaded = loaded;
                self.condition = Condition::Running;
                Ok(())
            }
            Err(error) => {
                let reason = error.to_string();
                self.last_error = Some(reason.clone());
                self.condition = Condition::NotLoaded { reason };
                Err(error)
            }
        }
    }

    async fn start_worker(&mut self) -> Result<(Worker, Loaded), HookError> {
        let (orders, received) = mpsc::channel();
        let (started, loaded) = oneshot::channel();
        let clock = Clock::new();
        let (spec, shared) = (self.spec.clone(), Arc::clone(&clock));
        let (shelf, heads) = (self.shelf.clone(), self.heads.clone());
        thread::Builder::new()
            .name("hook".to_owned())
            .stack_size(STACK)
            .spawn(move || worker::run(&spec, &shared, (shelf, &heads), started, &received))
            .map_err(HookError::Thread)?;
        match until_stuck(&clock, loaded).await {
            Some(loaded) => Ok((Worker { clock, orders }, loaded?)),
            None => {
                let failure = self.lost(&clock);
                Err(HookError::Script(failure))
            }
        }
    }

    async fn ask(&mut self, job: Job) -> Answer {
        let Some(worker) = &self.worker else {
            return Answer::default();
        };
        let clock = Arc::clone(&worker.clock);
        let (answer, answered) = oneshot::channel();
        let sent = worker.orders.send(Order { job, answer }).is_ok();
        let answer = if sent {
            until_stuck(&clock, answered).await
        } else {
            None
        };
        if let Some(answer) = answer {
            self.settle(&answer);
            return answer;
        }
        let failure = self.lost(&clock);
        self.set_aside(failure.text.clone());
        let mut answer = Answer::default();
        answer.reply.failures.push(failure);
        answer
    }

    /// Counts what came back.
    fn settle(&mut self, answer: &Answer) {
        self.killed += answer.reply.killed;
        self.next_timer = answer.next_timer.map(|left| Instant::now() + left);
        if let Some(last) = answer.reply.failures.last() {
            self.last_error = Some(last.to_string());
        }
        match answer.failing {
            // All of them failed: those before count as well.
            Some(failing) if failing >= answer.calls => self.failures += failing,
            Some(failing) => self.failures = failing,
            None => {}
        }
        if self.failures >= MOST_FAILURES {
            let last = self.last_error.clone().unwrap_or_default();
            let failures = self.failures;
            self.set_aside(format!("failed {failures} times in a row, at last: {last}"));
        }
    }

    /// Gives up a thread that does not come back.
    fn lost(&mut self, clock: &Clock) -> Failure {
        clock.abandon();
        self.abandoned += 1;
        self.failures += 1;
        let file = self.spec.script.short_name();
        let timeout = self.spec.timeout;
        let failure = Failure {
            event: None,
            why: Why::Stuck,
            text: format!(
                "{file}: did not come back from a function of Lua's library within {timeout:?}; its thread was abandoned"
            ),
        };
        self.last_error = Some(failure.text.clone());
        failure
    }

    fn set_aside(&mut self, reason: String) {
        self.stop();
        self.condition = Condition::SetAside { reason };
    }

    fn stop(&mut self) {
        self.worker = None;
        self.next_timer = None;
    }
}

/// Waits for what a hook's thread sends; `None` once it is stuck, or has ended without a word.
async fn until_stuck<T>(clock: &Clock, mut from: oneshot::Receiver<T>) -> Option<T> {
    loop {
        let wait = clock.left().map_or(BETWEEN, |left| left + GRACE);
        match time::timeout(wait, &mut from).await {
            Ok(came) => return came.ok(),
            Err(_) if clock.overdue() >= GRACE => return None,
            Err(_) => {}
        }
    }
}
