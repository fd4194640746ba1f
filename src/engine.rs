//! observe -> plan -> execute -> record.
//!
//! The engine carries out what `sync` decided, through the narrow traits in [`ports`]. It decides nothing about mail,
//! opens no socket and no file, and reads the time only through [`ports::Clock`].

mod context;
mod execute;
pub mod fault;
mod folders;
mod late;
mod observe;
mod pass;
mod pool;
pub mod ports;
mod recover;
mod report;
mod root;
#[cfg(test)]
mod tests;
mod undo;

pub use context::{Mode, Ports, Scope, Settings};
pub use fault::{Fault, Reach};
pub use pass::sync;
pub use report::{Counts, Problem, Report};
pub use undo::undo;
