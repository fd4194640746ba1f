//! Directories that are not the Maildir the state speaks of.

use super::pass;
use crate::engine::ports::{Local, Marker};
use crate::sim::world::hand::name;
use crate::sim::{World, block_on, driver};

fn synced() -> World {
    let world = World::new(3);
    world.arrives("INBOX", 1, "");
    driver::settle(&world, &pass).unwrap();
    world
}

/// Passes fail, and change nothing on the server.
fn is_left_alone(world: &World) {
    world.arrives("INBOX", 2, "");
    let mark = world.steps.trace_len();
    for _ in 0..2 {
        assert!(pass(world).is_err());
    }
    assert_eq!(world.server.uids(&name("INBOX")).len(), 2);
    assert_eq!(world.steps.traced(mark, "server"), 0);
    assert_eq!(world.steps.traced(mark, "local"), 0);
}

#[test]
fn a_root_of_another_state_is_left_alone() {
    let world = synced();
    let other = Marker {
        id: "somebody else's".to_owned(),
        epoch: 2,
    };
    block_on(world.local.mark_root(&other)).unwrap();
    is_left_alone(&world);
}

#[test]
fn a_root_that_is_not_there_is_not_made_again() {
    let world = synced();
    world.local.remove_root();
    is_left_alone(&world);
}
