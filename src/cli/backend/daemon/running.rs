//! One account that runs: its task, and how to reach it.

mod letters;

use std::cell::RefCell;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tracing::Instrument as _;

use self::letters::LetterTask;
use super::requests::{state_of, state_word};
use crate::cli::backend::account::{Parts, settings};
use crate::cli::backend::hooks::{self, Board};
use crate::cli::backend::letters::LetterParts;
use crate::cli::backend::listeners::{Listeners, Makes};
use crate::cli::progress::Terminal;
use crate::config::{Account, Config, Hook, ImapAccount, Protocol};
use crate::daemon::{self, Bell, Notice, Options, Order, Tale, View};
use crate::engine::{self, Acted, Fault, Home as _, Settings, Telling};
use crate::sync::Wanted;

/// How long the task that had the account before may take to let go of it.
const LETTING_GO: Duration = Duration::from_secs(2);

/// Something of an account: a notice, or that its view has changed.
pub(super) struct Told {
    pub(super) account: String,
    pub(super) notice: Option<Notice>,
}

/// What is done to messages, some time.
type Acting = Pin<Box<dyn Future<Output = Result<Acted, Fault>>>>;

/// A running account. Dropping it has it end by itself.
pub(super) struct Running {
    pub(super) account: Account,
    /// What an IMAP account is made of; nothing for others.
    pub(super) parts: Rc<RefCell<Option<Rc<Parts>>>>,
    /// What a POP3 account is made of; nothing for others.
    letters: Rc<RefCell<Option<Rc<LetterParts>>>>,
    hooks: Vec<Hook>,
    /// Its hooks, as they are.
    pub(super) board: Rc<Board>,
    orders: mpsc::UnboundedSender<Order>,
    view: watch::Receiver<View>,
    /// Where its state is.
    state: PathBuf,
    task: JoinHandle<()>,
}

impl Running {
    /// Starts an account's task, once `before`, which had the account until now, has let go of it.
    pub(super) fn start(
        config: &Config,
        account: &Account,
        makes: Makes,
        tell: mpsc::UnboundedSender<Told>,
        before: Option<Self>,
    ) -> Self {
        let (orders, taken) = mpsc::unbounded_channel();
        let (show, view) = watch::channel(View::default());
        let (parts, letters) = (Rc::default(), Rc::default());
        let board: Rc<Board> = Rc::default();
        let hearing = Hearing {
            makes,
            board: Rc::clone(&board),
            orders: orders.downgrade(),
        };
        let life = Rc::new(life(config, account, &parts, &letters, hearing));
        let span = tracing::error_span!("account", account = %account.name);
        let name = account.name.to_string();
        let changes = pass_on_changes(name, view.clone(), tell.clone());
        let live = {
            let (show, span) = (show.clone(), span.clone());
            move |orders| {
                let (life, show, tell) = (Rc::clone(&life), show.clone(), tell.clone());
                async move { life.live(orders, show, tell).await }.instrument(span.clone())
            }
        };
        let kept = async move {
            if let Some(before) = before {
                // One that takes longer is found to have it still.
                let _ = tokio::time::timeout(LETTING_GO, before.ended()).await;
            }
            daemon::keep(taken, &show, live).await;
        };
        let task = tokio::task::spawn_local(
            async move {
                tokio::select! {
                    () = kept => {}
                    () = changes => {}
                }
            }
            .instrument(span),
        );
        Self {
            account: account.clone(),
            parts,
            letters,
            hooks: hooks::of(config, account).cloned().collect(),
            board,
            orders,
            view,
            state: config.state_dir.clone(),
            task,
        }
    }

    /// Whether it runs just so, with these hooks.
    pub(super) fn is(&self, config: &Config, account: &Account) -> bool {
        if self.task.is_finished() || self.state != config.state_dir {
            return false;
        }
        if !hooks::of(config, account).eq(self.hooks.iter()) {
            return false;
        }
        // Everything but secrets shows in it.
        self.account.secret == account.secret
            && format!("{:?}", self.account) == format!("{account:?}")
    }

