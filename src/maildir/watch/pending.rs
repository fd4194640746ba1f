//! What has happened and was not taken yet: a set, filled by the watcher's thread and emptied by who waits.
//!
//! It grows with the number of folders, never with the number of events. Decides by names alone what an event
//! concerns; looks at no disk.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::super::layout::Layout;
use super::super::{Core, keywords, marker};
use crate::engine::ports::{Hint, LocalCoverage};
use crate::mail::MailboxName;

/// More directories to look at than this, and everything is looked at.
const MANY: usize = 256;

/// What happened to an entry of a directory (or to a watched directory itself).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// It was made, or got this name.
    Came(Thing),
    /// It was removed, or lost this name.
    Went(Thing),
    /// Its content was changed.
    Written,
}

/// What an entry is, as far as the event tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thing {
    /// No directory.
    File,
    /// A directory.
    Directory,
    /// It does not tell.
    Either,
}

/// What a watched directory is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A folder's `cur` or `new`.
    Files(MailboxName),
    /// The root or a directory below it, where folders may be; of this mailbox, if of any.
    Tree(Option<MailboxName>),
}

/// Directories whose watches have to be looked after.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Work {
    /// All of them: start anew.
    pub reset: bool,
    looks: BTreeSet<PathBuf>,
}

impl Work {
    /// What to look at, without what lies below something else to look at.
    pub fn looks(&self) -> Vec<&Path> {
        let mut outermost: Vec<&Path> = Vec::new();
        for path in &self.looks {
            if !outermost.last().is_some_and(|last| path.starts_with(last)) {
                outermost.push(path);
            }
        }
        outermost
    }

    fn is_empty(&self) -> bool {
        !self.reset && self.looks.is_empty()
    }
}

/// The set, and the way to wait for it.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<Pending>,
    wake: Notify,
}

#[derive(Debug)]
struct Pending {
    root: PathBuf,
    layout: Layout,
    dirs: HashMap<PathBuf, Role>,
    everything: bool,
    mailboxes: bool,
    names: BTreeSet<MailboxName>,
    work: Work,
    coverage: LocalCoverage,
    /// When there is work even if nothing happens.
    due: Option<Instant>,
    #[cfg(test)]
    events: u64,
}

impl Shared {
    /// An empty set for this account.
    pub fn new(core: &Core) -> Self {
        Self {
            state: Mutex::new(Pending::new(root_of(core), core.layout)),
            wake: Notify::new(),
        }
    }

    /// Takes in what the kernel says.
    pub fn note(&self, act: Act, path: &Path) {
        if self.lock().note(act, path) {
            self.wake.notify_one();
        }
    }

    /// Takes in that events were lost.
    pub fn lose(&self) {
        self.fail();
        self.wake.notify_one();
    }

    /// The same without waking anybody.
    pub fn fail(&self) {
        let mut state = self.lock();
        state.everything = true;
        state.work.reset = true;
    }

    /// Waits until there may be something new.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Adds a hint.
    pub fn hint(&self, hint: Hint) {
        let mut state = self.lock();
        match hint {
            Hint::Mailbox(name) => drop(state.names.insert(name)),
            Hint::Mailboxes => state.mailboxes = true,
            Hint::Everything => state.everything = true,
        }
    }

    /// Takes all hints.
    pub fn take(&self) -> Vec<Hint> {
        let mut state = self.lock();
        let names = std::mem::take(&mut state.names);
        let mailboxes = std::mem::take(&mut state.mailboxes);
        if std::mem::take(&mut state.everything) {
            return vec![Hint::Everything];
        }
        let mut hints: Vec<Hint> = names.into_iter().map(Hint::Mailbox).collect();
        if mailboxes {
            hints.push(Hint::Mailboxes);
        }
        hints
    }

    /// Whether watches have to be looked after because of what happened.
    pub fn has_work(&self) -> bool {
        !self.lock().work.is_empty()
    }

    /// Whether watches have to be looked after, because of what happened or because it is time to.
    pub fn is_due(&self) -> bool {
        let state = self.lock();
        !state.work.is_empty() || state.due.is_some_and(|due| due <= Instant::now())
    }

