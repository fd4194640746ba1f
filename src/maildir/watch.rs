//! Watching a Maildir: the kernel says where something happened, and hints come out.
//!
//! Implements [`LocalWatch`] with non-recursive watches on every directory of the folder tree and on each folder's
//! `new` and `cur`; `tmp` is nobody's business. What the kernel says is kept as a set of places to look at, never
//! as a queue, and whatever it fails to say becomes a hint for everything. Knows nothing of what is in a folder, of
//! passes, or of who caused an event.

mod coverage;
mod kernel;
mod pending;
mod tree;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::error::Error;
use super::{Core, MaildirAccount};
use crate::engine::ports::{Hint, LocalCoverage, LocalWatch};
use kernel::Opener;
#[cfg(test)]
pub(super) use kernel::{Handler, inotify as real};
use pending::Shared;
use tree::Tree;

/// How long what could not be watched is left alone before it is tried again.
const RETRY: Duration = Duration::from_secs(60);

/// An account's Maildir, being watched until this is dropped.
pub struct MaildirWatch {
    core: Arc<Core>,
    shared: Arc<Shared>,
    tree: Arc<Mutex<Tree>>,
}

impl fmt::Debug for MaildirWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MaildirWatch").finish_non_exhaustive()
    }
}

impl MaildirAccount {
    /// Watches the whole Maildir. Whatever happens after this has returned will be hinted at, but for what
    /// [`LocalWatch::coverage`] says cannot be watched; what happened before is for a listing made afterwards.
    ///
    /// # Errors
    /// There is no thread to do it on. A root that is not there and watches that cannot be set are no errors.
    pub async fn watch(&self) -> Result<MaildirWatch, Error> {
        let opener = Box::new(kernel::inotify);
        self.watch_with(opener, RETRY).await
    }

    /// The same with another way to the kernel, for tests.
    pub(super) async fn watch_with(
        &self,
        opener: Opener,
        retry: Duration,
    ) -> Result<MaildirWatch, Error> {
        let core = Arc::clone(&self.core);
        self.core
            .workers
            .run(move || {
                let shared = Arc::new(Shared::new(&core));
                let mut tree = Tree::new(Arc::clone(&core), Arc::clone(&shared), opener, retry);
                tree.start();
                Ok(MaildirWatch {
                    core,
                    shared,
                    tree: Arc::new(Mutex::new(tree)),
                })
            })
            .await
    }
}

impl MaildirWatch {
    /// Takes the hints for everything that happened before this was called, without waiting for more. For who has
    /// just changed the Maildir itself and wants to know what of it others may have done: after this, its own acts
    /// give no hints any more.
    pub async fn drain(&mut self) -> Vec<Hint> {
        self.run(|tree| {
            tree.catch_up();
            tree.work();
        })
        .await;
        self.shared.take()
    }

    /// Runs a job on the account's threads, which cannot be interrupted: when the caller is dropped meanwhile, what
    /// comes of it is in the set all the same.
    async fn run(&self, job: impl FnOnce(&mut Tree) + Send + 'static) {
        let tree = Arc::clone(&self.tree);
        let done = self.core.workers.run(move || {
            job(&mut tree.lock().unwrap_or_else(PoisonError::into_inner));
            Ok(())
        });
        if done.await.is_err() {
            // Nobody knows how far it came. All is set anew with the next hint or call.
            self.shared.fail();
        }
    }
}

#[cfg(test)]
impl MaildirWatch {
    /// How many events were told, how many places are in the set, how many directories are known.
    pub(super) fn figures(&self) -> (u64, usize, usize) {
        let shared = &self.shared;
        (shared.events(), shared.size(), shared.watched())
    }
}

impl LocalWatch for MaildirWatch {
    async fn next(&mut self) -> Vec<Hint> {
        if self.shared.is_due() {
            self.run(Tree::work).await;
        }
        loop {
            let hints = self.shared.take();
            if !hints.is_empty() {
                return hints;
            }
            self.shared.woken().await;
            if self.shared.has_work() {
                self.run(Tree::work).await;
            }
        }
    }

    fn coverage(&self) -> LocalCoverage {
        self.shared.coverage()
    }
}
