//! Time that passes only when somebody sleeps or does something.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::engine::ports::Clock;

/// 2027-01-15T08:00:00Z.
const START: i64 = 1_800_000_000;

/// The virtual time; clones share it.
#[derive(Clone, Debug)]
pub struct SimClock {
    passed: Rc<Cell<Duration>>,
    jumped: Rc<Cell<i64>>,
}

impl Default for SimClock {
    fn default() -> Self {
        Self {
            passed: Rc::new(Cell::new(Duration::ZERO)),
            jumped: Rc::new(Cell::new(0)),
        }
    }
}

impl SimClock {
    /// Lets time pass.
    pub fn advance(&self, time: Duration) {
        self.passed.set(self.passed.get() + time);
    }

    /// Sets the wall clock forward or back by seconds; monotonic time does not notice.
    pub fn jump(&self, seconds: i64) {
        self.jumped.set(self.jumped.get() + seconds);
    }

    /// Nanoseconds since 1970, for file times.
    #[must_use]
    pub fn nanos(&self) -> i64 {
        let passed = i64::try_from(self.passed.get().as_nanos()).unwrap_or(i64::MAX);
        (START + self.jumped.get())
            .saturating_mul(1_000_000_000)
            .saturating_add(passed)
    }
}

impl Clock for SimClock {
    fn now(&self) -> i64 {
        self.nanos().div_euclid(1_000_000_000)
    }

    fn monotonic(&self) -> Duration {
        self.passed.get()
    }

    async fn sleep(&self, time: Duration) {
        self.advance(time);
    }

    fn day(&self, days_ago: u32) -> String {
        let seconds = self.now() - i64::from(days_ago) * 86_400;
        jiff::Timestamp::from_second(seconds)
            .map(|time| time.strftime("%Y-%m-%d").to_string())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::block_on;

    #[test]
    fn sleeping_is_the_only_way_time_passes() {
        let clock = SimClock::default();
        let other = clock.clone();
        assert_eq!(clock.day(0), "2027-01-15");
        block_on(clock.sleep(Duration::from_secs(3600)));
        assert_eq!(other.now(), START + 3600);
        clock.jump(-7200);
        assert_eq!(other.now(), START - 3600);
        assert_eq!(other.monotonic(), Duration::from_secs(3600));
        assert_eq!(clock.day(15), "2026-12-31");
    }
}
