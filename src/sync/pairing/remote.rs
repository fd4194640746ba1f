//! Messages on the server without rows: moved ones and renumbered ones.

use super::Index;
use crate::mail::{Identity, MessageIdHash};
use crate::sync::base::MailboxId;
use crate::sync::planner::scene::{Here, Mail, Row, Scene, There};

pub(super) type Header = (MessageIdHash, u64, i64);

/// Size, date and Message-ID; `None` without a Message-ID, as the rest alone is no evidence.
pub(super) fn header(identity: &Identity) -> Option<Header> {
    identity
        .message_id
        .map(|message_id| (message_id, identity.size, identity.date))
}

pub(super) fn contradict(one: &Identity, other: &Identity) -> bool {
    one.digest
        .zip(other.digest)
        .is_some_and(|(one, other)| one != other)
}

/// Free messages with their keys.
pub(super) fn free<'s, K>(
    scene: &'s Scene<'_>,
    key: impl Fn(&Mail<'_>, &Identity) -> Option<K> + 's,
) -> impl Iterator<Item = (K, usize)> + 's {
    let mails = scene.mails.iter().enumerate();
    mails
        .filter(|(_, mail)| !mail.taken)
        .filter_map(move |(at, mail)| {
            let key = key(mail, mail.known?)?;
            Some((key, at))
        })
}

fn settle(scene: &mut Scene<'_>, row: usize, mail: usize, there: There) {
    if let Some(row) = scene.rows.get_mut(row) {
        row.there = there;
    }
    if let Some(mail) = scene.mails.get_mut(mail) {
        mail.taken = true;
    }
}

fn rows_that(scene: &Scene<'_>, wanted: impl Fn(&Row<'_>) -> bool) -> Vec<usize> {
    let rows = scene.rows.iter().enumerate();
    rows.filter(|(_, row)| wanted(row))
        .map(|(at, _)| at)
        .collect()
}

/// Finds the messages of rows whose UIDs mean nothing any more.
pub(in crate::sync) fn pair_renumbered(scene: &mut Scene<'_>) {
    let unbound = rows_that(scene, |row| row.there == There::Unbound);
    if unbound.is_empty() {
        return;
    }
    let mut index = Index::new(free(scene, |mail, known| {
        header(known).map(|header| (mail.mailbox, header))
    }));
    for at in &unbound {
        let Some(row) = scene.rows.get(*at) else {
            continue;
        };
        let identity = row.entry.identity();
        let found = header(&identity).and_then(|header| {
            index.take(&(row.entry.mailbox, header), |mail| {
                fits(scene, mail, &identity)
            })
        });
        if let Some(mail) = found {
            settle(scene, *at, mail, There::Rebound(mail));
        }
    }
    pair_unnamed(scene);
}

fn fits(scene: &Scene<'_>, mail: usize, identity: &Identity) -> bool {
    let known = scene.mails.get(mail).and_then(|mail| mail.known);
    known.is_some_and(|known| !contradict(known, identity))
}

/// Messages without a Message-ID: only what is alone with its size and date on both sides.
fn pair_unnamed(scene: &mut Scene<'_>) {
    let unnamed = |known: &Identity| {
        known
            .message_id
            .is_none()
            .then_some((known.size, known.date))
    };
    let unbound = rows_that(scene, |row| {
        row.there == There::Unbound && row.entry.message_id.is_none()
    });
    let key_of = |scene: &Scene<'_>, at: usize| -> Option<(MailboxId, (u64, i64))> {
        let row = scene.rows.get(at)?;
        Some((row.entry.mailbox, unnamed(&row.entry.identity())?))
    };
    let rows = Index::new(
        unbound
            .iter()
            .filter_map(|at| Some((key_of(scene, *at)?, *at))),
    );
    let mut index = Index::new(free(scene, |mail, known| {
        unnamed(known).map(|key| (mail.mailbox, key))
    }));
    for at in unbound {
        let Some(key) = key_of(scene, at) else {
            continue;
        };
        if rows.count(&key) == 1
            && index.count(&key) == 1
            && let Some(mail) = index.take(&key, |_| true)
        {
            settle(scene, at, mail, There::Rebound(mail));
        }
    }
}

/// Whether a row's message may be found elsewhere. One that was never delivered is fetched wherever it is, as any new
/// one is, unless its file had got its name and went on since.
pub(in crate::sync) fn is_missed(row: &Row<'_>) -> bool {
    let has_file = !row.undelivered || matches!(row.here, Here::Moved(_));
    row.there == There::Gone && has_file && row.entry.message_id.is_some()
}

/// Finds messages that moved to another mailbox on the server, or left theirs and came back with a new UID.
pub(in crate::sync) fn pair_moved(scene: &mut Scene<'_>) {
    let gone = rows_that(scene, is_missed);
    if gone.is_empty() {
        return;
    }
    let mut index = Index::new(free(scene, |_, known| header(known)));
    for at in gone {
        let Some(row) = scene.rows.get(at) else {
            continue;
        };
        let identity = row.entry.identity();
        let file_at = match row.here {
            Here::Moved(file) => scene.files.get(file).map(|file| file.mailbox),
            _ => None,
        };
        let own = row.entry.mailbox;
        let lies_in = |mail: usize, place: Option<MailboxId>| {
            let found = scene.mails.get(mail).map(|mail| mail.mailbox);
            found == place && fits(scene, mail, &identity)
        };
        let found = header(&identity).and_then(|header| {
            // Where both sides may have gone to the same place, they have; what came back has not moved.
            index
                .take(&header, |mail| lies_in(mail, file_at))
                .or_else(|| index.take(&header, |mail| lies_in(mail, Some(own))))
                .or_else(|| index.take(&header, |mail| fits(scene, mail, &identity)))
        });
        if let Some(mail) = found {
            let place = scene.mails.get(mail).map(|mail| mail.mailbox);
            let there = if place == Some(own) {
                There::Rebound(mail)
            } else {
                There::Moved(mail)
            };
            settle(scene, at, mail, there);
        }
    }
}
