//! What reaches the daemon from outside: signals, the machine's sleep, the network, and the watchdog's clock.

use std::time::Duration;

use tokio::signal::unix::{Signal as Unix, SignalKind, signal};
use tokio::time::Instant;

use super::Heard;
use crate::control;
use crate::daemon::Order;
use crate::net::wake;
use crate::systemd;

/// Within this, two tell of the same awakening.
const AWAKE: Duration = Duration::from_secs(5);

/// Addresses come and go several at a time: only when nothing has changed for so long is it told.
const STILL: Duration = Duration::from_secs(1);
/// Or when it has been changing for so long.
const UNSTEADY: Duration = Duration::from_secs(5);

/// Signals and other things of the outside.
pub(super) struct Outside {
    terminate: Unix,
    interrupt: Unix,
    hangup: Unix,
    sleep: Sleep,
    network: Network,
    watchdog: Option<tokio::time::Interval>,
}

/// Who tells that the network is another one.
struct Network {
    addresses: Option<wake::Network>,
    /// Since when it has been changing, and until when it must have been still.
    changing: Option<(Instant, Instant)>,
}

/// Who tells that the machine has slept.
struct Sleep {
    clocks: Option<wake::Sleep>,
    logind: control::Awakenings,
    /// When it was last told.
    woken: Option<Instant>,
}

impl Outside {
    pub(super) fn new() -> std::io::Result<Self> {
        let watched = |name, error: std::io::Error| {
            tracing::info!("{name} will not be noticed: {error}");
        };
        let watchdog = systemd::watchdog().map(|period| tokio::time::interval(period / 2));
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            sleep: Sleep {
                clocks: wake::Sleep::watch()
                    .map_err(|error| watched("the machine's sleep", error))
                    .ok(),
                logind: control::Awakenings::listen(),
                woken: None,
            },
            network: Network {
                addresses: wake::Network::watch()
                    .map_err(|error| watched("changes of the network", error))
                    .ok(),
                changing: None,
            },
            watchdog,
        })
    }

    pub(super) async fn next(&mut self) -> Heard {
        tokio::select! {
            _ = self.terminate.recv() => Heard::End,
            _ = self.interrupt.recv() => Heard::End,
            _ = self.hangup.recv() => Heard::Reload,
            () = self.sleep.over() => Heard::Order(|| Order::Reconnect),
            () = self.network.settled() => Heard::Order(|| Order::Probe),
            () = due(&mut self.watchdog) => Heard::Alive,
        }
    }
}

impl Sleep {
    /// Waits until the machine has slept and is awake again, however that is noticed first.
    async fn over(&mut self) {
        loop {
            tokio::select! {
                () = slept(&mut self.clocks) => {}
                () = self.logind.next() => {}
            }
            let now = Instant::now();
            let known = self.woken.is_some_and(|woken| now - woken < AWAKE);
            if !known {
                self.woken = Some(now);
                return;
            }
        }
    }
}

impl Network {
    /// Waits until the network has become another one, and has been that for a moment. May be dropped at any time.
    async fn settled(&mut self) {
        loop {
            let still = self.changing.map(|(_, still)| still);
            tokio::select! {
                biased;
                () = changed(&mut self.addresses) => {
                    let now = Instant::now();
                    let since = self.changing.map_or(now, |(since, _)| since);
                    self.changing = Some((since, (now + STILL).min(since + UNSTEADY)));
                }
                () = until(still) => {
                    self.changing = None;
                    return;
                }
            }
        }
    }
}

/// Until then, or for ever.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

async fn slept(sleep: &mut Option<wake::Sleep>) {
    let over = match sleep {
        Some(sleep) => sleep.over().await.is_ok(),
        None => std::future::pending().await,
    };
    if !over {
        *sleep = None;
    }
}

async fn changed(network: &mut Option<wake::Network>) {
    let usable = match network {
        Some(network) => network.changed().await.is_ok(),
        None => std::future::pending().await,
    };
    if !usable {
        *network = None;
    }
}

async fn due(watchdog: &mut Option<tokio::time::Interval>) {
    match watchdog {
        Some(watchdog) => drop(watchdog.tick().await),
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_network_that_is_still_again_is_told_of_once_though_nobody_waited_all_the_time() {
        let begun = Instant::now();
        let mut network = Network {
            addresses: None,
            changing: Some((begun, begun + STILL)),
        };
        for _ in 0..3 {
            let soon = tokio::time::timeout(STILL / 4, network.settled());
            assert!(soon.await.is_err());
        }
        network.settled().await;
        assert_eq!(begun.elapsed(), STILL);
        let again = tokio::time::timeout(UNSTEADY * 2, network.settled());
        assert!(again.await.is_err());
    }
}
