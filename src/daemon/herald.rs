//! Empties an account's outbox: tells listeners what happened, carries out what they want, and forgets an event only
//! after that.
//!
//! It runs beside the account's task and never in its way: a listener that takes its time delays what it is told, not
//! the mail. Events of one mailbox are told in their order. What is told and not forgotten when the program ends is told
//! again, under the same number. Only a page of the outbox is in memory.

mod bounds;
mod holds;
mod subjects;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use self::bounds::Bounds;
use self::subjects::{Names, Page};
use super::bell::{Bell, Tale};
use super::view::Notice;
use crate::engine::ports::{Clock, LetterStore, Store};
use crate::engine::{Acted, Fault, Home, Problem, Settings, act};
use crate::mail::MailboxName;
use crate::sync::{Change, HoldId, NewsId, Occasion, Wanted};

/// Most events that are read at once: as many as a batch of a first sync has messages.
const PAGE: u32 = 512;
/// After a failure the outbox is looked at again not before this, and then after twice the time...
const SOON: Duration = Duration::from_secs(1);
/// ...up to this.
const LATE: Duration = Duration::from_secs(300);

/// What is told at once: events of one mailbox in their order, then that it is synced; or what concerns the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The mailbox that the events are of; `None` for what concerns the account.
    pub mailbox: Option<MailboxName>,
    /// Whether it is mail that was there before the mailbox was first synced: only for listeners that asked for it.
    pub old: bool,
    /// When the account was first synced, in seconds since 1970: what is older than that is no news to people.
    pub since: Option<i64>,
    /// What happened.
    pub occasions: Vec<Occasion>,
}

/// Who is told. An error is the listener's own affair: what it does not want to hear again it takes.
pub trait Listener {
    /// Is told, at least once, and says what it wants done. Until it returns nothing else of this account is told.
    async fn told(&mut self, account: &str, batch: &Batch) -> Vec<Wanted>;

    /// Whether it looks at the files in [`Occasion::MailboxSynced`]. Who does not is told of none.
    fn wants_files(&self) -> bool;

    /// When [`Self::tick`] is to be called; `None` for never, unless something is told before.
    fn due(&self) -> Option<Duration>;

    /// Time has passed: what it wants done.
    async fn tick(&mut self, account: &str) -> Vec<Wanted>;

    /// Is told at most once, after `told`: its wishes are carried out, as far as `acted` says, and the events are out of the
    /// outbox. Says what it wants done because of that.
    async fn done(&mut self, account: &str, batch: &Batch, acted: &Acted) -> Vec<Wanted>;

    /// What became of the wishes that `done` gave.
    fn answered(&mut self, account: &str, batch: &Batch, acted: &Acted);

    /// Holds that it was told of are not open any more.
    fn decided(&mut self, account: &str, ids: &[String]);
}

/// What telling led to.
#[derive(Debug, Default)]
pub struct Told {
    /// So many events were told.
    pub events: u64,
    /// What was done for listeners.
    pub acted: Acted,
}

impl Told {
    fn with(mut self, more: Self) -> Self {
        self.events += more.events;
        self.acted.absorb(more.acted);
        self
    }

    fn add(&mut self, events: usize, acted: Acted) {
        self.events += u64::try_from(events).unwrap_or(u64::MAX);
        self.acted.absorb(acted);
    }
}

/// Tells what happened in one account.
pub struct Herald<'p, P: Home<Store: LetterStore>, L> {
    parts: &'p P,
    settings: Settings,
    account: String,
    listener: L,
    bell: Rc<Bell>,
    names: Names,
    bounds: Bounds,
    problems: Vec<Problem>,
    state: String,
    /// Open holds that were told of, with so many deletions.
    holds: BTreeMap<HoldId, u64>,
    /// Nobody has looked for holds since the start.
    fresh: bool,
}

impl<P: Home<Store: LetterStore>, L> std::fmt::Debug for Herald<'_, P, L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Herald").finish_non_exhaustive()
    }
}

