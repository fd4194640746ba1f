//! What has to be looked at before a plan can be made: as little as possible, as it costs reading and round trips.

use std::collections::BTreeSet;

use super::base::MailboxId;
use super::input::{AccountInput, Known, Needs};
use super::pairing::{is_missed, pair_files};
use super::planner::scene::{Here, Mail, Scene, There};

/// What is needed beyond what is known. To be called again with the answers until nothing is needed; what could not
/// be found out (a file that is gone again, or not settled) is simply left out of the plan.
///
/// * New and edited files are read, unless inode, size and time show whose they are.
/// * New messages on the server are identified only if they can be something known: a message that is gone from
///   any mailbox, a new file of the same mailbox, or a message of it from before UIDVALIDITY changed.
/// * Files that are gone from their folder, and not new in another one, are looked for in what is not synced.
/// * In mailboxes that nothing is to be done about, neither is needed unless something left those that are.
#[must_use]
pub fn needs(input: &AccountInput, known: &Known) -> Needs {
    let mut scene = Scene::new(input, known);
    pair_files(&mut scene);
    let mut needs = Needs::default();
    need_files(&scene, &mut needs);
    need_mails(&scene, &mut needs);
    need_places(&scene, &mut needs);
    needs
}

/// A content that is gone may have moved to where nothing is synced. What went from a folder in doubt is not gone.
fn need_places(scene: &Scene<'_>, needs: &mut Needs) {
    let gone = scene.rows.iter().filter(|row| {
        let named = !row.undelivered || row.published;
        let lost = matches!(row.here, Here::Gone | Here::Edited) && named;
        lost && !scene.is_offline(row.mailbox)
    });
    let unknown = gone
        .filter(|row| scene.concerns(row))
        .map(|row| row.entry.row)
        .filter(|row| !scene.unsynced.contains_key(row));
    needs.unsynced.extend(unknown);
}

fn need_files(scene: &Scene<'_>, needs: &mut Needs) {
    // Elsewhere they matter only if something went.
    let mut concerned = scene.rows.iter().filter(|row| scene.concerns(row));
    let any_lost = concerned.any(|row| row.here == Here::Gone);
    let new = scene
        .files
        .iter()
        .filter(|file| !file.taken && file.known.is_none())
        // What is parked, or in a folder in doubt, matters only if it may be what is gone from another folder.
        .filter(|file| any_lost || (file.usable && scene.input.concerns(file.mailbox)))
        .map(|file| (file.mailbox, file.message));
    let edited = scene
        .rows
        .iter()
        .filter(|row| row.here == Here::Unclear && !scene.is_parked(row))
        .filter(|row| scene.concerns(row))
        .filter_map(|row| row.edited.map(|file| (row.entry.mailbox, file)));
    for (mailbox, file) in new.chain(edited) {
        needs
            .local
            .entry(mailbox)
            .or_default()
            .insert(file.id.clone());
    }
}

fn need_mails(scene: &Scene<'_>, needs: &mut Needs) {
    let any_missed = scene.rows.iter().any(is_missed);
    let unbound: BTreeSet<MailboxId> = scene
        .rows
        .iter()
        .filter(|row| row.there == There::Unbound)
        .map(|row| row.entry.mailbox)
        .collect();
    let unexplained: BTreeSet<MailboxId> = scene
        .files
        .iter()
        .filter(|file| file.usable && !file.taken)
        .map(|file| file.mailbox)
        .collect();
    let mut concerned = scene.rows.iter().filter(|row| scene.concerns(row));
    let any_lost = concerned.any(is_missed);
    let could_be = |mail: &Mail<'_>| {
        if !any_lost && !scene.input.concerns(mail.mailbox) {
            return false;
        }
        any_missed || unbound.contains(&mail.mailbox) || unexplained.contains(&mail.mailbox)
    };
    for mail in &scene.mails {
        if mail.usable && mail.known.is_none() && could_be(mail) {
            needs
                .remote
                .entry(mail.mailbox)
                .or_default()
                .insert(mail.message.uid);
        }
    }
}

#[cfg(test)]
mod tests;