    /// Takes the work.
    pub fn take_work(&self) -> Work {
        std::mem::take(&mut self.lock().work)
    }

    /// From now on, events in this directory count.
    pub fn adopt(&self, path: &Path, role: Role) {
        self.lock().dirs.insert(path.to_owned(), role);
    }

    /// Events in this directory and below it count no more; gives back what was watched.
    pub fn forget(&self, path: &Path) -> Vec<PathBuf> {
        let dirs = &mut self.lock().dirs;
        let gone: Vec<PathBuf> = dirs
            .keys()
            .filter(|known| known.starts_with(path))
            .cloned()
            .collect();
        for known in &gone {
            dirs.remove(known);
        }
        gone
    }

    /// Says how well it is watched, and when to look after that again.
    pub fn covered(&self, coverage: LocalCoverage, due: Option<Instant>) {
        let mut state = self.lock();
        state.coverage = coverage;
        state.due = due;
    }

    /// How well it is watched.
    pub fn coverage(&self) -> LocalCoverage {
        self.lock().coverage.clone()
    }

    /// How many events were told so far.
    #[cfg(test)]
    pub fn events(&self) -> u64 {
        self.lock().events
    }

    /// How many places are in the set.
    #[cfg(test)]
    pub fn size(&self) -> usize {
        let state = self.lock();
        state.names.len() + state.work.looks.len()
    }

    /// How many directories are known.
    #[cfg(test)]
    pub fn watched(&self) -> usize {
        self.lock().dirs.len()
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The root as events name it.
pub(super) fn root_of(core: &Core) -> PathBuf {
    std::path::absolute(&core.root).unwrap_or_else(|_| core.root.clone())
}

impl Pending {
    fn new(root: PathBuf, layout: Layout) -> Self {
        Self {
            root,
            layout,
            dirs: HashMap::new(),
            everything: false,
            mailboxes: false,
            names: BTreeSet::new(),
            work: Work::default(),
            coverage: LocalCoverage::default(),
            due: None,
            #[cfg(test)]
            events: 0,
        }
    }

    /// Whether that was news.
    fn note(&mut self, act: Act, path: &Path) -> bool {
        #[cfg(test)]
        {
            self.events += 1;
        }
        let structural = !matches!(
            act,
            Act::Written | Act::Came(Thing::File) | Act::Went(Thing::File)
        );
        if path == self.root {
            return structural && !std::mem::replace(&mut self.work.reset, true);
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return false;
        };
        let (looked_at, mailbox) = match self.dirs.get(parent) {
            // A directory whose parent is not watched, telling of itself.
            None => (self.dirs.contains_key(path), None),
            Some(Role::Files(mailbox)) => {
                let hidden = name.as_encoded_bytes().starts_with(b".");
                (false, (!hidden).then_some(mailbox))
            }
            Some(Role::Tree(mailbox)) => {
                if name.as_encoded_bytes() == marker::FILE {
                    // Ours to write; when it goes, somebody took it away.
                    return matches!(act, Act::Went(_))
                        && !std::mem::replace(&mut self.mailboxes, true);
                }
                let keywords = name == OsStr::new(keywords::FILE);
                let depth = usize::from(parent != self.root);
                let looked_at = !keywords && is_of_tree(self.layout, depth, name);
                (looked_at, mailbox.as_ref().filter(|_| keywords))
            }
        };
        if let Some(mailbox) = mailbox {
            return !self.names.contains(mailbox) && {
                let mailbox = mailbox.clone();
                self.names.insert(mailbox)
            };
        }
        looked_at && structural && self.look(path)
    }

    fn look(&mut self, path: &Path) -> bool {
        let work = &mut self.work;
        if work.reset || !work.looks.insert(path.to_owned()) {
            return false;
        }
        if work.looks.len() > MANY {
            work.looks.clear();
            work.reset = true;
        }
        true
    }
}

/// Whether an entry of this name can be part of the folder tree.
fn is_of_tree(layout: Layout, depth: usize, name: &OsStr) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    matches!(name, "cur" | "new" | "tmp") || layout.may_hold(depth, name)
}