    pub(super) fn order(&self, order: Order) {
        // It has ended by itself: there is nobody to be told.
        let _ = self.orders.send(order);
    }

    /// For whoever has orders later.
    pub(super) fn sender(&self) -> mpsc::UnboundedSender<Order> {
        self.orders.clone()
    }

    pub(super) fn view(&self) -> View {
        self.view.borrow().clone()
    }

    /// The user's wishes for an IMAP account; `None` for others.
    pub(super) fn settings(&self) -> Option<Settings> {
        match &self.account.protocol {
            Protocol::Imap(imap) => Some(settings(imap)),
            Protocol::Pop3(_) => None,
        }
    }

    /// Has this done to messages; `None` while the account is not open.
    pub(super) fn act(&self, wanted: Vec<Wanted>) -> Option<Acting> {
        if let Some(parts) = self.parts.borrow().clone() {
            let settings = self.settings()?;
            return Some(Box::pin(async move {
                engine::act(&*parts, &settings, &wanted).await
            }));
        }
        let parts = self.letters.borrow().clone()?;
        Some(Box::pin(async move {
            engine::act(&*parts, &engine::letter_acts(), &wanted).await
        }))
    }

    /// Messages carried over in the pass that is under way, and how many there are to be.
    pub(super) fn messages(&self) -> (u64, u64) {
        let imap = self.parts.borrow();
        let letters = self.letters.borrow();
        let imap = imap.as_ref().map(|parts| parts.observer().messages());
        let letters = letters.as_ref().map(|parts| parts.observer().messages());
        imap.or(letters).unwrap_or_default()
    }

    pub(super) async fn ended(self) {
        let _ = self.task.await;
    }
}

/// Tells of each change of the view.
async fn pass_on_changes(
    account: String,
    mut view: watch::Receiver<View>,
    tell: mpsc::UnboundedSender<Told>,
) {
    while view.changed().await.is_ok() {
        view.borrow_and_update();
        let told = Told {
            account: account.clone(),
            notice: None,
        };
        if tell.send(told).is_err() {
            break;
        }
    }
    // Whoever waits for both is ended by the account itself.
    std::future::pending::<()>().await;
}

/// The task of either kind of account.
enum Life {
    Imap(Box<Task>),
    Pop3(Box<LetterTask>),
}

fn life(
    config: &Config,
    account: &Account,
    parts: &Rc<RefCell<Option<Rc<Parts>>>>,
    letters: &Rc<RefCell<Option<Rc<LetterParts>>>>,
    hearing: Hearing,
) -> Life {
    let (config, account) = (config.clone(), account.clone());
    match &account.protocol {
        Protocol::Imap(imap) => Life::Imap(Box::new(Task {
            imap: imap.clone(),
            parts: Rc::clone(parts),
            hearing,
            config,
            account,
        })),
        Protocol::Pop3(pop3) => Life::Pop3(Box::new(LetterTask {
            pop3: *pop3,
            parts: Rc::clone(letters),
            hearing,
            config,
            account,
        })),
    }
}

impl Life {
    /// Once, until it is told to stop.
    ///
    /// # Errors
    /// What the account is made of cannot be opened.
    async fn live(
        &self,
        orders: mpsc::UnboundedReceiver<Order>,
        show: watch::Sender<View>,
        tell: mpsc::UnboundedSender<Told>,
    ) -> Result<(), Fault> {
        match self {
            Self::Imap(task) => task.live(orders, show, tell).await,
            Self::Pop3(task) => task.live(orders, show, tell).await,
        }
    }
}

/// What an account is made of, where others find it as long as this lives: also when its task panics, for who holds it
/// holds the account's lock.
struct Shown<'a, P>(&'a RefCell<Option<Rc<P>>>);

