//! Counts every effect and every call, writes the trace, and makes planned things go wrong.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use super::SimClock;
use crate::engine::{Fault, Reach};

/// More calls to one place than any test needs: something goes round and round.
const MOST_CALLS: u64 = 20_000;

/// Where a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The server.
    Server,
    /// The Maildir.
    Local,
    /// The state.
    Store,
}

/// When something goes wrong, seen from the effect of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Nothing of it was done.
    Before,
    /// Half of it was done.
    Middle,
    /// All of it was done, but nobody hears of it.
    After,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The program ends. `Middle` is the same as `Before`.
    Stop(When),
    /// The server says NO.
    Refuse,
    /// The connection breaks.
    Cut(When),
    /// The disk fails; `Middle` is the fate of the first file only, `After` that of the next directory sync.
    Disk(DiskError, When),
}

/// What the disk says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskError {
    /// EIO.
    Io,
    /// ENOSPC.
    Full,
    /// EDQUOT.
    Quota,
    /// EACCES.
    Denied,
}

/// Why a call of the sim failed.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The program was stopped.
    #[error("stopped at effect {0}")]
    Stopped(u64),
    /// The server said NO.
    #[error("the server said NO to {0}")]
    Refused(String),
    /// The connection is broken.
    #[error("the connection broke in {0}")]
    Cut(String),
    /// The disk failed.
    #[error("{0:?} in {1}")]
    Disk(DiskError, String),
    /// Anything else that is not as asked for.
    #[error("{0}")]
    Other(String),
}

/// A fault of the sim's own kind.
#[must_use]
pub fn fault(reach: Reach, retry: bool, text: impl Into<String>) -> Fault {
    Fault::new(reach, retry, SimError::Other(text.into()))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Effect(u64),
    Call(Place, u64),
}

#[derive(Clone, Copy, Debug)]
struct Planned {
    at: At,
    trouble: Trouble,
    forever: bool,
}

#[derive(Debug, Default)]
struct Counts {
    effects: u64,
    by_place: [u64; 3],
    calls: [u64; 3],
    generation: u64,
    stopped: Option<u64>,
    stopping: bool,
    yielding: bool,
    planned: Vec<Planned>,
    trace: Vec<String>,
}

type Interference = Box<dyn FnMut()>;

/// The counter that all parts of a world share.
#[derive(Clone, Default)]
pub struct Steps {
    counts: Rc<RefCell<Counts>>,
    between: Rc<RefCell<Option<Interference>>>,
    clock: SimClock,
    quiet: Rc<Cell<bool>>,
}

impl Steps {
    /// A counter that lets this clock go on by a millisecond with each effect.
    #[must_use]
    pub fn new(clock: SimClock) -> Self {
        Self {
            clock,
            ..Self::default()
        }
    }

    /// The program ends at this effect (counted from 1), before or after it is done.
    pub fn stop_at(&self, effect: u64, when: When) {
        self.plan(At::Effect(effect), Trouble::Stop(when), false);
    }

    /// Something goes wrong in the `call`th call (counted from 1) to a place.
    pub fn trouble_at(&self, place: Place, call: u64, trouble: Trouble) {
        self.plan(At::Call(place, call), trouble, false);
    }

    /// The same in that call and all later ones.
    pub fn trouble_from(&self, place: Place, call: u64, trouble: Trouble) {
        self.plan(At::Call(place, call), trouble, true);
    }

    fn plan(&self, at: At, trouble: Trouble, forever: bool) {
        self.counts.borrow_mut().planned.push(Planned {
            at,
            trouble,
            forever,
        });
    }

    /// Nothing goes wrong any more, and counting begins at 0 again. The trace stays.
    pub fn reset(&self) {
        let mut counts = self.counts.borrow_mut();
        counts.planned.clear();
        counts.effects = 0;
        counts.by_place = [0; 3];
        counts.calls = [0; 3];
    }

    /// The program starts again: counting goes on, connections of before are dead, plans that are over stay over.
    pub fn restart(&self) {
        let mut counts = self.counts.borrow_mut();
        counts.stopped = None;
        counts.stopping = false;
        counts.generation += 1;
        counts.trace.push("-- restart".to_owned());
    }

