//! The thread of a hook: it loads the script, and does one job after the other.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::clock::Clock;
use super::notification::Notification;
use super::process::Runner;
use super::progress::Progress;
use super::reply::{HookError, Loaded, Why};
use super::shelf::{Shelf, ShelfError};
use super::spec::Spec;
use super::state::State;
use super::told::Told;
use crate::mail::MailboxName;
use crate::sync::Subject;

/// So many failures in a row, and a hook is set aside.
pub(super) const MOST_FAILURES: usize = 5;

/// What a hook is to do.
pub(super) enum Job {
    /// Tell the script.
    Tell(Vec<Arc<Told>>),
    /// Run the timers that are due.
    Timers,
    /// Let it change a notification.
    Notification(Box<Notification>),
}

/// A job, where its answer is noted, and who is told when it is done.
pub(super) struct Order {
    pub job: Job,
    pub progress: Arc<Progress>,
    pub done: oneshot::Sender<()>,
}

/// A shelf that outlives states: a new one takes over when the script is loaded again.
#[derive(Clone)]
pub(super) struct Shared(pub Arc<Mutex<Box<dyn Shelf>>>);

impl Shelf for Shared {
    fn mailboxes(&self) -> Result<Vec<MailboxName>, ShelfError> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .mailboxes()
    }

    fn messages(&self, mailbox: &MailboxName) -> Result<Vec<Subject>, ShelfError> {
        let shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.messages(mailbox)
    }
}

/// What outlives a script's states.
pub(super) struct Around {
    /// Where `mailferry.search` looks.
    pub shelf: Option<Shared>,
    /// Who runs its programs, if it may have any run.
    pub runner: Option<Runner>,
}

/// Runs until nobody has jobs any more, or nobody waits for the answers.
pub(super) fn run(
    spec: &Spec,
    clock: &Arc<Clock>,
    around: &Around,
    started: oneshot::Sender<Result<Loaded, HookError>>,
    orders: &Receiver<Order>,
) {
    clock.this_thread();
    let load = || {
        let shelf = around.shelf.clone();
        let shelf = shelf.map(|shelf| Box::new(shelf) as Box<dyn Shelf>);
        State::load(spec, clock, shelf, around.runner.clone())
    };
    let mut state = match load() {
        Ok((state, loaded)) => {
            let _ = started.send(Ok(loaded));
            Some(state)
        }
        Err(error) => {
            let _ = started.send(Err(error));
            return;
        }
    };
    while let Ok(Order {
        job,
        progress,
        done,
    }) = orders.recv()
    {
        clock.watch_processor();
        if let Some(state) = &state {
            state.begin();
        }
        for step in 0..job.steps() {
            if state.is_none() {
                match load() {
                    Ok((fresh, _)) => state = Some(fresh),
                    Err(error) => {
                        not_loaded(error, &progress);
                        break;
                    }
                }
            }
            let usable = state
                .as_ref()
                .is_some_and(|it| job.does(step, it, &progress));
            if clock.is_abandoned() {
                return;
            }
            if !usable {
                // What was interrupted may be half done: a new state.
                state = None;
            }
            progress.step();
            if progress.failing() >= MOST_FAILURES {
                break;
            }
        }
        let next = state.as_ref().and_then(State::next_timer);
        progress.note(|answer| answer.next_timer = next);
        let _ = done.send(());
        if state.is_none() {
            state = load().ok().map(|(fresh, _)| fresh);
        }
    }
}

impl Job {
    /// In how many steps it is done, each with the state that the one before has left.
    fn steps(&self) -> usize {
        match self {
            Self::Tell(all) => all.len(),
            Self::Timers | Self::Notification(_) => 1,
        }
    }

    /// Does a step; whether the state may be used any more.
    fn does(&self, step: usize, state: &State, progress: &Progress) -> bool {
        match self {
            Self::Tell(all) => all.get(step).is_none_or(|it| state.tell(it, progress)),
            Self::Timers => state.timers(progress),
            Self::Notification(shown) => state.notification(shown, progress),
        }
    }
}

/// A script that could be loaded once cannot be any more.
fn not_loaded(error: HookError, progress: &Progress) {
    let failure = match error {
        HookError::Script(failure) => failure,
        other => super::Failure {
            event: None,
            why: Why::Script,
            text: other.to_string(),
        },
    };
    progress.note(|answer| {
        answer.calls += 1;
        answer.failing = Some(answer.failing.unwrap_or(0) + 1);
        answer.reply.failures.push(failure);
    });
}
