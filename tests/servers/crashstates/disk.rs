//! A disk with what is durable on it and what is not yet, and what a power cut may leave of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::trace::Call;

pub type Id = usize;
pub type Names = BTreeMap<String, Id>;

/// A change of a file's content.
#[derive(Clone, Debug)]
pub enum Write {
    At(usize, Vec<u8>),
    Length(usize),
}

#[derive(Clone, Debug, Default)]
pub struct Content {
    pub octets: Vec<u8>,
    pub mtime: u64,
}

impl Content {
    pub fn apply(&mut self, write: &Write) {
        match write {
            Write::At(at, octets) => {
                let end = at + octets.len();
                self.octets.resize(self.octets.len().max(end), 0);
                self.octets[*at..end].copy_from_slice(octets);
            }
            Write::Length(length) => self.octets.resize(*length, 0),
        }
    }
}

#[derive(Clone, Debug)]
pub enum Node {
    Directory {
        durable: Names,
        now: Names,
    },
    File {
        durable: Content,
        now: Content,
        /// What is not durable yet, with the time it was done.
        waiting: Vec<(u64, Write)>,
        position: usize,
        /// Where the very file was before the run.
        from: Option<PathBuf>,
    },
}

/// A change of a directory. A rename is one change: file systems with a journal take it as a whole, or for a while
/// have both names.
#[derive(Clone, Debug)]
pub enum Change {
    Set(Id, String, Id),
    Unset(Id, String),
    Move {
        from: (Id, String),
        to: (Id, String),
        node: Id,
    },
}

/// What is below one directory.
#[derive(Clone, Debug)]
pub struct Disk {
    pub place: PathBuf,
    pub nodes: Vec<Node>,
    pub changes: Vec<(u64, Change)>,
}

pub const ROOT: Id = 0;

impl Disk {
    /// Takes what lies below `place`, all of it durable. Files are the same as those in `original`.
    pub fn load(place: &Path, parts: &[&str]) -> Self {
        let root = Node::Directory {
            durable: Names::new(),
            now: Names::new(),
        };
        let mut disk = Self {
            place: place.to_owned(),
            nodes: vec![root],
            changes: Vec::new(),
        };
        for part in parts {
            let id = disk.take(&place.join(part));
            disk.name_for_good(ROOT, part, id);
        }
        disk
    }

