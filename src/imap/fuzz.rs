//! What holds for whatever a server sends: see [`crate::fuzz`].
#![allow(clippy::unwrap_used, reason = "a broken promise has to be loud")]

mod meaning;
mod reader;

use std::collections::BTreeSet;

pub use meaning::{Fetched, Meaning, meaning};

use super::names::Names;
use super::response::{Body, Ranges, Response, Untagged};
use crate::mail::{MailboxName, Uid, UidSet};
use reader::{Seen, read};

/// The first octets say where the stream is cut; the rest is what a server sends.
///
/// It means the same wherever it is cut, and whether bodies are streamed or not.
pub fn wire(data: &[u8]) {
    let (cuts, sent) = data.split_at(data.len().min(4));
    let sent = inflate(sent);
    let mut streamed = Vec::new();
    for bodies in [false, true] {
        let whole = read([sent.as_slice()], bodies);
        assert_eq!(
            read(pieces(&sent, cuts), bodies),
            whole,
            "split by {cuts:?}"
        );
        if sent.len() <= 4096 {
            assert_eq!(read(sent.chunks(1), bodies), whole, "in single octets");
        }
        if bodies {
            same_but_for_streaming(&streamed, &whole.0, &sent);
        } else {
            streamed = whole.0;
        }
    }
}

fn same_but_for_streaming(inline: &[Seen], streamed: &[Seen], sent: &[u8]) {
    let upper = sent.to_ascii_uppercase();
    let several = upper.windows(5).filter(|part| *part == b"BODY[").count() > 1;
    for (one, other) in inline.iter().zip(streamed) {
        match (one, other) {
            (
                Seen::Response(Response::Untagged(Untagged::Fetch(one))),
                Seen::Body(other, octets),
            ) => {
                let (mut one, mut other) = (one.clone(), other.clone());
                other.body = Body::Here(octets.clone());
                if several {
                    // The last one counts where none is streamed, and the first one where it is.
                    (one.body, other.body) = (Body::Absent, Body::Absent);
                }
                assert_eq!(one, other);
            }
            (Seen::Response(Response::Untagged(Untagged::BrokenFetch(_))), Seen::BrokenBody) => {
                return;
            }
            // What is too long in one piece is not always too long on both sides of a body.
            (Seen::TooLong(_), _) => return,
            (one, other) => assert_eq!(one, other),
        }
    }
}

/// So that a few octets can be a long line: SUB, an octet and a number stand for that many KiB of the octet.
pub(super) fn inflate(data: &[u8]) -> Vec<u8> {
    const LARGEST: usize = 1 << 20;
    let mut long = Vec::new();
    let mut rest = data;
    while let [first, after @ ..] = rest {
        rest = after;
        match after {
            [octet, count, after @ ..] if *first == 0x1a && long.len() < LARGEST => {
                long.resize(long.len() + usize::from(*count) * 1024, *octet);
                rest = after;
            }
            _ => long.push(*first),
        }
    }
    long
}

/// `sent` in pieces of these sizes, over and over.
fn pieces<'a>(sent: &'a [u8], cuts: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = sent;
    let mut sizes = cuts.iter().copied().cycle();
    std::iter::from_fn(move || {
        let size = match sizes.next() {
            // Long streams in short pieces take too long to look at.
            Some(cut) if cut < 0xf0 && sent.len() < 10_000 => usize::from(cut % 64) + 1,
            Some(cut) => usize::from(cut) * 64 + 1,
            None => 1000,
        };
        let (piece, after) = rest.split_at(size.min(rest.len()));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// The first octet chooses delimiter and encoding; then come a name for people up to a LF, and names on the wire.
///
/// A name that was listed is written again as it was, and a name that can be written is read again as it was.
pub fn names(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else {
        return;
    };
    let utf8 = mode & 0x80 != 0;
    let delimiter = match mode & 3 {
        0 => Some(b'/'),
        1 => Some(b'.'),
        2 => None,
        _ => Some((mode >> 2 & 0x1f) + b'!'),
    };
    let mut parts = rest.split(|byte| *byte == b'\n');
    let text = String::from_utf8_lossy(parts.next().unwrap_or_default());
    if let Some(name) = MailboxName::parse(&text) {
        assert_eq!(MailboxName::parse(name.as_str()), Some(name.clone()));
        let ours = Names::default();
        ours.learn_delimiter(delimiter);
        if let Ok(wire) = ours.wire(&name, utf8) {
            assert!(!wire.iter().any(u8::is_ascii_control), "{wire:?}");
            assert!(utf8 || wire.is_ascii(), "{wire:?}");
            assert_eq!(Names::default().learn(&wire, delimiter, utf8), Some(name));
        }
    }
    for wire in parts {
        let names = Names::default();
        if let Some(name) = names.learn(wire, delimiter, utf8) {
            assert_eq!(names.wire(&name, utf8).unwrap(), wire);
        }
    }
}

/// Four octets are one act on a set of UIDs; the whole is a set as a server writes it, too.
///
/// A [`UidSet`] is a set.
pub fn uids(data: &[u8]) {
    let Some((base, acts)) = data.split_first() else {
        return;
    };
    // Few enough to meet each other, at either end of what there is.
    let base = if base & 1 == 0 { 1 } else { u32::MAX - 300 };
    let uid = |at: u8| Uid::new(base + u32::from(at)).unwrap();
    let (mut set, mut model) = (UidSet::new(), BTreeSet::new());
    for act in acts.chunks_exact(3) {
        let &[kind, one, other] = act else { continue };
        let (low, high) = (uid(one), uid(other));
        match kind % 4 {
            0 => {
                set.insert_range(low, high);
                model.extend((low.get()..=high.get()).filter_map(Uid::new));
            }
            1 => assert_eq!(set.remove(low), model.remove(&low)),
            2 => {
                set.extend([low, high]);
                model.extend([low, high]);
            }
            _ => assert_eq!(set.contains(low), model.contains(&low)),
        }
    }
    same_set(&set, &model);
    let written = data.get(1..).unwrap_or_default();
    if let Some(ranges) = Ranges::parse(written) {
        let read = ranges.to_set();
        assert!(read.len() <= ranges.len() && !read.is_empty());
        if ranges.len() < 10_000 {
            same_set(&read, &ranges.iter().collect());
        }
    }
}

fn same_set(set: &UidSet, model: &BTreeSet<Uid>) {
    assert!(set.iter().eq(model.iter().copied()));
    assert_eq!(set.len(), model.len() as u64);
    assert_eq!(
        (set.first(), set.last()),
        (model.first().copied(), model.last().copied())
    );
    assert_eq!(set.is_empty(), model.is_empty());
    assert_eq!(*set, model.iter().copied().collect());
    let text = set.to_string();
    if set.is_empty() {
        assert!(text.is_empty());
    } else {
        assert_eq!(Ranges::parse(text.as_bytes()).unwrap().to_set(), *set);
    }
    let ranges: Vec<(Uid, Uid)> = set.ranges().collect();
    for pair in ranges.windows(2) {
        let &[(_, end), (start, _)] = pair else {
            continue;
        };
        assert!(end.next().is_some_and(|next| next < start), "{text}");
    }
    let chunks = set.chunks(40);
    assert!(
        chunks
            .iter()
            .all(|chunk| chunk.to_string().len() <= 40 && !chunk.is_empty())
    );
    assert_eq!(*set, chunks.iter().flat_map(UidSet::iter).collect());
}
