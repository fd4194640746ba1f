//! What listeners want, carried out, and taken to the server by the pass after it.

use super::*;
use crate::engine::{Acted, act};
use crate::sim::content;
use crate::sim::world::hand::{flags, name};
use crate::sync::{Act, HoldVerdict, RowId, Wanted};

fn world_of(count: u64) -> World {
    let world = World::new(11);
    world.server.create(&name("Archive"), None);
    for number in 1..=count {
        world.arrives("INBOX", number, "");
    }
    driver::settle(&world, &pass).unwrap();
    world
}

/// A wish about mail `number`, as it was seen just now.
fn wish(world: &World, number: u64, act: Act) -> Wanted {
    let (mailbox, local) = world.local_places(&content::mail(number)).remove(0);
    let entries = world.store.entries_now().into_iter();
    let row = entries
        .filter(|entry| entry.local.as_ref() == Some(&local))
        .map(|entry| entry.row)
        .next();
    Wanted {
        row: row.unwrap_or(RowId(0)),
        mailbox,
        local,
        act,
    }
}

fn carry_out(world: &World, wanted: &[Wanted]) -> Acted {
    block_on(act(&ports(world), &settings(), wanted)).unwrap()
}

fn settled(world: &World) {
    driver::settle(world, &pass).unwrap();
    world.nothing_lost().unwrap();
    world.told_well().unwrap();
}

#[test]
fn a_move_becomes_a_move_on_the_server() {
    let world = world_of(2);
    let acted = carry_out(&world, &[wish(&world, 1, Act::MoveTo(name("Archive")))]);
    assert_eq!((acted.done, acted.skipped), (1, 0));
    assert!(acted.touched.contains(&name("INBOX")) && acted.touched.contains(&name("Archive")));
    let mark = world.steps.trace_len();
    settled(&world);
    world.is_in(1, &["Archive"]).unwrap();
    assert_eq!(world.steps.traced(mark, "server append"), 0);
    world.equal().unwrap();
}

#[test]
fn wishes_for_one_message_are_carried_out_in_their_order() {
    let world = world_of(2);
    let wanted = [
        wish(&world, 1, Act::AddFlags(flags("SF"))),
        wish(&world, 1, Act::MoveTo(name("Archive"))),
        wish(&world, 1, Act::RemoveFlags(flags("F"))),
        wish(&world, 2, Act::AddFlags(flags("R"))),
    ];
    let acted = carry_out(&world, &wanted);
    assert_eq!(acted.done, 4, "{acted:?}");
    settled(&world);
    world.is_in(1, &["Archive"]).unwrap();
    world.has_flags(1, "S").unwrap();
    world.has_flags(2, "R").unwrap();
}

/// File names have no letters for them: the state carries them to the server.
#[test]
fn keywords_without_letters_arrive_on_the_server_all_the_same() {
    let world = world_of(4);
    let before = world.local_places(&content::mail(1));
    let wanted = [
        wish(&world, 1, Act::AddFlags(flags(" Work"))),
        wish(&world, 2, Act::AddFlags(flags("F Work"))),
        wish(&world, 2, Act::MoveTo(name("Archive"))),
        wish(&world, 3, Act::AddFlags(flags("F work Later"))),
        wish(&world, 3, Act::RemoveFlags(flags("F later"))),
    ];
    let acted = carry_out(&world, &wanted);
    assert_eq!((acted.done, acted.refused.len()), (5, 0), "{acted:?}");
    assert_eq!(world.local_places(&content::mail(1)), before);
    settled(&world);
    world.has_flags(1, " Work").unwrap();
    world.is_in(2, &["Archive"]).unwrap();
    world.has_flags(2, "F Work").unwrap();
    world.has_flags(3, " Work").unwrap();
    world.equal().unwrap();
    // Who takes it away afterwards is not contradicted.
    world.remote_flags(1, "", " Work");
    settled(&world);
    world.has_flags(1, "").unwrap();
    carry_out(&world, &[wish(&world, 3, Act::RemoveFlags(flags(" Work")))]);
    settled(&world);
    world.has_flags(3, "").unwrap();
}

#[test]
fn a_folder_at_rest_is_looked_at_when_a_keyword_is_wanted() {
    let world = world_of(1);
    driver::settle(&world, &hinted_pass).unwrap();
    let acted = carry_out(&world, &[wish(&world, 1, Act::AddFlags(flags(" Work")))]);
    let scope = Scope::Touched(acted.touched);
    block_on(sync(&ports(&world), &settings(), &scope, Mode::Apply)).unwrap();
    world.has_flags(1, " Work").unwrap();
    world.equal().unwrap();
}

