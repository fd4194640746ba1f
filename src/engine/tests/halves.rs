//! Half a move is no deletion: what was moved to where it cannot be synced stays on the server and is reported.

use std::rc::Rc;

use super::{hinted_pass, ports, settings};
use crate::engine::{Fault, Mode, Reach, Report, Scope, Settings, sync};
use crate::mail::MailboxName;
use crate::sim::driver::{self, Chaos};
use crate::sim::local::NameOnMove;
use crate::sim::steps::DiskError;
use crate::sim::world::hand::name;
use crate::sim::{Place, Trouble, When, World, block_on, content};
use crate::sync::{Deletions, HoldVerdict, Policy, Push};

const WAYS: [NameOnMove; 3] = [NameOnMove::Kept, NameOnMove::New, NameOnMove::Rewritten];

/// A deletion is for good: what is deleted wrongly is nowhere on the server.
fn expunging() -> Settings {
    Settings {
        policy: Policy {
            deletions: Deletions::Expunge,
            ..Policy::default()
        },
        ..settings()
    }
}

fn pushing(change: impl FnOnce(&mut Push)) -> Settings {
    let mut settings = expunging();
    change(&mut settings.policy.push);
    settings
}

fn report(world: &World, settings: &Settings, mode: Mode) -> Report {
    block_on(sync(&ports(world), settings, &Scope::All, mode)).unwrap()
}

fn pass_with(settings: &Settings) -> impl Fn(&World) -> Result<(), Fault> {
    |world| {
        let report = block_on(sync(&ports(world), settings, &Scope::All, Mode::Apply))?;
        match report.problems.into_iter().next() {
            Some(problem) => Err(Fault::new(Reach::Message, true, problem.text)),
            None => Ok(()),
        }
    }
}

/// INBOX with 1 to 4, both sides in line, and a folder that the server does not have.
fn with_new_folder(settings: &Settings) -> World {
    let world = World::new(11);
    for number in 1..5 {
        world.arrives("INBOX", number, "S");
    }
    driver::settle(&world, &pass_with(settings)).unwrap();
    world.local.make_folder(&name("Neu"));
    world
}

fn is_there(world: &World, number: u64) -> bool {
    let places = world.remote_places(&content::mail(number));
    places.iter().any(|(mailbox, _)| *mailbox == name("INBOX"))
}

/// The message stays, each pass says why, and nothing else is done about it.
fn waits(world: &World, settings: &Settings, words: &str) {
    for mode in [Mode::DryRun, Mode::Apply, Mode::Apply] {
        let mark = world.steps.trace_len();
        let told = report(world, settings, mode).problems;
        let mut told = told.iter().map(|problem| problem.text.as_str());
        assert!(
            told.any(|text| text.contains(words)),
            "{mode:?}: no {words}"
        );
        assert!(is_there(world, 1), "{}", world.text());
        assert_eq!(world.steps.traced(mark, "server fetch"), 0);
        world.clock.jump(61);
    }
    world.nothing_lost().unwrap();
}

#[test]
fn what_moved_to_a_mailbox_that_cannot_be_created_waits_until_it_can() {
    for how in WAYS {
        let settings = expunging();
        let world = with_new_folder(&settings);
        world.server.switch(|it| it.refuse_create = true);
        world.local_move(1, "Neu", how);
        waits(&world, &settings, "the folder Neu has the same mail");
        let refused = report(&world, &settings, Mode::Apply).problems;
        assert!(refused.iter().any(|it| it.mailbox == Some(name("Neu"))));
        world.server.switch(|it| it.refuse_create = false);
        let mark = world.steps.trace_len();
        driver::settle(&world, &pass_with(&settings)).unwrap();
        world.is_in(1, &["Neu"]).unwrap();
        world.equal().unwrap();
        assert_eq!(world.steps.traced(mark, "server append"), 0, "{how:?}");
    }
}

#[test]
fn what_moved_to_a_folder_that_is_not_pushed_waits() {
    let settings = pushing(|push| push.mailboxes = false);
    let world = with_new_folder(&settings);
    world.local_move(1, "Neu", NameOnMove::Rewritten);
    waits(&world, &settings, "`push` lacks \"mailboxes\"");
}

