//! Servers that can do less than others, or do it wrong.

use super::{Scenario, few};
use crate::sim::content;
use crate::sim::local::NameOnMove;
use crate::sim::server::{AppendUid, Poison, Switches};
use crate::sim::world::hand::name;
use crate::sim::world::{World, fine};

fn with(world: &World, change: fn(&mut Switches)) {
    world.server.switch(change);
    few(world);
}

/// A little of everything.
fn mixture(world: &World) {
    world.filed("INBOX", 4, "S");
    world.arrives("INBOX", 5, "");
    world.local_flags(1, "F");
    world.remote_flags(3, "R", "");
    world.local_move(2, "Work", NameOnMove::Kept);
}

fn mixed(world: &World) -> Result<(), String> {
    world.is_in(4, &["INBOX"])?;
    world.is_in(5, &["INBOX"])?;
    world.has_flags(1, "F")?;
    world.has_flags(3, "R")?;
    let copies = world.server.find(&name("Work"), &content::mail(2));
    fine(copies.is_some(), || "2 is not in Work".to_owned())
}

fn poisoned(world: &World, poison: Poison) {
    world.arrives("INBOX", 4, "");
    world.arrives("INBOX", 5, "");
    world.arrives("INBOX", 6, "");
    let uid = world.server.find(&name("INBOX"), &content::mail(5));
    world.server.change(&name("INBOX"), |mailbox| {
        if let Some(message) = uid.and_then(|uid| mailbox.messages.get_mut(&uid)) {
            message.poison = Some(poison);
        }
    });
}

fn others_came(world: &World) -> Result<(), String> {
    world.is_in(4, &["INBOX"]).and(world.is_in(6, &["INBOX"]))
}

pub(super) fn all() -> Vec<Scenario> {
    [poor(), liars(), backwards(), poisons()].concat()
}

fn poor() -> Vec<Scenario> {
    let case = |name, setup| Scenario::new(name, setup, mixture).then(mixed).long();
    vec![
        case("everything at once", few),
        case("server with CONDSTORE only", |w| {
            with(w, |s| s.qresync = false);
        }),
        case("server without CONDSTORE", |w| {
            with(w, |s| {
                s.qresync = false;
                s.condstore = false;
            });
        }),
        case("server without MOVE", |w| with(w, |s| s.uid_move = false)),
        case("server without UIDPLUS", |w| with(w, |s| s.uidplus = false)),
        case("server without UIDPLUS and MOVE", |w| {
            with(w, |s| {
                s.uidplus = false;
                s.uid_move = false;
            });
        })
        .inexact(),
        case("server without MAILBOXID and LIST-STATUS", |w| {
            with(w, |s| {
                s.object_id = false;
                s.list_status = false;
            });
        }),
        case("bare server", |w| {
            with(w, |s| {
                *s = Switches {
                    qresync: false,
                    condstore: false,
                    uid_move: false,
                    object_id: false,
                    list_status: false,
                    ..*s
                };
            });
        }),
        case("APPENDs of dead connections come late", |w| {
            with(w, |s| s.late = Some(10));
        }),
        case(
            "APPENDs of dead connections come after the second try",
            |w| {
                with(w, |s| s.late = Some(200));
            },
        ),
        case("server that refuses the MOVE it offers", |w| {
            with(w, |s| s.refuse_move = true);
        }),
        case("server without UIDNEXT", |w| {
            with(w, |s| s.no_uidnext = true);
        }),
        case("everything lies below INBOX", |w| {
            with(w, |s| s.prefix = true);
        }),
        case("one connection only", |w| {
            with(w, |s| s.connections = Some(1));
        }),
    ]
}

fn liars() -> Vec<Scenario> {
    let upload = |name, setup| {
        Scenario::new(name, setup, |w: &World| w.filed("INBOX", 4, "S"))
            .then(|w| w.is_in(4, &["INBOX"]))
    };
    vec![
        upload("no APPENDUID", |w| {
            with(w, |s| s.append_uid = AppendUid::Missing);
        }),
        upload("APPENDUID of another message", |w| {
            with(w, |s| s.append_uid = AppendUid::Wrong);
        }),
        upload("APPENDUID of nothing", |w| {
            with(w, |s| s.append_uid = AppendUid::Nothing);
        }),
        upload("APPENDUID of another generation", |w| {
            with(w, |s| s.append_uid = AppendUid::OtherValidity);
        }),
        Scenario::new("false VANISHED", few, |w| {
            w.server.switch(|s| s.false_vanished = true);
            w.arrives("INBOX", 4, "");
        })
        .then(|w| (1..5).try_for_each(|number| w.is_in(number, &["INBOX"]))),
        Scenario::new("empty LIST", few, |w| {
            w.server.switch(|s| s.empty_list = true);
            w.arrives("INBOX", 4, "");
        })
        .thrifty(super::nothing_done)
        .unequal(),
        Scenario::new("a mailbox that keeps no keywords", few, |w| {
            w.server.change(&name("INBOX"), |mailbox| {
                mailbox.permanent.any_keyword = false;
            });
            w.local_flags(1, "SP");
        }),
        Scenario::new("a mailbox that can only be read", few, |w| {
            w.server
                .change(&name("Archive"), |mailbox| mailbox.read_only = true);
            w.local_flags(10, "F");
            w.arrives("INBOX", 4, "");
        })
        .then(|w| w.is_in(4, &["INBOX"]))
        .unequal(),
        upload("a mail that is too large", |w| {
            with(w, |s| s.append_limit = Some(10_000));
        })
        .then(|w| w.is_in(4, &["INBOX"])),
    ]
}

/// Numbers that go back or are not there, and commands that are refused: nothing may be lost, whatever is reached.
fn backwards() -> Vec<Scenario> {
    let case = |name, setup| {
        Scenario::new(name, few, setup)
            .then(World::nothing_lost)
            .unequal()
            .inexact()
    };
    vec![
        case("UIDNEXT goes back", |w| {
            w.server.switch(|s| s.uidnext_back = true);
            mixture(w);
        }),
        case("EXPUNGE has no effect", |w| {
            w.server.switch(|s| {
                s.idle_expunge = true;
                s.uid_move = false;
            });
            mixture(w);
            w.local_delete(3);
        }),
        case("a mailbox holds one of each mail only", |w| {
            w.server.switch(|s| s.one_of_each = true);
            mixture(w);
            w.filed("INBOX", 7, "");
            w.filed("INBOX", 7, "");
            w.local_copy(1, "INBOX");
            w.local_copy(3, "Work");
            w.local_copy(3, "Work");
        }),
        case("EXPUNGE is refused", |w| {
            w.server.switch(|s| {
                s.refuse_expunge = true;
                s.uid_move = false;
            });
            mixture(w);
            w.local_delete(3);
        }),
        Scenario::new("STORE leaves messages out", few, |w| {
            w.server.switch(|s| s.half_store = true);
            for number in 1..4 {
                w.local_flags(number, "F");
            }
        })
        .then(|w| (1..4).try_for_each(|number| w.has_flags(number, "F"))),
    ]
}

fn poisons() -> Vec<Scenario> {
    let case = |name, change| Scenario::new(name, few, change).then(others_came);
    vec![
        case("a message that FETCH leaves out", |w| {
            poisoned(w, Poison::LeftOut);
        }),
        case("a message that cannot be fetched", |w| {
            poisoned(w, Poison::Refused);
        }),
        case("a message that cuts the connection", |w| {
            poisoned(w, Poison::Cuts);
        }),
    ]
}
