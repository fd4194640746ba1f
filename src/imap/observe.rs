//! Looks at a mailbox whole, in one of three ways with one result: QRESYNC, CONDSTORE, or a plain listing.
//!
//! Absence has to be proven: what was listed must be as many as EXISTS says, or the call fails. Decides nothing.

mod listing;

use tokio::io::{AsyncRead, AsyncWrite};

use super::command::{Command, SET_LIMIT};
use super::error::{Error, Refusal};
use super::session::{Selected, Session};
use crate::engine::ports::KnownMailbox;
use crate::mail::{MailboxName, ModSeq, Uid, UidSet};
use crate::sync::{Presence, RemoteMessage, RemoteView};

pub(super) use listing::intersection;

use listing::Listing;

/// How often a listing is tried that others keep changing.
const TRIES: u32 = 3;

/// What a call found out besides what SELECT said.
struct Found {
    listed: Vec<RemoteMessage>,
    presence: Presence,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Selects a mailbox and observes it.
    pub(crate) async fn look(
        &mut self,
        mailbox: &MailboxName,
        known: Option<KnownMailbox<'_>>,
    ) -> Result<RemoteView, Error> {
        self.prepare().await?;
        let mut listing = Listing::default();
        let selected = self
            .select_for(mailbox, known.as_ref(), &mut listing)
            .await?;
        let quick = match trusted(known.as_ref(), &selected) {
            Some((known, since)) if listing.resynced => {
                self.by_resync(known, since, &selected, listing).await?
            }
            Some((known, since)) => self.by_modseq(known, since, &selected).await?,
            None => None,
        };
        let found = match quick {
            Some(found) => found,
            None => self.by_listing(mailbox).await?,
        };
        let exists = self
            .selected
            .as_ref()
            .map_or(selected.exists, |now| now.exists);
        Ok(RemoteView {
            uidvalidity: selected.uidvalidity,
            uidnext: selected.uidnext,
            modseq: selected.modseq,
            exists,
            permanent: selected.permanent,
            read_only: selected.read_only,
            listed: found.listed,
            presence: found.presence,
        })
    }

    /// SELECT, with QRESYNC (RFC 7162 section 3.2.5) where it helps.
    async fn select_for(
        &mut self,
        mailbox: &MailboxName,
        known: Option<&KnownMailbox<'_>>,
        listing: &mut Listing,
    ) -> Result<Selected, Error> {
        let since = known.and_then(|known| Some((known.uidvalidity, known.modseq?)));
        if let Some((uidvalidity, modseq)) = since.filter(|_| self.qresync && !self.distrust) {
            let with = format!(" (QRESYNC ({uidvalidity} {modseq}))");
            listing.resynced = true;
            match self
                .select_with(mailbox, &with, |untagged| listing.take(untagged))
                .await
            {
                Err(Error::Mailbox { refusal, .. }) if refusal.bad => {
                    tracing::warn!(%mailbox, %refusal, "QRESYNC does not work here, going on without");
                    self.distrust = true;
                }
                other => return other,
            }
        }
        *listing = Listing::default();
        let with = self.select_condstore();
        self.select_with(mailbox, with, |_| {}).await
    }

    /// Presence and changes from what came with SELECT (QRESYNC). `None` when it cannot be relied on.
    async fn by_resync(
        &mut self,
        known: &KnownMailbox<'_>,
        since: ModSeq,
        selected: &Selected,
        listing: Listing,
    ) -> Result<Option<Found>, Error> {
        let vanished = intersection(&listing.all_gone(), known.uids);
        let known_listed = listing
            .present()
            .iter()
            .filter(|uid| known.uids.contains(*uid))
            .count() as u64;
        let new = listing.present().len().saturating_sub(known_listed);
        let expected = known.uids.len().saturating_sub(vanished.len()) + new;
        let exists = u64::from(selected.exists);
        if exists < expected {
            tracing::warn!(mailbox = %selected.name, exists, expected, "QRESYNC leaves out what vanished, going on without");
            self.distrust = true;
            return Ok(None);
        }
        if exists > expected {
            // Messages that have no row may be older than the watermark: only their UIDs are missing.
            return self.by_uids(known, since, false, listing).await;
        }
        let presence = Presence::AllBut(vanished);
        self.complete(listing, UidSet::new(), presence)
            .await
            .map(Some)
    }

    /// Changes since a MODSEQ (RFC 7162 section 3.1.4.1), and presence only where something may be gone or new.
    async fn by_modseq(
        &mut self,
        known: &KnownMailbox<'_>,
        since: ModSeq,
        selected: &Selected,
    ) -> Result<Option<Found>, Error> {
        let changed = selected.modseq != Some(since);
        if !changed && u64::from(selected.exists) == known.uids.len() {
            return Ok(Some(Found {
                listed: Vec::new(),
                presence: Presence::AllBut(UidSet::new()),
            }));
        }
        self.by_uids(known, since, changed, Listing::default())
            .await
    }

