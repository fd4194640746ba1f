//! Moved on the server: the files follow with a rename.

use std::collections::BTreeMap;

use super::{Executor, FlagJob};
use crate::engine::context::Ports;
use crate::engine::fault::Fault;
use crate::engine::ports::{Clock, Local};
use crate::mail::{Flags, LocalId, Uid};
use crate::sync::{Change, FileStamp, FlagPlan, MailboxId, MailboxInput, Op, RowId, Side};

/// A row whose message moved on the server: its UID there, its file here, its flags.
type Moved = (RowId, Uid, LocalId, FlagPlan);

impl<P: Ports> Executor<'_, '_, P> {
    /// Moved on the server: the files follow.
    pub(super) async fn moves_local(&self, ops: &[Op]) -> Result<(), Fault> {
        let mut groups: BTreeMap<(MailboxId, MailboxId), Vec<Moved>> = BTreeMap::new();
        for op in ops {
            let Op::MoveLocal {
                row,
                to,
                uid,
                from,
                flags,
            } = op
            else {
                continue;
            };
            let Some((input, entry)) = self.entry(*row) else {
                continue;
            };
            let place = from
                .clone()
                .or_else(|| Some((input.base.mailbox.id, entry.local.clone()?)));
            if let Some((folder, local)) = place {
                groups
                    .entry((folder, *to))
                    .or_default()
                    .push((*row, *uid, local, flags.clone()));
            }
        }
        for ((from, to), moves) in groups {
            self.relocate(from, to, &moves).await?;
        }
        Ok(())
    }

    /// Finishes moves that a power cut has left half done.
    pub(super) async fn drop_names(&self, ops: &[Op]) -> Result<(), Fault> {
        for op in ops {
            let Op::DropName {
                mailbox,
                keeps,
                local,
                flags,
            } = op
            else {
                continue;
            };
            let (Some(source), Some(target)) = (self.input(*mailbox), self.input(*keeps)) else {
                continue;
            };
            self.pass.announce().await?;
            let (from, to) = (&source.base.mailbox.name, &target.base.mailbox.name);
            let files = [(local.clone(), flags.clone())];
            for result in self.pass.local().relocate(from, to, &files).await? {
                if let Err(fault) = result {
                    self.leave_unfinished(*mailbox);
                    self.one_failed(source, local, fault)?;
                }
            }
        }
        Ok(())
    }

    fn told_moved(&self, row: RowId, to: MailboxId) -> Option<Change> {
        let (home, _) = self.entry(row)?;
        self.pass.moved(row, home.base.mailbox.id, to, Side::Remote)
    }

    /// Divides moves by whether another row of the destination has the file's name.
    fn by_name(target: &MailboxInput, moves: &[Moved]) -> (Vec<Moved>, Vec<Moved>) {
        let entries = target.base.entries.iter();
        let owners: BTreeMap<&LocalId, RowId> = entries
            .filter_map(|entry| Some((entry.local.as_ref()?, entry.row)))
            .collect();
        moves
            .iter()
            .cloned()
            .partition(|(row, _, local, _)| owners.get(local).is_none_or(|owner| owner == row))
    }

    /// A file whose name is taken where its message went (somebody copied it there, name and all) goes to the local
    /// trash; the next pass fetches it under a name of its own.
    async fn fetch_instead(
        &self,
        source: &MailboxInput,
        target: &MailboxInput,
        moves: &[Moved],
    ) -> Result<(), Fault> {
        if moves.is_empty() {
            return Ok(());
        }
        self.pass.announce().await?;
        let to = target.base.mailbox.id;
        self.leave_unfinished(to);
        let files: Vec<(LocalId, FileStamp)> = moves
            .iter()
            .filter_map(|(row, _, local, _)| {
                let new = source.local.appeared.iter().find(|file| file.id == *local);
                let known = || self.entry(*row).map(|(_, entry)| entry.stamp);
                Some((local.clone(), new.map(|file| file.stamp).or_else(known)?))
            })
            .collect();
        let (name, day) = (&source.base.mailbox.name, self.pass.clock().day(0));
        let results = self.pass.local().trash(name, &files, &day).await?;
        let mut changes = Vec::new();
        for ((row, uid, local, _), result) in moves.iter().zip(results) {
            match result {
                Ok(_) => {
                    changes.push(Change::Relink {
                        row: *row,
                        mailbox: to,
                        uid: Some(*uid),
                        local: None,
                    });
                    changes.extend(self.told_moved(*row, to));
                }
                Err(fault) => self.one_failed(source, local, fault)?,
            }
        }
        self.pass.commit(changes).await
    }

    async fn relocate(&self, from: MailboxId, to: MailboxId, moves: &[Moved]) -> Result<(), Fault> {
        let (Some(source), Some(target)) = (self.input(from), self.input(to)) else {
            return Ok(());
        };
        let (moves, taken) = Self::by_name(target, moves);
        self.fetch_instead(source, target, &taken).await?;
        if moves.is_empty() {
            return Ok(());
        }
        self.pass.announce().await?;
        let files: Vec<(LocalId, Flags)> = moves
            .iter()
            .map(|(_, _, local, plan)| (local.clone(), plan.agreed.clone()))
            .collect();
        let (source_name, target_name) = (&source.base.mailbox.name, &target.base.mailbox.name);
        let results = self
            .pass
            .local()
            .relocate(source_name, target_name, &files)
            .await?;
        let mut changes = Vec::new();
        for ((row, uid, local, plan), result) in moves.iter().zip(results) {
            if let Err(fault) = result {
                self.leave_unfinished(to);
                self.one_failed(source, local, fault)?;
                continue;
            }
            self.pass
                .count(target_name, |counts| counts.moved_local += 1);
            changes.push(Change::Relink {
                row: *row,
                mailbox: to,
                uid: Some(*uid),
                local: Some(local.clone()),
            });
            // The base says what the server has; what it has not yet is sent with the flags below.
            let on_server = plan
                .agreed
                .minus(&plan.remote.add)
                .union(&plan.remote.remove);
            changes.extend(self.told_moved(*row, to));
            if let Some((_, entry)) = self.entry(*row) {
                let there = FlagPlan {
                    agreed: on_server.clone(),
                    ..FlagPlan::default()
                };
                changes.extend(self.pass.flagged(*row, to, &entry.flags, &there));
            }
            changes.push(Change::SetFlags(*row, on_server.clone()));
            self.queue_flags(FlagJob {
                before: Some(on_server),
                row: *row,
                mailbox: to,
                uid: Some(*uid),
                local: Some(local.clone()),
                plan: FlagPlan {
                    local: None,
                    ..plan.clone()
                },
            });
        }
        self.pass.commit(changes).await
    }
}
