//! Files from the folder onto the server: written down as intents, appended one at a time, linked by APPENDUID.
//!
//! Without a tagged answer it is unknown whether the server has the message. Such an intent stays, and the next look
//! at the mailbox (`recover`) finds out before anything is sent again.

mod claims;

use std::collections::BTreeSet;

use self::claims::Claim;
use super::Executor;
use crate::engine::context::Ports;
use crate::engine::fault::{Fault, Reach};
use crate::engine::late;
use crate::engine::pool::RemoteOf;
use crate::engine::ports::{Appended, Clock, Event, Inspected, Local, Remote, Serial, Store};
use crate::engine::recover;
use crate::mail::{Flags, LocalId, Uid, UidSet, UidValidity};
use crate::sync::{
    Change, Entry, EntryState, Intent, IntentId, IntentKind, MailboxId, MailboxInput, Op, RowId,
    Side,
};

/// How many intents share a transaction, and with it the time until a crash leaves them to be looked for.
const BATCH: usize = 64;

/// A file to be sent.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Outgoing {
    local: LocalId,
    flags: Flags,
    replaces: Option<RowId>,
}

impl Outgoing {
    /// The upload in an operation, if it is one.
    pub(super) fn from_op(op: &Op) -> Option<(MailboxId, Self)> {
        let Op::Upload {
            mailbox,
            local,
            flags,
            replaces,
        } = op
        else {
            return None;
        };
        let outgoing = Self {
            local: local.clone(),
            flags: flags.clone(),
            replaces: *replaces,
        };
        Some((*mailbox, outgoing))
    }
}

/// A file about to be sent, its content known.
struct Ready<'a> {
    outgoing: &'a Outgoing,
    found: Inspected,
    intent: IntentId,
}

/// What the server said of the destination before the first APPEND.
#[derive(Clone, Copy)]
struct Before {
    uidvalidity: UidValidity,
    uidnext: Uid,
}

/// Sends files of one mailbox.
pub(super) async fn run<P: Ports>(
    executor: &Executor<'_, '_, P>,
    remote: &mut RemoteOf<P>,
    input: &MailboxInput,
    outgoing: &[Outgoing],
) -> Result<(), Fault> {
    let uploader = Uploader { executor, input };
    for batch in outgoing.chunks(BATCH) {
        uploader.batch(remote, batch).await?;
    }
    Ok(())
}

struct Uploader<'a, 'b, 'c, P: Ports> {
    executor: &'a Executor<'b, 'c, P>,
    input: &'a MailboxInput,
}

