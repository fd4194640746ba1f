//! Mailboxes as a whole: which are new, renamed, gone, on either side. Carried out before messages are looked at.

mod names;

use std::collections::BTreeSet;

use super::base::{MailboxId, MailboxRecord};
use super::input::{ListRefused, MailboxOp, MailboxesInput};
use super::policy::Policy;
use crate::mail::MailboxName;
use names::{Folder, Names};

/// A list that lacks much is believed once lists have said so for this long, in seconds.
pub const BELIEVED_AFTER: i64 = 600;

/// What is to be done about mailboxes, in order: renames (parents first), what is forgotten, what is made.
///
/// # Errors
/// When the LIST cannot be believed. Then nothing may be concluded from it.
pub fn plan_mailboxes(
    input: &MailboxesInput,
    policy: &Policy,
) -> Result<Vec<MailboxOp>, ListRefused> {
    let names = Names::new(input);
    believe(input, &names)?;
    let mut draft = Draft::new(policy);
    for record in &input.known {
        draft.known(record, &names);
    }
    draft.unknown(&names);
    Ok(draft.into_ops())
}

/// A LIST may be wrong: the server's back end was not ready, or a shared part was not there.
fn believe(input: &MailboxesInput, names: &Names<'_>) -> Result<(), ListRefused> {
    let inbox = input.remote.iter().any(|seen| seen.name.is_inbox());
    if !inbox && (!input.known.is_empty() || input.remote.is_empty()) {
        return Err(ListRefused::NoInbox);
    }
    let known = input.known.len();
    let missing = input.known.iter();
    let missing = missing.filter(|record| names.on_server(record).is_none());
    let gone: BTreeSet<MailboxId> = missing.map(|record| record.id).collect();
    let many = gone.len() >= 3 && gone.len() * 10 > known * 3;
    if many && !has_lasted(input, &gone) {
        return Err(ListRefused::TooManyGone { gone, known });
    }
    Ok(())
}

/// Whether lists have said the same for long enough.
fn has_lasted(input: &MailboxesInput, gone: &BTreeSet<MailboxId>) -> bool {
    input.absent.as_ref().is_some_and(|absent| {
        gone.is_subset(&absent.mailboxes) && input.now - absent.since >= BELIEVED_AFTER
    })
}

/// Operations by kind, and the names that are spoken for.
struct Draft<'p> {
    policy: &'p Policy,
    renames: Vec<MailboxOp>,
    forgotten: Vec<MailboxOp>,
    made: Vec<MailboxOp>,
    noted: Vec<MailboxOp>,
    /// Names on the server that belong to a record.
    taken_remote: BTreeSet<MailboxName>,
    /// Folders that belong to a record, under the names they have now.
    taken_folders: BTreeSet<MailboxName>,
}

impl<'p> Draft<'p> {
    fn new(policy: &'p Policy) -> Self {
        Self {
            policy,
            renames: Vec::new(),
            forgotten: Vec::new(),
            made: Vec::new(),
            noted: Vec::new(),
            taken_remote: BTreeSet::new(),
            taken_folders: BTreeSet::new(),
        }
    }

    fn known(&mut self, record: &MailboxRecord, names: &Names<'_>) {
        let folder = names.folder_of(record);
        match names.on_server(record) {
            None => self.gone(record, &folder, names),
            Some(name) if *name == record.name => self.stays(record, folder, names),
            Some(name) => self.renamed(record, name, folder),
        }
    }

    /// The server has it under its name.
    fn stays(&mut self, record: &MailboxRecord, folder: Folder<'_>, names: &Names<'_>) {
        let id = record.id;
        self.taken_remote.insert(record.name.clone());
        match folder {
            Folder::Here => {
                self.taken_folders.insert(record.name.clone());
            }
            Folder::Unmarked => {
                self.taken_folders.insert(record.name.clone());
                self.noted.push(MailboxOp::MarkerLost { id });
            }
            Folder::Absent => self.made.push(MailboxOp::RecreateLocal { id }),
            Folder::Renamed(to) => {
                let free = !names.listed(to) && !record.name.is_inbox();
                if free && self.policy.push.mailboxes {
                    self.taken_folders.insert(to.clone());
                    self.renames.push(MailboxOp::RenameRemote {
                        id,
                        from: record.name.clone(),
                        to: to.clone(),
                    });
                } else if free {
                    // Not to be followed now; the folder is not a new one either.
                    self.taken_folders.insert(to.clone());
                } else if !names.has_folder(&record.name) {
                    self.made.push(MailboxOp::RecreateLocal { id });
                } else {
                    self.taken_folders.insert(record.name.clone());
                    self.noted.push(MailboxOp::MarkerLost { id });
                }
            }
        }
    }

