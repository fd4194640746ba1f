//! What "both sides are equal" means: the same mailboxes, each with the same contents under the same flags.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use super::client::Client;

/// SHA-256 of a message as it goes on the wire, in hexadecimal and short enough to read.
pub type Digest = String;

/// Mailboxes with their messages, sorted; equal messages as often as they are there.
pub type Snapshot = BTreeMap<String, Vec<(Digest, BTreeSet<String>)>>;

/// The digest of octets.
pub fn digest(octets: &[u8]) -> Digest {
    let hash = Sha256::digest(octets);
    hash.iter()
        .take(10)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// What the server has. Messages with `\Deleted` are left out if `without_deleted`: a server without UIDPLUS keeps
/// them until somebody expunges.
pub fn server(client: &mut Client, without_deleted: bool) -> Snapshot {
    let mut snapshot = Snapshot::new();
    for mailbox in client.mailboxes() {
        let messages = client.messages(&mailbox).into_iter();
        let mut all: Vec<_> = messages
            .filter(|message| !(without_deleted && message.flags.contains("\\deleted")))
            .map(|message| (message.digest, message.flags))
            .collect();
        all.sort();
        snapshot.insert(mailbox, all);
    }
    snapshot
}

/// All digests, wherever they are.
pub fn digests(snapshot: &Snapshot) -> BTreeSet<Digest> {
    let messages = snapshot.values().flatten();
    messages.map(|(digest, _)| digest.clone()).collect()
}

/// How many messages there are in all.
pub fn count(snapshot: &Snapshot) -> usize {
    snapshot.values().map(Vec::len).sum()
}

/// The snapshot with only those flags that a Maildir's names can show by themselves.
pub fn visible(snapshot: &Snapshot) -> Snapshot {
    let shown = [
        "\\seen",
        "\\answered",
        "\\flagged",
        "\\draft",
        "\\deleted",
        "$forwarded",
    ];
    let mut snapshot = snapshot.clone();
    for messages in snapshot.values_mut() {
        for (_, flags) in messages.iter_mut() {
            flags.retain(|flag| shown.contains(&flag.as_str()));
        }
        messages.sort();
    }
    snapshot
}

/// Both sides hold the same. Keywords beyond `$Forwarded` have no place in a file name and are not compared.
pub fn assert_equal(server: &Snapshot, local: &Snapshot) {
    let differences = differences(&visible(server), &visible(local));
    assert!(
        differences.is_empty(),
        "the sides differ:\n{}",
        differences.join("\n")
    );
}

/// What differs, one line each.
pub fn differences(server: &Snapshot, local: &Snapshot) -> Vec<String> {
    let names: BTreeSet<&String> = server.keys().chain(local.keys()).collect();
    let mut lines = Vec::new();
    for name in names {
        match (server.get(name), local.get(name)) {
            (None, _) => lines.push(format!("mailbox {name:?} only in the Maildir")),
            (_, None) => lines.push(format!("mailbox {name:?} only on the server")),
            (Some(there), Some(here)) => {
                lines.extend(
                    surplus(there, here).map(|it| format!("{name}: only on the server: {it:?}")),
                );
                lines.extend(
                    surplus(here, there).map(|it| format!("{name}: only in the Maildir: {it:?}")),
                );
            }
        }
    }
    lines
}

fn surplus<'a, T: Ord>(of: &'a [T], over: &[T]) -> impl Iterator<Item = &'a T> {
    let mut rest: Vec<&T> = over.iter().collect();
    of.iter().filter(move |item| {
        let same = rest.iter().position(|other| other == item);
        same.map(|at| rest.swap_remove(at)).is_none()
    })
}

#[test]
fn a_difference_of_any_kind_is_seen() {
    let flags = |text: &str| {
        text.split(' ')
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let one = |text: &str, content: &str| (content.to_owned(), flags(text));
    let base = Snapshot::from([("INBOX".to_owned(), vec![one("\\seen", "a"), one("", "b")])]);
    assert!(differences(&base, &base).is_empty());
    let with = |messages| Snapshot::from([("INBOX".to_owned(), messages)]);
    let others = [
        with(vec![one("", "a"), one("", "b")]),
        with(vec![one("\\seen", "a")]),
        with(vec![one("\\seen", "a"), one("", "b"), one("", "b")]),
        with(vec![one("\\seen", "a"), one("", "c")]),
        Snapshot::from([("Inbox".to_owned(), vec![one("\\seen", "a"), one("", "b")])]),
    ];
    for other in others {
        assert!(!differences(&base, &other).is_empty(), "{other:?}");
        assert!(!differences(&other, &base).is_empty(), "{other:?}");
    }
}
