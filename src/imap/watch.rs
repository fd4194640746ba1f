//! Has the server say where to look: NOTIFY (RFC 5465) where it is granted, else IDLE (RFC 2177), else not at all.
//!
//! Looks at nothing itself and believes nothing: whatever comes becomes a hint. Knows no clock: who holds the watch
//! says when to renew it.

mod hints;
mod post;
mod setup;
#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use self::hints::Hints;
use self::post::Post;
use super::capabilities::Capabilities;
use super::error::Error;
use super::open::ImapConnector;
use crate::engine::ports::{Hint, RemoteCoverage, RemoteWatch, RemoteWatcher, RemoteWay};
use crate::engine::{Fault, Reach};
use crate::mail::MailboxName;
use crate::net::BoxStream;

/// Which way a server would be watched, going by its capabilities alone, and why. The mailboxes of
/// [`RemoteWay::Idle`] are left open. A server may still refuse what it offers.
#[must_use]
pub fn foretell(capabilities: &Capabilities) -> RemoteCoverage {
    let has = |name| capabilities.has(name);
    // Without CONDSTORE switched on, changes of flags are not told (RFC 5465 section 5.3; Dovecot 2.3).
    let tells_flags = has("ENABLE") && (has("CONDSTORE") || has("QRESYNC"));
    let idle = has("IDLE") || has("IMAP4REV2");
    let (way, reason) = match (has("NOTIFY"), tells_flags, idle) {
        (true, true, _) => (RemoteWay::Notify, "the server offers NOTIFY"),
        (false, _, true) => (
            RemoteWay::Idle(Vec::new()),
            "the server does not offer NOTIFY",
        ),
        (true, false, true) => (
            RemoteWay::Idle(Vec::new()),
            "the server offers NOTIFY, but without CONDSTORE it cannot tell of flags",
        ),
        (false, _, false) => (RemoteWay::Poll, "the server offers neither NOTIFY nor IDLE"),
        (true, false, false) => (
            RemoteWay::Poll,
            "the server offers no IDLE, and NOTIFY only without CONDSTORE",
        ),
    };
    RemoteCoverage {
        way,
        reason: reason.to_owned(),
    }
}

impl RemoteWatcher for ImapConnector {
    type Watch = ImapWatch<BoxStream>;

    async fn watch(&self, idle: &[MailboxName], connections: usize) -> Result<Self::Watch, Fault> {
        setup::establish(async || self.uncompressed().await, idle, connections).await
    }
}

/// Connections of one account that wait for the server to speak.
#[derive(Debug)]
pub struct ImapWatch<S> {
    posts: Vec<Post<S>>,
    coverage: RemoteCoverage,
    /// A renewal failed.
    lost: bool,
}

impl<S> ImapWatch<S> {
    fn new(posts: Vec<Post<S>>, coverage: RemoteCoverage) -> Self {
        tracing::debug!(way = ?coverage.way, reason = %coverage.reason, "watching the server");
        Self {
            posts,
            coverage,
            lost: false,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> ImapWatch<S> {
    fn take_hints(&mut self) -> Hints {
        let mut all = Hints::default();
        for post in &mut self.posts {
            all.absorb(&mut post.hints);
        }
        all
    }

    /// Waits until a post has hints; without posts for ever.
    async fn hear(&mut self) -> Result<(), Error> {
        let mut hearing: Vec<_> = self
            .posts
            .iter_mut()
            .map(|post| Box::pin(post.hear()))
            .collect();
        poll_fn(|context| {
            let mut heard = Poll::Pending;
            // All of them every time, so that one that talks without end does not drown the others.
            for one in &mut hearing {
                match one.as_mut().poll(context) {
                    Poll::Ready(Ok(())) => heard = Poll::Ready(Ok(())),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {}
                }
            }
            heard
        })
        .await
    }

    async fn renew_all(&mut self, limit: Duration) -> Result<(), Error> {
        let all = pin!(try_join_all(self.posts.iter_mut().map(Post::renew)));
        let renewed = timeout(limit, all).await;
        renewed.map_err(|_| Error::Silent(limit))?.map(drop)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> RemoteWatch for ImapWatch<S> {
    fn coverage(&self) -> &RemoteCoverage {
        &self.coverage
    }

    async fn next(&mut self) -> Result<Vec<Hint>, Fault> {
        if self.lost {
            return Err(fault(Error::Dead));
        }
        loop {
            let hints = self.take_hints();
            if !hints.is_empty() {
                return Ok(hints.into_vec());
            }
            self.hear().await.map_err(fault)?;
        }
    }

    async fn renew(&mut self, limit: Duration) -> Result<(), Fault> {
        if self.lost {
            return Err(fault(Error::Dead));
        }
        let renewed = self.renew_all(limit).await;
        self.lost = renewed.is_err();
        renewed.map_err(fault)
    }

    async fn close(self) {
        if self.lost {
            return;
        }
        join_all(self.posts.into_iter().map(Post::end)).await;
    }
}

/// A server that no longer does what it did has lost its memory, not its account: another connection may do.
fn fault(error: Error) -> Fault {
    match error {
        Error::AccountRefused(_) => Fault::new(Reach::Connection, true, error),
        other => other.into(),
    }
}
