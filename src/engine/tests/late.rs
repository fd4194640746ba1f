//! Mail that the server carries out late, and what others do in the middle of a pass.

mod stopped;

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

/// A file that has a row is no new file, which waits for its content alone.
#[test]
fn a_file_that_is_sent_again_for_its_row_waits_as_well() {
    for effect in 1..20 {
        let world = synced(|world| world.server.switch(|switches| switches.late = Some(10)));
        world.local_flags(1, "F");
        world.remote_delete(1);
        world.steps.reset();
        world.steps.stop_at(effect, When::After);
        let _ = driver::settle(&world, &pass);
        world.restart(false);
        driver::settle(&world, &pass).unwrap();
        world.is_in(1, &["INBOX"]).unwrap();
        let sent = world.steps.traced(0, "server append inbox");
        assert_eq!(sent, 1, "stopped at {effect}");
    }
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
