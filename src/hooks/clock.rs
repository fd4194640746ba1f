//! The deadline of a handler, as both threads see it: the script's own, and the one that waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Something that a handler waits for and that has a limit of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pause {
    /// How long all of it may take in one handler. What is beyond counts as the handler's time.
    pub total: Duration,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Programs,
    Listings,
}

impl Pause {
    /// Programs.
    pub fn programs(total: Duration) -> Self {
        let kind = Kind::Programs;
        Self { total, kind }
    }

    /// Lists of stored mail.
    pub fn listings(total: Duration) -> Self {
        let kind = Kind::Listings;
        Self { total, kind }
    }
}

/// One script's clock.
#[derive(Debug)]
pub(super) struct Clock {
    start: Instant,
    /// Milliseconds after `start`; 0 while no handler runs.
    deadline: AtomicU64,
    /// How many milliseconds the handler that runs has waited for programs, and for lists.
    waited: [AtomicU64; 2],
    /// Whether nobody waits any more.
    abandoned: AtomicBool,
    /// The number of the thread, 0 if it is not known.
    thread: AtomicI32,
}

impl Clock {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            deadline: AtomicU64::new(0),
            waited: [AtomicU64::new(0), AtomicU64::new(0)],
            abandoned: AtomicBool::new(false),
            thread: AtomicI32::new(0),
        })
    }

    /// A handler starts.
    pub fn begin(&self, timeout: Duration) {
        for waited in &self.waited {
            waited.store(0, Ordering::Relaxed);
        }
        // 0 means that none runs.
        let at = self.millis().saturating_add(millis(timeout)).max(1);
        self.deadline.store(at, Ordering::Relaxed);
    }

    /// It has come back.
    pub fn end(&self) {
        self.deadline.store(0, Ordering::Relaxed);
    }

    /// Whether the handler that runs must stop.
    pub fn is_over(&self) -> bool {
        let deadline = self.deadline.load(Ordering::Relaxed);
        (deadline != 0 && self.millis() >= deadline) || self.is_abandoned()
    }

    /// How long the handler that runs may still wait for such things.
    pub fn patience(&self, pause: Pause) -> Duration {
        let waited = self.waited(pause.kind).load(Ordering::Relaxed);
        let left = millis(pause.total).saturating_sub(waited);
        Duration::from_millis(left)
    }

    /// Time that something else takes, such as a program: it has a limit of its own, and does not count, up to the total
    /// that the handler has for it.
    pub fn pause<T>(&self, pause: Pause, most: Duration, work: impl FnOnce() -> T) -> T {
        let (before, deadline) = (self.millis(), self.deadline.load(Ordering::Relaxed));
        if deadline == 0 {
            return work();
        }
        let meanwhile = deadline.saturating_add(millis(most));
        self.deadline.store(meanwhile, Ordering::Relaxed);
        let result = work();
        let taken = self.millis().saturating_sub(before);
        let given = taken.min(millis(self.patience(pause)));
        self.waited(pause.kind).fetch_add(given, Ordering::Relaxed);
        let after = deadline.saturating_add(given);
        self.deadline.store(after, Ordering::Relaxed);
        result
    }

    fn waited(&self, kind: Kind) -> &AtomicU64 {
        let [programs, listings] = &self.waited;
        match kind {
            Kind::Programs => programs,
            Kind::Listings => listings,
        }
    }

    /// How long until the handler should be back; `None` while none runs. Zero if it should be back already.
    pub fn left(&self) -> Option<Duration> {
        match self.deadline.load(Ordering::Relaxed) {
            0 => None,
            at => Some(Duration::from_millis(at.saturating_sub(self.millis()))),
        }
    }

    /// How long ago the handler should have been back.
    pub fn overdue(&self) -> Duration {
        match self.deadline.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            at => Duration::from_millis(self.millis().saturating_sub(at)),
        }
    }

    /// Nobody waits any more: should the script ever come back, it ends.
    pub fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
        // It cannot be ended, but it need not be in anybody's way.
        let thread = self.thread.load(Ordering::Relaxed);
        if let Some(thread) = rustix::process::Pid::from_raw(thread) {
            let _ = rustix::process::setpriority_process(Some(thread), 19);
        }
    }

    pub fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// Remembers the number of the thread that calls.
    pub fn this_thread(&self) {
        let number = std::fs::read_link("/proc/thread-self")
            .ok()
            .and_then(|path| path.file_name()?.to_str()?.parse().ok());
        self.thread.store(number.unwrap_or(0), Ordering::Relaxed);
    }

    fn millis(&self) -> u64 {
        millis(self.start.elapsed())
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_takes_does_not_count() {
        let clock = Clock::new();
        clock.begin(Duration::from_millis(40));
        let pause = Pause::programs(Duration::from_secs(99));
        clock.pause(pause, Duration::from_secs(9), || {
            assert!(clock.left().unwrap() > Duration::from_secs(8));
            std::thread::sleep(Duration::from_millis(60));
        });
        assert!(!clock.is_over());
        std::thread::sleep(Duration::from_millis(60));
        assert!(clock.is_over());
        clock.end();
        assert!(!clock.is_over() && clock.left().is_none());
    }
    #[test]
    fn many_short_waits_come_to_an_end() {
        let clock = Clock::new();
        for _ in 0..2 {
            clock.begin(Duration::from_millis(40));
            let pause = Pause::listings(Duration::from_millis(60));
            let mut turns = 0;
            while !clock.is_over() && turns < 50 {
                let nap = || std::thread::sleep(Duration::from_millis(10));
                clock.pause(pause, Duration::from_secs(9), nap);
                turns += 1;
            }
            assert!((2..=11).contains(&turns), "{turns}");
            assert_eq!(clock.patience(pause), Duration::ZERO);
            let other = Pause::programs(Duration::from_millis(60));
            assert_eq!(clock.patience(other), other.total);
        }
    }
}
