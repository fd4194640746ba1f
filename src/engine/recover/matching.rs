//! Which of the new messages are those that were being made when nobody heard the answer.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::context::{Pass, Ports};
use crate::engine::fault::{Fault, Reach};
use crate::engine::late;
use crate::engine::pool::RemoteOf;
use crate::engine::ports::Store;
use crate::mail::{Digest, Identity, MessageIdHash, Uid, UidSet};

/// What somebody was about to make on the server.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) identity: Identity,
    /// It has this UID or a later one.
    pub(super) from: Uid,
}

/// A message that may be it, and its content, if that was read.
struct Candidate {
    uid: Uid,
    there: Identity,
    read: Option<Digest>,
}

/// Message-ID, size and date: where they agree, two messages look the same.
type Look = (Option<MessageIdHash>, u64, i64);

fn look_of(identity: &Identity) -> Look {
    (identity.message_id, identity.size, identity.date)
}

/// Whether a message on the server may be the one that was being sent. Servers that rewrite mail keep at least the
/// Message-ID and the date.
pub(in crate::engine) fn is_it(sent: &Identity, there: &Identity) -> bool {
    match (sent.message_id, there.message_id) {
        (Some(ours), Some(theirs)) => {
            ours == theirs && (sent.date == there.date || sent.size == there.size)
        }
        (None, None) => sent.size == there.size && sent.date == there.date,
        _ => false,
    }
}

/// The UID of each thing that is wanted, where it was found; no message is taken twice.
///
/// What looks exactly like it is believed where nothing else looks like that, unless one is to be `thorough`; all the
/// rest is read. The same content is the same message. Another content of the same size is none. Another size may be
/// what the server made of it in its own way, unless it is a mail that some row has: somebody copied another version.
pub(super) async fn assign<P: Ports>(
    pass: &Pass<'_, P>,
    remote: &mut RemoteOf<P>,
    wanted: &[Wanted],
    strangers: &[(Uid, Identity)],
    thorough: bool,
) -> Result<Vec<Option<Uid>>, Fault> {
    let mut candidates = candidates(wanted, strangers);
    read(remote, wanted, &mut candidates, thorough).await?;
    let known = contents_of_others(pass, wanted, &candidates).await?;
    let mut found = vec![None; wanted.len()];
    let same = |sent: &Identity, it: &Candidate| it.read.is_some() && it.read == sent.digest;
    let exact = |sent: &Identity, it: &Candidate| {
        look_of(sent) == look_of(&it.there) && (it.read.is_none() || sent.digest.is_none())
    };
    let alike = |sent: &Identity, it: &Candidate| {
        let rewritten = sent.size != it.there.size;
        is_it(sent, &it.there)
            && it
                .read
                .is_none_or(|read| rewritten && !known.contains(&read))
    };
    take(wanted, &mut candidates, &mut found, same);
    take(wanted, &mut candidates, &mut found, exact);
    take(wanted, &mut candidates, &mut found, alike);
    Ok(found)
}

fn candidates(wanted: &[Wanted], strangers: &[(Uid, Identity)]) -> Vec<Candidate> {
    let may_be = |(uid, there): &&(Uid, Identity)| {
        let mut all = wanted.iter();
        all.any(|it| *uid >= it.from && is_it(&it.identity, there))
    };
    let chosen = strangers.iter().filter(may_be);
    chosen
        .map(|(uid, there)| Candidate {
            uid: *uid,
            there: *there,
            read: None,
        })
        .collect()
}

fn take(
    wanted: &[Wanted],
    candidates: &mut Vec<Candidate>,
    found: &mut [Option<Uid>],
    fits: impl Fn(&Identity, &Candidate) -> bool,
) {
    for (it, found) in wanted.iter().zip(found) {
        if found.is_some() {
            continue;
        }
        let at = candidates
            .iter()
            .position(|candidate| candidate.uid >= it.from && fits(&it.identity, candidate));
        *found = at.map(|at| candidates.remove(at).uid);
    }
}

/// Reads what is not certain by its look.
async fn read<R: crate::engine::ports::Remote>(
    remote: &mut R,
    wanted: &[Wanted],
    candidates: &mut [Candidate],
    thorough: bool,
) -> Result<(), Fault> {
    let mut sent: BTreeMap<Look, (usize, BTreeSet<Option<Digest>>)> = BTreeMap::new();
    for it in wanted {
        let entry = sent.entry(look_of(&it.identity)).or_default();
        entry.0 += 1;
        entry.1.insert(it.identity.digest);
    }
    let mut there: BTreeMap<Look, usize> = BTreeMap::new();
    for candidate in &*candidates {
        *there.entry(look_of(&candidate.there)).or_default() += 1;
    }
    for candidate in candidates {
        let look = look_of(&candidate.there);
        let count = there.get(&look).copied().unwrap_or(0);
        let certain = sent
            .get(&look)
            .is_some_and(|(sent, contents)| count <= *sent && contents.len() == 1);
        if certain && !thorough {
            continue;
        }
        let uid = UidSet::from_range(candidate.uid, candidate.uid);
        match late::content_of(remote, &uid).await {
            Ok(content) => candidate.read = content,
            // Whatever cannot be read is judged by its look.
            Err(fault) if fault.reach == Reach::Message => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(())
}

/// Contents among those that were read which are mail that the state knows, or something else that was being sent.
async fn contents_of_others<P: Ports>(
    pass: &Pass<'_, P>,
    wanted: &[Wanted],
    candidates: &[Candidate],
) -> Result<BTreeSet<Digest>, Fault> {
    let read: Vec<Digest> = candidates.iter().filter_map(|it| it.read).collect();
    let mut known: BTreeSet<Digest> = wanted.iter().filter_map(|it| it.identity.digest).collect();
    if !read.is_empty() {
        let rows = pass.store().with_digest(&read).await?;
        known.extend(rows.into_iter().filter_map(|row| row.digest));
        // A row may have gone in the very pass that kept its message back.
        known.extend(pass.store().deleted_contents(&read).await?);
    }
    Ok(known)
}
