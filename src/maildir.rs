//! One account's Maildir on disk: names, folders, listings, deliveries, the local trash.
//!
//! Implements [`Local`] for [`MaildirAccount`]. Every blocking call runs on threads of its own; every act is durable
//! when its call returns. Knows nothing of servers, of the state or of what ought to be done: it lists, reads and
//! moves what it is told to. It never follows a symlink below the root and never renames over a file.

mod access;
mod copy;
mod deliver;
mod error;
mod files;
mod find;
mod folders;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod heads;
mod keywords;
mod layout;
mod lines;
mod links;
mod marker;
mod name;
mod notes;
mod pool;
mod publish;
mod read;
mod relabel;
mod scan;
mod stage;
mod sys;
mod token;
mod trash;
mod unsynced;
mod watch;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::Semaphore;

pub use access::writable;
pub use deliver::{MaildirBatch, MaildirDelivery};
pub use error::Error;
pub use layout::Layout;
pub use links::{FollowLinks, LinkRefusal};
pub use notes::NotePlaces;
pub use read::MaildirBody;
pub use watch::MaildirWatch;

use crate::engine::Fault;
use crate::engine::ports::{Barred, Folder, Inspected, Local, Looked, Marker, Root, Staged};
use crate::mail::{Flags, FolderNames, LocalId, MailboxName};
use crate::sync::{Claims, Entry, FileStamp, FolderToken, KeywordScope, LocalView, Unsynced};
use heads::Heads;
use links::Links;
use pool::Pool;

/// Threads for everything but fsync.
const WORKERS: usize = 2;
/// Threads for fsync, which waits and does not compute: together they share one journal commit.
const SYNCERS: usize = 4;
/// How many octets of messages may wait in memory to be written, over all deliveries of the account.
const QUEUE: usize = 2 * 1024 * 1024;

/// Where and how an account's mail lies.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The directory of the whole account.
    pub root: PathBuf,
    /// How folders lie in it.
    pub layout: Layout,
    /// Which symbolic links to directories are folders.
    pub follow: FollowLinks,
    /// Which folders are called otherwise than their mailboxes.
    pub names: FolderNames,
    /// This machine's name, for the names of new files.
    pub host: String,
    /// Where other programs keep notes of what they put into it.
    pub notes: NotePlaces,
}

/// An account's Maildir. Cheap to clone; clones share their threads and their memory limit.
#[derive(Clone, Debug)]
pub struct MaildirAccount {
    core: Arc<Core>,
}

/// What all threads of an account share.
#[derive(Debug)]
struct Core {
    root: PathBuf,
    layout: Layout,
    follow: FollowLinks,
    links: Mutex<Links>,
    names: FolderNames,
    host: String,
    places: NotePlaces,
    workers: Pool,
    syncers: Pool,
    queue: Arc<Semaphore>,
    heads: Heads,
}

impl MaildirAccount {
    /// Takes hold of an account. Touches no disk: the root may not be there yet.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn open(settings: Settings) -> Result<Self, Error> {
        random()?;
        Ok(Self {
            core: Arc::new(Core {
                root: settings.root,
                layout: settings.layout,
                follow: settings.follow,
                links: Mutex::default(),
                names: settings.names,
                host: name::host_part(&settings.host),
                places: settings.notes,
                workers: Pool::new(WORKERS),
                syncers: Pool::new(SYNCERS),
                queue: Arc::new(Semaphore::new(QUEUE)),
                heads: Heads::default(),
            }),
        })
    }

    /// From now on [`Local::look`] gives the headers of files that were written a moment ago.
    pub fn keep_headers(&self) {
        self.core.heads.turn_on();
    }

    /// Where a mailbox's folder is (or would be); `None` if its name cannot be a directory's.
    #[must_use]
    pub fn path_of(&self, name: &MailboxName) -> Option<PathBuf> {
        let levels = self.core.path_to(name).ok()?;
        Some(self.core.root.join(levels.iter().collect::<PathBuf>()))
    }

    /// The names of all folders, listed on this thread.
    ///
    /// # Errors
    /// They cannot be listed.
    pub fn list_now(&self) -> Result<Vec<MailboxName>, Error> {
        let folders = self.core.list_folders()?;
        Ok(folders.into_iter().map(|folder| folder.name).collect())
    }

    /// Lists a folder, completely and stably, on this thread.
    ///
    /// # Errors
    /// There is no such folder, or it cannot be listed.
    pub fn scan_now(&self, name: &MailboxName) -> Result<LocalView, Error> {
        self.core.scan(name)
    }

    async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Core) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Fault> {
        let core = Arc::clone(&self.core);
        Ok(self.core.workers.run(move || job(&core)).await?)
    }
}

