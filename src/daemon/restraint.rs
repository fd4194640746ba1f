//! Waits that a change of the network does not end: for servers that refuse a login for reasons of their own, and for
//! people who are asked for a passphrase. Pure: time and chance come in as numbers.

use std::time::Duration;

use crate::engine::Pace;

/// After refused logins, in seconds; the last one again and again.
const REFUSED: [u64; 7] = [60, 120, 240, 480, 960, 1920, 3600];
/// After failures to get the password.
const ASKING: [u64; 4] = [30, 120, 600, 1800];

/// Counts failures since it last worked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Restraint {
    refused: usize,
    asked: usize,
    until: Duration,
}

impl Restraint {
    /// Not before then.
    pub(super) fn until(&self) -> Duration {
        self.until
    }

    /// It worked, or somebody says that it may.
    pub(super) fn end(&mut self) {
        *self = Self::default();
    }

    /// It failed. `chance` takes up to a quarter off the wait.
    pub(super) fn failed(&mut self, pace: Pace, now: Duration, chance: u16) {
        let seconds = match pace {
            Pace::Soon => return,
            Pace::Refused => next(&REFUSED, &mut self.refused),
            Pace::Asking => next(&ASKING, &mut self.asked),
        };
        let full = Duration::from_secs(seconds);
        let spread = full / 4 * u32::from(chance) / u32::from(u16::MAX);
        self.until = now + full - spread;
    }
}

fn next(waits: &[u64], failures: &mut usize) -> u64 {
    let found = waits.get(*failures).or_else(|| waits.last());
    *failures = failures.saturating_add(1);
    found.copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(pace: Pace, count: usize) -> Vec<u64> {
        let mut restraint = Restraint::default();
        let now = Duration::from_secs(5);
        let wait = |_| {
            restraint.failed(pace, now, 0);
            (restraint.until().saturating_sub(now)).as_secs()
        };
        (0..count).map(wait).collect()
    }

    #[test]
    fn waits_grow_and_end_nowhere() {
        assert_eq!(waits(Pace::Refused, 5), [60, 120, 240, 480, 960]);
        assert_eq!(waits(Pace::Refused, 9)[6..], [3600, 3600, 3600]);
        assert_eq!(waits(Pace::Asking, 6), [30, 120, 600, 1800, 1800, 1800]);
        assert_eq!(waits(Pace::Soon, 2), [0, 0]);
    }

    #[test]
    fn chance_takes_off_a_quarter_and_what_ended_begins_anew() {
        let mut restraint = Restraint::default();
        restraint.failed(Pace::Refused, Duration::ZERO, u16::MAX);
        assert_eq!(restraint.until(), Duration::from_secs(45));
        restraint.end();
        assert_eq!(restraint.until(), Duration::ZERO);
        restraint.failed(Pace::Refused, Duration::ZERO, 0);
        assert_eq!(restraint.until(), Duration::from_secs(60));
    }
}
