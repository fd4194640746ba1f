//! The other end of a hook's thread: how it is started, asked, and given up when it does not come back.

use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time;

use super::super::clock::Clock;
use super::super::process::Runner;
use super::super::progress::Progress;
use super::super::reply::{Answer, HookError, Loaded};
use super::super::spec::{Capability, Spec};
use super::super::worker::{self, Around, Job, Order, Shared};

/// How long after its deadline a script may take to notice it.
const GRACE: Duration = Duration::from_millis(250);
/// On a busy machine it may be that it has not run since: only one that has, for so long, is stuck.
const NOTICING: Duration = Duration::from_millis(40);
/// It may also stand still, at a disk that does not answer.
const LONGEST_GRACE: Duration = Duration::from_secs(3);
/// How often the clock is looked at while no handler runs: between two handlers, or before the first.
const BETWEEN: Duration = Duration::from_millis(50);
/// The stack of a hook's thread: Lua allows 200 nested calls of C functions.
const STACK: usize = 4 << 20;

/// The handle of a thread that waits for jobs.
pub(super) struct Thread {
    clock: Arc<Clock>,
    orders: Sender<Order>,
    runner: Option<Runner>,
}

/// What came of a job.
pub(super) enum Outcome {
    /// It is done.
    Done(Answer),
    /// The thread did not come back from this step of the job; before that it came so far.
    Lost(Answer, usize),
}

impl Thread {
    /// Starts the thread and loads the script; `None` if it did not come back from that.
    pub async fn start(
        spec: &Spec,
        shelf: Option<Shared>,
    ) -> Option<Result<(Self, Loaded), HookError>> {
        let (orders, received) = mpsc::channel();
        let (started, loaded) = oneshot::channel();
        let clock = Clock::new();
        // Not from the script's thread: what a thread starts has the priority that it has itself.
        let wants = spec.grants.has(Capability::Exec) && !spec.dry;
        let runner = match wants.then(Runner::start).transpose() {
            Ok(runner) => runner,
            Err(error) => return Some(Err(HookError::Thread(error))),
        };
        let around = Around {
            shelf,
            runner: runner.clone(),
        };
        let (spec, shared) = (spec.clone(), Arc::clone(&clock));
        let thread = thread::Builder::new()
            .name("hook".to_owned())
            .stack_size(STACK)
            .spawn(move || worker::run(&spec, &shared, &around, started, &received));
        if let Err(error) = thread {
            return Some(Err(HookError::Thread(error)));
        }
        let thread = Self {
            clock,
            orders,
            runner,
        };
        match until_stuck(&thread.clock, loaded).await {
            Some(loaded) => Some(loaded.map(|loaded| (thread, loaded))),
            None => {
                thread.abandon();
                None
            }
        }
    }

    /// Nobody waits for it any more.
    fn abandon(&self) {
        self.clock.abandon();
        if let Some(runner) = &self.runner {
            runner.close();
        }
    }

    /// Has a job done.
    pub async fn ask(&self, job: Job) -> Outcome {
        let (done, over) = oneshot::channel();
        let progress: Arc<Progress> = Arc::default();
        let order = Order {
            job,
            progress: Arc::clone(&progress),
            done,
        };
        let sent = self.orders.send(order).is_ok();
        let over = sent && until_stuck(&self.clock, over).await.is_some();
        if !over {
            self.abandon();
        }
        match progress.take() {
            (answer, _) if over => Outcome::Done(answer),
            (answer, steps) => Outcome::Lost(answer, steps),
        }
    }
}

/// A handler that should be back, as it was seen first: all of the program may have stood still until then.
#[derive(Clone, Copy)]
struct Late {
    term: u64,
    at: Instant,
    ran: Duration,
}

impl Late {
    fn of(clock: &Clock) -> Self {
        Self {
            term: clock.term(),
            at: Instant::now(),
            ran: clock.ran(),
        }
    }
}

/// Waits for what a hook's thread sends; `None` once it is stuck, or has ended without a word.
async fn until_stuck<T>(clock: &Clock, mut from: oneshot::Receiver<T>) -> Option<T> {
    let mut late: Option<Late> = None;
    loop {
        let wait = match clock.left() {
            Some(left) if !left.is_zero() => left + GRACE,
            _ => BETWEEN,
        };
        match time::timeout(wait, &mut from).await {
            Ok(came) => return came.ok(),
            Err(_) if !clock.is_over() || clock.overdue() < GRACE => late = None,
            Err(_) => {
                let now = Late::of(clock);
                let first = *late.get_or_insert(now);
                if first.term != now.term {
                    late = Some(now);
                } else if now.ran.saturating_sub(first.ran) >= NOTICING
                    || now.at - first.at >= LONGEST_GRACE
                {
                    return None;
                }
            }
        }
    }
}
