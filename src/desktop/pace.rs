//! How often one bubble may change: the more often it did, the longer it waits, so that a storm makes few calls.

use std::time::Duration;

/// The wait after the first change, and the longest.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(32);

/// When the next change may be.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    next: Duration,
    step: Duration,
}

impl Pace {
    /// Not before this.
    pub(super) fn next(&self) -> Duration {
        self.next
    }

    /// There was a change. After a long calm everything begins anew.
    pub(super) fn changed(&mut self, now: Duration) {
        let calm = now > self.next + LONGEST;
        self.step = match self.step {
            Duration::ZERO => FIRST,
            _ if calm => FIRST,
            step => (step * 2).min(LONGEST),
        };
        self.next = now + self.step;
    }
}
