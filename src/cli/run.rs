//! `run`: the daemon, in the foreground.

use std::path::Path;

use super::{Failure, Outcome, backend, block_on_and_leave, read_config};

/// Runs the verb.
pub(super) fn run(file: Option<&Path>) -> Result<Outcome, Failure> {
    let config = read_config(file)?;
    // Always the same file, whatever becomes of the working directory and the environment.
    let file = config.file.clone();
    let load = || read_config(Some(&file));
    block_on_and_leave(backend::run(config, &load))?;
    Ok(Outcome::InSync)
}
