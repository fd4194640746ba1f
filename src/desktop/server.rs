//! The notification server: `org.freedesktop.Notifications`, version 1.2 of the specification and `Inhibited` of 1.3.
//!
//! Says what the server says, and knows nothing of mail.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use zbus::message::{Message, Type};
use zbus::zvariant::{DynamicType, OwnedValue, Value};
use zbus::{Address, Connection, MatchRule, MessageStream};

use super::bubble::{Abilities, Bubble};
use super::words::Urgency;
use crate::bus;

const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const BUS: &str = "org.freedesktop.DBus";

/// The name of `mailferry.desktop` without its end.
const DESKTOP_ENTRY: &str = "mailferry";
/// So many messages of the bus wait for us; they are passed on at once.
const WAITING: usize = 256;
/// How long the bus may take to let us in.
const HELLO: Duration = Duration::from_secs(5);

/// Which bus.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Bus {
    /// The one that the environment names.
    #[default]
    Session,
    /// The one at this address, as `DBUS_SESSION_BUS_ADDRESS` has it.
    At(String),
}

/// Why nothing can be shown.
#[derive(Debug, thiserror::Error)]
pub enum DesktopError {
    /// There is no session bus.
    #[error("there is no session bus: {0}")]
    NoBus(zbus::Error),
    /// The bus accepts connections and says nothing.
    #[error("the session bus does not answer")]
    SilentBus,
    /// Nobody shows notifications.
    #[error("no notification server runs on the session bus: {0}")]
    NoServer(zbus::Error),
    /// The server does not answer.
    #[error("the notification server does not answer")]
    Silent,
    /// The server says no, or something that makes no sense.
    #[error("the notification server refused: {0}")]
    Refused(zbus::Error),
}

/// What the server tells by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// A button was pressed.
    Pressed {
        id: u32,
        action: String,
        from: String,
    },
    /// What lets a window come to the front for the press that follows.
    Token {
        id: u32,
        token: String,
        from: String,
    },
    /// A bubble is gone.
    Closed { id: u32, from: String },
    /// `Inhibited` has another value.
    Inhibited { inhibited: bool, from: String },
    /// The name of notification servers belongs to this connection now, or to none.
    Owner(Option<String>),
    /// The bus is gone.
    End,
}

/// A server that has introduced itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its name and version, as it gives them.
    pub name: String,
    /// The version of the specification that it follows.
    pub specification: String,
    /// What it can do, in its own words.
    pub capabilities: Vec<String>,
    /// Whether it lets nothing through; `None` if it does not say.
    pub inhibited: Option<bool>,
    /// Its connection.
    pub(super) owner: String,
}

impl Server {
    /// What it can do.
    #[must_use]
    pub fn abilities(&self) -> Abilities {
        Abilities::of(self.capabilities.iter().map(String::as_str))
    }
}

/// A connection to the bus.
#[derive(Clone, Debug)]
pub(super) struct Link {
    connection: Connection,
}

/// Tasks that do not outlive their handle.
#[derive(Debug)]
pub(super) struct Listening(Vec<JoinHandle<()>>);

impl Drop for Listening {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

/// Connects to the bus; what servers say goes to `heard` from now on.
pub(super) async fn connect(
    bus: &Bus,
    heard: mpsc::UnboundedSender<Heard>,
) -> Result<(Link, Listening), DesktopError> {
    let connecting = async {
        let builder = match bus {
            Bus::Session => bus::session().await?,
            Bus::At(address) => bus::to(address.parse::<Address>()?).await?,
        };
        let connection = builder.build().await?;
        let listening = listen(&connection, heard).await?;
        Ok((Link { connection }, listening))
    };
    match tokio::time::timeout(HELLO, connecting).await {
        Ok(connected) => connected.map_err(DesktopError::NoBus),
        Err(_) => Err(DesktopError::SilentBus),
    }
}

async fn listen(
    connection: &Connection,
    heard: mpsc::UnboundedSender<Heard>,
) -> zbus::Result<Listening> {
    let signal = || MatchRule::builder().msg_type(Type::Signal);
    let rules = [
        signal()
            .sender(BUS)?
            .interface(BUS)?
            .member("NameOwnerChanged")?
            .arg(0, NAME)?
            .build(),
        signal().sender(NAME)?.interface(NAME)?.path(PATH)?.build(),
        signal()
            .sender(NAME)?
            .interface(PROPERTIES)?
            .path(PATH)?
            .arg(0, NAME)?
            .build(),
    ];
    let mut tasks = Vec::new();
    for rule in rules {
        let mut messages = MessageStream::for_match_rule(rule, connection, Some(WAITING)).await?;
        let heard = heard.clone();
        tasks.push(tokio::spawn(async move {
            while let Some(Ok(message)) = messages.next().await {
                if read(&message).is_some_and(|told| heard.send(told).is_err()) {
                    return;
                }
            }
            let _ = heard.send(Heard::End);
        }));
    }
    Ok(Listening(tasks))
}

/// What a signal says; `None` for what is of no interest.
fn read(message: &Message) -> Option<Heard> {
    let header = message.header();
    let from = header.sender()?.to_string();
    let body = message.body();
    match header.member()?.as_str() {
        "ActionInvoked" => {
            let (id, action) = body.deserialize().ok()?;
            Some(Heard::Pressed { id, action, from })
        }
        "ActivationToken" => {
            let (id, token) = body.deserialize().ok()?;
            Some(Heard::Token { id, token, from })
        }
        "NotificationClosed" => {
            let (id, _reason): (u32, u32) = body.deserialize().ok()?;
            Some(Heard::Closed { id, from })
        }
        "PropertiesChanged" => {
            let (_, changed, _): (String, HashMap<String, OwnedValue>, Vec<String>) =
                body.deserialize().ok()?;
            let inhibited = changed.get("Inhibited")?.downcast_ref::<bool>().ok()?;
            Some(Heard::Inhibited { inhibited, from })
        }
        "NameOwnerChanged" => {
            let (_, _, owner): (String, String, String) = body.deserialize().ok()?;
            Some(Heard::Owner(Some(owner).filter(|owner| !owner.is_empty())))
        }
        _ => None,
    }
}

impl Link {
    async fn call<B>(&self, interface: &str, method: &str, body: &B) -> zbus::Result<Message>
    where
        B: serde::Serialize + DynamicType,
    {
        self.connection
            .call_method(Some(NAME), PATH, Some(interface), method, body)
            .await
    }

