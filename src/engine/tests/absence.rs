//! What is not there, and proves nothing: roots that are not ours, folders in doubt, mailboxes that were not seen.

use std::time::Duration;

use super::{Mode, pass, report};
use crate::engine::ports::{Local, Marker, Store};
use crate::mail::Uid;
use crate::sim::local::NameOnMove;
use crate::sim::server::Switches;
use crate::sim::steps::DiskError;
use crate::sim::world::hand::name;
use crate::sim::{Place, Trouble, When, World, block_on, content, driver};
use crate::sync::HoldVerdict;

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
fn what_goes_from_a_folder_without_marker_after_the_user_decided_is_not_decided() {
    let world = World::new(3);
    for number in 1..5 {
        world.arrives("INBOX", number, "");
    }
    driver::settle(&world, &pass).unwrap();
    world.local_delete(1);
    world.local.remove_marker(&name("INBOX"));
    pass(&world).unwrap();
    assert_eq!(world.store.holds_now().len(), 1);
    world.store.decide(HoldVerdict::Approved);
    world.local_delete(2);
    pass(&world).unwrap();
    let left = |number| world.server.find(&name("INBOX"), &content::mail(number));
    assert!(left(1).is_none());
    assert!(left(2).is_some());
}

#[test]
fn mailboxes_that_are_missing_together_are_left_alone_until_that_has_lasted() {
    let world = World::new(3);
    let gone = ["A", "B", "C"].map(name);
    for (mailbox, number) in gone.iter().zip(1..) {
        world.server.create(mailbox, None);
        world.arrives(mailbox.as_str(), number, "");
    }
    world.arrives("INBOX", 4, "");
    driver::settle(&world, &pass).unwrap();
    gone.iter().for_each(|it| world.server.delete_mailbox(it));
    world.arrives("INBOX", 5, "");
    world.local_flags(4, "S");
    for _ in 0..2 {
        let told = report(&world, Mode::Apply).unwrap().problems;
        let told: Vec<_> = told.into_iter().map(|problem| problem.text).collect();
        // Nothing else is told: nobody looks at them.
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].contains("missing from the server's list: A, B, C;"),
            "{told:?}"
        );
        world.clock.jump(200);
    }
    world.is_in(5, &["INBOX"]).unwrap();
    assert_eq!(world.local.files(&name("A")).len(), 1);
    assert_eq!(world.server.uids(&name("INBOX")).len(), 2);
    world.clock.jump(400);
    driver::settle(&world, &pass).unwrap();
    let folders = world.local.folders_now();
    gone.iter()
        .for_each(|it| assert!(!folders.contains_key(it), "{it}"));
    assert!(block_on(world.store.absent()).unwrap().is_none());
}

/// They would be taken for mail that belongs into the new one.
#[test]
fn a_mailbox_is_not_made_again_before_its_old_files_are_away() {
    for turn in 1..40 {
        let world = World::new(3);
        let work = name("Work");
        world.server.create(&work, None);
        world.arrives("INBOX", 1, "");
        world.arrives("Work", 2, "");
        world.arrives("Work", 3, "");
        driver::settle(&world, &pass).unwrap();
        world.server.delete_mailbox(&work);
        world.filed("Work", 4, "");
        let call = world.steps.calls(Place::Local) + turn;
        // One of these calls puts them into the trash, and the first one stays.
        let trouble = Trouble::Disk(DiskError::Denied, When::Middle);
        world.steps.trouble_at(Place::Local, call, trouble);
        let _ = pass(&world);
        world.steps.reset();
        for _ in 0..2 {
            driver::settle(&world, &pass).unwrap();
            world.clock.advance(Duration::from_secs(24 * 3600));
        }
        world.is_in(4, &["Work"]).unwrap();
        for old in [2, 3] {
            if let Err(wrong) = world.is_in(old, &[]) {
                panic!("turn {turn}: {wrong}\n{}", world.steps.trace().join("\n"));
            }
        }
    }
}

#[test]
fn nothing_has_moved_out_of_a_folder_without_marker() {
    let world = World::new(3);
    world.server.create(&name("Work"), None);
    for number in 1..5 {
        world.arrives("INBOX", number, "");
    }
    driver::settle(&world, &pass).unwrap();
    world.local_move(1, "Work", NameOnMove::Kept);
    world.local.remove_marker(&name("INBOX"));
    pass(&world).unwrap();
    for mailbox in ["INBOX", "Work"] {
        let found = world.server.find(&name(mailbox), &content::mail(1));
        assert!(found.is_some(), "{mailbox}");
    }
}

