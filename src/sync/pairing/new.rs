//! What is new on both sides at once: files and messages that are the same mail.

use std::collections::BTreeSet;

use super::Index;
use super::claimed::pair_claimed;
use super::remote::{Header, contradict, free, header};
use crate::mail::{ContentDigest, Digest, Identity, MessageIdHash};
use crate::sync::base::MailboxId;
use crate::sync::input::LocalKnown;
use crate::sync::planner::scene::Scene;

/// A file and a message that are new in the same mailbox and the same mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sync) struct Twin {
    pub file: usize,
    pub mail: usize,
    /// The headers do not prove it.
    pub verify: bool,
    /// Another program says so, and its flags are the base.
    pub claimed: bool,
}

/// How much a file and a message have in common, strongest first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Likeness {
    Octets,
    /// Without what mail programs add.
    Content,
    Header,
    /// The header, if the file had not the notes that mail programs put into it.
    BareHeader,
    NameAndSize,
    /// The same without notes.
    BareNameAndSize,
    /// Some servers tell sizes that are not true, so nothing follows from another size.
    NameAndDate,
    /// Deliveries add trace headers of any length, and many programs give files a date of their own.
    Name,
    Size,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Trait {
    Octets(Digest),
    Content(ContentDigest),
    Header(Header),
    NameAndSize(MessageIdHash, u64),
    NameAndDate(MessageIdHash, i64),
    Name(MessageIdHash),
    Size(u64, Option<i64>),
}

/// Finds what is new on both sides and the same.
pub(in crate::sync) fn pair_new(scene: &mut Scene<'_>) -> Vec<Twin> {
    let mut twins = Vec::new();
    if scene.files.is_empty() || scene.mails.is_empty() {
        return twins;
    }
    pair_claimed(scene, &mut twins);
    for likeness in [
        Likeness::Octets,
        Likeness::Content,
        Likeness::Header,
        Likeness::BareHeader,
        Likeness::NameAndSize,
        Likeness::BareNameAndSize,
        Likeness::NameAndDate,
        Likeness::Name,
        Likeness::Size,
    ] {
        pair_alike(scene, likeness, &mut twins);
    }
    twins.sort_by_key(|twin| twin.mail);
    set_aside(scene, &twins);
    twins
}

/// As long as a pair is only suspected, whatever else could be one half of it waits: it may turn out to be the other.
fn set_aside(scene: &mut Scene<'_>, twins: &[Twin]) {
    let suspected = || {
        let suspected = twins.iter().filter(|twin| twin.verify);
        suspected.filter_map(|twin| scene.mails.get(twin.mail))
    };
    let sizes: BTreeSet<(MailboxId, u64)> = suspected()
        .filter_map(|mail| Some((mail.mailbox, mail.known?.size)))
        .collect();
    let names: BTreeSet<(MailboxId, MessageIdHash)> = suspected()
        .filter_map(|mail| Some((mail.mailbox, mail.known?.message_id?)))
        .collect();
    if sizes.is_empty() {
        return;
    }
    let may_be = |mailbox: MailboxId, identity: &Identity| {
        let name = identity.message_id;
        sizes.contains(&(mailbox, identity.size))
            || name.is_some_and(|name| names.contains(&(mailbox, name)))
    };
    for file in &mut scene.files {
        let mailbox = file.mailbox;
        file.taken |= file
            .known
            .is_some_and(|known| readings(known).any(|reading| may_be(mailbox, &reading)));
    }
    for mail in &mut scene.mails {
        mail.taken |= mail.known.is_some_and(|known| may_be(mail.mailbox, known));
    }
}

fn pair_alike(scene: &mut Scene<'_>, likeness: Likeness, twins: &mut Vec<Twin>) {
    let recovering = |scene: &Scene<'_>, mailbox: MailboxId| {
        scene.boxes.get(&mailbox).is_some_and(|it| it.recovering)
    };
    let mut index = Index::new(free(scene, |mail, known| {
        let key = trait_of(
            known,
            mail.content.copied(),
            likeness,
            recovering(scene, mail.mailbox),
        )?;
        mail.usable.then_some((mail.mailbox, key))
    }));
    let copies = copies(scene, likeness);
    for at in 0..scene.files.len() {
        let Some(file) = scene.files.get(at) else {
            continue;
        };
        let (Some(known), true) = (file.known, file.usable && !file.taken) else {
            continue;
        };
        let sure = recovering(scene, file.mailbox);
        let content = Some(known.content.digest);
        let found = readings_for(known, likeness).find_map(|reading| {
            let key = trait_of(&reading, content, likeness, sure)?;
            index.take(&(file.mailbox, key), |mail| alike(scene, mail, known))
        });
        if let Some(mail) = found {
            let proven = match likeness {
                Likeness::Octets | Likeness::Content => true,
                Likeness::Header | Likeness::BareHeader => sure,
                Likeness::BareNameAndSize => sure && copies.contains(&at),
                _ => false,
            };
            twins.push(Twin {
                file: at,
                mail,
                verify: !proven,
                claimed: false,
            });
            if let Some(file) = scene.files.get_mut(at) {
                file.taken = true;
            }
            if let Some(mail) = scene.mails.get_mut(mail) {
                mail.taken = true;
            }
        }
    }
}

