//! Logins that are refused, or that nobody answers: how often and how soon they are tried again.

use std::time::Duration;

use super::super::Activity;
use super::cases::{HOUR, MINUTE, SECOND, at_rest, at_rest_by, tries, wait_for};
use super::life::POLL;
use super::outside::Way;
use super::script::{Ask, Deed};
use crate::sim::steps::DiskError;
use crate::sim::world::hand::name;
use crate::sim::{Place, Trouble, When};

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

/// Seed 291 of the stormy lives: a login is refused while the folders are scanned, then the disk fails, and the pass ends
/// for that reason.
#[test]
fn a_refusal_is_heeded_although_something_else_ends_the_pass() {
    let disk = Trouble::Disk(DiskError::Full, When::Before);
    for call in (10..130).step_by(10) {
        let mut life = at_rest();
        for number in 0..40 {
            let box_name = name(&format!("Box{number}"));
            life.world().server.create(&box_name, None);
        }
        life.live_for(HOUR).unwrap();
        life.outside.state.borrow_mut().curt = true;
        life.happen(Deed::Room(1));
        life.world().steps.reset();
        life.world().steps.trouble_at(Place::Local, call, disk);
        life.happen(Deed::Break(None));
        life.live_for(MINUTE).unwrap();
    }
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
