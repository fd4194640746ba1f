//! Verbs whose part of the program comes with a later version. They say so and fail.

use super::{Failure, Outcome};
use crate::config::Config;

/// `run`.
pub(super) fn daemon(_config: &Config) -> Result<Outcome, Failure> {
    Err(Failure::NotYet(
        "the daemon comes with a later one; until then run `mailferry sync` from a timer",
    ))
}

/// `hooks`.
pub(super) fn hooks() -> Result<Outcome, Failure> {
    Err(Failure::NotYet("hooks come with a later one"))
}
