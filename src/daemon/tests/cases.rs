//! What went wrong in random lives once, and what chance finds too rarely.

use std::time::Duration;

use super::life::{ALLOWED, Life, POLL};
use super::outside::Way;
use super::script::{Ask, Chaos, Deed};
use crate::sim::content;
use crate::sim::local::NameOnMove;
use crate::sim::steps::DiskError;
use crate::sim::world::hand::{flags, name};
use crate::sim::{Place, Trouble, When};

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// A daemon at rest, with some mail on both sides.
pub(super) fn at_rest() -> Life {
    at_rest_by(Way::Notify)
}

pub(super) fn at_rest_by(way: Way) -> Life {
    rested(Life::new(7, Chaos::CALM).with_idle(2), way)
}

pub(super) fn rested(mut life: Life, way: Way) -> Life {
    life.outside.state.borrow_mut().way = way;
    life.world().server.create(&name("Archive"), None);
    for number in 1..=3 {
        life.world().arrives("INBOX", number, "");
    }
    life.start();
    life.live_for(10 * SECOND).unwrap();
    life.world().equal().unwrap();
    life
}

pub(super) fn tries(life: &Life) -> u64 {
    life.done()[3]
}

/// Seed 3 of the unwelcome lives.
#[test]
fn a_goodbye_that_says_when_to_come_back_is_heeded() {
    let mut life = at_rest();
    let before = tries(&life);
    life.happen(Deed::Break(Some(10 * MINUTE)));
    life.live_for(10 * MINUTE - SECOND).unwrap();
    assert_eq!(tries(&life), before);
    life.live_for(30 * SECOND).unwrap();
    assert!(tries(&life) > before);
}

/// Seed 46 of the lives with vague hints.
#[test]
fn a_watch_that_breaks_as_soon_as_it_is_set_is_no_reason_for_a_storm() {
    let mut life = at_rest();
    life.happen(Deed::Brittle(true));
    life.happen(Deed::BreakPosts);
    let before = tries(&life);
    life.live_for(HOUR).unwrap();
    assert!(tries(&life) - before < 200, "{}", tries(&life) - before);
    life.happen(Deed::Brittle(false));
    life.live_for(6 * MINUTE).unwrap();
    // Once it lasts, the next break is mended at once.
    life.happen(Deed::BreakPosts);
    life.world().arrives("INBOX", 4, "");
    life.live_for(2 * SECOND).unwrap();
    life.world().equal().unwrap();
}

/// Seeds 6 of the stormy and 27 of the unwelcome lives.
#[test]
fn a_dead_connection_is_let_go_of_before_another_is_opened() {
    let mut life = at_rest_by(Way::Idle);
    assert_eq!(life.outside.open(), ALLOWED);
    life.world().server.cut_all();
    life.ask(Ask::SyncAll);
    life.live_for(10 * SECOND).unwrap();
    assert_eq!(life.answers, 1);
    assert_eq!(life.outside.open(), ALLOWED);
}

/// Seed 14 of the stormy lives.
#[test]
fn who_wants_a_pass_before_there_is_a_watch_does_not_take_its_connection() {
    let mut life = Life::new(7, Chaos::CALM);
    for mailbox in ["Archive", "Other", "More"] {
        life.world().server.create(&name(mailbox), None);
        life.world().arrives(mailbox, 1, "");
    }
    life.happen(Deed::Up(false));
    life.start();
    life.live_for(20 * SECOND).unwrap();
    life.happen(Deed::Up(true));
    life.ask(Ask::SyncAll);
    life.live_for(10 * SECOND).unwrap();
    assert_eq!(life.answers, 1);
    life.world().equal().unwrap();
}

/// Seed 52 of the stormy lives: the target's hint comes first, and the flag makes the mail come back at the source.
#[test]
fn a_moved_mail_whose_target_is_told_first_is_not_doubled_by_a_flag_set_meanwhile() {
    for later in [Duration::ZERO, SECOND / 100, SECOND] {
        let mut life = at_rest();
        let (inbox, archive, body) = (name("INBOX"), name("Archive"), content::mail(1));
        life.outside.state.borrow_mut().mute = Some(inbox.clone());
        life.world().remote_move(1, "Archive");
        life.live_for(later).unwrap();
        let mut places = [&inbox, &archive].into_iter();
        let found = places.find_map(|place| Some((place, life.world().local.find(place, &body)?)));
        let (place, file) = found.unwrap();
        life.world().local.set_flags(place, &file, &flags("F"));
        life.live_for(5 * MINUTE).unwrap();
        life.world().equal().unwrap();
        life.world().nothing_doubled().unwrap();
        life.world().has_flags(1, "F").unwrap();
    }
}

/// Seed 9 of the unwelcome lives: what was moved out of the one mailbox goes to the trash, and is sent to the other.
#[test]
fn a_wish_for_one_mailbox_does_not_double_what_was_moved_out_of_it() {
    let mut life = at_rest();
    life.world().local_move(1, "Archive", NameOnMove::New);
    life.ask(Ask::SyncOnly);
    life.live_for(5 * MINUTE).unwrap();
    life.world().equal().unwrap();
    life.world().is_in(1, &["Archive"]).unwrap();
}

