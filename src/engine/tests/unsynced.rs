//! What a program that was killed left unsynced, and the power cut that follows later.

use super::pass;
use crate::sim::content;
use crate::sim::steps::{DiskError, Place, Trouble};
use crate::sim::world::hand::name;
use crate::sim::{When, World, driver};

fn synced(seed: u64) -> World {
    let world = World::new(seed);
    world.server.create(&name("Work"), None);
    for number in 1..4 {
        world.arrives("INBOX", number, "");
    }
    driver::settle(&world, &pass).unwrap();
    world
}

/// Kills the pass after this change right after an effect whose trace begins like this, lets another pass end, and then
/// cuts the power.
fn killed_and_cut(seed: u64, change: fn(&World), begins: &str) -> World {
    let world = super::stopped_after(|| synced(seed), change, begins);
    pass(&world).unwrap();
    world.restart(true);
    world
}

/// The power cut took nothing back that the state speaks of.
fn stands(change: fn(&World), begins: &str, check: fn(&World)) {
    for seed in 0..8 {
        let world = killed_and_cut(seed, change, begins);
        world.nothing_lost().unwrap();
        check(&world);
        driver::settle(&world, &pass).unwrap();
        world.equal().unwrap();
        check(&world);
    }
}

#[test]
fn a_delivery_that_was_left_unsynced_is_synced_before_its_row_says_that_it_is_there() {
    stands(
        |world| world.arrives("INBOX", 9, ""),
        "local publish",
        |world| {
            let file = world.local.find(&name("INBOX"), &content::mail(9));
            assert!(file.is_some());
            assert_eq!(world.remote_places(&content::mail(9)).len(), 1);
        },
    );
}

#[test]
fn a_file_that_followed_its_message_is_synced_before_its_row_follows() {
    stands(
        |world| world.remote_move(1, "Work"),
        "local relocate",
        |world| {
            world.is_in(1, &["Work"]).unwrap();
        },
    );
}

#[test]
fn new_flags_of_a_file_are_synced_before_its_row_has_them() {
    stands(
        |world| world.remote_flags(1, "F", ""),
        "local relabel",
        |world| {
            world.has_flags(1, "F").unwrap();
            world.equal().unwrap();
        },
    );
}

#[test]
fn a_file_in_the_trash_is_synced_before_its_row_goes() {
    stands(
        |world| world.remote_delete(1),
        "local trash",
        |world| {
            world.is_in(1, &[]).unwrap();
            world.is_in_local_trash(1).unwrap();
        },
    );
}

#[test]
fn what_a_failed_sync_left_behind_is_synced_by_the_next_pass() {
    for seed in 0..8 {
        for call in 1..30 {
            let world = synced(seed);
            world.remote_move(1, "Trash");
            world.remote_flags(2, "F", "");
            world.steps.reset();
            let trouble = Trouble::Disk(DiskError::Io, When::After);
            world.steps.trouble_at(Place::Local, call, trouble);
            let _ = pass(&world);
            world.steps.reset();
            let _ = pass(&world);
            world.restart(true);
            driver::settle(&world, &pass).unwrap();
            world.is_in(1, &["Trash"]).unwrap();
            world.has_flags(2, "F").unwrap();
        }
    }
}
