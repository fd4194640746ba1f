//! A disk with what is durable on it and what is not yet, and what a power cut may leave of it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::trace::Call;
use crate::support::Random;

type Id = usize;
type Names = BTreeMap<String, Id>;

/// A change of a file's content.
#[derive(Clone, Debug)]
enum Write {
    At(usize, Vec<u8>),
    Length(usize),
}

#[derive(Clone, Debug, Default)]
struct Content {
    octets: Vec<u8>,
    mtime: u64,
}

impl Content {
    fn apply(&mut self, write: &Write) {
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
enum Node {
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
enum Change {
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
    place: PathBuf,
    nodes: Vec<Node>,
    changes: Vec<(u64, Change)>,
}

const ROOT: Id = 0;

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

    /// The same files lie there, too, and stay.
    pub fn keep_in(&mut self, place: &Path) {
        for node in &mut self.nodes {
            if let Node::File {
                from: Some(from), ..
            } = node
                && let Ok(below) = from.strip_prefix(&self.place)
            {
                *from = place.join(below);
            }
        }
    }

    /// What is not durable, for whoever looks for the cause.
    pub fn waiting(&self) -> String {
        let mut lines: Vec<String> = self
            .changes
            .iter()
            .map(|(_, change)| format!("  {change:?}"))
            .collect();
        for (id, node) in self.nodes.iter().enumerate() {
            if let Node::File { waiting, .. } = node
                && !waiting.is_empty()
            {
                lines.push(format!("  {} writes to node {id}", waiting.len()));
            }
        }
        lines.join("\n")
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

    fn names(&self, directory: Id) -> &Names {
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

    fn settle(&mut self, change: &Change, whole: bool) {
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

    /// What differs between this and what really lies there.
    pub fn compare(&self, place: &Path, parts: &[&str]) -> Vec<String> {
        let mut found = BTreeMap::new();
        for part in parts {
            list(&place.join(part), &mut found);
        }
        let mut believed = BTreeMap::new();
        for (name, id) in self.names(ROOT) {
            self.list(*id, &place.join(name), &mut believed);
        }
        let paths = found.keys().chain(believed.keys());
        let differs = paths.filter(|path| found.get(*path) != believed.get(*path));
        differs.map(|path| path.display().to_string()).collect()
    }

    fn list(&self, id: Id, path: &Path, all: &mut BTreeMap<PathBuf, Vec<u8>>) {
        match &self.nodes[id] {
            Node::File { .. } if passing(path) => {}
            Node::File { now, .. } => {
                all.insert(path.to_owned(), now.octets.clone());
            }
            Node::Directory { now, .. } => {
                for (name, id) in now {
                    self.list(*id, &path.join(name), all);
                }
            }
        }
    }

    /// Whether a power cut can leave anything but one state.
    pub fn is_settled(&self) -> bool {
        let written =
            |node: &Node| matches!(node, Node::File { waiting, .. } if !waiting.is_empty());
        self.changes.is_empty() && !self.nodes.iter().any(written)
    }

    /// What a power cut may leave. Changes of directories go in order up to some point, or each by itself; what of a
    /// file is not durable is there, not there, half there or zeros. `nothing` loses all that may be lost.
    pub fn cut(&self, random: &mut Random, nothing: bool) -> Self {
        let mut left = self.clone();
        let in_order = random.below(3) == 0;
        let until = random.below(self.changes.len() + 1);
        for (turn, (_, change)) in self.changes.iter().enumerate() {
            let there = if in_order {
                turn < until
            } else {
                random.below(2) == 0
            };
            if there && !nothing {
                let whole = in_order || random.below(4) != 0;
                left.settle(change, whole);
            }
        }
        left.changes.clear();
        for node in &mut left.nodes {
            match node {
                Node::Directory { durable, now } => now.clone_from(durable),
                Node::File {
                    durable,
                    now,
                    waiting,
                    from,
                    ..
                } => {
                    if waiting.is_empty() {
                        continue;
                    }
                    *from = None;
                    let fate = if nothing { 3 } else { random.below(5) };
                    let mut rest = durable.clone();
                    for (_, write) in std::mem::take(waiting) {
                        match (fate, &write) {
                            (0, _) => rest.apply(&write),
                            (1, Write::At(at, octets)) => {
                                rest.apply(&Write::At(*at, octets[..octets.len() / 2].to_vec()));
                            }
                            (2, Write::At(at, octets)) => {
                                rest.apply(&Write::At(*at, vec![0; octets.len()]));
                            }
                            (4, _) if random.below(2) == 0 => rest.apply(&write),
                            _ => {}
                        }
                    }
                    *now = rest.clone();
                    *durable = rest;
                }
            }
        }
        left
    }

    /// Puts it there. Files whose content is what it was are the very same files.
    pub fn lay_out(&self, place: &Path) {
        for (name, id) in self.names(ROOT) {
            self.lay_out_one(*id, &place.join(name));
        }
    }

    fn lay_out_one(&self, id: Id, path: &Path) {
        match &self.nodes[id] {
            // Shared memory: gone with the power.
            Node::File { .. } if passing(path) => {}
            Node::File { now, from, .. } => {
                let mail = !path.to_string_lossy().contains(".sqlite");
                if let Some(from) = from.as_ref().filter(|_| mail)
                    && fs::hard_link(from, path).is_ok()
                {
                    return;
                }
                fs::write(path, &now.octets).unwrap();
                fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
                if now.mtime > 0 {
                    let file = File::options().write(true).open(path).unwrap();
                    file.set_modified(UNIX_EPOCH + Duration::from_nanos(now.mtime))
                        .unwrap();
                }
            }
            Node::Directory { now, .. } => {
                fs::DirBuilder::new().mode(0o700).create(path).unwrap();
                for (name, id) in now {
                    self.lay_out_one(*id, &path.join(name));
                }
            }
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

/// SQLite's shared memory is made anew by whoever opens the state first.
fn passing(path: &Path) -> bool {
    path.to_string_lossy().ends_with("-shm")
}

fn list(path: &Path, all: &mut BTreeMap<PathBuf, Vec<u8>>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            list(&entry.unwrap().path(), all);
        }
    } else if !passing(path) {
        all.insert(path.to_owned(), fs::read(path).unwrap());
    }
}

fn mtime(data: &fs::Metadata) -> u64 {
    let since = data
        .modified()
        .unwrap_or(SystemTime::UNIX_EPOCH)
        .duration_since(UNIX_EPOCH);
    let _ = data.mtime_nsec();
    u64::try_from(since.unwrap_or_default().as_nanos()).unwrap_or_default()
}
