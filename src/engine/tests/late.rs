//! Mail that the server carries out late, and files that go before their rows are finished.

use std::time::Duration;

use super::pass;
use crate::engine::ports::{Clock, Store};
use crate::mail::{FlagDelta, Uid};
use crate::sim::content::{self, Body};
use crate::sim::local::NameOnMove;
use crate::sim::server::SimMessage;
use crate::sim::world::hand::{flags, name};
use crate::sim::{When, World, block_on, driver};
use crate::sync::{Change, Intent, IntentId, IntentKind};

/// A world in which mail 1 is on both sides.
fn synced(switch: fn(&World)) -> World {
    let world = World::new(3);
    world.server.create(&name("Work"), None);
    switch(&world);
    world.arrives("INBOX", 1, "");
    driver::settle(&world, &pass).unwrap();
    world
}

/// Writes down that an APPEND of `body` to INBOX was given up so many seconds ago.
fn give_up(world: &World, body: &Body, ago: i64) {
    give_up_one(world, body, ago, false);
}

fn give_up_one(world: &World, body: &Body, ago: i64, copied: bool) {
    let inbox = &world.server.mailboxes()[&name("INBOX")];
    let records = world.store.mailboxes_now();
    let record = records.iter().find(|record| record.name.is_inbox());
    let now = world.clock.now();
    let intent = Intent {
        id: IntentId(9000),
        kind: IntentKind::Overdue {
            copied,
            mailbox: record.unwrap().id,
            identity: content::identity(body, now, true),
            flags: flags(""),
            uidvalidity: inbox.uidvalidity,
            uidnext: Uid::new(inbox.uidnext).unwrap(),
        },
        since: now - ago,
    };
    block_on(world.store.commit(vec![Change::PutIntent(intent)])).unwrap();
}

fn copies(world: &World) -> usize {
    driver::settle(world, &pass).unwrap();
    world.equal().unwrap();
    world.server.uids(&name("INBOX")).len()
}

#[test]
fn a_second_one_of_a_mail_that_was_sent_again_goes() {
    let world = synced(|_| ());
    give_up(&world, &content::mail(1), 600);
    world.arrives("INBOX", 1, "");
    assert_eq!(copies(&world), 1);
    assert!(world.store.intents_now().is_empty(), "it was the one");
    world.arrives("INBOX", 1, "");
    assert_eq!(copies(&world), 2, "this one is somebody's copy");
}

#[test]
fn one_that_somebody_touched_stays() {
    let world = synced(|_| ());
    give_up(&world, &content::mail(1), 600);
    world.arrives("INBOX", 1, "F");
    assert_eq!(copies(&world), 2);
}

#[test]
fn one_that_only_looks_alike_stays() {
    let world = synced(|_| ());
    give_up(&world, &content::mail(1), 600);
    let body = content::alike(1);
    world.server.append(&name("INBOX"), &body, flags(""));
    assert_eq!(copies(&world), 2);
}

#[test]
fn the_only_one_stays() {
    let world = synced(|_| ());
    give_up(&world, &content::mail(1), 600);
    let uid = world.server.uids(&name("INBOX"))[0];
    world.arrives("INBOX", 1, "");
    world.server.delete(&name("INBOX"), uid);
    assert_eq!(copies(&world), 1);
}

#[test]
fn the_other_one_may_have_been_moved_just_now() {
    for moved in [
        |world: &World| world.remote_move(1, "Trash"),
        |world: &World| world.local_delete(1),
    ] {
        let world = synced(|_| ());
        give_up(&world, &content::mail(1), 600);
        let date = world.clock.now();
        moved(&world);
        // One pass has moved it to the trash, and has not yet looked there.
        pass(&world).unwrap();
        world.clock.jump(date - world.clock.now());
        world.arrives("INBOX", 1, "");
        assert_eq!(copies(&world), 0);
        world.is_in(1, &["Trash"]).unwrap();
    }
}

#[test]
fn a_copy_that_comes_late_goes_where_there_is_another_one() {
    let world = synced(|_| ());
    give_up_one(&world, &content::mail(1), 600, true);
    world.arrives("INBOX", 1, "");
    assert_eq!(copies(&world), 1);
    // In another mailbox it is what somebody wanted there.
    let world = synced(|_| ());
    give_up_one(&world, &content::mail(1), 600, true);
    let date = world.clock.now();
    world.local_move(1, "Work", NameOnMove::Kept);
    driver::settle(&world, &pass).unwrap();
    world.clock.jump(date - world.clock.now());
    world.arrives("INBOX", 1, "");
    assert_eq!(copies(&world), 1);
    world.is_in(1, &["INBOX", "Work"]).unwrap();
}

/// Whatever a dead connection had sent, it is there once in the end.
#[test]
fn copies_and_moves_that_are_carried_out_late_leave_nothing_behind() {
    for change in [
        |world: &World| world.local_copy(1, "Work"),
        |world: &World| world.local_move(1, "Work", NameOnMove::New),
        |world: &World| world.local_delete(1),
    ] {
        for effect in 1..20 {
            let world = synced(|world| {
                world.server.switch(|switches| {
                    switches.late = Some(600);
                    switches.uid_move = false;
                });
            });
            change(&world);
            world.steps.reset();
            world.steps.stop_at(effect, When::After);
            let _ = driver::settle(&world, &pass);
            world.restart(false);
            driver::settle(&world, &pass).unwrap();
            world.clock.advance(Duration::from_secs(600));
            driver::settle(&world, &pass).unwrap();
            world.equal().unwrap();
            world.nothing_lost().unwrap();
            world.nothing_doubled().unwrap();
        }
    }
}

