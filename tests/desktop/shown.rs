//! What the server is told, to the last letter, and when.

use std::time::{Duration, Instant};

use mailferry::desktop::{Notice, Rules, Topic};
use mailferry::mail::MailboxName;

use super::fake::{Fake, Told};
use super::private_bus::PrivateBus;
use super::{arrival, gone, now, rules, soon, start, state};

#[tokio::test]
async fn a_message_is_one_notification_and_reading_it_takes_it_away() {
    let bus = PrivateBus::start();
    let mut fake = Fake::start(&bus.address).await;
    let (desktop, _requests) = start(&bus, rules());
    assert_eq!(desktop.state().to_string(), "nothing to show so far");
    desktop.arrived("work", Some(now() - 5), vec![arrival(1)]);
    let shown = fake.shows().await;
    assert_eq!(
        (shown.app.as_str(), shown.replaces, shown.expire),
        ("mailferry", 0, -1)
    );
    assert_eq!(
        (shown.icon.as_str(), shown.summary.as_str()),
        ("mail-unread", "Sender 1")
    );
    assert_eq!(shown.body, "Subject &lt;1&gt;\nText &amp; more 1");
    assert_eq!(
        shown.hints,
        [
            "category=email.arrived",
            "desktop-entry=mailferry",
            "image-path=mail-unread",
            "sound-name=message-new-email",
            "urgency=1"
        ]
    );
    let labels: Vec<&str> = shown
        .actions
        .iter()
        .map(|(_, label)| label.as_str())
        .collect();
    assert_eq!(
        labels,
        ["Open", "Mark as read", "Archive", "Delete", "Mute thread"]
    );
    assert_eq!(
        state(&desktop, "ready").await.to_string(),
        "shown by fake 1.0"
    );
    desktop.gone("work", vec![gone(1)]);
    assert_eq!(fake.closes().await, shown.id);
}

#[tokio::test]
async fn a_burst_takes_the_place_of_what_was_shown_and_its_count_follows() {
    let bus = PrivateBus::start();
    let mut fake = Fake::start(&bus.address).await;
    let (desktop, _requests) = start(&bus, rules());
    desktop.arrived("work", None, vec![arrival(1), arrival(2)]);
    assert_eq!((fake.shows().await.id, fake.shows().await.id), (1, 2));
    desktop.arrived("work", None, vec![arrival(3), arrival(4), arrival(5)]);
    let shown = fake.shows().await;
    assert_eq!(
        (shown.replaces, shown.summary.as_str()),
        (2, "5 new messages in INBOX")
    );
    assert_eq!(
        shown.body.lines().next(),
        Some("Sender 5: Subject &lt;5&gt;")
    );
    assert_eq!(fake.closes().await, 1);
    desktop.gone("work", vec![gone(1), gone(3)]);
    let shown = fake.shows().await;
    assert_eq!(
        (shown.replaces, shown.summary.as_str()),
        (2, "3 new messages in INBOX")
    );
    assert!(
        shown.hints.contains(&"suppress-sound=true".to_owned()),
        "{:?}",
        shown.hints
    );
    desktop.gone("work", vec![gone(2), gone(4), gone(5)]);
    assert_eq!(fake.closes().await, 2);
    assert!(fake.rest().is_empty());
}

#[tokio::test]
async fn a_server_that_can_do_nothing_gets_one_line() {
    let bus = PrivateBus::start();
    let mut fake = Fake::with(&bus.address, &[]).await;
    let (desktop, _requests) = start(&bus, rules());
    desktop.arrived("work", None, vec![arrival(1)]);
    let shown = fake.shows().await;
    assert_eq!(
        (shown.summary.as_str(), shown.body.as_str()),
        ("Sender 1: Subject <1>", "")
    );
    assert!(shown.actions.is_empty());
    assert_eq!(
        shown.hints,
        [
            "category=email.arrived",
            "desktop-entry=mailferry",
            "image-path=mail-unread",
            "urgency=1"
        ]
    );
}

