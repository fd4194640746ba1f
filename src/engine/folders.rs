//! Mailboxes as wholes: what LIST and the Maildir show, and what `sync` decided about it.

mod asked;
mod bar;
mod doubt;
mod naming;
mod pretended;

use std::collections::{BTreeMap, BTreeSet};

use super::context::{Mode, Pass, Ports};
use super::fault::{Fault, Reach};
use super::pool::RemoteOf;
use super::ports::{
    Barred, Clock, Folder, Local, MailboxStatus, Marker, Remote, RemoteMailbox, Serial, Store,
};
use crate::mail::{MailboxName, SpecialUse};
use crate::sync::{
    Change, MailboxId, MailboxOp, MailboxRecord, MailboxesInput, SeenFolder, SeenMailbox,
};

pub(super) use asked::unknown;
pub(super) use naming::decide as decide_naming;
pub(super) use pretended::base_of;

/// The mailboxes that take part in a pass, both sides brought together.
#[derive(Debug, Default)]
pub(super) struct Mailboxes {
    /// Their records, by number.
    pub(super) records: BTreeMap<MailboxId, MailboxRecord>,
    /// What LIST-STATUS said.
    pub(super) status: BTreeMap<MailboxId, MailboxStatus>,
    /// Missing from the server's list, which is not believed yet: nothing is done about them.
    pub(super) doubted: BTreeSet<MailboxId>,
    /// Not on the server any more.
    pub(super) remote_gone: BTreeSet<MailboxId>,
    /// Their folder lost its marker.
    pub(super) marker_lost: BTreeSet<MailboxId>,
    /// New, or changed on the way here: what was scanned before does not count.
    pub(super) changed: BTreeSet<MailboxId>,
    /// The server's mailbox for deleted mail, whether it takes part or not.
    pub(super) trash: Option<MailboxName>,
}

/// Brings records, LIST and folders together and carries out what concerns whole mailboxes.
pub(super) async fn settle<P: Ports>(
    pass: &Pass<'_, P>,
    remote: &mut RemoteOf<P>,
    listed: Vec<RemoteMailbox>,
    folders: &[Folder],
    barred: &[Barred],
) -> Result<Mailboxes, Fault> {
    let known: Vec<MailboxRecord> = pass.store().mailboxes().await?;
    let selects = |name: &MailboxName| (pass.settings.selects)(name);
    let mut input = MailboxesInput {
        known: known
            .iter()
            .filter(|record| selects(&record.name))
            .cloned()
            .collect(),
        remote: listed
            .iter()
            .filter(|seen| selects(&seen.name))
            .map(seen_mailbox)
            .collect(),
        folders: folders
            .iter()
            .filter(|folder| selects(&folder.name))
            .map(seen_folder)
            .collect(),
        absent: pass.store().absent().await?,
        now: pass.clock().now(),
    };
    let records = input.known.iter();
    let records = records.map(|record| (record.id, record.clone())).collect();
    let offline = bar::take_out(pass, &mut input, barred);
    let (mut ops, mut doubted) = doubt::plan(pass, &mut input).await?;
    ops.retain(|op| !bar::makes(op, barred));
    doubted.extend(offline);
    let mut all = Mailboxes {
        records,
        doubted,
        trash: trash_name(&listed),
        ..Mailboxes::default()
    };
    let mut settler = Settler {
        pass,
        remote,
        all: &mut all,
        created: BTreeSet::new(),
    };
    for op in ops {
        settler.carry_out(op).await?;
    }
    finish(&mut all, &listed);
    all.records.retain(|_, record| pass.scope.has(&record.name));
    Ok(all)
}

fn seen_mailbox(listed: &RemoteMailbox) -> SeenMailbox {
    let status = listed.status.clone().unwrap_or_default();
    SeenMailbox {
        name: listed.name.clone(),
        role: listed.role,
        selectable: listed.selectable,
        uidvalidity: status.uidvalidity,
        uidnext: status.uidnext,
        object_id: status.object_id,
    }
}

fn seen_folder(folder: &Folder) -> SeenFolder {
    SeenFolder {
        name: folder.name.clone(),
        marker: folder.marker.as_ref().map(|marker| marker.id.clone()),
    }
}

/// The mailbox with the role, else one with a name that means it.
pub(super) fn trash_name(listed: &[RemoteMailbox]) -> Option<MailboxName> {
    let selectable = listed.iter().filter(|seen| seen.selectable);
    trash_among(selectable.map(|seen| (&seen.name, seen.role)))
}

/// The same from what was known last.
pub(super) fn trash_of(records: &[MailboxRecord]) -> Option<MailboxName> {
    trash_among(records.iter().map(|record| (&record.name, record.role)))
}

