//! Which directories are watched: sets the watches, follows the folder tree, and keeps account of the gaps.
//!
//! A directory is watched first and listed afterwards, so that whatever is made in it is either in the listing or in
//! an event. Each event about a directory leads to a new look at it and all below, whatever was known before: between
//! the event and the look it may have become another one. Runs on the account's threads and may block.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::Core;
use super::super::error::Error;
use super::super::folders::Contents;
use super::super::marker;
use super::super::sys::{Dir, means_absent};
use super::coverage::{self, Gap, Why};
use super::kernel::{Kernel, Opener};
use super::pending::{Role, Shared, root_of};
use crate::engine::ports::{Hint, LocalCoverage};
use crate::mail::MailboxName;

/// The watched directories of an account.
pub(super) struct Tree {
    core: Arc<Core>,
    shared: Arc<Shared>,
    opener: Opener,
    retry: Duration,
    root: PathBuf,
    /// Device and inode of the root that is watched; `None`: it is not there.
    watched_root: Option<(u64, u64)>,
    kernel: Result<Kernel, Why>,
    gaps: BTreeMap<PathBuf, (Role, Gap)>,
    /// What [`Core::link_changes`] said when the watches were set.
    links: u64,
    tried: Instant,
}

impl Tree {
    /// Watches nothing yet.
    pub fn new(core: Arc<Core>, shared: Arc<Shared>, opener: Opener, retry: Duration) -> Self {
        Self {
            root: root_of(&core),
            core,
            shared,
            opener,
            retry,
            watched_root: None,
            kernel: Err(Why::Other("not begun".to_owned())),
            gaps: BTreeMap::new(),
            links: 0,
            tried: Instant::now(),
        }
    }

    /// Sets all watches. What was there before is no news.
    pub fn start(&mut self) {
        self.begin(false);
        self.report();
    }

    /// Waits until everything that has happened so far is in the set.
    pub fn catch_up(&mut self) {
        if let Ok(kernel) = &mut self.kernel {
            kernel.catch_up();
        }
    }

    /// Follows the tree, and tries again what failed if it is time to.
    pub fn work(&mut self) {
        let work = self.shared.take_work();
        let time = self.is_time();
        let relinked = self.links != self.core.link_changes();
        if work.reset || relinked || (time && self.must_begin_anew()) {
            self.begin(true);
            self.shared.hint(Hint::Everything);
        } else {
            for path in work.looks() {
                self.look(path);
            }
            if time {
                self.try_again();
            }
        }
        self.report();
    }

    fn is_time(&self) -> bool {
        self.watched_root.is_none() || self.tried.elapsed() >= self.retry
    }

    /// Whether the root came back or became another one, or there was no watcher.
    fn must_begin_anew(&self) -> bool {
        let now = identity(&self.root);
        now != self.watched_root || (now.is_some() && self.kernel.is_err())
    }

    /// Ends all watches and sets them anew.
    fn begin(&mut self, hint: bool) {
        self.tried = Instant::now();
        self.kernel = Err(Why::Other("the root is not there".to_owned()));
        self.gaps.clear();
        self.shared.forget(&self.root);
        self.watched_root = identity(&self.root);
        if self.watched_root.is_none() {
            return;
        }
        self.kernel = Kernel::open(&self.opener, &self.shared);
        if self.kernel.is_err() {
            return;
        }
        // Decides which links are followed; a failure shows in the walk as well.
        let _ = self.core.list_folders();
        self.links = self.core.link_changes();
        match self.core.root_dir() {
            Ok(dir) => self.walk(&dir, &mut Vec::new(), hint),
            Err(error) => self.fail(&self.root.clone(), Role::Tree(None), &error),
        }
    }