impl Core {
    /// The directories from the root to a mailbox's folder, outermost first; empty for the root itself.
    fn path_to(&self, name: &MailboxName) -> Result<Vec<String>, Error> {
        self.layout.path(name, &self.names)
    }

    /// The mailbox whose folder this is.
    fn mailbox_at(&self, path: &[String]) -> Option<MailboxName> {
        self.layout.mailbox(path, &self.names)
    }

    /// A name for a new file.
    fn fresh_id(&self) -> Result<LocalId, Error> {
        name::own_name(now().unsigned_abs(), random()?, &self.host).ok_or(Error::Worker)
    }
}

impl Local for MaildirAccount {
    type Delivery = MaildirDelivery;
    type Body = MaildirBody;

    async fn root(&self) -> Result<Root, Fault> {
        self.run(Core::look_at_root).await
    }

    async fn mark_root(&self, marker: &Marker) -> Result<(), Fault> {
        let marker = marker.clone();
        self.run(move |core| core.mark_root(marker)).await
    }

    async fn folders(&self) -> Result<Vec<Folder>, Fault> {
        self.run(Core::list_folders).await
    }

    async fn barred(&self) -> Result<Vec<Barred>, Fault> {
        self.run(|core| Ok(core.barred())).await
    }

    async fn create_folder(&self, name: &MailboxName, marker: &Marker) -> Result<(), Fault> {
        let (name, marker) = (name.clone(), marker.clone());
        self.run(move |core| core.create_folder(&name, marker))
            .await
    }

    async fn rename_folder(&self, from: &MailboxName, to: &MailboxName) -> Result<(), Fault> {
        let (from, to) = (from.clone(), to.clone());
        self.run(move |core| core.rename_folder(&from, &to)).await
    }

    async fn retire_folder(&self, name: &MailboxName, day: &str) -> Result<(), Fault> {
        let (name, day) = (name.clone(), day.to_owned());
        self.run(move |core| core.retire_folder(&name, &day)).await
    }

    async fn scan(&self, name: &MailboxName) -> Result<LocalView, Fault> {
        let name = name.clone();
        self.run(move |core| core.scan(&name)).await
    }

    async fn unchanged(
        &self,
        name: &MailboxName,
        token: &FolderToken,
    ) -> Result<Option<KeywordScope>, Fault> {
        let (name, token) = (name.clone(), token.clone());
        self.run(move |core| core.unchanged(&name, &token)).await
    }

    async fn inspect(
        &self,
        name: &MailboxName,
        files: &[LocalId],
    ) -> Result<Vec<(LocalId, Result<Inspected, Fault>)>, Fault> {
        let middle = files.len().div_ceil(WORKERS);
        let (first, second) = files.split_at(middle);
        let part = |files: &[LocalId]| {
            let (name, files) = (name.clone(), files.to_vec());
            self.run(move |core| core.inspect(&name, &files))
        };
        let mut all = if second.is_empty() {
            part(first).await?
        } else {
            let (mut first, second) =
                futures_util::future::try_join(part(first), part(second)).await?;
            first.extend(second);
            first
        };
        Ok(all
            .drain(..)
            .map(|(id, result)| (id, result.map_err(Fault::from)))
            .collect())
    }

    async fn notes(&self, name: &MailboxName, files: &[LocalId]) -> Result<Vec<Claims>, Fault> {
        let (name, files) = (name.clone(), files.to_vec());
        self.run(move |core| core.notes(&name, &files)).await
    }

    async fn find_unsynced(
        &self,
        synced: &[MailboxName],
        gone: &[Entry],
    ) -> Result<Vec<Option<Unsynced>>, Fault> {
        let (synced, gone) = (synced.to_vec(), gone.to_vec());
        self.run(move |core| core.find_unsynced(&synced, &gone))
            .await
    }

    async fn open(
        &self,
        name: &MailboxName,
        file: &LocalId,
        stamp: FileStamp,
        raw: bool,
    ) -> Result<MaildirBody, Fault> {
        let (mailbox, id) = (name.clone(), file.clone());
        let reader = self
            .run(move |core| core.open_body(&mailbox, &id, stamp, raw))
            .await?;
        Ok(MaildirBody::new(Arc::clone(&self.core), reader))
    }

