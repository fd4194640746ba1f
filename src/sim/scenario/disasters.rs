//! State lost or old, disks gone, floods of deletions.

use super::{Scenario, few, many, nothing_done};
use crate::sim::world::hand::name;
use crate::sim::world::{Check, World, fine};
use crate::sync::HoldVerdict;

fn something_held(world: &World) -> Check {
    let held = world.store.holds_now().len();
    fine(held > 0, || "nothing is held".to_owned())
}

fn all_on_server(world: &World) -> Check {
    (100..120).try_for_each(|number| {
        let places = world.remote_places(&crate::sim::content::mail(number));
        fine(places.len() == 1, || format!("{number} is at {places:?}"))
    })
}

fn all_here(world: &World) -> Check {
    (100..120).try_for_each(|number| {
        let places = world.local_places(&crate::sim::content::mail(number));
        fine(places.len() == 1, || format!("{number} is at {places:?}"))
    })
}

pub(super) fn all() -> Vec<Scenario> {
    [states(), disks(), floods()].concat()
}

fn states() -> Vec<Scenario> {
    let case = |name, change| Scenario::new(name, few, change);
    vec![
        case("state lost", |w| {
            w.store.lose();
            w.restart(false);
        })
        .then(|w| w.is_in(1, &["INBOX"]).and(w.is_in(10, &["Archive"])))
        .thrifty(|w, mark| {
            let sent = w.steps.traced(mark, "server append");
            fine(sent == 0, || format!("{sent} appended"))
        }),
        case("state lost while much changed", |w| {
            w.store.lose();
            w.restart(false);
            w.filed("INBOX", 4, "S");
            w.arrives("INBOX", 5, "");
            w.local_flags(1, "F");
            w.remote_flags(1, "R", "");
        })
        .then(|w| {
            w.is_in(4, &["INBOX"])
                .and(w.is_in(5, &["INBOX"]))
                .and(w.has_flags(1, "FR"))
        }),
        case("state lost and a mail deleted here", |w| {
            w.local_delete(1);
            w.store.lose();
            w.restart(false);
        })
        .then(|w| w.is_in(1, &["INBOX"])),
        case("the Maildir copied, and mail deleted on both sides", |w| {
            renew_inodes(w);
            w.remote_delete(1);
            w.local_delete(2);
            w.remote_move(3, "Archive");
        })
        .then(|w| {
            w.is_in(1, &[])
                .and(w.is_in_local_trash(1))
                .and(w.is_in(2, &["Trash"]))
                .and(w.is_in(3, &["Archive"]))
        })
        .thrifty(|w, mark| {
            let sent = w.steps.traced(mark, "server append");
            fine(sent == 0, || format!("{sent} appended"))
        }),
        case("state rolled back", |w| {
            w.filed("INBOX", 6, "S");
            w.restore_state();
            w.restart(false);
        })
        .after(|w| {
            w.back_up();
            w.filed("INBOX", 4, "S");
            w.arrives("INBOX", 5, "");
            w.remote_delete(2);
            w.local_flags(3, "F");
        })
        .then(|w| (3..7).try_for_each(|number| w.is_in(number, &["INBOX"]))),
        case("state rolled back to before an edit", |w| {
            w.restore_state();
            w.restart(false);
        })
        .after(|w| {
            w.back_up();
            w.local_edit(1);
        })
        .then(|w| {
            let edited = crate::sim::content::edited(&crate::sim::content::mail(1), 1);
            w.body_is_in(&edited, &["INBOX"])
        }),
        case("server restored from an old backup", World::restore_server).after(|w| {
            w.back_up();
            w.filed("INBOX", 4, "S");
            w.local_flags(3, "F");
        }),
    ]
}

/// As a Maildir that was copied, or came back from a backup: new inodes throughout.
fn renew_inodes(world: &World) {
    for folder in ["INBOX", "Archive"] {
        world.local.change_folder(&name(folder), |folder| {
            for file in folder.files.values_mut() {
                file.inode += 1_000_000;
            }
        });
    }
}

