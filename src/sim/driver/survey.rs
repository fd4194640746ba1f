//! Runs many situations and tells of all that fail, not only of the first.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Runner, end_state, prepare, report, settle};
use crate::sim::scenario::{self, Scenario};

/// Tries each situation.
///
/// # Panics
/// When one fails, with one line for each that does and the whole story of the first.
pub fn survey(scenarios: &[Scenario], test: impl Fn(&Scenario)) {
    let mut lines = String::new();
    let mut first = None;
    let mut failed = 0;
    for scenario in scenarios {
        let Err(payload) = catch_unwind(AssertUnwindSafe(|| test(scenario))) else {
            continue;
        };
        let text = payload
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| {
                payload
                    .downcast_ref::<&str>()
                    .map(|text| (*text).to_owned())
            })
            .unwrap_or_default();
        failed += 1;
        let head: Vec<&str> = text.lines().take(3).collect();
        let _ = writeln!(lines, "* {}: {}", scenario.name, head.join(" | "));
        first.get_or_insert(text);
    }
    if let Some(first) = first {
        let all = scenarios.len();
        panic!("{failed} of {all} fail:\n{lines}\nthe first one:\n{first}");
    }
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
