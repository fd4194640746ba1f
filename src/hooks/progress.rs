//! How far a job has come. The thread that waits for a script sees it, too: should the script never come back, what it said
//! before is not lost with it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::reply::Answer;

/// The answer so far.
#[derive(Default)]
pub(super) struct Progress(Mutex<State>);

#[derive(Default)]
struct State {
    answer: Answer,
    /// So many steps of the job are over.
    steps: usize,
    taken: bool,
}

impl Progress {
    /// Changes the answer, unless nobody waits for it any more.
    pub fn note(&self, change: impl FnOnce(&mut Answer)) {
        let mut state = self.state();
        if !state.taken {
            change(&mut state.answer);
        }
    }

    /// A step is over.
    pub fn step(&self) {
        self.state().steps += 1;
    }

    /// How many of the last calls failed in a row.
    pub fn failing(&self) -> usize {
        self.state().answer.failing.unwrap_or(0)
    }

    /// What there is, and how many steps are over. Nothing is noted after that.
    pub fn take(&self) -> (Answer, usize) {
        let mut state = self.state();
        state.taken = true;
        (std::mem::take(&mut state.answer), state.steps)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
