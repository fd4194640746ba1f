//! What became of acts whose answer never came: looked up on the server before anything is planned.

mod alike;
mod elsewhere;

use std::collections::BTreeSet;

use super::context::{Pass, Ports};
use super::fault::{Fault, Reach};
use super::folders::Mailboxes;
use super::late;
use super::pool::{Pool, RemoteOf};
use super::ports::{Clock, Event, Remote, Store};
use crate::mail::{Identity, Uid, UidSet};
use crate::sync::{
    Base, Change, Deletion, Entry, EntryState, FileStamp, Intent, IntentKind, MailboxId,
    MailboxRecord, RowId, Side, What,
};

/// What no file looks like: the next look reads the file and notices if it was edited meanwhile.
pub(super) const UNSEEN: FileStamp = FileStamp {
    inode: 0,
    size: 0,
    mtime_ns: -1,
};

/// Resolves what can be resolved now; returns the mailboxes whose rows changed by it.
pub(super) async fn run<P: Ports>(
    pass: &Pass<'_, P>,
    pool: &Pool<P>,
    remote: &mut RemoteOf<P>,
    mailboxes: &Mailboxes,
) -> Result<BTreeSet<MailboxId>, Fault> {
    let intents = pass.store().intents().await?;
    let mut changed = BTreeSet::new();
    let mut targets: BTreeSet<MailboxId> = BTreeSet::new();
    for intent in &intents {
        match &intent.kind {
            IntentKind::Upload { mailbox, .. } => targets.insert(*mailbox),
            IntentKind::Transfer { to, .. } => targets.insert(*to),
            IntentKind::Overdue { .. } => false,
        };
    }
    for target in targets {
        let Some(record) = mailboxes.records.get(&target) else {
            forget_orphans(pass, &intents, target).await?;
            continue;
        };
        if mailboxes.remote_gone.contains(&target) {
            forget(pass, &intents, target).await?;
            continue;
        }
        // Whatever becomes of it: rows may have changed before it failed, and those that move are looked up before.
        changed.insert(target);
        changed.extend(sources(pass, &intents, target).await?);
        match one(pass, pool, remote, mailboxes, record, &intents).await {
            Ok(()) => {}
            Err(fault) if fault.reach >= Reach::Connection => {
                return Err(fault.at_least(Reach::Account));
            }
            Err(fault) => pass.problem(Some(&record.name), &fault),
        }
    }
    Ok(changed)
}

/// The mailboxes that messages came from which were on their way to `target`.
async fn sources<P: Ports>(
    pass: &Pass<'_, P>,
    intents: &[Intent],
    target: MailboxId,
) -> Result<Vec<MailboxId>, Fault> {
    let moving = intents.iter().filter_map(|intent| match &intent.kind {
        IntentKind::Transfer { row, to, .. } if *to == target => Some(*row),
        _ => None,
    });
    let rows: Vec<RowId> = moving.collect();
    Ok(pass
        .store()
        .entries(&rows)
        .await?
        .into_iter()
        .map(|entry| entry.mailbox)
        .collect())
}

fn aims_at(intent: &Intent, target: MailboxId) -> bool {
    match &intent.kind {
        IntentKind::Upload { mailbox, .. } => *mailbox == target,
        IntentKind::Transfer { to, .. } => *to == target,
        IntentKind::Overdue { mailbox, .. } => *mailbox == target,
    }
}

/// Intents for a mailbox that is in no record any more.
async fn forget_orphans<P: Ports>(
    pass: &Pass<'_, P>,
    intents: &[Intent],
    target: MailboxId,
) -> Result<(), Fault> {
    let known = pass.store().mailboxes().await?;
    if known.iter().any(|record| record.id == target) {
        return Ok(());
    }
    forget(pass, intents, target).await
}

async fn forget<P: Ports>(
    pass: &Pass<'_, P>,
    intents: &[Intent],
    target: MailboxId,
) -> Result<(), Fault> {
    let over = intents.iter().filter(|intent| aims_at(intent, target));
    pass.commit(over.map(|intent| Change::DropIntent(intent.id)).collect())
        .await
}

