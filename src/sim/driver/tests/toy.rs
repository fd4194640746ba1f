//! A small engine that only carries new mail over, well or badly.

use crate::engine::Fault;
use crate::engine::ports::{
    Batch, BodySink, Clock, Connector, Delivery, Local, Marker, Remote, Serial, Staged, Store,
};
use crate::mail::{Flags, LocalId, Uid, UidSet};
use crate::sim::driver::Runner;
use crate::sim::local::SimDelivery;
use crate::sim::{SimRemote, World, block_on};
use crate::sync::{
    Base, Change, Entry, EntryState, Intent, IntentId, IntentKind, LocalView, MailboxId,
    MailboxRecord, RemoteView, RowId, Watermark,
};

/// How the small engine works.
#[derive(Clone, Copy)]
pub(super) struct Toy {
    /// Looks after a crash whether an upload arrived.
    pub(super) probes: bool,
    /// Writes rows before files get their names.
    pub(super) row_first: bool,
}

pub(super) const SOUND: Toy = Toy {
    probes: true,
    row_first: true,
};

struct Sink<'a>(&'a mut SimDelivery);

impl BodySink for Sink<'_> {
    async fn begin(
        &mut self,
        uid: Uid,
        octets: u64,
        date: i64,
        flags: Option<Flags>,
    ) -> Result<(), Fault> {
        self.0.begin(uid, octets, date, flags).await
    }
    async fn write(&mut self, octets: &[u8]) -> Result<(), Fault> {
        self.0.write(octets).await
    }
    async fn end(&mut self) -> Result<(), Fault> {
        self.0.end().await
    }
}

struct Seen {
    record: MailboxRecord,
    base: Base,
    local: LocalView,
    remote: RemoteView,
}

impl Toy {
    async fn mailboxes(
        self,
        world: &World,
        remote: &mut SimRemote,
    ) -> Result<Vec<MailboxRecord>, Fault> {
        let marker = |id| Marker { id, epoch: 0 };
        let mut known = world.store.mailboxes().await?;
        world.local.root().await?;
        if known.is_empty() {
            world
                .local
                .mark_root(&marker(world.store.random_id()?))
                .await?;
        }
        for listed in remote.list().await? {
            if known.iter().any(|record| record.name == listed.name) {
                continue;
            }
            let id = world.store.random_id()?;
            world
                .local
                .create_folder(&listed.name, &marker(id.clone()))
                .await?;
            let record = MailboxRecord {
                id: MailboxId(world.store.reserve(Serial::Mailbox).await?),
                name: listed.name,
                role: listed.role,
                uidvalidity: None,
                uidnext: None,
                modseq: None,
                marker: id,
                object_id: None,
                last_sync: None,
                problem: None,
            };
            world
                .store
                .commit(vec![Change::PutMailbox(record.clone())])
                .await?;
            known.push(record);
        }
        Ok(known)
    }

    async fn look(
        self,
        world: &World,
        remote: &mut SimRemote,
        record: MailboxRecord,
    ) -> Result<Seen, Fault> {
        Ok(Seen {
            base: world.store.base(record.id).await?,
            local: world.local.scan(&record.name).await?,
            remote: remote.observe(&record.name, None).await?,
            record,
        })
    }

    /// Finishes what a stop left half done.
    async fn tidy(self, world: &World, remote: &mut SimRemote, seen: &Seen) -> Result<(), Fault> {
        let mut changes = Vec::new();
        for entry in &seen.base.entries {
            if entry.state == EntryState::Delivering {
                let mut files = seen.local.files.iter();
                changes.push(
                    match files.find(|file| Some(&file.id) == entry.local.as_ref()) {
                        Some(file) => Change::Delivered(entry.row, file.stamp),
                        None => Change::DropEntry(entry.row),
                    },
                );
            }
        }
        for intent in world.store.intents().await? {
            let IntentKind::Upload {
                mailbox,
                local,
                identity,
                flags,
                uidnext,
                ..
            } = intent.kind
            else {
                continue;
            };
            if mailbox != seen.record.id {
                continue;
            }
            let rows: UidSet = seen
                .base
                .entries
                .iter()
                .filter_map(|entry| entry.uid)
                .collect();
            let listed = seen.remote.listed.iter().map(|message| message.uid);
            let later: UidSet = listed
                .filter(|uid| *uid >= uidnext && !rows.contains(*uid))
                .collect();
            let found = remote
                .identify(&later)
                .await?
                .into_iter()
                .find(|(_, other)| {
                    other.message_id == identity.message_id && other.size == identity.size
                });
            if let Some((uid, _)) = found.filter(|_| self.probes) {
                changes.push(Change::PutEntry(
                    self.row(world, seen, uid, local, flags).await?,
                ));
            }
            changes.push(Change::DropIntent(intent.id));
        }
        if changes.is_empty() {
            return Ok(());
        }
        world.store.commit(changes).await
    }

