//! One account that runs: its task, and how to reach it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tracing::Instrument as _;

use super::requests::{state_of, state_word};
use crate::cli::backend::account::{Parts, settings};
use crate::cli::backend::hooks::{self, Board};
use crate::cli::backend::listeners::Makes;
use crate::cli::progress::Terminal;
use crate::config::{Account, Config, Hook, ImapAccount};
use crate::daemon::{self, Bell, Notice, Options, Order, Tale, View};
use crate::engine::{Acted, Ports as _, Problem, Settings, Telling};
use crate::mail::MailboxName;

/// How long to wait when somebody else has the account, as `mailferry sync` at the start may.
const BUSY: Duration = Duration::from_secs(2);

/// Something of an account: a notice, or that its view has changed.
pub(super) struct Told {
    pub(super) account: String,
    pub(super) notice: Option<Notice>,
}

/// A running account. Dropping it has it end by itself.
pub(super) struct Running {
    pub(super) account: Account,
    pub(super) imap: ImapAccount,
    pub(super) parts: Rc<RefCell<Option<Rc<Parts>>>>,
    hooks: Vec<Hook>,
    /// Its hooks, as they are.
    pub(super) board: Rc<Board>,
    orders: mpsc::UnboundedSender<Order>,
    view: watch::Receiver<View>,
    task: JoinHandle<()>,
}

impl Running {
    /// Starts an account's task.
    pub(super) fn start(
        config: &Config,
        account: &Account,
        imap: &ImapAccount,
        makes: Makes,
        tell: mpsc::UnboundedSender<Told>,
    ) -> Self {
        let (orders, taken) = mpsc::unbounded_channel();
        let (show, view) = watch::channel(View::default());
        let parts = Rc::new(RefCell::new(None));
        let board: Rc<Board> = Rc::default();
        let task = Task {
            config: config.clone(),
            account: account.clone(),
            imap: imap.clone(),
            parts: Rc::clone(&parts),
            makes,
            board: Rc::clone(&board),
            orders: orders.downgrade(),
        };
        let span = tracing::error_span!("account", account = %account.name);
        let name = account.name.to_string();
        let changes = pass_on_changes(name, view.clone(), tell.clone());
        let task = tokio::task::spawn_local(
            async move {
                tokio::select! {
                    () = task.live(taken, show, tell) => {}
                    () = changes => {}
                }
            }
            .instrument(span),
        );
        Self {
            account: account.clone(),
            imap: imap.clone(),
            parts,
            hooks: hooks::of(config, account).cloned().collect(),
            board,
            orders,
            view,
            task,
        }
    }

    /// Whether it runs just so, with these hooks.
    pub(super) fn is(&self, config: &Config, account: &Account) -> bool {
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

    pub(super) fn settings(&self) -> Settings {
        settings(&self.imap)
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
    makes: Makes,
    board: Rc<Board>,
    orders: mpsc::WeakUnboundedSender<Order>,
}

impl Task {
    async fn live(
        self,
        mut orders: mpsc::UnboundedReceiver<Order>,
        show: watch::Sender<View>,
        tell: mpsc::UnboundedSender<Told>,
    ) {
        let Some(parts) = self.open(&mut orders, &show).await else {
            return;
        };
        self.parts.replace(Some(Rc::clone(&parts)));
        let (notices, mut noticed) = mpsc::unbounded_channel();
        let options = Options {
            poll: self.account.poll,
            idle: vec![MailboxName::inbox()],
            watching: 1,
        };
        self.board.rings(parts.observer().bell());
        let listeners = (self.makes)(&self.config, &self.account, &self.board);
        let telling = listeners.telling();
        let wishes = || Settings {
            telling,
            ..settings(&self.imap)
        };
        let views = show.subscribe();
        let life = daemon::Account::new(&*parts, wishes(), options, show, notices);
        let name = self.account.name.to_string();
        let bell = parts.observer().bell();
        let hear = listeners.hear(&parts, wishes(), &name, |acted| self.look(acted));
        let pass_on = async {
            while let Some(notice) = noticed.recv().await {
                if telling != Telling::Nothing {
                    bell.say(Tale::Notice(notice.clone()));
                }
                let told = Told {
                    account: name.clone(),
                    notice: Some(notice),
                };
                if tell.send(told).is_err() {
                    break;
                }
            }
        };
        tokio::select! {
            _ = futures_util::future::join(life.run(orders), pass_on) => {}
            () = hear => {}
            () = say_states(views, &bell), if telling != Telling::Nothing => {}
        }
        self.parts.replace(None);
        if let Some(parts) = Rc::into_inner(parts)
            && let Err(fault) = parts.close().await
        {
            tracing::warn!("the state was not closed properly: {fault}");
        }
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

    /// Opens everything, or waits until that can be done.
    async fn open(
        &self,
        orders: &mut mpsc::UnboundedReceiver<Order>,
        show: &watch::Sender<View>,
    ) -> Option<Rc<Parts>> {
        let terminal = Terminal::hidden();
        loop {
            let opened = Parts::open(&self.config, &self.account, &self.imap, &terminal);
            match opened.await {
                Ok(parts) => return Some(Rc::new(parts)),
                Err(fault) => {
                    tracing::warn!("{fault}");
                    let problem = Problem {
                        mailbox: None,
                        text: fault.to_string(),
                    };
                    show.send_modify(|view| view.problems = vec![problem]);
                }
            }
            tokio::select! {
                order = orders.recv() => match order {
                    None | Some(Order::Stop) => return None,
                    // An answer that is not given says that it could not be done.
                    Some(_) => {}
                },
                () = tokio::time::sleep(BUSY) => {}
            }
        }
    }
}
