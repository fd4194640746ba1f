//! Getting an account into the configuration: what another program's configuration says, said in ours.
//!
//! [`import`] turns text into text and knows nothing of the disk; [`file`] adds it to the configuration.

pub mod file;
pub mod import;
