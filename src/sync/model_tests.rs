//! The planner against a model of both sides: random bases, random changes on both sides, interruptions anywhere.

mod perturb;
mod world;

use proptest::prelude::*;

use super::*;
use perturb::{Act, Ledger, acts, populate};
use world::{BOXES, World};

/// Plans and acts until nothing is left to do. `stops` says after how many operations each of the first rounds ends.
fn settle(world: &mut World, stops: &[usize], order: impl Fn(&mut Vec<Op>)) {
    for round in 0..20 {
        let plan = world.plan();
        if std::env::var_os("TRACE_PLAN").is_some() {
            eprintln!("round {round}: {plan:#?}");
        }
        assert_eq!(plan, world.plan(), "the same plan twice");
        if plan.is_empty() {
            world.finish();
            assert!(world.plan().is_empty(), "nothing is left afterwards");
            return;
        }
        let mut ops = plan.ops;
        order(&mut ops);
        let stop = stops.get(round).copied().unwrap_or(usize::MAX);
        ops.iter().take(stop).for_each(|op| world.apply(op));
        if ops.len() <= stop {
            world.finish();
        }
    }
    panic!("no end: {:#?}", world.plan());
}

fn synced(bodies: &[(usize, u16)], verdict: HoldVerdict) -> World {
    let mut world = World::new(verdict);
    populate(&mut world, bodies);
    settle(&mut world, &[], |_| {});
    world
}

fn perturbed(bodies: &[(usize, u16)], verdict: HoldVerdict, acts: &[Act]) -> (World, Ledger) {
    let mut world = synced(bodies, verdict);
    let mut ledger = Ledger::default();
    for act in acts {
        act.run(&mut world, &mut ledger);
    }
    (world, ledger)
}

fn bodies() -> impl Strategy<Value = Vec<(usize, u16)>> {
    proptest::collection::vec((0..BOXES, 0..40_u16), 0..9)
}

fn verdict() -> impl Strategy<Value = HoldVerdict> {
    prop_oneof![Just(HoldVerdict::Approved), Just(HoldVerdict::Restore)]
}

/// Nothing is lost that nobody deleted, nothing doubled, and both sides are equal.
fn judge(world: &World, before: &World, ledger: &Ledger) {
    assert_eq!(world.contents(Side::Local), world.contents(Side::Remote));
    let (old, new) = (before.counts(Side::Local), world.counts(Side::Local));
    for body in world.bodies().union(&before.bodies()) {
        let added = |side| ledger.added.get(&(side, *body)).copied().unwrap_or(0);
        let (here, there) = (added(Side::Local), added(Side::Remote));
        let removed = ledger.removed.get(body).copied().unwrap_or(0);
        let (old, new) = (
            old.get(body).copied().unwrap_or(0),
            new.get(body).copied().unwrap_or(0),
        );
        let least = (old + here.max(there)).saturating_sub(removed);
        assert!(new >= least, "{body:?} is lost: {new} of {least}");
        let unsure = (ledger.lost || ledger.renumbered) && (ledger.deleted || ledger.moved);
        if !unsure {
            let most = old + here + there;
            assert!(new <= most, "{body:?} is doubled: {new} of {most}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn both_sides_meet_whatever_happened(
        bodies in bodies(), acts in acts(9), verdict in verdict(),
        stops in proptest::collection::vec(0..12_usize, 0..7),
    ) {
        let before = synced(&bodies, verdict);
        let (mut world, ledger) = perturbed(&bodies, verdict, &acts);
        settle(&mut world, &stops, |_| {});
        judge(&world, &before, &ledger);
    }
}

#[test]
fn scratch() {}
