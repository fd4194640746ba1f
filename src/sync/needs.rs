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
/// * In mailboxes that nothing is to be done about, neither is needed unless something left those that are.
#[must_use]
pub fn needs(input: &AccountInput, known: &Known) -> Needs {
    let mut scene = Scene::new(input, known);
    pair_files(&mut scene);
    let mut needs = Needs::default();
    need_files(&scene, &mut needs);
    need_mails(&scene, &mut needs);
    needs
}

fn need_files(scene: &Scene<'_>, needs: &mut Needs) {
    // Elsewhere they matter only if something went.
    let mut concerned = scene.rows.iter().filter(|row| scene.concerns(row));
    let any_lost = concerned.any(|row| row.here == Here::Gone);
    let new = scene
        .files
        .iter()
        .filter(|file| file.usable && !file.taken && file.known.is_none())
        .filter(|file| any_lost || scene.input.concerns(file.mailbox))
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
