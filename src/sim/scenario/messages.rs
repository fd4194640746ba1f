//! Single messages: what changed on one side, on the other, on both.

use super::{Scenario, few, many, nothing_sent};
use crate::sim::local::NameOnMove;
use crate::sim::world::hand::{flags, name};
use crate::sim::{content, world};

fn quiet(_: &world::World) {}

/// One side changed.
pub(super) fn plain() -> Vec<Scenario> {
    let case = |name, change| Scenario::new(name, few, change);
    vec![
        Scenario::new("first sync", quiet, few),
        case("nothing", quiet).thrifty(super::nothing_done),
        case("new on the server", |w| w.arrives("INBOX", 4, "F"))
            .then(|w| w.is_in(4, &["INBOX"]).and(w.has_flags(4, "F"))),
        case("new in the folder", |w| w.filed("INBOX", 4, "SF"))
            .then(|w| w.is_in(4, &["INBOX"]).and(w.has_flags(4, "SF"))),
        case("many new on both sides", |w| {
            for number in 20..26 {
                w.arrives("INBOX", number, "");
                w.filed("Archive", number + 20, "S");
            }
        })
        .long(),
        case("flags changed here", |w| w.local_flags(1, "SF"))
            .then(|w| w.has_flags(1, "SF"))
            .thrifty(nothing_sent),
        case("flags changed on the server", |w| {
            w.remote_flags(2, "F", "S");
        })
        .then(|w| w.has_flags(2, "F"))
        .thrifty(nothing_sent),
        case("flags changed on both sides", |w| {
            w.remote_flags(2, "F", "");
            w.local_flags(2, "R");
        })
        .then(|w| w.has_flags(2, "FR"))
        .thrifty(nothing_sent),
        case("a keyword that no file name shows", |w| {
            w.remote_flags(1, " Work", "");
        })
        .then(|w| w.has_flags(1, " Work")),
        case("deleted here", |w| w.local_delete(1)).then(|w| w.is_in(1, &["Trash"])),
        case("deleted on the server", |w| w.remote_delete(1))
            .then(|w| w.is_in(1, &[]).and(w.is_in_local_trash(1))),
        case("moved to the trash on the server", |w| {
            w.remote_move(1, "Trash");
        })
        .then(|w| w.is_in(1, &["Trash"])),
    ]
}

/// One side moved something.
pub(super) fn moves() -> Vec<Scenario> {
    let case = |name, change| Scenario::new(name, few, change);
    vec![
        case("moved here", |w| w.local_move(1, "Work", NameOnMove::Kept))
            .then(|w| w.is_in(1, &["Work"]))
            .thrifty(nothing_sent),
        case("moved here under another name", |w| {
            w.local_move(1, "Work", NameOnMove::New);
        })
        .then(|w| w.is_in(1, &["Work"]))
        .thrifty(nothing_sent),
        case("moved here by copy and removal", |w| {
            w.local_move(1, "Work", NameOnMove::Rewritten);
        })
        .then(|w| w.is_in(1, &["Work"]))
        .thrifty(nothing_sent),
        case("moved here and flagged", |w| {
            w.local_flags(1, "SF");
            w.local_move(1, "Work", NameOnMove::Kept);
        })
        .then(|w| w.is_in(1, &["Work"]).and(w.has_flags(1, "SF"))),
        case("moved on the server", |w| w.remote_move(1, "Work"))
            .then(|w| w.is_in(1, &["Work"]))
            .thrifty(|w, mark| {
                let sent = w.steps.traced(mark, "server append");
                world::fine(sent == 0, || "appended".to_owned())
            }),
        Scenario::new("many moved here", many, |w| {
            for number in 100..120 {
                w.local_move(number, "Work", NameOnMove::Kept);
            }
        })
        .then(|w| (100..120).try_for_each(|number| w.is_in(number, &["Work"])))
        .thrifty(nothing_sent)
        .long(),
        Scenario::new("many moved on the server", many, |w| {
            for number in 100..120 {
                w.remote_move(number, "Work");
            }
        })
        .then(|w| (100..120).try_for_each(|number| w.is_in(number, &["Work"])))
        .long(),
        case("edited in place", |w| {
            w.local_edit(1);
        })
        .then(|w| w.body_is_in(&content::edited(&content::mail(1), 1), &["INBOX"])),
    ]
}

