//! Whole mailboxes: made, renamed, deleted, renumbered, on either side.

use super::{Scenario, few, nothing_sent};
use crate::mail::MailboxName;
use crate::sim::local::NameOnMove;
use crate::sim::world::hand::name;
use crate::sim::world::{Check, World, fine};

fn both_have(world: &World, mailbox: &str, wanted: bool) -> Check {
    let mailbox: MailboxName = name(mailbox);
    let there = world.server.mailboxes().contains_key(&mailbox);
    let here = world.local.folders_now().contains_key(&mailbox);
    fine(there == wanted && here == wanted, || {
        format!("{mailbox}: on the server {there}, here {here}, wanted {wanted}")
    })
}

pub(super) fn all() -> Vec<Scenario> {
    let case = |name, change| Scenario::new(name, few, change);
    vec![
        case("mailbox made on the server", |w| {
            w.server.create(&name("Lists/rust"), None);
            w.arrives("Lists/rust", 20, "");
        })
        .then(|w| w.is_in(20, &["Lists/rust"])),
        case("folder made here", |w| {
            w.local.make_folder(&name("Lists"));
            w.filed("Lists", 20, "S");
        })
        .then(|w| w.is_in(20, &["Lists"])),
        case("mailbox made on both sides", |w| {
            w.server.create(&name("Lists"), None);
            w.local.make_folder(&name("Lists"));
            w.filed("Lists", 20, "S");
            w.arrives("Lists", 20, "");
        })
        .then(|w| w.is_in(20, &["Lists"])),
        case("mailbox renamed on the server", |w| {
            w.server.rename(&name("Archive"), &name("Old"));
        })
        .then(|w| w.is_in(10, &["Old"]).and(both_have(w, "Archive", false)))
        .thrifty(nothing_sent),
        case("folder renamed here", |w| {
            w.local.rename_by_hand(&name("Archive"), &name("Old"));
        })
        .then(|w| w.is_in(10, &["Old"]).and(both_have(w, "Archive", false)))
        .thrifty(nothing_sent),
        case("renamed here, and new mail in it on the server", |w| {
            w.local.rename_by_hand(&name("Archive"), &name("Old"));
            w.arrives("Archive", 20, "");
        })
        .then(|w| w.is_in(20, &["Old"])),
        case("mailbox deleted on the server", |w| {
            w.server.delete_mailbox(&name("Archive"));
        })
        .then(|w| both_have(w, "Archive", false).and(w.is_in_local_trash(10))),
        case("mailbox deleted on the server, new mail in it here", |w| {
            w.server.delete_mailbox(&name("Archive"));
            w.filed("Archive", 20, "S");
        })
        .then(|w| w.is_in(20, &["Archive"])),
        case("folder removed here", |w| {
            w.local.remove_folder(&name("Archive"));
        })
        .then(|w| w.is_in(10, &["Archive"])),
        case("renumbered", |w| w.server.renumber(&name("INBOX")))
            .then(|w| (1..4).try_for_each(|number| w.is_in(number, &["INBOX"])))
            .thrifty(|w, mark| {
                let sent = w.steps.traced(mark, "server append");
                fine(sent == 0, || format!("{sent} appended"))
            }),
        case("renumbered while much changed", |w| {
            w.filed("INBOX", 4, "F");
            w.arrives("INBOX", 5, "");
            w.local_flags(1, "F");
            w.remote_flags(2, "F", "");
            w.server.renumber(&name("INBOX"));
        })
        .then(|w| (1..6).try_for_each(|number| w.is_in(number, &["INBOX"]))),
        case("renumbered, renamed here and flagged there", |w| {
            w.server.renumber(&name("INBOX"));
            w.remote_flags(1, "F", "");
            w.local_move(1, "INBOX", NameOnMove::New);
        })
        .then(|w| w.is_in(1, &["INBOX"]).and(w.has_flags(1, "F"))),
        case("renumbered and moved here", |w| {
            w.server.renumber(&name("INBOX"));
            w.local_move(1, "Work", NameOnMove::Kept);
        }),
        case("deleted and made again with other mail", |w| {
            w.server.delete_mailbox(&name("Archive"));
            w.server.create(&name("Archive"), None);
            w.arrives("Archive", 20, "");
        })
        .unequal(),
    ]
}
