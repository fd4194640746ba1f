//! What became of acts whose answer never came: looked up on the server before anything is planned.

mod elsewhere;
mod matching;
mod moved;
mod sent;

use std::collections::BTreeSet;

use super::context::{Pass, Ports};
use super::fault::{Fault, Reach};
use super::folders::Mailboxes;
use super::pool::{Pool, RemoteOf};
use super::ports::{Remote, Store};
use crate::mail::{Identity, Uid, UidSet};
use crate::sync::{Base, Change, FileStamp, Intent, IntentKind, MailboxId, MailboxRecord, RowId};

pub(super) use matching::is_it;
pub(super) use sent::uploads;

/// What an intent was about to make, for which nobody has seen a message yet.
struct Sought {
    intent: Intent,
    identity: Identity,
    /// It had this UID or a later one.
    from: Uid,
}

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
        if mailboxes.doubted.contains(&target) {
            continue;
        }
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
    let own = intents.iter().filter(|intent| aims_at(intent, record.id));
    let (sent, others): (Vec<Intent>, Vec<Intent>) = own
        .cloned()
        .partition(|intent| matches!(intent.kind, IntentKind::Upload { .. }));
    let moving: Vec<Intent> = others
        .into_iter()
        .filter(|intent| matches!(intent.kind, IntentKind::Transfer { .. }))
        .collect();
    if !sent.is_empty() {
        sent::settle(pass, pool, remote, mailboxes, record.id, &sent).await?;
    }
    if !moving.is_empty() {
        moved::settle(pass, remote, mailboxes, record.id, &moving).await?;
    }
    Ok(())
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
