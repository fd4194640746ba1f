//! The thread of a hook: it loads the script, and does one job after the other.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::clock::Clock;
use super::heads::Heads;
use super::notification::Notification;
use super::reply::{Answer, HookError, Loaded, Why};
use super::shelf::{Shelf, ShelfError};
use super::spec::Spec;
use super::state::State;
use crate::mail::MailboxName;
use crate::sync::{Occasion, Subject};

/// So many failures in a row, and a hook is set aside.
pub(super) const MOST_FAILURES: usize = 5;

/// What a hook is to do.
pub(super) enum Job {
    /// Tell the script.
    Tell(Vec<Occasion>),
    /// Run the timers that are due.
    Timers,
    /// Let it change a notification.
    Notification(Notification),
}

/// A job, and where its answer goes.
pub(super) struct Order {
    pub job: Job,
    pub answer: oneshot::Sender<Answer>,
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

/// Runs until nobody has jobs any more, or nobody waits for the answers.
pub(super) fn run(
    spec: &Spec,
    clock: &Arc<Clock>,
    (shelf, heads): (Option<Shared>, &Heads),
    started: oneshot::Sender<Result<Loaded, HookError>>,
    orders: &Receiver<Order>,
) {
    clock.this_thread();
    let load = || {
        let shelf = shelf.clone().map(|shelf| Box::new(shelf) as Box<dyn Shelf>);
        State::load(spec, clock, shelf, heads)
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
    while let Ok(order) = orders.recv() {
        let mut answer = Answer::default();
        let mut usable = true;
        if let Some(state) = &state {
            state.begin();
        }
        for step in steps(order.job) {
            if !usable {
                // What was interrupted may be half done: a new state.
                state = None;
            }
            if state.is_none() {
                match load() {
                    Ok((fresh, _)) => state = Some(fresh),
                    Err(error) => {
                        not_loaded(error, &mut answer);
                        break;
                    }
                }
            }
            let Some(state) = &state else { break };
            usable = match step {
                Step::Tell(occasion) => state.tell(&occasion, &mut answer),
                Step::Timers => state.timers(&mut answer),
                Step::Notification(shown) => state.notification(shown, &mut answer),
            };
            if clock.is_abandoned() {
                return;
            }
            if answer.failing >= Some(MOST_FAILURES) {
                break;
            }
        }
        if !usable {
            state = None;
        }
        answer.next_timer = state.as_ref().and_then(State::next_timer);
        let _ = order.answer.send(answer);
        if state.is_none() {
            state = load().ok().map(|(fresh, _)| fresh);
        }
    }
}

enum Step {
    Tell(Occasion),
    Timers,
    Notification(Notification),
}

fn steps(job: Job) -> Vec<Step> {
    match job {
        Job::Tell(occasions) => occasions.into_iter().map(Step::Tell).collect(),
        Job::Timers => vec![Step::Timers],
        Job::Notification(shown) => vec![Step::Notification(shown)],
    }
}

/// A script that could be loaded once cannot be any more.
fn not_loaded(error: HookError, answer: &mut Answer) {
    let failure = match error {
        HookError::Script(failure) => failure,
        other => super::Failure {
            event: None,
            why: Why::Script,
            text: other.to_string(),
        },
    };
    answer.calls += 1;
    answer.failing = Some(answer.failing.unwrap_or(0) + 1);
    answer.reply.failures.push(failure);
}
