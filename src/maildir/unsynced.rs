//! Looking for messages in what is not synced of the Maildir: a file that is gone from its folder may have moved there.

use std::collections::{BTreeMap, HashMap, HashSet};

use rustix::fs::FileType;
use rustix::io::Errno;

use super::Core;
use super::error::Error;
use super::name::FileName;
use super::read::{Buffers, Open, inspect_one};
use super::sys::{Dir, Listed, Look};
use super::trash::TRASH;
use crate::engine::Reach;
use crate::mail::{LocalId, MailboxName};
use crate::sync::{Entry, FileStamp, LocalKnown, Unsynced, same_content};

/// The headers that mail programs add to a file take no more, in bytes.
const NOTES: u64 = 1024;

/// How often directories that do not hold still are listed again.
const TRIES: usize = 50;
/// Deeper than any mailbox is, in directories.
const DEEPEST: usize = 100;

impl Core {
    /// Where files with the content of these rows lie, outside the folders of these mailboxes.
    pub(super) fn find_unsynced(
        &self,
        synced: &[MailboxName],
        gone: &[Entry],
    ) -> Result<Vec<Option<Unsynced>>, Error> {
        let mut search = Search::new(self, synced, gone)?;
        search.walk(&self.root_dir()?, &mut Vec::new(), false)?;
        Ok(search.found)
    }
}

/// A search under way.
struct Search<'a> {
    core: &'a Core,
    gone: &'a [Entry],
    /// What of `gone` is called so.
    names: HashMap<&'a [u8], Vec<usize>>,
    /// What of `gone` a file of this size may be.
    sizes: BTreeMap<u64, Vec<usize>>,
    found: Vec<Option<Unsynced>>,
    /// How many have not been found.
    left: usize,
    /// Folders that are synced, by device and inode.
    synced: HashSet<(u64, u64)>,
    /// Directories that were looked at, and those that the root lies in.
    visited: HashSet<(u64, u64)>,
    buffers: Buffers,
}

impl<'a> Search<'a> {
    fn new(core: &'a Core, synced: &[MailboxName], gone: &'a [Entry]) -> Result<Self, Error> {
        let mut search = Self {
            core,
            gone,
            names: HashMap::new(),
            sizes: BTreeMap::new(),
            found: vec![None; gone.len()],
            left: gone.len(),
            synced: HashSet::new(),
            visited: HashSet::new(),
            buffers: Buffers::new(),
        };
        for (at, entry) in gone.iter().enumerate() {
            if let Some(local) = &entry.local {
                search.names.entry(local.as_bytes()).or_default().push(at);
            }
            search.sizes.entry(entry.size).or_default().push(at);
            if entry.stamp.size != entry.size {
                search.sizes.entry(entry.stamp.size).or_default().push(at);
            }
        }
        for name in synced {
            if let Some(dir) = core.find_dir(name)? {
                search.synced.insert(dir.identity()?);
            }
        }
        search.leave_out_parents()?;
        Ok(search)
    }

    /// A link to a directory that the root lies in leads nowhere new.
    fn leave_out_parents(&mut self) -> Result<(), Error> {
        let mut dir = self.core.root_dir()?;
        for _ in 0..DEEPEST {
            let Some(above) = dir.open_linked(b"..")? else {
                return Ok(());
            };
            if !self.visited.insert(above.identity()?) {
                return Ok(());
            }
            dir = above;
        }
        Ok(())
    }

    /// Looks at a directory and what is below it. Where a link has led outside, only what looks like folders is
    /// looked into: nobody knows what else lies there.
    fn walk(&mut self, dir: &Dir, path: &mut Vec<String>, linked: bool) -> Result<(), Error> {
        let identity = dir.identity()?;
        if self.left == 0 || path.len() > DEEPEST || !self.visited.insert(identity) {
            return Ok(());
        }
        let parts = Parts::of(dir)?;
        let is_synced = self.synced.contains(&identity);
        let place = self.place(path);
        if parts.is_folder() && !is_synced {
            let cur = dir.find(b"cur")?;
            let new = dir.find(b"new")?;
            let both: Vec<&Dir> = cur.iter().chain(&new).collect();
            self.files(&both, &place)?;
            for part in both {
                self.visited.insert(part.identity()?);
            }
        }
        self.files(&[dir], &place)?;
        for (name, kind) in parts.directories {
            let at_top = path.is_empty() && !linked;
            let ours = at_top && (name == TRASH.as_bytes() || name == b"lost+found");
            let part = matches!(name.as_slice(), b"cur" | b"new" | b"tmp");
            let staging = name == b"tmp" && parts.cur && parts.new;
            if ours || staging || (part && is_synced) {
                continue;
            }
            let away = kind == FileType::Symlink;
            let Some(inner) = self.enter(dir, &name, away)? else {
                continue;
            };
            if linked && !part && !Parts::of(&inner)?.is_folder() {
                continue;
            }
            path.push(String::from_utf8_lossy(&name).into_owned());
            self.walk(&inner, path, linked || away)?;
            path.pop();
        }
        Ok(())
    }

