//! From a host name to a stream of bytes: TCP, TLS, compression.
//!
//! Knows nothing of mail protocols and holds no credentials. It never retries: one call is one attempt, over all
//! addresses of the host.

pub mod compress;
pub mod dial;
pub mod lookup;
pub mod tls;
pub mod wake;
pub mod web;

use std::fmt::Debug;

use tokio::io::{AsyncRead, AsyncWrite};

/// What a protocol talks over.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Debug {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + Debug> Stream for T {}

/// A stream of any kind: plain, encrypted, compressed.
pub type BoxStream = Box<dyn Stream>;