    /// The server has it under another name.
    fn renamed(&mut self, record: &MailboxRecord, to: &MailboxName, folder: Folder<'_>) {
        let id = record.id;
        self.taken_remote.insert(to.clone());
        let from = match folder {
            Folder::Renamed(place) => place.clone(),
            _ => record.name.clone(),
        };
        self.taken_folders.insert(from.clone());
        if !self.policy.pull.mailboxes && from != *to {
            return;
        }
        let to = to.clone();
        if from == to {
            self.renames.push(MailboxOp::RenameRecord { id, to });
            return;
        }
        match folder {
            Folder::Absent => {
                self.renames.push(MailboxOp::RenameRecord { id, to });
                self.made.push(MailboxOp::RecreateLocal { id });
            }
            Folder::Unmarked => {
                self.renames.push(MailboxOp::RenameLocal { id, from, to });
                self.noted.push(MailboxOp::MarkerLost { id });
            }
            Folder::Here | Folder::Renamed(_) => {
                self.renames.push(MailboxOp::RenameLocal { id, from, to });
            }
        }
    }

    /// The server does not have it any more.
    fn gone(&mut self, record: &MailboxRecord, folder: &Folder<'_>, names: &Names<'_>) {
        let id = record.id;
        let pull = self.policy.pull.mailboxes;
        match folder {
            Folder::Here | Folder::Unmarked => {
                self.taken_folders.insert(record.name.clone());
                if pull {
                    self.noted.push(MailboxOp::RemoteGone { id });
                }
            }
            // Deleted there and renamed here: the folder is a new one under its new name.
            Folder::Renamed(_) if pull => self.forgotten.push(MailboxOp::Forget { id }),
            Folder::Renamed(place) => {
                self.taken_folders.insert((*place).clone());
            }
            Folder::Absent if pull && !names.has_folder(&record.name) => {
                self.forgotten.push(MailboxOp::Forget { id });
            }
            Folder::Absent => {}
        }
    }

    /// What no record speaks for.
    fn unknown(&mut self, names: &Names<'_>) {
        for seen in names.remote() {
            if self.taken_remote.contains(&seen.name) || names.is_known(&seen.name) {
                continue;
            }
            let (name, role) = (seen.name.clone(), seen.role);
            if names.has_folder(&name) {
                if self.taken_folders.insert(name.clone()) {
                    self.noted.push(MailboxOp::Adopt { name, role });
                }
            } else if self.policy.pull.mailboxes {
                self.made.push(MailboxOp::CreateLocal { name, role });
            }
        }
        for name in names.folders() {
            let spoken_for = self.taken_folders.contains(name) || names.listed(name);
            // A folder that took the name of one that is renamed on the server comes after it.
            let vacated = self.vacates(name);
            if (!spoken_for || (vacated && !self.taken_folders.contains(name)))
                && self.policy.push.mailboxes
            {
                self.made
                    .push(MailboxOp::CreateRemote { name: name.clone() });
            }
        }
    }

    fn vacates(&self, name: &MailboxName) -> bool {
        self.renames
            .iter()
            .any(|op| matches!(op, MailboxOp::RenameRemote { from, .. } if from == name))
    }

    fn into_ops(mut self) -> Vec<MailboxOp> {
        self.renames.sort_by_key(depth);
        let mut ops = self.renames;
        ops.extend(self.forgotten);
        ops.extend(self.made);
        ops.extend(self.noted);
        ops
    }
}

/// Parents before children.
fn depth(op: &MailboxOp) -> (usize, String) {
    let name = match op {
        MailboxOp::RenameLocal { from, .. } | MailboxOp::RenameRemote { from, .. } => from,
        MailboxOp::RenameRecord { to, .. } => to,
        _ => return (0, String::new()),
    };
    (name.levels().count(), name.as_str().to_owned())
}

#[cfg(test)]
mod tests;