    /// Whether the program was stopped and not started again.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.counts.borrow().stopped.is_some()
    }

    /// Goes up with each start of the program.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.counts.borrow().generation
    }

    /// Whether the program stops right after the effect that is being applied.
    #[must_use]
    pub fn stopping(&self) -> bool {
        self.counts.borrow().stopping
    }

    /// Effects so far.
    #[must_use]
    pub fn effects(&self) -> u64 {
        self.counts.borrow().effects
    }

    /// Effects at a place so far.
    #[must_use]
    pub fn effects_at(&self, place: Place) -> u64 {
        self.counts.borrow().by_place[place as usize]
    }

    /// Calls to a place so far.
    #[must_use]
    pub fn calls(&self, place: Place) -> u64 {
        self.counts.borrow().calls[place as usize]
    }

    /// Every call gives up its turn once, so that concurrent work is interleaved.
    pub fn set_yielding(&self, yielding: bool) {
        self.counts.borrow_mut().yielding = yielding;
    }

    /// What happens between any two effects (before each); `None` for nothing.
    pub fn between(&self, act: Option<Interference>) {
        *self.between.borrow_mut() = act;
    }

    /// Everything that happened, one line each.
    #[must_use]
    pub fn trace(&self) -> Vec<String> {
        self.counts.borrow().trace.clone()
    }

    /// How many lines the trace has.
    #[must_use]
    pub fn trace_len(&self) -> usize {
        self.counts.borrow().trace.len()
    }

    /// How many lines of the trace from `mark` on begin with this text.
    #[must_use]
    pub fn traced(&self, mark: usize, begins: &str) -> usize {
        let counts = self.counts.borrow();
        let lines = counts.trace.iter().skip(mark);
        lines.filter(|line| line.starts_with(begins)).count()
    }

    /// Writes a line that is no effect: what others did, what was read.
    pub fn note(&self, text: impl Into<String>) {
        if !self.quiet.get() {
            self.counts.borrow_mut().trace.push(text.into());
        }
    }

    /// Gives up the turn once, if that is switched on.
    pub(super) async fn pause(&self) {
        let mut waiting = self.counts.borrow().yielding;
        poll_fn(move |context| {
            if std::mem::take(&mut waiting) {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await;
    }

    /// A call begins. Returns what is to go wrong in it.
    ///
    /// # Errors
    /// The program was stopped.
    pub(super) fn call(&self, place: Place, what: &str) -> Result<Option<Trouble>, Fault> {
        let mut counts = self.counts.borrow_mut();
        if let Some(at) = counts.stopped {
            return Err(Fault::new(Reach::Process, false, SimError::Stopped(at)));
        }
        counts.calls[place as usize] += 1;
        let endless = counts.calls[place as usize] > MOST_CALLS;
        assert!(!endless, "{what} is called again and again");
        let number = counts.calls[place as usize];
        let due = |plan: &&Planned| match plan.at {
            At::Call(at, call) => at == place && (call == number || plan.forever && call <= number),
            At::Effect(_) => false,
        };
        let trouble = counts.planned.iter().find(due).map(|plan| plan.trouble);
        if let Some(trouble) = trouble {
            counts.trace.push(format!("!! {trouble:?} in {what}"));
        }
        Ok(trouble)
    }

    /// Carries out one effect, unless the program stops here.
    ///
    /// # Errors
    /// The program was or is stopped.
    pub(super) fn effect<T>(
        &self,
        place: Place,
        what: &str,
        apply: impl FnOnce() -> T,
    ) -> Result<T, Fault> {
        let running = self.counts.borrow().stopped.is_none();
        if running {
            self.interfere();
        }
        let (number, stop) = self.next_effect(place)?;
        if matches!(stop, Some(When::Before | When::Middle)) {
            return Err(self.stop(number, what));
        }
        self.counts.borrow_mut().stopping = stop.is_some();
        self.clock.advance(Duration::from_millis(1));
        let line = format!("{place:?} {what}").to_lowercase();
        self.counts.borrow_mut().trace.push(line);
        let result = apply();
        if stop.is_some() {
            return Err(self.stop(number, "just after it"));
        }
        Ok(result)
    }

    fn interfere(&self) {
        let act = self.between.borrow_mut().take();
        if let Some(mut act) = act {
            act();
            self.between.borrow_mut().get_or_insert(act);
        }
    }

    fn next_effect(&self, place: Place) -> Result<(u64, Option<When>), Fault> {
        let mut counts = self.counts.borrow_mut();
        if let Some(at) = counts.stopped {
            return Err(Fault::new(Reach::Process, false, SimError::Stopped(at)));
        }
        counts.effects += 1;
        counts.by_place[place as usize] += 1;
        let number = counts.effects;
        let stop = counts.planned.iter().find_map(|plan| match plan.trouble {
            Trouble::Stop(when) if plan.at == At::Effect(number) => Some(when),
            _ => None,
        });
        Ok((number, stop))
    }

    fn stop(&self, number: u64, what: &str) -> Fault {
        let mut counts = self.counts.borrow_mut();
        counts.stopped = Some(number);
        counts.trace.push(format!("!! stopped at {number}: {what}"));
        Fault::new(Reach::Process, false, SimError::Stopped(number))
    }
}
