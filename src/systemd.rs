//! Telling the service manager how the daemon is: readiness, reloading, its end, a line of status, the watchdog.
//!
//! The protocol is sd_notify's: lines of `NAME=value` in one datagram to the socket that `$NOTIFY_SOCKET` names. Without
//! that variable nobody is told, and nothing else is different. Knows nothing of what the daemon does.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Where the service manager listens, if it does.
#[derive(Debug, Default)]
pub struct Notifier(Option<(UnixDatagram, SocketAddr)>);

impl Notifier {
    /// As `$NOTIFY_SOCKET` says; nobody is told where it is unset, or names what is no unix socket.
    #[must_use]
    pub fn of_process() -> Self {
        match env::var_os("NOTIFY_SOCKET") {
            Some(address) if !address.is_empty() => Self::at(&address).unwrap_or_else(|error| {
                tracing::warn!("the service manager cannot be told anything: {error}");
                Self::default()
            }),
            _ => Self::default(),
        }
    }

    /// At an address: a path, or `@` and an abstract name.
    ///
    /// # Errors
    /// The address is no unix socket's (`vsock:` is none), or there is no socket to be had.
    pub fn at(address: &OsStr) -> io::Result<Self> {
        let address = match address.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            [b'/', ..] => SocketAddr::from_pathname(address)?,
            _ => return Err(io::Error::from(io::ErrorKind::Unsupported)),
        };
        let socket = UnixDatagram::unbound()?;
        // A manager that does not read must not stop the mail.
        socket.set_nonblocking(true)?;
        Ok(Self(Some((socket, address))))
    }

    /// Whether somebody is told.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.0.is_some()
    }

    /// The start, or a reload, is over.
    pub fn ready(&self) {
        self.tell("READY=1");
    }

    /// A reload has begun; [`Self::ready`] ends it.
    pub fn reloading(&self) {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// The end has begun.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// One line on how things are, for `systemctl status`.
    pub fn status(&self, text: &str) {
        // A line end would begin another assignment.
        let line: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        self.tell(&format!("STATUS={line}"));
    }

    /// Still alive: see [`watchdog`].
    pub fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    fn tell(&self, text: &str) {
        let Some((socket, address)) = &self.0 else {
            return;
        };
        if let Err(error) = socket.send_to_addr(text.as_bytes(), address) {
            tracing::debug!("the service manager could not be told: {error}");
        }
    }
}

/// How often the service manager wants to hear [`Notifier::alive`]; `None` if it does not. Telling it twice as often is
/// what it advises.
#[must_use]
pub fn watchdog() -> Option<Duration> {
    let read = |name| env::var(name).ok();
    watchdog_of(
        read("WATCHDOG_USEC").as_deref(),
        read("WATCHDOG_PID").as_deref(),
        std::process::id(),
    )
}

/// `$WATCHDOG_PID` keeps a child of the service, which inherits both, from taking them for its own.
fn watchdog_of(micros: Option<&str>, pid: Option<&str>, own: u32) -> Option<Duration> {
    if pid.is_some_and(|pid| pid.parse() != Ok(own)) {
        return None;
    }
    let micros: u64 = micros?.parse().ok()?;
    (micros > 0).then(|| Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(socket: &UnixDatagram) -> String {
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let mut buffer = [0; 512];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn everything_is_told_as_the_protocol_wants_it() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier::at(path.as_os_str()).unwrap();
        notifier.ready();
        assert_eq!(received(&manager), "READY=1");
        notifier.status("2 accounts\nSTOPPING=1\u{1b}");
        assert_eq!(received(&manager), "STATUS=2 accounts STOPPING=1 ");
        notifier.alive();
        assert_eq!(received(&manager), "WATCHDOG=1");
        notifier.stopping();
        assert_eq!(received(&manager), "STOPPING=1");
    }

    #[test]
    fn a_reload_carries_the_monotonic_time() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier::at(path.as_os_str()).unwrap();
        let micros = |text: &str| -> u64 {
            let number = text.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
            number.parse().unwrap()
        };
        notifier.reloading();
        let first = micros(&received(&manager));
        std::thread::sleep(Duration::from_millis(2));
        notifier.reloading();
        let second = micros(&received(&manager));
        assert!(second >= first + 2000, "{first} {second}");
    }

    #[test]
    fn abstract_addresses_work() {
        let name = format!("mailferry-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        let notifier = Notifier::at(OsStr::new(&format!("@{name}"))).unwrap();
        notifier.ready();
        assert_eq!(received(&manager), "READY=1");
    }

    #[test]
    fn nobody_there_is_no_fault() {
        assert!(!Notifier::default().is_told());
        Notifier::default().ready();
        assert!(Notifier::at(OsStr::new("vsock:2:1234")).is_err());
        let root = tempfile::tempdir().unwrap();
        Notifier::at(root.path().join("nobody").as_os_str())
            .unwrap()
            .ready();
    }

    #[test]
    fn a_manager_that_does_not_read_stops_nothing() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("notify");
        let _manager = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier::at(path.as_os_str()).unwrap();
        for _ in 0..10_000 {
            notifier.alive();
        }
    }

    #[test]
    fn the_watchdog_is_for_the_process_it_names() {
        let minute = Some(Duration::from_secs(60));
        assert_eq!(watchdog_of(Some("60000000"), None, 7), minute);
        assert_eq!(watchdog_of(Some("60000000"), Some("7"), 7), minute);
        assert_eq!(watchdog_of(Some("60000000"), Some("8"), 7), None);
        for nothing in [None, Some("0"), Some("x"), Some("")] {
            assert_eq!(watchdog_of(nothing, Some("7"), 7), None);
        }
    }
}