#[test]
fn what_the_user_did_meanwhile_stays() {
    let world = world_of(2);
    let wanted = [
        wish(&world, 1, Act::AddFlags(flags("F"))),
        wish(&world, 2, Act::Delete),
    ];
    world.local_flags(1, "SR");
    world.local_delete(2);
    let acted = carry_out(&world, &wanted);
    assert_eq!((acted.done, acted.skipped), (1, 1));
    settled(&world);
    world.has_flags(1, "SRF").unwrap();
}

#[test]
fn a_folder_that_is_missing_is_made_on_both_sides() {
    let world = world_of(1);
    let acted = carry_out(&world, &[wish(&world, 1, Act::MoveTo(name("Lists/rust")))]);
    assert!(acted.folders && acted.done == 1);
    settled(&world);
    world.is_in(1, &["Lists/rust"]).unwrap();
}

#[test]
fn a_mailbox_that_takes_no_part_is_no_target() {
    let world = world_of(1);
    let mut settings = settings();
    settings.selects = Rc::new(|name| name.as_str() != "Secret");
    let wanted = [wish(&world, 1, Act::MoveTo(name("Secret")))];
    let acted = block_on(act(&ports(&world), &settings, &wanted)).unwrap();
    assert_eq!((acted.done, acted.refused.len()), (0, 1));
    settled(&world);
    world.is_in(1, &["INBOX"]).unwrap();
}

#[test]
fn a_copy_that_is_asked_for_again_is_made_once() {
    let world = world_of(1);
    let wanted = [wish(&world, 1, Act::CopyTo(name("Archive")))];
    let (first, second) = (carry_out(&world, &wanted), carry_out(&world, &wanted));
    assert_eq!(first.copies, second.copies);
    let mark = world.steps.trace_len();
    settled(&world);
    world.is_in(1, &["Archive", "INBOX"]).unwrap();
    assert_eq!(
        world.steps.traced(mark, "server append"),
        0,
        "the server copies"
    );
    world.equal().unwrap();
}

#[test]
fn a_deletion_goes_to_both_trashes() {
    let world = world_of(2);
    let acted = carry_out(&world, &[wish(&world, 1, Act::Delete)]);
    assert_eq!(acted.done, 1);
    settled(&world);
    world.is_in(1, &["Trash"]).unwrap();
    world.is_in_local_trash(1).unwrap();
}

#[test]
fn who_wants_everything_deleted_meets_the_guard() {
    let world = world_of(30);
    let all: Vec<Wanted> = (1..=30).map(|it| wish(&world, it, Act::Delete)).collect();
    assert_eq!(carry_out(&world, &all).done, 30);
    settled(&world);
    assert_eq!(world.store.holds_now().len(), 1);
    world.store.decide(HoldVerdict::Restore);
    settled(&world);
    for number in 1..=30 {
        world.is_in(number, &["INBOX"]).unwrap();
    }
}

#[test]
fn nothing_is_done_in_a_maildir_that_is_another() {
    let world = world_of(1);
    let wanted = [wish(&world, 1, Act::Delete)];
    world.store.lose();
    assert!(block_on(act(&ports(&world), &settings(), &wanted)).is_err());
    world.is_in(1, &["INBOX"]).unwrap();
}

/// Stopped after any effect and asked again, as at least once means.
#[test]
fn acts_may_be_stopped_anywhere_and_asked_for_again() {
    for effect in 1..12 {
        let world = world_of(4);
        let wanted = [
            wish(&world, 1, Act::MoveTo(name("New"))),
            wish(&world, 2, Act::CopyTo(name("Archive"))),
            wish(&world, 3, Act::AddFlags(flags("F Work"))),
            wish(&world, 4, Act::Delete),
        ];
        world.steps.reset();
        world.steps.stop_at(effect, When::After);
        let _ = block_on(act(&ports(&world), &settings(), &wanted));
        world.restart(effect % 2 == 0);
        let again: Vec<Wanted> = (1..=4)
            .zip(&wanted)
            .filter(|(number, _)| !world.local_places(&content::mail(*number)).is_empty())
            .map(|(_, wish)| wish.clone())
            .collect();
        carry_out(&world, &again);
        settled(&world);
        world.is_in(2, &["Archive", "INBOX"]).unwrap();
        world.has_flags(3, "F Work").unwrap();
        // A power cut may leave a file in both folders, which makes a copy of it.
        if !world.ledger.any_torn() {
            world.is_in(1, &["New"]).unwrap();
        }
        world.is_in(4, &["Trash"]).unwrap();
        world.equal().unwrap();
    }
}
