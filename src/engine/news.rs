//! What listeners are to be told of: written to the outbox in the commit that makes it true, so that it is told neither
//! twice nor never, wherever a pass stops.
//!
//! Told is what a person would say happened to a message. Not told are pairings, comparisons, what is fetched or sent
//! again for a row that was known before, and what was there when a mailbox was first synced.

use std::collections::BTreeSet;

use super::context::{Home, Pass};
use super::fault::Fault;
use super::ports::{Clock, Store};
use crate::mail::{Digest, FlagDelta, Flags};
use crate::sync::{Change, FlagPlan, MailboxId, RowId, Side, Tidings, What};

/// What is written to the outbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Telling {
    /// Nothing: there are no listeners.
    #[default]
    Nothing,
    /// What happens in mailboxes that were synced whole once.
    News,
    /// The mail that was there before, too.
    Everything,
}

impl<P: Home> Pass<'_, P> {
    /// Finds out which mailboxes were synced whole before.
    pub(super) async fn listen(&self) -> Result<(), Fault> {
        let heard = self.store().heard().await?;
        self.heard.replace(heard);
        Ok(())
    }

    /// Whether what happens in a mailbox is news.
    pub(super) fn has_heard(&self, mailbox: MailboxId) -> bool {
        self.heard.borrow().mailboxes.contains(&mailbox)
    }

    /// Which of these contents listeners knew before: deleted once, they come back out of a trash, or into it.
    pub(super) async fn known_before(
        &self,
        digests: impl Iterator<Item = Option<Digest>>,
    ) -> Result<BTreeSet<Digest>, Fault> {
        if self.settings.telling == Telling::Nothing {
            return Ok(BTreeSet::new());
        }
        let digests: Vec<Digest> = digests.flatten().collect();
        self.store().deleted_contents(&digests).await
    }

    /// Something happened to a message; nothing if nobody listens.
    pub(super) fn news(
        &self,
        row: RowId,
        mailbox: MailboxId,
        side: Side,
        what: What,
    ) -> Option<Change> {
        // What is done to a message that has a row is done now, wherever it is: once the account is synced, only what
        // arrives can be old. Told in one mailbox and silent in the next, it would not hold together.
        let heard = |place: MailboxId| self.has_heard(place);
        let begun = self.heard.borrow().since.is_some();
        let old = match &what {
            What::Moved { from } => !begun && !heard(*from) && !heard(mailbox),
            What::New => !heard(mailbox),
            What::Flags { .. } | What::Deleted => !begun && !heard(mailbox),
        };
        let told = match self.settings.telling {
            Telling::Nothing => false,
            Telling::News => !old,
            Telling::Everything => true,
        };
        told.then(|| self.tidings(row, mailbox, side, what, old))
    }

    /// A message arrived that came to its mailbox at `date` (seconds since 1970), as far as that is known. In a mailbox that
    /// was never synced before it is new if it came after the account's first sync: a filter has made the mailbox for it.
    pub(super) fn arrived(
        &self,
        row: RowId,
        mailbox: MailboxId,
        side: Side,
        date: i64,
    ) -> Option<Change> {
        let since = self.heard.borrow().since;
        let late = since.is_some_and(|since| date >= since);
        let old = !self.has_heard(mailbox) && !late;
        let told = match self.settings.telling {
            Telling::Nothing => false,
            Telling::News => !old,
            Telling::Everything => true,
        };
        told.then(|| self.tidings(row, mailbox, side, What::New, old))
    }

    fn tidings(&self, row: RowId, mailbox: MailboxId, side: Side, what: What, old: bool) -> Change {
        Change::PutNews(Tidings {
            row,
            mailbox,
            side,
            at: self.clock().now(),
            old,
            what,
        })
    }

    /// A message is in another mailbox now; nothing if it is the same one.
    pub(super) fn moved(
        &self,
        row: RowId,
        from: MailboxId,
        to: MailboxId,
        side: Side,
    ) -> Option<Change> {
        (from != to)
            .then(|| self.news(row, to, side, What::Moved { from }))
            .flatten()
    }

    /// A message that was fetched again, or sent again, has these flags now.
    pub(super) fn flags_became(
        &self,
        row: RowId,
        mailbox: MailboxId,
        side: Side,
        before: &Flags,
        now: &Flags,
    ) -> Vec<Change> {
        let plan = FlagPlan {
            agreed: now.clone(),
            local: None,
            remote: match side {
                Side::Local => before.delta_to(now),
                Side::Remote => FlagDelta::default(),
            },
        };
        self.flagged(row, mailbox, before, &plan)
    }

    /// The agreed flags of a message become others. Who changed which follows from what had to be sent: that came from
    /// the Maildir, all else from the server.
    pub(super) fn flagged(
        &self,
        row: RowId,
        mailbox: MailboxId,
        before: &Flags,
        plan: &FlagPlan,
    ) -> Vec<Change> {
        let added = plan.agreed.minus(before);
        let removed = before.minus(&plan.agreed);
        let (sent, unsent) = (&plan.remote.add, &plan.remote.remove);
        let sides = [
            (
                Side::Local,
                added.intersection(sent),
                removed.intersection(unsent),
            ),
            (Side::Remote, added.minus(sent), removed.minus(unsent)),
        ];
        let some = sides
            .into_iter()
            .filter(|(_, added, removed)| !added.is_empty() || !removed.is_empty());
        some.filter_map(|(side, added, removed)| {
            self.news(row, mailbox, side, What::Flags { added, removed })
        })
        .collect()
    }
}
