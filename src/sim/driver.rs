//! Lets an engine run through situations while things go wrong, and says which promise it broke.
//!
//! The engine is anything that makes one pass over a [`World`]. Every function here panics with the situation, the
//! place of the fault and the trace when a promise is broken. An engine's own tests look like this:
//!
//! ```text
//! fn engine(world: &World) -> Result<(), Fault> { block_on(/* one pass with world.connector(), &world.local, ... */) }
//!
//! survey(&scenario::all(), |scenario| converges(scenario, &engine));
//! survey(&scenario::all(), |scenario| stops(scenario, &engine));
//! survey(&short, |scenario| double_stops(scenario, &engine));
//! survey(&short, |scenario| failures(scenario, &engine));
//! for seed in 0..1000 { repeats(seed, Chaos::FAULTY, &engine); }
//! ```

mod random;
mod survey;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use random::{Chaos, random, repeats};
pub use survey::{lives, survey, verdicts};

use super::scenario::Scenario;
use super::steps::{DiskError, Place, Trouble, When};
use super::world::{Check, World, fine};
use crate::engine::Fault;
use crate::engine::ports::Clock;

/// Passes after which both sides must have come to rest, whatever happened before.
const PASSES: u32 = 16;

/// Time between two passes.
const PAUSE: Duration = Duration::from_secs(61);

/// Something that makes one pass, starting from nothing but the world, as a new process would.
pub trait Runner {
    /// One pass.
    ///
    /// # Errors
    /// What ended it.
    fn pass(&self, world: &World) -> Result<(), Fault>;
}

impl<F: Fn(&World) -> Result<(), Fault>> Runner for F {
    fn pass(&self, world: &World) -> Result<(), Fault> {
        self(world)
    }
}

/// Effects on the two sides so far. The root's marker does not count: every start of the program may write it.
fn touched(world: &World) -> i64 {
    let steps = &world.steps;
    let effects = steps.effects_at(Place::Server) + steps.effects_at(Place::Local);
    let marks = steps.traced(0, "local mark root");
    i64::try_from(effects).unwrap_or(i64::MAX) - i64::try_from(marks).unwrap_or(i64::MAX)
}

/// Makes passes until one changes nothing on either side and nothing waits for its time; how many did.
///
/// # Errors
/// It does not come to rest, or the program was stopped.
pub fn settle(world: &World, runner: &impl Runner) -> Result<u32, String> {
    let mut last = String::new();
    let mut waits = 0;
    for passes in 0..PASSES {
        let before = (touched(world), world.store.weighty_changes());
        let result = runner.pass(world);
        if world.steps.stopped() {
            return Err("stopped".to_owned());
        }
        let now = (touched(world), world.store.weighty_changes());
        let calm = now == before && world.server.is_settled();
        world.clock.advance(PAUSE);
        if calm && world.store.open_intents().is_empty() && (result.is_ok() || passes > 4) {
            if waits == 3 || !await_parked(world) {
                return Ok(passes);
            }
            waits += 1;
        }
        last = result
            .err()
            .map_or_else(String::new, |fault| fault.to_string());
    }
    Err(format!(
        "no rest after {PASSES} passes; the last one ended with: {last}"
    ))
}

/// Lets time pass until parked messages are due, a day at most; whether there are any.
fn await_parked(world: &World) -> bool {
    let parked = world.store.parked_now();
    let due = parked.iter().map(|parked| parked.retry_at).max();
    let Some(due) = due else { return false };
    let wait = (due - world.clock.now()).clamp(0, 86_400);
    let wait = Duration::from_secs(u64::try_from(wait).unwrap_or(0));
    world.clock.advance(wait + Duration::from_secs(1));
    true
}

/// The world right after the scenario's change.
///
/// # Panics
/// When the engine cannot bring it even there.
pub fn prepare(scenario: &Scenario, runner: &impl Runner) -> World {
    let world = World::new(7);
    (scenario.setup)(&world);
    let mut result = settle(&world, runner);
    if let Some(history) = scenario.history {
        history(&world);
        result = result.and(settle(&world, runner));
    }
    let sound = result.and_then(|_| world.equal());
    report(scenario, &world, "before the change", sound);
    (scenario.change)(&world);
    world.steps.reset();
    world
}

