//! Who is told of what happens in an account, in which order: hooks as the configuration has them, then the desktop.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use super::desktop::rules;
use super::hooks::{self, Board, Stage};
use crate::cli::progress::AccountProgress;
use crate::config::{Account, Config};
use crate::daemon::{Batch, Herald, Listener, Notice, Tale};
use crate::desktop::Desktop;
use crate::engine::ports::{LetterStore, Store};
use crate::engine::{Acted, Fault, Home, Settings, Telling};
use crate::sync::{Change, Wanted};

/// How long a pass without a daemon waits for listeners in all. What they were not told by then stays in the outbox.
const PATIENCE: Duration = Duration::from_secs(60);
/// So many times what listeners did is synced, and they are told of that.
const ROUNDS: u32 = 3;
/// So much of an outbox that nobody wants is forgotten at once.
const PAGE: u32 = 1000;

/// What a listener does, some time.
pub type Doing<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// One listener: a hook, or the desktop.
pub trait Ear {
    /// Whether it wants to know of the mail that was there before the first sync.
    fn wants_old(&self) -> bool {
        false
    }

    /// Whether it looks at the files that changed when it is told that a mailbox is synced. To list them takes a while.
    fn wants_files(&self) -> bool {
        true
    }

    /// Gets ready, before it is told anything.
    fn begin<'a>(&'a mut self, account: &'a str) -> Doing<'a, ()> {
        let _ = account;
        Box::pin(std::future::ready(()))
    }

    /// When [`Ear::tick`] is to be called.
    fn due(&self) -> Option<Duration> {
        None
    }

    /// Time has passed: what it wants done.
    fn tick<'a>(&'a mut self, account: &'a str) -> Doing<'a, Vec<Wanted>> {
        let _ = account;
        Box::pin(std::future::ready(Vec::new()))
    }

    /// Is told, at least once, and says what it wants done. It must come to an end by itself: until it does, nothing
    /// else of this account is told. The sync does not wait for it.
    fn told<'a>(&'a mut self, account: &'a str, batch: &'a Batch) -> Doing<'a, Vec<Wanted>>;

    /// Is told at most once, after all were told and their wishes were carried out, as far as `acted` says; what it wants
    /// done because of that.
    fn done<'a>(
        &'a mut self,
        account: &'a str,
        batch: &'a Batch,
        acted: &'a Acted,
    ) -> Doing<'a, Vec<Wanted>> {
        let _ = (account, batch, acted);
        Box::pin(std::future::ready(Vec::new()))
    }

    /// What became of the wishes that [`Ear::done`] gave.
    fn answered(&mut self, account: &str, batch: &Batch, acted: &Acted) {
        let _ = (account, batch, acted);
    }

    /// Held deletions of which it was told wait for nobody any more.
    fn decided(&mut self, account: &str, ids: &[String]) {
        let _ = (account, ids);
    }
}

/// Makes an account's listeners, each time its task starts.
pub type Makes = Rc<dyn Fn(&Config, &Account, &Rc<Board>) -> Listeners>;

/// An account of which something is told.
pub(super) trait Told: Home<Store: LetterStore, Observer = AccountProgress> {}

impl<P: Home<Store: LetterStore, Observer = AccountProgress>> Told for P {}

/// The listeners of one account, in order.
#[derive(Default)]
pub struct Listeners {
    ears: Vec<Box<dyn Ear>>,
}

impl std::fmt::Debug for Listeners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listeners")
            .field("ears", &self.ears.len())
            .finish()
    }
}

impl Listeners {
    /// Those of the configuration, without the desktop if nothing of the account is to be shown there.
    #[must_use]
    pub fn of(
        config: &Config,
        account: &Account,
        board: &Rc<Board>,
        desktop: Option<Rc<Desktop>>,
    ) -> Self {
        let specs = hooks::specs(config, account);
        let desktop = desktop.filter(|_| account.notify.mailboxes.takes_anything_in());
        if specs.is_empty() && desktop.is_none() {
            return Self::default();
        }
        let rules = rules(account);
        let stage = Stage::new(specs, Rc::clone(board), desktop, rules);
        Self::default().with(stage.over(config, account))
    }

    /// One more, told after the others.
    #[must_use]
    pub fn with(mut self, ear: impl Ear + 'static) -> Self {
        self.ears.push(Box::new(ear));
        self
    }

    /// What has to be written down for them.
    #[must_use]
    pub fn telling(&self) -> Telling {
        match self.ears.iter().map(|ear| ear.wants_old()).max() {
            None => Telling::Nothing,
            Some(false) => Telling::News,
            Some(true) => Telling::Everything,
        }
    }

