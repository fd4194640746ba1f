//! Messages that a server lets us mark `\\Deleted` and not expunge, on one that does not move in one step.

use super::pass;
use crate::sim::content;
use crate::sim::local::NameOnMove;
use crate::sim::{When, World, driver};

fn world() -> World {
    let world = World::new(9);
    world.server.switch(|s| {
        s.uid_move = false;
        s.refuse_expunge = true;
    });
    for number in 1..4 {
        world.arrives("INBOX", number, "");
    }
    world
        .server
        .create(&crate::sim::world::hand::name("Work"), None);
    driver::settle(&world, &pass).unwrap();
    world
}

/// Where mail `number` is on the server, and how often.
fn places(world: &World, number: u64) -> Vec<String> {
    let places = world.remote_places(&content::mail(number));
    let mut names: Vec<String> = places.iter().map(|(name, _)| name.to_string()).collect();
    names.sort();
    names
}

/// Whatever starts anew, and however often.
fn rests(world: &World) {
    for _ in 0..4 {
        world.restart(false);
        driver::settle(world, &pass).unwrap();
    }
}

#[test]
fn what_is_deleted_is_copied_to_the_trash_once() {
    let world = world();
    world.local_delete(2);
    rests(&world);
    assert_eq!(places(&world, 2), ["INBOX", "Trash"]);
    let there = world.remote_places(&content::mail(2));
    let marked = |(mailbox, uid)| {
        let found = world.server.mailboxes();
        let flags = found[mailbox].messages[uid].flags.clone();
        flags.has(crate::mail::Flag::Deleted)
    };
    let inbox = there.iter().find(|(name, _)| name.is_inbox()).unwrap();
    assert!(marked((&inbox.0, &inbox.1)));
}

#[test]
fn once_it_may_be_expunged_it_goes() {
    let world = world();
    world.local_move(2, "Work", NameOnMove::Kept);
    rests(&world);
    assert_eq!(places(&world, 2), ["INBOX", "Work"]);
    world.server.switch(|s| s.refuse_expunge = false);
    rests(&world);
    assert!(!places(&world, 2).contains(&"INBOX".to_owned()));
    world.nothing_lost().unwrap();
}

#[test]
fn a_move_is_made_once_wherever_it_was_cut() {
    let mut cut = 0;
    for effect in 1..40 {
        let world = world();
        world.local_move(2, "Work", NameOnMove::Kept);
        world.local_move(3, "Work", NameOnMove::New);
        world.steps.reset();
        world.steps.stop_at(effect, When::After);
        if pass(&world).is_ok() {
            break;
        }
        cut += 1;
        rests(&world);
        assert_eq!(places(&world, 2), ["INBOX", "Work"], "cut at {effect}");
        assert_eq!(places(&world, 3), ["INBOX", "Work"], "cut at {effect}");
        let here = world.local_places(&content::mail(2));
        assert_eq!(here.len(), 1, "cut at {effect}: {here:?}");
    }
    assert!(cut > 5, "{cut}");
}
