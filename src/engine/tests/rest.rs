//! Large folders at rest are not looked through, except by a thorough pass, which leaves them at rest, too.

use super::{pass, ports, settings};
use crate::engine::{Mode, Scope, Settings, sync};
use crate::sim::world::hand::name;
use crate::sim::{World, block_on, driver};

fn settled() -> World {
    let world = World::new(7);
    world.local.set_blind();
    for number in 1..4 {
        world.arrives("INBOX", number, "");
    }
    driver::settle(&world, &pass).unwrap();
    world
}

fn thorough_pass(world: &World) {
    let thorough = Settings {
        thorough: true,
        ..settings()
    };
    let report = block_on(sync(&ports(world), &thorough, &Scope::All, Mode::Apply)).unwrap();
    assert!(report.problems.is_empty());
}

#[test]
fn an_edit_in_place_is_seen_by_a_thorough_pass() {
    let world = settled();
    pass(&world).unwrap();
    let edited = world.local_edit(2);
    pass(&world).unwrap();
    assert_eq!(world.remote_places(&edited), []);
    // What has just been written is left alone until it holds still.
    thorough_pass(&world);
    thorough_pass(&world);
    assert_eq!(world.remote_places(&edited).len(), 1);
}

#[test]
fn a_thorough_pass_leaves_folders_at_rest() {
    let world = settled();
    let rests = || block_on(crate::engine::ports::Store::rests(&world.store)).unwrap();
    // Whatever changes a row takes the rest back.
    world.local_flags(1, "S");
    thorough_pass(&world);
    thorough_pass(&world);
    assert_eq!(rests().len(), 1, "{:?}", name("INBOX"));
}
