//! Secrets and how they are presented: where a password or token comes from, and the SASL mechanisms that wrap it.
//!
//! Knows nothing of sockets and of the protocols that carry the mechanisms.

pub mod accepted;
pub mod bound;
mod command;
pub mod sasl;
pub mod secrets;
pub mod veil;

pub use accepted::Accepted;
pub use bound::Bound;
pub use sasl::{Allowed, Mechanism};
pub use secrets::{Error, Secret, SecretSource};
