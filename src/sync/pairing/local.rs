//! Files that moved: to another folder, or to another name in the same one.

use std::collections::{BTreeMap, BTreeSet};

use super::Index;
use crate::mail::{ContentDigest, Digest, LocalId};
use crate::sync::base::{EntryState, FileStamp, MailboxId, RowId};
use crate::sync::planner::scene::{File, Here, Relic, Row, Scene, There};

/// What shows that a file is a row's, strongest first.
#[derive(Clone, Copy)]
enum Proof {
    /// The same file: inode, size and modification time.
    Inode,
    /// The same unique name, with nothing that speaks against it.
    Name,
    /// The same octets.
    Octets,
    /// The same content: mail programs add headers of their own to what they move.
    Content,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key<'a> {
    Inode(FileStamp),
    Name(&'a LocalId),
    Octets(Digest),
    Content(ContentDigest),
}

/// Finds the files of rows that lost theirs. A rename inside the folder goes before a move to another one.
///
/// A folder whose marker is lost is no source: its rows are not gone, they are unseen.
pub(in crate::sync) fn pair_files(scene: &mut Scene<'_>) {
    let lost: Vec<usize> = (0..scene.rows.len())
        .filter(|at| scene.rows.get(*at).is_some_and(can_move))
        .collect();
    if lost.is_empty() || scene.files.is_empty() {
        return;
    }
    let links = links(scene);
    for proof in [Proof::Inode, Proof::Name, Proof::Octets, Proof::Content] {
        for near in [true, false] {
            match_up(scene, &lost, &links, proof, near);
        }
    }
}

/// Files that are those of rows which still have theirs, in another folder and under the same unique name: halves of a
/// move, or links that somebody made, but not what another row has lost.
fn links(scene: &Scene<'_>) -> BTreeSet<usize> {
    let files = scene.files.iter().enumerate();
    let names: BTreeMap<(&LocalId, FileStamp), usize> = files
        .map(|(at, file)| ((&file.message.id, file.message.stamp), at))
        .collect();
    let gone: BTreeSet<RowId> = scene
        .rows
        .iter()
        .filter(|row| row.here != Here::Kept)
        .map(|row| row.entry.row)
        .collect();
    let entries = scene.boxes.values().flat_map(|it| &it.base.entries);
    let kept = entries.filter(|entry| !gone.contains(&entry.row));
    kept.filter_map(|entry| {
        let at = *names.get(&(entry.local.as_ref()?, entry.stamp))?;
        (scene.files.get(at)?.mailbox != entry.mailbox).then_some(at)
    })
    .collect()
}

/// Sets aside the other names of files that move, or have moved: a power cut has left them when somebody followed the
/// message with the file. One in the folder to which the message moved goes when the file follows it there; others are noted
/// as relics.
pub(in crate::sync) fn pair_halves(scene: &mut Scene<'_>) {
    let rows = scene.rows.iter().enumerate();
    let movers: Vec<_> = rows
        .filter_map(|(at, row)| Some((at, row, moving(scene, row)?)))
        .collect();
    if movers.is_empty() {
        return;
    }
    let mut names: BTreeMap<(&LocalId, FileStamp), Vec<usize>> = BTreeMap::new();
    for (at, file) in scene.files.iter().enumerate().filter(|it| !it.1.taken) {
        let name = (&file.message.id, file.message.stamp);
        names.entry(name).or_default().push(at);
    }
    let mut halves = Vec::new();
    for (at, row, (home, name)) in movers {
        let place = match row.there {
            There::Moved(mail) => scene.mails.get(mail).map(|mail| mail.mailbox),
            _ => None,
        };
        for half in names.get(&name).into_iter().flatten() {
            let folder = scene.files.get(*half).map(|file| file.mailbox);
            if folder != Some(home) {
                let is_relic = folder != place;
                halves.push((
                    *half,
                    is_relic.then_some(Relic {
                        row: at,
                        half: *half,
                    }),
                ));
            }
        }
    }
    for (half, relic) in halves {
        if let Some(half) = scene.files.get_mut(half) {
            half.taken = true;
        }
        scene.relics.extend(relic);
    }
}

/// Where the file of a row is and what it is called, if it moved or is to follow its message.
fn moving<'a>(scene: &Scene<'a>, row: &Row<'a>) -> Option<(MailboxId, (&'a LocalId, FileStamp))> {
    let entry = row.entry;
    match (row.here, row.there) {
        (Here::Kept, There::Moved(_)) => {
            Some((entry.mailbox, (entry.local.as_ref()?, entry.stamp)))
        }
        (Here::Moved(file), _) => {
            let file = scene.files.get(file)?;
            let name = (&file.message.id, file.message.stamp);
            (file.mailbox != entry.mailbox).then_some((file.mailbox, name))
        }
        _ => None,
    }
}

