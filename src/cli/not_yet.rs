//! Verbs whose part of the program comes with a later version. They say so and fail.

use super::{Failure, Outcome};

/// `hooks`.
pub(super) fn hooks() -> Result<Outcome, Failure> {
    Err(Failure::NotYet("hooks come with a later one"))
}
