//! What a pass that was stopped had begun, when something else happened before the next one looked.

use std::time::Duration;

use super::synced;
use crate::engine::tests::{self, pass};
use crate::sim::content;
use crate::sim::local::NameOnMove;
use crate::sim::world::hand::{flags, name};
use crate::sim::{World, driver};
use crate::sync::IntentKind;

/// Stops the pass after this change right after an effect whose trace begins like this.
fn stopped_after(change: fn(&World), begins: &str) -> World {
    tests::stopped_after(|| synced(|_| ()), change, begins)
}

#[test]
fn what_another_client_moved_on_before_it_was_looked_for_is_not_sent_again() {
    let world = stopped_after(|world| world.filed("INBOX", 2, ""), "server append");
    world.remote_move(2, "Work");
    driver::settle(&world, &pass).unwrap();
    world.is_in(2, &["Work"]).unwrap();
    assert_eq!(world.steps.traced(0, "server append"), 1);
}

#[test]
fn what_only_looks_as_if_it_had_been_moved_on_is_another_mail() {
    let world = stopped_after(|world| world.filed("INBOX", 2, ""), "server append");
    let (uid, date) = {
        let inbox = &world.server.mailboxes()[&name("INBOX")];
        let uid = world
            .server
            .find(&name("INBOX"), &content::mail(2))
            .unwrap();
        (uid, inbox.messages[&uid].date)
    };
    world.server.change(&name("INBOX"), |inbox| {
        inbox.messages.remove(&uid);
    });
    let body = content::alike(2);
    let other = world.server.append(&name("Work"), &body, flags(""));
    world.server.change(&name("Work"), |work| {
        work.messages.get_mut(&other).unwrap().date = date;
    });
    driver::settle(&world, &pass).unwrap();
    world.is_in(2, &["INBOX"]).unwrap();
    world.body_is_in(&body, &["Work"]).unwrap();
}

#[test]
fn what_was_sent_is_found_though_its_file_was_rewritten_elsewhere_since() {
    let world = stopped_after(|world| world.filed("INBOX", 2, ""), "server append");
    world.local_move(2, "Work", NameOnMove::Rewritten);
    driver::settle(&world, &pass).unwrap();
    world.is_in(2, &["Work"]).unwrap();
}

#[test]
fn what_was_sent_to_another_generation_is_not_taken_for_what_only_looks_alike() {
    let world = stopped_after(
        |world| world.filed("INBOX", 2, ""),
        "store commit putintent",
    );
    let body = content::alike(2);
    world.clock.advance(Duration::from_secs(100));
    world.server.append(&name("INBOX"), &body, flags(""));
    for _ in 0..2 {
        world.server.renumber(&name("INBOX"));
    }
    driver::settle(&world, &pass).unwrap();
    world.is_in(2, &["INBOX"]).unwrap();
    world.body_is_in(&body, &["INBOX"]).unwrap();
}

/// In the same generation it would be what the server made of the mail in its own way.
#[test]
fn what_was_sent_to_another_generation_is_not_taken_for_another_version() {
    let world = stopped_after(
        |world| world.filed("INBOX", 2, ""),
        "store commit putintent",
    );
    let IntentKind::Upload { identity, .. } = world.store.intents_now()[0].kind.clone() else {
        panic!("an upload was begun");
    };
    let edited = content::edited(&content::mail(2), 1);
    let uid = world.server.append(&name("INBOX"), &edited, flags(""));
    world.server.change(&name("INBOX"), |inbox| {
        inbox.messages.get_mut(&uid).unwrap().date = identity.date;
    });
    // Twice, so that it is again later than what was there before.
    for _ in 0..2 {
        world.server.renumber(&name("INBOX"));
    }
    driver::settle(&world, &pass).unwrap();
    world.is_in(2, &["INBOX"]).unwrap();
    world.body_is_in(&edited, &["INBOX"]).unwrap();
}

#[test]
fn what_was_copied_is_found_though_its_file_was_rewritten_elsewhere_since() {
    let world = stopped_after(|world| world.local_copy(1, "Work"), "server copy");
    let file = world.local.find(&name("Work"), &content::mail(1)).unwrap();
    world
        .local
        .move_file(&name("Work"), &file, &name("Trash"), NameOnMove::Rewritten);
    driver::settle(&world, &pass).unwrap();
    world.is_in(1, &["INBOX", "Trash"]).unwrap();
}

#[test]
fn a_delivered_file_that_was_rewritten_elsewhere_has_moved() {
    let world = stopped_after(|world| world.arrives("INBOX", 2, ""), "local publish");
    world.local_move(2, "Work", NameOnMove::Rewritten);
    driver::settle(&world, &pass).unwrap();
    world.is_in(2, &["Work"]).unwrap();
    world.nothing_doubled().unwrap();
}

#[test]
fn a_staged_file_is_not_taken_for_a_copy_elsewhere() {
    let world = stopped_after(
        |world| world.arrives("INBOX", 2, ""),
        "store commit putentry",
    );
    world.filed("Work", 2, "");
    driver::settle(&world, &pass).unwrap();
    world.is_in(2, &["INBOX", "Work"]).unwrap();
}

#[test]
fn a_copy_of_another_version_is_not_taken_for_what_was_being_sent() {
    let edited = content::edited(&content::mail(2), 1);
    let world = stopped_after(
        |world| {
            let edited = content::edited(&content::mail(2), 1);
            world.server.append(&name("Work"), &edited, flags(""));
            driver::settle(world, &pass).unwrap();
            world.filed("INBOX", 2, "");
        },
        "store commit putintent",
    );
    let IntentKind::Upload { identity, .. } = world.store.intents_now()[0].kind.clone() else {
        panic!("an upload was begun");
    };
    let uid = world.server.append(&name("INBOX"), &edited, flags(""));
    world.server.change(&name("INBOX"), |inbox| {
        inbox.messages.get_mut(&uid).unwrap().date = identity.date;
    });
    driver::settle(&world, &pass).unwrap();
    world.is_in(2, &["INBOX"]).unwrap();
    world.body_is_in(&edited, &["INBOX", "Work"]).unwrap();
}

#[test]
fn what_was_copied_and_moved_on_by_another_client_is_not_copied_again() {
    let world = stopped_after(|world| world.local_copy(1, "Work"), "server copy");
    let work = name("Work");
    let uid = world.server.find(&work, &content::mail(1)).unwrap();
    world.server.transfer(&work, uid, &name("Trash"), false);
    driver::settle(&world, &pass).unwrap();
    world.is_in(1, &["INBOX", "Trash"]).unwrap();
    assert_eq!(world.steps.traced(0, "server copy"), 1);
}
