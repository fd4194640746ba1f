//! A notification server that writes down what it is told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::sync::{mpsc, watch};
use zbus::Connection;
use zbus::zvariant::{OwnedValue, Value};

use super::soon;

const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";

/// What the server was told.
#[derive(Clone, Debug)]
pub enum Told {
    Notify(Shown),
    Close(u32),
}

/// A notification as it was sent, and its number.
#[derive(Clone, Debug)]
pub struct Shown {
    pub id: u32,
    pub app: String,
    pub replaces: u32,
    pub icon: String,
    pub summary: String,
    pub body: String,
    pub actions: Vec<(String, String)>,
    pub hints: Vec<String>,
    pub expire: i32,
    pub at: Instant,
}

impl Shown {
    /// What comes back when the button with this label is pressed.
    pub fn key(&self, label: &str) -> String {
        let found = self.actions.iter().find(|(_, it)| it == label);
        found
            .unwrap_or_else(|| panic!("{label} is not in {:?}", self.actions))
            .0
            .clone()
    }
}

#[derive(Clone)]
struct Interface {
    tell: mpsc::UnboundedSender<Told>,
    last: Arc<Mutex<u32>>,
    capabilities: Vec<String>,
    /// Methods are answered while this is true.
    alive: watch::Receiver<bool>,
    calls: Arc<Mutex<usize>>,
    inhibited: watch::Receiver<bool>,
}

impl Interface {
    async fn wait(&self) {
        *self.calls.lock().unwrap() += 1;
        let mut alive = self.alive.clone();
        let _ = alive.wait_for(|alive| *alive).await;
    }
}

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Interface {
    async fn get_capabilities(&self) -> Vec<String> {
        self.wait().await;
        self.capabilities.clone()
    }

    async fn get_server_information(&self) -> (String, String, String, String) {
        self.wait().await;
        let [name, vendor, version, specification] =
            ["fake", "nobody", "1.0", "1.3"].map(str::to_owned);
        (name, vendor, version, specification)
    }

    #[allow(clippy::too_many_arguments, reason = "as the specification has it")]
    async fn notify(
        &self,
        app: String,
        replaces: u32,
        icon: String,
        summary: String,
        body: String,
        actions: Vec<String>,
        hints: HashMap<String, OwnedValue>,
        expire: i32,
    ) -> u32 {
        self.wait().await;
        let id = match replaces {
            0 => {
                let mut last = self.last.lock().unwrap();
                *last += 1;
                *last
            }
            known => known,
        };
        let mut hints: Vec<String> = hints
            .iter()
            .map(|(key, value)| format!("{key}={}", shown(value)))
            .collect();
        hints.sort();
        let actions = actions
            .chunks(2)
            .map(|pair| (pair[0].clone(), pair[1].clone()))
            .collect();
        let at = Instant::now();
        let _ = self.tell.send(Told::Notify(Shown {
            id,
            app,
            replaces,
            icon,
            summary,
            body,
            actions,
            hints,
            expire,
            at,
        }));
        id
    }

    async fn close_notification(&self, id: u32) {
        self.wait().await;
        let _ = self.tell.send(Told::Close(id));
    }

    #[zbus(property)]
    async fn inhibited(&self) -> bool {
        *self.inhibited.borrow()
    }
}

fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Str(text) => text.to_string(),
        Value::U8(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        other => format!("{other:?}"),
    }
}

/// A server on a bus, until it is dropped.
pub struct Fake {
    connection: Connection,
    told: mpsc::UnboundedReceiver<Told>,
    alive: watch::Sender<bool>,
    inhibited: watch::Sender<bool>,
    calls: Arc<Mutex<usize>>,
}

impl Fake {
    pub async fn start(address: &str) -> Self {
        Self::with(
            address,
            &["body", "body-markup", "actions", "sound", "persistence"],
        )
        .await
    }

    pub async fn with(address: &str, capabilities: &[&str]) -> Self {
        let (tell, told) = mpsc::unbounded_channel();
        let (alive, is_alive) = watch::channel(true);
        let (inhibited, is_inhibited) = watch::channel(false);
        let calls = Arc::new(Mutex::new(0));
        let interface = Interface {
            tell,
            last: Arc::new(Mutex::new(0)),
            capabilities: capabilities.iter().map(|word| (*word).to_owned()).collect(),
            alive: is_alive,
            calls: Arc::clone(&calls),
            inhibited: is_inhibited,
        };
        let builder = zbus::connection::Builder::address(address).unwrap();
        let builder = builder
            .serve_at(PATH, interface)
            .unwrap()
            .name(NAME)
            .unwrap();
        let connection = soon(builder.build()).await.unwrap();
        Self {
            connection,
            told,
            alive,
            inhibited,
            calls,
        }
    }

    /// It answers nothing any more, or again.
    pub fn hang(&self, hangs: bool) {
        self.alive.send(!hangs).unwrap();
    }

    /// How many methods were called so far.
    pub fn calls(&self) -> usize {
        *self.calls.lock().unwrap()
    }

    pub async fn next(&mut self) -> Told {
        soon(self.told.recv()).await.unwrap()
    }

    /// The next thing it is told, which is a notification.
    pub async fn shows(&mut self) -> Shown {
        match self.next().await {
            Told::Notify(shown) => shown,
            other @ Told::Close(_) => panic!("{other:?} instead of a notification"),
        }
    }

    /// The next thing it is told, which is to close one.
    pub async fn closes(&mut self) -> u32 {
        match self.next().await {
            Told::Close(id) => id,
            other @ Told::Notify(_) => panic!("{other:?} instead of a withdrawal"),
        }
    }

    /// What it was told and nobody has asked for yet.
    pub fn rest(&mut self) -> Vec<Told> {
        std::iter::from_fn(|| self.told.try_recv().ok()).collect()
    }

    pub async fn press(&self, id: u32, action: &str) {
        self.emit("ActionInvoked", &(id, action)).await;
    }

    pub async fn emit<B: serde::Serialize + zbus::zvariant::DynamicType>(
        &self,
        signal: &str,
        body: &B,
    ) {
        emit(&self.connection, signal, body).await;
    }

    pub async fn inhibit(&self, inhibited: bool) {
        self.inhibited.send(inhibited).unwrap();
        let changed = HashMap::from([("Inhibited", Value::from(inhibited))]);
        let none: Vec<String> = Vec::new();
        let properties = "org.freedesktop.DBus.Properties";
        let body = (NAME, changed, none);
        let sent =
            self.connection
                .emit_signal(None::<&str>, PATH, properties, "PropertiesChanged", &body);
        sent.await.unwrap();
    }

    /// It leaves the bus.
    pub async fn end(self) {
        self.connection.close().await.unwrap();
    }
}

/// Says what only a notification server should say.
pub async fn emit<B: serde::Serialize + zbus::zvariant::DynamicType>(
    connection: &Connection,
    signal: &str,
    body: &B,
) {
    connection
        .emit_signal(None::<&str>, PATH, NAME, signal, body)
        .await
        .unwrap();
}
