//! The session bus, where there is one. That there is none, that it ends and that it comes back are no faults.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::sync::broadcast;
use zbus::Address;
use zbus::address::transport::{Transport, UnixSocket};
use zbus::connection::{Builder, Connection};

use super::interface::Interface;
use super::{NAME, PATH, Signal, peer};

/// How soon the bus is looked for again, at first and at most.
const AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(120)];

/// Serves on the session bus for as long as signals may come.
pub(super) async fn serve(interface: Interface, signals: broadcast::WeakSender<Signal>) {
    let [first, longest] = AGAIN;
    let mut delay = first;
    loop {
        let Some(receiver) = signals.upgrade().map(|sender| sender.subscribe()) else {
            return;
        };
        match join(interface.clone()).await {
            Ok(connection) => {
                tracing::debug!("on the session bus as {NAME}");
                delay = first;
                peer::until_closed(connection, receiver).await;
                tracing::debug!("no longer on the session bus");
            }
            Err(error) => tracing::debug!("no session bus: {error}"),
        }
        if signals.strong_count() == 0 {
            return;
        }
        tokio::time::sleep(delay).await;
        delay = (delay * 2).min(longest);
    }
}

/// Connects and asks for the name. Where another daemon has it, this one waits in the bus's queue.
async fn join(interface: Interface) -> zbus::Result<Connection> {
    let address = Address::session()?;
    let connection = builder(address)
        .await?
        .serve_at(PATH, interface)?
        .build()
        .await?;
    connection
        .request_name_with_flags(NAME, Default::default())
        .await?;
    Ok(connection)
}

/// The way to a bus. zbus itself would connect on a thread of its own, each time anew.
pub(super) async fn builder(address: Address) -> zbus::Result<Builder<'static>> {
    let path = match address.transport() {
        Transport::Unix(unix) => match unix.path() {
            UnixSocket::File(path) => path.clone().into_os_string(),
            UnixSocket::Abstract(name) => {
                let name = name.clone().into_vec();
                OsString::from_vec([vec![0], name].concat())
            }
            _ => return Builder::address(address),
        },
        _ => return Builder::address(address),
    };
    let stream = UnixStream::connect(path).await?;
    Ok(Builder::socket(peer::split(stream)))
}
