//! Notifications over a real bus: with a server that writes down what it is told, and with one that shows it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod actions;
mod fake;
mod private_bus;
mod real;
mod shown;
mod trouble;
mod verb;

use std::time::Duration;

use mailferry::desktop::{
    Arrival, Bus, Button, Chosen, Desktop, Gone, Letter, Privacy, Request, Rules, Setup, State,
    Wish,
};
use mailferry::mail::{Flags, LocalId, MailboxName};
use mailferry::sync::{NewsId, RowId, Side, Subject};
use tokio::sync::mpsc;

use private_bus::PrivateBus;

/// Whoever waits longer than this waits for something that does not come.
const SOON: Duration = Duration::from_secs(30);

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.unwrap()
}

fn rules() -> Rules {
    Rules {
        mailboxes: Chosen::new(|_| true),
        privacy: Privacy::Full,
        burst: 4,
        quiet: None,
        buttons: vec![
            Button::Open,
            Button::Read,
            Button::Archive,
            Button::Delete,
            Button::Mute,
        ],
        open: Vec::new(),
        archive: MailboxName::parse("Archive").unwrap(),
        keywords: true,
        sound: true,
    }
}

fn start(bus: &PrivateBus, rules: Rules) -> (Desktop, mpsc::UnboundedReceiver<Request>) {
    Desktop::start(Setup {
        bus: Bus::At(bus.address.clone()),
        accounts: vec![("work".to_owned(), rules)],
        muted: None,
    })
}

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_secs()).unwrap()
}

fn arrival(number: i64) -> Arrival {
    Arrival {
        id: NewsId(number),
        side: Side::Remote,
        subject: Subject {
            row: RowId(number),
            mailbox: MailboxName::inbox(),
            local: LocalId::new(format!("{number}.x").as_bytes()),
            path: Some(format!("/nowhere/INBOX/new/{number}.x").into()),
            uid: None,
            size: 100,
            flags: Flags::new(),
            date: now(),
            header: None,
        },
        letter: Letter {
            name: format!("Sender {number}"),
            address: "s@example.org".to_owned(),
            subject: format!("Subject <{number}>"),
            text: format!("Text & more {number}"),
            message_id: Some(format!("{number}@x")),
            references: Vec::new(),
        },
        wish: Wish::default(),
    }
}

fn gone(number: i64) -> Gone {
    Gone {
        mailbox: MailboxName::inbox(),
        row: RowId(number),
        local: None,
    }
}

/// Waits until notifications are in a state of that word.
async fn state(desktop: &Desktop, word: &str) -> State {
    let mut watch = desktop.watch();
    soon(watch.wait_for(|state| state.word() == word))
        .await
        .unwrap()
        .clone()
}