    /// Looks at one directory of the tree as if it were new.
    fn look(&mut self, path: &Path) {
        let Some(mut levels) = self.levels(path) else {
            return;
        };
        let known = self.shared.forget(path);
        for path in &known {
            self.unwatch(path);
        }
        self.gaps.retain(|gap, _| !gap.starts_with(path));
        if matches!(
            levels.last().map(String::as_str),
            Some("cur" | "new" | "tmp")
        ) {
            self.look_at_part(path, &levels);
            return;
        }
        let found = match self.open(&levels) {
            Ok(Some(dir)) => {
                self.walk(&dir, &mut levels, true);
                true
            }
            Ok(None) => false,
            Err(error) => {
                let role = Role::Tree(self.core.mailbox_at(&levels));
                self.fail(path, role, &error);
                true
            }
        };
        let mailbox = self.core.mailbox_at(&levels);
        if !known.is_empty() || (found && mailbox.is_some()) {
            self.shared.hint(Hint::Mailboxes);
        }
    }

    /// Looks at the `cur`, `new` or `tmp` of a folder.
    fn look_at_part(&mut self, path: &Path, levels: &[String]) {
        let folder = levels.split_last().map_or(&[][..], |(_, folder)| folder);
        let Some(mailbox) = self.core.mailbox_at(folder) else {
            return;
        };
        let there = fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
        if there && !path.ends_with("tmp") {
            self.add(path, Role::Files(mailbox.clone()));
        }
        self.shared.hint(Hint::Mailboxes);
        self.shared.hint(Hint::Mailbox(mailbox));
    }

    /// Watches a directory of the tree and everything below it.
    fn walk(&mut self, dir: &Dir, levels: &mut Vec<String>, hint: bool) {
        let mailbox = self.core.mailbox_at(levels);
        // Below a directory that is no mailbox's there are none either.
        if mailbox.is_none() && !levels.is_empty() {
            return;
        }
        let path = self.path(levels);
        self.add(&path, Role::Tree(mailbox.clone()));
        let mut contents = match Contents::of(dir) {
            Ok(contents) => contents,
            Err(error) => return self.fail(&path, Role::Tree(mailbox), &error),
        };
        if let Some(mailbox) = mailbox {
            self.watch_files(dir, &path, &contents, &mailbox, hint);
        }
        contents.directories.extend(self.core.links_in(levels));
        // When watches run short, the others do without.
        contents.directories.sort_by_key(|name| name != "INBOX");
        for name in contents.directories {
            if !self.core.layout.may_hold(levels.len(), &name) {
                continue;
            }
            levels.push(name);
            match self.core.enter(dir, levels) {
                Ok(inner) => self.walk(&inner, levels, hint),
                Err(error) if means_absent(&error) => {}
                Err(error) => {
                    let role = Role::Tree(self.core.mailbox_at(levels));
                    self.fail(&self.path(levels), role, &error);
                }
            }
            levels.pop();
        }
    }

    fn watch_files(
        &mut self,
        dir: &Dir,
        path: &Path,
        contents: &Contents,
        mailbox: &MailboxName,
        hint: bool,
    ) {
        for (there, part) in [(contents.cur, "cur"), (contents.new, "new")] {
            if there {
                self.add(&path.join(part), Role::Files(mailbox.clone()));
            }
        }
        if !contents.cur && !contents.new {
            return;
        }
        if hint {
            self.shared.hint(Hint::Mailbox(mailbox.clone()));
        }
        // It is watched all the same, for what happens on this machine.
        if let Some(why) = dir.file_system().ok().and_then(Why::of_file_system) {
            // Under a name that is never watched, so that it stands beside what else is wrong with this folder.
            let marker = OsStr::from_bytes(marker::FILE);
            self.gap(&path.join(marker), Role::Tree(Some(mailbox.clone())), why);
        }
    }

