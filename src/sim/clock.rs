//! Time that passes only when somebody sleeps or does something.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::engine::ports::Clock;

/// 2027-01-15T08:00:00Z.
const START: i64 = 1_800_000_000;

/// The virtual time; clones share it.
#[derive(Clone, Debug)]
pub struct SimClock {
    passed: Rc<Cell<Duration>>,
    jumped: Rc<Cell<i64>>,
    sleepers: Rc<RefCell<Sleepers>>,
}

/// Who sleeps until when.
#[derive(Debug, Default)]
struct Sleepers {
    /// They wait until somebody lets time pass, and do not do it themselves.
    wait: bool,
    count: u64,
    until: BTreeMap<(Duration, u64), Waker>,
}

impl Default for SimClock {
    fn default() -> Self {
        Self {
            passed: Rc::new(Cell::new(Duration::ZERO)),
            jumped: Rc::new(Cell::new(0)),
            sleepers: Rc::default(),
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

    /// From now on whoever sleeps waits until somebody else lets time pass.
    pub fn let_sleepers_wait(&self) {
        self.sleepers.borrow_mut().wait = true;
    }

    /// When the next sleeper wakes.
    #[must_use]
    pub fn next_waking(&self) -> Option<Duration> {
        let sleepers = self.sleepers.borrow();
        sleepers.until.keys().next().map(|(until, _)| *until)
    }

    /// Wakes those whose time has come.
    pub fn wake(&self) {
        let now = self.passed.get();
        let sleepers = self.sleepers.borrow();
        for (_, waker) in sleepers.until.iter().take_while(|(at, _)| at.0 <= now) {
            waker.wake_by_ref();
        }
    }

    async fn wait_until(&self, until: Duration) {
        let number = {
            let mut sleepers = self.sleepers.borrow_mut();
            sleepers.count += 1;
            sleepers.count
        };
        let bed = Bed {
            clock: self,
            key: (until, number),
        };
        poll_fn(|context| {
            if self.passed.get() >= until {
                return Poll::Ready(());
            }
            let mut sleepers = self.sleepers.borrow_mut();
            sleepers.until.insert(bed.key, context.waker().clone());
            Poll::Pending
        })
        .await;
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

/// The place of one sleeper, left when it wakes or is dropped.
struct Bed<'a> {
    clock: &'a SimClock,
    key: (Duration, u64),
}

impl Drop for Bed<'_> {
    fn drop(&mut self) {
        let mut sleepers = self.clock.sleepers.borrow_mut();
        sleepers.until.remove(&self.key);
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
        if !self.sleepers.borrow().wait {
            return self.advance(time);
        }
        self.wait_until(self.passed.get().saturating_add(time))
            .await;
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
