//! observe -> plan -> execute -> record.
//!
//! The engine carries out what `sync` decided, through the narrow traits in [`ports`]. It decides nothing about mail,
//! opens no socket and no file, and reads the time only through [`ports::Clock`].

pub mod fault;
pub mod ports;

pub use fault::{Fault, Reach};
