//! Serving the interface: the private socket's listener, its connections, and the session bus.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use super::interface::Interface;
use super::place::{self, Held, Place};
use super::{Call, ControlError, Signal, bus, client, peer};

/// The most connections on the socket at once: enough for every tool, too few to use up descriptors.
const CONNECTIONS: usize = 64;

/// So many signals wait for a connection that is slow.
const SIGNALS: usize = 256;

/// How long connections may take to end when the daemon does.
const CLOSING: Duration = Duration::from_millis(500);

/// How long to wait when no connection can be taken, as when descriptors have run out.
const PAUSE: Duration = Duration::from_secs(1);

/// The interface, being served. Dropped, it ends at once.
#[derive(Debug)]
pub struct Server {
    signals: broadcast::Sender<Signal>,
    stop: oneshot::Sender<()>,
    listening: Task,
    on_bus: Task,
    held: Held,
}

/// A task that does not outlive its handle.
#[derive(Debug)]
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Takes the socket and serves the interface there and on the session bus, on the runtime this is called on.
///
/// A daemon of another configuration on the usual socket is left alone; this one then has a socket of its own.
///
/// # Errors
/// [`ControlError::Live`] if a daemon of this configuration runs, and when the socket cannot be made.
pub async fn serve(place: &Place, calls: mpsc::Sender<Call>) -> Result<Server, ControlError> {
    let (held, listener) = take(place).await?;
    let interface = Interface {
        calls,
        config: place.config.clone(),
    };
    let (signals, _) = broadcast::channel(SIGNALS);
    let (stop, stopped) = oneshot::channel();
    let listening = listen(listener, interface.clone(), signals.downgrade(), stopped);
    let on_bus = bus::serve(interface, signals.downgrade());
    Ok(Server {
        stop,
        listening: Task(tokio::spawn(listening)),
        on_bus: Task(tokio::spawn(on_bus)),
        signals,
        held,
    })
}

async fn take(place: &Place) -> Result<(Held, UnixListener), ControlError> {
    let mut live = PathBuf::new();
    for socket in &place.sockets {
        match place::bind(socket).await {
            Err(ControlError::Live(socket)) => {
                if client::may_speak_for(&socket, &place.config).await {
                    return Err(ControlError::Live(socket));
                }
                live = socket;
            }
            other => return other,
        }
    }
    Err(ControlError::Live(live))
}

async fn listen(
    listener: UnixListener,
    interface: Interface,
    signals: broadcast::WeakSender<Signal>,
    mut stopped: oneshot::Receiver<()>,
) {
    let guid = zbus::Guid::generate().to_string();
    let mut peers = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = &mut stopped => break,
            accepted = listener.accept(), if peers.len() < CONNECTIONS => accepted,
            Some(_) = peers.join_next() => continue,
        };
        match accepted {
            Ok((stream, _)) if place::is_own(&stream) => {
                let Some(signals) = signals.upgrade().map(|sender| sender.subscribe()) else {
                    break;
                };
                let (guid, interface) = (guid.clone(), interface.clone());
                peers.spawn(peer::serve(stream, guid, interface, signals));
            }
            Ok(_) => tracing::warn!("another user on the control socket was turned away"),
            Err(error) => {
                tracing::warn!("the control socket takes no connection: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    while peers.join_next().await.is_some() {}
}

impl Server {
    /// Where it listens.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.held.socket
    }

    /// Tells everybody who is connected. Never waits.
    pub fn emit(&self, signal: Signal) {
        // Nobody listens: nobody is told.
        let _ = self.signals.send(signal);
    }

    /// Ends it within half a second: the socket's file goes away, answers that were just given go out, connections are
    /// closed.
    pub async fn close(self) {
        let Self {
            signals,
            stop,
            mut listening,
            mut on_bus,
            held,
        } = self;
        drop(held);
        // What serves a connection ends when no more signals can come.
        drop((signals, stop));
        let ended = async { tokio::join!(&mut listening.0, &mut on_bus.0) };
        if tokio::time::timeout(CLOSING, ended).await.is_err() {
            tracing::debug!("a control connection did not end in time");
        }
    }
}
