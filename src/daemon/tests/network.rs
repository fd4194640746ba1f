//! What the outside tells the daemon: the network changed, the user wants it to go on, the server speaks too early.

use std::time::Duration;

use super::super::Activity;
use super::cases::{HOUR, MINUTE, SECOND, at_rest, rested, tries, wait_for};
use super::life::Life;
use super::outside::Way;
use super::script::{Ask, Chaos, Deed};
use crate::sim::world::hand::name;
use crate::sim::{Place, Trouble, When};

fn commands(life: &Life) -> u64 {
    life.done()[0]
}

#[test]
fn a_new_network_is_no_reason_to_come_back_sooner_than_the_server_wants() {
    for ask in [Ask::Probe, Ask::Reconnect] {
        let mut life = at_rest();
        life.happen(Deed::Break(Some(10 * MINUTE)));
        life.live_for(MINUTE).unwrap();
        let before = tries(&life);
        life.ask(ask);
        life.live_for(8 * MINUTE).unwrap();
        assert_eq!(tries(&life), before, "{ask:?}");
        life.live_for(2 * MINUTE).unwrap();
        assert!(tries(&life) > before);
    }
}

#[test]
fn a_new_network_is_no_reason_to_come_back_sooner_than_a_refusal_said() {
    let mut life = at_rest();
    life.happen(Deed::Closed(Some(30 * MINUTE)));
    life.happen(Deed::Break(None));
    life.live_for(MINUTE).unwrap();
    let before = tries(&life);
    life.ask(Ask::Probe);
    life.live_for(25 * MINUTE).unwrap();
    assert_eq!(tries(&life), before);
}

/// The clock that waits are measured with stands still while the machine sleeps.
#[test]
fn a_sleep_counts_for_the_wait_that_the_server_wanted() {
    for (slept, left) in [(8 * 3600, 0), (300, 4 * 60)] {
        let mut life = at_rest();
        life.happen(Deed::Break(Some(10 * MINUTE)));
        life.live_for(MINUTE).unwrap();
        let before = tries(&life);
        life.world().clock.jump(slept);
        life.ask(Ask::Reconnect);
        // The rules know nothing of sleep.
        let now = life.now();
        life.outside.state.borrow_mut().rules.release(now);
        if left > 0 {
            life.live_for(left * SECOND - SECOND).unwrap();
            assert_eq!(tries(&life), before);
        }
        life.live_for(4 * SECOND).unwrap();
        assert!(tries(&life) > before);
    }
}

#[test]
fn what_could_not_be_reached_is_tried_at_once_when_the_network_is_another_one() {
    let mut life = at_rest();
    life.happen(Deed::Up(false));
    life.live_for(20 * MINUTE).unwrap();
    life.happen(Deed::Up(true));
    life.world().arrives("INBOX", 4, "");
    life.ask(Ask::Probe);
    wait_for(&mut life, 2 * SECOND);
}

#[test]
fn who_polls_goes_on_at_the_pace_of_the_poll_when_the_network_is_another_one() {
    let mut life = rested(Life::new(7, Chaos::CALM).with_poll(6 * HOUR), Way::Poll);
    let before = commands(&life);
    life.ask(Ask::Probe);
    life.live_for(2 * HOUR).unwrap();
    assert_eq!(commands(&life), before);
}

/// The server is there, but what the old connections send comes nowhere.
#[test]
fn a_pass_over_dead_connections_is_broken_off_when_the_network_is_another_one() {
    for wish in [false, true] {
        let mut life = at_rest();
        life.happen(Deed::Silent(true));
        life.world().filed("INBOX", 5, "S");
        if wish {
            life.ask(Ask::SyncAll);
        }
        life.live_for(SECOND).unwrap();
        assert_eq!(life.activity(), Some(Activity::Syncing));
        life.happen(Deed::Silent(false));
        life.ask(Ask::Probe);
        wait_for(&mut life, 10 * SECOND);
        assert_eq!(life.answers, u64::from(wish));
    }
}