/// Seeds 91 and 97 of the calm lives: two passes bring both sides together, whatever happened on both.
#[test]
fn what_one_pass_leaves_to_the_next_does_not_wait_for_long() {
    let mut edited = at_rest();
    edited.world().remote_move(1, "Trash");
    edited.world().local_edit(1);
    let mut deleted = at_rest();
    deleted.world().remote_move(1, "Archive");
    deleted.world().remote_move(1, "INBOX");
    deleted.world().local_delete(1);
    for life in [&mut edited, &mut deleted] {
        life.live_for(2 * SECOND).unwrap();
        life.world().equal().unwrap();
    }
}

pub(super) fn wait_for(life: &mut Life, most: Duration) {
    let end = life.now() + most;
    while life.world().equal().is_err() {
        assert!(life.now() < end, "not equal after {most:?}");
        life.live_for(SECOND / 10).unwrap();
    }
}

#[test]
fn a_watch_that_went_deaf_is_made_up_for_by_the_next_renewal() {
    let mut life = at_rest();
    life.happen(Deed::Deafen);
    life.world().arrives("INBOX", 4, "");
    wait_for(&mut life, 5 * MINUTE);
}

#[test]
fn a_watch_that_died_in_silence_is_replaced_after_the_next_renewal() {
    let mut life = at_rest();
    life.happen(Deed::Deaden);
    life.world().arrives("INBOX", 4, "");
    wait_for(&mut life, 6 * MINUTE);
}

#[test]
fn what_happens_before_the_watch_is_set_is_found() {
    let mut life = at_rest();
    life.happen(Deed::Up(false));
    life.world().arrives("INBOX", 4, "");
    life.live_for(MINUTE).unwrap();
    life.happen(Deed::Up(true));
    wait_for(&mut life, 5 * SECOND);
}

#[test]
fn after_a_long_absence_the_next_one_is_mended_soon_again() {
    let mut life = at_rest();
    life.happen(Deed::Up(false));
    life.live_for(2 * HOUR).unwrap();
    life.happen(Deed::Up(true));
    life.live_for(6 * MINUTE).unwrap();
    life.happen(Deed::Up(false));
    life.live_for(3 * SECOND).unwrap();
    life.happen(Deed::Up(true));
    life.world().arrives("INBOX", 4, "");
    wait_for(&mut life, 5 * SECOND);
}

#[test]
fn what_no_watch_covers_is_polled() {
    let mut life = at_rest_by(Way::Poll);
    life.world().arrives("INBOX", 4, "");
    wait_for(&mut life, POLL + 10 * SECOND);
}

#[test]
fn who_is_paused_does_nothing_and_says_so() {
    let mut life = at_rest();
    life.ask(Ask::Pause);
    life.live_for(SECOND).unwrap();
    life.world().arrives("INBOX", 4, "");
    life.ask(Ask::SyncAll);
    life.live_for(HOUR).unwrap();
    assert_eq!(life.answers, 1);
    assert!(life.world().equal().is_err());
    life.ask(Ask::Resume);
    wait_for(&mut life, 5 * SECOND);
}

#[test]
fn a_wish_is_answered_whatever_breaks_meanwhile() {
    for deed in [
        Deed::Break(None),
        Deed::Up(false),
        Deed::Silent(true),
        Deed::Ask(Ask::Reconnect),
        Deed::Ask(Ask::Pause),
        Deed::NewPassword,
    ] {
        let mut life = at_rest();
        life.ask(Ask::SyncAll);
        life.live_for(Duration::from_millis(2)).unwrap();
        life.happen(deed);
        life.ask(Ask::SyncOnly);
        life.live_for(5 * MINUTE).unwrap();
        assert_eq!(life.answers, 2, "{deed:?}");
    }
}

/// A mail arrives on either side, and one call fails; whichever it is, nobody waits for the next renewal.
#[test]
fn what_failed_in_one_mailbox_is_tried_again_soon() {
    let cut = (Place::Server, Trouble::Cut(When::Before));
    let refused = (Place::Server, Trouble::Refuse);
    let disk = (Place::Local, Trouble::Disk(DiskError::Io, When::Before));
    for (place, trouble) in [cut, refused, disk] {
        for call in 1..40 {
            let mut life = at_rest();
            life.world().steps.reset();
            life.world().steps.trouble_at(place, call, trouble);
            life.world().arrives("Archive", 4, "");
            life.world().filed("INBOX", 5, "S");
            life.live_for(20 * SECOND).unwrap();
            let end = life.world().equal();
            assert!(end.is_ok(), "{trouble:?} in call {call}: {end:?}");
        }
    }
}

#[test]
fn looks_that_find_nothing_are_not_told_of() {
    let mut life = at_rest();
    let (told, looks) = (life.synced, life.world().steps.calls(Place::Store));
    life.world().arrives("INBOX", 4, "");
    life.live_for(5 * SECOND).unwrap();
    life.world().equal().unwrap();
    assert!(life.world().steps.calls(Place::Store) > looks + 5);
    let told = life.synced - told;
    assert!((1..=2).contains(&told), "{told}");
}
