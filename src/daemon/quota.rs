//! How many connections an account may have, as far as its server has shown. Pure: the time comes in as a number.

use std::time::Duration;

/// After so long it is tried with one more; twice as long after each time that was of no use.
const FIRST: Duration = Duration::from_secs(15 * 60);
/// The longest time until it is tried again.
const LONGEST: Duration = Duration::from_secs(8 * 3600);

/// What the server grants, if that is less than what the user allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limited {
    /// So many connections are held at most.
    pub connections: usize,
    /// So many the user allows.
    pub allowed: usize,
    /// What the server said, for people.
    pub reason: String,
}

/// Divides connections between watching and working.
#[derive(Debug)]
pub(super) struct Quota {
    allowed: usize,
    granted: usize,
    reason: String,
    pause: Duration,
    raise_at: Duration,
}

impl Quota {
    pub(super) fn new(allowed: usize) -> Self {
        let allowed = allowed.max(1);
        Self {
            allowed,
            granted: allowed,
            reason: String::new(),
            pause: FIRST,
            raise_at: Duration::MAX,
        }
    }

    /// How many may watch when `wanted` would like to: one is always left to work.
    pub(super) fn watching(&self, wanted: usize) -> usize {
        wanted.max(1).min(self.granted - 1)
    }

    /// How many may work beside those.
    pub(super) fn working(&self, wanted: usize) -> usize {
        self.granted - self.watching(wanted)
    }

    /// The server refused to have more than `open`. Whether that leaves fewer than before, so that it is worth trying
    /// again at once.
    pub(super) fn refused(&mut self, open: usize, reason: String, now: Duration) -> bool {
        let granted = open.clamp(1, self.granted);
        let fewer = granted < self.granted;
        self.granted = granted;
        self.reason = reason;
        if self.granted < self.allowed {
            self.raise_at = now.saturating_add(self.pause);
            self.pause = self.pause.saturating_mul(2).min(LONGEST);
        }
        fewer
    }

    /// When it is time to try with one more.
    pub(super) fn raise_at(&self) -> Duration {
        self.raise_at
    }

    /// Tries with one more.
    pub(super) fn raise(&mut self, now: Duration) {
        self.granted = self.allowed.min(self.granted + 1);
        self.raise_at = if self.granted < self.allowed {
            now.saturating_add(self.pause)
        } else {
            Duration::MAX
        };
    }

    /// What the server grants, if that is less than what is allowed.
    pub(super) fn limited(&self) -> Option<Limited> {
        (self.granted < self.allowed).then(|| Limited {
            connections: self.granted,
            allowed: self.allowed,
            reason: self.reason.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn one_connection_is_always_left_to_work() {
        for allowed in 0..10 {
            let quota = Quota::new(allowed);
            for wanted in 0..12 {
                let (watching, working) = (quota.watching(wanted), quota.working(wanted));
                assert!(working >= 1 && watching + working == allowed.max(1));
                assert!(watching <= wanted.max(1));
            }
        }
        assert_eq!(Quota::new(3).watching(1), 1);
        assert_eq!(Quota::new(3).watching(7), 2);
        assert_eq!(Quota::new(1).watching(1), 0);
    }

    #[test]
    fn what_the_server_refuses_is_not_asked_for_soon() {
        let mut quota = Quota::new(3);
        assert_eq!((quota.raise_at(), quota.limited()), (Duration::MAX, None));
        assert!(quota.refused(1, "full".to_owned(), Duration::ZERO));
        assert_eq!(quota.working(1), 1);
        assert_eq!(quota.raise_at(), 15 * MINUTE);
        let limited = quota.limited().unwrap();
        assert_eq!((limited.connections, limited.allowed), (1, 3));
        quota.raise(15 * MINUTE);
        assert_eq!(quota.limited().unwrap().connections, 2);
        // Again of no use: it takes longer until the next time.
        assert!(quota.refused(1, "full".to_owned(), 15 * MINUTE));
        assert_eq!(quota.raise_at(), 45 * MINUTE);
    }

    #[test]
    fn it_rises_again_to_what_the_user_allows_and_no_further() {
        let mut quota = Quota::new(2);
        quota.refused(0, "full".to_owned(), Duration::ZERO);
        for _ in 0..3 {
            quota.raise(MINUTE);
        }
        assert_eq!((quota.raise_at(), quota.limited()), (Duration::MAX, None));
        assert_eq!(quota.working(1), 1);
    }

    #[test]
    fn a_server_that_grants_none_is_none_the_fewer() {
        let mut quota = Quota::new(1);
        assert!(!quota.refused(0, "full".to_owned(), Duration::ZERO));
        assert_eq!(quota.raise_at(), Duration::MAX);
    }
}
