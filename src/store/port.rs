//! The ports [`Store`] and [`LetterStore`] on top of the thread that has the connection.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use super::{SqliteStore, StoreError, query, random_hex};
use crate::engine::Fault;
use crate::engine::ports::{LetterStore, Serial, StateId, Store};
use crate::mail::Digest;
use crate::sync::{
    Absent, Base, Change, Deletion, Entry, Heard, Hold, Intent, Letter, MailboxId, MailboxRecord,
    Naming, News, Parked, Rest, RowId,
};

#[allow(
    clippy::redundant_closure_for_method_calls,
    reason = "a method's path is not general enough over the session's lifetime"
)]
impl Store for SqliteStore {
    async fn id(&self) -> Result<StateId, Fault> {
        Ok(self.call(|session| session.id()).await?)
    }

    async fn set_epoch(&self, epoch: u64, pending: Option<u64>) -> Result<(), Fault> {
        Ok(self
            .call(move |session| session.set_epoch(epoch, pending))
            .await?)
    }

    async fn start_over(&self) -> Result<StateId, Fault> {
        Ok(self.call(|session| session.start_over()).await?)
    }

    async fn mailboxes(&self) -> Result<Vec<MailboxRecord>, Fault> {
        self.ask("read the mailboxes", query::mailboxes).await
    }

    async fn base(&self, mailbox: MailboxId) -> Result<Base, Fault> {
        let read = move |conn: &rusqlite::Connection| query::base(conn, mailbox);
        let missing = || StoreError::NoMailbox {
            path: self.path.clone(),
            number: mailbox.0,
        };
        let base = self.ask("read a mailbox", read).await?;
        Ok(base.ok_or_else(missing)?)
    }

    async fn rests(&self) -> Result<BTreeMap<MailboxId, Rest>, Fault> {
        self.ask("read which folders rest", query::rests).await
    }

    async fn count(&self, mailbox: MailboxId) -> Result<u64, Fault> {
        self.ask("count messages", move |conn| query::count(conn, mailbox))
            .await
    }

    async fn with_digest(&self, digests: &[Digest]) -> Result<Vec<Entry>, Fault> {
        let digests = digests.to_vec();
        self.ask("look for content", move |conn| {
            query::with_digest(conn, &digests)
        })
        .await
    }

    async fn entries(&self, rows: &[RowId]) -> Result<Vec<Entry>, Fault> {
        let rows = rows.to_vec();
        self.ask("read messages", move |conn| query::entries(conn, &rows))
            .await
    }

    async fn reserve_rows(&self, count: u32) -> Result<RowId, Fault> {
        let before = self
            .counters
            .entry
            .fetch_add(i64::from(count), Ordering::Relaxed);
        Ok(RowId(before + 1))
    }

    async fn reserve(&self, what: Serial) -> Result<i64, Fault> {
        let counter = match what {
            Serial::Mailbox => &self.counters.mailbox,
            Serial::Intent => &self.counters.intent,
            Serial::Hold => &self.counters.hold,
        };
        Ok(counter.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn random_id(&self) -> Result<String, Fault> {
        Ok(random_hex()?)
    }

    async fn intents(&self) -> Result<Vec<Intent>, Fault> {
        self.ask("read intents", query::intents).await
    }

    async fn parked(&self) -> Result<Vec<Parked>, Fault> {
        self.ask("read parked messages", query::parked).await
    }

    async fn holds(&self) -> Result<Vec<Hold>, Fault> {
        self.ask("read holds", query::holds).await
    }

    async fn deletions(&self, since: i64) -> Result<Vec<Deletion>, Fault> {
        self.ask("read deletions", move |conn| query::deletions(conn, since))
            .await
    }

    async fn heard(&self) -> Result<Heard, Fault> {
        self.ask("read the mailboxes", query::heard).await
    }

    async fn absent(&self) -> Result<Option<Absent>, Fault> {
        self.ask("read the mailboxes", query::absent).await
    }

    async fn naming(&self) -> Result<Option<Naming>, Fault> {
        self.ask("read how mailboxes are called", query::naming)
            .await
    }

    async fn news(&self, most: u32) -> Result<Vec<News>, Fault> {
        self.ask("read the outbox", move |conn| query::news(conn, most))
            .await
    }

    async fn deleted_contents(&self, digests: &[Digest]) -> Result<BTreeSet<Digest>, Fault> {
        let digests = digests.to_vec();
        self.ask("read deletions", move |conn| {
            query::deleted_contents(conn, &digests)
        })
        .await
    }

    async fn deleted(&self, rows: &[RowId]) -> Result<Vec<Deletion>, Fault> {
        let rows = rows.to_vec();
        self.ask("read deletions", move |conn| query::deleted(conn, &rows))
            .await
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<(), Fault> {
        if changes.is_empty() {
            return Ok(());
        }
        Ok(self.call(move |session| session.commit(&changes)).await?)
    }
}

impl LetterStore for SqliteStore {
    async fn letters(&self) -> Result<Vec<Letter>, Fault> {
        self.ask("read letters", query::letters).await
    }
}
