//! Uploads whose message another client moved on before anybody looked for it.
//!
//! Such a message is in no mailbox where it is looked for, and in another one it looks new: sent again, it would be
//! there twice. Once found it gets the row it would have had, and the planner sees a move like any other.

use std::collections::BTreeSet;

use super::{sent, strangers};
use crate::engine::context::{Pass, Ports};
use crate::engine::fault::{Fault, Reach};
use crate::engine::folders::Mailboxes;
use crate::engine::late::is_content;
use crate::engine::pool::RemoteOf;
use crate::engine::ports::{Remote, Store};
use crate::mail::{Identity, Uid, UidSet};
use crate::sync::{Base, Change, Intent, IntentKind, MailboxRecord};

/// An upload that was not found where it was sent to, and a UID that its message may have had there.
struct Lost {
    intent: Intent,
    identity: Identity,
    uid: Uid,
}

/// Links uploads whose message is in another mailbox by now; returns those that were not found there either.
pub(super) async fn look<P: Ports>(
    pass: &Pass<'_, P>,
    remote: &mut RemoteOf<P>,
    mailboxes: &Mailboxes,
    home: &Base,
    missing: Vec<Intent>,
) -> Result<Vec<Intent>, Fault> {
    let (mut lost, mut missing) = came_and_went(remote, home, missing).await?;
    for record in mailboxes.records.values() {
        if lost.is_empty() {
            break;
        }
        let gone = mailboxes.remote_gone.contains(&record.id);
        let status = mailboxes.status.get(&record.id);
        let nothing_new =
            status.is_some_and(|seen| seen.uidnext.is_some() && seen.uidnext == record.uidnext);
        if record.id == home.mailbox.id || gone || nothing_new || record.last_sync.is_none() {
            continue;
        }
        match look_in(pass, remote, record, home, &mut lost).await {
            // What cannot be looked into hides one mail too many at worst.
            Err(fault) if fault.reach < Reach::Connection => {}
            other => other?,
        }
    }
    missing.extend(lost.into_iter().map(|lost| lost.intent));
    Ok(missing)
}

/// Those whose message may have come and gone again, by the UIDs that are not there any more; and the others.
async fn came_and_went<R: Remote>(
    remote: &mut R,
    home: &Base,
    missing: Vec<Intent>,
) -> Result<(Vec<Lost>, Vec<Intent>), Fault> {
    let (mut lost, mut others) = (Vec::new(), Vec::new());
    if missing.is_empty() {
        return Ok((lost, others));
    }
    let end = remote.status(&home.mailbox.name).await?.uidnext;
    remote.select(&home.mailbox.name).await?;
    let all = UidSet::from_range(Uid::MIN, Uid::MAX);
    let there = remote.existing(&all).await?;
    let rows = home.entries.iter().filter_map(|entry| entry.uid);
    let mut taken: BTreeSet<Uid> = rows.collect();
    for intent in missing {
        let IntentKind::Upload {
            identity,
            uidnext,
            replaces: None,
            ..
        } = intent.kind
        else {
            others.push(intent);
            continue;
        };
        let last = end.map_or(0, Uid::get);
        let free = (uidnext.get()..last)
            .filter_map(Uid::new)
            .find(|uid| !there.contains(*uid) && !taken.contains(uid));
        let known = identity.message_id.is_some() && identity.digest.is_some();
        match free.filter(|_| known) {
            Some(uid) => {
                taken.insert(uid);
                lost.push(Lost {
                    intent,
                    identity,
                    uid,
                });
            }
            None => others.push(intent),
        }
    }
    Ok((lost, others))
}

async fn look_in<P: Ports>(
    pass: &Pass<'_, P>,
    remote: &mut RemoteOf<P>,
    record: &MailboxRecord,
    home: &Base,
    lost: &mut Vec<Lost>,
) -> Result<(), Fault> {
    if remote.select(&record.name).await? != record.uidvalidity {
        return Ok(());
    }
    let base = pass.store().base(record.id).await?;
    let new = strangers(remote, &base, record.uidnext.unwrap_or(Uid::MIN)).await?;
    for (uid, there) in new {
        let same = |sent: &Identity| {
            sent.message_id == there.message_id
                && sent.size == there.size
                && sent.date == there.date
        };
        let Some(at) = lost.iter().position(|lost| same(&lost.identity)) else {
            continue;
        };
        let digest = lost.get(at).and_then(|lost| lost.identity.digest);
        let Some(digest) = digest else { continue };
        let uid = UidSet::from_range(uid, uid);
        if is_content(remote, &record.name, &uid, digest).await? {
            let found = lost.remove(at);
            let row = pass.store().reserve_rows(1).await?;
            let mut changes = vec![Change::DropIntent(found.intent.id)];
            changes.extend(sent(pass, &found.intent, home, row, found.uid));
            pass.commit(changes).await?;
        }
    }
    Ok(())
}
