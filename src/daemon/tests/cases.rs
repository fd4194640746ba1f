//! What went wrong in random lives once, and what chance finds too rarely.

use std::time::Duration;

use super::super::Activity;
use super::life::{ALLOWED, Life, POLL};
use super::outside::Way;
use super::script::{Ask, Chaos, Deed};
use crate::sim::content;
use crate::sim::local::NameOnMove;
use crate::sim::steps::DiskError;
use crate::sim::world::hand::{flags, name};
use crate::sim::{Place, Trouble, When};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// A daemon at rest, with some mail on both sides.
fn at_rest() -> Life {
    at_rest_by(Way::Notify)
}

fn at_rest_by(way: Way) -> Life {
    let mut life = Life::new(7, Chaos::CALM).with_idle(2);
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

fn tries(life: &Life) -> u64 {
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

fn wait_for(life: &mut Life, most: Duration) {
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
fn a_server_that_says_when_to_come_back_is_left_alone() {
    let mut life = at_rest();
    life.happen(Deed::Closed(Some(30 * MINUTE)));
    life.happen(Deed::Break(None));
    life.live_for(20 * MINUTE).unwrap();
    life.happen(Deed::Open);
    life.world().arrives("INBOX", 4, "");
    wait_for(&mut life, 11 * MINUTE);
}

/// Who is not let in tries again when the password changed, and not before; one refusal is one try.
#[test]
fn a_wrong_password_is_tried_once_and_a_new_one_at_once() {
    let mut life = at_rest();
    life.happen(Deed::NewPassword);
    life.happen(Deed::Break(None));
    let before = tries(&life);
    life.live_for(HOUR).unwrap();
    assert_eq!(tries(&life), before + 1);
    life.happen(Deed::TypePassword);
    life.world().arrives("INBOX", 4, "");
    wait_for(&mut life, 30 * SECOND);
}

#[test]
fn a_password_that_changes_while_the_old_one_is_refused_is_noticed() {
    let mut life = at_rest();
    life.happen(Deed::NewPassword);
    life.happen(Deed::Break(None));
    let before = tries(&life);
    while tries(&life) == before {
        life.live_for(Duration::from_millis(1)).unwrap();
    }
    life.happen(Deed::TypePassword);
    life.world().arrives("INBOX", 4, "");
    wait_for(&mut life, 30 * SECOND);
}

/// A server that says nothing but NO while connections that died still count.
#[test]
fn a_password_that_was_good_is_tried_again_less_and_less_often_until_it_is_good_again() {
    let mut life = at_rest();
    life.outside.state.borrow_mut().curt = true;
    life.happen(Deed::Room(0));
    life.happen(Deed::Break(None));
    let before = tries(&life);
    life.live_for(2 * HOUR).unwrap();
    assert_ne!(life.activity(), Some(Activity::Blocked));
    let storm = tries(&life) - before;
    assert!((6..=12).contains(&storm), "{storm} logins in two hours");
    life.happen(Deed::Room(99));
    life.world().arrives("INBOX", 4, "");
    wait_for(&mut life, HOUR + MINUTE);
    // And what is right now is noticed at once, also while it waits.
    life.happen(Deed::NewPassword);
    life.happen(Deed::Break(None));
    life.live_for(HOUR).unwrap();
    life.happen(Deed::TypePassword);
    life.world().arrives("INBOX", 5, "");
    wait_for(&mut life, 30 * SECOND);
    for ask in [Ask::Resume, Ask::SyncAll] {
        life.happen(Deed::Room(0));
        life.happen(Deed::Break(None));
        life.live_for(HOUR).unwrap();
        life.happen(Deed::Room(99));
        life.ask(ask);
        life.live_for(10 * SECOND).unwrap();
        life.world().equal().unwrap();
        assert_eq!(life.activity(), Some(Activity::Watching), "{ask:?}");
    }
}

#[test]
fn one_connection_too_many_is_not_asked_for_again_soon_but_again() {
    let mut life = at_rest();
    life.happen(Deed::Room(1));
    life.happen(Deed::Break(None));
    life.live_for(10 * SECOND).unwrap();
    let limited = life.view.borrow().limited.clone().unwrap();
    assert_eq!(limited.connections, 1);
    life.world().arrives("INBOX", 4, "");
    wait_for(&mut life, POLL + 10 * SECOND);
    life.happen(Deed::Room(99));
    life.live_for(4 * HOUR).unwrap();
    assert_eq!(life.view.borrow().limited, None);
}

/// Courier hangs up without a greeting on whoever has too many connections.
#[test]
fn a_server_that_hangs_up_on_one_connection_too_many_is_got_along_with() {
    for room in [1, 2] {
        for way in [Way::Notify, Way::Idle] {
            let mut life = at_rest_by(way);
            life.outside.state.borrow_mut().mum = true;
            life.happen(Deed::Room(room));
            life.happen(Deed::Break(None));
            life.live_for(20 * SECOND).unwrap();
            let limited = life.view.borrow().limited.clone();
            if (room, way) == (1, Way::Notify) {
                assert_eq!(limited.unwrap().connections, 1);
            }
            life.world().arrives("INBOX", 4, "");
            life.world().arrives("Archive", 5, "");
            wait_for(&mut life, POLL + 10 * SECOND);
            assert_eq!(life.view.borrow().problems, []);
            let before = tries(&life);
            life.live_for(HOUR).unwrap();
            assert!(tries(&life) - before < 60, "{}", tries(&life) - before);
        }
    }
}

/// A network that goes away is no reason to think that the server grants fewer connections.
#[test]
fn a_server_that_is_away_for_a_while_is_not_taken_for_a_full_one() {
    let mut life = at_rest();
    for _ in 0..3 {
        life.happen(Deed::Up(false));
        life.live_for(20 * SECOND).unwrap();
        life.happen(Deed::Up(true));
        life.live_for(20 * SECOND).unwrap();
        assert_eq!(life.view.borrow().limited, None);
    }
}

/// Somebody is asked for a passphrase each time.
#[test]
fn a_password_that_cannot_be_had_is_not_asked_for_again_and_again() {
    let mut life = at_rest();
    life.outside.state.borrow_mut().locked = true;
    life.happen(Deed::Break(None));
    let before = tries(&life);
    life.live_for(HOUR).unwrap();
    let asked = tries(&life) - before;
    assert!((3..=6).contains(&asked), "asked {asked} times in an hour");
    for ask in [Ask::Resume, Ask::SyncAll] {
        let before = tries(&life);
        life.ask(ask);
        life.live_for(5 * SECOND).unwrap();
        assert_eq!(tries(&life), before + 1, "{ask:?}");
    }
    life.outside.state.borrow_mut().locked = false;
    life.ask(Ask::SyncAll);
    life.live_for(10 * SECOND).unwrap();
    assert_eq!(life.activity(), Some(Activity::Watching));
}

/// Renewals keep one connection young; the others lie about.
#[test]
fn a_connection_that_was_closed_for_saying_nothing_is_nobody_s_trouble() {
    let mut life = at_rest();
    let closes_after = Some(25 * MINUTE);
    life.world()
        .server
        .switch(|it| it.closes_after = closes_after);
    for number in [4, 6, 8] {
        life.world().arrives("INBOX", number, "");
        life.world().arrives("Archive", number + 1, "");
        // Both at once, so that it takes two connections.
        life.ask(Ask::SyncAll);
        life.live_for(2 * SECOND).unwrap();
        life.world().equal().unwrap();
        life.live_for(40 * MINUTE).unwrap();
    }
    assert_eq!(life.failed, 0);
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
