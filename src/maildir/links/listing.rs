//! A listing of all folders: directories first, then the links that were met among them, each judged by where it leads.

use std::collections::{HashMap, VecDeque};
use std::sync::PoisonError;

use rustix::io::Errno;

use super::{FollowLinks, Identity, LinkRefusal, Links, refusal};
use crate::engine::Reach;
use crate::engine::ports::Folder;
use crate::maildir::Core;
use crate::maildir::error::Error;
use crate::maildir::folders::Contents;
use crate::maildir::marker::{self, Marks};
use crate::maildir::sys::Dir;

/// Deeper than any directory that somebody links to.
const DEEPEST: usize = 100;

/// The folders of an account on their way to being listed: directories first, links after them.
pub(in crate::maildir) struct Listing<'a> {
    core: &'a Core,
    folders: Vec<Folder>,
    links: Links,
    /// Directories by device and inode, and the path under which they were looked at.
    seen: HashMap<Identity, String>,
    /// Directories that the root lies in.
    above: Vec<Identity>,
    waiting: VecDeque<Vec<String>>,
    /// The root has no marker yet: no pass has changed anything.
    is_new: bool,
}

impl<'a> Listing<'a> {
    pub(in crate::maildir) fn new(core: &'a Core, root: &Dir) -> Result<Self, Error> {
        Ok(Self {
            core,
            folders: Vec::new(),
            links: Links::default(),
            seen: HashMap::new(),
            above: above(root)?,
            waiting: VecDeque::new(),
            is_new: marker::read(root)?.own.is_none(),
        })
    }

    /// Lists a directory and what is below it. Beyond a link only folders are looked into.
    pub(in crate::maildir) fn walk(
        &mut self,
        dir: &Dir,
        path: &mut Vec<String>,
        linked: bool,
    ) -> Result<(), Error> {
        let identity = dir.identity()?;
        if let Some(other) = self.seen.get(&identity).filter(|_| linked) {
            return Err(refusal(path, LinkRefusal::Twice(other.clone())));
        }
        self.seen.entry(identity).or_insert_with(|| shown(path));
        let contents = Contents::of(dir)?;
        let found = self.core.take_folder(dir, &contents, path)?;
        self.folders.extend(found);
        let depth = path.len();
        let layout = self.core.layout;
        for name in contents.directories {
            if !layout.may_hold(depth, &name) {
                continue;
            }
            path.push(name);
            if let Err(error) = self.below(dir, path, linked) {
                self.bar(path, error)?;
            }
            path.pop();
        }
        let links = contents.links.into_iter();
        for name in links.filter(|name| layout.may_hold(depth, name)) {
            self.waiting.push_back([path.as_slice(), &[name]].concat());
        }
        Ok(())
    }

    fn below(&mut self, dir: &Dir, path: &mut Vec<String>, linked: bool) -> Result<(), Error> {
        let name = path.last().map(String::as_bytes).unwrap_or_default();
        let Some(inner) = dir.find(name)? else {
            return Ok(());
        };
        if linked && !Contents::of(&inner)?.is_maildir() {
            return Ok(());
        }
        if linked && is_root(&marker::read(&inner)?) {
            return Err(refusal(path, LinkRefusal::Foreign(inner.shown())));
        }
        self.walk(&inner, path, linked)
    }

    /// A directory that cannot be looked at is no reason to do without the others, unless its whole disk fails.
    fn bar(&mut self, path: &[String], error: Error) -> Result<(), Error> {
        if error.reaches_account() {
            return Err(error);
        }
        let why = match error {
            Error::Link { why, .. } => why,
            other => LinkRefusal::Unreadable(other.full()),
        };
        self.links.refused.insert(path.to_vec(), why);
        Ok(())
    }

    /// Follows the links that were met, as far as they may be.
    pub(in crate::maildir) fn follow_links(&mut self) -> Result<(), Error> {
        while let Some(mut path) = self.waiting.pop_front() {
            if self.core.mailbox_at(&path).is_none() {
                continue;
            }
            if let Err(error) = self.take_link(&mut path) {
                self.bar(&path, error)?;
            }
        }
        Ok(())
    }

    fn take_link(&mut self, path: &mut Vec<String>) -> Result<(), Error> {
        if self.core.follow == FollowLinks::Never {
            return Err(refusal(path, LinkRefusal::Off));
        }
        let Some(dir) = self.behind(path)? else {
            return Ok(());
        };
        let identity = self.judge(path, &dir)?;
        self.links.accepted.insert(path.clone(), identity);
        self.walk(&dir, path, true)
    }

    /// The directory that a link leads to; `None` if it leads to something else.
    fn behind(&self, path: &[String]) -> Result<Option<Dir>, Error> {
        let refuse = |why| Err(refusal(path, why));
        let Some((name, parents)) = path.split_last() else {
            return Ok(None);
        };
        let name = name.as_bytes();
        let parent = self.open(parents)?;
        match parent.follow(name) {
            Ok(dir) => Ok(Some(dir)),
            Err(Errno::NOTDIR) => Ok(None),
            Err(Errno::NOENT) => refuse(LinkRefusal::Dangling),
            Err(Errno::LOOP) => refuse(LinkRefusal::Twice(path.join("/"))),
            Err(errno) => Err(parent.error("open", name, Reach::Mailbox, errno)),
        }
    }

