//! observe -> plan -> execute -> record.
//!
//! The engine carries out what `sync` decided, through the narrow traits in [`ports`]. It decides nothing about mail,
//! opens no socket and no file, and reads the time only through [`ports::Clock`].

mod acts;
mod context;
mod differs;
mod execute;
pub mod fault;
mod finish;
mod folders;
mod late;
mod letters;
mod link;
mod news;
mod observe;
mod pass;
mod pool;
pub mod ports;
mod quick;
mod recover;
mod report;
mod root;
#[cfg(test)]
mod tests;
mod undo;
mod waits;

pub use acts::{Acted, act};
pub use context::{Home, Mode, Ports, Scope, Settings};
pub use differs::{Differences, differences};
pub use fault::{Advice, Fault, Pace, Reach};
pub use letters::{LetterPorts, carry_home, letter_acts};
pub use link::Link;
pub use news::Telling;
pub use pass::{sync, sync_over};
pub use report::{Counts, LeftThere, Problem, Report, Unknown};
pub use undo::undo;
