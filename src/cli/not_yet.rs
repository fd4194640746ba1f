//! Verbs whose part of the program comes with a later version. They say so and fail.

use super::{Failure, Outcome, selection};
use crate::config::Config;

/// `run`, `pause` and `resume`.
pub(super) fn daemon(config: &Config, account: Option<&str>) -> Result<Outcome, Failure> {
    // Wrong names are told all the same: they stay wrong.
    selection::accounts(config, account)?;
    Err(Failure::NotYet(
        "the daemon comes with a later one; until then run `mailferry sync` from a timer",
    ))
}

/// `hooks`.
pub(super) fn hooks() -> Result<Outcome, Failure> {
    Err(Failure::NotYet("hooks come with a later one"))
}
