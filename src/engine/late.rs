//! Mail that the server carried out after all, long after it was sent again.
//!
//! The octets of a dead connection may wait on the server for longer than anybody waits for them. An APPEND (or COPY) that is
//! given up stays written down for a day; what it makes then is removed, provided that it is certainly ours and one
//! too many: a message that is new in the mailbox it was sent to, with a UID that was free before it was sent, with
//! the flags and the date it was sent with, the same octet by octet as a message that is there, with a row or moved
//! just now.

use std::collections::BTreeMap;

use super::context::{Mode, Pass, Ports};
use super::fault::{Fault, Reach};
use super::observe::{Observed, ask_server};
use super::pool::Pool;
use super::ports::{BodySink, Clock, Remote, Store};
use crate::content::ContentHasher;
use crate::mail::{Content, Digest, Flags, Identity, MailboxName, Uid, UidSet};
use crate::sync::{Change, Deletions, Entry, Intent, IntentId, IntentKind, MailboxId};

/// So long after it was sent, in seconds, an APPEND or a COPY may still be carried out.
const WATCH: i64 = 24 * 3600;

/// What becomes of a COPY of this message (alone or as half of a move) that was not found, likewise.
pub(super) fn copy_given_up(intent: &Intent, source: Option<&Entry>) -> Change {
    let (
        IntentKind::Transfer {
            to,
            uidvalidity,
            uidnext,
            ..
        },
        Some(source),
    ) = (&intent.kind, source)
    else {
        return Change::DropIntent(intent.id);
    };
    Change::PutIntent(Intent {
        id: intent.id,
        kind: IntentKind::Overdue {
            copied: true,
            mailbox: *to,
            identity: source.identity(),
            flags: source.flags.clone(),
            uidvalidity: *uidvalidity,
            uidnext: *uidnext,
        },
        since: intent.since,
    })
}

/// What becomes of an intent whose message was not found: it is written down as one that may come late.
pub(super) fn given_up(intent: &Intent) -> Change {
    match &intent.kind {
        IntentKind::Upload {
            mailbox,
            identity,
            flags,
            uidvalidity,
            uidnext,
            ..
        } => Change::PutIntent(Intent {
            id: intent.id,
            kind: IntentKind::Overdue {
                copied: false,
                mailbox: *mailbox,
                identity: *identity,
                flags: flags.clone(),
                uidvalidity: *uidvalidity,
                uidnext: *uidnext,
            },
            since: intent.since,
        }),
        IntentKind::Transfer { .. } | IntentKind::Overdue { .. } => Change::DropIntent(intent.id),
    }
}

/// A message that may be what an APPEND or a COPY made that was given up.
struct Suspect {
    intent: IntentId,
    /// It was a COPY: only with another one in the same mailbox is it one too many. Elsewhere they are as common as
    /// what is copied.
    copied: bool,
    mailbox: MailboxId,
    uid: Uid,
    digest: Digest,
}

/// Removes what came late, and forgets what comes no more.
pub(super) async fn remove_twins<P: Ports>(
    pass: &Pass<'_, P>,
    pool: &Pool<P>,
    observed: &mut Observed,
) -> Result<(), Fault> {
    let policy = &pass.settings.policy;
    let allowed = policy.push.deletions && policy.deletions != Deletions::Never;
    if pass.mode == Mode::DryRun || !allowed {
        return Ok(());
    }
    let mut watched = pass.store().intents().await?;
    watched.retain(|intent| matches!(intent.kind, IntentKind::Overdue { .. }));
    if watched.is_empty() {
        return Ok(());
    }
    forget_old(pass, &mut watched).await?;
    let unknown = new_ones(observed, &watched);
    if unknown.is_empty() {
        return Ok(());
    }
    ask_server(pass, pool, observed, unknown).await?;
    for intent in &watched {
        if let Some(suspect) = suspect(observed, intent) {
            match remove_if_twin(pass, pool, observed, &suspect).await {
                Err(fault) if fault.reach >= Reach::Connection => {
                    return Err(fault.at_least(Reach::Account));
                }
                // What could not be asked is asked again in the next pass; until then it is no new mail.
                Err(_) => {
                    let twin = UidSet::from_range(suspect.uid, suspect.uid);
                    observed.ignore_messages(suspect.mailbox, &twin);
                }
                Ok(()) => {}
            }
        }
    }
    Ok(())
}

