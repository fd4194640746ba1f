//! The engine in a simulated world: every situation, every effect as a place to stop, every call as one to fail.

mod absence;
mod acts;
mod claimed;
mod epochs;
mod halves;
mod late;
mod letters;
mod marked;
mod naming;
mod narrow;
mod news;
mod rest;
mod torn;
mod unsynced;

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::context::Pass;
use super::ports::{Local as _, Root, Store as _};
use super::{
    Fault, Home, Link, Mode, Ports, Reach, Report, Scope, Settings, Telling, sync, sync_over,
};
use crate::sim::driver::Chaos;
use crate::sim::{
    SimClock, SimConnector, SimLocal, SimStore, When, World, block_on, driver, scenario,
};
use crate::sync::Policy;

struct SimPorts {
    connector: SimConnector,
    local: SimLocal,
    store: SimStore,
    clock: SimClock,
}

/// Nobody watches a test.
struct Nobody;

impl super::ports::Observer for Nobody {
    fn event(&self, _: super::ports::Event<'_>) {}
}

impl Ports for SimPorts {
    type Connector = SimConnector;

    fn connector(&self) -> &SimConnector {
        &self.connector
    }
}

impl Home for SimPorts {
    type Local = SimLocal;
    type Store = SimStore;
    type Clock = SimClock;
    type Observer = Nobody;

    fn local(&self) -> &SimLocal {
        &self.local
    }

    fn store(&self) -> &SimStore {
        &self.store
    }

    fn clock(&self) -> &SimClock {
        &self.clock
    }

