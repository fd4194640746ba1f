//! What holds for any input at all: functions over octets that fail loudly when it does not.
//!
//! Compiled for tests and for the targets in `fuzz/` only. The functions live in the rooms whose insides they look
//! at; here they are collected. A test runs every input that is kept in `fuzz/corpus` through them.

pub use crate::config::fuzz::config;
pub use crate::imap::connect::fuzz::gate;
pub use crate::imap::fuzz::{Fetched, Meaning, meaning, names, uids, wire};
pub use crate::letter::fuzz::letter;
pub use crate::maildir::fuzz::{files, folders, lines};
pub use crate::net::compress::fuzz::deflate;
pub use crate::pop3::fuzz::pop3;
pub use crate::store::fuzz::state;

/// A check of one input.
pub type Check = fn(&[u8]);

/// The checks by the name of their target. `codec` needs a crate that only `fuzz/` has.
pub const TARGETS: [(&str, Check); 12] = [
    ("config", config),
    ("deflate", deflate),
    ("files", files),
    ("folders", folders),
    ("gate", gate),
    ("letter", letter),
    ("lines", lines),
    ("names", names),
    ("pop3", pop3),
    ("state", state),
    ("uids", uids),
    ("wire", wire),
];

#[cfg(test)]
mod tests;
