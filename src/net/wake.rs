//! When connections can only be dead, or may be: the machine has slept, or its addresses have changed.

mod addresses;

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink};
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use self::addresses::Addresses;

/// Between two looks at the clocks the machine has slept if they differ by more than this.
const SLEPT: Duration = Duration::from_secs(2);
/// A timer that is never to go off; only its being cancelled counts.
const NEVER: i64 = i64::MAX / 4;

/// Notices that the machine has slept.
///
/// The kernel cancels a timer on the wall clock when that clock is set, which it also is when the machine wakes up; and
/// only sleep makes the clock that counts it gain on the one that does not.
#[derive(Debug)]
pub struct Sleep {
    timer: AsyncFd<OwnedFd>,
    gap: Duration,
}

impl Sleep {
    /// Begins to watch.
    ///
    /// # Errors
    /// No descriptor could be had.
    pub fn watch() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = rustix::time::timerfd_create(TimerfdClockId::Realtime, flags)?;
        Ok(Self {
            timer: awaited(timer)?,
            gap: gap(),
        })
    }

    /// Waits until the machine has slept and is awake again.
    ///
    /// # Errors
    /// The timer cannot be set.
    pub async fn over(&mut self) -> io::Result<()> {
        loop {
            self.arm()?;
            // What happened before that, while nobody waited, is told by the clocks alone.
            if self.slept() {
                return Ok(());
            }
            let mut ready = self.timer.readable().await?;
            ready.clear_ready();
            // What it says is that the clock was set; there is nothing more to read.
            let mut counter = [0; 8];
            let _ = rustix::io::read(self.timer.get_ref(), &mut counter);
            if self.slept() {
                return Ok(());
            }
        }
    }

    fn slept(&mut self) -> bool {
        let gap = gap();
        let slept = gap.saturating_sub(self.gap);
        self.gap = gap;
        slept > SLEPT
    }

    fn arm(&self) -> io::Result<()> {
        let never = Itimerspec {
            it_interval: Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: Timespec {
                tv_sec: NEVER,
                tv_nsec: 0,
            },
        };
        let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
        rustix::time::timerfd_settime(self.timer.get_ref(), flags, &never)?;
        Ok(())
    }
}

#[allow(
    deprecated,
    reason = "the way that replaces it is unsafe; an `OwnedFd` keeps the promise that one asks for"
)]
fn awaited(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(fd, Interest::READABLE)
}

/// How long the machine has slept since it was started.
fn gap() -> Duration {
    let of = |clock| {
        let time = rustix::time::clock_gettime(clock);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
        Duration::new(seconds, nanos)
    };
    of(ClockId::Boottime).saturating_sub(of(ClockId::Monotonic))
}

/// Room for what the kernel says at once.
const PIECE: usize = 32 * 1024;

/// Notices that the machine's addresses change (rtnetlink, where NetworkManager and networkd have it from, too).
#[derive(Debug)]
pub struct Network {
    socket: AsyncFd<OwnedFd>,
    addresses: Addresses,
    piece: Vec<u8>,
}

impl Network {
    /// Begins to watch.
    ///
    /// # Errors
    /// The kernel has no such socket, or it is not allowed here.
    pub fn watch() -> io::Result<Self> {
        // RTMGRP_IPV4_IFADDR and RTMGRP_IPV6_IFADDR of linux/rtnetlink.h.
        const ADDRESSES: u32 = 0x10 | 0x100;
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let kind = SocketType::RAW;
        let socket = rustix::net::socket_with(AddressFamily::NETLINK, kind, flags, None)?;
        rustix::net::bind(&socket, &netlink::SocketAddrNetlink::new(0, ADDRESSES))?;
        let network = Self {
            socket: awaited(socket)?,
            addresses: Addresses::default(),
            piece: vec![0; PIECE],
        };
        network.ask();
        Ok(network)
    }

    /// Asks for the addresses that there are. Without an answer each of them is news once.
    fn ask(&self) {
        let asked = rustix::net::send(
            self.socket.get_ref(),
            &Addresses::question(),
            SendFlags::empty(),
        );
        if let Err(error) = asked {
            tracing::debug!("the addresses that there are cannot be had: {error}");
        }
    }

    /// Waits until an address came or went over which others can be reached. May be dropped at any time without losing
    /// any.
    ///
    /// # Errors
    /// The socket is of no use any more.
    pub async fn changed(&mut self) -> io::Result<()> {
        loop {
            self.socket.readable().await?.clear_ready();
            if self.take_all()? {
                return Ok(());
            }
        }
    }

    /// Reads what has come; whether some of it is news.
    fn take_all(&mut self) -> io::Result<bool> {
        let mut news = false;
        loop {
            let piece = self.piece.as_mut_slice();
            match rustix::net::recv(self.socket.get_ref(), piece, RecvFlags::empty()) {
                Ok((_, length)) => {
                    let piece = self.piece.get(..length).unwrap_or_default();
                    news |= self.addresses.take(piece);
                }
                // Messages were lost: there were many.
                Err(Errno::NOBUFS) => {
                    news = true;
                    self.addresses.forget();
                    self.ask();
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(news),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_machine_that_is_awake_has_not_slept() {
        let mut sleep = Sleep::watch().unwrap();
        let over = tokio::time::timeout(Duration::from_millis(20), sleep.over());
        assert!(over.await.is_err());
    }

    #[tokio::test]
    async fn a_network_that_stays_says_nothing() {
        let mut network = Network::watch().unwrap();
        let changed = tokio::time::timeout(Duration::from_millis(20), network.changed());
        assert!(changed.await.is_err());
    }
}
