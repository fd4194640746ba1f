//! What waits while not everything is known: halves of moves whose other half may be in a mailbox that could not be
//! observed, and whatever may be a mail that was being sent when nobody heard the answer.
//!
//! Taken alone, one half looks like a new message or like a deletion, and the message would end up twice.

use std::collections::BTreeSet;

use super::learn::ask_server;
use super::{LocalSide, Observed};
use crate::engine::context::{Mode, Pass, Ports};
use crate::engine::fault::Fault;
use crate::engine::folders::{Mailboxes, base_of};
use crate::engine::pool::Pool;
use crate::engine::ports::Store;
use crate::engine::recover::{UNSEEN, is_it};
use crate::mail::{ContentDigest, Digest, Identity, MessageIdHash};
use crate::sync::{
    AccountInput, Entry, FileStamp, IntentKind, Known, MailboxId, MailboxInput, MailboxRecord,
    RowId,
};

/// A mailbox that takes part and was not observed; its folder may have been scanned all the same.
#[derive(Debug)]
pub(in crate::engine) struct Unseen {
    pub(super) mailbox: MailboxId,
    pub(super) side: Option<LocalSide>,
}

/// What is known of messages in mailboxes that were not observed.
#[derive(Default)]
struct Elsewhere {
    /// Contents of rows whose file is not in its folder, or whose folder could not be scanned.
    lost: BTreeSet<Digest>,
    /// The same without what mail programs add.
    lost_contents: BTreeSet<ContentDigest>,
    lost_stamps: BTreeSet<FileStamp>,
    /// Sizes of files without a row.
    appeared: BTreeSet<u64>,
    /// A folder could not be scanned: anything may have gone there.
    blind: bool,
    /// Rows whose file may have moved to a mailbox that was not observed.
    waiting: BTreeSet<RowId>,
    /// Size, date and Message-ID of every row.
    headers: BTreeSet<Header>,
    /// What was being sent: whether and where it has arrived is not known yet.
    unsettled: Vec<Identity>,
}

/// Takes out of the input what cannot be judged without the mailboxes that were not observed.
pub(in crate::engine) async fn hold_back<P: Ports>(
    pass: &Pass<'_, P>,
    pool: &Pool<P>,
    mailboxes: &Mailboxes,
    observed: &mut Observed,
) -> Result<(), Fault> {
    let seen: BTreeSet<MailboxId> = observed
        .input
        .mailboxes
        .iter()
        .map(|input| input.base.mailbox.id)
        .collect();
    let unseen = mailboxes.records.values();
    let unseen: Vec<&MailboxRecord> = unseen.filter(|it| !seen.contains(&it.id)).collect();
    observed.input.whole = unseen.is_empty();
    let mut elsewhere = Elsewhere::default();
    elsewhere.add_unsettled(pass, observed).await?;
    if unseen.is_empty() && elsewhere.unsettled.is_empty() {
        return Ok(());
    }
    let sides = std::mem::take(&mut observed.unseen);
    for record in unseen {
        let found = sides.iter().find(|it| it.mailbox == record.id);
        match found.and_then(|it| it.side.as_ref()) {
            Some(side) => elsewhere.add(&side.base.entries, Some(side)),
            None => elsewhere.add(&base_of(pass, record).await?.entries, None),
        }
    }
    identify(pass, pool, observed, &elsewhere).await?;
    let Observed {
        input,
        known,
        doubtful,
        ..
    } = observed;
    elsewhere.look_for_moves(input, known);
    let mut kept_back = BTreeSet::new();
    for mailbox in &mut input.mailboxes {
        let id = mailbox.base.mailbox.id;
        let before = size_of(mailbox);
        mailbox.local.appeared.retain(|file| {
            let found = known.local.get(&(id, file.id.clone()));
            let digest = found.and_then(|found| found.identity.digest);
            let content = found.map(|found| found.content.digest);
            !digest.is_some_and(|digest| elsewhere.lost.contains(&digest))
                && !content.is_some_and(|content| elsewhere.lost_contents.contains(&content))
                && !elsewhere.lost_stamps.contains(&file.stamp)
        });
        mailbox.remote.appeared.retain(|message| {
            let found = known.remote.get(&(id, message.uid));
            let header = found.and_then(header_of);
            let waits = header.is_some_and(|header| elsewhere.headers.contains(&header))
                || found.is_some_and(|found| elsewhere.may_be_sent(found));
            kept_back.extend(header.filter(|_| waits));
            !waits
        });
        // What is missing from a folder without its marker waits anyway, and has to be seen to be missing.
        let empty = BTreeSet::new();
        let waiting = match mailbox.marker_lost {
            true => &empty,
            false => &elsewhere.waiting,
        };
        for rows in [
            &mut mailbox.local.vanished,
            &mut mailbox.local.undelivered,
            &mut mailbox.local.published,
        ] {
            rows.retain(|row| !waiting.contains(row));
        }
        if size_of(mailbox) != before {
            doubtful.insert(id);
        }
    }
    keep_sources(input, &kept_back, doubtful);
    Ok(())
}

