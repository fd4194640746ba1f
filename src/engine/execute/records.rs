//! What only changes the state: links found without a transfer, new numbers, rows that are gone.

use std::collections::{BTreeMap, BTreeSet};

use super::{Executor, FlagJob};
use crate::engine::context::Ports;
use crate::engine::fault::Fault;
use crate::engine::ports::{Event, Inspected, Remote, Store};
use crate::mail::{Digest, Flags, Identity, LocalId, Uid};
use crate::sync::{
    Change, Entry, EntryState, FlagPlan, LocalMessage, MailboxId, MailboxInput, Op, RowId, Side,
    Watermark, What,
};

/// Most changes in one transaction.
const MOST_CHANGES: usize = 4096;

impl<P: Ports> Executor<'_, '_, P> {
    /// Mailboxes that are gone from the server and get mail again are made again, with new UIDs.
    pub(super) async fn recreate_mailboxes(&self, ops: &[Op]) -> Result<(), Fault> {
        for input in self
            .observed
            .input
            .mailboxes
            .iter()
            .filter(|input| input.remote_gone)
        {
            let id = input.base.mailbox.id;
            let wanted = ops.iter().any(|op| match op {
                Op::Upload { mailbox, .. } => *mailbox == id,
                Op::MoveRemote { to, .. } | Op::CopyRemote { to, .. } => *to == id,
                _ => false,
            });
            if !wanted {
                continue;
            }
            self.pass.announce().await?;
            let mut remote = self.pool.take(self.pass).await?;
            remote.create(&input.base.mailbox.name).await?;
            let uidvalidity = remote.select(&input.base.mailbox.name).await?;
            self.pool.give(remote);
            let watermark = Watermark {
                uidvalidity,
                uidnext: None,
                modseq: None,
            };
            let changes = vec![Change::ForgetUids(id), Change::SetWatermark(id, watermark)];
            self.pass.commit(changes).await?;
            self.leave_unfinished(id);
        }
        Ok(())
    }

    /// Records, rebinds and adoptions that need no comparison.
    pub(super) async fn records(&self, ops: &[Op]) -> Result<(), Fault> {
        let mut changes = self.first_sights();
        let mut rows = self.rows_for(ops).await?;
        for op in ops {
            match op {
                Op::Record(list) => changes.extend(self.completed(list)),
                Op::Rebind { row, uid, flags } => changes.extend(self.rebind(*row, *uid, flags)),
                Op::Adopt {
                    mailbox,
                    uid,
                    local,
                    flags,
                    base,
                    verify: false,
                } => {
                    let (Some(input), Some(row)) = (self.input(*mailbox), rows.next()) else {
                        continue;
                    };
                    let there = self.observed.known.remote.get(&(*mailbox, *uid));
                    let adopted = self.link(input, row, *uid, local, flags, there);
                    let entry = adopted.map(|entry| as_told(entry, there, base.as_ref(), flags));
                    changes.extend(entry.map(Change::PutEntry));
                }
                _ => continue,
            }
            if changes.len() >= MOST_CHANGES {
                self.pass.commit(std::mem::take(&mut changes)).await?;
            }
        }
        self.pass.commit(changes).await
    }

    /// A number for each message that is linked.
    async fn rows_for(&self, ops: &[Op]) -> Result<impl Iterator<Item = RowId>, Fault> {
        let adopted = |op: &&Op| matches!(op, Op::Adopt { verify: false, .. });
        let count = u32::try_from(ops.iter().filter(adopted).count()).unwrap_or(u32::MAX);
        let first = match count {
            0 => 0,
            count => self.pass.store().reserve_rows(count).await?.0,
        };
        Ok((first..first + i64::from(count)).map(RowId))
    }

    /// A mailbox's UIDVALIDITY is written down before (or with) its first row.
    fn first_sights(&self) -> Vec<Change> {
        let unseen = self.observed.input.mailboxes.iter().filter(|input| {
            let record = &input.base.mailbox;
            record.uidvalidity.is_none() && !input.remote_gone
        });
        unseen
            .filter_map(|input| {
                let id = input.base.mailbox.id;
                let uidvalidity = self.observed.facts.get(&id)?.uidvalidity?;
                Some(Change::SetWatermark(id, new_generation(Some(uidvalidity))))
            })
            .collect()
    }

    /// Forgetting UIDs and knowing the new UIDVALIDITY is one step.
    fn completed(&self, list: &[Change]) -> Vec<Change> {
        let mut changes = Vec::with_capacity(list.len());
        for change in list {
            changes.push(change.clone());
            changes.extend(self.told(change));
            if let Change::ForgetUids(mailbox) = change {
                let facts = self.observed.facts.get(mailbox);
                let uidvalidity = facts.and_then(|facts| facts.uidvalidity);
                changes.push(Change::SetWatermark(*mailbox, new_generation(uidvalidity)));
            }
        }
        changes
    }

    /// What only had to be written down may be news all the same: moved on both sides, gone from both sides.
    fn told(&self, change: &Change) -> Option<Change> {
        match change {
            Change::Relink { row, mailbox, .. } => {
                let (home, _) = self.entry(*row)?;
                let from = home.base.mailbox.id;
                self.pass.moved(*row, from, *mailbox, Side::Remote)
            }
            Change::DropEntry(row) => {
                let (home, entry) = self.entry(*row)?;
                let mailbox = home.base.mailbox.id;
                let delivered = entry.state == EntryState::Linked;
                let gone = delivered && self.vanished().contains(row);
                gone.then(|| self.pass.news(*row, mailbox, Side::Remote, What::Deleted))?
            }
            _ => None,
        }
    }

