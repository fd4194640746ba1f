//! APPENDs whose answer never came.

use super::matching::{Wanted, assign};
use super::{Sought, UNSEEN, elsewhere, strangers};
use crate::engine::context::{Pass, Ports};
use crate::engine::fault::Fault;
use crate::engine::folders::Mailboxes;
use crate::engine::late;
use crate::engine::pool::{Pool, RemoteOf};
use crate::engine::ports::{Clock, Event, Remote, Store};
use crate::mail::Uid;
use crate::sync::{Base, Change, Entry, EntryState, Intent, IntentKind, MailboxId, RowId, Side};

/// After so many seconds nothing is waited for any more.
const PATIENCE: u64 = 3600;

/// Finds out what became of the files that were being sent to a mailbox.
pub(super) async fn settle<P: Ports>(
    pass: &Pass<'_, P>,
    pool: &Pool<P>,
    remote: &mut RemoteOf<P>,
    mailboxes: &Mailboxes,
    home: MailboxId,
    sent: &[Intent],
) -> Result<(), Fault> {
    let base = pass.store().base(home).await?;
    let missing = uploads(pass, remote, &base, sent, true).await?;
    let (missing, doubtful) = elsewhere(pass, remote, mailboxes, &base, missing).await?;
    give_up(pass, pool, &base, &missing, true).await?;
    give_up(pass, pool, &base, &doubtful, false).await
}

/// An upload that was not found, long after the connection that sent it can only be dead, is sent again. Where not
/// everything could be looked through, only after a long time.
async fn give_up<P: Ports>(
    pass: &Pass<'_, P>,
    pool: &Pool<P>,
    home: &Base,
    missing: &[Intent],
    looked_everywhere: bool,
) -> Result<(), Fault> {
    let settle = pass.settings.settle;
    let settled = pool.age(pass) >= settle && looked_everywhere;
    let (over, open): (Vec<&Intent>, Vec<&Intent>) = missing
        .iter()
        .partition(|intent| settled || age(pass, intent) > PATIENCE.max(settle.as_secs()));
    if !open.is_empty() {
        pass.with_report(|report| report.unsettled.push(home.mailbox.name.clone()));
    }
    pass.commit(over.into_iter().map(late::given_up).collect())
        .await
}

fn age<P: Ports>(pass: &Pass<'_, P>, intent: &Intent) -> u64 {
    let age = pass.clock().now().saturating_sub(intent.since);
    u64::try_from(age).unwrap_or(0)
}

/// Links uploads that the server has after all; returns those it has not (yet).
pub(in crate::engine) async fn uploads<P: Ports>(
    pass: &Pass<'_, P>,
    remote: &mut RemoteOf<P>,
    base: &Base,
    intents: &[Intent],
    thorough: bool,
) -> Result<Vec<Intent>, Fault> {
    let selected = remote.select(&base.mailbox.name).await?;
    let mut changes = Vec::new();
    let mut sought = Vec::new();
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
        if Some(*uidvalidity) == selected {
            let wanted = Wanted {
                identity: *identity,
                from: *uidnext,
            };
            sought.push((intent, wanted));
        } else {
            // Another generation: the file and whatever came of it are paired by content like all others.
            changes.push(Change::DropIntent(intent.id));
        }
    }
    // What nobody can read must not be tried to read for ever.
    let thorough = thorough && sought.iter().all(|(it, _)| age(pass, it) <= PATIENCE);
    let wanted: Vec<Wanted> = sought.iter().map(|(_, wanted)| *wanted).collect();
    let found = match wanted.iter().map(|wanted| wanted.from).min() {
        Some(from) => {
            let strangers = strangers(remote, base, from).await?;
            assign(pass, remote, &wanted, &strangers, thorough).await?
        }
        None => Vec::new(),
    };
    let mut missing = Vec::new();
    for ((intent, _), found) in sought.into_iter().zip(found) {
        match found {
            Some(uid) => {
                changes.extend(linked(pass, base, intent, uid).await?);
                pass.event(Event::Done { octets: 0 });
            }
            None => missing.push(intent.clone()),
        }
    }
    pass.commit(changes).await?;
    Ok(missing)
}

/// Those that another client moved on meanwhile are linked; returns those that are nowhere, and those that may be
/// where nobody could look.
async fn elsewhere<P: Ports>(
    pass: &Pass<'_, P>,
    remote: &mut RemoteOf<P>,
    mailboxes: &Mailboxes,
    home: &Base,
    missing: Vec<Intent>,
) -> Result<(Vec<Intent>, Vec<Intent>), Fault> {
    let sought = missing.into_iter().filter_map(|intent| match &intent.kind {
        IntentKind::Upload {
            identity, uidnext, ..
        } => Some(Sought {
            identity: *identity,
            from: *uidnext,
            intent,
        }),
        IntentKind::Transfer { .. } | IntentKind::Overdue { .. } => None,
    });
    let outcome = elsewhere::look(pass, remote, mailboxes, home, sought.collect()).await?;
    for (intent, uid) in &outcome.found {
        let changes = linked(pass, home, intent, *uid).await?;
        pass.commit(changes).await?;
    }
    Ok((outcome.nowhere, outcome.doubtful))
}

/// The message of an intent has this UID. If its file has got another message meanwhile, this one is too many.
async fn linked<P: Ports>(
    pass: &Pass<'_, P>,
    base: &Base,
    intent: &Intent,
    uid: Uid,
) -> Result<Vec<Change>, Fault> {
    let row = pass.store().reserve_rows(1).await?;
    let Some(entry) = sent_entry(intent, base, row, uid) else {
        return Ok(vec![late::given_up(intent)]);
    };
    let mut changes = vec![Change::DropIntent(intent.id)];
    changes.extend(news(pass, base, &entry, row));
    changes.push(Change::PutEntry(entry));
    Ok(changes)
}

/// What listeners are told of a message that was sent after all.
fn news<P: Ports>(pass: &Pass<'_, P>, base: &Base, entry: &Entry, fresh: RowId) -> Vec<Change> {
    let (row, mailbox) = (entry.row, entry.mailbox);
    if row == fresh {
        let news = pass.arrived(row, mailbox, Side::Local, entry.date);
        return news.into_iter().collect();
    }
    match base.entries.iter().find(|known| known.row == row) {
        Some(was) => pass.flags_became(row, mailbox, Side::Local, &was.flags, &entry.flags),
        None => Vec::new(),
    }
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
    let owner = base.entries.iter().find(same_file);
    if owner.is_some_and(|owner| owner.uid.is_some() && Some(owner.row) != *replaces) {
        return None;
    }
    Some(Entry {
        row: owner.map(|owner| owner.row).or(*replaces).unwrap_or(fresh),
        mailbox: *mailbox,
        uid: Some(uid),
        local: Some(local.clone()),
        flags: flags.clone(),
        size: identity.size,
        date: identity.date,
        message_id: identity.message_id,
        digest: identity.digest,
        content: None,
        raw: false,
        stamp: UNSEEN,
        state: EntryState::Linked,
        hold: None,
    })
}
