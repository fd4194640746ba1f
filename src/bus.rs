//! Ends of D-Bus connections over this program's own sockets and runtime, for whoever speaks D-Bus.
//!
//! zbus by itself connects to the session bus, and asks the system for the peer, on threads of its own, each time anew.
//! Knows sockets only; nothing of what is said over them.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::pin::Pin;

use tokio::net::UnixStream;
use tokio::net::unix::OwnedReadHalf;
use zbus::Address;
use zbus::address::transport::{Transport, UnixSocket};
use zbus::connection::Builder;
use zbus::connection::socket::{BoxedSplit, ReadHalf, Split};
use zbus::fdo::ConnectionCredentials;

type Soon<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The reading half: tokio asks for the peer on the spot. And nothing here takes file descriptors, so none are accepted.
#[derive(Debug)]
struct Reading(OwnedReadHalf);

impl ReadHalf for Reading {
    fn recvmsg<'a, 'b, 'c>(
        &'a mut self,
        buffer: &'b mut [u8],
    ) -> Soon<'c, io::Result<(usize, Vec<OwnedFd>)>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        self.0.recvmsg(buffer)
    }

    fn peer_credentials<'a, 'b>(&'a mut self) -> Soon<'b, io::Result<ConnectionCredentials>>
    where
        'a: 'b,
        Self: 'b,
    {
        let peer = self.0.as_ref().peer_cred();
        Box::pin(async move { Ok(ConnectionCredentials::default().set_unix_user_id(peer?.uid())) })
    }
}

/// A connection as zbus takes it.
pub(crate) fn split(stream: UnixStream) -> BoxedSplit {
    let (read, write) = stream.into_split();
    Split::new(Box::new(Reading(read)), Box::new(write))
}

/// The way to the session bus of this process's environment.
///
/// # Errors
/// There is none, or nobody listens there.
pub(crate) async fn session() -> zbus::Result<Builder<'static>> {
    to(Address::session()?).await
}

/// The way to a bus.
///
/// # Errors
/// Nobody listens there.
pub(crate) async fn to(address: Address) -> zbus::Result<Builder<'static>> {
    let path = match address.transport() {
        Transport::Unix(unix) => match unix.path() {
            UnixSocket::File(path) => path.clone().into_os_string(),
            UnixSocket::Abstract(name) => {
                let name = name.clone().into_vec();
                OsString::from_vec([vec![0], name].concat())
            }
            _ => return Builder::address(address),
        },
        _ => return Builder::address(address),
    };
    let stream = UnixStream::connect(path).await?;
    Ok(Builder::socket(split(stream)))
}
