//! Says which messages stay on the server although their files are gone, why, and what to do about it.

use std::collections::BTreeMap;

use super::context::{Pass, Ports};
use super::observe::Observed;
use crate::mail::MailboxName;
use crate::sync::{MailboxId, Unsynced, Wait, WaitReason};

/// Reports messages that cannot follow their files, one problem for each mailbox and reason.
pub(super) fn report<P: Ports>(pass: &Pass<'_, P>, observed: &Observed, waits: &[Wait]) {
    let mut groups: BTreeMap<(MailboxId, &WaitReason), usize> = BTreeMap::new();
    for wait in waits {
        *groups.entry((wait.mailbox, &wait.reason)).or_default() += 1;
    }
    for ((mailbox, reason), count) in groups {
        let name = observed.name(mailbox);
        let (it, stays) = match count {
            1 => ("1 message".to_owned(), "stays"),
            count => (format!("{count} messages"), "stay"),
        };
        let why = why(pass, observed, reason);
        let text = format!("{it} {stays} on the server though moved away here: {why}");
        pass.problem(name, &text);
    }
}

fn why<P: Ports>(pass: &Pass<'_, P>, observed: &Observed, reason: &WaitReason) -> String {
    let called = |id: &MailboxId| match observed.name(*id) {
        Some(name) => name.to_string(),
        None => "another folder".to_owned(),
    };
    match reason {
        WaitReason::Unsynced(place) => unsynced(pass, place),
        WaitReason::Forbidden(to) => format!(
            "{} has what was moved, and `push` allows neither \"moves\" nor \"new\"",
            called(to)
        ),
        WaitReason::ReadOnly(to) => format!(
            "{} has what was moved, and the server lets one of the two mailboxes only be read",
            called(to)
        ),
        WaitReason::Unusable(to) => format!(
            "{} has what was moved, and the file there could not be read or sent, or its folder has lost its marker",
            called(to)
        ),
    }
}

fn unsynced<P: Ports>(pass: &Pass<'_, P>, place: &Unsynced) -> String {
    let Unsynced { directory, folder } = place;
    let next = "or move the files back or out of the Maildir";
    let Some(folder) = folder else {
        return format!(
            "{directory} has the same mail and is no folder that is synced; make it one (`cur`, `new` and `tmp` in a \
             directory whose name is the mailbox's), {next}"
        );
    };
    let selected = |name: &MailboxName| (pass.settings.selects)(name);
    if !selected(folder) {
        format!(
            "the folder {directory} has the same mail and is left out by `mailboxes`; let it be synced, {next}"
        )
    } else if !pass.settings.policy.push.mailboxes {
        format!(
            "the folder {directory} has the same mail and is not on the server, as `push` lacks \"mailboxes\"; create \
             the mailbox there, {next}"
        )
    } else {
        format!(
            "the folder {directory} has the same mail and is not synced, as the server does not have that mailbox; \
             create it there, {next}"
        )
    }
}
