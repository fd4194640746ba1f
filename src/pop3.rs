//! The POP3 client (RFC 1939, 2449, 2595, 5034, 3206, 6856).
//!
//! [`codec`] takes apart what a server sends; [`session`] opens connections, logs in and talks. Nothing here knows of
//! the Maildir or the state, or decides about a letter; nothing is tried twice.

pub mod codec;
mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod session;

pub use error::{Error, Step};
pub use session::{Pop3Postbox, Session, Settings};
