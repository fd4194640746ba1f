//! The epoch in the state and the one in the root's marker, when moving them on is disturbed.

use super::*;
use crate::sim::steps::DiskError;
use crate::sim::{Place, Trouble};

/// Mail for three mailboxes, which begin to work at the same time.
fn world() -> World {
    let world = World::new(6);
    for mailbox in ["INBOX", "Archive", "Other"] {
        let name = crate::sim::world::hand::name(mailbox);
        world.server.create(&name, None);
        world.arrives(mailbox, 1, "");
    }
    driver::settle(&world, &pass).unwrap();
    for (mailbox, number) in [("INBOX", 2), ("Archive", 3), ("Other", 4)] {
        world.arrives(mailbox, number, "");
    }
    world.steps.set_yielding(true);
    world.steps.reset();
    world
}

/// Seed 1795448604901 of the faulty lives: the state fails once between announcing and settling, another mailbox goes
/// on, and the program ends.
#[test]
fn a_failure_and_a_stop_in_moving_the_epoch_on_do_not_make_the_state_look_old() {
    let disk = Trouble::Disk(DiskError::Quota, When::Before);
    for (call, effect) in (1..30).flat_map(|call| (1..12).map(move |effect| (call, effect))) {
        let world = world();
        let mark = world.steps.trace_len();
        world.steps.trouble_at(Place::Store, call, disk);
        world.steps.stop_at(effect, When::Before);
        let _ = pass(&world);
        world.restart(false);
        world.steps.reset();
        driver::settle(&world, &pass).unwrap();
        let lost = world.steps.traced(mark, "store start over");
        assert_eq!(lost, 0, "call {call} fails, effect {effect} is not made");
    }
}
