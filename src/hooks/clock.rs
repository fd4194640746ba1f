//! The deadline of a handler, as both threads see it: the script's own, and the one that waits for it.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How far a script's thread is below the others: what is told of mail may wait for the mail.
const BELOW: i32 = 5;
/// More than anything is waited for.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

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

/// How long the thread had to wait for a processor.
#[derive(Debug, Default)]
struct Queued {
    /// In all, when somebody last looked.
    seen: Duration,
    /// By how much of that the deadline of the handler that runs may still move, in milliseconds.
    room: u64,
}

/// One script's clock.
#[derive(Debug)]
pub(super) struct Clock {
    start: Instant,
    /// Milliseconds after `start`; 0 while no handler runs.
    deadline: AtomicU64,
    /// How many milliseconds the handler that runs has waited for programs, and for lists.
    waited: [AtomicU64; 2],
    queued: Mutex<Queued>,
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
            queued: Mutex::default(),
            abandoned: AtomicBool::new(false),
            thread: AtomicI32::new(0),
        })
    }

    /// A handler starts.
    pub fn begin(&self, timeout: Duration) {
        for waited in &self.waited {
            waited.store(0, Ordering::Relaxed);
        }
        self.queued().room = millis(timeout);
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
        let past = deadline != 0 && self.millis() >= deadline;
        let has_more = || self.prolonged(deadline, || self.waited_for_processor());
        (past && !has_more()) || self.is_abandoned()
    }

    /// The time that the thread waits for a processor from now on does not count, up to once what a handler has: it is
    /// others who take it. All of it is for the next handler that is late: to look before each would take too long.
    pub fn watch_processor(&self) {
        let seen = self.waited_for_processor();
        self.queued().seen = seen;
    }

    /// Gives the handler the time that its thread had to wait, if there is any; whether it may go on.
    fn prolonged(&self, deadline: u64, waited: impl FnOnce() -> Duration) -> bool {
        let mut queued = self.queued();
        let now = self.deadline.load(Ordering::Relaxed);
        if now != deadline {
            // The other thread was here.
            return now == 0 || self.millis() < now;
        }
        let seen = waited();
        let given = millis(seen.saturating_sub(queued.seen)).min(queued.room);
        let later = deadline.saturating_add(given);
        let (old, new) = (Ordering::Relaxed, Ordering::Relaxed);
        // The script's thread goes on meanwhile: what it has set stands.
        if let Err(now) = self.deadline.compare_exchange(deadline, later, old, new) {
            return now == 0 || self.millis() < now;
        }
        queued.room -= given;
        queued.seen = seen;
        self.millis() < later
    }

    fn waited_for_processor(&self) -> Duration {
        self.counted(1)
    }

    /// How long the thread has had a processor.
    pub fn ran(&self) -> Duration {
        self.counted(0)
    }

    /// What the kernel counts since the thread began; nothing where it does not count.
    fn counted(&self, place: usize) -> Duration {
        let thread = self.thread.load(Ordering::Relaxed);
        let counted = std::fs::read_to_string(format!("/proc/self/task/{thread}/schedstat"));
        let nanos = counted
            .ok()
            .and_then(|text| text.split_whitespace().nth(place)?.parse().ok());
        Duration::from_nanos(nanos.unwrap_or(0))
    }

    fn queued(&self) -> MutexGuard<'_, Queued> {
        self.queued.lock().unwrap_or_else(PoisonError::into_inner)
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
        let before = self.millis();
        if self.deadline.load(Ordering::Relaxed) == 0 {
            return work();
        }
        // Added and taken away, as the other thread may prolong it meanwhile.
        let meanwhile = millis(most.min(LONGEST));
        self.deadline.fetch_add(meanwhile, Ordering::Relaxed);
        let result = work();
        let taken = self.millis().saturating_sub(before);
        let given = taken.min(millis(self.patience(pause))).min(meanwhile);
        self.waited(pause.kind).fetch_add(given, Ordering::Relaxed);
        self.deadline
            .fetch_sub(meanwhile - given, Ordering::Relaxed);
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

    /// When the handler that runs should be back, as a number that means nothing but that: of another handler, or after
    /// it was given more time, it is another one.
    pub fn term(&self) -> u64 {
        self.deadline.load(Ordering::Relaxed)
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

    /// The thread that calls is the script's: remembers its number, and has it wait for the others.
    pub fn this_thread(&self) {
        // Where that cannot be, it is as the others are.
        let _ = rustix::process::nice(BELOW);
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
    use std::thread;

    use super::*;

    #[test]
    fn what_a_program_takes_does_not_count() {
        let clock = Clock::new();
        clock.begin(Duration::from_millis(40));
        let pause = Pause::programs(Duration::from_secs(99));
        clock.pause(pause, Duration::from_secs(9), || {
            assert!(clock.left().unwrap() > Duration::from_secs(8));
            thread::sleep(Duration::from_millis(60));
        });
        assert!(!clock.is_over());
        thread::sleep(Duration::from_millis(60));
        assert!(clock.is_over());
        clock.end();
        assert!(!clock.is_over() && clock.left().is_none());
    }

    #[test]
    fn the_wait_for_a_processor_does_not_count_once() {
        let clock = Clock::new();
        let (half, time) = (Duration::from_millis(20_000), Duration::from_millis(40_000));
        let past = |deadline: u64, waited| clock.prolonged(deadline, || waited);
        let set = |deadline: u64| clock.deadline.store(deadline, Ordering::Relaxed);
        clock.begin(time);
        while clock.millis() < 2 {
            thread::yield_now();
        }
        set(1);
        assert!(past(1, half));
        assert_eq!(clock.left().map(|left| left.as_secs()), Some(19));
        // What was given is given once; of what comes anew, no more than is left.
        set(1);
        assert!(past(1, half * 2));
        set(1);
        assert!(!past(1, half * 9));
        // Another handler has its own.
        clock.begin(time);
        set(1);
        assert!(past(1, half * 10));
        clock.end();
        assert!(past(1, half * 20), "none runs any more");
        assert!(!clock.is_over());
    }

    #[test]
    fn what_the_scripts_thread_sets_meanwhile_stands() {
        let clock = Clock::new();
        let time = Duration::from_secs(40);
        clock.begin(time);
        let before = clock.term();
        // It comes back, or another handler begins, or a program is waited for, just when the other one looks.
        let more = || time;
        assert!(clock.prolonged(before, || {
            clock.end();
            more()
        }));
        assert_eq!(clock.term(), 0);
        clock.begin(time);
        let before = clock.term();
        let another = before + 1_000_000;
        assert!(clock.prolonged(before, || {
            clock.deadline.store(another, Ordering::Relaxed);
            more()
        }));
        assert_eq!(clock.term(), another);
        assert_eq!(clock.queued().room, 40_000, "nothing was given");
        let pause = Pause::programs(time);
        clock.begin(time);
        let before = clock.term();
        clock.pause(pause, time, || {
            let meanwhile = clock.term();
            assert!(clock.prolonged(meanwhile, || Duration::from_secs(10)));
        });
        let given = clock.term() - before;
        assert!((10_000..30_000).contains(&given), "{given}");
    }

    #[test]
    fn a_scripts_thread_is_below_the_others_and_its_waits_are_seen() {
        let before = rustix::process::getpriority_process(None).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        // More than there are processors.
        let crowd: Vec<_> = (0..thread::available_parallelism().unwrap().get() * 2)
            .map(|_| {
                let stop = Arc::clone(&stop);
                thread::spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                })
            })
            .collect();
        let own = thread::spawn(move || {
            let clock = Clock::new();
            clock.this_thread();
            let after = rustix::process::getpriority_process(None).unwrap();
            assert_eq!(after, (before + BELOW).min(19));
            clock.watch_processor();
            let begun = Instant::now();
            while clock.waited_for_processor() <= clock.queued().seen {
                assert!(begun.elapsed() < Duration::from_secs(60));
            }
        });
        let came_back = own.join();
        stop.store(true, Ordering::Relaxed);
        for one in crowd {
            one.join().unwrap();
        }
        came_back.unwrap();
    }

    #[test]
    fn many_short_waits_come_to_an_end() {
        let clock = Clock::new();
        for _ in 0..2 {
            clock.begin(Duration::from_millis(40));
            let pause = Pause::listings(Duration::from_millis(60));
            let mut turns = 0;
            while !clock.is_over() && turns < 50 {
                let nap = || thread::sleep(Duration::from_millis(10));
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
