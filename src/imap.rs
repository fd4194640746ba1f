//! The IMAP adapter: async-imap opens the conversation (`connect`), our wire engine carries it on (the rest).
//!
//! From the wire up: [`framer`] cuts responses, [`token`] and [`response`] read them, [`exchange`] pairs them with
//! commands, [`session`] knows what is selected, and on top [`observe`], [`transfer`], [`upload`], [`changes`] and
//! [`mailboxes`] do what [`remote`] promises the engine. [`watch`] waits for the server to speak first.

pub mod capabilities;
mod changes;
mod command;
pub mod connect;
mod date;
pub mod error;
mod exchange;
mod framer;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod mailboxes;
pub mod names;
mod observe;
pub mod open;
mod remote;
mod response;
#[cfg(test)]
mod script;
pub mod session;
#[cfg(test)]
mod tests;
mod token;
mod transfer;
mod upload;
pub mod watch;

pub use crate::auth::veil::Veil;
pub use error::Error;
pub use names::Names;
pub use open::ImapConnector;
pub use session::{Session, SessionOptions};
pub use watch::ImapWatch;
