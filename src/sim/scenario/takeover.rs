//! A folder that another program filled, and what that program has noted of it.

use std::time::Duration;

use super::{Scenario, few, nothing_sent};
use crate::mail::{LocalId, MailboxName, Uid, UidValidity};
use crate::sim::content;
use crate::sim::world::World;
use crate::sim::world::hand::{flags, name};
use crate::sync::{Claim, Claims};

const FOLDER: &str = "Old";

fn folder() -> MailboxName {
    name(FOLDER)
}

/// A mailbox and a folder with mails 30 to 33: nothing but their Message-ID and size is the same. Flags are those of the
/// file and of the message.
fn joined(world: &World) {
    world.server.create(&folder(), None);
    world.local.make_folder(&folder());
    for (number, here, there) in [
        (30, "", "S"),
        (31, "FS", ""),
        (32, "F", "S"),
        (33, "S", "S"),
    ] {
        world.filed(FOLDER, number, here);
        world.clock.advance(Duration::from_secs(7));
        world.arrives(FOLDER, number, there);
    }
}

fn file(world: &World, number: u64) -> LocalId {
    let mut places = world.local_places(&content::mail(number)).into_iter();
    places.next().expect("a file").1
}

fn uid(world: &World, number: u64) -> Uid {
    let found = world.server.find(&folder(), &content::mail(number));
    found.expect("a message")
}

/// That program says of each file which mail it is, and the flags that both had.
fn note(world: &World, generation: u32, pairs: &[(u64, u64, &str)]) {
    let now = world.server.marks()[&folder()].0;
    let files = pairs.iter().map(|(file_of, mail, letters)| {
        let claim = Claim {
            uid: uid(world, *mail),
            flags: Some(flags(letters)),
            added: 0,
        };
        (file(world, *file_of), claim)
    });
    let claims = Claims {
        uidvalidity: UidValidity::new(now.get() + generation).expect("a UIDVALIDITY"),
        files: files.collect(),
    };
    world.local.take_notes(&folder(), claims);
}

fn each_once(world: &World) -> Result<(), String> {
    (30..34).try_for_each(|number| world.is_in(number, &[FOLDER]))
}

pub(super) fn all() -> Vec<Scenario> {
    let case = |name, change| Scenario::new(name, few, change);
    vec![
        case("a folder that another program filled", |w| {
            joined(w);
            note(
                w,
                0,
                &[(30, 30, "S"), (31, 31, "FS"), (32, 32, ""), (33, 33, "")],
            );
        })
        .then(|w| {
            each_once(w)?;
            // Taken away here, taken away there, set on both sides each by itself, and set on both.
            w.has_flags(30, "").and(w.has_flags(31, ""))?;
            w.has_flags(32, "FS").and(w.has_flags(33, "S"))
        })
        .thrifty(nothing_sent),
        case("a folder with notes from before UIDVALIDITY changed", |w| {
            joined(w);
            note(
                w,
                1,
                &[(30, 31, "S"), (31, 30, "FS"), (32, 32, ""), (33, 33, "")],
            );
        })
        .then(|w| {
            each_once(w)
                .and(w.has_flags(30, "S"))
                .and(w.has_flags(31, "FS"))
        }),
        case("a folder with notes that are wrong", |w| {
            joined(w);
            note(
                w,
                0,
                &[(30, 31, "S"), (31, 30, "FS"), (32, 33, ""), (33, 33, "")],
            );
        })
        .then(|w| {
            each_once(w)
                .and(w.has_flags(30, "S"))
                .and(w.has_flags(31, "FS"))
        }),
        case("a folder with notes of a file that was edited since", |w| {
            joined(w);
            note(
                w,
                0,
                &[(30, 30, ""), (31, 31, ""), (32, 32, ""), (33, 33, "")],
            );
            w.local_edit(31);
        })
        .then(|w| {
            let edited = content::edited(&content::mail(31), 1);
            w.body_is_in(&edited, &[FOLDER])
                .and(w.is_in(31, &[FOLDER]))?;
            w.is_in(30, &[FOLDER]).and(w.is_in(32, &[FOLDER]))
        }),
    ]
}
