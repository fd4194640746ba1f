//! What outlives a pass: connections that are open, and that this process has announced itself.

use super::context::{Announced, Ports};
use super::pool::Pool;

/// Kept from pass to pass by whoever makes many of them; they must all be of one account.
pub struct Link<P: Ports> {
    pub(super) pool: Pool<P>,
    pub(super) announced: Announced,
}

impl<P: Ports> std::fmt::Debug for Link<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

impl<P: Ports> Link<P> {
    /// Nothing is open yet; at most so many connections will be.
    #[must_use]
    pub fn new(connections: usize) -> Self {
        Self {
            pool: Pool::new(connections),
            announced: Announced::default(),
        }
    }

    /// Whether a connection is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.pool.has_idle()
    }

    /// From now on at most so many connections; one that waits and is too many is closed.
    pub fn set_limit(&self, connections: usize) {
        self.pool.set_limit(connections);
    }

    /// How many connections the server granted and why no more, if it refused one since this was last asked.
    #[must_use]
    pub fn refused(&self) -> Option<(usize, String)> {
        self.pool.refused()
    }

    /// Forgets connections that can only be dead, without a word to the server.
    pub fn drop_connections(&self) {
        self.pool.lost();
    }

    /// Says goodbye on all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