#[test]
fn what_moved_to_a_folder_that_is_left_out_waits() {
    let leave_out = || Settings {
        selects: Rc::new(|it: &MailboxName| *it != name("Neu")),
        ..expunging()
    };
    let world = with_new_folder(&leave_out());
    world.local_move(1, "Neu", NameOnMove::New);
    waits(&world, &leave_out(), "left out by `mailboxes`");
}

#[test]
fn what_may_neither_be_moved_nor_sent_waits() {
    let settings = pushing(|push| (push.moves, push.new) = (false, false));
    let world = with_new_folder(&settings);
    world.server.create(&name("Work"), None);
    driver::settle(&world, &pass_with(&settings)).unwrap();
    world.local_move(1, "Work", NameOnMove::Kept);
    waits(&world, &settings, "allows neither");
}

#[test]
fn what_moved_to_a_mailbox_that_can_only_be_read_waits() {
    let settings = expunging();
    let world = with_new_folder(&settings);
    world.local.remove_folder(&name("Neu"));
    world.server.create(&name("Work"), None);
    driver::settle(&world, &pass_with(&settings)).unwrap();
    world
        .server
        .change(&name("Work"), |mailbox| mailbox.read_only = true);
    world.local_move(1, "Work", NameOnMove::Kept);
    waits(&world, &settings, "only be read");
}

/// A flag that is set meanwhile on the server does not bring the message back as a second one.
#[test]
fn a_message_that_waits_is_not_fetched_when_it_is_flagged() {
    let settings = expunging();
    let world = with_new_folder(&settings);
    world.server.switch(|it| it.refuse_create = true);
    world.local_move(1, "Neu", NameOnMove::Rewritten);
    report(&world, &settings, Mode::Apply);
    world.remote_flags(1, "F", "");
    waits(&world, &settings, "the folder Neu");
    world.server.switch(|it| it.refuse_create = false);
    driver::settle(&world, &pass_with(&settings)).unwrap();
    world.is_in(1, &["Neu"]).unwrap();
    world.has_flags(1, "SF").unwrap();
}

/// Moved here to where it cannot go, moved on there: one message.
#[test]
fn a_message_that_waits_and_is_moved_on_the_server_stays_one() {
    let settings = expunging();
    let world = with_new_folder(&settings);
    world.server.create(&name("Work"), None);
    world.server.switch(|it| it.refuse_create = true);
    world.local_move(1, "Neu", NameOnMove::New);
    report(&world, &settings, Mode::Apply);
    world.remote_move(1, "Work");
    for _ in 0..2 {
        report(&world, &settings, Mode::Apply);
        assert_eq!(world.local_places(&content::mail(1)).len(), 1);
    }
    world.server.switch(|it| it.refuse_create = false);
    driver::settle(&world, &pass_with(&settings)).unwrap();
    assert_eq!(world.local_places(&content::mail(1)).len(), 1);
    world.equal().unwrap();
}

#[test]
fn a_hint_deletes_no_half_of_a_move() {
    let world = with_new_folder(&expunging());
    world.server.switch(|it| it.refuse_create = true);
    world.local_move(1, "Neu", NameOnMove::Rewritten);
    for _ in 0..2 {
        assert!(hinted_pass(&world).is_err());
        assert!(is_there(&world, 1));
    }
}

/// A whole mailbox that was moved is no flood of deletions, and approving of one deletes no half of a move.
#[test]
fn a_folder_that_was_moved_whole_is_not_held_but_waits() {
    let settings = expunging();
    let world = World::new(12);
    for number in 1..41 {
        world.arrives("INBOX", number, "");
    }
    driver::settle(&world, &pass_with(&settings)).unwrap();
    world.local.make_folder(&name("Neu"));
    world.server.switch(|it| it.refuse_create = true);
    for number in 1..41 {
        world.local_move(number, "Neu", NameOnMove::Kept);
    }
    let told = report(&world, &settings, Mode::Apply);
    assert_eq!(told.held, 0);
    assert!(
        told.problems
            .iter()
            .any(|it| it.text.contains("40 messages stay on the server")),
        "{:?}",
        told.problems
    );
    assert_eq!(world.server.uids(&name("INBOX")).len(), 40);
}

