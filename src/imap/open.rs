//! From an account's settings to a connection that the engine can use.

use super::connect::{self, Settings};
use super::{Error, Session, SessionOptions};
use crate::engine::Fault;
use crate::engine::ports::Connector;
use crate::net::{BoxStream, compress};
use crate::sync::Naming;

/// The capability that offers compression (RFC 4978).
const COMPRESS: &str = "COMPRESS=DEFLATE";

/// Opens the connections of one account.
#[derive(Debug)]
pub struct ImapConnector {
    /// Where to, and who.
    pub settings: Settings,
    /// How its sessions behave. Shared: what one connection learns of names, the others know.
    pub options: SessionOptions,
    /// Whether to compress where the server offers it.
    pub compress: bool,
}

impl Connector for ImapConnector {
    type Remote = Session<BoxStream>;

    async fn connect(&self) -> Result<Self::Remote, Fault> {
        let session = self.uncompressed().await?;
        if self.compress && session.capabilities().has(COMPRESS) {
            return Ok(Self::compressed(session).await?);
        }
        Ok(session)
    }

    fn set_naming(&self, naming: Option<Naming>) {
        self.options.names.set_naming(naming);
    }
}

impl ImapConnector {
    /// A connection without compression, for little talk: its buffers would take more memory than they save octets.
    pub(super) async fn uncompressed(&self) -> Result<Session<BoxStream>, Fault> {
        let opened = connect::open(&self.settings).await?;
        Ok(Session::new(
            opened.stream,
            opened.leftover,
            opened.capabilities,
            SessionOptions {
                veil: opened.veil,
                ..self.options.clone()
            },
        ))
    }

    async fn compressed(session: Session<BoxStream>) -> Result<Session<BoxStream>, Error> {
        let options = session.options.clone();
        let (stream, leftover, capabilities) = session.start_compression().await?;
        let stream = compress::wrap(stream, leftover);
        Ok(Session::new(stream, Vec::new(), capabilities, options))
    }
}