/// Both sides changed.
pub(super) fn conflicts() -> Vec<Scenario> {
    let case = |name, change| Scenario::new(name, few, change);
    vec![
        case("deleted on the server and flagged here", |w| {
            w.remote_delete(1);
            w.local_flags(1, "F");
        })
        .then(|w| w.is_in(1, &["INBOX"]).and(w.has_flags(1, "F"))),
        case("deleted on the server and read here", |w| {
            w.remote_delete(1);
            w.local_flags(1, "S");
        })
        .then(|w| w.is_in(1, &[]).and(w.is_in_local_trash(1))),
        case("deleted here and flagged on the server", |w| {
            w.local_delete(1);
            w.remote_flags(1, "F", "");
        })
        .then(|w| w.is_in(1, &["INBOX"]).and(w.has_flags(1, "F"))),
        case("deleted here and read on the server", |w| {
            w.local_delete(1);
            w.remote_flags(1, "S", "");
        })
        .then(|w| w.is_in(1, &["Trash"])),
        case("deleted on both sides", |w| {
            w.local_delete(1);
            w.remote_delete(1);
        })
        .then(|w| w.is_in(1, &[])),
        case("moved to the same place on both sides", |w| {
            w.local_move(1, "Work", NameOnMove::Kept);
            w.remote_move(1, "Work");
        })
        .then(|w| w.is_in(1, &["Work"])),
        case("moved to two places", |w| {
            w.local_move(1, "Work", NameOnMove::Kept);
            w.remote_move(1, "Archive");
        })
        .then(|w| w.is_in(1, &["Archive"])),
        case("moved here and deleted on the server", |w| {
            w.local_move(1, "Work", NameOnMove::Kept);
            w.remote_delete(1);
        })
        .then(|w| w.is_in(1, &["Work"])),
        case("deleted here and moved on the server", |w| {
            w.local_delete(1);
            w.remote_move(1, "Work");
        })
        .then(|w| w.is_in(1, &["Work"])),
        case("moved on the server and flagged here", |w| {
            w.remote_move(1, "Work");
            w.local_flags(1, "F");
        })
        .then(|w| w.is_in(1, &["Work"]).and(w.has_flags(1, "F"))),
    ]
}

/// Somebody edited a file in place, or much happened at once.
pub(super) fn tangles() -> Vec<Scenario> {
    let case = |name, change| Scenario::new(name, few, change);
    vec![
        case("edited here and flagged on the server", |w| {
            w.local_edit(1);
            w.remote_flags(1, "F", "");
        })
        .then(|w| {
            let edited = content::edited(&content::mail(1), 1);
            w.body_is_in(&edited, &["INBOX"])
        }),
        case("edited here and deleted on the server", |w| {
            w.local_edit(1);
            w.remote_delete(1);
        })
        .then(|w| w.body_is_in(&content::edited(&content::mail(1), 1), &["INBOX"])),
        case("edited here and moved on the server", |w| {
            w.local_edit(1);
            w.remote_move(1, "Work");
        }),
        case("flags and moves of many, crosswise", |w| {
            w.local_move(1, "Work", NameOnMove::Kept);
            w.remote_move(2, "Archive");
            w.local_flags(3, "F");
            w.remote_move(10, "INBOX");
        })
        .then(|w| {
            w.is_in(1, &["Work"])
                .and(w.is_in(2, &["Archive"]))
                .and(w.is_in(10, &["INBOX"]))
        }),
    ]
}

/// The same mail more than once.
pub(super) fn copies() -> Vec<Scenario> {
    let case = |name, change| Scenario::new(name, few, change);
    vec![
        case("the same new mail on both sides", |w| {
            w.arrives("INBOX", 4, "F");
            w.filed("INBOX", 4, "S");
        })
        .then(|w| w.is_in(4, &["INBOX"]).and(w.has_flags(4, "FS"))),
        case("new on both sides and only alike", |w| {
            w.arrives("INBOX", 4, "");
            w.local
                .deliver_file(&name("INBOX"), &content::alike(4), &flags(""));
        })
        .then(|w| {
            w.is_in(4, &["INBOX"])
                .and(w.body_is_in(&content::alike(4), &["INBOX"]))
        }),
        case("two copies on the server", |w| {
            w.arrives("INBOX", 4, "");
            w.arrives("INBOX", 4, "");
        })
        .then(|w| w.is_in(4, &["INBOX", "INBOX"])),
        case("two copies here", |w| {
            w.filed("INBOX", 4, "");
            w.filed("INBOX", 4, "");
        })
        .then(|w| w.is_in(4, &["INBOX", "INBOX"])),
        case("copied here", |w| w.local_copy(1, "Work")).then(|w| w.is_in(1, &["INBOX", "Work"])),
        case("copied on the server", |w| w.remote_copy(1, "Work"))
            .then(|w| w.is_in(1, &["INBOX", "Work"])),
        case("copied within a mailbox and flagged here", |w| {
            w.remote_copy(1, "INBOX");
            w.local_flags(1, "F");
        })
        .then(|w| w.is_in(1, &["INBOX", "INBOX"])),
        case(
            "moved on the server to where a copy of the same name is",
            |w| {
                w.remote_move(1, "Work");
            },
        )
        .after(|w| {
            w.local
                .copy_same_name(&name("INBOX"), &content::mail(1), &name("Work"));
        })
        .then(|w| w.is_in(1, &["Work", "Work"])),
        case("a copy of the same name goes where its original was", |w| {
            w.local_delete(1);
            let uid = w.server.find(&name("Work"), &content::mail(1));
            if let Some(uid) = uid {
                w.server.transfer(&name("Work"), uid, &name("INBOX"), false);
            }
        })
        .after(|w| {
            w.local
                .copy_same_name(&name("INBOX"), &content::mail(1), &name("Work"));
        }),
        Scenario::new(
            "one of two equals deleted on the server",
            |w| {
                few(w);
                w.arrives("INBOX", 4, "");
                w.arrives("INBOX", 4, "");
            },
            |w| w.remote_delete(4),
        )
        .then(|w| w.is_in(4, &["INBOX"])),
        case("a draft without Message-ID", |w| {
            w.local
                .deliver_file(&name("INBOX"), &content::draft(7), &flags("D"));
        })
        .then(|w| w.body_is_in(&content::draft(7), &["INBOX"])),
    ]
}
