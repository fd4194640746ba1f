//! Versions of one mail that look the same: where size, date and Message-ID do not tell them apart, they are read.

use std::collections::{BTreeMap, BTreeSet};

use super::Observed;
use crate::engine::context::{Pass, Ports};
use crate::engine::fault::{Fault, Reach};
use crate::engine::late;
use crate::engine::pool::{Pool, RemoteOf};
use crate::engine::ports::{Clock, Remote, Store};
use crate::mail::{Content, Digest, Identity, MessageIdHash, Uid, UidSet};
use crate::sync::{MailboxId, MailboxInput};

/// What we deleted so long ago, in seconds, is not found under another UID any more.
const MEMORY: i64 = 24 * 3600;

type Look = (MessageIdHash, u64, i64);

fn look_of(identity: &Identity) -> Option<Look> {
    let message_id = identity.message_id?;
    Some((message_id, identity.size, identity.date))
}

/// Reads the new messages that look like a message which is missed, if they look like another version of it as well.
pub(in crate::engine) async fn tell_apart<P: Ports>(
    pass: &Pass<'_, P>,
    pool: &Pool<P>,
    observed: &mut Observed,
) -> Result<(), Fault> {
    let mut contents: BTreeMap<Look, BTreeSet<Digest>> = BTreeMap::new();
    for mailbox in &observed.input.mailboxes {
        contents.extend(missed(mailbox).map(|look| (look, BTreeSet::new())));
    }
    if contents.is_empty() {
        return Ok(());
    }
    let mut add = |identity: &Identity| {
        let known = look_of(identity).and_then(|look| contents.get_mut(&look));
        if let Some(known) = known {
            known.extend(identity.digest);
        }
    };
    for mailbox in &observed.input.mailboxes {
        let entries = mailbox.base.entries.iter();
        entries.for_each(|entry| add(&entry.identity()));
    }
    // What we moved to the trash has no row any more, and is there as a new message.
    let since = pass.clock().now() - MEMORY;
    for deletion in pass.store().deletions(since).await? {
        add(&deletion.identity);
    }
    contents.retain(|_, known| known.len() > 1);
    let unclear = unclear(observed, &contents);
    if unclear.is_empty() {
        return Ok(());
    }
    let mut remote = pool.take(pass).await?;
    let read = read::<P>(&mut remote, observed, unclear).await?;
    pool.give(remote);
    observed.was_read(read);
    Ok(())
}

/// Reads messages to learn what their content is.
pub(super) async fn read_contents<P: Ports>(
    pass: &Pass<'_, P>,
    pool: &Pool<P>,
    observed: &mut Observed,
    wanted: &BTreeMap<MailboxId, UidSet>,
) -> Result<(), Fault> {
    let places = wanted
        .iter()
        .flat_map(|(mailbox, uids)| uids.iter().map(move |uid| (*mailbox, uid)));
    let mut remote = pool.take(pass).await?;
    let read = read::<P>(&mut remote, observed, places.collect()).await?;
    pool.give(remote);
    observed.was_read(read);
    Ok(())
}

impl Observed {
    fn was_read(&mut self, read: Vec<Reading>) {
        for (place, digest, content) in read {
            if let Some(known) = self.known.remote.get_mut(&place) {
                known.digest = Some(digest);
            }
            self.known.contents.insert(place, content.digest);
        }
    }
}

/// A message that was read whole.
type Reading = ((MailboxId, Uid), Digest, Content);

/// Rows whose message is not where it was, or may be any.
fn missed(mailbox: &MailboxInput) -> impl Iterator<Item = Look> {
    let renumbered = mailbox.remote.renumbered;
    let gone: BTreeSet<_> = mailbox.remote.vanished.iter().copied().collect();
    let entries = mailbox.base.entries.iter();
    entries
        .filter(move |entry| renumbered || entry.uid.is_none() || gone.contains(&entry.row))
        .filter_map(|entry| look_of(&entry.identity()))
}

fn unclear(
    observed: &Observed,
    contents: &BTreeMap<Look, BTreeSet<Digest>>,
) -> Vec<(MailboxId, Uid)> {
    let known = observed.known.remote.iter();
    known
        .filter(|(_, identity)| {
            let look = look_of(identity).filter(|_| identity.digest.is_none());
            look.is_some_and(|look| contents.contains_key(&look))
        })
        .map(|(place, _)| *place)
        .collect()
}

async fn read<P: Ports>(
    remote: &mut RemoteOf<P>,
    observed: &Observed,
    unclear: Vec<(MailboxId, Uid)>,
) -> Result<Vec<Reading>, Fault> {
    let mut read = Vec::new();
    for (mailbox, uid) in unclear {
        let Some(name) = observed.name(mailbox) else {
            continue;
        };
        remote.select(name).await?;
        match late::read(remote, &UidSet::from_range(uid, uid)).await {
            Ok(found) => {
                read.extend(found.map(|(digest, content)| ((mailbox, uid), digest, content)));
            }
            // Whatever cannot be read is judged by its look.
            Err(fault) if fault.reach == Reach::Message => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(read)
}