#[test]
fn a_pass_over_good_connections_goes_on_when_the_network_is_another_one() {
    let mut life = at_rest();
    let before = tries(&life);
    for number in 10..60 {
        life.world().arrives("INBOX", number, "");
    }
    life.ask(Ask::SyncAll);
    life.live_for(Duration::from_millis(5)).unwrap();
    assert_eq!(life.activity(), Some(Activity::Syncing));
    life.ask(Ask::Probe);
    wait_for(&mut life, 10 * SECOND);
    assert_eq!(life.answers, 1);
    assert_eq!(tries(&life), before);
}

#[test]
fn who_waits_for_an_answer_waits_no_longer_when_the_network_is_another_one() {
    // Of a login, and of a renewal.
    for (deed, wait) in [(Deed::Break(None), SECOND), (Deed::Open, 233 * SECOND)] {
        let mut life = at_rest();
        life.happen(Deed::Silent(true));
        life.happen(deed);
        life.live_for(wait).unwrap();
        life.happen(Deed::Silent(false));
        life.world().arrives("INBOX", 4, "");
        life.ask(Ask::Probe);
        wait_for(&mut life, 8 * SECOND);
    }
}

#[test]
fn resume_tries_at_once_with_all_connections() {
    let mut life = at_rest();
    life.happen(Deed::Room(1));
    life.happen(Deed::Break(None));
    life.live_for(10 * SECOND).unwrap();
    assert!(life.view.borrow().limited.is_some());
    life.happen(Deed::Room(99));
    let before = tries(&life);
    // A reload leaves connections alone.
    life.ask(Ask::Wake);
    life.live_for(5 * SECOND).unwrap();
    assert_eq!(tries(&life), before);
    life.ask(Ask::Resume);
    life.live_for(5 * SECOND).unwrap();
    assert_eq!(life.view.borrow().limited, None);
    assert!(tries(&life) > before);
    life.world().equal().unwrap();
}

/// As Exchange does: other connections cannot see the mail yet.
#[test]
fn mail_that_is_told_of_before_it_can_be_seen_is_found_soon() {
    let mut life = at_rest();
    life.outside.state.borrow_mut().mute = Some(name("INBOX"));
    life.outside.hint(&name("INBOX"));
    life.live_for(SECOND).unwrap();
    life.world().arrives("INBOX", 4, "");
    wait_for(&mut life, 3 * SECOND);
    let before = commands(&life);
    life.live_for(3 * MINUTE).unwrap();
    assert!(commands(&life) < before + 20);
}

/// Also when something of ours went to the server just before, of which it tells as of anything else.
#[test]
fn mail_that_is_told_of_too_early_is_found_beside_our_own_changes() {
    let mut life = at_rest();
    life.outside.state.borrow_mut().mute = Some(name("INBOX"));
    life.world().local_flags(1, "S");
    life.live_for(SECOND / 2).unwrap();
    for _ in 0..2 {
        life.outside.hint(&name("INBOX"));
        life.live_for(SECOND / 4).unwrap();
    }
    life.world().arrives("INBOX", 4, "");
    wait_for(&mut life, 3 * SECOND);
}

#[test]
fn what_the_server_tells_of_our_own_changes_is_looked_at_once() {
    let mut life = at_rest();
    life.outside.state.borrow_mut().mute = Some(name("INBOX"));
    let act: [fn(&Life); 3] = [
        |life| life.world().local_flags(1, "S"),
        |life| life.world().local_delete(2),
        |life| life.world().local_flags(3, "S"),
    ];
    for act in act {
        act(&life);
        life.live_for(SECOND).unwrap();
        life.outside.hint(&name("INBOX"));
        life.live_for(SECOND).unwrap();
        let before = commands(&life);
        life.live_for(MINUTE / 2).unwrap();
        assert_eq!(commands(&life), before);
    }
}

#[test]
fn nothing_is_on_its_way_after_a_pass_however_it_ended() {
    for call in 1..30 {
        for trouble in [Trouble::Refuse, Trouble::Cut(When::Before)] {
            let mut life = at_rest();
            life.world().steps.reset();
            life.world().steps.trouble_at(Place::Server, call, trouble);
            life.world().arrives("Archive", 4, "");
            life.world().filed("INBOX", 5, "S");
            for _ in 0..20 {
                life.live_for(SECOND / 20).unwrap();
                let coming = life.outside.state.borrow().coming;
                let busy = life.activity() == Some(Activity::Syncing);
                assert!(busy || coming == 0, "{trouble:?} in call {call}: {coming}");
            }
        }
    }
}
