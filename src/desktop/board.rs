//! The whole screen as we want it to be, and the next thing to be told to the server for it.
//!
//! No I/O and no clock: what happens is told, with the time, and [`Board::step`] says what is to be done next, one call
//! after the other. While a call has no answer there is no other one: a server that hangs finds one summary when it is back.

use std::time::Duration;

use super::bubble::{Abilities, Bubble, COPY, Detail, Member};
use super::muted::Muted;
use super::notices::Notices;
use super::shelf::Shelf;
use super::words::{Arrival, Gone, Notice, Rules, Topic};
use crate::mail::{Flag, Flags, Keyword};
use crate::sync::{Act, Wanted};

/// So many bubbles that are shown once are remembered, for their buttons.
const ONCE: usize = 16;

/// The time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Now {
    /// Since some moment; never goes back.
    pub(super) at: Duration,
    /// Seconds since 1970.
    pub(super) unix: i64,
    /// Minutes after local midnight.
    pub(super) minute: u16,
}

/// Numbers of which none is given twice.
#[derive(Debug, Default)]
pub(super) struct Counter(u64);

impl Counter {
    pub(super) fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

/// What is to be told to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// Show this; answered by [`Board::shown`].
    Show {
        key: u64,
        replaces: u32,
        bubble: Bubble,
    },
    /// Close this; answered by [`Board::answered`].
    Close(u32),
}

/// What a pressed button asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Press {
    /// What is to be done, as it would be written in "Could not ...", and to which messages.
    Act {
        what: &'static str,
        wanted: Vec<Wanted>,
    },
    Open {
        detail: std::sync::Arc<Detail>,
        member: Box<Member>,
        command: Vec<String>,
    },
    Copy(String),
    /// All there was to do is done.
    Muted,
    Approve(String),
    Restore(String),
    SignIn,
}

/// The screen.
#[derive(Debug, Default)]
pub(super) struct Board {
    shelves: Vec<Shelf>,
    notices: Notices,
    muted: Muted,
    counter: Counter,
    /// What the server can do; `None` while there is none.
    abilities: Option<Abilities>,
    /// The server lets nothing through at the moment.
    inhibited: bool,
    /// The key of the bubble that is on its way to the server: the call has no answer yet. 0 for calls of no bubble.
    busy: Option<u64>,
    closing: Vec<u32>,
    /// Bubbles of which nothing is known but that they are ours, the newest last.
    once: Vec<u32>,
}

impl Board {
    pub(super) fn new(muted: Muted) -> Self {
        Self {
            muted,
            ..Self::default()
        }
    }

    /// The accounts there are, in place of those before.
    pub(super) fn configure(&mut self, accounts: Vec<(String, Rules)>) {
        let mut former = std::mem::take(&mut self.shelves);
        for (name, rules) in accounts {
            let at = former.iter().position(|shelf| shelf.name == name);
            let mut shelf = match at {
                Some(at) => former.swap_remove(at),
                None => Shelf::new(name, rules.clone()),
            };
            shelf.rules = rules;
            self.shelves.push(shelf);
        }
        self.closing.extend(former.iter().flat_map(Shelf::ids));
        let shelves = &self.shelves;
        let over = self
            .notices
            .keep(|account| shelves.iter().any(|shelf| shelf.name == account));
        self.closing.extend(over);
    }

    pub(super) fn arrived(
        &mut self,
        account: &str,
        since: Option<i64>,
        items: Vec<Arrival>,
        now: &Now,
    ) {
        if let Some(shelf) = self.shelves.iter_mut().find(|shelf| shelf.name == account) {
            shelf.arrived(since, items, now, &mut self.muted);
        }
    }

    pub(super) fn gone(&mut self, account: &str, items: &[Gone], now: &Now) {
        if let Some(shelf) = self.shelves.iter_mut().find(|shelf| shelf.name == account) {
            self.closing.extend(shelf.gone(items, now));
        }
    }

    pub(super) fn notice(&mut self, account: &str, notice: Notice, now: &Now) {
        self.notices.add(account, notice, now, &mut self.counter);
    }

