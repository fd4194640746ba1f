//! The daemon put together: accounts, control, signals, the service manager.

mod outside;
mod presses;
mod requests;
mod running;

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::mpsc;

use self::outside::Outside;
use self::running::{Running, Told};
use super::desktop::{accounts, setup};
use super::hooks::Board;
use super::listeners::{Listeners, Makes};
use crate::cli::Failure;
use crate::cli::client::place;
use crate::config::{Account, Config, ConfigError};
use crate::control::{self, Call, Request, Server, Signal};
use crate::daemon::{Notice, Order};
use crate::desktop::{self, Desktop, Topic};
use crate::systemd;

/// Calls that wait to be answered, at most.
const CALLS: usize = 64;
/// How long a process that was killed may take to be gone.
const DYING: Duration = Duration::from_secs(2);
/// How long the accounts have to end. With what comes after them, which takes half a second at most, it is less than
/// two seconds.
const END: Duration = Duration::from_millis(1200);

/// What the daemon is made of.
struct Daemon<'a> {
    config: Config,
    load: &'a dyn Fn() -> Result<Config, ConfigError>,
    makes: Makes,
    desktop: Option<Rc<Desktop>>,
    /// Accounts that the server does not let in, as the desktop was told.
    signed_out: BTreeSet<String>,
    running: Vec<Running>,
    tell: mpsc::UnboundedSender<Told>,
    server: Server,
    service: systemd::Notifier,
}

enum Heard {
    Call(Call),
    Told(Told),
    Pressed(desktop::Request),
    Order(fn() -> Order),
    Reload,
    Alive,
    End,
}

/// Runs until a signal ends it.
///
/// # Errors
/// Another daemon of this configuration runs already; signals cannot be caught.
pub async fn run(
    config: Config,
    load: &dyn Fn() -> Result<Config, ConfigError>,
) -> Result<(), Failure> {
    let (desktop, asked) = Desktop::start(setup(&config));
    let desktop = Rc::new(desktop);
    let shown = Rc::clone(&desktop);
    let makes = move |config: &Config, account: &Account, board: &Rc<Board>| {
        Listeners::of(config, account, board, Some(Rc::clone(&shown)))
    };
    live(config, load, Rc::new(makes), Some((desktop, asked))).await
}

/// The same with other listeners than those of the configuration.
///
/// # Errors
/// As [`run`].
pub async fn run_with(
    config: Config,
    load: &dyn Fn() -> Result<Config, ConfigError>,
    makes: Makes,
) -> Result<(), Failure> {
    live(config, load, makes, None).await
}

/// The desktop, and what users ask for from it.
type Screen = (Rc<Desktop>, mpsc::UnboundedReceiver<desktop::Request>);

async fn live(
    config: Config,
    load: &dyn Fn() -> Result<Config, ConfigError>,
    makes: Makes,
    screen: Option<Screen>,
) -> Result<(), Failure> {
    let (desktop, mut asked) = screen.unzip();
    let (calls, mut called) = mpsc::channel(CALLS);
    let (tell, mut told) = mpsc::unbounded_channel();
    let server = serve(&config, calls).await?;
    let mut outside = Outside::new().map_err(Failure::Runtime)?;
    let mut daemon = Daemon {
        running: Vec::new(),
        config,
        load,
        makes,
        desktop,
        signed_out: BTreeSet::new(),
        tell,
        server,
        service: systemd::Notifier::of_process(),
    };
    daemon.start_missing(Vec::new());
    let version = env!("CARGO_PKG_VERSION");
    tracing::info!(target: "daemon", "mailferry {version} runs: {}", daemon.names());
    daemon.service.ready();
    daemon.show();
    loop {
        let heard = tokio::select! {
            Some(call) = called.recv() => Heard::Call(call),
            Some(told) = told.recv() => Heard::Told(told),
            Some(asked) = pressed(&mut asked) => Heard::Pressed(asked),
            heard = outside.next() => heard,
        };
        match heard {
            Heard::Call(call) => daemon.answer(call),
            Heard::Told(told) => daemon.take(told),
            Heard::Pressed(request) => daemon.press(request),
            Heard::Order(order) => daemon.order(order),
            Heard::Reload => drop(daemon.reload()),
            Heard::Alive => daemon.service.alive(),
            Heard::End => break,
        }
    }
    daemon.end().await;
    Ok(())
}

/// Takes the place of this configuration's daemon. One that was killed a moment ago may still hold it.
async fn serve(config: &Config, calls: mpsc::Sender<Call>) -> Result<Server, Failure> {
    let begun = tokio::time::Instant::now();
    loop {
        match control::serve(&place(config), calls.clone()).await {
            Err(control::ControlError::Live(_)) if begun.elapsed() < DYING => {
                tokio::time::sleep(DYING / 20).await;
            }
            served => return Ok(served?),
        }
    }
}

async fn pressed(
    asked: &mut Option<mpsc::UnboundedReceiver<desktop::Request>>,
) -> Option<desktop::Request> {
    match asked {
        Some(asked) => asked.recv().await,
        None => std::future::pending().await,
    }
}

