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
        // Without a Message-ID a move cannot be told from a deletion and a new message, nor a renumbered message from
        // its twin: then one copy is enough, and one too many is no fault.
        let forgot = ledger.renumbered || ledger.lost;
        let unseen = (forgot && ledger.moved) || ((ledger.moved || forgot) && !body.named());
        let wanted = (old + here.max(there)).saturating_sub(removed);
        let least = if unseen { wanted.min(1) } else { wanted };
        assert!(new >= least, "{body:?} is lost: {new} of {least}");
        let unsure = forgot && (ledger.deleted || ledger.moved);
        if !unsure && !unseen {
            let most = old + here + there;
            assert!(new <= most, "{body:?} is doubled: {new} of {most}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

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

    #[test]
    fn without_a_base_nothing_is_ever_deleted(
        bodies in bodies(), acts in acts(9), stops in proptest::collection::vec(0..12_usize, 0..7),
    ) {
        let (mut world, _) = perturbed(&bodies, HoldVerdict::Approved, &acts);
        for at in 0..BOXES {
            world.base[at].entries.clear();
            world.base[at].mailbox.uidvalidity = None;
            world.recovering[at] = true;
        }
        let before = [Side::Local, Side::Remote].map(|side| world.counts(side));
        world.deletions = 0;
        settle(&mut world, &stops, |_| {});
        prop_assert_eq!(world.deletions, 0);
        let after = world.counts(Side::Local);
        for counts in before {
            for (body, count) in counts {
                prop_assert!(after[&body] >= count, "{:?}", body);
            }
        }
    }

    #[test]
    fn the_order_of_operations_of_one_kind_does_not_matter(
        bodies in bodies(), acts in acts(9), verdict in verdict(),
    ) {
        let (mut one, _) = perturbed(&bodies, verdict, &acts);
        let mut other = one.clone();
        settle(&mut one, &[], |_| {});
        settle(&mut other, &[], |ops| {
            ops.reverse();
            ops.sort_by_key(rank);
        });
        prop_assert_eq!(one.contents(Side::Local), other.contents(Side::Local));
        prop_assert_eq!(one.contents(Side::Remote), other.contents(Side::Remote));
    }
}

/// What must come before what.
fn rank(op: &Op) -> u8 {
    match op {
        // Only UIDs that are forgotten go before everything else.
        Op::Record(changes) if matches!(changes.as_slice(), [Change::ForgetUids(_)]) => 0,
        Op::Record(_) => 1,
        Op::DropName { .. } | Op::Rebind { .. } | Op::Adopt { .. } => 2,
        Op::MoveLocal { .. } | Op::MoveRemote { .. } => 3,
        Op::CopyRemote { .. } | Op::Download { .. } | Op::Upload { .. } => 4,
        Op::SetFlags { .. } => 5,
        Op::Hold { .. } | Op::DeleteLocal { .. } | Op::DeleteRemote { .. } => 6,
    }
}