    pub(super) fn over(&mut self, account: &str, topic: &Topic) {
        self.closing.extend(self.notices.over(account, topic));
    }

    /// Something that was asked for from a bubble was not done.
    pub(super) fn failed(&mut self, what: &str, reason: &str) {
        self.notices.failed(what, reason);
    }

    /// Whether a server is needed that is not there.
    pub(super) fn wants_server(&self) -> bool {
        let waits = self.shelves.iter().any(|shelf| shelf.due().is_some());
        self.abilities.is_none()
            && (waits || self.notices.due().is_some() || self.notices.is_urgent())
    }

    /// There is a server.
    pub(super) fn ready(&mut self, abilities: Abilities, now: &Now) {
        self.abilities = Some(abilities);
        self.notices.unpark(now);
    }

    /// The server lets nothing through from now on, or does so again.
    pub(super) fn inhibit(&mut self, inhibited: bool) {
        self.inhibited = inhibited;
    }

    /// Whether the server lets nothing through.
    pub(super) fn is_inhibited(&self) -> bool {
        self.inhibited
    }

    /// The server is gone, and with it what it showed. The next one is another one, with other numbers.
    pub(super) fn lost(&mut self, now: &Now) {
        self.abilities = None;
        self.inhibited = false;
        self.busy = None;
        self.closing.clear();
        self.once.clear();
        for shelf in &mut self.shelves {
            shelf.forget_shown();
        }
        self.notices.forget_shown(now, &mut self.counter);
    }

    /// There is no server, and none comes.
    pub(super) fn absent(&mut self) {
        for shelf in &mut self.shelves {
            shelf.forget_waiting();
        }
        self.notices.park();
    }

    /// When [`Board::step`] is of use again; in the past for at once.
    pub(super) fn due(&self) -> Option<Duration> {
        if self.abilities.is_none() || self.busy.is_some() {
            return None;
        }
        if self.notices.is_urgent() || !self.closing.is_empty() {
            return Some(Duration::ZERO);
        }
        if self.inhibited {
            return None;
        }
        let shelves = self.shelves.iter().filter_map(Shelf::due);
        shelves.chain(self.notices.due()).min()
    }

    /// What is to be told to the server now.
    pub(super) fn step(&mut self, now: &Now) -> Option<Call> {
        let abilities = self.abilities.filter(|_| self.busy.is_none())?;
        let call = self.next_call(now).map(|call| match call {
            Call::Show {
                key,
                replaces,
                bubble,
            } => {
                let bubble = bubble.for_server(&abilities);
                Call::Show {
                    key,
                    replaces,
                    bubble,
                }
            }
            close @ Call::Close(_) => close,
        });
        self.busy = call.as_ref().map(|call| match call {
            Call::Show { key, .. } => *key,
            Call::Close(_) => 0,
        });
        call
    }

    fn next_call(&mut self, now: &Now) -> Option<Call> {
        let show = |show: super::shelf::Show| Call::Show {
            key: show.key,
            replaces: show.replaces,
            bubble: show.bubble,
        };
        if let Some(urgent) = self.notices.urgent() {
            return Some(show(urgent));
        }
        // New before old: a bubble that takes another one's place leaves no gap.
        if !self.inhibited {
            let shelves = &self.shelves;
            let quiet = |account: &str| {
                shelves
                    .iter()
                    .find(|shelf| shelf.name == account)?
                    .quiet(now)
            };
            if let Some(notice) = self.notices.step(now, quiet) {
                return Some(show(notice));
            }
            let several = self.shelves.len() > 1;
            for shelf in &mut self.shelves {
                let (shown, closed) = shelf.step(now, several, &mut self.counter);
                self.closing.extend(closed);
                if let Some(shown) = shown {
                    return Some(show(shown));
                }
            }
        }
        self.closing.pop().map(Call::Close)
    }

