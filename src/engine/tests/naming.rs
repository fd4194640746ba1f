//! Mailboxes of a server that keeps all of them below INBOX: how they are called here.

use super::{pass, report};
use crate::engine::Mode;
use crate::engine::ports::Store as _;
use crate::sim::content;
use crate::sim::world::hand::name;
use crate::sim::{World, block_on, driver};
use crate::sync::Naming;

/// Mail in `INBOX.Work` on the server, and the same in the folder `folder`.
fn both(folder: &str) -> World {
    let world = World::new(5);
    world.server.switch(|switches| switches.prefix = true);
    world.server.create(&name("Work"), None);
    world.local.make_folder(&name(folder));
    for number in 1..=3 {
        world.arrives("Work", number, "S");
        world.filed(folder, number, "S");
    }
    world.ledger.open();
    world
}

fn naming(world: &World) -> Option<Naming> {
    block_on(world.store.naming()).unwrap()
}

fn has_three_of_each(world: &World, folder: &str) {
    assert_eq!(world.server.uids(&name("Work")).len(), 3);
    assert_eq!(world.local.files(&name(folder)).len(), 3);
    let folders = world.local.folders_now();
    let names: Vec<&str> = folders
        .keys()
        .map(crate::mail::MailboxName::as_str)
        .collect();
    assert!(names.contains(&folder) && names.len() == 3, "{names:?}");
    let mailboxes = world.server.mailboxes();
    assert_eq!(mailboxes.len(), 3, "{:?}", mailboxes.keys());
}

/// A pass that changes nothing on either side.
fn rests(world: &World) {
    let (there, here) = (world.server.marks(), world.local.marks());
    let report = report(world, Mode::Apply).unwrap();
    assert!(report.problems.is_empty(), "{report:?}");
    assert_eq!(world.server.marks(), there);
    assert_eq!(world.local.marks(), here);
}

#[test]
fn a_new_account_is_without_the_prefix() {
    let world = both("Work");
    driver::settle(&world, &pass).unwrap();
    assert_eq!(naming(&world), Some(Naming::Short));
    has_three_of_each(&world, "Work");
    // A server that has no prefix any more, and one that has it again.
    for prefix in [false, true] {
        world.server.switch(|switches| switches.prefix = prefix);
        rests(&world);
    }
}

#[test]
fn names_with_the_prefix_that_are_in_use_stay() {
    let world = both("INBOX/Work");
    driver::settle(&world, &pass).unwrap();
    assert_eq!(naming(&world), Some(Naming::Full));
    has_three_of_each(&world, "INBOX/Work");
    // The state of a version that knew of no namespaces.
    world.store.forget_naming();
    for _ in 0..2 {
        rests(&world);
        assert_eq!(naming(&world), Some(Naming::Full));
    }
    has_three_of_each(&world, "INBOX/Work");
    world.local_move(2, "INBOX", crate::sim::local::NameOnMove::Kept);
    driver::settle(&world, &pass).unwrap();
    assert!(
        world
            .server
            .find(&name("INBOX"), &content::mail(2))
            .is_some()
    );
    assert_eq!(world.server.uids(&name("Work")).len(), 2);
}

#[test]
fn a_dry_run_decides_nothing() {
    let world = both("Work");
    report(&world, Mode::DryRun).unwrap();
    assert_eq!(naming(&world), None);
}
