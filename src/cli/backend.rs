//! The seam between the verbs and the rest of the program: one function per verb, plain reports out.
//!
//! This is where config, auth, net, imap, maildir, store and engine are put together.

mod account;
mod clock;
mod daemon;
mod holds;
mod last;
mod pass;
mod server;
pub mod shelf;
mod status;

pub use daemon::run;
pub use holds::{Verdict, decide, done, holds, undo};
pub use pass::sync;
pub use server::{check, mailboxes};
pub use status::status;

/// What POP3 accounts say wherever they are used.
pub const POP3_LATER: &str = "POP3 comes with a later version";