fn can_move(row: &Row<'_>) -> bool {
    let bound = row.entry.uid.is_some() || row.there == There::Unbound;
    row.here == Here::Gone && bound && !row.mailbox.marker_lost
}

fn match_up(
    scene: &mut Scene<'_>,
    lost: &[usize],
    links: &BTreeSet<usize>,
    proof: Proof,
    near: bool,
) {
    let files = scene.files.iter().enumerate();
    let free = files.filter(|(at, file)| !file.taken && !links.contains(at));
    let mut index = Index::new(free.flat_map(|(at, file)| {
        let place = near.then_some(file.mailbox);
        file_keys(file, proof).map(move |key| ((place, key), at))
    }));
    for at in lost {
        let Some(row) = scene.rows.get_mut(*at) else {
            continue;
        };
        if row.here != Here::Gone {
            continue;
        }
        let Some(key) = row_key(row, proof) else {
            continue;
        };
        let place: Option<MailboxId> = near.then_some(row.entry.mailbox);
        let fits = |at: usize| {
            let file = scene.files.get(at);
            file.is_some_and(|file| !file.taken && agrees(row, file, proof))
        };
        if let Some(found) = index.take(&(place, key), fits) {
            row.here = Here::Moved(found);
            if let Some(file) = scene.files.get_mut(found) {
                file.taken = true;
            }
        }
    }
}

fn file_keys<'a>(file: &File<'a>, proof: Proof) -> impl Iterator<Item = Key<'a>> + use<'a> {
    let (one, other) = match (proof, file.known) {
        (Proof::Inode, _) => (Some(Key::Inode(file.message.stamp)), None),
        (Proof::Name, _) => (Some(Key::Name(&file.message.id)), None),
        (Proof::Octets | Proof::Content, None) => (None, None),
        (Proof::Octets, Some(known)) => (
            known.identity.digest.map(Key::Octets),
            known.verbatim.map(|(_, digest)| Key::Octets(digest)),
        ),
        (Proof::Content, Some(known)) => (Some(Key::Content(known.content.digest)), None),
    };
    one.into_iter().chain(other)
}

fn row_key<'a>(row: &Row<'a>, proof: Proof) -> Option<Key<'a>> {
    match proof {
        Proof::Inode => {
            let stamp = row.entry.stamp;
            (stamp != FileStamp::default()).then_some(Key::Inode(stamp))
        }
        Proof::Name => row.entry.local.as_ref().map(Key::Name),
        Proof::Octets => row
            .entry
            .digest
            .filter(|_| has_had_file(row))
            .map(Key::Octets),
        Proof::Content => row.content.filter(|_| has_had_file(row)).map(Key::Content),
    }
}

/// Whether its file was in its folder at some time: one that never was cannot have been moved.
pub(in crate::sync) fn has_had_file(row: &Row<'_>) -> bool {
    row.entry.state == EntryState::Linked || row.published
}

fn agrees(row: &Row<'_>, file: &File<'_>, proof: Proof) -> bool {
    match proof {
        Proof::Inode | Proof::Octets | Proof::Content => true,
        Proof::Name => {
            let (agreed, seen) = (row.entry.stamp, file.message.stamp);
            let untouched = agreed.size == seen.size && agreed.mtime_ns == seen.mtime_ns;
            match file.known {
                Some(known) => row.is_content_of(known),
                None => untouched,
            }
        }
    }
}