    fn take(&mut self, path: &Path) -> Id {
        let data = fs::metadata(path).unwrap();
        if !data.is_dir() {
            let content = Content {
                octets: fs::read(path).unwrap(),
                mtime: mtime(&data),
            };
            self.nodes.push(Node::File {
                durable: content.clone(),
                now: content,
                waiting: Vec::new(),
                position: 0,
                from: Some(path.to_owned()),
            });
            return self.nodes.len() - 1;
        }
        self.nodes.push(Node::Directory {
            durable: Names::new(),
            now: Names::new(),
        });
        let id = self.nodes.len() - 1;
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            let child = self.take(&path);
            self.name_for_good(id, path.file_name().unwrap().to_str().unwrap(), child);
        }
        id
    }

    fn name_for_good(&mut self, directory: Id, name: &str, node: Id) {
        if let Node::Directory { durable, now } = &mut self.nodes[directory] {
            durable.insert(name.to_owned(), node);
            now.insert(name.to_owned(), node);
        }
    }

    pub fn names(&self, directory: Id) -> &Names {
        match &self.nodes[directory] {
            Node::Directory { now, .. } => now,
            Node::File { .. } => panic!("a file instead of a directory"),
        }
    }

    /// The directory and the name in it, if it is below the place.
    fn find(&self, path: &Path) -> Option<(Id, String)> {
        let below = path.strip_prefix(&self.place).ok()?;
        let mut parts: Vec<&str> = below.iter().map(|part| part.to_str().unwrap()).collect();
        let last = parts.pop()?;
        let mut at = ROOT;
        for part in parts {
            at = *self.names(at).get(part)?;
        }
        matches!(self.nodes[at], Node::Directory { .. }).then(|| (at, last.to_owned()))
    }

    fn node(&self, path: &Path) -> Option<Id> {
        let (directory, name) = self.find(path)?;
        self.names(directory).get(&name).copied()
    }

    fn change(&mut self, at: u64, change: Change) {
        for (directory, name, node) in change.parts(true) {
            let Node::Directory { now, .. } = &mut self.nodes[directory] else {
                continue;
            };
            match node {
                Some(node) => now.insert(name, node),
                None => now.remove(&name),
            };
        }
        self.changes.push((at, change));
    }

    fn fresh(&mut self, at: u64, path: &Path, node: Node) {
        if let Some((directory, name)) = self.find(path) {
            self.nodes.push(node);
            let id = self.nodes.len() - 1;
            self.change(at, Change::Set(directory, name, id));
        }
    }

    fn write(&mut self, at: u64, path: &Path, write: impl FnOnce(&mut usize) -> Write) {
        let Some(id) = self.node(path) else { return };
        if let Node::File {
            now,
            waiting,
            position,
            ..
        } = &mut self.nodes[id]
        {
            let write = write(position);
            now.apply(&write);
            waiting.push((at, write));
        }
    }

    /// Does what a call did, as far as it concerns this disk.
    pub fn replay(&mut self, call: &Call) {
        let at = call.ended.min(call.began + 3_600_000_000_000);
        match call.name.as_str() {
            _ if call.result.is_some_and(|result| result < 0) => {}
            "openat" => self.open(at, call),
            "write" => {
                if let (Some(path), Some(octets)) = (call.open(0), call.octets(1)) {
                    self.write(at, &path, |position| {
                        let from = *position;
                        *position += octets.len();
                        Write::At(from, octets)
                    });
                }
            }
            "pwrite64" => {
                if let (Some(path), Some(octets)) = (call.open(0), call.octets(1)) {
                    let from = call.number(3) as usize;
                    self.write(at, &path, |_| Write::At(from, octets));
                }
            }
            "ftruncate" => {
                if let Some(path) = call.open(0) {
                    let length = call.number(1) as usize;
                    self.write(at, &path, |_| Write::Length(length));
                }
            }
            "fsync" | "fdatasync" => {
                if let Some(id) = call.open(0).and_then(|path| self.node(&path)) {
                    self.sync(id, call.began);
                }
            }
            "rename" => self.rename(at, call.path(None, 0), call.path(None, 1)),
            "renameat" | "renameat2" => {
                self.rename(at, call.path(Some(0), 1), call.path(Some(2), 3));
            }
            "unlink" | "rmdir" => self.unlink(at, call.path(None, 0)),
            "unlinkat" => self.unlink(at, call.path(Some(0), 1)),
            "mkdir" | "mkdirat" => {
                let path = if call.name == "mkdir" {
                    call.path(None, 0)
                } else {
                    call.path(Some(0), 1)
                };
                let node = Node::Directory {
                    durable: Names::new(),
                    now: Names::new(),
                };
                self.fresh(at, &path.unwrap(), node);
            }
            "utimensat" => self.date(call),
            _ => {
                let ours = (0..call.arguments.len()).any(|argument| {
                    call.open(argument)
                        .is_some_and(|path| path.starts_with(&self.place))
                });
                assert!(!ours, "not in this model: {call:?}");
            }
        }
    }

    fn open(&mut self, at: u64, call: &Call) {
        let path = call.path(Some(0), 1).unwrap();
        if call.says(2, "O_CREAT") && self.node(&path).is_none() {
            let file = Node::File {
                durable: Content::default(),
                now: Content::default(),
                waiting: Vec::new(),
                position: 0,
                from: None,
            };
            self.fresh(at, &path, file);
        } else if let Some(id) = self.node(&path)
            && let Node::File { position, .. } = &mut self.nodes[id]
        {
            *position = 0;
            if call.says(2, "O_TRUNC") {
                self.write(at, &path, |_| Write::Length(0));
            }
        }
    }

    fn rename(&mut self, at: u64, from: Option<PathBuf>, to: Option<PathBuf>) {
        let (Some(from), Some(to)) = (from, to) else {
            return;
        };
        if let (Some(from), Some(to)) = (self.find(&from), self.find(&to))
            && let Some(node) = self.names(from.0).get(&from.1).copied()
        {
            self.change(at, Change::Move { from, to, node });
        }
    }

    fn unlink(&mut self, at: u64, path: Option<PathBuf>) {
        let Some((directory, name)) = path.and_then(|path| self.find(&path)) else {
            return;
        };
        if self.names(directory).contains_key(&name) {
            self.change(at, Change::Unset(directory, name));
        }
    }

    fn date(&mut self, call: &Call) {
        let Some(id) = call.open(0).and_then(|path| self.node(&path)) else {
            return;
        };
        let text = &call.arguments[2];
        let after = |mark: &str| {
            let (_, rest) = text.rsplit_once(mark).unwrap_or_else(|| panic!("{call:?}"));
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<u64>().unwrap_or_else(|_| panic!("{call:?}"))
        };
        if let Node::File { now, .. } = &mut self.nodes[id] {
            now.mtime = after("tv_sec=") * 1_000_000_000 + after("tv_nsec=");
        }
    }

    /// What was done before `began` is durable now.
    fn sync(&mut self, id: Id, began: u64) {
        match &mut self.nodes[id] {
            Node::File {
                durable,
                now,
                waiting,
                ..
            } => {
                durable.mtime = now.mtime;
                for (_, write) in waiting.iter().filter(|(at, _)| *at <= began) {
                    durable.apply(write);
                }
                waiting.retain(|(at, _)| *at > began);
            }
            Node::Directory { .. } => {
                let changes = std::mem::take(&mut self.changes);
                for (at, change) in changes {
                    if at > began || !change.concerns(id) {
                        self.changes.push((at, change));
                        continue;
                    }
                    self.settle(&change, true);
                }
            }
        }
    }

    pub fn settle(&mut self, change: &Change, whole: bool) {
        for (directory, name, node) in change.parts(whole) {
            let Node::Directory { durable, .. } = &mut self.nodes[directory] else {
                continue;
            };
            match node {
                Some(node) => durable.insert(name, node),
                None => durable.remove(&name),
            };
        }
    }
}

impl Change {
    /// What it sets (a node) and unsets, by directory and name; without the old name's removal unless `whole`.
    fn parts(&self, whole: bool) -> Vec<(Id, String, Option<Id>)> {
        match self {
            Self::Set(directory, name, node) => vec![(*directory, name.clone(), Some(*node))],
            Self::Unset(directory, name) => vec![(*directory, name.clone(), None)],
            Self::Move { from, to, node } => {
                // Within one directory there is but one place to write.
                let mut parts = Vec::new();
                if whole || from.0 == to.0 {
                    parts.push((from.0, from.1.clone(), None));
                }
                parts.push((to.0, to.1.clone(), Some(*node)));
                parts
            }
        }
    }

    fn concerns(&self, directory: Id) -> bool {
        match self {
            Self::Set(one, ..) | Self::Unset(one, _) => *one == directory,
            Self::Move { from, to, .. } => from.0 == directory || to.0 == directory,
        }
    }
}

fn mtime(data: &fs::Metadata) -> u64 {
    let since = data
        .modified()
        .unwrap_or(SystemTime::UNIX_EPOCH)
        .duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_nanos()).unwrap_or_default()
}