fn disks() -> Vec<Scenario> {
    let case = |name, change| Scenario::new(name, few, change);
    vec![
        case("disk not mounted", |w| {
            w.arrives("INBOX", 4, "");
            w.local.unmount();
        })
        .then(|w| {
            let clean = w.local.mount_point_is_clean();
            fine(clean, || {
                "something was written below the mount point".to_owned()
            })
        })
        .thrifty(nothing_done)
        .unequal(),
        case("marker lost, folder emptied", |w| {
            for number in 1..4 {
                w.local_delete(number);
            }
            w.local.remove_marker(&name("INBOX"));
        })
        .then(|w| {
            let left = w.server.uids(&name("INBOX")).len();
            fine(left == 3, || format!("{left} of 3 are left on the server"))
        })
        .unequal(),
        case("saved by a program that does not sync", |w| {
            w.local.be_careless();
            w.filed("INBOX", 4, "S");
            w.arrives("INBOX", 5, "");
        })
        .then(|w| {
            // A power cut may take it; but once it is on the server nobody has deleted it.
            let sent = !w.remote_places(&crate::sim::content::mail(4)).is_empty();
            let safe = || w.is_in(4, &["INBOX"]);
            w.is_in(5, &["INBOX"])
                .and(if sent { safe() } else { Ok(()) })
        }),
        case("a file that cannot be read", |w| {
            w.filed("INBOX", 4, "");
            w.filed("INBOX", 5, "");
            let file = w.local.find(&name("INBOX"), &crate::sim::content::mail(4));
            let file = file.expect("just filed");
            w.local.change_folder(&name("INBOX"), |folder| {
                if let Some(file) = folder.files.get_mut(&file) {
                    file.unreadable = true;
                }
            });
        })
        .then(|w| w.is_in(5, &["INBOX"])),
        case("a folder that never holds still", |w| {
            w.arrives("INBOX", 4, "");
            w.arrives("Work", 5, "");
            w.local
                .change_folder(&name("INBOX"), |folder| folder.restless = true);
        })
        .then(|w| w.is_in(5, &["Work"]))
        .unequal(),
    ]
}

fn floods() -> Vec<Scenario> {
    let case = |name, change| Scenario::new(name, many, change).long();
    vec![
        case("flood of deletions here", |w| {
            (100..120).for_each(|number| w.local_delete(number));
            w.arrives("INBOX", 4, "");
        })
        .then(|w| {
            something_held(w)
                .and(all_on_server(w))
                .and(w.is_in(4, &["INBOX"]))
        })
        .unequal(),
        case("flood of deletions on the server", |w| {
            (100..120).for_each(|number| w.remote_delete(number));
            w.filed("INBOX", 4, "");
        })
        .then(|w| {
            something_held(w)
                .and(all_here(w))
                .and(w.is_in(4, &["INBOX"]))
        })
        .unequal(),
        Scenario::new(
            "a mailbox of five down to none",
            |w| {
                few(w);
                (20..25).for_each(|number| w.arrives("Work", number, "S"));
            },
            |w| (20..25).for_each(|number| w.local_delete(number)),
        )
        .then(something_held)
        .unequal()
        .long(),
    ]
}

/// What a user says of holds, and what must come of it.
pub type Verdict = (HoldVerdict, fn(&World) -> Check);

/// What a user may say after a flood of deletions here.
#[must_use]
pub fn verdicts() -> [Verdict; 2] {
    [
        (HoldVerdict::Approved, |w: &World| {
            (100..120).try_for_each(|number| w.is_in(number, &["Trash"]))
        }),
        (HoldVerdict::Restore, |w: &World| {
            (100..120).try_for_each(|number| w.is_in(number, &["INBOX"]))
        }),
    ]
}