impl<P: Ports> Uploader<'_, '_, '_, P> {
    fn mailbox(&self) -> MailboxId {
        self.input.base.mailbox.id
    }

    async fn batch(&self, remote: &mut RemoteOf<P>, batch: &[Outgoing]) -> Result<(), Fault> {
        let pass = self.executor.pass;
        let ready = self.prepare(remote, batch).await?;
        if ready.is_empty() {
            return Ok(());
        }
        let name = &self.input.base.mailbox.name;
        let Some((uidvalidity, uidnext)) = Executor::<P>::bounds(remote, name).await? else {
            let text = "the server tells no UIDVALIDITY: nothing can be sent safely";
            return Err(Fault::new(Reach::Mailbox, true, text));
        };
        let before = Before {
            uidvalidity,
            uidnext,
        };
        let intents = ready.iter().map(|file| self.intent(file, before)).collect();
        pass.commit(intents).await?;
        let mut changes = Vec::new();
        let mut claims = Vec::new();
        let mut outcome = Ok(());
        for (at, file) in ready.iter().enumerate() {
            match self.send(remote, file).await {
                Ok(appended) => match self.claim(file, appended, before, &claims) {
                    Some(claim) => claims.push(claim),
                    None if self
                        .is_another(remote, file, appended, before, &claims)
                        .await =>
                    {
                        changes.push(Change::DropIntent(file.intent));
                        changes.push(self.executor.only_one(self.mailbox(), &file.outgoing.local));
                    }
                    None => {}
                },
                Err(fault) if fault.reach == Reach::Message => {
                    changes.extend(self.refused(file, &fault));
                }
                Err(fault) => {
                    // Broken in the middle of this one: whether the server has it is unknown. The later ones were
                    // never begun.
                    let known = fault.reach < Reach::Connection;
                    let unsent = ready.iter().skip(if known { at } else { at + 1 });
                    changes.extend(unsent.map(|file| Change::DropIntent(file.intent)));
                    outcome = Err(fault);
                    break;
                }
            }
        }
        let mut doubted = BTreeSet::new();
        if outcome.is_ok() {
            let name = &self.input.base.mailbox.name;
            match claims::impostors(remote, name, before.uidvalidity, &claims).await {
                Ok(found) => doubted = found,
                Err(fault) => outcome = Err(fault),
            }
        }
        for claim in claims.iter().filter(|claim| !doubted.contains(&claim.uid)) {
            changes.extend(self.linked(claim).await?);
        }
        pass.commit(changes).await?;
        outcome?;
        self.find_the_rest(remote, &ready).await
    }

    /// Reads the files that were not read yet and leaves out what cannot be sent.
    async fn prepare<'o>(
        &self,
        remote: &RemoteOf<P>,
        batch: &'o [Outgoing],
    ) -> Result<Vec<Ready<'o>>, Fault> {
        let pass = self.executor.pass;
        let mut ready = Vec::with_capacity(batch.len());
        for outgoing in batch {
            let Some(found) = self.content(&outgoing.local).await? else {
                self.executor.leave_unfinished(self.mailbox());
                continue;
            };
            let limit = remote.abilities().append_limit;
            if limit.is_some_and(|limit| found.identity.size > limit) {
                let reason = format!("{}: larger than the server takes", outgoing.local);
                let parked = self.executor.park(
                    self.mailbox(),
                    None,
                    Some(outgoing.local.clone()),
                    reason.clone(),
                );
                pass.problem(Some(&self.input.base.mailbox.name), &reason);
                pass.commit(vec![Change::Park(parked)]).await?;
                continue;
            }
            let intent = IntentId(pass.store().reserve(Serial::Intent).await?);
            ready.push(Ready {
                outgoing,
                found,
                intent,
            });
        }
        Ok(ready)
    }

    async fn content(&self, local: &LocalId) -> Result<Option<Inspected>, Fault> {
        let known = self
            .executor
            .observed
            .inspected
            .get(&(self.mailbox(), local.clone()));
        if let Some(found) = known {
            return Ok(Some(found.clone()));
        }
        let name = &self.input.base.mailbox.name;
        let results = self
            .executor
            .pass
            .local()
            .inspect(name, std::slice::from_ref(local))
            .await?;
        let Some((_, result)) = results.into_iter().next() else {
            return Ok(None);
        };
        match result {
            Ok(found) => Ok(Some(found)),
            Err(fault) => self
                .executor
                .one_failed(self.input, local, fault)
                .map(|()| None),
        }
    }

    fn intent(&self, file: &Ready<'_>, before: Before) -> Change {
        Change::PutIntent(Intent {
            id: file.intent,
            kind: IntentKind::Upload {
                mailbox: self.mailbox(),
                local: file.outgoing.local.clone(),
                identity: file.found.identity,
                flags: file.outgoing.flags.clone(),
                uidvalidity: before.uidvalidity,
                uidnext: before.uidnext,
                replaces: file.outgoing.replaces,
            },
            since: self.executor.pass.clock().now(),
        })
    }

    async fn send(&self, remote: &mut RemoteOf<P>, file: &Ready<'_>) -> Result<Appended, Fault> {
        let name = &self.input.base.mailbox.name;
        let local = self.executor.pass.local();
        let Ready {
            outgoing, found, ..
        } = file;
        let mut body = local
            .open(name, &outgoing.local, found.stamp, found.raw)
            .await?;
        let flags = self.input.permanent.kept(&outgoing.flags);
        let Inspected { identity, .. } = found;
        remote
            .append(name, &flags, identity.date, identity.size, &mut body)
            .await
    }

    /// What the server says of a file it took. An APPENDUID that cannot be right counts as none.
    fn claim<'r, 'o>(
        &self,
        file: &'r Ready<'o>,
        appended: Appended,
        before: Before,
        others: &[Claim<'_, '_>],
    ) -> Option<Claim<'r, 'o>> {
        let octets = file.found.identity.size;
        self.executor.pass.event(Event::Done { octets });
        let name = &self.input.base.mailbox.name;
        self.executor
            .pass
            .count(name, |counts| counts.uploaded += 1);
        let taken = |uid: Uid| others.iter().any(|claim| claim.uid == uid);
        claims::plausible(appended, before, taken).map(|uid| Claim { file, uid })
    }

    /// Whether the server says that it has this mail already, under the UID of a message that was there before or was
    /// sent just now, and that is so.
    async fn is_another(
        &self,
        remote: &mut RemoteOf<P>,
        file: &Ready<'_>,
        appended: Appended,
        before: Before,
        others: &[Claim<'_, '_>],
    ) -> bool {
        let Some((uidvalidity, uid)) = appended.uid else {
            return false;
        };
        let Some(digest) = file.found.identity.digest else {
            return false;
        };
        if uidvalidity != before.uidvalidity {
            return false;
        }
        let same = |claim: &&Claim<'_, '_>| claim.uid == uid;
        if let Some(other) = others.iter().find(same) {
            return other.file.found.identity.digest == Some(digest);
        }
        let name = &self.input.base.mailbox.name;
        let uid = UidSet::from_range(uid, uid);
        let read = late::is_content(remote, name, &uid, digest).await;
        read.unwrap_or(false)
    }

    /// Links what was appended.
    async fn linked(&self, claim: &Claim<'_, '_>) -> Result<Vec<Change>, Fault> {
        let Claim { file, uid } = claim;
        let row = match file.outgoing.replaces {
            Some(row) => row,
            None => self.executor.pass.store().reserve_rows(1).await?,
        };
        let mut changes = vec![
            Change::PutEntry(self.entry(row, *uid, file)),
            Change::DropIntent(file.intent),
        ];
        let (pass, mailbox, flags) = (self.executor.pass, self.mailbox(), &file.outgoing.flags);
        match self.executor.entry(row) {
            Some((_, was)) => {
                changes.extend(pass.flags_became(row, mailbox, Side::Local, &was.flags, flags));
            }
            None => {
                let known = pass
                    .known_before(std::iter::once(file.found.identity.digest))
                    .await?;
                let date = file.found.identity.date;
                let news = || pass.arrived(row, mailbox, Side::Local, date);
                changes.extend(known.is_empty().then(news).flatten());
            }
        }
        changes.extend(self.unpark(&file.outgoing.local));
        Ok(changes)
    }

    fn unpark(&self, local: &LocalId) -> Option<Change> {
        let parked = &self.executor.observed.all_parked;
        let mailbox = self.mailbox();
        let was = parked
            .iter()
            .any(|parked| parked.mailbox == mailbox && parked.local.as_ref() == Some(local));
        was.then(|| Change::Unpark {
            mailbox,
            uid: None,
            local: Some(local.clone()),
        })
    }

    fn entry(&self, row: RowId, uid: Uid, file: &Ready<'_>) -> Entry {
        let identity = file.found.identity;
        Entry {
            row,
            mailbox: self.mailbox(),
            uid: Some(uid),
            local: Some(file.outgoing.local.clone()),
            flags: file.outgoing.flags.clone(),
            size: identity.size,
            date: identity.date,
            message_id: identity.message_id,
            digest: identity.digest,
            content: Some(file.found.content.digest),
            raw: file.found.raw,
            stamp: file.found.stamp,
            state: EntryState::Linked,
            hold: None,
        }
    }

    /// The server said no to this message: it is parked, the intent is over.
    fn refused(&self, file: &Ready<'_>, fault: &Fault) -> Vec<Change> {
        let local = &file.outgoing.local;
        let name = &self.input.base.mailbox.name;
        let mut changes = vec![Change::DropIntent(file.intent)];
        self.executor.leave_unfinished(self.mailbox());
        self.executor
            .pass
            .problem(Some(name), &format_args!("{local}: {fault}"));
        let parked =
            self.executor
                .park(self.mailbox(), None, Some(local.clone()), fault.to_string());
        changes.push(Change::Park(parked));
        changes
    }

    /// Messages the server took without saying which UID they got are looked for at once.
    async fn find_the_rest(
        &self,
        remote: &mut RemoteOf<P>,
        ready: &[Ready<'_>],
    ) -> Result<(), Fault> {
        let pass = self.executor.pass;
        let ours: BTreeSet<IntentId> = ready.iter().map(|file| file.intent).collect();
        let mut open = pass.store().intents().await?;
        open.retain(|intent| ours.contains(&intent.id));
        if open.is_empty() {
            return Ok(());
        }
        self.executor.leave_unfinished(self.mailbox());
        let base = pass.store().base(self.mailbox()).await?;
        recover::uploads(pass, remote, &base, &open, false)
            .await
            .map(|_| ())
    }
}
