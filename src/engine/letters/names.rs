//! Names for letters to which the server gives none: the digest of their header (TOP).

use std::collections::BTreeSet;

use super::LetterPorts;
use crate::engine::context::Pass;
use crate::engine::fault::{Fault, Reach};
use crate::engine::ports::{Event, Listed, Maildrop};
use crate::mail::{Digest, MailboxName, Uidl};
use crate::sync::{Letter, ListedLetter};

/// What names of ours begin with.
const OURS: &str = "header-";

/// A listing in which every letter has a name that can have one.
pub(super) struct Named {
    pub(super) letters: Vec<ListedLetter>,
    /// Letters that are known by their header only: two may have the same.
    pub(super) by_header: BTreeSet<u32>,
}

/// Gives names to letters without one.
pub(super) async fn complete<P: LetterPorts, M: Maildrop>(
    pass: &Pass<'_, P>,
    maildrop: &mut M,
    listed: Listed,
    known: &[Letter],
) -> Result<Named, Fault> {
    let mut letters = listed.letters;
    let theirs = |letter: &Letter| !letter.known.uidl.as_str().starts_with(OURS);
    if !listed.named && !letters.is_empty() && known.iter().any(theirs) {
        // All letters would look new.
        let text = "the server has given letters names (UIDL) before and does not now; nothing is fetched without them";
        return Err(Fault::new(Reach::Account, true, text));
    }
    let nameless: Vec<u32> = letters
        .iter()
        .filter(|letter| letter.uidl.is_none())
        .map(|letter| letter.number)
        .collect();
    let mut by_header = BTreeSet::new();
    if nameless.is_empty() {
        return Ok(Named { letters, by_header });
    }
    let inbox = MailboxName::inbox();
    pass.event(Event::Remark {
        mailbox: &inbox,
        text: "the server gives some letters no names (UIDL): they are known by their headers and sizes",
    });
    let mut headers = maildrop.headers(&nameless).await?.into_iter();
    let without = letters.iter_mut().filter(|letter| letter.uidl.is_none());
    for letter in without {
        letter.uidl = headers.next().flatten().as_ref().and_then(name);
        by_header.insert(letter.number);
    }
    Ok(Named { letters, by_header })
}

fn name(header: &Digest) -> Option<Uidl> {
    let hex: String = header
        .0
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect();
    Uidl::new(format!("{OURS}{hex}").as_bytes())
}