    /// Whether a link to this directory may be followed.
    fn judge(&self, path: &[String], dir: &Dir) -> Result<Identity, Error> {
        let refuse = |why| Err(refusal(path, why));
        let identity = dir.identity()?;
        if let Some(other) = self.seen.get(&identity) {
            return refuse(LinkRefusal::Twice(other.clone()));
        }
        if self.above.contains(&identity) {
            return refuse(LinkRefusal::Upwards);
        }
        let marks = marker::read(dir)?;
        if let Some(owner) = self.owner(dir, &marks)? {
            return refuse(LinkRefusal::Foreign(owner));
        }
        match (self.core.follow, Holds::of(dir, &marks)?) {
            // The place where a disk is to be mounted looks like this.
            (_, Holds::Nothing) if !self.is_new => refuse(LinkRefusal::Empty),
            (FollowLinks::FromSetUp, Holds::Folders) if !self.is_set_up() => {
                refuse(LinkRefusal::Unknown)
            }
            _ => Ok(identity),
        }
    }

    /// Whether the account is being set up. Links come last: no folder that was met has a marker.
    fn is_set_up(&self) -> bool {
        self.folders.iter().all(|folder| folder.marker.is_none())
    }

    /// Opens a directory by links that this listing has accepted.
    fn open(&self, path: &[String]) -> Result<Dir, Error> {
        let mut dir = self.core.root_dir()?;
        for depth in 1..=path.len() {
            let so_far = path.get(..depth).unwrap_or_default();
            let name = so_far.last().map(String::as_bytes).unwrap_or_default();
            let linked = self.links.accepted.contains_key(so_far);
            dir = match dir.open_linked(name)?.filter(|_| linked) {
                Some(inner) => inner,
                None => dir.open(name)?,
            };
        }
        Ok(dir)
    }

    /// The directory by whose marker this one belongs to another account.
    fn owner(&self, dir: &Dir, marks: &Marks) -> Result<Option<String>, Error> {
        let has_owner = self.is_new && marks.own.is_some();
        if has_owner || is_root(marks) {
            return Ok(Some(dir.shown()));
        }
        let Some(mut dir) = dir.open_linked(b"..")? else {
            return Ok(None);
        };
        for _ in 0..DEEPEST {
            let identity = dir.identity()?;
            // What lies in this account's own root, or beside it, is nobody else's.
            if self.above.contains(&identity) || self.seen.contains_key(&identity) {
                return Ok(None);
            }
            let marks = marker::read(&dir)?;
            if marks.own.is_some() || marks.inbox.is_some() {
                return Ok(Some(dir.shown()));
            }
            match dir.open_linked(b"..")? {
                Some(parent) => dir = parent,
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// What was found; what was decided about links holds from now on.
    pub(in crate::maildir) fn finish(mut self) -> Vec<Folder> {
        let mut links = self
            .core
            .links
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let changed = links.accepted != self.links.accepted;
        self.links.changes = links.changes + u64::from(changed);
        *links = self.links;
        self.folders.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        self.folders
    }
}

/// Whether a marker is that of a Maildir's root.
fn is_root(marks: &Marks) -> bool {
    marks.inbox.is_some() || marks.own.as_ref().is_some_and(|own| own.epoch > 0)
}

/// What is in the directory that a link leads to.
enum Holds {
    /// No folder.
    Nothing,
    /// Folders that have never been synced.
    Folders,
    /// A folder that has been synced.
    Known,
}

impl Holds {
    fn of(dir: &Dir, marks: &Marks) -> Result<Self, Error> {
        if marks.own.is_some() {
            return Ok(Self::Known);
        }
        let contents = Contents::of(dir)?;
        let mut any = contents.is_maildir();
        for name in contents.directories {
            let Some(inner) = dir.find(name.as_bytes())? else {
                continue;
            };
            if marker::read(&inner)?.own.is_some() {
                return Ok(Self::Known);
            }
            any |= Contents::of(&inner)?.is_maildir();
        }
        Ok(if any { Self::Folders } else { Self::Nothing })
    }
}

/// The directories that this one lies in, by device and inode.
fn above(root: &Dir) -> Result<Vec<Identity>, Error> {
    let mut all = Vec::new();
    let mut below = root.identity()?;
    let mut next = root.open_linked(b"..")?;
    while let Some(dir) = next.filter(|_| all.len() < DEEPEST) {
        let identity = dir.identity()?;
        if identity == below {
            break;
        }
        all.push(identity);
        below = identity;
        next = dir.open_linked(b"..")?;
    }
    Ok(all)
}

fn shown(path: &[String]) -> String {
    match path {
        [] => "the Maildir's root".to_owned(),
        path => path.join("/"),
    }
}
