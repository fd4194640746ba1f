//! Messages that another client moved on before anybody looked for them.
//!
//! Such a message is in no mailbox where it is looked for, and in another one it looks new: sent or copied again, it
//! would be there twice. Once found it gets the row it would have had, and the planner sees a move like any other.

use std::collections::BTreeSet;

use super::{Sought, strangers};
use crate::engine::context::{Pass, Ports};
use crate::engine::fault::{Fault, Reach};
use crate::engine::folders::Mailboxes;
use crate::engine::late::is_content;
use crate::engine::pool::RemoteOf;
use crate::engine::ports::{Remote, Store};
use crate::mail::{Identity, Uid, UidSet};
use crate::sync::{Base, Intent, IntentKind, MailboxRecord};

/// A message that was not found where it was made, and a UID that it may have had there.
struct Lost {
    sought: Sought,
    uid: Uid,
}

/// What came of looking.
pub(super) struct Outcome {
    /// In another mailbox by now; with a UID that it may have had where it was made.
    pub(super) found: Vec<(Intent, Uid)>,
    /// In no other mailbox.
    pub(super) nowhere: Vec<Intent>,
    /// Perhaps in a mailbox that nobody could look into.
    pub(super) doubtful: Vec<Intent>,
}

/// Looks through the other mailboxes for what is not in its own.
pub(super) async fn look<P: Ports>(
    pass: &Pass<'_, P>,
    remote: &mut RemoteOf<P>,
    mailboxes: &Mailboxes,
    home: &Base,
    missing: Vec<Sought>,
) -> Result<Outcome, Fault> {
    let (mut lost, nowhere) = came_and_went(remote, home, missing).await?;
    let mut found = Vec::new();
    let mut everywhere = true;
    // Those that take no part in this pass as well.
    for record in pass.store().mailboxes().await? {
        if lost.is_empty() {
            break;
        }
        if record.id == home.mailbox.id || !may_have_it(pass, mailboxes, &record) {
            continue;
        }
        match look_in(pass, remote, &record, &mut lost, &mut found).await {
            Err(fault) if fault.reach < Reach::Connection => everywhere = false,
            other => other?,
        }
    }
    let mut outcome = Outcome {
        found,
        nowhere,
        doubtful: Vec::new(),
    };
    let rest = lost.into_iter().map(|lost| lost.sought.intent);
    if everywhere {
        outcome.nowhere.extend(rest);
    } else {
        outcome.doubtful.extend(rest);
    }
    Ok(outcome)
}

fn may_have_it<P: Ports>(
    pass: &Pass<'_, P>,
    mailboxes: &Mailboxes,
    record: &MailboxRecord,
) -> bool {
    let gone = mailboxes.remote_gone.contains(&record.id);
    let status = mailboxes.status.get(&record.id);
    let nothing_new =
        status.is_some_and(|seen| seen.uidnext.is_some() && seen.uidnext == record.uidnext);
    let selects = (pass.settings.selects)(&record.name);
    selects && !gone && !nothing_new && record.last_sync.is_some()
}

/// Those whose message may have come and gone again, by the UIDs that are not there any more; and the others.
async fn came_and_went<R: Remote>(
    remote: &mut R,
    home: &Base,
    missing: Vec<Sought>,
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
    for sought in missing {
        let last = end.map_or(0, Uid::get);
        let free = (sought.from.get()..last)
            .filter_map(Uid::new)
            .find(|uid| !there.contains(*uid) && !taken.contains(uid));
        match free.filter(|_| may_be_looked_for(&sought)) {
            Some(uid) => {
                taken.insert(uid);
                lost.push(Lost { sought, uid });
            }
            None => others.push(sought.intent),
        }
    }
    Ok((lost, others))
}

/// Whether enough is known of it to recognise it, and a row is to have it.
fn may_be_looked_for(sought: &Sought) -> bool {
    let identity = &sought.identity;
    let wanted = match &sought.intent.kind {
        IntentKind::Upload { .. } => true,
        // What was deleted and moved on from the trash has gone its own way.
        IntentKind::Transfer { local, .. } => local.is_some(),
        IntentKind::Overdue { .. } => false,
    };
    wanted && identity.message_id.is_some() && identity.digest.is_some()
}

async fn look_in<P: Ports>(
    pass: &Pass<'_, P>,
    remote: &mut RemoteOf<P>,
    record: &MailboxRecord,
    lost: &mut Vec<Lost>,
    found: &mut Vec<(Intent, Uid)>,
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
        let alike: Vec<usize> = (0..lost.len())
            .filter(|at| lost.get(*at).is_some_and(|it| same(&it.sought.identity)))
            .collect();
        let uid = UidSet::from_range(uid, uid);
        for at in alike {
            let digest = lost.get(at).and_then(|it| it.sought.identity.digest);
            let Some(digest) = digest else { continue };
            if is_content(remote, &record.name, &uid, digest).await? {
                let it = lost.remove(at);
                found.push((it.sought.intent, it.uid));
                break;
            }
        }
    }
    Ok(())
}
