//! What a power cut leaves of a disk, laid out for a run to find.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::disk::{Disk, Id, Node, ROOT, Write};
use crate::support::Random;

impl Disk {
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