#[test]
fn a_file_that_is_back_when_it_is_looked_for_again_is_not_gone() {
    let world = World::new(3);
    world.arrives("INBOX", 1, "");
    world.arrives("INBOX", 2, "");
    driver::settle(&world, &pass).unwrap();
    // Something else to do first: the file is back before its message's turn comes.
    world.local_flags(2, "F");
    let file = world.local.find(&name("INBOX"), &content::mail(1)).unwrap();
    let mut away = None;
    world.local.change_folder(&name("INBOX"), |folder| {
        away = folder.files.remove(&file);
    });
    let other = world.clone();
    world.steps.between(Some(Box::new(move || {
        if let Some(back) = away.take() {
            other.local.change_folder(&name("INBOX"), |folder| {
                folder.files.insert(file.clone(), back);
            });
        }
    })));
    pass(&world).unwrap();
    world.steps.between(None);
    world.is_in(1, &["INBOX"]).unwrap();
}

#[test]
fn mail_that_may_be_in_a_mailbox_that_was_not_seen_is_not_sent_again() {
    let world = World::new(3);
    world.server.create(&name("Work"), None);
    world.arrives("INBOX", 1, "");
    world.arrives("INBOX", 2, "");
    driver::settle(&world, &pass).unwrap();
    let restless = |so| {
        world
            .local
            .change_folder(&name("Work"), |folder| folder.restless = so);
    };
    world.remote_move(1, "Work");
    world.local_flags(1, "F");
    restless(true);
    let mark = world.steps.trace_len();
    assert!(pass(&world).is_err());
    assert_eq!(world.steps.traced(mark, "server append"), 0);
    restless(false);
    driver::settle(&world, &pass).unwrap();
    world.is_in(1, &["Work"]).unwrap();
    world.has_flags(1, "F").unwrap();
}

fn watermark_of(world: &World, mailbox: &str) -> Option<Uid> {
    let records = world.store.mailboxes_now();
    let mut records = records.into_iter();
    let record = records.find(|record| record.name == name(mailbox));
    record.and_then(|record| record.uidnext)
}

#[test]
fn a_watermark_waits_for_what_is_held() {
    let world = World::new(3);
    for number in 1..7 {
        world.arrives("INBOX", number, "");
    }
    driver::settle(&world, &pass).unwrap();
    assert!(watermark_of(&world, "INBOX").is_some());
    (1..7).for_each(|number| world.local_delete(number));
    pass(&world).unwrap();
    assert_eq!(world.store.holds_now().len(), 1);
    pass(&world).unwrap();
    assert_eq!(watermark_of(&world, "INBOX"), None);
}

