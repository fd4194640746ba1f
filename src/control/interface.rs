//! The interface as D-Bus sees it: methods, property, signals, errors.

use tokio::sync::{mpsc, oneshot};
use zbus::Connection;
use zbus::object_server::SignalEmitter;

use super::{Call, PATH, Refusal, RefusalKind, Request, Signal};

/// The object that is served on every connection.
#[derive(Clone, Debug)]
pub(super) struct Interface {
    pub(super) calls: mpsc::Sender<Call>,
    /// The configuration file.
    pub(super) config: String,
}

/// A [`Refusal`] as D-Bus error.
#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "org.mailferry.Mailferry1.Error")]
pub(super) enum Refused {
    /// What zbus itself complains of.
    #[zbus(error)]
    Bus(zbus::Error),
    /// The request is wrong.
    Usage(String),
    /// Something went wrong.
    Failed(String),
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        match refusal.kind {
            RefusalKind::Usage => Self::Usage(refusal.message),
            RefusalKind::Failed => Self::Failed(refusal.message),
        }
    }
}

impl Interface {
    async fn ask(&self, request: Request) -> Result<String, Refused> {
        let stopping = || Refused::Failed("the daemon is stopping".to_owned());
        let (answer, answered) = oneshot::channel();
        let call = Call { request, answer };
        self.calls.send(call).await.map_err(|_| stopping())?;
        Ok(answered.await.map_err(|_| stopping())??)
    }

    async fn tell(&self, request: Request) -> Result<(), Refused> {
        self.ask(request).await.map(drop)
    }
}

/// The empty string stands for all accounts: D-Bus has no optional arguments.
fn optional(account: String) -> Option<String> {
    Some(account).filter(|account| !account.is_empty())
}

#[zbus::interface(name = "org.mailferry.Mailferry1")]
impl Interface {
    async fn sync(&self, targets: Vec<String>, dry_run: bool) -> Result<String, Refused> {
        self.ask(Request::Sync { targets, dry_run }).await
    }

    async fn status(&self) -> Result<String, Refused> {
        self.ask(Request::Status).await
    }

    async fn pause(&self, account: String) -> Result<(), Refused> {
        let account = optional(account);
        self.tell(Request::Pause { account }).await
    }

    async fn resume(&self, account: String) -> Result<(), Refused> {
        let account = optional(account);
        self.tell(Request::Resume { account }).await
    }

    async fn holds(&self) -> Result<String, Refused> {
        self.ask(Request::Holds).await
    }

    async fn approve(&self, id: String) -> Result<(), Refused> {
        self.tell(Request::Approve { id }).await
    }

    async fn restore(&self, id: String) -> Result<(), Refused> {
        self.tell(Request::Restore { id }).await
    }

    async fn enable_hook(&self, name: String) -> Result<(), Refused> {
        self.tell(Request::EnableHook { name }).await
    }

    async fn reload(&self) -> Result<(), Refused> {
        self.tell(Request::Reload).await
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn config(&self) -> String {
        self.config.clone()
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }

    #[zbus(signal)]
    async fn new_mail(
        emitter: &SignalEmitter<'_>,
        account: &str,
        mailbox: &str,
        count: u64,
    ) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn account_changed(
        emitter: &SignalEmitter<'_>,
        account: &str,
        state: &str,
    ) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn hold_raised(
        emitter: &SignalEmitter<'_>,
        account: &str,
        mailbox: &str,
        count: u64,
    ) -> zbus::Result<()>;
}

/// Sends one signal on one connection.
pub(super) async fn emit(connection: &Connection, signal: &Signal) -> zbus::Result<()> {
    let emitter = SignalEmitter::new(connection, PATH)?;
    match signal {
        Signal::NewMail {
            account,
            mailbox,
            count,
        } => Interface::new_mail(&emitter, account, mailbox, *count).await,
        Signal::AccountChanged { account, state } => {
            Interface::account_changed(&emitter, account, state).await
        }
        Signal::HoldRaised {
            account,
            mailbox,
            count,
        } => Interface::hold_raised(&emitter, account, mailbox, *count).await,
    }
}