    fn enter(&self, dir: &Dir, name: &[u8], away: bool) -> Result<Option<Dir>, Error> {
        if away {
            dir.open_linked(name)
        } else {
            dir.open(name).map(Some)
        }
    }

    fn place(&self, path: &[String]) -> Unsynced {
        Unsynced {
            directory: match path {
                [] => ".".to_owned(),
                path => path.join("/"),
            },
            folder: self.core.mailbox_at(path),
        }
    }

    /// Looks at the files of directories between which mail programs move them; again if they do so meanwhile.
    fn files(&mut self, dirs: &[&Dir], place: &Unsynced) -> Result<(), Error> {
        for _ in 0..TRIES {
            let before = stamps(dirs)?;
            let mut whole = true;
            for dir in dirs {
                dir.entries(|entry| {
                    whole &= self.file(dir, entry, place)?;
                    Ok(())
                })?;
            }
            if whole && stamps(dirs)? == before {
                return Ok(());
            }
        }
        Err(Error::RestlessDirectory(place.directory.clone()))
    }

    /// Compares one file with what is missing, if it may be that; false when it is gone meanwhile.
    fn file(&mut self, dir: &Dir, entry: Listed<'_>, place: &Unsynced) -> Result<bool, Error> {
        if !matches!(entry.kind, FileType::RegularFile | FileType::Unknown) {
            return Ok(true);
        }
        let look = match dir.look(entry.name) {
            Ok(look) => look,
            Err(Errno::NOENT) => return Ok(false),
            Err(errno) => return Err(dir.error("look at", entry.name, Reach::Mailbox, errno)),
        };
        let candidates = self.candidates(entry.name, look);
        if candidates.is_empty() || look.kind != FileType::RegularFile || look.stamp.size == 0 {
            return Ok(true);
        }
        let Some(known) = self.read(dir, entry.name)? else {
            return Ok(false);
        };
        for at in candidates {
            let row = self.gone.get(at);
            let slot = self.found.get_mut(at).filter(|slot| slot.is_none());
            if let (Some(row), Some(slot)) = (row, slot)
                && same_content(row, &known)
            {
                *slot = Some(place.clone());
                self.left -= 1;
            }
        }
        Ok(true)
    }

    /// What is missing and may be this file, as far as its name and size tell.
    fn candidates(&self, name: &[u8], look: Look) -> Vec<usize> {
        let id = FileName::parse(name).and_then(|name| name.id());
        let named = id.and_then(|id| self.names.get(id.as_bytes()));
        let size = look.stamp.size;
        let sized = self.sizes.range(size.saturating_sub(NOTES)..=size);
        let sized = sized.map(|(_, places)| places);
        let mut all: Vec<usize> = named.into_iter().chain(sized).flatten().copied().collect();
        all.retain(|at| self.found.get(*at).is_some_and(Option::is_none));
        all.sort_unstable();
        all.dedup();
        all
    }

    fn read(&mut self, dir: &Dir, name: &[u8]) -> Result<Option<LocalKnown>, Error> {
        let path = dir.path_of(name);
        let failed = |errno| Error::io("read", &path, Reach::Mailbox, errno);
        let file = match dir.open_file(name) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(failed(errno)),
        };
        let look = super::sys::look_at(&file).map_err(failed)?;
        let id = FileName::parse(name).and_then(|name| name.id());
        let Some(id) = id.or_else(|| LocalId::new(b"file")) else {
            return Ok(None);
        };
        let found = inspect_one(Open { file, path, look }, &id, &mut self.buffers)?;
        Ok(Some(LocalKnown {
            identity: found.identity,
            verbatim: found.verbatim,
            content: found.content,
        }))
    }
}

/// How directories look.
fn stamps(dirs: &[&Dir]) -> Result<Vec<FileStamp>, Error> {
    let stamps = dirs
        .iter()
        .map(|dir| dir.look_at_self().map(|look| look.stamp));
    stamps.collect()
}

/// What is in a directory besides files.
#[derive(Default)]
struct Parts {
    cur: bool,
    new: bool,
    /// Directories and links, which may lead to some.
    directories: Vec<(Vec<u8>, FileType)>,
}

impl Parts {
    fn of(dir: &Dir) -> Result<Self, Error> {
        let mut parts = Self::default();
        dir.entries(|entry| {
            let kind = dir.kind(entry).unwrap_or(FileType::Unknown);
            if matches!(kind, FileType::Directory | FileType::Symlink) {
                parts.cur |= entry.name == b"cur";
                parts.new |= entry.name == b"new";
                parts.directories.push((entry.name.to_vec(), kind));
            }
            Ok(())
        })?;
        Ok(parts)
    }

    fn is_folder(&self) -> bool {
        self.cur || self.new
    }
}