#[test]
fn a_watermark_waits_for_what_was_left_out_because_of_a_mailbox_that_was_not_seen() {
    let world = World::new(3);
    world.server.create(&name("Work"), None);
    world.arrives("Work", 1, "");
    world.arrives("INBOX", 2, "");
    driver::settle(&world, &pass).unwrap();
    world.remote_move(1, "INBOX");
    world
        .local
        .change_folder(&name("Work"), |folder| folder.restless = true);
    assert!(pass(&world).is_err());
    assert_eq!(watermark_of(&world, "INBOX"), None);
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

#[test]
fn what_was_delivered_to_a_folder_that_was_not_seen_and_moved_on_is_not_sent() {
    for (turn, effect) in (1..8).flat_map(|turn| (1..30).map(move |effect| (turn, effect))) {
        let world = synced();
        world.server.create(&name("Work"), None);
        driver::settle(&world, &pass).unwrap();
        world.arrives("INBOX", 2, "");
        let mark = world.steps.trace_len();
        world.steps.reset();
        world.steps.stop_at(effect, When::After);
        let _ = pass(&world);
        if !world.steps.stopped() || world.steps.traced(mark, "local publish") == 0 {
            continue;
        }
        world.restart(false);
        world.local_move(2, "Work", NameOnMove::New);
        // One of these calls is the look at INBOX.
        let call = world.steps.calls(Place::Server) + turn;
        world.steps.trouble_at(Place::Server, call, Trouble::Refuse);
        let _ = pass(&world);
        world.steps.reset();
        driver::settle(&world, &pass).unwrap();
        if let Err(wrong) = world.is_in(2, &["Work"]) {
            panic!("turn {turn}: {wrong}\n{}", world.steps.trace().join("\n"));
        }
    }
}

#[test]
fn mail_does_not_wait_for_a_file_of_its_size_that_was_only_renamed() {
    let world = synced();
    let file = world.local.find(&name("INBOX"), &content::mail(1)).unwrap();
    let inbox = name("INBOX");
    world
        .local
        .move_file(&inbox, &file, &inbox, NameOnMove::New)
        .unwrap();
    world.remote_delete(1);
    world.arrives("INBOX", 2, "");
    pass(&world).unwrap();
    world.is_in(2, &["INBOX"]).unwrap();
    driver::settle(&world, &pass).unwrap();
    world.equal().unwrap();
}

/// While the server tells nonsense passes may fail; afterwards all is there.
#[test]
fn numbers_that_go_back_or_are_not_there_lose_nothing() {
    for (nonsense, sense) in [
        (
            (|s| s.modseq_back = true) as fn(&mut Switches),
            (|s| s.modseq_back = false) as fn(&mut Switches),
        ),
        (|s| s.no_uidvalidity = true, |s| s.no_uidvalidity = false),
        (|s| s.uidnext_back = true, |s| s.uidnext_back = false),
    ] {
        let world = synced();
        world.arrives("INBOX", 2, "");
        driver::settle(&world, &pass).unwrap();
        world.server.switch(nonsense);
        world.filed("INBOX", 3, "S");
        world.arrives("INBOX", 4, "");
        world.local_flags(1, "F");
        for _ in 0..4 {
            let _ = pass(&world);
            world.nothing_lost().unwrap();
        }
        world.server.switch(sense);
        driver::settle(&world, &pass).unwrap();
        world.nothing_lost().unwrap();
        world.equal().unwrap();
        world.has_flags(1, "F").unwrap();
    }
}

#[test]
fn a_file_with_another_name_whose_message_is_gone_goes_at_once_or_is_sent() {
    for (letters, stays) in [("", false), ("S", false), ("F", true)] {
        let world = World::new(3);
        for number in 1..5 {
            world.arrives("INBOX", number, "");
        }
        driver::settle(&world, &pass).unwrap();
        world.local_flags(1, letters);
        world.local_move(1, "INBOX", NameOnMove::New);
        world.remote_delete(1);
        pass(&world).unwrap();
        world.equal().unwrap();
        let found = world.server.find(&name("INBOX"), &content::mail(1));
        assert_eq!(found.is_some(), stays, "{letters}");
        pass(&world).unwrap();
        world.base_agrees().unwrap();
    }
}

#[test]
fn what_may_have_gone_into_a_folder_that_cannot_be_scanned_is_not_deleted() {
    let world = World::new(3);
    world.server.create(&name("Work"), None);
    for number in 1..5 {
        world.arrives("INBOX", number, "");
    }
    driver::settle(&world, &pass).unwrap();
    world.local_move(1, "Work", NameOnMove::New);
    let restless = |restless: bool| {
        let work = name("Work");
        world
            .local
            .change_folder(&work, |folder| folder.restless = restless);
    };
    restless(true);
    pass(&world).unwrap_err();
    let found = world.server.find(&name("INBOX"), &content::mail(1));
    assert!(found.is_some());
    restless(false);
    driver::settle(&world, &pass).unwrap();
    world.is_in(1, &["Work"]).unwrap();
}

/// As long as nobody can read it, it may be what is gone.
#[test]
fn a_file_that_cannot_be_read_keeps_deletions_back_until_it_can() {
    let world = World::new(3);
    for number in 1..5 {
        world.arrives("INBOX", number, "");
    }
    driver::settle(&world, &pass).unwrap();
    world.filed("INBOX", 9, "");
    let file = world.local.find(&name("INBOX"), &content::mail(9)).unwrap();
    world.local.change_folder(&name("INBOX"), |folder| {
        folder.files.get_mut(&file).unwrap().unreadable = true;
    });
    world.local_delete(1);
    let there = || world.server.find(&name("INBOX"), &content::mail(1));
    pass(&world).unwrap_err();
    assert!(there().is_some(), "it may be the unreadable file");
    for _ in 0..5 {
        world.clock.advance(Duration::from_secs(4 * 3600));
        pass(&world).unwrap_err();
    }
    assert!(there().is_some(), "it still may be");
    world.local.change_folder(&name("INBOX"), |folder| {
        folder.files.get_mut(&file).unwrap().unreadable = false;
    });
    driver::settle(&world, &pass).unwrap();
    assert!(there().is_none());
    world.nothing_lost().unwrap();
}

/// A link leads to a disk that is not mounted.
#[test]
fn a_folder_that_cannot_be_used_waits_and_the_others_go_on() {
    let world = synced();
    world.server.create(&name("Far"), None);
    world.arrives("Far", 2, "");
    driver::settle(&world, &pass).unwrap();
    for barred in [name("Far"), name("INBOX")] {
        let other = if barred.is_inbox() { "Far" } else { "INBOX" };
        let number = if barred.is_inbox() { 10 } else { 20 };
        world.local.bar(std::slice::from_ref(&barred));
        world.arrives(barred.as_str(), number, "");
        world.arrives(other, number + 1, "");
        for _ in 0..2 {
            let report = report(&world, Mode::Apply).unwrap();
            let problems: Vec<_> = report.problems.iter().map(|it| &it.mailbox).collect();
            assert_eq!(problems, [&Some(barred.clone())]);
        }
        world.is_in(1, &["INBOX"]).unwrap();
        world.is_in(2, &["Far"]).unwrap();
        world.is_in(number + 1, &[other]).unwrap();
        let here = world.local.find(&barred, &content::mail(number));
        assert!(here.is_none());
        world.local.bar(&[]);
        driver::settle(&world, &pass).unwrap();
        world.equal().unwrap();
        world.is_in(number, &[barred.as_str()]).unwrap();
    }
}