    async fn row(
        self,
        world: &World,
        seen: &Seen,
        uid: Uid,
        local: LocalId,
        flags: Flags,
    ) -> Result<Entry, Fault> {
        let read = world
            .local
            .inspect(&seen.record.name, std::slice::from_ref(&local))
            .await?;
        let content = read
            .into_iter()
            .next()
            .ok_or_else(|| crate::sim::steps::fault(crate::engine::Reach::Message, true, "gone"))?
            .1?;
        Ok(Entry {
            row: world.store.reserve_rows(1).await?,
            mailbox: seen.record.id,
            uid: Some(uid),
            local: Some(local),
            flags,
            size: content.identity.size,
            date: content.identity.date,
            message_id: content.identity.message_id,
            digest: content.identity.digest,
            content: Some(content.content.digest),
            raw: content.raw,
            stamp: content.stamp,
            state: EntryState::Linked,
            hold: None,
        })
    }

    async fn download(
        self,
        world: &World,
        remote: &mut SimRemote,
        seen: &Seen,
    ) -> Result<(), Fault> {
        let rows: UidSet = seen
            .base
            .entries
            .iter()
            .filter_map(|entry| entry.uid)
            .collect();
        let listed = seen.remote.listed.iter().map(|message| message.uid);
        let new: UidSet = listed.filter(|uid| !rows.contains(*uid)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let name = &seen.record.name;
        let mut delivery = world.local.deliver(name);
        remote.fetch(&new, &mut Sink(&mut delivery)).await?;
        let mut staged = Vec::new();
        for (_, message) in delivery.cut().durable().await? {
            staged.push(message?);
        }
        let first = world.store.reserve_rows(100).await?;
        let rows: Vec<Entry> = (first.0..)
            .map(RowId)
            .zip(&staged)
            .map(|(row, staged)| arriving(seen, row, staged))
            .collect();
        let rows_now: Vec<Change> = rows.iter().cloned().map(Change::PutEntry).collect();
        let named: Vec<(Staged, Flags)> = staged
            .into_iter()
            .map(|staged| (staged.clone(), staged.flags.unwrap_or_default()))
            .collect();
        let mut settled: Vec<Change> = rows
            .iter()
            .map(|entry| Change::Delivered(entry.row, entry.stamp))
            .collect();
        if self.row_first {
            world.store.commit(rows_now).await?;
        } else {
            settled.splice(0..0, rows_now);
        }
        for result in world.local.publish(name, &named).await? {
            result?;
        }
        let mark = Watermark {
            uidvalidity: seen.remote.uidvalidity,
            uidnext: seen.remote.uidnext,
            modseq: seen.remote.modseq,
        };
        settled.push(Change::SetWatermark(seen.record.id, mark));
        world.store.commit(settled).await
    }

    async fn upload(self, world: &World, remote: &mut SimRemote, seen: &Seen) -> Result<(), Fault> {
        let name = &seen.record.name;
        for file in &seen.local.files {
            if seen
                .base
                .entries
                .iter()
                .any(|entry| entry.local.as_ref() == Some(&file.id))
            {
                continue;
            }
            let status = remote.status(name).await?;
            let (Some(uidvalidity), Some(uidnext)) = (status.uidvalidity, status.uidnext) else {
                continue;
            };
            let entry = self
                .row(world, seen, uidnext, file.id.clone(), file.flags.clone())
                .await?;
            let id = IntentId(world.store.reserve(Serial::Intent).await?);
            let kind = IntentKind::Upload {
                mailbox: seen.record.id,
                local: file.id.clone(),
                identity: entry.identity(),
                flags: file.flags.clone(),
                uidvalidity,
                uidnext,
                replaces: None,
            };
            let intent = Intent {
                id,
                kind,
                since: world.clock.now(),
            };
            world.store.commit(vec![Change::PutIntent(intent)]).await?;
            let mut body = world.local.open(name, &file.id, file.stamp, true).await?;
            let done = remote
                .append(name, &file.flags, entry.date, entry.size, &mut body)
                .await?;
            let uid = done.uid.map(|(_, uid)| uid);
            world
                .store
                .commit(vec![
                    Change::PutEntry(Entry { uid, ..entry }),
                    Change::DropIntent(id),
                ])
                .await?;
        }
        Ok(())
    }

    async fn run(self, world: &World) -> Result<(), Fault> {
        let mut remote = world.connector().connect().await?;
        for record in self.mailboxes(world, &mut remote).await? {
            let seen = self.look(world, &mut remote, record.clone()).await?;
            self.tidy(world, &mut remote, &seen).await?;
            let seen = self.look(world, &mut remote, record.clone()).await?;
            self.download(world, &mut remote, &seen).await?;
            let seen = self.look(world, &mut remote, record).await?;
            self.upload(world, &mut remote, &seen).await?;
        }
        remote.close().await;
        Ok(())
    }
}

fn arriving(seen: &Seen, row: RowId, staged: &Staged) -> Entry {
    Entry {
        row,
        mailbox: seen.record.id,
        uid: Some(staged.uid),
        local: Some(staged.local.clone()),
        flags: staged.flags.clone().unwrap_or_default(),
        size: staged.identity.size,
        date: staged.identity.date,
        message_id: staged.identity.message_id,
        digest: staged.identity.digest,
        content: Some(staged.content.digest),
        raw: staged.raw,
        stamp: staged.stamp,
        state: EntryState::Delivering,
        hold: None,
    }
}

impl Runner for Toy {
    fn pass(&self, world: &World) -> Result<(), Fault> {
        block_on(self.run(world))
    }
}