fn report(scenario: &Scenario, world: &World, place: &str, check: Check) {
    if let Err(wrong) = check {
        let trace = world.steps.trace().join("\n");
        let text = world.text();
        panic!(
            "{}, {place}: {wrong}\n--- trace\n{trace}\n--- world\n{text}",
            scenario.name
        );
    }
}

/// What must hold at the end, however it went.
fn end_state(scenario: &Scenario, world: &World) -> Check {
    world.nothing_lost()?;
    if scenario.exact {
        world.nothing_doubled()?;
    }
    if scenario.equal {
        world.equal()?;
        world.base_agrees()?;
    }
    if world.ledger.any_torn() {
        // Who finds one mail in two folders takes it for a copy that somebody made.
        return Ok(());
    }
    (scenario.outcome)(world)
}

/// Two passes bring the sides together, at the price the scenario allows, and a third one does nothing.
///
/// # Panics
/// When they do not.
pub fn converges(scenario: &Scenario, runner: &impl Runner) {
    let world = prepare(scenario, runner);
    let mark = world.steps.trace_len();
    for _ in 0..2 {
        if let Err(fault) = runner.pass(&world) {
            world.steps.note(format!("-- the pass ended with: {fault}"));
        }
        world.clock.advance(PAUSE);
    }
    report(
        scenario,
        &world,
        "after two passes",
        end_state(scenario, &world),
    );
    report(
        scenario,
        &world,
        "what it took",
        (scenario.thrift)(&world, mark),
    );
    let (before, weighty) = (touched(&world), world.store.weighty_changes());
    let _ = runner.pass(&world);
    let still = touched(&world) == before && world.store.weighty_changes() == weighty;
    let idle = fine(still, || "the third pass changes something".to_owned());
    report(scenario, &world, "third pass", idle);
}

/// Comes to rest and checks the end.
fn recover(scenario: &Scenario, world: &World, runner: &impl Runner, place: &str) {
    report(scenario, world, place, world.nothing_lost());
    let rest = settle(world, runner).map(|_| ());
    report(
        scenario,
        world,
        place,
        rest.and_then(|()| end_state(scenario, world)),
    );
}

/// How many effects a run from the change to rest has.
fn effects(scenario: &Scenario, runner: &impl Runner) -> u64 {
    let world = prepare(scenario, runner);
    let rest = settle(&world, runner).map(|_| ());
    report(scenario, &world, "undisturbed", rest);
    world.steps.effects()
}

/// The ways in which a program can end at an effect: before or after it, with or without the machine.
const ENDS: [(When, bool); 4] = [
    (When::Before, false),
    (When::After, false),
    (When::Before, true),
    (When::After, true),
];

/// Stops the program at an effect; whether it got that far.
fn stop(world: &World, runner: &impl Runner, effect: u64, (when, crash): (When, bool)) -> bool {
    world.steps.stop_at(effect, when);
    let _ = settle(world, runner);
    let stopped = world.steps.stopped();
    if stopped {
        world.restart(crash);
    } else {
        world.steps.reset();
    }
    stopped
}

/// Stops the program at every effect, in every way, and lets it go on.
///
/// # Panics
/// When a promise is broken.
pub fn stops(scenario: &Scenario, runner: &impl Runner) {
    stops_at(scenario, runner, 1..=effects(scenario, runner));
}

/// As [`stops`], at some of the effects only.
///
/// # Panics
/// When a promise is broken.
pub fn some_stops(scenario: &Scenario, runner: &impl Runner) {
    let some = sample(scenario, effects(scenario, runner), 1);
    stops_at(scenario, runner, some);
}

fn stops_at(scenario: &Scenario, runner: &impl Runner, effects: impl Iterator<Item = u64>) {
    for effect in effects {
        for end in ENDS {
            let world = prepare(scenario, runner);
            stop(&world, runner, effect, end);
            recover(
                scenario,
                &world,
                runner,
                &format!("stopped at {effect} {end:?}"),
            );
        }
    }
}

