//! Situations with a name: how it was, what happened meanwhile, and how it has to end.

pub mod disasters;
mod mailboxes;
mod messages;
mod servers;
mod takeover;

use super::world::{Check, World};

/// One situation.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// What there is before the first pass; both sides are brought in line after it.
    pub setup: fn(&World),
    /// What happens then, and is synced as well.
    pub history: Option<fn(&World)>,
    /// What happens after that.
    pub change: fn(&World),
    /// What must hold at the end, whatever faults there were on the way.
    pub outcome: fn(&World) -> Check,
    /// What must hold when nothing went wrong: what was sent and what was not. Gets the length of the trace at the
    /// time of the change.
    pub thrift: fn(&World, usize) -> Check,
    /// Whether both sides are equal at the end.
    pub equal: bool,
    /// Whether it is short enough for a second stop at every effect after every first.
    pub short: bool,
    /// Whether it can be told at the end that nothing is doubled.
    pub exact: bool,
}

impl Scenario {
    /// A short situation that ends with both sides equal.
    #[must_use]
    pub fn new(name: &'static str, setup: fn(&World), change: fn(&World)) -> Self {
        Self {
            name,
            setup,
            history: None,
            change,
            outcome: |_| Ok(()),
            thrift: |_, _| Ok(()),
            equal: true,
            short: true,
            exact: true,
        }
    }

    /// The same with something that happens, and is synced, before the change.
    #[must_use]
    pub fn after(self, history: fn(&World)) -> Self {
        Self {
            history: Some(history),
            ..self
        }
    }

    /// The same with something that must hold at the end.
    #[must_use]
    pub fn then(self, outcome: fn(&World) -> Check) -> Self {
        Self { outcome, ..self }
    }

    /// The same with something that must hold when nothing went wrong.
    #[must_use]
    pub fn thrifty(self, thrift: fn(&World, usize) -> Check) -> Self {
        Self { thrift, ..self }
    }

    /// The sides do not end equal: something is held.
    #[must_use]
    pub fn unequal(self) -> Self {
        Self {
            equal: false,
            ..self
        }
    }

    /// Too many effects for two stops.
    #[must_use]
    pub fn long(self) -> Self {
        Self {
            short: false,
            ..self
        }
    }

    /// Copies that the engine made cannot be told from others here.
    #[must_use]
    pub fn inexact(self) -> Self {
        Self {
            exact: false,
            ..self
        }
    }
}

/// All of them.
#[must_use]
pub fn all() -> Vec<Scenario> {
    [
        messages::plain(),
        messages::moves(),
        messages::conflicts(),
        messages::tangles(),
        messages::copies(),
        mailboxes::all(),
        disasters::all(),
        servers::all(),
        takeover::all(),
    ]
    .concat()
}

/// The one of this name.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn named(name: &str) -> Scenario {
    let found = all().into_iter().find(|scenario| scenario.name == name);
    found.unwrap_or_else(|| panic!("no scenario {name}"))
}

/// INBOX with 1, 2 (seen) and 3, Archive with 10, Work.
fn few(world: &World) {
    for mailbox in ["Archive", "Work"] {
        world
            .server
            .create(&super::world::hand::name(mailbox), None);
    }
    world.arrives("INBOX", 1, "");
    world.arrives("INBOX", 2, "S");
    world.arrives("INBOX", 3, "");
    world.arrives("Archive", 10, "S");
}

/// The same with 31 mails in INBOX.
fn many(world: &World) {
    few(world);
    for number in 100..128 {
        world.arrives("INBOX", number, "S");
    }
}

/// No octets were sent: no APPEND and no FETCH of bodies.
fn nothing_sent(world: &World, mark: usize) -> Check {
    let appended = world.steps.traced(mark, "server append");
    let fetched = world.steps.traced(mark, "server fetch");
    let text = || format!("{appended} appended, {fetched} fetched");
    super::world::fine(appended + fetched == 0, text)
}

/// Nothing was changed on either side, but for the root's marker.
fn nothing_done(world: &World, mark: usize) -> Check {
    let done = world.steps.traced(mark, "server ") + world.steps.traced(mark, "local ")
        - world.steps.traced(mark, "local mark root");
    super::world::fine(done == 0, || format!("{done} things were done"))
}