    fn deliver(&self, name: &MailboxName) -> MaildirDelivery {
        MaildirDelivery::new(Arc::clone(&self.core), name.clone())
    }

    async fn publish(
        &self,
        name: &MailboxName,
        staged: &[(Staged, Flags)],
    ) -> Result<Vec<Result<(), Fault>>, Fault> {
        let name = name.clone();
        let files: Vec<(LocalId, Flags)> = staged
            .iter()
            .map(|(staged, flags)| (staged.local.clone(), flags.clone()))
            .collect();
        self.run(move |core| core.publish(&name, &files))
            .await
            .map(into_faults)
    }

    async fn staged(
        &self,
        name: &MailboxName,
        files: &[LocalId],
    ) -> Result<BTreeSet<LocalId>, Fault> {
        let (name, files) = (name.clone(), files.to_vec());
        self.run(move |core| core.staged(&name, &files)).await
    }

    async fn settle(&self, name: &MailboxName, days: &[String]) -> Result<(), Fault> {
        let (name, days) = (name.clone(), days.to_vec());
        self.run(move |core| core.settle(&name, &days)).await
    }

    async fn discard(&self, name: &MailboxName, staged: &[Staged]) -> Result<(), Fault> {
        let name = name.clone();
        let files: Vec<LocalId> = staged.iter().map(|staged| staged.local.clone()).collect();
        self.run(move |core| core.discard(&name, &files)).await
    }

    async fn relabel(
        &self,
        name: &MailboxName,
        files: &[(LocalId, Flags)],
    ) -> Result<Vec<Result<(), Fault>>, Fault> {
        let (name, files) = (name.clone(), files.to_vec());
        self.run(move |core| core.relabel(&name, &files))
            .await
            .map(into_faults)
    }

    async fn relocate(
        &self,
        from: &MailboxName,
        to: &MailboxName,
        files: &[(LocalId, Flags)],
    ) -> Result<Vec<Result<(), Fault>>, Fault> {
        let (from, to, files) = (from.clone(), to.clone(), files.to_vec());
        self.run(move |core| core.relocate(&from, &to, &files))
            .await
            .map(into_faults)
    }

    async fn look(&self, name: &MailboxName, files: &[LocalId]) -> Result<Looked, Fault> {
        let (name, files) = (name.clone(), files.to_vec());
        self.run(move |core| core.look(&name, &files)).await
    }

    async fn copy(
        &self,
        from: &MailboxName,
        to: &MailboxName,
        files: &[(LocalId, Flags, u128)],
    ) -> Result<Vec<Result<LocalId, Fault>>, Fault> {
        let (from, to, files) = (from.clone(), to.clone(), files.to_vec());
        self.run(move |core| core.copy(&from, &to, &files))
            .await
            .map(into_faults)
    }

    async fn trash(
        &self,
        name: &MailboxName,
        files: &[(LocalId, FileStamp)],
        day: &str,
    ) -> Result<Vec<Result<Vec<u8>, Fault>>, Fault> {
        let (name, files, day) = (name.clone(), files.to_vec(), day.to_owned());
        self.run(move |core| core.trash(&name, &files, &day))
            .await
            .map(into_faults)
    }

    async fn untrash(
        &self,
        path: &[u8],
        to: &MailboxName,
        flags: &Flags,
    ) -> Result<LocalId, Fault> {
        let (path, to, flags) = (path.to_vec(), to.clone(), flags.clone());
        self.run(move |core| core.untrash(&path, &to, &flags)).await
    }

    async fn sweep(&self, day: &str) -> Result<(), Fault> {
        let day = day.to_owned();
        self.run(move |core| core.sweep(&day)).await
    }
}

fn into_faults<T>(results: Vec<Result<T, Error>>) -> Vec<Result<T, Fault>> {
    results
        .into_iter()
        .map(|result| result.map_err(Fault::from))
        .collect()
}

/// 128 random bits.
fn random() -> Result<u128, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    Ok(u128::from_ne_bytes(bytes))
}

/// Seconds since 1970. Only names and ages of leftovers depend on it, nothing that is decided about mail.
fn now() -> i64 {
    now_ns() / 1_000_000_000
}

/// Nanoseconds since 1970.
fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |time| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
