//! One connection on the private socket, and what serving any connection has in common.

use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::broadcast::{self, error::RecvError};
use zbus::connection::socket::{BoxedSplit, ReadHalf, Split};
use zbus::connection::{self, Connection};
use zbus::fdo::ConnectionCredentials;

use super::interface::{Interface, emit};
use super::{PATH, Signal};

/// How long the other end may take to say who it is.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// At the daemon's end: how long an answer that was just given may take to be written.
const LAST_WORDS: Duration = Duration::from_millis(20);

type Soon<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The reading half. zbus asks the system for the peer on a thread of its own; tokio does it on the spot. And nothing
/// here takes file descriptors, so none are accepted.
#[derive(Debug)]
struct Reading(OwnedReadHalf);

impl ReadHalf for Reading {
    fn recvmsg<'a, 'b, 'c>(
        &'a mut self,
        buffer: &'b mut [u8],
    ) -> Soon<'c, io::Result<(usize, Vec<OwnedFd>)>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        self.0.recvmsg(buffer)
    }

    fn peer_credentials<'a, 'b>(&'a mut self) -> Soon<'b, io::Result<ConnectionCredentials>>
    where
        'a: 'b,
        Self: 'b,
    {
        let peer = self.0.as_ref().peer_cred();
        Box::pin(async move { Ok(ConnectionCredentials::default().set_unix_user_id(peer?.uid())) })
    }
}

/// A connection as zbus takes it.
pub(super) fn split(stream: UnixStream) -> BoxedSplit {
    let (read, write) = stream.into_split();
    Split::new(Box::new(Reading(read)), Box::new(write))
}

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
