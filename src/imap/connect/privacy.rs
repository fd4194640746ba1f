//! The proof, by type, that a password may be sent: only the two ways below make a [`Privacy`], and only its holder
//! can log in.

use std::time::Duration;

use tokio::net::TcpStream;

use crate::auth::sasl::Binding;
use crate::net::{dial, tls};

/// Nobody on the way can listen.
#[derive(Debug)]
pub(super) struct Privacy {
    binding: Option<Binding>,
    certificate: bool,
}

impl Privacy {
    /// A stream of this type exists only after a verified handshake.
    pub(super) fn of_tls(secured: &tls::Secured) -> Self {
        let binding = secured.binding.as_ref();
        Self {
            binding: binding.map(|binding| Binding {
                name: binding.name,
                data: binding.data.clone(),
            }),
            certificate: secured.certificate,
        }
    }

    /// Connects to this machine.
    pub(super) async fn of_this_machine(
        host: &str,
        port: u16,
        limit: Duration,
    ) -> Result<(TcpStream, Self), dial::Error> {
        let stream = dial::connect_loopback(host, port, limit).await?;
        let privacy = Self {
            binding: None,
            certificate: false,
        };
        Ok((stream, privacy))
    }

    /// What a login can be bound to.
    pub(super) fn binding(&self) -> Option<&Binding> {
        self.binding.as_ref()
    }

    /// Whether the server was shown a client certificate, if it asked for one.
    pub(super) fn certificate(&self) -> bool {
        self.certificate
    }

    /// For scripts in memory.
    #[cfg(test)]
    pub(super) fn of_a_test(binding: Option<Binding>) -> Self {
        Self {
            binding,
            certificate: true,
        }
    }
}
