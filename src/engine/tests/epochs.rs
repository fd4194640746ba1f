//! The epoch in the state and the one in the root's marker, when moving them on is disturbed.

use super::*;
use crate::sim::steps::DiskError;
use crate::sim::{Place, Trouble};

/// Mail for mailboxes that begin to work at the same time.
fn world(mailboxes: &[&str]) -> World {
    let world = World::new(6);
    for mailbox in mailboxes {
        let name = crate::sim::world::hand::name(mailbox);
        world.server.create(&name, None);
        world.arrives(mailbox, 1, "");
    }
    driver::settle(&world, &pass).unwrap();
    for (mailbox, number) in mailboxes.iter().zip(2..) {
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
        let world = world(&["INBOX", "Archive", "Other"]);
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

/// A marker that could be written but not synced is there until the power fails. It is not believed before it is synced.
#[test]
fn a_marker_whose_sync_failed_does_not_make_the_maildir_look_old_after_a_power_cut() {
    let disk = Trouble::Disk(DiskError::Io, When::After);
    let mut failed = 0;
    for (call, effect) in (1..20).flat_map(|call| (1..6).map(move |effect| (call, effect))) {
        let world = world(&["INBOX"]);
        let mark = world.steps.trace_len();
        world.steps.trouble_at(Place::Local, call, disk);
        failed += usize::from(pass(&world).is_err());
        world.steps.reset();
        world.steps.stop_at(effect, When::Before);
        let _ = pass(&world);
        world.restart(true);
        world.steps.reset();
        driver::settle(&world, &pass).unwrap();
        let lost = world.steps.traced(mark, "store start over");
        assert_eq!(
            lost, 0,
            "the sync of call {call} fails, effect {effect} is not made"
        );
    }
    assert!(failed > 0);
}
