//! The proof, by type, that a password may be sent: only the two ways below make a [`Privacy`], and only its holder
//! can log in.

use std::time::Duration;

use tokio::net::TcpStream;

use crate::net::{dial, tls};

/// Nobody on the way can listen.
#[derive(Debug)]
pub(super) struct Privacy(());

impl Privacy {
    /// A stream of this type exists only after a verified handshake.
    pub(super) fn of_tls(_stream: &tls::TlsStream) -> Self {
        Self(())
    }

    /// Connects to this machine.
    pub(super) async fn of_this_machine(
        host: &str,
        port: u16,
        limit: Duration,
    ) -> Result<(TcpStream, Self), dial::Error> {
        let stream = dial::connect_loopback(host, port, limit).await?;
        Ok((stream, Self(())))
    }

    /// For scripts in memory.
    #[cfg(test)]
    pub(super) fn of_a_test() -> Self {
        Self(())
    }
}
