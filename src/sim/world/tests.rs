use super::hand::name;
use super::*;
use crate::engine::ports::{Local, Marker};
use crate::sim::{Rng, block_on};

fn both() -> World {
    let world = World::new(5);
    let marker = Marker {
        id: "m".to_owned(),
        epoch: 0,
    };
    block_on(world.local.mark_root(&marker)).unwrap();
    for folder in ["INBOX", "Trash"] {
        block_on(world.local.create_folder(&name(folder), &marker)).unwrap();
    }
    world
}

#[test]
fn equal_looks_at_contents_flags_and_how_often() {
    let world = both();
    world.equal().unwrap();
    world.arrives("INBOX", 1, "S");
    assert!(world.equal().is_err());
    world.filed("INBOX", 1, "");
    assert!(world.equal().is_err());
    world.local_flags(1, "S");
    world.equal().unwrap();
    world.remote_flags(1, " Hidden", "");
    world.equal().unwrap();
    world.local_copy(1, "INBOX");
    assert!(world.equal().is_err());
}

#[test]
fn a_mail_that_only_we_removed_is_lost() {
    let world = both();
    world.arrives("INBOX", 1, "");
    world.nothing_lost().unwrap();
    // Behind the ledger's back, as the engine would.
    world
        .server
        .change(&name("INBOX"), |mailbox| mailbox.messages.clear());
    assert!(world.nothing_lost().is_err());
}

#[test]
fn a_mail_deleted_on_one_side_has_to_be_in_a_trash_if_the_other_had_it() {
    let world = both();
    world.arrives("INBOX", 1, "");
    world.remote_delete(1);
    world.nothing_lost().unwrap();
    world.arrives("INBOX", 2, "");
    world.filed("INBOX", 2, "");
    world.remote_delete(2);
    world
        .local
        .change_folder(&name("INBOX"), |folder| folder.files.clear());
    assert!(world.nothing_lost().is_err());
}

#[test]
fn a_mail_more_often_than_it_was_made_is_doubled() {
    let world = both();
    world.arrives("INBOX", 1, "");
    world.arrives("INBOX", 1, "");
    world.nothing_doubled().unwrap();
    let uid = world.server.uids(&name("INBOX"))[0];
    world
        .server
        .transfer(&name("INBOX"), uid, &name("Trash"), true);
    world.nothing_doubled().unwrap();
    world.server.change(&name("INBOX"), |mailbox| {
        let twin = mailbox.messages[&uid].clone();
        mailbox.messages.insert(Uid::MAX, twin);
    });
    assert!(world.nothing_doubled().is_err());
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_one_another() {
    let trace = |seed| {
        let world = both();
        let mut rng = Rng::new(seed);
        (0..50).for_each(|_| world.random_action(&mut rng, Mix::ALL));
        world.steps.trace()
    };
    assert_eq!(trace(1), trace(1));
    assert_ne!(trace(1), trace(2));
    assert!(trace(1).len() > 30);
}
