//! Deletions that wait for the user.

use super::Executor;
use crate::engine::context::Ports;
use crate::engine::fault::Fault;
use crate::engine::ports::{Clock, Serial, Store};
use crate::sync::{Change, Hold, HoldId, HoldVerdict, Op};

impl<P: Ports> Executor<'_, '_, P> {
    /// Raises holds, or adds rows to those there are.
    pub(super) async fn holds(&self, ops: &[Op]) -> Result<(), Fault> {
        for op in ops {
            let Op::Hold {
                mailbox,
                side,
                kind,
                reason,
                rows,
            } = op
            else {
                continue;
            };
            self.leave_unfinished(*mailbox);
            if let Some(input) = self.input(*mailbox) {
                let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
                self.pass
                    .count(&input.base.mailbox.name, |counts| counts.held += count);
            }
            let open = self.observed.input.holds.iter().find(|hold| {
                hold.mailbox == *mailbox
                    && hold.side == *side
                    && hold.kind == *kind
                    && hold.verdict == HoldVerdict::Open
            });
            let mut changes = Vec::new();
            let id = match open {
                Some(hold) => hold.id,
                None => {
                    let id = HoldId(self.pass.store().reserve(Serial::Hold).await?);
                    changes.push(Change::PutHold(Hold {
                        id,
                        mailbox: *mailbox,
                        side: *side,
                        kind: kind.clone(),
                        since: self.pass.clock().now(),
                        reason: reason.clone(),
                        verdict: HoldVerdict::Open,
                    }));
                    id
                }
            };
            changes.push(Change::SetHold(rows.clone(), Some(id)));
            self.pass.commit(changes).await?;
        }
        Ok(())
    }
}