fn trash_among<'a>(
    all: impl Iterator<Item = (&'a MailboxName, Option<SpecialUse>)> + Clone,
) -> Option<MailboxName> {
    let usual = ["Trash", "Deleted Messages", "Deleted Items", "INBOX/Trash"];
    let by_role = all
        .clone()
        .find(|(_, role)| *role == Some(SpecialUse::Trash));
    let by_name = || all.clone().find(|(name, _)| usual.contains(&name.as_str()));
    by_role.or_else(by_name).map(|(name, _)| name.clone())
}

/// Copies what LIST said of each mailbox to where the pass looks for it.
fn finish(all: &mut Mailboxes, listed: &[RemoteMailbox]) {
    let by_name: BTreeMap<_, _> = listed.iter().map(|seen| (&seen.name, seen)).collect();
    for record in all.records.values_mut() {
        let Some(seen) = by_name.get(&record.name) else {
            continue;
        };
        record.role = seen.role;
        if let Some(status) = &seen.status {
            all.status.insert(record.id, status.clone());
        }
    }
}

struct Settler<'a, 'b, P: Ports> {
    pass: &'a Pass<'b, P>,
    remote: &'a mut RemoteOf<P>,
    all: &'a mut Mailboxes,
    created: BTreeSet<MailboxName>,
}

impl<P: Ports> Settler<'_, '_, P> {
    async fn carry_out(&mut self, op: MailboxOp) -> Result<(), Fault> {
        if !asked::takes(self.pass, &op, &self.all.records) {
            return Ok(());
        }
        if self.pass.mode == Mode::DryRun {
            return self.pretend(&op).await;
        }
        match op {
            MailboxOp::CreateLocal { name, role } | MailboxOp::Adopt { name, role } => {
                self.adopt(name, role).await
            }
            MailboxOp::CreateRemote { name } => {
                self.pass.announce().await?;
                let made = self.remote.create(&name).await;
                if let Err(fault) = made {
                    return self.skip(&name, fault);
                }
                self.created.insert(name.clone());
                self.adopt(name, None).await
            }
            MailboxOp::RenameLocal { id, from, to } => self.rename_local(id, &from, to).await,
            MailboxOp::RenameRemote { id, from, to } => self.rename_remote(id, &from, to).await,
            MailboxOp::RenameRecord { id, to } => self.rename_record(id, to).await,
            MailboxOp::RecreateLocal { id } => self.recreate(id).await,
            MailboxOp::MarkerLost { id } => {
                self.all.marker_lost.insert(id);
                Ok(())
            }
            MailboxOp::RemoteGone { id } => {
                self.all.remote_gone.insert(id);
                Ok(())
            }
            MailboxOp::Forget { id } => {
                self.all.records.remove(&id);
                self.pass.commit(vec![Change::DropMailbox(id)]).await
            }
        }
    }

    /// In a dry run nothing is made: the lines of the plan say what would be.
    async fn pretend(&mut self, op: &MailboxOp) -> Result<(), Fault> {
        let tells = asked::tells(self.pass, op, &self.all.records);
        match op {
            MailboxOp::MarkerLost { id } => {
                self.all.marker_lost.insert(*id);
            }
            MailboxOp::RemoteGone { id } => {
                self.all.remote_gone.insert(*id);
            }
            MailboxOp::RenameLocal { id, .. }
            | MailboxOp::RenameRemote { id, .. }
            | MailboxOp::RenameRecord { id, .. }
            | MailboxOp::RecreateLocal { id }
            | MailboxOp::Forget { id } => {
                self.all.records.remove(id);
            }
            MailboxOp::CreateLocal { name, .. } if tells => match self.remote.status(name).await {
                Ok(seen) => {
                    let messages = u64::from(seen.messages.unwrap_or(0));
                    self.pass.count(name, |it| it.downloaded += messages);
                }
                Err(fault) => self.skip(name, fault)?,
            },
            MailboxOp::CreateRemote { name } if tells => match self.pass.local().scan(name).await {
                Ok(view) => {
                    let messages = u64::try_from(view.files.len()).unwrap_or(u64::MAX);
                    self.pass.count(name, |it| it.uploaded += messages);
                }
                Err(fault) => self.skip(name, fault)?,
            },
            MailboxOp::Adopt { name, role } => {
                let record = pretended::record(&self.all.records, name.clone(), *role);
                self.all.records.insert(record.id, record);
            }
            MailboxOp::CreateLocal { .. } | MailboxOp::CreateRemote { .. } => {}
        }
        if !tells {
            return Ok(());
        }
        let line = super::execute::describe_mailbox_op(op, &self.all.records);
        self.pass
            .with_report(|report| report.planned.extend(line.map(|line| (None, line))));
        Ok(())
    }

