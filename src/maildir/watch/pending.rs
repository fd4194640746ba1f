//! What has happened and was not taken yet: a set, filled by the watcher's thread and emptied by who waits.
//!
//! It grows with the number of folders, never with the number of events. Decides by names alone what an event
//! concerns; looks at no disk.

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

#[cfg(test)]
mod tests {
    use super::*;

    fn inbox() -> MailboxName {
        MailboxName::inbox()
    }

    fn pending(layout: Layout) -> Pending {
        let mut pending = Pending::new(PathBuf::from("/m"), layout);
        let own = (layout == Layout::MaildirPlusPlus).then(inbox);
        pending.dirs.insert("/m".into(), Role::Tree(own));
        let folder = match layout {
            Layout::Nested => "/m/INBOX",
            Layout::MaildirPlusPlus => "/m",
        };
        pending
            .dirs
            .insert(folder.into(), Role::Tree(Some(inbox())));
        for part in ["cur", "new"] {
            let path = Path::new(folder).join(part);
            pending.dirs.insert(path, Role::Files(inbox()));
        }
        pending
    }

    /// What comes of one event: hints for INBOX, for the mailboxes, and directories to look at.
    fn told(layout: Layout, act: Act, path: &str) -> (bool, bool, bool) {
        let mut pending = pending(layout);
        let news = pending.note(act, Path::new(path));
        let all = (
            pending.names.contains(&inbox()),
            pending.mailboxes,
            !pending.work.is_empty(),
        );
        assert_eq!(news, all.0 || all.1 || all.2, "{path}");
        assert!(!pending.note(act, Path::new(path)), "news twice: {path}");
        all
    }

    const FILE: Act = Act::Came(Thing::File);
    const MOVED: Act = Act::Came(Thing::Either);
    const MADE: Act = Act::Came(Thing::Directory);
    const GONE: Act = Act::Went(Thing::File);

    #[test]
    fn files_hint_at_their_mailbox_and_hidden_ones_do_not() {
        let nested = |act, path| told(Layout::Nested, act, path);
        for act in [FILE, MOVED, GONE, Act::Written] {
            assert_eq!(nested(act, "/m/INBOX/new/1.a"), (true, false, false));
            assert_eq!(nested(act, "/m/INBOX/cur/.x"), (false, false, false));
        }
        let keywords = "/m/INBOX/dovecot-keywords";
        assert_eq!(nested(MOVED, keywords), (true, false, false));
        assert_eq!(nested(Act::Written, keywords), (true, false, false));
    }

    #[test]
    fn directories_are_looked_at_and_files_among_them_are_not() {
        let nested = |act, path| told(Layout::Nested, act, path);
        let plus = |act, path| told(Layout::MaildirPlusPlus, act, path);
        let look = (false, false, true);
        let nothing = (false, false, false);
        assert_eq!(nested(MADE, "/m/Archive"), look);
        assert_eq!(nested(MOVED, "/m/INBOX/cur"), look);
        assert_eq!(nested(Act::Went(Thing::Directory), "/m"), look);
        assert_eq!(nested(FILE, "/m/dovecot-uidlist"), nothing);
        assert_eq!(nested(Act::Written, "/m/INBOX/dovecot.index.log"), nothing);
        for path in ["/m/.mailferry-trash", "/m/.x", "/m/lost+found", "/other/x"] {
            assert_eq!(nested(MADE, path), nothing, "{path}");
        }
        assert_eq!(plus(MADE, "/m/.Archive"), look);
        assert_eq!(plus(MADE, "/m/Archive"), nothing);
        assert_eq!(plus(GONE, "/m/cur/1.a:2,S"), (true, false, false));
    }

    #[test]
    fn a_marker_counts_only_when_it_is_taken_away() {
        let nested = |act, path| told(Layout::Nested, act, path);
        assert_eq!(nested(MOVED, "/m/.mailferry"), (false, false, false));
        assert_eq!(
            nested(FILE, "/m/INBOX/.mailferry.0f"),
            (false, false, false)
        );
        assert_eq!(nested(GONE, "/m/INBOX/.mailferry"), (false, true, false));
    }

    #[test]
    fn many_directories_are_all_of_them_and_inner_ones_go_with_outer_ones() {
        let mut pending = pending(Layout::Nested);
        for path in ["/m/a/cur", "/m/a", "/m/ab"] {
            pending.look(Path::new(path));
        }
        let looks = std::mem::take(&mut pending.work);
        assert_eq!(looks.looks(), [Path::new("/m/a"), Path::new("/m/ab")]);
        for number in 0..10_000 {
            pending.note(MADE, Path::new(&format!("/m/{number}")));
        }
        assert!(pending.work.reset && pending.work.looks.is_empty());
    }
}
