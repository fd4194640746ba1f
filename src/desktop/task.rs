//! The task that keeps the screen as the board wants it, and the handle that the daemon holds.

mod state;
mod work;

use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

pub use self::state::State;
use self::work::Work;
use super::server::Bus;
use super::words::{Arrival, Gone, Notice, Request, Rules, Topic};

/// At the daemon's end: how long the bubbles on the screen may take to be closed.
const END: Duration = Duration::from_millis(500);

/// How notifications begin.
#[derive(Debug, Default)]
pub struct Setup {
    /// Where they are shown.
    pub bus: Bus,
    /// The accounts by name, in the order of the configuration.
    pub accounts: Vec<(String, Rules)>,
    /// A file that remembers muted threads; without it they are forgotten at the end.
    pub muted: Option<PathBuf>,
}

/// Notifications, running. Nothing that is told here waits, fails or holds up anything.
#[derive(Debug)]
pub struct Desktop {
    commands: mpsc::UnboundedSender<Command>,
    state: watch::Receiver<State>,
    task: JoinHandle<()>,
}

/// What the task is told.
#[derive(Debug)]
enum Command {
    Configure(Vec<(String, Rules)>),
    Arrived {
        account: String,
        since: Option<i64>,
        items: Vec<Arrival>,
    },
    Gone {
        account: String,
        items: Vec<Gone>,
    },
    Notice {
        account: String,
        notice: Notice,
    },
    Over {
        account: String,
        topic: Topic,
    },
    End(oneshot::Sender<()>),
}

impl Desktop {
    /// Starts on the runtime this is called on. What the user asks for from bubbles comes out of the channel.
    ///
    /// The bus is not touched before there is something to show.
    #[must_use]
    pub fn start(setup: Setup) -> (Self, mpsc::UnboundedReceiver<Request>) {
        let (commands, commanded) = mpsc::unbounded_channel();
        let (requests, requested) = mpsc::unbounded_channel();
        let (show, state) = watch::channel(State::Idle);
        let work = Work::new(setup, commanded, requests, show);
        let running: BoxFuture<'static, ()> = Box::pin(work.run());
        let desktop = Self {
            commands,
            state,
            task: tokio::spawn(running),
        };
        (desktop, requested)
    }

    /// Takes other accounts, or the same with other rules, in place of those before.
    pub fn configure(&self, accounts: Vec<(String, Rules)>) {
        self.tell(Command::Configure(accounts));
    }

    /// New messages, in the order of the outbox, as they are after hooks have had them.
    ///
    /// `since`, in seconds since 1970: what is older than the account's first sync is no news. Each event may be shown
    /// as soon as this is called, so what says that it was told has to be durable before: a message is shown at most once.
    pub fn arrived(&self, account: &str, since: Option<i64>, items: Vec<Arrival>) {
        if !items.is_empty() {
            let account = account.to_owned();
            self.tell(Command::Arrived {
                account,
                since,
                items,
            });
        }
    }

    /// Messages that were read, moved or deleted, here or elsewhere.
    pub fn gone(&self, account: &str, items: Vec<Gone>) {
        if !items.is_empty() {
            let account = account.to_owned();
            self.tell(Command::Gone { account, items });
        }
    }

    /// Something the user should know. Saying it again changes nothing.
    pub fn notice(&self, account: &str, notice: Notice) {
        let account = account.to_owned();
        self.tell(Command::Notice { account, notice });
    }

    /// Something that a notice told does not hold any more.
    pub fn over(&self, account: &str, topic: Topic) {
        let account = account.to_owned();
        self.tell(Command::Over { account, topic });
    }

    /// Whether bubbles can be shown.
    #[must_use]
    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// The same, for whoever waits for a change.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// Takes everything off the screen, since nobody is there any more whom a button could tell, and ends. What is told
    /// afterwards is not heard. Takes half a second at most.
    pub async fn end(&self) {
        let (ended, has_ended) = oneshot::channel();
        self.tell(Command::End(ended));
        let _ = tokio::time::timeout(END, has_ended).await;
    }

    fn tell(&self, command: Command) {
        // The task ends with this handle only.
        let _ = self.commands.send(command);
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        self.task.abort();
    }
}
