//! What the loops share: seeds that are told, and trials side by side.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::support::Random;

/// A number from the environment.
pub fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} must be a number: {text}")),
    )
}

/// The seed of this run, from `MAILFERRY_SEED` or fresh.
pub fn seed() -> u64 {
    setting("MAILFERRY_SEED").unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        u64::from(now.subsec_nanos()) ^ now.as_secs() << 10
    })
}

/// The chance of one trial, whatever the others do.
pub fn chance(seed: u64, trial: usize) -> Random {
    Random::new(seed.wrapping_add(1 + trial as u64 * 0x1_0000_0001))
}

/// How often a long run says how far it is.
const OFTEN: usize = 500;

/// Runs all trials, some at once. Says what failed when it does; panics at the end with all of it, the seed, and how to
/// run it again; returns how many there were.
pub fn run_all<T: Sync>(
    test: &str,
    seed: u64,
    trials: &[T],
    trial: impl Fn(&T) -> Result<(), String> + Sync,
) -> usize {
    let at_once = setting("MAILFERRY_AT_ONCE").unwrap_or(8) as usize;
    // Where a run of hours was stopped it goes on.
    let first = setting("MAILFERRY_FROM").unwrap_or(0) as usize;
    let next = AtomicUsize::new(first);
    let count = trials.len().saturating_sub(first);
    let failed = Mutex::new(Vec::new());
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..at_once.min(trials.len()) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(one) = trials.get(at) else { break };
                    if at > 0 && at.is_multiple_of(OFTEN) {
                        let took = begun.elapsed().as_secs();
                        say(&format!(
                            "{test}: {at} of {} begun after {took} s",
                            trials.len()
                        ));
                    }
                    let ended = catch_unwind(AssertUnwindSafe(|| trial(one)));
                    if let Err(why) = ended.unwrap_or_else(|panic| Err(told(&*panic))) {
                        say(&format!("{test}: failed: {why}"));
                        failed
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push(why);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    let took = begun.elapsed().as_secs();
    say(&format!(
        "{test}: {} of {} trials passed in {took} s, seed {seed}",
        count - failed.len(),
        count
    ));
    assert!(
        failed.is_empty(),
        "{} of {} trials failed; again: {}\n\n{}",
        failed.len(),
        count,
        again(seed, test),
        failed.join("\n\n")
    );
    trials.len()
}

/// The command that does the same once more.
pub fn again(seed: u64, test: &str) -> String {
    let long = ["KILLS", "SYSCALLS", "CUTS", "STATES", "SECONDS"].map(|name| {
        let name = format!("MAILFERRY_{name}");
        setting(&name).map_or_else(String::new, |value| format!("{name}={value} "))
    });
    let long = long.concat();
    format!("MAILFERRY_SEED={seed} {long}cargo test --test servers {test}")
}

fn told(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("a panic in the test: {}", text.unwrap_or("without words"))
}

/// Tells the one who runs a long form how it goes.
#[allow(
    clippy::print_stdout,
    reason = "shown by cargo test when it fails, or with --nocapture"
)]
pub fn say(text: &str) {
    println!("{text}");
}
