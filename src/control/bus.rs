//! The session bus, where there is one. That there is none, that it ends and that it comes back are no faults.

use std::time::Duration;

use tokio::sync::broadcast;
use zbus::connection::Connection;

use super::interface::Interface;
use super::{NAME, PATH, Signal, peer};
use crate::bus;

/// How soon the bus is looked for again, at first and at most.
const AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(120)];
/// So many times as long each time: where there is no bus, none is to be expected soon, and each look wakes the daemon.
const LONGER: u32 = 8;

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
        delay = (delay * LONGER).min(longest);
    }
}

/// Connects and asks for the name. Where another daemon has it, this one waits in the bus's queue.
async fn join(interface: Interface) -> zbus::Result<Connection> {
    let connection = bus::session()
        .await?
        .serve_at(PATH, interface)?
        .build()
        .await?;
    connection
        .request_name_with_flags(NAME, Default::default())
        .await?;
    Ok(connection)
}
