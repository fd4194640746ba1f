//! What went wrong in random lives once, and what chance finds too rarely.

use std::time::Duration;

use super::life::{ALLOWED, Life};
use super::outside::Way;
use super::script::{Ask, Chaos, Deed};
use crate::sim::world::hand::name;

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