    /// Asks the server who it is; the bus starts one if it knows how.
    pub(super) async fn hello(&self) -> Result<Server, DesktopError> {
        let reply = self
            .call(NAME, "GetServerInformation", &())
            .await
            .map_err(DesktopError::NoServer)?;
        let owner = reply
            .header()
            .sender()
            .map(ToString::to_string)
            .unwrap_or_default();
        let (name, _vendor, version, specification): (String, String, String, String) =
            reply.body().deserialize().map_err(DesktopError::Refused)?;
        let reply = self
            .call(NAME, "GetCapabilities", &())
            .await
            .map_err(DesktopError::Refused)?;
        let capabilities = reply.body().deserialize().map_err(DesktopError::Refused)?;
        Ok(Server {
            name: format!("{name} {version}"),
            specification,
            capabilities,
            inhibited: self.inhibited().await,
            owner,
        })
    }

    /// Whether the server lets nothing through; `None` if it does not say.
    pub(super) async fn inhibited(&self) -> Option<bool> {
        let reply = self
            .call(PROPERTIES, "Get", &(NAME, "Inhibited"))
            .await
            .ok()?;
        let value: OwnedValue = reply.body().deserialize().ok()?;
        value.downcast_ref::<bool>().ok()
    }

    /// Shows a bubble, in place of another one or of none (0). Gives its number.
    pub(super) async fn notify(&self, replaces: u32, bubble: &Bubble) -> Result<u32, DesktopError> {
        let actions: Vec<&str> = bubble
            .actions
            .iter()
            .flat_map(|(key, label)| [key.as_str(), label])
            .collect();
        let lasting = if bubble.lasting { 0_i32 } else { -1 };
        let body = (
            "mailferry",
            replaces,
            bubble.icon,
            bubble.summary.as_str(),
            bubble.body.as_str(),
            actions,
            hints(bubble),
            lasting,
        );
        let reply = self
            .call(NAME, "Notify", &body)
            .await
            .map_err(DesktopError::Refused)?;
        reply.body().deserialize().map_err(DesktopError::Refused)
    }

    /// Closes a bubble. That it is closed already is no error worth telling.
    pub(super) async fn close(&self, id: u32) {
        if let Err(error) = self.call(NAME, "CloseNotification", &id).await {
            tracing::debug!("a notification could not be closed: {error}");
        }
    }
}

fn hints(bubble: &Bubble) -> HashMap<&'static str, Value<'static>> {
    let urgency: u8 = match bubble.urgency {
        Urgency::Low => 0,
        Urgency::Normal => 1,
        Urgency::Critical => 2,
    };
    let mut hints = HashMap::from([
        ("desktop-entry", Value::from(DESKTOP_ENTRY)),
        ("urgency", Value::from(urgency)),
        // By name: shown where the user's theme has one.
        ("image-path", Value::from(bubble.icon)),
    ]);
    if let Some(category) = bubble.category {
        hints.insert("category", Value::from(category));
    }
    if let Some(sound) = bubble.sound {
        hints.insert("sound-name", Value::from(sound));
    }
    if bubble.hushed {
        hints.insert("suppress-sound", Value::from(true));
    }
    if bubble.transient {
        hints.insert("transient", Value::from(true));
    }
    hints
}
