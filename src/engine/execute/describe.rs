//! Operations in words, for a dry run. Nothing here decides anything.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::engine::observe::Observed;
use crate::engine::report::Counts;
use crate::mail::MailboxName;
use crate::sync::{FlagPlan, MailboxId, MailboxOp, MailboxRecord, Op, RowId};

/// An operation on messages in words, with the mailbox it belongs to and what it would count as; `None` for what only
/// changes the state.
pub(in crate::engine) fn describe_op(
    op: &Op,
    observed: &Observed,
) -> Option<(MailboxName, String, Counts)> {
    let words = Words { observed };
    let mut counts = Counts::default();
    let (mailbox, text) = match op {
        Op::Download { mailbox, uid, .. } => {
            counts.downloaded = 1;
            (*mailbox, format!("fetch message {uid}"))
        }
        Op::Upload { mailbox, local, .. } => {
            counts.uploaded = 1;
            (*mailbox, format!("send {local}"))
        }
        Op::Adopt {
            mailbox,
            uid,
            local,
            flags,
            verify,
            ..
        } => {
            counts.linked = 1;
            counts.flags_pulled = u64::from(flags.local.is_some());
            counts.flags_pushed = u64::from(!flags.remote.is_empty());
            let how = if *verify { "compare" } else { "link" };
            let flags = flag_words(flags).map(|words| format!(": {words}"));
            let flags = flags.unwrap_or_default();
            (*mailbox, format!("{how} message {uid} with {local}{flags}"))
        }
        Op::Rebind { row, uid, .. } => {
            counts.linked = 1;
            let (mailbox, what) = words.row(*row)?;
            (mailbox, format!("{what} is message {uid} now"))
        }
        Op::SetFlags { row, flags } => {
            counts.flags_pulled = u64::from(flags.local.is_some());
            counts.flags_pushed = u64::from(!flags.remote.is_empty());
            let (mailbox, what) = words.row(*row)?;
            (mailbox, format!("{what}: {}", flag_words(flags)?))
        }
        Op::Hold {
            mailbox,
            reason,
            rows,
            ..
        } => {
            counts.held = u64::try_from(rows.len()).unwrap_or(u64::MAX);
            (*mailbox, format!("hold: {reason}"))
        }
        Op::Record(_) | Op::DropName { .. } => return None,
        Op::MoveRemote { .. }
        | Op::MoveLocal { .. }
        | Op::CopyRemote { .. }
        | Op::DeleteLocal { .. }
        | Op::DeleteRemote { .. } => return words.journey(op),
    };
    Some((words.name(mailbox)?, text, counts))
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
    fn name(&self, id: MailboxId) -> Option<MailboxName> {
        self.observed.name(id).cloned()
    }

    /// Moves, copies and deletions.
    fn journey(&self, op: &Op) -> Option<(MailboxName, String, Counts)> {
        let mut counts = Counts::default();
        let (row, text) = match op {
            Op::MoveRemote { row, to, .. } => {
                counts.moved_remote = 1;
                (*row, format!("move on the server to {}", self.name(*to)?))
            }
            Op::MoveLocal { row, to, .. } => {
                counts.moved_local = 1;
                (*row, format!("move the file to {}", self.name(*to)?))
            }
            Op::CopyRemote { source, to, .. } => {
                counts.moved_remote = 1;
                (
                    *source,
                    format!("copy on the server to {}", self.name(*to)?),
                )
            }
            Op::DeleteLocal { row } => {
                counts.deleted_local = 1;
                (*row, "move the file to the local trash".to_owned())
            }
            Op::DeleteRemote { row, .. } => {
                counts.deleted_remote = 1;
                (*row, "delete on the server".to_owned())
            }
            _ => return None,
        };
        let (mailbox, what) = self.row(row)?;
        Some((self.name(mailbox)?, format!("{what}: {text}"), counts))
    }

    /// The mailbox and the file (or UID) of a row.
    fn row(&self, row: RowId) -> Option<(MailboxId, String)> {
        for input in &self.observed.input.mailboxes {
            let Ok(at) = input
                .base
                .entries
                .binary_search_by_key(&row, |entry| entry.row)
            else {
                continue;
            };
            let entry = input.base.entries.get(at)?;
            let what = match (&entry.local, entry.uid) {
                (Some(local), _) => local.to_string(),
                (None, Some(uid)) => format!("message {uid}"),
                (None, None) => "message".to_owned(),
            };
            return Some((input.base.mailbox.id, what));
        }
        None
    }
}

/// Whether nobody needs to read of an operation by itself: what is linked as it is changes on neither side, and there are
/// thousands of such messages where a filled Maildir is joined. They are counted.
pub(in crate::engine) fn is_silent(op: &Op) -> bool {
    match op {
        Op::Adopt {
            flags,
            verify: false,
            ..
        } => flags.local.is_none() && flags.remote.is_empty(),
        _ => false,
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