#[test]
fn approving_of_deletions_deletes_no_half_of_a_move() {
    let settings = expunging();
    let world = World::new(13);
    for number in 1..41 {
        world.arrives("INBOX", number, "");
    }
    driver::settle(&world, &pass_with(&settings)).unwrap();
    // They are gone, and held; then they turn up where nothing is synced.
    let mut files = Vec::new();
    world.local.change_folder(&name("INBOX"), |folder| {
        files.extend(std::mem::take(&mut folder.files));
    });
    assert_eq!(report(&world, &settings, Mode::Apply).held, 1);
    world.server.switch(|it| it.refuse_create = true);
    world.local.make_folder(&name("Neu"));
    world
        .local
        .change_folder(&name("Neu"), |folder| folder.files.extend(files));
    world.store.decide(HoldVerdict::Approved);
    report(&world, &settings, Mode::Apply);
    assert_eq!(world.server.uids(&name("INBOX")).len(), 40);
}

#[test]
fn where_nobody_could_look_nothing_is_deleted() {
    let settings = expunging();
    let world = with_new_folder(&settings);
    world.local.remove_folder(&name("Neu"));
    world.local_delete(1);
    let mut refused = 0;
    for call in 1..40 {
        let twin = with_new_folder(&settings);
        twin.local.remove_folder(&name("Neu"));
        twin.local_delete(1);
        twin.steps.reset();
        let mark = twin.steps.trace_len();
        let trouble = Trouble::Disk(DiskError::Denied, When::Middle);
        twin.steps.trouble_at(Place::Local, call, trouble);
        let told = block_on(sync(&ports(&twin), &settings, &Scope::All, Mode::Apply));
        if twin
            .steps
            .traced(mark, "!! Disk(Denied, Middle) in find_unsynced")
            > 0
        {
            refused += 1;
            assert!(is_there(&twin, 1));
            assert!(
                told.unwrap().problems[0]
                    .text
                    .contains("could not be looked for")
            );
        }
        driver::settle(&twin, &pass_with(&settings)).unwrap();
        assert!(!is_there(&twin, 1));
    }
    assert_eq!(refused, 1);
}

/// The old version goes only after the new one has come.
#[test]
fn an_edited_message_stays_until_its_new_version_was_sent() {
    for (moves, change) in [
        (true, (|world| drop(world.local_edit(1))) as fn(&World)),
        (false, |world| world.local_move(1, "Work", NameOnMove::Kept)),
    ] {
        let settings = pushing(|push| push.moves = moves);
        let mut refusals = 0;
        for call in 1..40 {
            let world = with_new_folder(&settings);
            world.server.create(&name("Work"), None);
            driver::settle(&world, &pass_with(&settings)).unwrap();
            world.steps.reset();
            change(&world);
            world.steps.trouble_at(Place::Server, call, Trouble::Refuse);
            let mark = world.steps.trace_len();
            let _ = block_on(sync(&ports(&world), &settings, &Scope::All, Mode::Apply));
            if world.steps.traced(mark, "!! Refuse in append") > 0 {
                refusals += 1;
                assert!(is_there(&world, 1), "{}", world.text());
                // Nor while the file waits for its next try.
                let told = report(&world, &settings, Mode::Apply).problems;
                assert!(is_there(&world, 1) || told.is_empty(), "{}", world.text());
            }
            world.steps.reset();
            driver::settle(&world, &pass_with(&settings)).unwrap();
            world.equal().unwrap();
            assert!(!is_there(&world, 1));
        }
        assert!(refusals > 0);
    }
}

/// What cannot be sent keeps its old version on the server, however often that was tried.
#[test]
fn a_version_that_the_server_never_takes_replaces_nothing() {
    let settings = expunging();
    let world = with_new_folder(&settings);
    world.server.switch(|it| it.append_limit = Some(10));
    world.local_edit(1);
    for _ in 0..8 {
        let told = report(&world, &settings, Mode::Apply);
        assert!(!told.problems.is_empty());
        assert!(is_there(&world, 1));
        world.clock.jump(86_400);
    }
    world.server.switch(|it| it.append_limit = None);
    driver::settle(&world, &pass_with(&settings)).unwrap();
    assert!(!is_there(&world, 1));
    world.equal().unwrap();
}

#[test]
fn lives_on_servers_that_create_nothing() {
    super::lives_of(
        "lives_on_servers_that_create_nothing",
        Chaos::UNCREATED,
        &|world: &World| {
            world.ledger.expunge();
            pass_with(&expunging())(world)
        },
    );
}