    async fn begin(&mut self, account: &str) {
        for ear in &mut self.ears {
            ear.begin(account).await;
        }
    }

    /// Tells until it is dropped, at once what is left from before. Never ends. `acted` hears what was done.
    pub(super) async fn hear<P: Told>(
        mut self,
        parts: &P,
        settings: Settings,
        account: &str,
        acted: impl Fn(Acted),
    ) {
        if self.ears.is_empty() {
            if let Err(fault) = forget(parts).await {
                tracing::warn!("the outbox was not emptied: {fault}");
            }
            return std::future::pending().await;
        }
        self.begin(account).await;
        let bell = parts.observer().bell();
        let herald = Herald::new(parts, settings, account, self, bell);
        herald.run(acted).await;
    }

    /// Tells what there is, while `pass` goes on and after it, and how that `ended`; has what listeners did synced by
    /// `again`, and tells of that, within bounds.
    ///
    /// Gives what the pass gave, and an error when the state or the Maildir cannot be used.
    pub(super) async fn hear_once<P: Told, T>(
        mut self,
        parts: &P,
        settings: Settings,
        account: &str,
        pass: impl Future<Output = T>,
        ended: impl FnOnce(&T) -> Notice,
        mut again: impl AsyncFnMut(),
    ) -> (T, Result<(), Fault>) {
        if self.ears.is_empty() {
            return (pass.await, forget(parts).await);
        }
        let mut pass = std::pin::pin!(pass);
        let mut early = None;
        {
            // Scripts are loaded while the connection is being made.
            let mut begun = std::pin::pin!(self.begin(account));
            tokio::select! {
                done = &mut pass => {
                    early = Some(done);
                    begun.await;
                }
                () = &mut begun => {}
            }
        }
        let bell = parts.observer().bell();
        let mut herald = Herald::new(parts, settings, account, self, Rc::clone(&bell));
        let (done, told) = match early {
            Some(done) => (done, Ok(Default::default())),
            None => herald.beside(pass, PATIENCE).await,
        };
        let acted: Acted = match told {
            Ok(told) => told.acted,
            Err(fault) => return (done, Err(fault)),
        };
        let mut touched = !acted.touched.is_empty();
        bell.say(Tale::Notice(ended(&done)));
        let rounds = async {
            for _ in 0..ROUNDS {
                let told = herald.empty().await?;
                let acts = herald.tell_tales().await;
                if !touched && told.acted.touched.is_empty() && acts.touched.is_empty() {
                    break;
                }
                touched = false;
                again().await;
            }
            Ok(())
        };
        let Ok(told) = tokio::time::timeout(PATIENCE, rounds).await else {
            tracing::warn!(
                "hooks take their time; what they were not told they are told the next time"
            );
            return (done, Ok(()));
        };
        (done, told)
    }
}

/// What nobody listens to is not kept: whoever listens later wants to know of what happens then.
async fn forget(parts: &impl Told) -> Result<(), Fault> {
    loop {
        let news = parts.store().news(PAGE).await?;
        if news.is_empty() {
            return Ok(());
        }
        let all = news.into_iter().map(|news| news.id).collect();
        parts.store().commit(vec![Change::DropNews(all)]).await?;
    }
}

impl Listener for Listeners {
    async fn told(&mut self, account: &str, batch: &Batch) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        for ear in &mut self.ears {
            if !batch.old || ear.wants_old() {
                wanted.extend(ear.told(account, batch).await);
            }
        }
        wanted
    }

    fn wants_files(&self) -> bool {
        self.ears.iter().any(|ear| ear.wants_files())
    }

    fn due(&self) -> Option<Duration> {
        self.ears.iter().filter_map(|ear| ear.due()).min()
    }

    async fn tick(&mut self, account: &str) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        for ear in &mut self.ears {
            wanted.extend(ear.tick(account).await);
        }
        wanted
    }

    async fn done(&mut self, account: &str, batch: &Batch, acted: &Acted) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        for ear in &mut self.ears {
            if !batch.old || ear.wants_old() {
                wanted.extend(ear.done(account, batch, acted).await);
            }
        }
        wanted
    }

    fn answered(&mut self, account: &str, batch: &Batch, acted: &Acted) {
        for ear in &mut self.ears {
            ear.answered(account, batch, acted);
        }
    }

    fn decided(&mut self, account: &str, ids: &[String]) {
        for ear in &mut self.ears {
            ear.decided(account, ids);
        }
    }
}
