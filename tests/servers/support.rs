//! Everything the tests stand on: servers, an IMAP client of their own, and the oracle that compares both sides.
//!
//! Nothing here uses the code under test.

pub mod client;
pub mod cyrus;
pub mod dovecot;
pub mod ferry;
pub mod mailbox_name;
pub mod maildir;
pub mod mbsync;
pub mod messages;
pub mod offlineimap;
pub mod oracle;
pub mod post;
pub mod proxy;
pub mod relay;
pub mod script;
pub mod server;

pub use client::Client;
pub use ferry::Ferry;
pub use messages::{Random, message};
pub use oracle::{Snapshot, assert_equal};
pub use relay::Relay;
pub use server::{Server, Variant};

/// So much more memory than the program as it is installed takes one without optimisation, by its code alone. With what it
/// has learned since the first measurement (18 MiB) its code has grown.
pub const UNOPTIMISED_KIB: u64 = if cfg!(debug_assertions) { 24 * 1024 } else { 0 };