/// A message that is gone may be one that was kept back somewhere else.
fn keep_sources(
    input: &mut AccountInput,
    kept_back: &BTreeSet<Header>,
    doubtful: &mut BTreeSet<MailboxId>,
) {
    for mailbox in &mut input.mailboxes {
        let base = &mailbox.base;
        let before = mailbox.remote.vanished.len();
        mailbox.remote.vanished.retain(|row| {
            let at = base.entries.binary_search_by_key(row, |entry| entry.row);
            let entry = at.ok().and_then(|at| base.entries.get(at));
            let header = entry.and_then(|entry| header_of(&entry.identity()));
            !header.is_some_and(|header| kept_back.contains(&header))
        });
        if mailbox.remote.vanished.len() != before {
            doubtful.insert(base.mailbox.id);
        }
    }
}

/// Message-ID, size and date.
type Header = (MessageIdHash, u64, i64);

fn header_of(identity: &Identity) -> Option<Header> {
    Some((identity.message_id?, identity.size, identity.date))
}

fn size_of(mailbox: &MailboxInput) -> usize {
    let local = &mailbox.local;
    let came = local.appeared.len() + mailbox.remote.appeared.len();
    came + local.vanished.len() + local.undelivered.len()
}

/// Asks what new messages are, if they may have come from a mailbox that was not observed.
async fn identify<P: Ports>(
    pass: &Pass<'_, P>,
    pool: &Pool<P>,
    observed: &mut Observed,
    elsewhere: &Elsewhere,
) -> Result<(), Fault> {
    if elsewhere.headers.is_empty() && elsewhere.unsettled.is_empty() {
        return Ok(());
    }
    let unknown = observed.input.mailboxes.iter().filter_map(|mailbox| {
        let id = mailbox.base.mailbox.id;
        let new = mailbox.remote.appeared.iter().map(|message| message.uid);
        let uids: crate::mail::UidSet = new
            .filter(|uid| !observed.known.remote.contains_key(&(id, *uid)))
            .collect();
        (!uids.is_empty()).then_some((id, uids))
    });
    let unknown = unknown.collect();
    ask_server(pass, pool, observed, unknown).await
}

impl Elsewhere {
    /// Mails of which nobody knows whether the server has them, or where: whatever has their content, or may have it,
    /// waits.
    async fn add_unsettled<P: Ports>(
        &mut self,
        pass: &Pass<'_, P>,
        observed: &Observed,
    ) -> Result<(), Fault> {
        for intent in pass.store().intents().await? {
            let (mailbox, identity) = match intent.kind {
                IntentKind::Upload {
                    mailbox, identity, ..
                } => (mailbox, identity),
                IntentKind::Transfer { row, to, .. } => {
                    match pass.store().entries(&[row]).await?.first() {
                        Some(source) => (to, source.identity()),
                        None => continue,
                    }
                }
                IntentKind::Overdue { .. } => continue,
            };
            self.lost.extend(identity.digest);
            self.unsettled.push(identity);
            if pass.mode == Mode::DryRun {
                continue;
            }
            let name = observed.name(mailbox).cloned();
            pass.with_report(|report| report.unsettled.extend(name));
        }
        Ok(())
    }

    fn may_be_sent(&self, there: &Identity) -> bool {
        self.unsettled.iter().any(|sent| is_it(sent, there))
    }

    /// Whether a file of this row may be in a mailbox that was not observed.
    fn may_have(&self, entry: &Entry) -> bool {
        // Nobody knows what a file that was found again after a stop looked like.
        let any = entry.stamp == UNSEEN && !self.appeared.is_empty();
        self.blind || any || self.appeared.contains(&entry.stamp.size)
    }

    /// Rows that lost their file while one of that size appeared in a mailbox that was not observed, unless a file
    /// that was observed has their content.
    fn look_for_moves(&mut self, input: &AccountInput, known: &Known) {
        let found = || known.local.values();
        let digests: BTreeSet<Digest> = found().filter_map(|it| it.identity.digest).collect();
        let contents: BTreeSet<ContentDigest> = found().map(|it| it.content.digest).collect();
        for mailbox in &input.mailboxes {
            let entries = &mailbox.base.entries;
            let gone = mailbox.local.vanished.iter();
            let gone = gone.chain(&mailbox.local.published).filter_map(|row| {
                let at = entries.binary_search_by_key(row, |entry| entry.row).ok()?;
                entries.get(at)
            });
            let waits = gone.filter(|entry| {
                let same = entry.digest.is_some_and(|it| digests.contains(&it));
                let found = same || entry.content.is_some_and(|it| contents.contains(&it));
                let unseen = !found && self.may_have(entry);
                unseen || self.may_be_sent(&entry.identity())
            });
            let waiting: Vec<RowId> = waits.map(|entry| entry.row).collect();
            self.waiting.extend(waiting);
        }
    }

    fn add(&mut self, entries: &[Entry], side: Option<&LocalSide>) {
        let vanished: Option<BTreeSet<RowId>> = side.map(|side| {
            let gone = side.changes.vanished.iter();
            gone.chain(&side.changes.published).copied().collect()
        });
        for entry in entries {
            if vanished
                .as_ref()
                .is_none_or(|gone| gone.contains(&entry.row))
            {
                self.lost.extend(entry.digest);
                self.lost_contents.extend(entry.content);
                if entry.stamp != FileStamp::default() {
                    self.lost_stamps.insert(entry.stamp);
                }
            }
            if let Some(message_id) = entry.message_id {
                self.headers.insert((message_id, entry.size, entry.date));
            }
        }
        self.blind |= side.is_none();
        if let Some(side) = side {
            let new = side.changes.appeared.iter().map(|file| file.stamp.size);
            self.appeared.extend(new);
        }
    }
}
