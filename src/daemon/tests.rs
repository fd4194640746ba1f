//! The daemon in a simulated world: random lives, and what came out of them.
//!
//! Time is virtual: it goes on to the next thing that happens, so hours take milliseconds, and the same seed gives the
//! same trace.

mod cases;
mod happen;
mod letters;
mod life;
mod logins;
mod network;
mod outside;
mod parts;
mod random;
mod rules;
mod script;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use random::random;
use script::Chaos;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// `just simulate`: `SIM_SECONDS` (3600) long, with seeds that were not tried before unless `SIM_FIRST` says otherwise.
#[test]
#[ignore = "takes as long as it is told to"]
fn random_lives_for_hours_of_the_daemon() {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let first = number("SIM_FIRST").unwrap_or(time.as_secs() * 1000);
    let seconds = number("SIM_SECONDS").unwrap_or(3600);
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut bad = Vec::new();
    for (start, round) in (first..).step_by(1000).zip(0..) {
        let (name, chaos) = KINDS[round % KINDS.len()];
        let next = AtomicU64::new(start);
        let seed = || {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            (seed < start + 1000 && Instant::now() < end).then_some(seed)
        };
        bad.extend(random::lives(name, chaos, seed));
        if Instant::now() >= end {
            break;
        }
    }
    assert!(bad.is_empty(), "these fail: {bad:?}");
}

/// The kinds of lives, with the tests that live them.
const KINDS: [(&str, Chaos); 4] = [
    ("daemon::tests::stormy_lives", Chaos::STORM),
    ("daemon::tests::unwelcome_lives", Chaos::UNWELCOME),
    ("daemon::tests::lives_with_vague", Chaos::VAGUE),
    ("daemon::tests::calm_lives", Chaos::CALM),
];

/// Random lives from seed `SIM_FIRST` (1) on, `SIM_LIVES` (12) of them. A failure names its seeds.
fn lives(test: &str, chaos: Chaos) {
    let first = number("SIM_FIRST").unwrap_or(1);
    let count = number("SIM_LIVES").unwrap_or(12);
    let next = AtomicU64::new(first);
    let seed = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed < first + count);
    let bad = random::lives(test, chaos, seed);
    assert!(bad.is_empty(), "of {count} seeds these fail: {bad:?}");
}

#[test]
fn calm_lives_are_equal_within_seconds_and_silent() {
    lives("daemon::tests::calm_lives", Chaos::CALM);
}

#[test]
fn lives_with_vague_hints_end_well() {
    lives("daemon::tests::lives_with_vague", Chaos::VAGUE);
}

#[test]
fn unwelcome_lives_end_well_and_are_no_nuisance() {
    lives("daemon::tests::unwelcome_lives", Chaos::UNWELCOME);
}

#[test]
fn stormy_lives_of_the_daemon_end_well() {
    lives("daemon::tests::stormy_lives", Chaos::STORM);
}

/// Lives that went wrong once, each for another reason.
#[test]
fn lives_of_the_daemon_that_went_wrong_once_end_well() {
    // Moved on both sides, a power cut in the middle of the rename, and moved back before anybody looked again.
    random(1_795_904_743_723, Chaos::STORM);
}

#[test]
fn a_life_of_the_daemon_can_be_lived_again() {
    for (_, chaos) in KINDS {
        for seed in 1..4 {
            assert!(random(seed, chaos) == random(seed, chaos), "seed {seed}");
        }
    }
}
