//! The daemon: one task for each account, which waits for hints from both sides and has the engine follow them.
//!
//! This is the only room that waits, tries again and reads the clock for it. It decides when to look and never what to
//! do about what is seen; it knows nothing of IMAP, files or databases but the engine's ports.
#![allow(
    async_fn_in_trait,
    reason = "implemented and used inside this crate, on one thread"
)]

mod account;
mod backoff;
mod bell;
mod herald;
mod inbox;
mod jobs;
mod keeper;
mod letters;
mod quota;
mod restraint;
mod retries;
#[cfg(test)]
mod tests;
mod view;

pub use account::{Account, Options};
pub use bell::{Bell, Tale};
pub use herald::{Batch, Herald, Listener, Told};
pub use inbox::{Order, Wish};
pub use keeper::keep;
pub use letters::{Collected, Letters};
pub use quota::Limited;
pub use view::{Activity, Notice, View};

use crate::engine::ports::{LocalWatch, RemoteWatcher};
use crate::engine::{Fault, Ports};

/// The outside of an account that is watched.
pub trait Watched: Ports {
    /// Watches the server.
    type Watcher: RemoteWatcher;
    /// Watches the Maildir.
    type Folders: LocalWatch;

    /// Watches the server.
    fn watcher(&self) -> &Self::Watcher;

    /// Begins to watch the Maildir. When it returns, whatever happens from now on will be told.
    ///
    /// # Errors
    /// It cannot be watched at all; then it has to be looked at from time to time.
    async fn watch_folders(&self) -> Result<Self::Folders, Fault>;

    /// A number that changes when the password may have changed; `None` where that cannot be seen from outside.
    fn secret_mark(&self) -> Option<u64>;

    /// A number that is different each time, to spread tries over time.
    fn chance(&self) -> u16;
}