#[tokio::test]
async fn five_thousand_messages_make_a_handful_of_calls() {
    let bus = PrivateBus::start();
    let mut fake = Fake::start(&bus.address).await;
    let (desktop, _requests) = start(&bus, rules());
    for first in (0..5000).step_by(100) {
        desktop.arrived(
            "work",
            None,
            (first + 1..=first + 100).map(arrival).collect(),
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut shows = 0;
    loop {
        let shown = fake.shows().await;
        shows += 1;
        if shown.summary == "5000 new messages in INBOX" {
            break;
        }
    }
    assert!(
        shows <= 4 && fake.calls() <= 6,
        "{shows} notifications, {} calls",
        fake.calls()
    );
    desktop.gone("work", (1..=5000).map(gone).collect());
    assert_eq!(fake.closes().await, 1);
}

#[tokio::test]
async fn nothing_is_said_while_nothing_happens_and_notifications_are_quick() {
    let bus = PrivateBus::start();
    let mut fake = Fake::start(&bus.address).await;
    let (desktop, _requests) = start(&bus, rules());
    let mut times = Vec::new();
    for number in 1..=21 {
        let begun = Instant::now();
        desktop.arrived("work", None, vec![arrival(number)]);
        let shown = fake.shows().await;
        times.push((shown.at - begun).saturating_sub(Duration::from_millis(250)));
        desktop.gone("work", vec![gone(number)]);
        fake.closes().await;
    }
    times.sort();
    assert!(
        times[10] < Duration::from_millis(50),
        "{times:?} beyond the time to settle"
    );
    let calls = fake.calls();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(fake.calls(), calls);
}

#[tokio::test]
async fn do_not_disturb_holds_everything_back_until_it_is_over() {
    let bus = PrivateBus::start();
    let mut fake = Fake::start(&bus.address).await;
    let (desktop, _requests) = start(&bus, rules());
    desktop.arrived("work", None, vec![arrival(1)]);
    fake.shows().await;
    fake.inhibit(true).await;
    assert_eq!(
        state(&desktop, "inhibited").await.to_string(),
        "held back: fake 1.0 is told not to disturb"
    );
    desktop.arrived("work", None, vec![arrival(2), arrival(3)]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(fake.rest().is_empty());
    desktop.gone("work", vec![gone(2)]);
    fake.inhibit(false).await;
    assert_eq!(fake.shows().await.summary, "Sender 3");
    state(&desktop, "ready").await;
}

#[tokio::test]
async fn notices_stay_until_they_are_over() {
    let bus = PrivateBus::start();
    let mut fake = Fake::start(&bus.address).await;
    let (desktop, _requests) = start(&bus, rules());
    desktop.notice(
        "work",
        Notice::SignIn {
            reason: "AUTHENTICATIONFAILED <b>".to_owned(),
        },
    );
    let shown = fake.shows().await;
    assert_eq!(
        (shown.summary.as_str(), shown.expire),
        ("Sign in again: work", 0)
    );
    assert_eq!(shown.body, "AUTHENTICATIONFAILED &lt;b&gt;");
    desktop.notice(
        "work",
        Notice::Hold {
            id: "work:1".to_owned(),
            mailbox: MailboxName::parse("Lists").unwrap(),
            count: 40,
            reason: "40 of 50 messages within ten minutes".to_owned(),
        },
    );
    let shown = fake.shows().await;
    assert_eq!(shown.summary, "40 deletions held in Lists (work)");
    assert_eq!(shown.actions[0].1, "Approve");
    desktop.notice(
        "work",
        Notice::SetAside {
            plugin: "lists.lua".to_owned(),
            error: "line 3: boom".to_owned(),
        },
    );
    assert_eq!(fake.shows().await.summary, "Plugin set aside: lists.lua");
    desktop.over("work", Topic::SignIn);
    assert_eq!(fake.closes().await, 1);
    desktop.over("work", Topic::Hold("work:1".to_owned()));
    assert_eq!(fake.closes().await, 2);
}

#[tokio::test]
async fn the_end_takes_everything_off_the_screen() {
    let bus = PrivateBus::start();
    let mut fake = Fake::start(&bus.address).await;
    let (desktop, _requests) = start(
        &bus,
        Rules {
            burst: 10,
            ..rules()
        },
    );
    desktop.arrived("work", None, vec![arrival(1), arrival(2)]);
    fake.shows().await;
    fake.shows().await;
    // The answer to the second may be on its way.
    tokio::time::sleep(Duration::from_millis(100)).await;
    soon(desktop.end()).await;
    let closed: Vec<Told> = fake.rest();
    assert!(
        matches!(closed.as_slice(), [Told::Close(1), Told::Close(2)]),
        "{closed:?}"
    );
}
