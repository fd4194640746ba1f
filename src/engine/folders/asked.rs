//! What was asked for by name: names that nothing is called by, and what a pass over some mailboxes leaves to others.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::context::{Pass, Ports, Scope};
use crate::engine::fault::Fault;
use crate::engine::ports::{Barred, Folder, RemoteMailbox, Store};
use crate::engine::report::Unknown;
use crate::mail::MailboxName;
use crate::sync::{MailboxId, MailboxOp, MailboxRecord};

/// The records that the operations are about.
type Known<'a> = &'a BTreeMap<MailboxId, MailboxRecord>;

/// Notes which of the mailboxes that were asked for by name cannot be synced, and says whether there are any. Then
/// nothing is done: the name is a mistake of whoever asked, and no trouble of the account.
pub(in crate::engine) async fn unknown<P: Ports>(
    pass: &Pass<'_, P>,
    listed: &[RemoteMailbox],
    folders: &[Folder],
    barred: &[Barred],
) -> Result<bool, Fault> {
    let Some(asked) = pass.asked_for() else {
        return Ok(false);
    };
    let known = pass.store().mailboxes().await?;
    let known = known.iter().map(|record| &record.name);
    let there: BTreeSet<&MailboxName> = known
        .chain(listed.iter().map(|seen| &seen.name))
        .chain(folders.iter().map(|folder| &folder.name))
        .chain(barred.iter().map(|bar| &bar.name))
        .collect();
    let selects = |name: &MailboxName| (pass.settings.selects)(name);
    let others = || there.iter().filter(|name| selects(name));
    let unknown: Vec<Unknown> = asked
        .iter()
        .filter(|name| !there.contains(name) || !selects(name))
        .map(|name| Unknown {
            name: name.clone(),
            left_out: there.contains(name),
            others: others().map(|name| (*name).clone()).collect(),
        })
        .collect();
    let any = !unknown.is_empty();
    pass.with_report(|report| report.unknown = unknown);
    Ok(any)
}

/// Whether a pass carries out what concerns a mailbox as a whole. Where only some were asked for, others are not made.
/// They are where a message may have moved to one of them: then the pass is made again over all.
pub(super) fn takes<P: Ports>(pass: &Pass<'_, P>, op: &MailboxOp, known: Known<'_>) -> bool {
    let Scope::Only(asked) = pass.scope else {
        return true;
    };
    match op {
        MailboxOp::CreateLocal { name, .. }
        | MailboxOp::CreateRemote { name }
        | MailboxOp::Adopt { name, .. } => asked.contains(name),
        MailboxOp::RecreateLocal { id } | MailboxOp::Forget { id } => {
            let record = known.get(id);
            record.is_none_or(|record| asked.contains(&record.name))
        }
        // A parent takes its children along: renames are carried out together or not at all.
        MailboxOp::RenameLocal { .. }
        | MailboxOp::RenameRemote { .. }
        | MailboxOp::RenameRecord { .. }
        | MailboxOp::MarkerLost { .. }
        | MailboxOp::RemoteGone { .. } => true,
    }
}

/// Whether a dry run tells of it.
pub(super) fn tells<P: Ports>(pass: &Pass<'_, P>, op: &MailboxOp, known: Known<'_>) -> bool {
    let Some(asked) = pass.asked_for() else {
        return true;
    };
    match op {
        MailboxOp::CreateLocal { name, .. }
        | MailboxOp::CreateRemote { name }
        | MailboxOp::Adopt { name, .. } => asked.contains(name),
        MailboxOp::RenameLocal { from, to, .. } | MailboxOp::RenameRemote { from, to, .. } => {
            asked.contains(from) || asked.contains(to)
        }
        MailboxOp::RenameRecord { id, .. }
        | MailboxOp::RecreateLocal { id }
        | MailboxOp::MarkerLost { id }
        | MailboxOp::RemoteGone { id }
        | MailboxOp::Forget { id } => {
            let record = known.get(id);
            record.is_none_or(|record| asked.contains(&record.name))
        }
    }
}
