//! What is shown besides mail: one bubble for each topic, what hooks say, and what went wrong with a button.

use std::collections::VecDeque;
use std::time::Duration;

use super::board::{Counter, Now};
use super::bubble::{self, Bubble};
use super::pace::Pace;
use super::shelf::{SETTLE, Show};
use super::words::{Notice, Topic};

/// So many things that hooks said are kept for a summary.
const SAID: usize = 100;
/// From so many on there is one bubble for all of them.
const TALK: usize = 3;
/// So many failures are told at once.
const FAILURES: usize = 3;
/// In quiet hours it is looked again after so long whether they are over: what counts the time stands still while the machine
/// sleeps, and the hour may change.
const LOOK: Duration = Duration::from_secs(5 * 60);
/// A notice is shown again when the server was started anew, but not more often: it may be what ends the server.
const TRIES: u8 = 3;

/// All notices of all accounts.
#[derive(Debug, Default)]
pub(super) struct Notices {
    posted: Vec<Posted>,
    /// What the user has seen and put away, and still holds.
    answered: Vec<(String, Notice)>,
    said: VecDeque<Said>,
    /// Those that were too many.
    unsaid: usize,
    pace: Pace,
    failures: VecDeque<Bubble>,
}

#[derive(Debug)]
struct Said {
    account: String,
    notice: Notice,
    due: Duration,
}

/// A notice with a topic.
#[derive(Debug)]
struct Posted {
    key: u64,
    account: String,
    topic: Topic,
    notice: Notice,
    id: Option<u32>,
    state: State,
    tries: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// To be shown then.
    Due(Duration),
    /// Nothing can be shown; perhaps later.
    Parked,
    /// Shown, or on its way.
    Shown,
}

impl Notices {
    /// There is something to tell.
    pub(super) fn add(&mut self, account: &str, notice: Notice, now: &Now, counter: &mut Counter) {
        let due = now.at + SETTLE;
        let account = account.to_owned();
        let Some(topic) = notice.topic() else {
            if self.said.len() == SAID {
                self.said.pop_front();
                self.unsaid += 1;
            }
            return self.said.push_back(Said {
                account,
                notice,
                due,
            });
        };
        let mut answered = self.answered.iter();
        if answered.any(|(whose, known)| *whose == account && is_same(known, &notice)) {
            return;
        }
        let known = self
            .posted
            .iter_mut()
            .find(|it| it.account == account && it.topic == topic);
        match known {
            Some(posted) if is_same(&posted.notice, &notice) => {}
            Some(posted) => {
                posted.notice = notice;
                posted.state = State::Due(due);
            }
            None => self.posted.push(Posted {
                key: counter.next(),
                account,
                topic,
                notice,
                id: None,
                state: State::Due(due),
                tries: 0,
            }),
        }
    }

    /// Something does not hold any more. Gives the bubbles that are to be closed.
    pub(super) fn over(&mut self, account: &str, topic: &Topic) -> Vec<u32> {
        self.answered
            .retain(|(whose, notice)| whose != account || notice.topic().as_ref() != Some(topic));
        let over = self
            .posted
            .extract_if(.., |it| it.account == account && it.topic == *topic);
        over.filter_map(|posted| posted.id).collect()
    }

    /// Forgets the accounts that are no more. Gives the bubbles that are to be closed.
    pub(super) fn keep(&mut self, is_account: impl Fn(&str) -> bool) -> Vec<u32> {
        self.answered.retain(|(account, _)| is_account(account));
        self.said.retain(|said| is_account(&said.account));
        let over = self
            .posted
            .extract_if(.., |posted| !is_account(&posted.account));
        over.filter_map(|posted| posted.id).collect()
    }

    /// Something that was asked for from a bubble was not done.
    pub(super) fn failed(&mut self, what: &str, reason: &str) {
        if self.failures.len() < FAILURES {
            self.failures.push_back(bubble::of_failure(what, reason));
        }
    }

    /// Whether something has to be told at once, whatever the hour: the user has just pressed a button.
    pub(super) fn is_urgent(&self) -> bool {
        !self.failures.is_empty()
    }

    /// When there is something to show.
    pub(super) fn due(&self) -> Option<Duration> {
        let posted = self.posted.iter().filter_map(|posted| match posted.state {
            State::Due(due) => Some(due),
            State::Parked | State::Shown => None,
        });
        let said = self.said.front().map(|said| said.due.max(self.pace.next()));
        posted.chain(said).min()
    }