impl<'a, P> Shown<'a, P> {
    fn new(place: &'a RefCell<Option<Rc<P>>>, parts: &Rc<P>) -> Self {
        place.replace(Some(Rc::clone(parts)));
        Self(place)
    }
}

impl<P> Drop for Shown<'_, P> {
    fn drop(&mut self) {
        if let Ok(mut place) = self.0.try_borrow_mut() {
            *place = None;
        }
    }
}

/// Hands on what an account tells.
async fn pass_notices_on(
    account: String,
    mut noticed: mpsc::UnboundedReceiver<Notice>,
    tell: mpsc::UnboundedSender<Told>,
    bell: Option<Rc<Bell>>,
) {
    while let Some(notice) = noticed.recv().await {
        if let Some(bell) = &bell {
            bell.say(Tale::Notice(notice.clone()));
        }
        let told = Told {
            account: account.clone(),
            notice: Some(notice),
        };
        if tell.send(told).is_err() {
            break;
        }
    }
}

/// Has each change of state told.
async fn say_states(mut views: watch::Receiver<View>, bell: &Bell) {
    while views.changed().await.is_ok() {
        let state = state_of(&views.borrow_and_update());
        bell.say(Tale::State(state_word(state)));
    }
    // Whoever waits for both is ended by the account itself.
    std::future::pending::<()>().await;
}

struct Task {
    config: Config,
    account: Account,
    imap: ImapAccount,
    parts: Rc<RefCell<Option<Rc<Parts>>>>,
    hearing: Hearing,
}

/// Who is told of what happens in an account, and what follows from it.
struct Hearing {
    makes: Makes,
    board: Rc<Board>,
    orders: mpsc::WeakUnboundedSender<Order>,
}

impl Hearing {
    /// The listeners of an account whose bell this is.
    fn listeners(&self, config: &Config, account: &Account, bell: Rc<Bell>) -> Listeners {
        self.board.rings(bell);
        (self.makes)(config, account, &self.board)
    }

    /// What was done for listeners is synced at once.
    fn look(&self, acted: Acted) {
        if (!acted.touched.is_empty() || acted.folders)
            && let Some(orders) = self.orders.upgrade()
        {
            // It has ended: it is synced the next time.
            let _ = orders.send(Order::Look(acted.touched, acted.folders));
        }
    }
}

impl Task {
    async fn live(
        &self,
        orders: mpsc::UnboundedReceiver<Order>,
        show: watch::Sender<View>,
        tell: mpsc::UnboundedSender<Told>,
    ) -> Result<(), Fault> {
        let terminal = Terminal::hidden();
        let parts = Parts::open(&self.config, &self.account, &self.imap, &terminal).await?;
        let parts = Rc::new(parts);
        let shown = Shown::new(&self.parts, &parts);
        let (notices, noticed) = mpsc::unbounded_channel();
        let options = Options {
            poll: self.account.poll,
            idle: self.imap.idle.clone(),
        };
        let bell = parts.observer().bell();
        let hearing = &self.hearing;
        let listeners = hearing.listeners(&self.config, &self.account, Rc::clone(&bell));
        let telling = listeners.telling();
        let wishes = || Settings {
            telling,
            ..settings(&self.imap)
        };
        let views = show.subscribe();
        let life = daemon::Account::new(&*parts, wishes(), options, show, notices);
        let name = self.account.name.to_string();
        let hear = listeners.hear(&*parts, wishes(), &name, |acted| hearing.look(acted));
        let heard = (telling != Telling::Nothing).then(|| Rc::clone(&bell));
        let pass_on = pass_notices_on(name.clone(), noticed, tell, heard);
        tokio::select! {
            _ = futures_util::future::join(life.run(orders), pass_on) => {}
            () = hear => {}
            () = say_states(views, &bell), if telling != Telling::Nothing => {}
        }
        drop(shown);
        if let Some(parts) = Rc::into_inner(parts)
            && let Err(fault) = parts.close().await
        {
            tracing::warn!("the state was not closed properly: {fault}");
        }
        Ok(())
    }
}