    /// One mailbox's trouble does not stop the others.
    fn skip(&self, name: &MailboxName, fault: Fault) -> Result<(), Fault> {
        if fault.reach >= Reach::Connection {
            return Err(fault.at_least(Reach::Account));
        }
        self.pass.problem(Some(name), &fault);
        Ok(())
    }

    /// A folder (made or completed) with a fresh marker, then a record. A crash in between leaves a folder that the
    /// next pass adopts.
    async fn adopt(&mut self, name: MailboxName, role: Option<SpecialUse>) -> Result<(), Fault> {
        self.pass.announce().await?;
        let record = MailboxRecord {
            id: MailboxId(self.pass.store().reserve(Serial::Mailbox).await?),
            name: name.clone(),
            role,
            uidvalidity: None,
            uidnext: None,
            modseq: None,
            marker: self.pass.store().random_id()?,
            object_id: None,
            last_sync: None,
            problem: None,
        };
        if let Err(fault) = self
            .pass
            .local()
            .create_folder(&name, &marker_of(&record))
            .await
        {
            return self.skip(&name, fault);
        }
        self.pass.count(&name, |counts| counts.mailbox += 1);
        self.all.changed.insert(record.id);
        self.put(record).await
    }

    async fn put(&mut self, record: MailboxRecord) -> Result<(), Fault> {
        self.pass
            .commit(vec![Change::PutMailbox(record.clone())])
            .await?;
        self.all.records.insert(record.id, record);
        Ok(())
    }

    async fn rename_record(&mut self, id: MailboxId, to: MailboxName) -> Result<(), Fault> {
        let Some(mut record) = self.all.records.get(&id).cloned() else {
            return Ok(());
        };
        record.name = to;
        self.pass.count(&record.name, |counts| counts.mailbox += 1);
        self.all.changed.insert(id);
        self.put(record).await
    }

    /// A parent's rename has carried its children along: then only the record is left to do.
    async fn rename_local(
        &mut self,
        id: MailboxId,
        from: &MailboxName,
        to: MailboxName,
    ) -> Result<(), Fault> {
        let marker = self
            .all
            .records
            .get(&id)
            .map(|record| record.marker.clone());
        let folders = self.pass.local().folders().await?;
        let carried = folders.iter().any(|folder| {
            folder.name == to && folder.marker.as_ref().map(|found| &found.id) == marker.as_ref()
        });
        if !carried {
            self.pass.announce().await?;
            if let Err(fault) = self.pass.local().rename_folder(from, &to).await {
                self.all.records.remove(&id);
                return self.skip(&to, fault);
            }
        }
        self.rename_record(id, to).await
    }

    async fn rename_remote(
        &mut self,
        id: MailboxId,
        from: &MailboxName,
        to: MailboxName,
    ) -> Result<(), Fault> {
        let carried = self
            .created
            .iter()
            .any(|renamed| to.is_below(renamed) && self.carried_from(renamed, from));
        if !carried {
            self.pass.announce().await?;
            if let Err(fault) = self.remote.rename(from, &to).await {
                self.all.records.remove(&id);
                return self.skip(from, fault);
            }
            self.created.insert(to.clone());
        }
        self.rename_record(id, to).await
    }

    /// Whether `from` lay below a mailbox that was renamed to `renamed` before it.
    fn carried_from(&self, renamed: &MailboxName, from: &MailboxName) -> bool {
        !from.is_below(renamed)
    }

    /// The folder is gone as a whole: its messages are fetched again into a new one.
    async fn recreate(&mut self, id: MailboxId) -> Result<(), Fault> {
        let Some(record) = self.all.records.get(&id).cloned() else {
            return Ok(());
        };
        // The rows first: a new folder beside rows that have their files would look like one whose files were deleted.
        let base = self.pass.store().base(id).await?;
        let lose = |entry: crate::sync::Entry| Change::Relink {
            row: entry.row,
            mailbox: id,
            uid: entry.uid,
            local: None,
        };
        let rows = base.entries.into_iter().map(lose).collect();
        self.pass.commit(rows).await?;
        self.all.changed.insert(id);
        self.pass.announce().await?;
        let made = self.pass.local();
        let made = made.create_folder(&record.name, &marker_of(&record)).await;
        if let Err(fault) = made {
            self.all.doubted.insert(id);
            return self.skip(&record.name, fault);
        }
        Ok(())
    }
}

/// What stands in a folder's marker file.
pub(super) fn marker_of(record: &MailboxRecord) -> Marker {
    Marker {
        id: record.marker.clone(),
        epoch: 0,
    }
}