async fn forget_old<P: Ports>(pass: &Pass<'_, P>, watched: &mut Vec<Intent>) -> Result<(), Fault> {
    let now = pass.clock().now();
    let over = |intent: &Intent| now.saturating_sub(intent.since) > WATCH;
    let old: Vec<Change> = watched
        .iter()
        .filter(|intent| over(intent))
        .map(|intent| Change::DropIntent(intent.id))
        .collect();
    watched.retain(|intent| !over(intent));
    pass.commit(old).await
}

/// Messages whose identity has to be known, by mailbox.
fn new_ones(observed: &Observed, watched: &[Intent]) -> BTreeMap<MailboxId, UidSet> {
    let mut unknown: BTreeMap<MailboxId, UidSet> = BTreeMap::new();
    for intent in watched {
        let Some((mailbox, _, uids)) = possible(observed, intent) else {
            continue;
        };
        if !uids.is_empty() {
            unknown.entry(mailbox).or_default().extend(uids);
        }
    }
    unknown
}

/// New messages that the flags and the UID do not exclude.
fn possible<'i>(
    observed: &Observed,
    intent: &'i Intent,
) -> Option<(MailboxId, &'i Identity, Vec<Uid>)> {
    let IntentKind::Overdue {
        mailbox,
        identity,
        flags,
        uidvalidity,
        uidnext,
        ..
    } = &intent.kind
    else {
        return None;
    };
    let input = observed.mailbox(*mailbox)?;
    let seen = observed.facts.get(mailbox)?.uidvalidity;
    if seen != Some(*uidvalidity) || input.remote.renumbered || !input.writable {
        return None;
    }
    // Whoever touched it since may want it.
    let sent = input.permanent.kept(flags);
    let appeared = input.remote.appeared.iter();
    let fits = appeared.filter(|found| found.uid >= *uidnext && found.flags == sent);
    Some((*mailbox, identity, fits.map(|found| found.uid).collect()))
}

fn suspect(observed: &Observed, intent: &Intent) -> Option<Suspect> {
    let (mailbox, sent, uids) = possible(observed, intent)?;
    let digest = sent.digest?;
    let may_be_it = |uid: &Uid| {
        let known = observed.known.remote.get(&(mailbox, *uid));
        known.is_some_and(|known| {
            known.size == sent.size
                && known.message_id == sent.message_id
                && known.date == sent.date
        })
    };
    let uid = uids.into_iter().find(may_be_it)?;
    let copied = matches!(intent.kind, IntentKind::Overdue { copied: true, .. });
    Some(Suspect {
        intent: intent.id,
        copied,
        mailbox,
        uid,
        digest,
    })
}

async fn remove_if_twin<P: Ports>(
    pass: &Pass<'_, P>,
    pool: &Pool<P>,
    observed: &mut Observed,
    suspect: &Suspect,
) -> Result<(), Fault> {
    let Some(name) = observed.name(suspect.mailbox).cloned() else {
        return Ok(());
    };
    let twin = UidSet::from_range(suspect.uid, suspect.uid);
    let mut others = alike(pass, pool, observed, suspect).await?;
    let mut originals = pass.store().with_digest(&[suspect.digest]).await?;
    if suspect.copied {
        others.retain(|(mailbox, _)| *mailbox == name);
        originals.retain(|row| row.mailbox == suspect.mailbox);
    }
    let mut remote = pool.take(pass).await?;
    // Without UID EXPUNGE others' messages could go with it.
    let proven =
        remote.abilities().uidplus && is_content(&mut remote, &name, &twin, suspect.digest).await?;
    let lives = proven
        && (any_lives(pass, &mut remote, &originals).await?
            || any_is(&mut remote, &others, suspect.digest).await?);
    if lives {
        pass.announce().await?;
        remote.select(&name).await?;
        if remote.expunge(&twin).await? {
            pass.commit(vec![Change::DropIntent(suspect.intent)])
                .await?;
        }
        observed.ignore_messages(suspect.mailbox, &twin);
    } else if proven && pass.is_narrow() {
        // The other one may have been moved to where this pass does not look.
        pass.came_from_elsewhere();
        observed.ignore_messages(suspect.mailbox, &twin);
    }
    pool.give(remote);
    Ok(())
}

