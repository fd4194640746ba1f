//! The time, from the system.

use std::time::{Duration, Instant};

use crate::engine::ports::Clock;

/// The system's clocks.
#[derive(Debug)]
pub(super) struct SystemClock {
    started: Instant,
}

impl SystemClock {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> i64 {
        jiff::Timestamp::now().as_second()
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    fn day(&self, days_ago: u32) -> String {
        let past = jiff::SignedDuration::from_hours(24 * i64::from(days_ago));
        let then = jiff::Timestamp::now().checked_sub(past);
        let then = then.unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        then.strftime("%Y-%m-%d").to_string()
    }
}
