//! Mailboxes whose folder cannot be used now: they are left alone on both sides, and everything else goes on.

use std::collections::BTreeSet;

use crate::engine::context::{Pass, Ports};
use crate::engine::ports::Barred;
use crate::mail::MailboxName;
use crate::sync::{MailboxId, MailboxOp, MailboxesInput};

/// Leaves them out, and says why; returns those that are known.
pub(super) fn take_out<P: Ports>(
    pass: &Pass<'_, P>,
    input: &mut MailboxesInput,
    barred: &[Barred],
) -> BTreeSet<MailboxId> {
    for bar in barred {
        let known = input.known.iter().map(|record| &record.name);
        let mut names = known.chain(input.remote.iter().map(|seen| &seen.name));
        let concerned = names.any(|name| covers(bar, name)) || !bar.quiet;
        if concerned && (pass.settings.selects)(&bar.name) {
            pass.problem(Some(&bar.name), &bar.reason);
        }
    }
    let is_barred = |name: &MailboxName| is_barred(barred, name);
    let offline = input.known.iter().filter(|record| is_barred(&record.name));
    let offline = offline.map(|record| record.id).collect();
    input.known.retain(|record| !is_barred(&record.name));
    // A list without INBOX is not believed.
    let stays = |name: &MailboxName| name.is_inbox() || !is_barred(name);
    input.remote.retain(|seen| stays(&seen.name));
    input.folders.retain(|folder| !is_barred(&folder.name));
    offline
}

/// Whether it would make such a folder, or take it over.
pub(super) fn makes(op: &MailboxOp, barred: &[Barred]) -> bool {
    match op {
        MailboxOp::CreateLocal { name, .. } | MailboxOp::Adopt { name, .. } => {
            is_barred(barred, name)
        }
        _ => false,
    }
}

fn is_barred(barred: &[Barred], name: &MailboxName) -> bool {
    barred.iter().any(|bar| covers(bar, name))
}

fn covers(bar: &Barred, name: &MailboxName) -> bool {
    *name == bar.name || name.is_below(&bar.name)
}
