//! Operations in words, for a dry run. Nothing here decides anything.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::engine::observe::Observed;
use crate::mail::MailboxName;
use crate::sync::{FlagPlan, MailboxId, MailboxOp, MailboxRecord, Op, RowId};

/// One line for an operation on a message; `None` for what only changes the state.
pub(in crate::engine) fn describe_op(op: &Op, observed: &Observed) -> Option<String> {
    let words = Words { observed };
    let line = match op {
        Op::Download { mailbox, uid, .. } => {
            format!("{}: fetch message {uid}", words.name(*mailbox))
        }
        Op::Upload { mailbox, local, .. } => format!("{}: send {local}", words.name(*mailbox)),
        Op::Adopt {
            mailbox,
            uid,
            local,
            verify,
            ..
        } => {
            let how = if *verify { "compare" } else { "link" };
            format!("{}: {how} message {uid} with {local}", words.name(*mailbox))
        }
        Op::Rebind { row, uid, .. } => format!("{}: message is {uid} now", words.row(*row)),
        Op::SetFlags { row, flags } => format!("{}: {}", words.row(*row), flag_words(flags)?),
        Op::MoveRemote { row, to, local, .. } => {
            format!(
                "{}: move on the server to {}: {local}",
                words.row(*row),
                words.name(*to)
            )
        }
        Op::MoveLocal { row, to, .. } => {
            format!("{}: move the file to {}", words.row(*row), words.name(*to))
        }
        Op::CopyRemote {
            source, to, local, ..
        } => {
            format!(
                "{}: copy on the server to {}: {local}",
                words.row(*source),
                words.name(*to)
            )
        }
        Op::DeleteLocal { row } => format!("{}: move the file to the local trash", words.row(*row)),
        Op::DeleteRemote { row } => format!("{}: delete on the server", words.row(*row)),
        Op::Record(_) => return None,
        Op::Hold {
            mailbox, reason, ..
        } => format!("{}: hold: {reason}", words.name(*mailbox)),
    };
    Some(line)
}

/// One line for an operation on a mailbox.
pub(in crate::engine) fn describe_mailbox_op(
    op: &MailboxOp,
    records: &BTreeMap<MailboxId, MailboxRecord>,
) -> Option<String> {
    let name = |id: &MailboxId| {
        records
            .get(id)
            .map_or_else(|| format!("#{}", id.0), |record| record.name.to_string())
    };
    let line = match op {
        MailboxOp::RenameLocal { from, to, .. } => format!("rename the folder {from} to {to}"),
        MailboxOp::RenameRemote { from, to, .. } => format!("rename {from} to {to} on the server"),
        MailboxOp::CreateLocal { name, .. } => {
            format!("make the folder {name} and fetch its messages")
        }
        MailboxOp::CreateRemote { name } => {
            format!("create {name} on the server and send its messages")
        }
        MailboxOp::Adopt { name, .. } => format!("join the folder {name} with the server's"),
        MailboxOp::RecreateLocal { id } => {
            format!("make the folder {} again and fetch its messages", name(id))
        }
        MailboxOp::RenameRecord { .. }
        | MailboxOp::MarkerLost { .. }
        | MailboxOp::RemoteGone { .. }
        | MailboxOp::Forget { .. } => return None,
    };
    Some(line)
}

struct Words<'a> {
    observed: &'a Observed,
}

impl Words<'_> {
    fn name(&self, id: MailboxId) -> String {
        let name: Option<&MailboxName> = self.observed.name(id);
        name.map_or_else(|| format!("#{}", id.0), ToString::to_string)
    }

    /// The mailbox and file (or UID) of a row.
    fn row(&self, row: RowId) -> String {
        for input in &self.observed.input.mailboxes {
            let Ok(at) = input
                .base
                .entries
                .binary_search_by_key(&row, |entry| entry.row)
            else {
                continue;
            };
            let Some(entry) = input.base.entries.get(at) else {
                continue;
            };
            let what = match (&entry.local, entry.uid) {
                (Some(local), _) => local.to_string(),
                (None, Some(uid)) => format!("message {uid}"),
                (None, None) => "message".to_owned(),
            };
            return format!("{}: {what}", input.base.mailbox.name);
        }
        format!("row {}", row.0)
    }
}

fn flag_words(flags: &FlagPlan) -> Option<String> {
    let mut words = Vec::new();
    if let Some(local) = &flags.local {
        words.push(format!("flags of the file become ({local})"));
    }
    let mut sent = |sign: &str, list: &dyn Display, empty: bool| {
        if !empty {
            words.push(format!("{sign}({list}) on the server"));
        }
    };
    sent("+", &flags.remote.add, flags.remote.add.is_empty());
    sent("-", &flags.remote.remove, flags.remote.remove.is_empty());
    (!words.is_empty()).then(|| words.join(", "))
}
