//! mailferry keeps a local Maildir and a mail server the same, in both directions.
//!
//! The rooms, and which way they may look (`tests/rooms.rs` holds this):
//!
//! ```text
//! mail <- sync <- engine <- daemon <- cli <- main
//!                   ^
//!   imap, maildir, store implement engine's traits and never see each other
//!   so does pop3; imap and pop3 use net and auth; cli and daemon put everything together from config
//!   desktop shows what has happened and asks for what the user wants done; bus is what it and control share
//!   control carries requests from cli to daemon; systemd is told how the daemon is
//! ```
//!
//! * [`mail`]: the vocabulary; standard library only.
//! * [`sync`]: the decision; pure.
//! * [`engine`]: carries decisions out through its ports.
//! * [`config`]: what the user wants, checked and resolved.
//! * [`desktop`] shows notifications.
//! * [`control`]: how a running daemon is asked; [`systemd`]: how the service manager is told.
//! * [`hooks`]: Lua scripts that are told what happened to mail, and say what is to be done with it.
//! * [`letter`]: what a message says, for hooks and notifications; the sync never looks inside.
//! * [`cli`]: what the user types and sees.

pub mod auth;
// Nothing to fuzz there.
#[cfg(not(fuzzing))]
mod bus;
// Nor there, and half of what there is to compile.
#[cfg(not(fuzzing))]
pub mod cli;
pub mod config;
pub mod content;
// Nothing to fuzz there either.
#[cfg(not(fuzzing))]
pub mod control;
pub mod daemon;
// Nor there.
#[cfg(not(fuzzing))]
pub mod desktop;
pub mod engine;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
pub mod hooks;
pub mod imap;
pub mod letter;
pub mod mail;
pub mod maildir;
pub mod net;
pub mod pop3;
#[cfg(not(fuzzing))]
pub mod setup;
#[cfg(any(test, feature = "sim"))]
pub mod sim;
pub mod store;
pub mod sync;
#[cfg(not(fuzzing))]
pub mod systemd;