#[test]
fn where_others_would_go_with_it_it_stays() {
    let world = synced(|world| world.server.switch(|switches| switches.uidplus = false));
    give_up(&world, &content::mail(1), 600);
    world.arrives("INBOX", 1, "");
    assert_eq!(copies(&world), 2);
    let inbox = &world.server.mailboxes()[&name("INBOX")];
    let unmarked = |found: &SimMessage| found.flags == flags("");
    assert!(inbox.messages.values().all(unmarked));
}

#[test]
fn after_a_day_nothing_comes_late() {
    let world = synced(|_| ());
    give_up(&world, &content::mail(1), 25 * 3600);
    world.arrives("INBOX", 1, "");
    assert_eq!(copies(&world), 2);
    assert!(world.store.intents_now().is_empty());
}

#[test]
fn one_that_moved_on_with_its_file_is_still_the_other_one() {
    let world = synced(|_| ());
    give_up(&world, &content::mail(1), 600);
    let date = world.clock.now();
    world.local_move(1, "Work", NameOnMove::Kept);
    driver::settle(&world, &pass).unwrap();
    world.clock.jump(date - world.clock.now());
    world.arrives("INBOX", 1, "");
    assert_eq!(copies(&world), 0);
    world.is_in(1, &["Work"]).unwrap();
}

#[test]
fn an_append_that_comes_soon_is_waited_for() {
    for effect in 1..20 {
        let world = synced(|world| world.server.switch(|switches| switches.late = Some(10)));
        world.filed("INBOX", 4, "");
        world.steps.reset();
        world.steps.stop_at(effect, When::After);
        let _ = driver::settle(&world, &pass);
        world.restart(false);
        driver::settle(&world, &pass).unwrap();
        world.is_in(4, &["INBOX"]).unwrap();
        let sent = world.steps.traced(0, "server append");
        assert_eq!(sent, 1, "stopped at {effect}");
    }
}

/// Stops the pass after this change right after an effect whose trace begins like this.
fn stopped_after(change: fn(&World), begins: &str) -> World {
    super::stopped_after(|| synced(|_| ()), change, begins)
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
fn flags_that_others_change_in_the_middle_of_a_pass_are_not_overwritten() {
    let world = synced(|_| ());
    world.local_flags(1, "S");
    let (other, mut once) = (world.clone(), true);
    world.steps.between(Some(Box::new(move || {
        if std::mem::take(&mut once) {
            let uid = other.server.uids(&name("INBOX"))[0];
            let delta = FlagDelta {
                add: flags("S"),
                remove: flags(""),
            };
            other.server.set_flags(&name("INBOX"), uid, &delta);
            let delta = FlagDelta {
                add: flags(""),
                remove: flags("S"),
            };
            other.server.set_flags(&name("INBOX"), uid, &delta);
        }
    })));
    let mark = world.steps.trace_len();
    pass(&world).unwrap();
    world.steps.between(None);
    let inbox = &world.server.mailboxes()[&name("INBOX")];
    let now: Vec<_> = inbox
        .messages
        .values()
        .map(|found| found.flags.clone())
        .collect();
    assert_eq!(
        now,
        [flags("")],
        "{:?}",
        world.steps.trace().split_off(mark)
    );
}

#[test]
fn what_was_copied_is_not_removed_from_where_another_message_has_its_uid_now() {
    let world = World::new(3);
    world.server.create(&name("Work"), None);
    world.server.switch(|switches| switches.uid_move = false);
    for number in 1..4 {
        world.arrives("INBOX", number, "");
    }
    driver::settle(&world, &pass).unwrap();
    world.local_move(1, "Work", NameOnMove::Kept);
    let mark = world.steps.trace_len();
    world.steps.reset();
    for effect in 1..20 {
        if world.steps.traced(mark, "server move") > 0 {
            break;
        }
        world.steps.reset();
        world.steps.stop_at(effect, When::After);
        let _ = pass(&world);
        world.restart(false);
    }
    world.server.renumber(&name("INBOX"));
    driver::settle(&world, &pass).unwrap();
    world.nothing_lost().unwrap();
    for number in 2..4 {
        world.is_in(number, &["INBOX"]).unwrap();
    }
}

#[test]
fn nothing_is_done_to_uids_that_mean_others_by_now() {
    for change in [
        |world: &World| world.local_delete(1),
        |world: &World| world.local_flags(1, "F"),
        |world: &World| world.local_move(1, "Work", NameOnMove::Kept),
        |world: &World| world.local_copy(1, "Work"),
    ] {
        let world = World::new(3);
        world.server.create(&name("Work"), None);
        for number in 1..4 {
            world.arrives("INBOX", number, "");
        }
        driver::settle(&world, &pass).unwrap();
        change(&world);
        let (other, mut once) = (world.clone(), true);
        world.steps.between(Some(Box::new(move || {
            if std::mem::take(&mut once) {
                other.server.renumber(&name("INBOX"));
            }
        })));
        world.steps.reset();
        // The root's marker is written first: the view is of before.
        let _ = pass(&world);
        world.steps.between(None);
        driver::settle(&world, &pass).unwrap();
        world.nothing_lost().unwrap();
        world.equal().unwrap();
        world.is_in(3, &["INBOX"]).unwrap();
        world.has_flags(3, "").unwrap();
    }
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
