//! How long to wait before the next try. Pure: chance comes in as a number.

use std::time::Duration;

/// In the first minutes a server that was restarted is to be found again within seconds.
const FIRST: [u64; 5] = [500, 1000, 2000, 3000, 4000];
/// So many tries at the pace of the last of those, some three minutes.
const PATIENT: u32 = 45;
/// The longest wait, in milliseconds.
const LONGEST: u64 = 300_000;

/// Counts failures in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// It worked.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// It failed once more; how long to wait. `chance` spreads many clients over time: the wait is between 75 and 100
    /// percent of its full length.
    pub(super) fn wait(&mut self, chance: u16) -> Duration {
        let full = full(self.failures);
        self.failures = self.failures.saturating_add(1);
        let spread = full / 4 * u64::from(chance) / u64::from(u16::MAX);
        Duration::from_millis(full - spread)
    }
}

fn full(failures: u32) -> u64 {
    let [.., slowest] = FIRST;
    let first = usize::try_from(failures).ok().and_then(|at| FIRST.get(at));
    let beyond = failures.saturating_sub(PATIENT).min(16);
    let grown = slowest.saturating_mul(1 << beyond).min(LONGEST);
    first.copied().unwrap_or(grown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_quick_first_and_patient_later_and_never_silent() {
        let mut backoff = Backoff::default();
        let waits: Vec<u128> = (0..60).map(|_| backoff.wait(0).as_millis()).collect();
        assert_eq!(waits[..6], [500, 1000, 2000, 3000, 4000, 4000]);
        assert!(waits[..45].iter().sum::<u128>() > 120_000);
        assert!(waits.windows(2).all(|pair| pair[0] <= pair[1]));
        assert_eq!(waits[59], 300_000);
        backoff.reset();
        assert_eq!(backoff.wait(0).as_millis(), 500);
    }

    #[test]
    fn chance_shortens_it_by_a_quarter_at_most() {
        assert_eq!(Backoff::default().wait(u16::MAX).as_millis(), 375);
        for failures in 0..70 {
            let mut one = Backoff { failures };
            let mut other = Backoff { failures };
            assert!(one.wait(u16::MAX) * 4 >= other.wait(0) * 3);
        }
    }
}
