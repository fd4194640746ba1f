//! How a run ended, as the exit code tells it.

use std::process::ExitCode;

/// How a run ended. Ordered: the greatest of several is the whole's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// 0: all in sync.
    InSync,
    /// 3: deletions are held.
    Held,
    /// 1: something failed; the rest was done.
    Failed,
    /// 2: wrong usage or configuration; nothing was done.
    Usage,
}

impl Outcome {
    /// The exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::InSync => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Held => 3,
        }
    }

    /// What the parts make together.
    #[must_use]
    pub fn of(failed: bool, held: bool) -> Self {
        match (failed, held) {
            (true, _) => Self::Failed,
            (false, true) => Self::Held,
            (false, false) => Self::InSync,
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(outcome.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_outweighs_a_hold() {
        assert_eq!(Outcome::of(true, true).code(), 1);
        assert_eq!(Outcome::of(false, true).code(), 3);
        assert_eq!(Outcome::of(false, false).code(), 0);
        assert!(Outcome::Failed > Outcome::Held);
    }
}
