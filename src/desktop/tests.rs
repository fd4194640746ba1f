//! The board against a screen that does what a server does.

mod bubbles;
mod lives;
mod presses;
mod rules;

use std::collections::BTreeMap;
use std::time::Duration;

use super::board::{Board, Call, Now};
use super::bubble::{Abilities, Bubble};
use super::words::*;
use crate::mail::{Flag, Flags, LocalId, MailboxName};
use crate::sync::{NewsId, RowId, Side, Subject};

/// 2023-11-14.
const TODAY: i64 = 1_700_000_000;

fn mailbox(name: &str) -> MailboxName {
    MailboxName::parse(name).unwrap()
}

fn rules() -> Rules {
    Rules {
        mailboxes: Chosen::new(|mailbox| mailbox.as_str() != "Other"),
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
        archive: mailbox("Archive"),
        keywords: true,
        sound: true,
    }
}

fn arrival_in(name: &str, number: i64) -> Arrival {
    Arrival {
        id: NewsId(number),
        side: Side::Remote,
        subject: Subject {
            row: RowId(number),
            mailbox: mailbox(name),
            local: LocalId::new(format!("{number}.x").as_bytes()),
            path: Some(format!("/m/{name}/new/{number}.x").into()),
            uid: None,
            size: 100,
            flags: Flags::new(),
            date: TODAY,
            header: None,
        },
        letter: Letter {
            name: format!("Sender {number}"),
            address: "s@example.org".to_owned(),
            subject: format!("Subject {number}"),
            text: format!("Text {number}"),
            message_id: Some(format!("{number}@x")),
            references: Vec::new(),
        },
        wish: Wish::default(),
    }
}

fn arrival(number: i64) -> Arrival {
    arrival_in("INBOX", number)
}

fn gone(number: i64) -> Gone {
    Gone {
        mailbox: MailboxName::inbox(),
        row: RowId(number),
        local: None,
    }
}

const ALL: Abilities = Abilities {
    body: true,
    markup: false,
    actions: true,
    sound: true,
};

/// A board, a server, and a clock that goes when it is told to.
struct World {
    board: Board,
    now: Now,
    screen: BTreeMap<u32, Bubble>,
    last: u32,
    calls: usize,
}

impl World {
    fn with(accounts: Vec<(&str, Rules)>) -> Self {
        let mut board = Board::default();
        board.configure(
            accounts
                .into_iter()
                .map(|(name, rules)| (name.to_owned(), rules))
                .collect(),
        );
        let now = Now {
            at: Duration::from_secs(100),
            unix: TODAY,
            minute: 720,
        };
        board.ready(ALL, &now);
        Self {
            board,
            now,
            screen: BTreeMap::new(),
            last: 0,
            calls: 0,
        }
    }

    fn new(rules: Rules) -> Self {
        Self::with(vec![("work", rules)])
    }

    fn arrives(&mut self, arrivals: impl IntoIterator<Item = Arrival>) {
        self.board
            .arrived("work", None, arrivals.into_iter().collect(), &self.now);
    }

    fn goes(&mut self, numbers: impl IntoIterator<Item = i64>) {
        let gone: Vec<Gone> = numbers.into_iter().map(gone).collect();
        self.board.gone("work", &gone, &self.now);
    }

    fn says(&mut self, notice: Notice) {
        self.board.notice("work", notice, &self.now);
    }

    /// The server's part of a call; gives what it answers.
    fn serve(&mut self, call: &Call) -> u32 {
        self.calls += 1;
        match call {
            Call::Show {
                replaces, bubble, ..
            } => {
                let id = match self.screen.contains_key(replaces) {
                    true => *replaces,
                    false => {
                        self.last += 1;
                        self.last
                    }
                };
                self.screen.insert(id, bubble.clone());
                id
            }
            Call::Close(id) => {
                self.screen.remove(id);
                *id
            }
        }
    }

    fn answer(&mut self, call: &Call, id: u32) {
        match call {
            Call::Show { key, .. } => self.board.shown(*key, Some(id)),
            Call::Close(id) => {
                self.board.answered();
                self.board.closed(*id);
            }
        }
    }

    /// Does what is due at this moment.
    fn work(&mut self) {
        while let Some(call) = self.board.step(&self.now) {
            let id = self.serve(&call);
            self.answer(&call, id);
        }
        let due = self.board.due();
        assert!(
            due.is_none_or(|due| due > self.now.at),
            "{due:?} is due for ever at {:?}",
            self.now
        );
    }

    /// Lets time go, and does whatever falls due meanwhile.
    fn pass(&mut self, time: Duration) {
        let end = self.now.at + time;
        self.work();
        while let Some(due) = self.board.due().filter(|due| *due <= end) {
            self.now.at = due.max(self.now.at);
            self.work();
        }
        self.now.at = end;
    }

    fn settle(&mut self) {
        self.pass(Duration::from_secs(200));
    }

    fn headlines(&self) -> Vec<&str> {
        self.screen
            .values()
            .map(|bubble| bubble.summary.as_str())
            .collect()
    }

    fn only(&self) -> &Bubble {
        assert_eq!(self.screen.len(), 1, "{:?}", self.screen);
        self.screen.values().next().unwrap()
    }
}

/// How many messages a bubble is about, going by its headline.
fn told(bubble: &Bubble) -> usize {
    match bubble.summary.split_once(" new message") {
        Some((count, _)) => count.parse().unwrap(),
        None => 1,
    }
}