    /// The server has answered a [`Call::Show`]: with a number, or not with one.
    pub(super) fn shown(&mut self, key: u64, id: Option<u32>) {
        self.busy = None;
        if let (0, Some(id)) = (key, id) {
            self.once.push(id);
            let surplus = self.once.len().saturating_sub(ONCE);
            self.once.drain(..surplus);
        }
        let mut known = key == 0 || self.notices.shown(key, id);
        for shelf in &mut self.shelves {
            known = known || shelf.shown(key, id);
        }
        // Withdrawn while it was on its way.
        if let (false, Some(id)) = (known || self.abilities.is_none(), id) {
            self.closing.push(id);
        }
    }

    /// The server has answered a [`Call::Close`].
    pub(super) fn answered(&mut self) {
        self.busy = None;
    }

    /// A bubble was closed by the user, by time, or by us.
    pub(super) fn closed(&mut self, id: u32) {
        self.closing.retain(|closing| *closing != id);
        self.once.retain(|once| *once != id);
        self.notices.closed(id);
        for shelf in &mut self.shelves {
            shelf.closed(id, self.busy);
        }
    }

    /// A button was pressed. Gives the account and what is to be done.
    pub(super) fn pressed(&mut self, id: u32, action: &str) -> Option<(String, Press)> {
        if let Some((account, notice)) = self.notices.pressed(id) {
            let press = match (notice, action) {
                (Notice::Hold { id, .. }, "approve") => Press::Approve(id.clone()),
                (Notice::Hold { id, .. }, "restore") => Press::Restore(id.clone()),
                (Notice::SignIn { .. }, "default" | "sign-in") => Press::SignIn,
                _ => return None,
            };
            return Some((account.to_owned(), press));
        }
        let owner = self.shelves.iter().find(|shelf| shelf.has(id));
        if let Some(text) = action.strip_prefix(COPY) {
            let account = owner.map(|shelf| shelf.name.clone());
            let ours = account.is_some() || self.once.contains(&id);
            return ours.then(|| (account.unwrap_or_default(), Press::Copy(text.to_owned())));
        }
        let shelf = owner?;
        let (word, tag) = match action.split_once(':') {
            Some((word, tag)) => (word, Some(tag.parse().ok()?)),
            None => (action, None),
        };
        let members = shelf.pressed(id, tag)?;
        let name = shelf.name.clone();
        let wanted = |act: &Act| wanted(&members, act);
        let (what, wanted) = match (word, tag) {
            ("default", None) => return Some((name, open(&members, &shelf.rules)?)),
            ("read", Some(_)) => (
                "mark as read",
                wanted(&Act::AddFlags(Flags::new().with(Flag::Seen))),
            ),
            ("archive", Some(_)) => ("archive", wanted(&Act::MoveTo(shelf.rules.archive.clone()))),
            ("delete", Some(_)) => ("delete", wanted(&Act::Delete)),
            ("mute", Some(_)) => {
                let threads = members.iter().filter_map(|member| member.detail.clone());
                self.muted
                    .add(threads.flat_map(|detail| detail.thread.clone()));
                if !shelf.rules.keywords {
                    return Some((name, Press::Muted));
                }
                let flags = Flags::new().with_keyword(Keyword::new("$Muted")?);
                ("mark as muted", wanted(&Act::AddFlags(flags)))
            }
            _ => return None,
        };
        Some((name, Press::Act { what, wanted }))
    }

    /// The muted threads, if they are others than when this was asked last.
    pub(super) fn changed_muted(&mut self) -> Option<String> {
        self.muted.has_changed().then(|| self.muted.text())
    }

    /// All bubbles on the screen.
    pub(super) fn ids(&self) -> Vec<u32> {
        self.shelves
            .iter()
            .flat_map(Shelf::ids)
            .chain(self.notices.ids())
            .collect()
    }
}

fn wanted(members: &[Member], act: &Act) -> Vec<Wanted> {
    let one = |member: &Member| {
        Some(Wanted {
            row: member.row,
            mailbox: member.mailbox.clone(),
            local: member.local.clone()?,
            act: act.clone(),
        })
    };
    members.iter().filter_map(one).collect()
}

fn open(members: &[Member], rules: &Rules) -> Option<Press> {
    let member = members.last()?;
    Some(Press::Open {
        detail: member.detail.clone()?,
        member: Box::new(member.clone()),
        command: rules.open.clone(),
    })
}
