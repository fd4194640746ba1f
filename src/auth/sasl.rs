//! SASL mechanisms (RFC 4422): which there are, which is used, and what is said in each, independent of the protocol that
//! carries it.

mod choice;
mod exchange;
mod mechanism;
pub mod scram;

pub use choice::{Means, NoChoice, Offer, choose};
pub use exchange::{Broken, Exchange, Identity, Unspeakable, apop};
pub use mechanism::{Allowed, Kind, Mechanism};

/// What ties a login to the TLS connection that it is made on (RFC 5056).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Its registered name, such as `tls-exporter`.
    pub name: &'static str,
    /// What both ends of the connection know, and nobody between them.
    pub data: Vec<u8>,
}
