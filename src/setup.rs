//! Getting an account into the configuration: what another program's configuration says, said in ours.
//!
//! [`import`] turns text into text and knows nothing of the disk; [`file`] adds it to the configuration.

mod document;
pub mod file;
pub mod import;
mod names;
mod value;

pub use document::{Document, Note, Password};