    fn observer(&self) -> &Nobody {
        &Nobody
    }
}

fn settings() -> Settings {
    listening(Telling::News)
}

fn listening(telling: Telling) -> Settings {
    Settings {
        policy: Policy::default(),
        selects: Rc::new(|_| true),
        connections: 3,
        trash_days: 30,
        // Longer than the sim's server takes to carry out what a dead connection sent.
        settle: Duration::from_secs(15),
        large: 1,
        thorough: false,
        telling,
    }
}

fn ports(world: &World) -> SimPorts {
    SimPorts {
        connector: world.connector(),
        local: world.local.clone(),
        store: world.store.clone(),
        clock: world.clock.clone(),
    }
}

fn report(world: &World, mode: Mode) -> Result<Report, Fault> {
    block_on(sync(&ports(world), &settings(), &Scope::All, mode))
}

/// As a daemon does it: over one connection, first what was hinted at (here everything known), then all there is.
fn hinted_pass(world: &World) -> Result<(), Fault> {
    let ports = ports(world);
    let link = Link::new(3);
    let known = block_on(ports.store.mailboxes())?;
    let names = known.into_iter().map(|record| record.name).collect();
    for scope in [Scope::Touched(names), Scope::All] {
        let report = block_on(sync_over(&ports, &link, &settings(), &scope, Mode::Apply))?;
        if let Some(problem) = report.problems.into_iter().next() {
            return Err(Fault::new(Reach::Message, true, problem.text));
        }
    }
    Ok(())
}

/// One pass as the command line makes it; whoever waits for rest has to know of every problem.
fn pass(world: &World) -> Result<(), Fault> {
    let report = report(world, Mode::Apply)?;
    match report.problems.into_iter().next() {
        Some(problem) => Err(Fault::new(Reach::Message, true, problem.text)),
        None => Ok(()),
    }
}

#[test]
fn every_situation_converges_in_two_passes_and_then_rests() {
    driver::survey(&scenario::all(), |scenario| {
        driver::converges(scenario, &pass);
    });
}

#[test]
fn every_situation_converges_by_hints_as_well() {
    let mut all = scenario::all();
    // Who does not ask for the list is not stopped by one that is not believed.
    all.retain(|scenario| scenario.name != "empty LIST");
    driver::survey(&all, |scenario| {
        driver::converges(scenario, &hinted_pass);
    });
}

#[test]
fn hints_may_be_cut_short_anywhere() {
    let mut short = scenario::all();
    short.retain(|scenario| scenario.short);
    driver::survey(&short, |scenario| {
        driver::some_stops(scenario, &hinted_pass);
    });
}

#[test]
fn a_stop_after_any_effect_loses_and_doubles_nothing() {
    driver::survey(&scenario::all(), |scenario| {
        driver::stops(scenario, &pass);
    });
}

#[test]
fn a_second_stop_during_the_recovery_loses_and_doubles_nothing() {
    let mut short = scenario::all();
    short.retain(|scenario| scenario.short);
    driver::survey(&short, |scenario| {
        driver::double_stops(scenario, &pass);
    });
}

#[test]
fn any_call_may_fail() {
    driver::survey(&scenario::all(), |scenario| {
        driver::failures(scenario, &pass);
    });
}

#[test]
fn any_side_may_be_out_of_order() {
    driver::survey(&scenario::all(), |scenario| {
        driver::outages(scenario, &pass);
    });
}

/// A world in which the pass after this change was stopped right after an effect whose trace begins like this.
fn stopped_after(prepare: impl Fn() -> World, change: fn(&World), begins: &str) -> World {
    for effect in 1..40 {
        let world = prepare();
        change(&world);
        let mark = world.steps.trace_len();
        world.steps.reset();
        world.steps.stop_at(effect, When::After);
        let _ = pass(&world);
        if world.steps.traced(mark, begins) > 0 {
            world.restart(false);
            return world;
        }
    }
    panic!("nothing begins with {begins}");
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Random lives from seed `SIM_FIRST` (1) on, `SIM_LIVES` (250) of them. A failure names its seeds.
fn lives(test: &str, chaos: Chaos) {
    lives_of(test, chaos, &pass);
}

/// The same with another pass.
fn lives_of(test: &str, chaos: Chaos, pass: &(impl driver::Runner + Sync)) {
    let first = number("SIM_FIRST").unwrap_or(1);
    let count = number("SIM_LIVES").unwrap_or(250);
    let next = AtomicU64::new(first);
    let seed = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed < first + count);
    let (bad, _) = driver::lives(test, chaos, seed, pass);
    assert!(bad.is_empty(), "of {count} seeds these fail: {bad:?}");
}

#[test]
fn calm_random_lives_end_well() {
    lives("calm_random_lives", Chaos::CALM);
}

#[test]
fn faulty_random_lives_end_well() {
    lives("faulty_random_lives", Chaos::FAULTY);
}

#[test]
fn busy_random_lives_end_well() {
    lives("busy_random_lives", Chaos::BUSY);
}

#[test]
fn stormy_random_lives_end_well() {
    lives("stormy_random_lives", Chaos::STORM);
}

/// `just simulate`: `SIM_SECONDS` (3600) long, with seeds that were not tried before unless `SIM_FIRST` says otherwise.
#[test]
#[ignore = "takes as long as it is told to"]
fn random_lives_for_hours() {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let first = number("SIM_FIRST").unwrap_or(time.as_secs() * 1000);
    let seconds = number("SIM_SECONDS").unwrap_or(3600);
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut bad = 0;
    for (start, round) in (first..).step_by(2000).zip(0..) {
        let (name, chaos) = [
            ("faulty_random_lives", Chaos::FAULTY),
            ("stormy_random_lives", Chaos::STORM),
            ("busy_random_lives", Chaos::BUSY),
            ("calm_random_lives", Chaos::CALM),
        ][round % 4];
        let next = AtomicU64::new(start);
        let seed = || {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            (seed < start + 2000 && Instant::now() < end).then_some(seed)
        };
        bad += driver::lives(name, chaos, seed, &pass).0.len();
        if Instant::now() >= end {
            break;
        }
    }
    assert_eq!(bad, 0, "the seeds are named above");
}

/// Lives that went wrong once, each for another reason.
#[test]
fn lives_that_went_wrong_once_end_well() {
    let faulty = [
        // An upload found again, and a refused SELECT behind it: the rows from before were taken for those of now.
        1_795_414_033_173,
        // A delivery that had only got its name was moved on both sides.
        1_795_414_064_319,
        1_795_414_065_693,
        1_795_414_512_351,
        // Two versions of one mail were being sent, and each was taken for the other.
        1_795_414_057_117,
        // A copy on the server was moved on before anybody knew of it.
        1_795_414_056_431,
        // What was sent could not be looked for, and came down as new mail meanwhile.
        1_795_414_065_897,
        1_795_414_513_395,
        // Another client touched a twin that came late.
        1_795_414_057_097,
        // The other one of a twin had just been moved, by another client and by us.
        1_795_425_624_084,
        1_795_425_619_114,
        // A new content was sent for a row, and moved on before anybody looked for it.
        1_795_425_618_357,
        // A file moved into a folder that could not be scanned.
        1_795_448_241_220,
        // A file that nobody had looked at since it was sent moved to a mailbox that was not seen.
        1_795_448_250_626,
        // A file that had been moved here followed its message, and a power cut left both names.
        1_795_448_241_456,
        // A copy that came late, while it could not be asked what it was, was taken for new mail.
        1_795_889_031_587,
    ];
    let stormy = [
        // A file whose upload was open was given to another row.
        1_795_414_034_332,
        // Another version with the same header came to where a mail was being sent.
        1_795_414_042_200,
        1_795_414_066_000,
        // Two versions of one mail in a mailbox that was renumbered.
        1_795_414_515_836,
        // A mailbox was renamed on the server and made anew here.
        1_795_414_058_667,
        // Mail came into a folder while that was being retired.
        1_795_445_290_403,
        // Another version came to where a mail was being sent, and its own row went meanwhile.
        1_795_445_289_963,
        // Half a move was taken for the file of a row with the same content.
        1_795_448_251_914,
    ];
    // Two versions of one mail, both moved at the same time.
    let busy = [
        1_795_414_036_978,
        1_795_414_037_911,
        1_795_414_053_440,
        1_795_414_060_270,
    ];
    for seed in busy {
        driver::random(seed, Chaos::BUSY, &pass);
    }
    for seed in stormy {
        driver::random(seed, Chaos::STORM, &pass);
    }
    for seed in faulty {
        driver::random(seed, Chaos::FAULTY, &pass);
    }
}

#[test]
fn a_random_life_can_be_lived_again() {
    for chaos in [Chaos::CALM, Chaos::FAULTY, Chaos::BUSY, Chaos::STORM] {
        for seed in 11..21 {
            driver::repeats(seed, chaos, &pass);
        }
    }
}

#[test]
fn a_flood_of_deletions_is_for_the_user_to_decide() {
    driver::verdicts(&pass);
}

#[test]
fn a_dry_run_has_no_effect() {
    for scenario in scenario::all() {
        let world = driver::prepare(&scenario, &pass);
        let before = world.text();
        let mark = world.steps.trace_len();
        let _ = report(&world, Mode::DryRun);
        assert_eq!(before, world.text(), "{}", scenario.name);
        assert_eq!(mark, world.steps.trace_len(), "{}", scenario.name);
    }
}

/// Mailboxes are worked on side by side, and each of them may be the first to act.
#[test]
fn who_announces_at_the_same_time_announces_once() {
    let world = World::new(5);
    let (ports, settings) = (ports(&world), settings());
    let link = Link::<SimPorts>::new(3);
    let pass = Pass::new(&ports, &settings, &Scope::All, Mode::Apply, &link.announced);
    world.steps.set_yielding(true);
    let before = block_on(ports.store.id()).unwrap().epoch;
    // Each begins while the one before is in the middle of it.
    let late = async |turns: u32| {
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        pass.announce().await
    };
    let all = futures_util::future::join_all((0..4).map(late));
    assert!(block_on(all).into_iter().all(|done| done.is_ok()));
    let after = block_on(ports.store.id()).unwrap();
    assert_eq!((after.epoch, after.pending), (before + 1, None));
    let root = block_on(ports.local.root()).unwrap();
    assert!(matches!(root, Root::Marked(marker) if marker.epoch == after.epoch));
}

/// Only a look at every file shows an edit in place: at a folder at rest that happens once an hour.
#[test]
fn an_edit_that_no_directory_tells_of_is_found_within_the_hour() {
    let world = World::new(3);
    world.local.set_blind();
    for number in 1..=3 {
        world.arrives("INBOX", number, "");
    }
    driver::settle(&world, &pass).unwrap();
    let edited = world.local_edit(1);
    pass(&world).unwrap();
    assert!(
        world.equal().is_err(),
        "a folder at rest is not looked through"
    );
    world.clock.advance(Duration::from_secs(3600));
    driver::settle(&world, &pass).unwrap();
    world.equal().unwrap();
    world.body_is_in(&edited, &["INBOX"]).unwrap();
}

/// Anything else that happens to the folder is reason enough.
#[test]
fn an_edit_in_place_is_found_with_the_next_change() {
    let world = World::new(4);
    world.local.set_blind();
    for number in 1..=3 {
        world.arrives("INBOX", number, "");
    }
    driver::settle(&world, &pass).unwrap();
    let edited = world.local_edit(1);
    world.local_flags(2, "F");
    driver::settle(&world, &pass).unwrap();
    world.equal().unwrap();
    world.body_is_in(&edited, &["INBOX"]).unwrap();
}

#[test]
fn all_situations_have_different_names() {
    let names: BTreeSet<_> = scenario::all()
        .iter()
        .map(|scenario| scenario.name)
        .collect();
    assert_eq!(names.len(), scenario::all().len());
}