impl<'p, P: Home<Store: LetterStore>, L: Listener> Herald<'p, P, L> {
    /// For one account; `bell` rings when there is something to tell.
    pub fn new(
        parts: &'p P,
        settings: Settings,
        account: &str,
        listener: L,
        bell: Rc<Bell>,
    ) -> Self {
        Self {
            parts,
            settings,
            account: account.to_owned(),
            listener,
            bell,
            names: Names::default(),
            bounds: Bounds::default(),
            problems: Vec::new(),
            state: String::new(),
            holds: BTreeMap::new(),
            fresh: true,
        }
    }

    /// Tells until it is dropped, which may be at any time. `acted` hears what was done in the Maildir.
    pub async fn run(mut self, acted: impl Fn(Acted)) {
        let mut wait = SOON;
        loop {
            match self.empty().await {
                Ok(told) => {
                    wait = SOON;
                    acted(told.acted);
                    acted(self.tell_tales().await);
                    acted(self.tick().await);
                    self.wait().await;
                }
                Err(fault) => {
                    tracing::warn!("listeners cannot be told at the moment: {fault}");
                    self.parts.clock().sleep(wait).await;
                    wait = (wait * 2).min(LATE);
                }
            }
        }
    }

    /// Tells what there is while `work` goes on, and gives what that led to. What is being told when it is done may take
    /// `patience` longer.
    ///
    /// # Errors
    /// As for [`Self::empty`]: what was not told stays in the outbox.
    pub async fn beside<T>(
        &mut self,
        work: impl Future<Output = T>,
        patience: Duration,
    ) -> (T, Result<Told, Fault>) {
        let mut all = Told::default();
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return (done, Ok(all)),
                () = self.bell.rung() => {}
            }
            let mut telling = std::pin::pin!(self.empty());
            let told = tokio::select! {
                told = &mut telling => told,
                done = &mut work => {
                    let told = tokio::time::timeout(patience, telling).await;
                    let told = told.unwrap_or_else(|_| Ok(Told::default()));
                    return (done, told.map(|told| all.with(told)));
                }
            };
            match told {
                Ok(told) => all = all.with(told),
                Err(fault) => return (work.await, Err(fault)),
            }
        }
    }

    async fn tick(&mut self) -> Acted {
        if self.listener.due() != Some(Duration::ZERO) {
            return Acted::default();
        }
        let wanted = self.listener.tick(&self.account).await;
        self.try_carry_out(wanted).await
    }

    /// What is not told again is not wanted again either.
    async fn try_carry_out(&mut self, wanted: Vec<Wanted>) -> Acted {
        self.carry_out(wanted).await.unwrap_or_else(|fault| {
            tracing::warn!("wishes were not carried out: {fault}");
            Acted::default()
        })
    }

    async fn wait(&self) {
        let Some(due) = self.listener.due() else {
            return self.bell.rung().await;
        };
        tokio::select! {
            () = self.bell.rung() => {}
            () = self.parts.clock().sleep(due) => {}
        }
    }

    /// Tells everything that is in the outbox now.
    ///
    /// # Errors
    /// The state or the Maildir cannot be used; what was not told stays in the outbox.
    pub async fn empty(&mut self) -> Result<Told, Fault> {
        let mut told = Told::default();
        loop {
            let news = self.parts.store().news(PAGE).await?;
            if news.is_empty() {
                return Ok(told);
            }
            let mut page = Page::gather(self.parts, &mut self.names, news).await?;
            self.bounds.note(&mut page, self.parts.clock().now());
            for (batch, ids) in page.batches(self.listener.wants_files()) {
                let events = ids.len();
                let acted = self.tell(&batch, ids).await?;
                told.add(events, acted);
            }
        }
    }

    async fn tell(&mut self, batch: &Batch, ids: Vec<NewsId>) -> Result<Acted, Fault> {
        let mut acted = Acted::default();
        if !batch.occasions.is_empty() {
            let wanted = self.listener.told(&self.account, batch).await;
            acted = self.carry_out(wanted).await?;
        }
        // Nothing is shown of old mail that might be shown twice, and a first sync has enough to write.
        let drop = match batch.old {
            true => Change::DropOldNews(ids),
            false => Change::DropNews(ids),
        };
        self.parts.store().commit(vec![drop]).await?;
        if !batch.occasions.is_empty() {
            acted = self.tell_done(batch, acted).await;
        }
        Ok(acted)
    }

    /// Tells that all is done with, and carries out what is wanted because of that.
    async fn tell_done(&mut self, batch: &Batch, mut acted: Acted) -> Acted {
        let wanted = self.listener.done(&self.account, batch, &acted).await;
        let more = self.try_carry_out(wanted).await;
        self.listener.answered(&self.account, batch, &more);
        acted.absorb(more);
        acted
    }

    async fn carry_out(&mut self, wanted: Vec<Wanted>) -> Result<Acted, Fault> {
        if wanted.is_empty() {
            return Ok(Acted::default());
        }
        let now = self.parts.clock().now();
        let (wanted, refused) = self.bounds.allow(wanted, now);
        let mut acted = act(self.parts, &self.settings, &wanted).await?;
        self.bounds.made(&acted.copies, now);
        self.bounds.moved(&wanted, &acted, now);
        acted.refused.extend(refused);
        if let Some(line) = refusals(&acted.refused) {
            tracing::warn!("{line}");
        }
        if acted.skipped > 0 {
            let skipped = acted.skipped;
            tracing::info!(
                skipped,
                "messages that a listener wants something done to have gone"
            );
        }
        Ok(acted)
    }

    /// Tells what is not written down, all of it in one batch, and gives what that led to.
    pub async fn tell_tales(&mut self) -> Acted {
        let mut occasions = Vec::new();
        let mut look = std::mem::take(&mut self.fresh);
        for tale in self.bell.take() {
            match tale {
                Tale::State(state) if state != self.state => {
                    self.state.clone_from(&state);
                    occasions.push(Occasion::AccountState { state });
                }
                Tale::State(_) | Tale::Notice(Notice::NewMail { .. }) => {}
                Tale::Notice(Notice::HoldRaised { .. }) => look = true,
                Tale::Notice(Notice::Synced { complete, problems }) => {
                    look = true;
                    occasions.extend(self.errors(problems));
                    occasions.push(Occasion::AccountSynced { complete });
                }
            }
        }
        if look {
            occasions.extend(self.compare_holds().await);
        }
        if occasions.is_empty() {
            return Acted::default();
        }
        let batch = Batch {
            mailbox: None,
            old: false,
            since: None,
            occasions,
        };
        let wanted = self.listener.told(&self.account, &batch).await;
        let acted = self.try_carry_out(wanted).await;
        self.tell_done(&batch, acted).await
    }

    /// Problems that were not there before.
    fn errors(&mut self, problems: Vec<Problem>) -> Vec<Occasion> {
        let fresh = problems
            .iter()
            .filter(|problem| !self.problems.contains(problem));
        let told = fresh.map(|problem| Occasion::Error {
            mailbox: problem.mailbox.clone(),
            text: problem.text.clone(),
        });
        let told = told.collect();
        self.problems = problems;
        told
    }
}

/// What is said of wishes that were not carried out: one line, however many there are.
fn refusals(refused: &[(Wanted, String)]) -> Option<String> {
    let (wish, why) = refused.first()?;
    let (mailbox, file) = (&wish.mailbox, &wish.local);
    let more = match refused.len() {
        1 => String::new(),
        count => format!("; with it {} more", count - 1),
    };
    Some(format!(
        "a listener's wish for {file} in {mailbox} was not carried out: {why}{more}"
    ))
}