async fn one<P: Ports>(
    pass: &Pass<'_, P>,
    pool: &Pool<P>,
    remote: &mut RemoteOf<P>,
    mailboxes: &Mailboxes,
    record: &MailboxRecord,
    intents: &[Intent],
) -> Result<(), Fault> {
    let base = pass.store().base(record.id).await?;
    let uploading: Vec<Intent> = intents
        .iter()
        .filter(|intent| {
            aims_at(intent, record.id) && matches!(intent.kind, IntentKind::Upload { .. })
        })
        .cloned()
        .collect();
    let moving: Vec<Intent> = intents
        .iter()
        .filter(|intent| {
            aims_at(intent, record.id) && matches!(intent.kind, IntentKind::Transfer { .. })
        })
        .cloned()
        .collect();
    if !uploading.is_empty() {
        let missing = uploads(pass, remote, &base, &uploading).await?;
        let missing = elsewhere::look(pass, remote, mailboxes, &base, missing).await?;
        give_up(pass, pool, &missing, record).await?;
    }
    if !moving.is_empty() {
        let base = pass.store().base(record.id).await?;
        transfers(pass, remote, &base, &moving).await?;
    }
    Ok(())
}

/// An upload that was not found, long after the connection that sent it can only be dead, is sent again.
async fn give_up<P: Ports>(
    pass: &Pass<'_, P>,
    pool: &Pool<P>,
    missing: &[Intent],
    record: &MailboxRecord,
) -> Result<(), Fault> {
    let now = pass.clock().now();
    let settle = pass.settings.settle;
    let long_ago = |intent: &Intent| {
        u64::try_from(now.saturating_sub(intent.since))
            .is_ok_and(|age| age > 3600.max(settle.as_secs()))
    };
    let settled = pool.age(pass) >= settle;
    let (over, open): (Vec<&Intent>, Vec<&Intent>) = missing
        .iter()
        .partition(|intent| settled || long_ago(intent));
    if !open.is_empty() {
        pass.with_report(|report| report.unsettled.push(record.name.clone()));
    }
    pass.commit(over.into_iter().map(late::given_up).collect())
        .await
}

/// Messages that came into a mailbox since an act began and that no row knows.
async fn strangers<R: Remote>(
    remote: &mut R,
    base: &Base,
    from: Uid,
) -> Result<Vec<(Uid, Identity)>, Fault> {
    let known: UidSet = base.entries.iter().filter_map(|entry| entry.uid).collect();
    let since = remote.existing(&UidSet::from_range(from, Uid::MAX)).await?;
    let unknown: UidSet = since
        .iter()
        .filter(|uid| *uid >= from && !known.contains(*uid))
        .collect();
    if unknown.is_empty() {
        return Ok(Vec::new());
    }
    remote.identify(&unknown).await
}

/// Whether a message on the server is the one that was being sent. Servers that rewrite mail keep at least the
/// Message-ID and the date.
fn is_it(sent: &Identity, there: &Identity) -> bool {
    match (sent.message_id, there.message_id) {
        (Some(ours), Some(theirs)) => {
            ours == theirs && (sent.date == there.date || sent.size == there.size)
        }
        (None, None) => sent.size == there.size && sent.date == there.date,
        _ => false,
    }
}

/// Takes the first stranger that fits; each is taken once.
fn take_match(strangers: &mut Vec<(Uid, Identity)>, sent: &Identity, from: Uid) -> Option<Uid> {
    let at = strangers
        .iter()
        .position(|(uid, there)| *uid >= from && is_it(sent, there))?;
    Some(strangers.remove(at).0)
}

/// Links uploads that the server has after all; returns those it has not (yet).
pub(super) async fn uploads<P: Ports>(
    pass: &Pass<'_, P>,
    remote: &mut RemoteOf<P>,
    base: &Base,
    intents: &[Intent],
) -> Result<Vec<Intent>, Fault> {
    let selected = remote.select(&base.mailbox.name).await?;
    let starts = intents.iter().filter_map(|intent| match &intent.kind {
        IntentKind::Upload { uidnext, .. } => Some(*uidnext),
        IntentKind::Transfer { .. } | IntentKind::Overdue { .. } => None,
    });
    let Some(from) = starts.min() else {
        return Ok(Vec::new());
    };
    let mut found = strangers(remote, base, from).await?;
    alike::leave_copies(pass, remote, intents, &mut found).await?;
    let mut changes = Vec::new();
    let mut missing = Vec::new();
    for intent in intents {
        let IntentKind::Upload {
            identity,
            uidvalidity,
            uidnext,
            ..
        } = &intent.kind
        else {
            continue;
        };
        if Some(*uidvalidity) != selected {
            // Another generation: the file and whatever came of it are paired by content like all others.
            changes.push(Change::DropIntent(intent.id));
        } else if let Some(uid) = take_match(&mut found, identity, *uidnext) {
            let row = pass.store().reserve_rows(1).await?;
            changes.push(Change::DropIntent(intent.id));
            changes.extend(sent(pass, intent, base, row, uid));
            pass.event(Event::Done { octets: 0 });
        } else {
            missing.push(intent.clone());
        }
    }
    pass.commit(changes).await?;
    Ok(missing)
}