    /// Rows whose message is known to be gone from the server.
    fn vanished(&self) -> &BTreeSet<RowId> {
        self.vanished.get_or_init(|| {
            let inputs = self.observed.input.mailboxes.iter();
            inputs
                .flat_map(|input| input.remote.vanished.iter().copied())
                .collect()
        })
    }

    /// Files without rows, by name.
    fn appeared(&self) -> &BTreeMap<(MailboxId, &LocalId), &LocalMessage> {
        self.appeared.get_or_init(|| {
            let inputs = self.observed.input.mailboxes.iter();
            let files = inputs.flat_map(|input| {
                let id = input.base.mailbox.id;
                let files = input.local.appeared.iter();
                files.map(move |file| ((id, &file.id), file))
            });
            files.collect()
        })
    }

    fn rebind(&self, row: RowId, uid: Uid, flags: &FlagPlan) -> Vec<Change> {
        let Some((input, entry)) = self.entry(row) else {
            return Vec::new();
        };
        self.pass
            .count(&input.base.mailbox.name, |counts| counts.linked += 1);
        self.pass.event(Event::Done { octets: 0 });
        let mailbox = input.base.mailbox.id;
        // Where the file has moved or gone, the flags on the server were not judged: they have to be listed once more.
        self.leave_unfinished(mailbox);
        let relink = Change::Relink {
            row,
            mailbox,
            uid: Some(uid),
            local: entry.local.clone(),
        };
        let mut changes = vec![relink];
        if flags.local.is_none() && flags.remote.is_empty() {
            if flags.agreed != entry.flags {
                changes.push(Change::SetFlags(row, flags.agreed.clone()));
                changes.extend(self.pass.flagged(row, mailbox, &entry.flags, flags));
            }
        } else {
            self.queue_flags(FlagJob {
                before: Some(entry.flags.clone()),
                row,
                mailbox,
                uid: Some(uid),
                local: entry.local.clone(),
                plan: flags.clone(),
            });
        }
        changes
    }

    /// The row of a message and a file that are the same mail. It says of the content what the server has, as far as that
    /// is known: a mail program may have added headers to the file. Its flags are what both sides have in common, so that
    /// an interruption before the flags are set loses none.
    pub(super) fn link(
        &self,
        input: &MailboxInput,
        row: RowId,
        uid: Uid,
        local: &LocalId,
        flags: &FlagPlan,
        there: Option<&Identity>,
    ) -> Option<Entry> {
        let mailbox = input.base.mailbox.id;
        let found = self.observed.inspected.get(&(mailbox, local.clone()))?;
        let here = *self.appeared().get(&(mailbox, local))?;
        let (seen, raw) = as_on_server(found, there);
        let settled = flags.local.is_none() && flags.remote.is_empty();
        let hidden = flags.agreed.minus(&input.scope.visible(&flags.agreed));
        let on_server = flags.agreed.minus(&flags.remote.add);
        let common: Flags = on_server.intersection(&here.flags.union(&hidden));
        self.pass
            .count(&input.base.mailbox.name, |counts| counts.linked += 1);
        self.queue_flags(FlagJob {
            before: None,
            row,
            mailbox,
            uid: Some(uid),
            local: Some(local.clone()),
            plan: flags.clone(),
        });
        Some(Entry {
            row,
            mailbox,
            uid: Some(uid),
            local: Some(local.clone()),
            flags: if settled {
                flags.agreed.clone()
            } else {
                common
            },
            size: seen.size,
            date: seen.date,
            message_id: found.identity.message_id,
            digest: seen.digest,
            content: Some(found.content.digest),
            raw,
            stamp: found.stamp,
            state: EntryState::Linked,
            hold: None,
        })
    }
}

/// The row of a file that was found to be a message without reading that one. Size and date are the server's, by which the
/// message is known again there; the file may have a date of its own, and a header more.
///
/// What another program has left on both sides stays the base until the flags are set: a flag that one side took away
/// since would look like a new one of the other, if it were interrupted before.
fn as_told(entry: Entry, there: Option<&Identity>, base: Option<&Flags>, plan: &FlagPlan) -> Entry {
    let settled = plan.local.is_none() && plan.remote.is_empty();
    let base = base.filter(|_| !settled);
    Entry {
        flags: base.unwrap_or(&entry.flags).clone(),
        size: there.map_or(entry.size, |there| there.size),
        date: there.map_or(entry.date, |there| there.date),
        ..entry
    }
}

/// What the server has of a file: the file read one way or the other, or what the server says where the file was changed.
fn as_on_server(found: &Inspected, there: Option<&Identity>) -> (Identity, bool) {
    let here = found.identity;
    let Some(there) = there else {
        return (here, found.raw);
    };
    let date = there.date;
    let is = |size: u64, digest: Option<Digest>| match there.digest {
        Some(_) => there.digest == digest,
        None => there.size == size,
    };
    match found.verbatim {
        _ if is(here.size, here.digest) => (Identity { date, ..here }, found.raw),
        Some((size, digest)) if is(size, Some(digest)) => {
            let digest = Some(digest);
            (
                Identity {
                    size,
                    digest,
                    date,
                    ..here
                },
                true,
            )
        }
        _ => (*there, found.raw),
    }
}

fn new_generation(uidvalidity: Option<crate::mail::UidValidity>) -> Watermark {
    Watermark {
        uidvalidity,
        uidnext: None,
        modseq: None,
    }
}
