//! Whether a password has been good before: then a server that refuses it without saying why means something else.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Secret;

/// Remembers the password that was last accepted, for as long as the process lives, by a number from which nothing can
/// be read back. Clones remember together.
#[derive(Clone, Default)]
pub struct Accepted(Arc<Memory>);

#[derive(Default)]
struct Memory {
    keys: RandomState,
    /// 0 for none.
    last: AtomicU64,
    /// 0 for none.
    refused: AtomicU64,
    presumed: bool,
}

/// What a password is remembered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(u64);

impl Accepted {
    /// Knows of no password. With `presumed` the first one is taken for good until it is told otherwise: an earlier
    /// process could log in when it last tried.
    #[must_use]
    pub fn new(presumed: bool) -> Self {
        Self(Arc::new(Memory {
            presumed,
            ..Memory::default()
        }))
    }

    /// What to remember a password by.
    #[must_use]
    pub fn mark(&self, secret: &Secret) -> Mark {
        Mark(self.0.keys.hash_one(secret.expose()) | 1)
    }

    /// It was accepted.
    pub fn keep(&self, mark: Mark) {
        self.0.last.store(mark.0, Ordering::Relaxed);
    }

    /// It was refused.
    pub fn refuse(&self, mark: Mark) {
        self.0.refused.store(mark.0, Ordering::Relaxed);
    }

    /// Whether it was the last one that was refused.
    #[must_use]
    pub fn was_refused(&self, mark: Mark) -> bool {
        self.0.refused.load(Ordering::Relaxed) == mark.0
    }

    /// Whether it was accepted before.
    #[must_use]
    pub fn has(&self, mark: Mark) -> bool {
        match self.0.last.load(Ordering::Relaxed) {
            0 => self.0.presumed,
            last => last == mark.0,
        }
    }
}

impl fmt::Debug for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Accepted(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_that_was_good_is_known_again_by_all_clones() {
        let accepted = Accepted::default();
        let [old, new] = ["old", "new"].map(|text| accepted.mark(&Secret::new(text)));
        assert!(!accepted.has(old));
        accepted.clone().keep(old);
        assert!(accepted.has(old) && !accepted.has(new));
        accepted.keep(new);
        assert!(accepted.has(new) && !accepted.has(old));
        assert_eq!(format!("{accepted:?}"), "Accepted(..)");
    }

    #[test]
    fn what_is_presumed_ends_with_the_first_that_is_known() {
        let accepted = Accepted::new(true);
        let [one, other] = ["one", "other"].map(|text| accepted.mark(&Secret::new(text)));
        assert!(accepted.has(one) && accepted.has(other));
        accepted.keep(one);
        assert!(accepted.has(one) && !accepted.has(other));
    }
}