/// The row of a message that was sent after all.
pub(super) fn sent<P: Ports>(
    pass: &Pass<'_, P>,
    intent: &Intent,
    base: &Base,
    fresh: RowId,
    uid: Uid,
) -> Vec<Change> {
    let Some(entry) = sent_entry(intent, base, fresh, uid) else {
        return Vec::new();
    };
    let (row, mailbox) = (entry.row, entry.mailbox);
    let known = base.entries.iter().find(|known| known.row == row);
    let mut changes = match known {
        Some(was) => pass.flags_became(row, mailbox, Side::Local, &was.flags, &entry.flags),
        None => Vec::new(),
    };
    if row == fresh {
        changes.extend(pass.news(row, mailbox, Side::Local, What::New));
    }
    changes.push(Change::PutEntry(entry));
    changes
}

fn sent_entry(intent: &Intent, base: &Base, fresh: RowId, uid: Uid) -> Option<Entry> {
    let IntentKind::Upload {
        mailbox,
        local,
        identity,
        flags,
        replaces,
        ..
    } = &intent.kind
    else {
        return None;
    };
    let same_file = |entry: &&Entry| entry.local.as_ref() == Some(local);
    let owner = base.entries.iter().find(same_file).map(|entry| entry.row);
    Some(Entry {
        row: owner.or(*replaces).unwrap_or(fresh),
        mailbox: *mailbox,
        uid: Some(uid),
        local: Some(local.clone()),
        flags: flags.clone(),
        size: identity.size,
        date: identity.date,
        message_id: identity.message_id,
        digest: identity.digest,
        raw: false,
        stamp: UNSEEN,
        state: EntryState::Linked,
        hold: None,
    })
}

/// Finds out how far moves and copies came, and finishes those that are in both places.
async fn transfers<P: Ports>(
    pass: &Pass<'_, P>,
    remote: &mut RemoteOf<P>,
    base: &Base,
    intents: &[Intent],
) -> Result<(), Fault> {
    let selected = remote.select(&base.mailbox.name).await?;
    let starts = intents.iter().filter_map(|intent| match &intent.kind {
        IntentKind::Transfer { uidnext, .. } => Some(*uidnext),
        IntentKind::Upload { .. } | IntentKind::Overdue { .. } => None,
    });
    let Some(from) = starts.min() else {
        return Ok(());
    };
    let mut found = strangers(remote, base, from).await?;
    let names = pass.store().mailboxes().await?;
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
        let entry = pass.store().entries(&[*row]).await?.into_iter().next();
        let uid = entry
            .as_ref()
            .filter(|_| Some(*uidvalidity) == selected)
            .and_then(|entry| take_match(&mut found, &entry.identity(), *uidnext));
        let mut changes = vec![Change::DropIntent(intent.id)];
        if let (Some(entry), Some(uid)) = (entry, uid) {
            let source = names.iter().find(|record| record.id == entry.mailbox);
            changes.extend(arrived(pass, remote, intent, entry, uid, source).await?);
        }
        pass.commit(changes).await?;
    }
    Ok(())
}

/// The message is in the destination: what is left at the source is removed, the row follows.
async fn arrived<P: Ports>(
    pass: &Pass<'_, P>,
    remote: &mut RemoteOf<P>,
    intent: &Intent,
    entry: Entry,
    uid: Uid,
    source: Option<&MailboxRecord>,
) -> Result<Vec<Change>, Fault> {
    let IntentKind::Transfer {
        to, local, copy, ..
    } = &intent.kind
    else {
        return Ok(Vec::new());
    };
    if *copy {
        let row = pass.store().reserve_rows(1).await?;
        let copied = Entry {
            row,
            mailbox: *to,
            uid: Some(uid),
            local: local.clone(),
            stamp: UNSEEN,
            hold: None,
            ..entry
        };
        let news = pass.news(row, *to, Side::Local, What::New);
        return Ok(std::iter::once(Change::PutEntry(copied))
            .chain(news)
            .collect());
    }
    if let (Some(source), Some(old)) = (source, entry.uid) {
        let old = UidSet::from_range(old, old);
        // In another generation this UID is another message's.
        let same = remote.select(&source.name).await? == source.uidvalidity;
        if same && !remote.existing(&old).await?.is_empty() {
            remote.expunge(&old).await?;
        }
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