impl Daemon<'_> {
    /// Starts the accounts that do not run yet; each after the one of the same name that ran until now.
    fn start_missing(&mut self, mut before: Vec<Running>) {
        for account in &self.config.accounts {
            if self.running.iter().any(|it| it.is(&self.config, account)) {
                continue;
            }
            let same = |it: &Running| it.account.name == account.name;
            let before = before.extract_if(.., |it| same(it)).next();
            let (makes, tell) = (Rc::clone(&self.makes), self.tell.clone());
            let running = Running::start(&self.config, account, makes, tell, before);
            self.running.push(running);
        }
    }

    /// The accounts, for a line of the log.
    fn names(&self) -> String {
        let names = self.config.accounts.iter();
        let names: Vec<&str> = names.map(|account| account.name.as_str()).collect();
        names.join(", ")
    }

    fn order(&self, order: fn() -> Order) {
        for running in &self.running {
            running.order(order());
        }
    }

    /// Reads the configuration again; connections of accounts that stay as they are stay, too. A mistake in it changes
    /// nothing.
    fn reload(&mut self) -> Result<(), ConfigError> {
        self.service.reloading();
        let fresh = (self.load)();
        self.service.ready();
        match fresh {
            Ok(fresh) => {
                if let Some(desktop) = &self.desktop {
                    desktop.configure(accounts(&fresh));
                }
                self.config = fresh;
                tracing::info!(target: "daemon", "the configuration was read again: {}", self.names());
            }
            Err(error) => {
                tracing::error!(
                    "the new configuration has a mistake; the old one stays in use: {error}"
                );
                return Err(error);
            }
        }
        let config = &self.config;
        let running = std::mem::take(&mut self.running).into_iter();
        let (stay, go): (Vec<_>, Vec<_>) = running.partition(|running| {
            let mut accounts = config.accounts.iter();
            accounts.any(|account| running.is(config, account))
        });
        self.running = stay;
        for running in &go {
            running.order(Order::Stop);
        }
        for running in &self.running {
            // A wrong password may be right by now, wherever it comes from.
            running.order(Order::Wake);
        }
        self.start_missing(go);
        self.show();
        Ok(())
    }

    /// What an account tells.
    fn take(&mut self, told: Told) {
        let Told { account, notice } = told;
        let name = account.clone();
        match notice {
            Some(Notice::NewMail { mailbox, count }) => self.server.emit(Signal::NewMail {
                account,
                mailbox: mailbox.as_str().to_owned(),
                count,
            }),
            Some(Notice::HoldRaised { mailbox, count }) => self.server.emit(Signal::HoldRaised {
                account,
                mailbox: mailbox.as_str().to_owned(),
                count,
            }),
            Some(Notice::Synced { complete, problems }) => {
                self.remember(&account, complete, &problems);
            }
            None => {
                self.ask_to_sign_in(&name);
                let state = requests::state_word(self.state_of(&name));
                self.server.emit(Signal::AccountChanged { account, state });
                self.show();
            }
        }
    }

    /// Has the desktop say that an account is not let in, or take that back.
    fn ask_to_sign_in(&mut self, account: &str) {
        let Some(desktop) = &self.desktop else { return };
        let Some(reason) = self.refusal_of(account) else {
            if self.signed_out.remove(account) {
                desktop.over(account, Topic::SignIn);
            }
            return;
        };
        if self.signed_out.insert(account.to_owned()) {
            desktop.notice(account, desktop::Notice::SignIn { reason });
        }
    }

    /// One line for the service manager.
    fn show(&self) {
        if !self.service.is_told() {
            return;
        }
        let parts = self.config.accounts.iter().map(|account| {
            let name = account.name.as_str();
            format!("{name}: {}", requests::state_word(self.state_of(name)))
        });
        self.service.status(&parts.collect::<Vec<_>>().join(", "));
    }

    async fn end(self) {
        self.service.stopping();
        for running in &self.running {
            running.order(Order::Stop);
        }
        let ending = self.running.into_iter().map(Running::ended);
        let all = futures_util::future::join_all(ending);
        if tokio::time::timeout(END, all).await.is_err() {
            tracing::warn!("not everything could be ended properly in time");
        }
        let desktop = async {
            if let Some(desktop) = self.desktop {
                desktop.end().await;
            }
        };
        tokio::join!(desktop, self.server.close());
    }

    /// Answers a call, or has it answered.
    fn answer(&mut self, call: Call) {
        let answer = match &call.request {
            Request::Sync { targets, dry_run } => {
                return self.sync(targets.clone(), *dry_run, call);
            }
            Request::Restore { id } => return self.restore(id.clone(), call),
            Request::Approve { id } => return self.approve(id.clone(), call),
            Request::EnableHook { name } => return self.enable_hook(&name.clone(), call),
            Request::Status => self.status(),
            Request::Holds => self.holds(),
            Request::Pause { account } => self.tell_accounts(account.as_deref(), || Order::Pause),
            Request::Resume { account } => self.tell_accounts(account.as_deref(), || Order::Resume),
            Request::Reload => self
                .reload()
                .map(|()| "null".to_owned())
                .map_err(|error| control::Refusal::failed(error.to_string())),
        };
        // Whoever asked may have gone.
        let _ = call.answer.send(answer);
    }
}
