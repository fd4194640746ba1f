//! What happens in a random life of the daemon, and when.

use std::time::Duration;

use crate::sim::Rng;
use crate::sim::world::Mix;

/// What a random life is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chaos {
    /// What mail programs and other clients do.
    pub mix: Mix,
    /// Whether they do it only while the daemon is at rest.
    pub polite: bool,
    /// Hints come late, twice, wrongly or not at all, and watches fail.
    pub hints: bool,
    /// The server goes away, refuses, and has too little room.
    pub server: bool,
    /// Orders of the user.
    pub orders: bool,
    /// The daemon is stopped and killed, connections break and disks fail.
    pub faults: bool,
    /// How many things happen.
    pub deeds: usize,
}

impl Chaos {
    /// People at work, nothing goes wrong: all is there within seconds.
    pub(super) const CALM: Self = Self {
        mix: Mix::GENTLE,
        polite: false,
        hints: false,
        server: false,
        orders: false,
        faults: false,
        deeds: 25,
    };
    /// Watches that cannot be relied on.
    pub(super) const VAGUE: Self = Self {
        hints: true,
        orders: true,
        ..Self::CALM
    };
    /// Servers that do not want us.
    pub(super) const UNWELCOME: Self = Self {
        polite: true,
        server: true,
        orders: true,
        ..Self::CALM
    };
    /// All of it, with kills and failing disks.
    pub(super) const STORM: Self = Self {
        polite: true,
        faults: true,
        deeds: 40,
        hints: true,
        ..Self::UNWELCOME
    };
}

/// What can be ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    SyncAll,
    SyncOnly,
    SyncTouched,
    DryRun,
    Pause,
    Resume,
    Wake,
    Reconnect,
    Probe,
}

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// Mail programs and other clients do so many things.
    Act(usize),
    Ask(Ask),
    /// The server goes, or comes back.
    Up(bool),
    /// Nothing gets through, or all does again.
    Silent(bool),
    /// So many connections are granted from now on.
    Room(usize),
    /// No login, and perhaps when to come back.
    Closed(Option<Duration>),
    Open,
    /// The password changes on the server; then the user notices.
    NewPassword,
    TypePassword,
    /// All connections break; perhaps with a word on when to come back.
    Break(Option<Duration>),
    BreakPosts,
    Deafen,
    Deaden,
    Brittle(bool),
    /// The queue of the Maildir's watch runs over.
    Overflow,
    Unwatch,
    Unwatchable(bool),
    /// The daemon is killed, at once or with its so manyth effect; perhaps the machine goes down as well.
    Kill(bool),
    KillAt(u64, bool),
    Stop,
    Start,
    /// Something fails in the so manyth call.
    Trouble(u64),
}

fn millis(rng: &mut Rng, most: usize) -> Duration {
    Duration::from_millis(u64::try_from(rng.below(most)).unwrap())
}

/// Some time, mostly short.
pub(super) fn gap(rng: &mut Rng) -> Duration {
    let most = [1, 30, 600, 3000, 20_000, 20_000, 600_000];
    let most = if rng.one_in(40) {
        20_000_000
    } else {
        most[rng.below(most.len())]
    };
    millis(rng, most)
}

/// A thing that may happen, and what makes an end of it later.
pub(super) fn deed(rng: &mut Rng, chaos: Chaos) -> (Deed, Option<(Duration, Deed)>) {
    loop {
        let (wanted, found) = match rng.below(10) {
            0 if chaos.hints => return hints(rng),
            1 | 2 => (chaos.server, 1),
            3 => (chaos.orders, 2),
            4 => (chaos.faults, 3),
            5 if chaos.hints => return hints(rng),
            _ => (true, 0),
        };
        if wanted {
            return match found {
                1 => server(rng),
                2 => orders(rng),
                3 => faults(rng),
                _ => (Deed::Act(1 + rng.below(4)), None),
            };
        }
    }
}

fn hints(rng: &mut Rng) -> (Deed, Option<(Duration, Deed)>) {
    let deeds = [
        Deed::BreakPosts,
        Deed::Deafen,
        Deed::Deaden,
        Deed::Overflow,
        Deed::Unwatch,
    ];
    match rng.below(8) {
        0 => (
            Deed::Unwatchable(true),
            Some((gap(rng), Deed::Unwatchable(false))),
        ),
        1 => (Deed::Brittle(true), Some((gap(rng), Deed::Brittle(false)))),
        _ => (deeds[rng.below(deeds.len())], None),
    }
}

fn server(rng: &mut Rng) -> (Deed, Option<(Duration, Deed)>) {
    let later = gap(rng) + millis(rng, 60_000);
    let wait = rng.one_in(2).then(|| millis(rng, 1_200_000));
    match rng.below(8) {
        0 | 1 => (Deed::Up(false), Some((later, Deed::Up(true)))),
        2 => (Deed::Silent(true), Some((later, Deed::Silent(false)))),
        3 => (Deed::Room(1 + rng.below(3)), Some((later, Deed::Room(99)))),
        4 => (Deed::Closed(wait), Some((later, Deed::Open))),
        5 => (Deed::NewPassword, Some((later, Deed::TypePassword))),
        6 => (Deed::Break(wait), None),
        _ => (Deed::Break(None), None),
    }
}

fn orders(rng: &mut Rng) -> (Deed, Option<(Duration, Deed)>) {
    // Not `SyncOnly`, as long as that takes half of a move for a deletion (`cases`).
    let asks = [
        Ask::SyncAll,
        Ask::SyncTouched,
        Ask::DryRun,
        Ask::Wake,
        Ask::Reconnect,
        Ask::Probe,
        Ask::Resume,
    ];
    match rng.below(5) {
        0 => (
            Deed::Ask(Ask::Pause),
            Some((gap(rng), Deed::Ask(Ask::Resume))),
        ),
        _ => (Deed::Ask(asks[rng.below(asks.len())]), None),
    }
}

fn faults(rng: &mut Rng) -> (Deed, Option<(Duration, Deed)>) {
    match rng.below(6) {
        0 => (Deed::Kill(rng.one_in(3)), None),
        1 | 2 => (Deed::KillAt(1 + rng.number() % 30, rng.one_in(3)), None),
        3 => (Deed::Stop, None),
        _ => (Deed::Trouble(1 + rng.number() % 40), None),
    }
}
