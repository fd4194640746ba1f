//! TCP to a host name, over whichever of its addresses answers first.
//!
//! IPv6 and IPv4 addresses take turns; the next one is tried when the one before failed or has been silent for a
//! quarter of a second (the idea of RFC 8305, without its caches). The name is looked up afresh by every call.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use rustix::net::sockopt;
use tokio::net::{TcpStream, lookup_host};
use tokio::time;

/// How long an address may be silent before the next one is tried as well (RFC 8305 section 5).
const HEAD_START: Duration = Duration::from_millis(250);
/// A quiet connection is probed after this long, and then this often.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(120);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_PROBES: u32 = 4;
/// Sent but not acknowledged for this long: the connection is dead.
const USER_TIMEOUT: Duration = Duration::from_secs(120);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name could not be looked up.
    #[error("cannot look up {host}")]
    Resolve {
        /// The name.
        host: String,
        /// The resolver's word.
        source: io::Error,
    },
    /// The name has no addresses.
    #[error("{host} has no address")]
    NoAddress {
        /// The name.
        host: String,
    },
    /// No address took the connection; the cause is that of the last one.
    #[error("cannot connect to {host}:{port}")]
    Connect {
        /// The name.
        host: String,
        /// The port.
        port: u16,
        /// What the last address tried said.
        source: io::Error,
    },
    /// Neither a connection nor a refusal in time.
    #[error("no answer from {host}:{port} within {} s", .limit.as_secs())]
    Timeout {
        /// The name.
        host: String,
        /// The port.
        port: u16,
        /// How long it was waited.
        limit: Duration,
    },
    /// A connection without TLS was asked for and would have left this machine.
    #[error(
        "{host}:{port} is {address}, not this machine; without TLS only this machine is allowed"
    )]
    NotLoopback {
        /// The name.
        host: String,
        /// The port.
        port: u16,
        /// Where the name leads.
        address: SocketAddr,
    },
}

/// Connects within `limit`, name lookup included. Small writes are sent at once, and a dead peer is found out by the
/// kernel within minutes.
///
/// # Errors
/// Names host and port, and what the last address said.
pub async fn connect(host: &str, port: u16, limit: Duration) -> Result<TcpStream, Error> {
    let attempt = async {
        let addresses = resolve(host, port).await?;
        race(addresses).await.map_err(|source| Error::Connect {
            host: host.to_owned(),
            port,
            source,
        })
    };
    let stream = time::timeout(limit, attempt)
        .await
        .map_err(|_| Error::Timeout {
            host: host.to_owned(),
            port,
            limit,
        })??;
    tune(&stream);
    Ok(stream)
}

/// As [`connect`], but fails unless the other end is this machine. Nothing has been sent when it fails.
///
/// # Errors
/// As [`connect`], and [`Error::NotLoopback`].
pub async fn connect_loopback(host: &str, port: u16, limit: Duration) -> Result<TcpStream, Error> {
    let stream = connect(host, port, limit).await?;
    let failed = |source| Error::Connect {
        host: host.to_owned(),
        port,
        source,
    };
    let address = stream.peer_addr().map_err(failed)?;
    if address.ip().to_canonical().is_loopback() {
        Ok(stream)
    } else {
        Err(Error::NotLoopback {
            host: host.to_owned(),
            port,
            address,
        })
    }
}

async fn resolve(host: &str, port: u16) -> Result<VecDeque<SocketAddr>, Error> {
    let found = lookup_host((host, port))
        .await
        .map_err(|source| Error::Resolve {
            host: host.to_owned(),
            source,
        })?;
    let addresses = take_turns(found);
    if addresses.is_empty() {
        return Err(Error::NoAddress {
            host: host.to_owned(),
        });
    }
    Ok(addresses)
}

/// Lets the families take turns, beginning with the one the resolver prefers.
fn take_turns(found: impl Iterator<Item = SocketAddr>) -> VecDeque<SocketAddr> {
    let mut found = found.peekable();
    let six_first = found.peek().is_some_and(SocketAddr::is_ipv6);
    let (mut first, mut second): (VecDeque<_>, VecDeque<_>) =
        found.partition(|address| address.is_ipv6() == six_first);
    let mut turns = VecDeque::with_capacity(first.len() + second.len());
    while !first.is_empty() || !second.is_empty() {
        turns.extend(first.pop_front());
        turns.extend(second.pop_front());
    }
    turns
}

/// The first connection that stands; the others are dropped.
async fn race(mut waiting: VecDeque<SocketAddr>) -> io::Result<TcpStream> {
    let mut running = FuturesUnordered::new();
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        running.extend(waiting.pop_front().map(TcpStream::connect));
        let patience = if waiting.is_empty() {
            Duration::MAX
        } else {
            HEAD_START
        };
        match time::timeout(patience, running.next()).await {
            Ok(Some(Ok(stream))) => return Ok(stream),
            Ok(Some(Err(error))) => failure = error,
            Ok(None) => return Err(failure),
            Err(_) => {}
        }
    }
}

/// Options that make a connection quicker or its death visible. It works without them too, so a kernel that does not
/// know one is no error.
fn tune(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let _ = sockopt::set_socket_keepalive(stream, true);
    let _ = sockopt::set_tcp_keepidle(stream, KEEPALIVE_IDLE);
    let _ = sockopt::set_tcp_keepintvl(stream, KEEPALIVE_INTERVAL);
    let _ = sockopt::set_tcp_keepcnt(stream, KEEPALIVE_PROBES);
    let limit = u32::try_from(USER_TIMEOUT.as_millis()).unwrap_or(u32::MAX);
    let _ = sockopt::set_tcp_user_timeout(stream, limit);
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::net::Ipv4Addr;

    use tokio::net::TcpListener;

    const LIMIT: Duration = Duration::from_secs(5);

    #[test]
    fn families_take_turns_beginning_with_the_preferred_one() {
        let list = ["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"]
            .map(|text| text.parse::<SocketAddr>().unwrap());
        let turns: Vec<String> = take_turns(list.into_iter())
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            turns,
            ["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]
        );
    }

    #[tokio::test]
    async fn an_address_that_refuses_does_not_stop_the_next_one() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let good = listener.local_addr().unwrap();
        let dead = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let refusing = dead.local_addr().unwrap();
        drop(dead);
        let stream = race(VecDeque::from([refusing, good])).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
    }

    #[tokio::test]
    async fn a_refused_connection_names_host_and_port() {
        let dead = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = dead.local_addr().unwrap().port();
        drop(dead);
        let error = connect("127.0.0.1", port, LIMIT).await.unwrap_err();
        assert!(matches!(&error, Error::Connect { source, .. }
            if source.kind() == io::ErrorKind::ConnectionRefused));
        assert_eq!(
            error.to_string(),
            format!("cannot connect to 127.0.0.1:{port}")
        );
    }

    #[tokio::test]
    async fn the_kernel_is_asked_to_watch_the_connection() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let stream = connect_loopback("localhost", port, LIMIT).await.unwrap();
        assert!(stream.nodelay().unwrap());
        assert!(sockopt::socket_keepalive(&stream).unwrap());
        assert_eq!(sockopt::tcp_keepidle(&stream).unwrap(), KEEPALIVE_IDLE);
        assert_eq!(sockopt::tcp_user_timeout(&stream).unwrap(), 120_000);
    }
}
