//! Runs many situations and tells of all that fail, not only of the first.

use std::any::Any;
use std::fmt::Write as _;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::random::{Chaos, random};
use super::{Runner, end_state, prepare, report, settle};
use crate::sim::scenario::{self, Scenario};

/// Tries each situation, several at a time. `SIM_SCENARIO` names the only ones to try, by a part of their names.
///
/// # Panics
/// When one fails, with one line for each that does and the whole story of the first.
pub fn survey(scenarios: &[Scenario], test: impl Fn(&Scenario) + Sync) {
    let only = std::env::var("SIM_SCENARIO").unwrap_or_default();
    let chosen = scenarios.iter().filter(|it| it.name.contains(&only));
    let chosen: Vec<&Scenario> = chosen.collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut stories = Vec::new();
        while let Some(scenario) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
            let tried = catch_unwind(AssertUnwindSafe(|| test(scenario)));
            if let Err(payload) = tried {
                stories.push((scenario.name, story(&*payload)));
            }
        }
        stories
    };
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut stories: Vec<(&str, String)> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let ended = running.into_iter().map(|worker| worker.join().unwrap());
        ended.flatten().collect()
    });
    stories.sort();
    let mut lines = String::new();
    for (name, text) in &stories {
        let head: Vec<&str> = text.lines().take(3).collect();
        let _ = writeln!(lines, "* {name}: {}", head.join(" | "));
    }
    if let Some((_, first)) = stories.first() {
        let (failed, all) = (stories.len(), chosen.len());
        panic!("{failed} of {all} fail:\n{lines}\nthe first one:\n{first}");
    }
}

/// Lives lives on all processors, with the seeds that `next` gives; the seeds that failed, each told at once with the
/// command that lives it again, and how many were lived in all.
pub fn lives(
    test: &str,
    chaos: Chaos,
    next: impl Fn() -> Option<u64> + Sync,
    runner: &(impl Runner + Sync),
) -> (Vec<u64>, u64) {
    let work = || {
        let (mut bad, mut lived) = (Vec::new(), 0);
        while let Some(seed) = next() {
            lived += 1;
            let life = || random(seed, chaos, runner);
            if catch_unwind(AssertUnwindSafe(life)).is_err() {
                tell(&format!(
                    "seed {seed} fails. Again: SIM_FIRST={seed} SIM_LIVES=1 cargo test --lib {test}"
                ));
                bad.push(seed);
            }
        }
        (bad, lived)
    };
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
    let begun = std::time::Instant::now();
    let all: Vec<(Vec<u64>, u64)> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        running
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .collect()
    });
    let lived: u64 = all.iter().map(|(_, lived)| lived).sum();
    let mut bad: Vec<u64> = all.into_iter().flat_map(|(bad, _)| bad).collect();
    bad.sort_unstable();
    let minutes = begun.elapsed().as_secs_f64() / 60.0;
    let rate = lived as f64 / minutes;
    tell(&format!("{test}: {lived} lives, {rate:.0} a minute"));
    (bad, lived)
}

#[allow(clippy::print_stderr, reason = "this is what the test has to say")]
fn tell(line: &str) {
    eprintln!("{line}");
}

fn story(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().cloned();
    let brief = || payload.downcast_ref::<&str>().map(|it| (*it).to_owned());
    text.or_else(brief).unwrap_or_default()
}

/// After a flood of deletions the user decides: approved ones are carried out, restored ones come back.
///
/// # Panics
/// When they are not, or do not.
pub fn verdicts(runner: &impl Runner) {
    for (verdict, outcome) in scenario::disasters::verdicts() {
        let scenario = scenario::named("flood of deletions here");
        let world = prepare(&scenario, runner);
        let rest = settle(&world, runner).map(|_| ());
        let held = rest.and_then(|()| end_state(&scenario, &world));
        report(&scenario, &world, "while held", held);
        world.store.decide(verdict);
        let rest = settle(&world, runner).map(|_| ());
        let place = format!("{verdict:?}");
        report(
            &scenario,
            &world,
            &place,
            rest.and_then(|()| outcome(&world)),
        );
        report(
            &scenario,
            &world,
            &place,
            world.nothing_lost().and(world.equal()),
        );
    }
}