/// The numbers up to `last`, or every `step`th of them, in each scenario others; with `SIM_ALL` always all, with
/// `SIM_STRIDE` so many times fewer.
fn sample(scenario: &Scenario, last: u64, step: u64) -> impl Iterator<Item = u64> + use<> {
    let all = std::env::var_os("SIM_ALL").is_some();
    let stride = std::env::var("SIM_STRIDE").map_or(1, |text| text.parse().expect("a number"));
    let step = if all { 1 } else { step * stride };
    let shift = scenario.name.bytes().map(u64::from).sum::<u64>() % step;
    (1..=last).filter(move |number| number % step == shift)
}

/// Stops the program at every effect, and the program that goes on at every one of its effects.
///
/// # Panics
/// When a promise is broken.
pub fn double_stops(scenario: &Scenario, runner: &impl Runner) {
    for (turn, first) in sample(scenario, effects(scenario, runner), 4).enumerate() {
        // The second time only the harder way: not done is like stopped one effect earlier and done.
        let end = (When::After, turn % 2 == 1);
        for second in 1.. {
            let world = prepare(scenario, runner);
            if !stop(&world, runner, first, end) {
                break;
            }
            let at = world.steps.effects() + second;
            let again = stop(&world, runner, at, (When::After, second % 2 == 1));
            recover(
                scenario,
                &world,
                runner,
                &format!("stopped at {first} and {second} later"),
            );
            if !again {
                break;
            }
        }
    }
}

/// What can go wrong in one call to a place.
fn troubles(place: Place) -> Vec<Trouble> {
    match place {
        Place::Server => vec![
            Trouble::Refuse,
            Trouble::Cut(When::Before),
            Trouble::Cut(When::Middle),
            Trouble::Cut(When::After),
        ],
        Place::Local => vec![
            Trouble::Disk(DiskError::Io, When::Before),
            Trouble::Disk(DiskError::Io, When::After),
            Trouble::Disk(DiskError::Full, When::Middle),
            Trouble::Disk(DiskError::Quota, When::Before),
            Trouble::Disk(DiskError::Denied, When::Before),
            Trouble::Disk(DiskError::Denied, When::Middle),
        ],
        Place::Store => vec![
            Trouble::Disk(DiskError::Full, When::Before),
            Trouble::Disk(DiskError::Io, When::Before),
        ],
    }
}

/// Something goes wrong in every call to every place, once.
///
/// # Panics
/// When a promise is broken.
pub fn failures(scenario: &Scenario, runner: &impl Runner) {
    for place in [Place::Server, Place::Local, Place::Store] {
        let calls = last_call(scenario, runner, place);
        for trouble in troubles(place) {
            for call in sample(scenario, calls, 6) {
                let world = prepare(scenario, runner);
                world.steps.trouble_at(place, call, trouble);
                let rest = settle(&world, runner).map(|_| ());
                let what = format!("{trouble:?} in call {call} to {place:?}");
                let end = rest.and_then(|()| end_state(scenario, &world));
                report(scenario, &world, &what, end);
            }
        }
    }
}

fn last_call(scenario: &Scenario, runner: &impl Runner, place: Place) -> u64 {
    let world = prepare(scenario, runner);
    let _ = settle(&world, runner);
    world.steps.calls(place)
}

/// From one call on everything to a place goes wrong; nothing may be lost while it does, and all must be well after.
///
/// # Panics
/// When a promise is broken.
pub fn outages(scenario: &Scenario, runner: &impl Runner) {
    for place in [Place::Server, Place::Local, Place::Store] {
        let calls = last_call(scenario, runner, place);
        for trouble in troubles(place) {
            for call in sample(scenario, calls, 10) {
                let world = prepare(scenario, runner);
                world.steps.trouble_from(place, call, trouble);
                for _ in 0..2 {
                    let _ = runner.pass(&world);
                    world.clock.advance(PAUSE);
                }
                world.steps.reset();
                let what = format!("{trouble:?} from call {call} to {place:?} on");
                recover(scenario, &world, runner, &what);
            }
        }
    }
}