/// Files that mbsync has marked as its copies of messages on the server, where only one file and one message of the
/// mailbox have the Message-ID. It gives its files a date of their own, so that the size has to do.
fn copies(scene: &Scene<'_>, likeness: Likeness) -> BTreeSet<usize> {
    let marked = scene.files.iter().enumerate().filter_map(|(at, file)| {
        let known = file.known.filter(|known| known.content.copied)?;
        Some((at, (file.mailbox, known.identity.message_id?)))
    });
    let marked: Vec<(usize, (MailboxId, MessageIdHash))> = match likeness {
        Likeness::BareNameAndSize => marked.collect(),
        _ => Vec::new(),
    };
    if marked.is_empty() {
        return BTreeSet::new();
    }
    let files = scene.files.iter().enumerate();
    let files = Index::new(files.filter_map(|(at, file)| {
        let name = file.known?.identity.message_id?;
        Some(((file.mailbox, name), at))
    }));
    let mails = scene.mails.iter().enumerate();
    let mails = Index::new(mails.filter_map(|(at, mail)| {
        let name = mail.known?.message_id?;
        Some(((mail.mailbox, name), at))
    }));
    let alone = marked
        .into_iter()
        .filter(|(_, name)| files.count(name) == 1 && mails.count(name) == 1);
    alone.map(|(at, _)| at).collect()
}

/// A file as it would go on the wire, and with its line ends read the other way.
pub(super) fn readings(known: &LocalKnown) -> impl Iterator<Item = Identity> {
    let other = known.verbatim.map(|(size, digest)| Identity {
        size,
        digest: Some(digest),
        ..known.identity
    });
    std::iter::once(known.identity).chain(other)
}

/// What of a file is compared: its octets in either reading, or what it was before a mail program put notes into it.
fn readings_for(known: &LocalKnown, likeness: Likeness) -> impl Iterator<Item = Identity> {
    let bare = matches!(likeness, Likeness::BareHeader | Likeness::BareNameAndSize);
    let noted = known.content.bare != known.identity.size;
    let without = Identity {
        size: known.content.bare,
        digest: None,
        ..known.identity
    };
    let as_it_is = readings(known).filter(move |_| !bare);
    as_it_is.chain((bare && noted).then_some(without))
}

/// Whether nothing that was read speaks against a file and a message being the same mail.
fn alike(scene: &Scene<'_>, mail: usize, known: &LocalKnown) -> bool {
    let Some(mail) = scene.mails.get(mail) else {
        return false;
    };
    let Some(seen) = mail.known else {
        return false;
    };
    match (mail.content, seen.digest) {
        (Some(content), _) => *content == known.content.digest,
        (None, Some(_)) => readings(known).any(|reading| !contradict(seen, &reading)),
        (None, None) => true,
    }
}

fn trait_of(
    identity: &Identity,
    content: Option<ContentDigest>,
    likeness: Likeness,
    recovering: bool,
) -> Option<Trait> {
    let name = identity.message_id;
    match likeness {
        Likeness::Octets => identity.digest.map(Trait::Octets),
        Likeness::Content => content.map(Trait::Content),
        Likeness::Header | Likeness::BareHeader => header(identity).map(Trait::Header),
        Likeness::NameAndSize | Likeness::BareNameAndSize => {
            name.map(|name| Trait::NameAndSize(name, identity.size))
        }
        Likeness::NameAndDate => name.map(|name| Trait::NameAndDate(name, identity.date)),
        Likeness::Name => name.map(Trait::Name),
        Likeness::Size => {
            let unnamed = name.is_none();
            let date = recovering.then_some(identity.date);
            unnamed.then_some(Trait::Size(identity.size, date))
        }
    }
}
