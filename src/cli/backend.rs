//! The seam between the verbs and the rest of the program: one function per verb, plain reports out.
//!
//! This is where config, auth, net, imap, maildir, store and engine are put together.

mod account;
mod clock;
mod daemon;
pub mod desktop;
mod holds;
mod hooks;
mod last;
mod letters;
mod listeners;
mod pass;
mod server;
pub mod shelf;
mod status;

pub use daemon::{run, run_with};
pub use holds::{Verdict, decide, done, holds, undo};
pub use hooks::{Board, check as check_hooks};
pub use listeners::{Doing, Ear, Listeners, Makes};
pub use pass::sync;
pub use server::{check, mailboxes};
pub use status::status;
