//! No bus, no server, a server that hangs, dies, or is not the one that was spoken to.

use std::time::{Duration, Instant};

use mailferry::desktop::{Bus, Desktop, Notice, Setup};

use super::fake::{Fake, emit};
use super::private_bus::PrivateBus;
use super::{arrival, gone, rules, soon, start, state};

#[tokio::test]
async fn without_a_bus_nothing_is_held_up_and_the_state_says_so() {
    let (desktop, _requests) = Desktop::start(Setup {
        bus: Bus::At("unix:path=/nowhere/at/all".to_owned()),
        accounts: vec![("work".to_owned(), rules())],
        muted: None,
    });
    desktop.arrived("work", None, vec![arrival(1)]);
    let said = state(&desktop, "unavailable").await.to_string();
    assert!(said.starts_with("there is no session bus: "), "{said}");
    soon(desktop.end()).await;
}

#[tokio::test]
async fn a_server_that_comes_late_gets_the_next_one() {
    let bus = PrivateBus::start();
    let (desktop, _requests) = start(&bus, rules());
    desktop.arrived("work", None, vec![arrival(1)]);
    let said = state(&desktop, "unavailable").await.to_string();
    assert!(
        said.starts_with("no notification server runs on the session bus: "),
        "{said}"
    );
    let mut fake = Fake::start(&bus.address).await;
    desktop.arrived("work", None, vec![arrival(2)]);
    assert_eq!(fake.shows().await.summary, "Sender 2");
    state(&desktop, "ready").await;
}

#[tokio::test]
async fn a_server_that_is_started_anew_is_asked_anew_and_numbers_start_over() {
    let bus = PrivateBus::start();
    let mut fake = Fake::start(&bus.address).await;
    let (desktop, _requests) = start(&bus, rules());
    desktop.arrived("work", None, vec![arrival(1)]);
    fake.shows().await;
    desktop.notice(
        "work",
        Notice::SignIn {
            reason: String::new(),
        },
    );
    assert_eq!(fake.shows().await.id, 2);
    fake.end().await;
    state(&desktop, "unavailable").await;
    let mut fake = Fake::with(&bus.address, &["body"]).await;
    // Nothing of the old one is withdrawn from the new one.
    desktop.gone("work", vec![gone(1)]);
    desktop.arrived("work", None, vec![arrival(2)]);
    let mut shown = [fake.shows().await, fake.shows().await];
    shown.sort_by(|one, other| one.summary.cmp(&other.summary));
    assert_eq!(shown[0].summary, "Sender 2");
    assert_eq!(
        shown[0].body, "Subject <2>\nText & more 2",
        "this one reads no markup"
    );
    assert!(shown[0].actions.is_empty());
    assert_eq!(shown[1].summary, "Sign in again: work", "it still holds");
    assert!(fake.rest().is_empty());
}

#[tokio::test]
async fn a_server_that_hangs_finds_one_summary_and_nobody_waits_for_it() {
    let bus = PrivateBus::start();
    let mut fake = Fake::start(&bus.address).await;
    let (desktop, _requests) = start(&bus, rules());
    desktop.arrived("work", None, vec![arrival(1)]);
    fake.shows().await;
    fake.hang(true);
    let before = fake.calls();
    let begun = Instant::now();
    for number in 2..=300 {
        desktop.arrived("work", None, vec![arrival(number)]);
    }
    assert!(begun.elapsed() < Duration::from_secs(1));
    let said = state(&desktop, "silent").await.to_string();
    assert_eq!(said, "the notification server does not answer");
    desktop.arrived("work", None, vec![arrival(301)]);
    fake.hang(false);
    while fake.shows().await.summary != "301 new messages in INBOX" {}
    assert!(
        fake.calls() - before <= 3,
        "{} calls",
        fake.calls() - before
    );
    state(&desktop, "ready").await;
}

#[tokio::test]
async fn a_server_that_dies_while_it_hangs_is_followed_by_the_next_one() {
    let bus = PrivateBus::start();
    let mut fake = Fake::start(&bus.address).await;
    let (desktop, _requests) = start(&bus, rules());
    desktop.arrived("work", None, vec![arrival(1)]);
    fake.shows().await;
    fake.hang(true);
    desktop.arrived("work", None, vec![arrival(2)]);
    state(&desktop, "silent").await;
    fake.end().await;
    state(&desktop, "idle").await;
    let mut fake = Fake::start(&bus.address).await;
    desktop.arrived("work", None, vec![arrival(3)]);
    assert_eq!(fake.shows().await.summary, "Sender 3");
}

#[tokio::test]
async fn a_bus_that_is_started_anew_is_found_again() {
    let mut bus = PrivateBus::start();
    let mut fake = Fake::start(&bus.address).await;
    let (desktop, _requests) = start(&bus, rules());
    desktop.arrived("work", None, vec![arrival(1)]);
    fake.shows().await;
    bus.restart();
    state(&desktop, "idle").await;
    let mut fake = Fake::start(&bus.address).await;
    desktop.arrived("work", None, vec![arrival(2)]);
    assert_eq!(fake.shows().await.summary, "Sender 2");
    bus.stop();
    state(&desktop, "idle").await;
    desktop.arrived("work", None, vec![arrival(3)]);
    state(&desktop, "unavailable").await;
}

#[tokio::test]
async fn others_on_the_bus_press_no_buttons() {
    let bus = PrivateBus::start();
    let mut fake = Fake::start(&bus.address).await;
    let (desktop, mut requests) = start(&bus, rules());
    desktop.arrived("work", None, vec![arrival(1)]);
    let shown = fake.shows().await;
    let other = zbus::connection::Builder::address(bus.address.as_str())
        .unwrap()
        .build()
        .await
        .unwrap();
    emit(&other, "ActionInvoked", &(shown.id, shown.key("Delete"))).await;
    emit(&other, "NotificationClosed", &(shown.id, 2_u32)).await;
    // Also straight to us: a unique name can be guessed.
    for number in 0..10 {
        let to = format!(":1.{number}");
        let path = "/org/freedesktop/Notifications";
        let name = "org.freedesktop.Notifications";
        let body = (shown.id, shown.key("Delete"));
        other
            .emit_signal(Some(to.as_str()), path, name, "ActionInvoked", &body)
            .await
            .unwrap();
    }
    desktop.gone("work", vec![gone(1)]);
    assert_eq!(fake.closes().await, shown.id, "it was not taken for closed");
    assert!(requests.try_recv().is_err());
}