    /// Watches one directory; true if it is watched now.
    fn add(&mut self, path: &Path, role: Role) -> bool {
        let follow = path == self.root || self.is_link(path);
        let Ok(kernel) = &mut self.kernel else {
            return false;
        };
        // First of all, so that the first event already finds it.
        self.shared.adopt(path, role.clone());
        match kernel.watch(path, follow) {
            Ok(true) => {
                self.gaps.remove(path);
                true
            }
            // An event about it is on its way.
            Ok(false) => false,
            Err(why) => {
                self.gap(path, role, why);
                false
            }
        }
    }

    /// Whether this is a link that is followed.
    fn is_link(&self, path: &Path) -> bool {
        let levels = self.levels(path).unwrap_or_default();
        let Some((name, parents)) = levels.split_last() else {
            return false;
        };
        self.core.links_in(parents).contains(name)
    }

    fn unwatch(&mut self, path: &Path) {
        if let Ok(kernel) = &mut self.kernel {
            kernel.unwatch(path);
        }
    }

    fn fail(&mut self, path: &Path, role: Role, error: &Error) {
        if means_absent(error) {
            return;
        }
        self.gap(path, role, Why::Other(error.full()));
    }

    fn gap(&mut self, path: &Path, role: Role, why: Why) {
        let mailbox = match &role {
            Role::Files(mailbox) => Some(mailbox.clone()),
            Role::Tree(mailbox) => mailbox.clone(),
        };
        self.gaps
            .insert(path.to_owned(), (role, Gap { mailbox, why }));
    }

    /// Tries to close the gaps.
    fn try_again(&mut self) {
        self.tried = Instant::now();
        let gaps = self.gaps.clone();
        for (path, (role, gap)) in gaps.into_iter().filter(|(_, (_, gap))| gap.why.may_pass()) {
            // An earlier look may have closed it already.
            if !self.gaps.contains_key(&path) {
                continue;
            }
            if self.add(&path, role.clone()) {
                match role {
                    Role::Files(mailbox) => self.shared.hint(Hint::Mailbox(mailbox)),
                    Role::Tree(_) => self.look(&path),
                }
            } else if gap.why == Why::Watches {
                // Nor will the others find room.
                return;
            }
        }
    }

    fn report(&self) {
        // A root that is not there is looked for each time.
        let rest = match self.watched_root {
            Some(_) => self.retry,
            None => Duration::ZERO,
        };
        self.shared
            .covered(self.coverage(), Some(self.tried + rest));
    }

    fn coverage(&self) -> LocalCoverage {
        if self.watched_root.is_none() {
            return coverage::without_root(&self.root);
        }
        let Err(why) = &self.kernel else {
            return coverage::coverage(self.gaps.values().map(|(_, gap)| gap));
        };
        let folders = self.core.list_folders().unwrap_or_default();
        let gaps: Vec<Gap> = folders
            .into_iter()
            .map(|folder| Some(folder.name))
            .chain([None])
            .map(|mailbox| Gap {
                mailbox,
                why: why.clone(),
            })
            .collect();
        coverage::coverage(gaps.iter())
    }

    fn path(&self, levels: &[String]) -> PathBuf {
        let mut path = self.root.clone();
        path.extend(levels);
        path
    }

    /// The directories from the root to this one; `None` if one has a name that no folder has.
    fn levels(&self, path: &Path) -> Option<Vec<String>> {
        let below = path.strip_prefix(&self.root).ok()?;
        below
            .iter()
            .map(|level| level.to_str().map(str::to_owned))
            .collect()
    }

    fn open(&self, levels: &[String]) -> Result<Option<Dir>, Error> {
        if levels.is_empty() {
            return self.core.root_dir().map(Some);
        }
        match self.core.mailbox_at(levels) {
            Some(mailbox) => match self.core.find_dir(&mailbox) {
                Err(Error::Link { .. }) => Ok(None),
                other => other,
            },
            None => Ok(None),
        }
    }
}

/// Device and inode of a directory, symlinks followed.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let found = fs::metadata(path).ok()?;
    found.is_dir().then(|| (found.dev(), found.ino()))
}