    /// Changes, if there are any, and all UIDs in one flight.
    async fn by_uids(
        &mut self,
        known: &KnownMailbox<'_>,
        since: ModSeq,
        changed: bool,
        mut listing: Listing,
    ) -> Result<Option<Found>, Error> {
        let Some(before) = self.selected.clone() else {
            return Err(Error::NotSelected);
        };
        if before.exists == 0 {
            return Ok(None);
        }
        listing.expect(before.exists);
        let mut commands = Vec::new();
        if changed {
            let fetch = Command::new("FETCH", "UID FETCH 1:* (FLAGS) (CHANGEDSINCE ");
            commands.push(fetch.text(since).text(')'));
        }
        let search = if self.offers("ESEARCH") {
            "UID SEARCH RETURN (ALL) ALL"
        } else {
            "UID SEARCH ALL"
        };
        commands.push(Command::new("SEARCH", search));
        let outcomes = self
            .run(&commands, |untagged| listing.take(untagged))
            .await?;
        for outcome in outcomes {
            if let Err(refusal) = outcome.ok() {
                tracing::debug!(%refusal, "asking for everything instead");
                return Ok(None);
            }
        }
        let Some(all) = listing.found.take().flatten() else {
            return Ok(None);
        };
        let mut present = all;
        for uid in intersection(listing.gone(), &present).iter() {
            present.remove(uid);
        }
        present.extend(listing.present().iter());
        if !self.adds_up(&before, present.len()) {
            return Ok(None);
        }
        let mut unknown = UidSet::new();
        unknown.extend(present.iter().filter(|uid| !known.uids.contains(*uid)));
        self.complete(listing, unknown, Presence::Exactly(present))
            .await
            .map(Some)
    }

    /// Asks for the flags of what is listed without them.
    async fn complete(
        &mut self,
        mut listing: Listing,
        mut lacking: UidSet,
        mut presence: Presence,
    ) -> Result<Found, Error> {
        lacking.extend(listing.flagless());
        for uid in listing.flagged() {
            lacking.remove(uid);
        }
        let commands: Vec<Command> = lacking
            .chunks(SET_LIMIT)
            .iter()
            .map(|set| {
                Command::new("FETCH", "UID FETCH ")
                    .text(set)
                    .text(" (UID FLAGS)")
            })
            .collect();
        let outcomes = self
            .run(&commands, |untagged| listing.take(untagged))
            .await?;
        for outcome in outcomes {
            outcome
                .ok()
                .map_err(|refusal| self.about_selected(refusal))?;
        }
        // By ranges: a server may say that four billion messages are gone.
        match &mut presence {
            Presence::Exactly(set) => intersection(listing.gone(), set).iter().for_each(|uid| {
                set.remove(uid);
            }),
            // What went away meanwhile may not have been known before; that does no harm here.
            Presence::AllBut(set) => {
                for (low, high) in listing.gone().ranges() {
                    set.insert_range(low, high);
                }
            }
        }
        Ok(Found {
            listed: listing.into_messages(),
            presence,
        })
    }

    /// Everything, by `UID FETCH 1:*`.
    async fn by_listing(&mut self, mailbox: &MailboxName) -> Result<Found, Error> {
        let mut counted = (0, 0);
        for attempt in 0..TRIES {
            let Some(before) = self.selected.clone() else {
                return Err(Error::NotSelected);
            };
            if before.exists == 0 {
                return Ok(Found {
                    listed: Vec::new(),
                    presence: Presence::Exactly(UidSet::new()),
                });
            }
            let mut listing = Listing::of(before.exists);
            let command = Command::new("FETCH", "UID FETCH 1:* (UID FLAGS)");
            let outcome = self
                .run_one(command, |untagged| listing.take(untagged))
                .await?;
            outcome.ok().map_err(|refusal| Error::Mailbox {
                mailbox: mailbox.clone(),
                refusal,
            })?;
            let present = listing.present();
            if self.adds_up(&before, present.len()) {
                return Ok(Found {
                    listed: listing.into_messages(),
                    presence: Presence::Exactly(present),
                });
            }
            let exists = self.selected.as_ref().map_or(0, |now| now.exists);
            counted = (exists, present.len());
            tracing::debug!(%mailbox, attempt, exists, listed = present.len(), "a listing does not add up");
            self.run_one(Command::new("NOOP", "NOOP"), |_| {}).await?;
        }
        Err(Error::Inconsistent {
            mailbox: mailbox.clone(),
            exists: counted.0,
            listed: counted.1,
        })
    }

    fn about_selected(&self, refusal: Refusal) -> Error {
        match &self.selected {
            Some(selected) => Error::Mailbox {
                mailbox: selected.name.clone(),
                refusal,
            },
            None => Error::Refused(refusal),
        }
    }

    /// Whether so many UIDs are all there are. Those that came since `before` may be listed or not.
    fn adds_up(&self, before: &Selected, listed: u64) -> bool {
        let Some(now) = &self.selected else {
            return false;
        };
        let exists = u64::from(now.exists);
        let newer = now.grown.saturating_sub(before.grown);
        now.expunged == before.expunged
            && listed <= exists
            && listed >= exists.saturating_sub(newer)
    }
}

/// The watermark, if SELECT's answer leaves it worth something (RFC 7162 section 6: not when UIDVALIDITY changed, MODSEQ is
/// gone or went back, nor when UIDNEXT lies below what is known).
fn trusted<'a, 'b>(
    known: Option<&'b KnownMailbox<'a>>,
    selected: &Selected,
) -> Option<(&'b KnownMailbox<'a>, ModSeq)> {
    let known = known?;
    let since = known.modseq?;
    let same = selected.uidvalidity == Some(known.uidvalidity);
    let forward = selected.modseq.is_some_and(|now| now >= since);
    let last: Option<Uid> = known.uids.last();
    let sane = selected
        .uidnext
        .is_none_or(|next| last.is_none_or(|last| last < next));
    (same && forward && sane).then_some((known, since))
}