    /// A failure that is to be shown.
    pub(super) fn urgent(&mut self) -> Option<Show> {
        self.failures.pop_front().map(Show::once)
    }

    /// What is to be shown now. `quiet` says how many minutes it stays quiet for an account.
    pub(super) fn step(&mut self, now: &Now, quiet: impl Fn(&str) -> Option<u16>) -> Option<Show> {
        for posted in &mut self.posted {
            let State::Due(due) = posted.state else {
                continue;
            };
            if due > now.at {
                continue;
            }
            if let Some(minutes) = quiet(&posted.account) {
                let rest = Duration::from_secs(60 * u64::from(minutes));
                posted.state = State::Due(now.at + rest.min(LOOK));
                continue;
            }
            posted.state = State::Shown;
            posted.tries = posted.tries.saturating_add(1);
            return Some(Show {
                key: posted.key,
                replaces: posted.id.unwrap_or(0),
                bubble: bubble::of_notice(&posted.notice, &posted.account),
            });
        }
        // What a plugin says at night is not worth waking up for in the morning.
        self.said
            .retain(|said| said.due > now.at || quiet(&said.account).is_none());
        self.talk(now)
    }

    fn talk(&mut self, now: &Now) -> Option<Show> {
        let first = self.said.front()?;
        if first.due.max(self.pace.next()) > now.at {
            return None;
        }
        self.pace.changed(now.at);
        let bubble = if self.said.len() + self.unsaid >= TALK {
            let said: Vec<Notice> = self.said.drain(..).map(|said| said.notice).collect();
            bubble::of_talk(&said, std::mem::take(&mut self.unsaid))
        } else {
            let said = self.said.pop_front()?;
            bubble::of_notice(&said.notice, &said.account)
        };
        Some(Show::once(bubble))
    }

    /// The server says what it calls a bubble, or that it does not show it. Whether the bubble is known here.
    pub(super) fn shown(&mut self, key: u64, id: Option<u32>) -> bool {
        let Some(posted) = self.posted.iter_mut().find(|posted| posted.key == key) else {
            return false;
        };
        match id {
            Some(id) => posted.id = Some(id),
            None => posted.state = State::Parked,
        }
        true
    }

    /// A bubble was closed by the user, or by time.
    pub(super) fn closed(&mut self, id: u32) {
        let closed = self.posted.extract_if(.., |posted| posted.id == Some(id));
        self.answered
            .extend(closed.map(|posted| (posted.account, posted.notice)));
    }

    /// All bubbles on the screen.
    pub(super) fn ids(&self) -> impl Iterator<Item = u32> + '_ {
        self.posted.iter().filter_map(|posted| posted.id)
    }

    /// The account, and the notice that a bubble shows.
    pub(super) fn pressed(&self, id: u32) -> Option<(&str, &Notice)> {
        let posted = self.posted.iter().find(|posted| posted.id == Some(id))?;
        Some((&posted.account, &posted.notice))
    }

    /// The screen is empty, since the server is another one: what still holds is shown again.
    pub(super) fn forget_shown(&mut self, now: &Now, counter: &mut Counter) {
        for posted in &mut self.posted {
            // An answer that is on its way is none for what is shown from now on.
            posted.key = counter.next();
            posted.id = None;
            if posted.state == State::Shown {
                posted.state = if posted.tries < TRIES {
                    State::Due(now.at + SETTLE)
                } else {
                    State::Parked
                };
            }
        }
    }

    /// Nothing can be shown: what holds is kept for later.
    pub(super) fn park(&mut self) {
        self.said.clear();
        self.unsaid = 0;
        self.failures.clear();
        for posted in &mut self.posted {
            if matches!(posted.state, State::Due(_)) {
                posted.state = State::Parked;
            }
        }
    }

    /// There is a server.
    pub(super) fn unpark(&mut self, now: &Now) {
        for posted in &mut self.posted {
            if posted.state == State::Parked && posted.tries < TRIES {
                posted.state = State::Due(now.at);
            }
        }
    }
}

/// Whether a notice says nothing new. Reasons vary while what is behind them does not.
fn is_same(one: &Notice, other: &Notice) -> bool {
    match (one, other) {
        (Notice::Hold { .. }, _) => one == other,
        _ => one.topic() == other.topic(),
    }
}
