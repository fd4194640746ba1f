//! What has to be looked at before a plan can be made: as little as possible, as it costs reading and round trips.

use std::collections::BTreeSet;

use super::base::MailboxId;
use super::input::{AccountInput, Known, Needs};
use super::pairing::{has_had_file, is_missed, pair_files};
use super::planner::scene::{Here, Mail, Row, Scene, There};
use super::view::LocalMessage;
use crate::mail::MessageIdHash;

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
    need_contents(&scene, known, &mut needs);
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

/// Rows that an earlier version wrote lack their content. It is learned where it decides something: the file is gone or
/// edited, and a file with its Message-ID may be what a mail program made of it.
fn need_contents(scene: &Scene<'_>, known: &Known, needs: &mut Needs) {
    let place_of = |row: &Row<'_>| {
        let uid = row.entry.uid.filter(|_| row.there == There::Kept)?;
        row.content.is_none().then_some((row.entry.mailbox, uid))
    };
    let moved = scene
        .files
        .iter()
        .filter(|file| file.usable && !file.taken)
        .filter_map(|file| file.known?.identity.message_id);
    let unlearned = scene.rows.iter().filter(|row| scene.concerns(row));
    let unlearned: Vec<&Row<'_>> = unlearned.filter(|row| place_of(row).is_some()).collect();
    if unlearned.is_empty() {
        return;
    }
    let moved: BTreeSet<MessageIdHash> = moved.collect();
    for row in unlearned {
        let edited = |file: &LocalMessage| {
            let read = known.local.get(&(row.entry.mailbox, file.id.clone()));
            read.is_some_and(|read| read.identity.message_id == row.entry.message_id)
        };
        let decides = match row.here {
            Here::Gone => {
                let id = row.entry.message_id;
                has_had_file(row) && id.is_some_and(|id| moved.contains(&id))
            }
            Here::Edited => row.edited.is_some_and(edited),
            _ => false,
        };
        if let Some((mailbox, uid)) = place_of(row).filter(|_| decides) {
            needs.contents.entry(mailbox).or_default().extend([uid]);
        }
    }
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
