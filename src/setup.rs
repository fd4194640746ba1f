//! Getting an account into the configuration: what another program's configuration says, said in ours.
//!
//! [`import`] turns text into text and knows nothing of the disk; [`file`] adds it to the configuration.

mod command;
mod document;
pub mod file;
pub mod import;
pub mod init;
mod names;
mod value;

pub use command::command;
pub use document::{Document, Note, Password};
