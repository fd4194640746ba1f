//! One hook: the handle of its thread, what became of it, and when it is not asked any more.

mod thread;

use std::mem;
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime};

use self::thread::{Outcome, Thread};
use super::event::Event;
use super::notification::Notification;
use super::reply::{Answer, Failure, HookError, Loaded, Reply, Why};
use super::shelf::Shelf;
use super::spec::Spec;
use super::told::Told;
use super::worker::{Job, MOST_FAILURES, Shared};
use crate::sync::Occasion;

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
    thread: Option<Thread>,
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
    /// What it was not told because its thread was lost before.
    owed: Vec<Arc<Told>>,
}

/// A thread did not come back.
struct Lost {
    /// From this step of its job.
    step: usize,
    /// For people.
    why: String,
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
    pub(super) async fn start_or_keep(spec: Spec, shelf: Option<Box<dyn Shelf>>) -> Self {
        let mut host = Self::unloaded(spec, shelf);
        let _ = host.load().await;
        host
    }

    fn unloaded(spec: Spec, shelf: Option<Box<dyn Shelf>>) -> Self {
        Self {
            stamp: spec.script.stamp(),
            shelf: shelf.map(|shelf| Shared(Arc::new(Mutex::new(shelf)))),
            thread: None,
            loaded: Loaded::default(),
            condition: Condition::NotLoaded {
                reason: "not loaded yet".to_owned(),
            },
            failures: 0,
            last_error: None,
            abandoned: 0,
            killed: 0,
            next_timer: None,
            owed: Vec::new(),
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
        self.next_timer.filter(|_| self.thread.is_some())
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
        let all: Vec<Arc<Told>> = Told::all(occasions.iter());
        self.hear(&all, old).await
    }

    /// The same of what several hooks are told.
    pub(super) async fn hear(&mut self, all: &[Arc<Told>], old: bool) -> Reply {
        let heard = all.iter().filter(|one| self.hears(one.event, old));
        let heard: Vec<Arc<Told>> = heard.map(Arc::clone).collect();
        self.owed.extend(heard);
        self.hear_owed().await
    }

    /// Tells it what it is owed. What comes after an event from which it did not come back a new state is told, once: the
    /// next such event is the last, and what comes after that waits until the hook is brought back.
    async fn hear_owed(&mut self) -> Reply {
        let mut all = Reply::default();
        let mut reason = None;
        while self.thread.is_some() && !self.owed.is_empty() {
            let owed = mem::take(&mut self.owed);
            let (answer, lost) = self.ask(Job::Tell(owed.clone())).await;
            all.append(answer.reply);
            let Some(Lost { step, why }) = lost else {
                break;
            };
            self.owed = owed.into_iter().skip(step + 1).collect();
            let aside = matches!(self.condition, Condition::SetAside { .. });
            let again = reason.is_none() && !aside && !self.owed.is_empty();
            reason = Some(why);
            if !again || self.load().await.is_err() {
                break;
            }
        }
        if let Some(reason) = reason {
            self.set_aside(reason);
        }
        all
    }

    /// Runs the timers that are due.
    pub async fn tick(&mut self) -> Reply {
        let mut all = self.hear_owed().await;
        if self.next_timer().is_some_and(|next| next <= Instant::now()) {
            all.append(self.ask_once(Job::Timers).await.reply);
        }
        all
    }

    /// Lets it change a notification or silence it. One that fails leaves it as it is.
    pub async fn notification(&mut self, shown: Notification) -> (Option<Notification>, Reply) {
        if !self.hears(Event::Notification, false) {
            return (Some(shown), Reply::default());
        }
        let job = Job::Notification(Box::new(shown.clone()));
        let answer = self.ask_once(job).await;
        let failed = answer.calls == 0 || !answer.reply.failures.is_empty();
        let after = answer.notification.or_else(|| failed.then_some(shown));
        (after, answer.reply)
    }

    /// Whether it is told of this. Of a first sync it hears nothing unless it asked: neither of mail nor that it is there.
    pub(super) fn hears(&self, event: Event, old: bool) -> bool {
        let too_old = old && !self.spec.old_mail;
        self.thread.is_some() && self.listens(event) && !too_old
    }

    /// Whether it hears of such events, or may once its file, which has changed, is loaded.
    pub(super) fn may_hear(&self, event: Event) -> bool {
        self.listens(event) || self.spec.script.stamp() != self.stamp
    }

    fn listens(&self, event: Event) -> bool {
        let mut handlers = self.loaded.handlers.iter();
        handlers.any(|(known, _)| *known == event)
    }

    async fn load(&mut self) -> Result<(), HookError> {
        self.stamp = self.spec.script.stamp();
        let started = Thread::start(&self.spec, self.shelf.clone()).await;
        let started = started.unwrap_or_else(|| Err(HookError::Script(self.lost())));
        match started {
            Ok((thread, loaded)) => {
                let first = loaded.timers.iter().min();
                self.next_timer = first.map(|first| Instant::now() + *first);
                self.thread = Some(thread);
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

    /// Has a job done of which nothing is left when the thread is lost.
    async fn ask_once(&mut self, job: Job) -> Answer {
        let (answer, lost) = self.ask(job).await;
        if let Some(lost) = lost {
            self.set_aside(lost.why);
        }
        answer
    }

    /// Has a job done. A thread that is lost is none any more; what it said before counts.
    async fn ask(&mut self, job: Job) -> (Answer, Option<Lost>) {
        let Some(thread) = &self.thread else {
            return (Answer::default(), None);
        };
        match thread.ask(job).await {
            Outcome::Done(answer) => {
                self.settle(&answer);
                (answer, None)
            }
            Outcome::Lost(mut answer, step) => {
                self.settle(&answer);
                self.stop();
                let failure = self.lost();
                let why = failure.text.clone();
                answer.reply.failures.push(failure);
                (answer, Some(Lost { step, why }))
            }
        }
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

    /// Counts a thread that did not come back.
    fn lost(&mut self) -> Failure {
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
        self.thread = None;
        self.next_timer = None;
    }
}
