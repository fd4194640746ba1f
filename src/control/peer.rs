//! One connection on the private socket, and what serving any connection has in common.

use std::time::Duration;

use tokio::net::UnixStream;
use tokio::sync::broadcast::{self, error::RecvError};
use zbus::connection::{self, Connection};

use super::interface::{Interface, emit};
use super::{PATH, Signal};
use crate::bus::split;

/// How long the other end may take to say who it is.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// At the daemon's end: how long an answer that was just given may take to be written.
const LAST_WORDS: Duration = Duration::from_millis(20);

/// Serves one peer until it goes away.
pub(super) async fn serve(
    stream: UnixStream,
    guid: String,
    interface: Interface,
    signals: broadcast::Receiver<Signal>,
) {
    let connected = async {
        connection::Builder::socket(split(stream))
            .server(guid)?
            .p2p()
            .serve_at(PATH, interface)?
            .build()
            .await
    };
    match tokio::time::timeout(HANDSHAKE, connected).await {
        Ok(Ok(connection)) => until_closed(connection, signals).await,
        Ok(Err(error)) => tracing::debug!("a peer on the control socket did not get in: {error}"),
        Err(_) => tracing::debug!("a peer on the control socket did not say who it is"),
    }
}

/// Passes signals on until the other end goes away or there are no more to come, which is the daemon's end.
pub(super) async fn until_closed(connection: Connection, mut signals: broadcast::Receiver<Signal>) {
    loop {
        let signal = tokio::select! {
            () = connection.closed() => return,
            signal = signals.recv() => signal,
        };
        match signal {
            Ok(signal) => {
                let sent = tokio::select! {
                    () = connection.closed() => return,
                    sent = emit(&connection, &signal) => sent,
                };
                if let Err(error) = sent {
                    tracing::debug!("a signal could not be sent: {error}");
                }
            }
            // Signals are hints; who reads slowly gets fewer.
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => {
                tokio::time::sleep(LAST_WORDS).await;
                let _ = connection.close().await;
                return;
            }
        }
    }
}
