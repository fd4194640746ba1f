//! The client of the private socket.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use zbus::connection::{self, Connection};
use zbus::message::Message;
use zbus::{MatchRule, MessageStream};

use super::place::{self, Place};
use super::{Answer, ControlError, NAME, PATH, Refusal, Request, Signal};
use crate::bus::split;

/// How long the daemon may take to let us in. Afterwards there is no limit: a sync takes as long as it takes.
const HELLO: Duration = Duration::from_secs(10);

/// So many signals are kept for a reader who is busy; those beyond are dropped.
const KEPT: usize = 256;

/// How often, and how far apart, a daemon is looked for that has its lock and does not listen yet.
const STARTING: (u32, Duration) = (10, Duration::from_millis(100));

/// A connection to the daemon.
#[derive(Debug)]
pub struct Client {
    connection: Connection,
    socket: PathBuf,
}

/// Connects to the daemon of this configuration; `None` if none runs.
///
/// # Errors
/// Somebody listens who does not answer, or is another user.
pub async fn connect(place: &Place) -> Result<Option<Client>, ControlError> {
    let mut trouble = None;
    for socket in &place.sockets {
        match at(socket).await {
            Ok(Some((client, config))) if config == place.config => return Ok(Some(client)),
            Ok(_) => {}
            Err(error) => trouble = trouble.or(Some(error)),
        }
    }
    trouble.map_or(Ok(None), Err)
}

/// Whether the daemon that has this socket may be one of that configuration. One that does not say may.
pub(super) async fn may_speak_for(socket: &Path, config: &str) -> bool {
    let (tries, pause) = STARTING;
    for _ in 0..tries {
        match at(socket).await {
            Ok(Some((_, theirs))) => return theirs == config,
            Ok(None) => tokio::time::sleep(pause).await,
            Err(_) => return true,
        }
    }
    true
}

/// Connects to whoever listens on this socket, and asks for which configuration it speaks.
async fn at(socket: &Path) -> Result<Option<(Client, String)>, ControlError> {
    let Some(stream) = place::reach(socket).await? else {
        return Ok(None);
    };
    let hello = async {
        let builder = connection::Builder::socket(split(stream)).p2p();
        let connection = builder.build().await?;
        let client = Client {
            connection,
            socket: socket.to_owned(),
        };
        let config = client.config().await?;
        Ok::<_, zbus::Error>((client, config))
    };
    match tokio::time::timeout(HELLO, hello).await {
        Ok(Ok(found)) => Ok(Some(found)),
        Ok(Err(error)) => Err(of_bus(error)),
        Err(_) => Err(ControlError::Silent(socket.to_owned())),
    }
}

/// A connection that broke is told from an answer that makes no sense.
fn of_bus(error: zbus::Error) -> ControlError {
    match error {
        zbus::Error::InputOutput(_) => ControlError::Gone,
        other => ControlError::Bus(other),
    }
}

impl Client {
    /// The socket it is connected to.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    async fn config(&self) -> zbus::Result<String> {
        let properties = Some("org.freedesktop.DBus.Properties");
        let asked = (NAME, "Config");
        let reply = self
            .connection
            .call_method(None::<&str>, PATH, properties, "Get", &asked)
            .await?;
        let value: zbus::zvariant::OwnedValue = reply.body().deserialize()?;
        Ok(String::try_from(value)?)
    }

    /// Asks, and waits for the answer as long as it takes.
    ///
    /// # Errors
    /// [`ControlError::Gone`] if the daemon ends before it answers. What the daemon itself says no to is in the answer.
    pub async fn call(&mut self, request: Request) -> Result<Answer, ControlError> {
        let replied = match &request {
            Request::Sync { targets, dry_run } => self.method("Sync", &(targets, dry_run)).await,
            Request::Status => self.method("Status", &()).await,
            Request::Pause { account } => self.method("Pause", &optional(account)).await,
            Request::EnableHook { name } => self.method("EnableHook", &name.as_str()).await,
            Request::Resume { account } => self.method("Resume", &optional(account)).await,
            Request::Holds => self.method("Holds", &()).await,
            Request::Approve { id } => self.method("Approve", &id).await,
            Request::Restore { id } => self.method("Restore", &id).await,
            Request::Reload => self.method("Reload", &()).await,
        };
        let reply = match replied {
            Ok(reply) => reply,
            Err(zbus::Error::MethodError(name, text, reply)) => {
                let text_or_name = text.clone().unwrap_or_else(|| name.to_string());
                return match name.strip_prefix(NAME) {
                    Some(".Error.Usage") => Ok(Err(Refusal::usage(text_or_name))),
                    Some(".Error.Failed") => Ok(Err(Refusal::failed(text_or_name))),
                    _ => Err(zbus::Error::MethodError(name, text, reply).into()),
                };
            }
            Err(error) => return Err(of_bus(error)),
        };
        Ok(Ok(match request {
            Request::Sync { .. } | Request::Status | Request::Holds => {
                reply.body().deserialize().map_err(ControlError::Bus)?
            }
            _ => "null".to_owned(),
        }))
    }

    async fn method<B>(&self, name: &str, body: &B) -> zbus::Result<Message>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        self.connection
            .call_method(None::<&str>, PATH, Some(NAME), name, body)
            .await
    }

    /// What the daemon tells from now on.
    ///
    /// # Errors
    /// The connection cannot be used.
    pub async fn signals(&self) -> Result<Signals, ControlError> {
        let rule = MatchRule::builder()
            .msg_type(zbus::message::Type::Signal)
            .interface(NAME)?
            .build();
        let mut messages =
            MessageStream::for_match_rule(rule, &self.connection, Some(KEPT)).await?;
        let (sender, receiver) = mpsc::channel(KEPT);
        // Read at once and always: zbus reads nothing more, replies neither, while a stream of it is full.
        tokio::spawn(async move {
            while let Some(Ok(message)) = messages.next().await {
                let full = match signal(&message) {
                    Some(signal) => sender.try_send(signal),
                    None => Ok(()),
                };
                if matches!(full, Err(mpsc::error::TrySendError::Closed(_))) {
                    return;
                }
            }
        });
        Ok(Signals(receiver))
    }
}

/// Signals of the daemon, as they come.
#[derive(Debug)]
pub struct Signals(mpsc::Receiver<Signal>);

impl Signals {
    /// The next one; `None` when the daemon is gone.
    pub async fn next(&mut self) -> Option<Signal> {
        self.0.recv().await
    }

    /// One that has come already.
    pub fn ready(&mut self) -> Option<Signal> {
        self.0.try_recv().ok()
    }
}

fn optional(account: &Option<String>) -> &str {
    account.as_deref().unwrap_or_default()
}

/// The signal in a message; none that a later version may have and this one does not know.
fn signal(message: &Message) -> Option<Signal> {
    let header = message.header();
    let body = message.body();
    match header.member()?.as_str() {
        "NewMail" => {
            let (account, mailbox, count) = body.deserialize().ok()?;
            Some(Signal::NewMail {
                account,
                mailbox,
                count,
            })
        }
        "AccountChanged" => {
            let (account, state) = body.deserialize().ok()?;
            Some(Signal::AccountChanged { account, state })
        }
        "HoldRaised" => {
            let (account, mailbox, count) = body.deserialize().ok()?;
            Some(Signal::HoldRaised {
                account,
                mailbox,
                count,
            })
        }
        _ => None,
    }
}
