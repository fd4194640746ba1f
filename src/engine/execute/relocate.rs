//! Moved on the server: the files follow with a rename.

use std::collections::BTreeMap;

use super::{Executor, FlagJob};
use crate::engine::context::Ports;
use crate::engine::fault::Fault;
use crate::engine::ports::Local;
use crate::mail::{Flags, LocalId, Uid};
use crate::sync::{Change, FlagPlan, MailboxId, Op, RowId};

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

    async fn relocate(&self, from: MailboxId, to: MailboxId, moves: &[Moved]) -> Result<(), Fault> {
        let (Some(source), Some(target)) = (self.input(from), self.input(to)) else {
            return Ok(());
        };
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
            changes.push(Change::SetFlags(*row, on_server));
            self.queue_flags(FlagJob {
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
