//! Moves and copies whose answer never came, on servers that do not move in one step.

use super::matching::{Wanted, assign};
use super::{Sought, UNSEEN, elsewhere, strangers};
use crate::engine::context::{Pass, Ports};
use crate::engine::execute::ghost;
use crate::engine::fault::Fault;
use crate::engine::folders::Mailboxes;
use crate::engine::late;
use crate::engine::pool::RemoteOf;
use crate::engine::ports::{Clock, Remote, Store};
use crate::mail::{Uid, UidSet};
use crate::sync::{
    Base, Change, Deletion, Entry, Intent, IntentKind, MailboxId, MailboxRecord, Side, What,
};

/// Finds out how far moves and copies to a mailbox came, and finishes those that are in both places.
pub(super) async fn settle<P: Ports>(
    pass: &Pass<'_, P>,
    remote: &mut RemoteOf<P>,
    mailboxes: &Mailboxes,
    home: MailboxId,
    intents: &[Intent],
) -> Result<(), Fault> {
    let base = pass.store().base(home).await?;
    let selected = remote.select(&base.mailbox.name).await?;
    let mut over = Vec::new();
    let mut sought = Vec::new();
    for intent in intents {
        let IntentKind::Transfer {
            row,
            uidvalidity,
            uidnext,
            ..
        } = &intent.kind
        else {
            continue;
        };
        match pass.store().entries(&[*row]).await?.into_iter().next() {
            Some(entry) if Some(*uidvalidity) == selected => sought.push(Sought {
                identity: entry.identity(),
                from: *uidnext,
                intent: intent.clone(),
            }),
            _ => over.push(Change::DropIntent(intent.id)),
        }
    }
    pass.commit(over).await?;
    let missing = finish_found(pass, remote, &base, sought).await?;
    let outcome = elsewhere::look(pass, remote, mailboxes, &base, missing).await?;
    for (intent, uid) in &outcome.found {
        arrived(pass, remote, intent, *uid).await?;
    }
    // Where not everything could be looked through it is looked for again.
    let mut over = Vec::new();
    for intent in &outcome.nowhere {
        let row = match &intent.kind {
            IntentKind::Transfer { row, .. } => *row,
            IntentKind::Upload { .. } | IntentKind::Overdue { .. } => continue,
        };
        let source = pass.store().entries(&[row]).await?.into_iter().next();
        over.push(late::copy_given_up(intent, source.as_ref()));
    }
    pass.commit(over).await
}

async fn finish_found<P: Ports>(
    pass: &Pass<'_, P>,
    remote: &mut RemoteOf<P>,
    base: &Base,
    sought: Vec<Sought>,
) -> Result<Vec<Sought>, Fault> {
    let Some(from) = sought.iter().map(|it| it.from).min() else {
        return Ok(sought);
    };
    let strangers = strangers(remote, base, from).await?;
    let wanted: Vec<Wanted> = sought
        .iter()
        .map(|it| Wanted {
            identity: it.identity,
            from: it.from,
        })
        .collect();
    let found = assign(pass, remote, &wanted, &strangers, false).await?;
    let mut missing = Vec::new();
    for (it, uid) in sought.into_iter().zip(found) {
        match uid {
            Some(uid) => arrived(pass, remote, &it.intent, uid).await?,
            None => missing.push(it),
        }
    }
    Ok(missing)
}

/// The message was in the destination, with this UID: what is left at the source is removed, the row follows.
async fn arrived<P: Ports>(
    pass: &Pass<'_, P>,
    remote: &mut RemoteOf<P>,
    intent: &Intent,
    uid: Uid,
) -> Result<(), Fault> {
    let IntentKind::Transfer { row, copy, .. } = &intent.kind else {
        return Ok(());
    };
    let mut changes = vec![Change::DropIntent(intent.id)];
    if let Some(entry) = pass.store().entries(&[*row]).await?.into_iter().next() {
        if !copy {
            let names = pass.store().mailboxes().await?;
            let source = names.iter().find(|record| record.id == entry.mailbox);
            if !remove_source(remote, &entry, source).await? {
                changes.extend(ghost(pass, &entry).await?);
            }
        }
        changes.extend(follow(pass, intent, entry, uid).await?);
    }
    pass.commit(changes).await
}

/// Whether nothing is left of it where it was.
async fn remove_source<R: Remote>(
    remote: &mut R,
    entry: &Entry,
    source: Option<&MailboxRecord>,
) -> Result<bool, Fault> {
    if let (Some(source), Some(old)) = (source, entry.uid) {
        let old = UidSet::from_range(old, old);
        // In another generation this UID is another message's.
        let same = remote.select(&source.name).await? == source.uidvalidity;
        if same && !remote.existing(&old).await?.is_empty() {
            return remote.expunge(&old).await;
        }
    }
    Ok(true)
}

async fn follow<P: Ports>(
    pass: &Pass<'_, P>,
    intent: &Intent,
    entry: Entry,
    uid: Uid,
) -> Result<Vec<Change>, Fault> {
    let IntentKind::Transfer {
        to, local, copy, ..
    } = &intent.kind
    else {
        return Ok(Vec::new());
    };
    if *copy {
        let copied = Entry {
            row: pass.store().reserve_rows(1).await?,
            mailbox: *to,
            uid: Some(uid),
            local: local.clone(),
            stamp: UNSEEN,
            hold: None,
            ..entry
        };
        let news = pass.arrived(copied.row, *to, Side::Local, copied.date);
        return Ok(std::iter::once(Change::PutEntry(copied))
            .chain(news)
            .collect());
    }
    if local.is_some() {
        let relink = Change::Relink {
            row: entry.row,
            mailbox: *to,
            uid: Some(uid),
            local: local.clone(),
        };
        let news = pass.moved(entry.row, entry.mailbox, *to, Side::Local);
        return Ok(std::iter::once(relink).chain(news).collect());
    }
    let news = pass.news(entry.row, entry.mailbox, Side::Local, What::Deleted);
    let deletion = Deletion {
        row: entry.row,
        mailbox: entry.mailbox,
        side: Side::Remote,
        at: pass.clock().now(),
        identity: entry.identity(),
        flags: entry.flags,
        trash_path: None,
    };
    let done = [Change::PutDeletion(deletion), Change::DropEntry(entry.row)];
    Ok(done.into_iter().chain(news).collect())
}