/// Other messages without rows that look like it: the other one may have been moved just now, by anybody.
async fn alike<P: Ports>(
    pass: &Pass<'_, P>,
    pool: &Pool<P>,
    observed: &mut Observed,
    suspect: &Suspect,
) -> Result<Vec<(MailboxName, Uid)>, Fault> {
    let mut unknown: BTreeMap<MailboxId, UidSet> = BTreeMap::new();
    for (mailbox, _, uid) in observed.new_messages() {
        if !observed.known.remote.contains_key(&(mailbox, uid)) {
            unknown.entry(mailbox).or_default().extend([uid]);
        }
    }
    ask_server(pass, pool, observed, unknown).await?;
    let own = (suspect.mailbox, suspect.uid);
    let known = &observed.known.remote;
    let Some(sent) = known.get(&own) else {
        return Ok(Vec::new());
    };
    let others = observed.new_messages().filter(|(mailbox, _, uid)| {
        let found = known.get(&(*mailbox, *uid));
        let same = |it: &Identity| it.size == sent.size && it.message_id == sent.message_id;
        (*mailbox, *uid) != own && found.is_some_and(same)
    });
    Ok(others.map(|(_, name, uid)| (name.clone(), uid)).collect())
}

/// Whether one of these messages has this content.
async fn any_is<R: Remote>(
    remote: &mut R,
    messages: &[(MailboxName, Uid)],
    digest: Digest,
) -> Result<bool, Fault> {
    for (mailbox, uid) in messages {
        let uid = UidSet::from_range(*uid, *uid);
        if is_content(remote, mailbox, &uid, digest).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the server still has the message of one of these rows, asked afresh.
async fn any_lives<P: Ports, R: Remote>(
    pass: &Pass<'_, P>,
    remote: &mut R,
    rows: &[Entry],
) -> Result<bool, Fault> {
    let mailboxes = pass.store().mailboxes().await?;
    for row in rows {
        let record = mailboxes.iter().find(|record| record.id == row.mailbox);
        let (Some(record), Some(uid)) = (record, row.uid) else {
            continue;
        };
        let selected = remote.select(&record.name).await?;
        let there = remote.existing(&UidSet::from_range(uid, uid)).await?;
        if selected == record.uidvalidity && there.contains(uid) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a message has this content, by reading it.
pub(super) async fn is_content<R: Remote>(
    remote: &mut R,
    mailbox: &MailboxName,
    uid: &UidSet,
    digest: Digest,
) -> Result<bool, Fault> {
    remote.select(mailbox).await?;
    Ok(content_of(remote, uid).await? == Some(digest))
}

/// The content of one message of the selected mailbox, by reading it.
pub(super) async fn content_of<R: Remote>(
    remote: &mut R,
    uid: &UidSet,
) -> Result<Option<Digest>, Fault> {
    Ok(read(remote, uid).await?.map(|(digest, _)| digest))
}

/// The digest of a message of the selected mailbox and its canonical content; `None` if it is not there.
pub(super) async fn read<R: Remote>(
    remote: &mut R,
    uid: &UidSet,
) -> Result<Option<(Digest, Content)>, Fault> {
    let mut reading = Reading::default();
    remote.fetch(uid, &mut reading).await?;
    Ok(reading.found)
}

/// Computes the digests of what is fetched.
#[derive(Default)]
struct Reading {
    hasher: ContentHasher,
    found: Option<(Digest, Content)>,
}

impl BodySink for Reading {
    async fn begin(&mut self, _: Uid, _: u64, _: i64, _: Option<Flags>) -> Result<(), Fault> {
        self.hasher = ContentHasher::new();
        Ok(())
    }

    async fn write(&mut self, octets: &[u8]) -> Result<(), Fault> {
        self.hasher.update(octets);
        Ok(())
    }

    async fn end(&mut self) -> Result<(), Fault> {
        self.found = Some(std::mem::take(&mut self.hasher).finish());
        Ok(())
    }
}
