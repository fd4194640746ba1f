//! What is on the disk: folders, files, the trash, and renames that a power cut may take back.

use std::collections::BTreeMap;
use std::fmt;

use crate::engine::ports::Marker;
use crate::mail::{Flags, LocalId, MailboxName};
use crate::sim::content::{self, Body};
use crate::sim::rng::Rng;
use crate::sync::{FileStamp, FolderToken, LocalMessage};

/// A message's file.
#[derive(Clone, Debug)]
pub struct SimFile {
    /// Its octets, in wire form.
    pub body: Body,
    /// What its name says.
    pub flags: Flags,
    /// Letters that mean nothing to us.
    pub letters: String,
    /// Whether it is in `new` (and not in `cur`).
    pub fresh: bool,
    /// Modification time in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Inode number.
    pub inode: u64,
    /// Whether it cannot be read (or is no regular file, or empty).
    pub unreadable: bool,
    /// When the system will have written it to the disk by itself, seconds since 1970. A power cut before that may
    /// take it, unless it was synced.
    pub written: i64,
}

impl SimFile {
    /// How it looks.
    #[must_use]
    pub fn stamp(&self) -> FileStamp {
        FileStamp {
            inode: self.inode,
            size: content::size(&self.body),
            mtime_ns: self.mtime_ns,
        }
    }
}

/// A file in `tmp`.
#[derive(Clone, Debug)]
pub struct InTmp {
    /// The file.
    pub file: SimFile,
    /// Whether it was synced.
    pub durable: bool,
    /// When it was made, seconds since 1970.
    pub since: i64,
}

/// A folder.
#[derive(Clone, Debug, Default)]
pub struct SimFolder {
    /// Its marker.
    pub marker: Option<Marker>,
    /// `new` and `cur`, by unique name.
    pub files: BTreeMap<LocalId, SimFile>,
    /// `tmp`, by unique name.
    pub staged: BTreeMap<LocalId, InTmp>,
    /// Whether listing it never holds still.
    pub restless: bool,
}

impl SimFolder {
    /// Its files as a listing shows them.
    pub(super) fn messages(&self) -> Vec<LocalMessage> {
        let files = self.files.iter().map(|(id, file)| LocalMessage {
            id: id.clone(),
            flags: file.flags.clone(),
            stamp: file.stamp(),
        });
        files.collect()
    }

    /// Its directories; unless they are blind, even what is edited in place shows in them.
    pub(super) fn token(&self, blind: bool) -> FolderToken {
        let names = self.files.iter().map(|(id, file)| {
            let SimFile {
                flags,
                letters,
                fresh,
                ..
            } = file;
            format!(
                "{id} {flags} {letters} {fresh} {:?}\n",
                (!blind).then(|| file.stamp())
            )
        });
        FolderToken(names.collect::<String>().into_bytes())
    }
}

/// A file in the local trash.
#[derive(Clone, Debug)]
pub struct Trashed {
    /// The day it was put there.
    pub day: String,
    /// The file.
    pub file: SimFile,
    /// Its unique name.
    pub local: LocalId,
}

/// A directory tree.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    /// Whether the root is there.
    pub exists: bool,
    pub marker: Option<Marker>,
    /// The root's marker that a power cut would leave, if another one could not be synced.
    pub synced: Option<Marker>,
    pub folders: BTreeMap<MailboxName, SimFolder>,
    pub trash: BTreeMap<Vec<u8>, Trashed>,
}

/// Where a file can be.
#[derive(Clone, Debug)]
pub(super) enum Spot {
    Tmp(MailboxName, LocalId, i64),
    Folder(MailboxName, LocalId),
    Trash(Vec<u8>, LocalId, String),
}

/// A directory, as far as syncing goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Dir {
    Tmp(MailboxName),
    /// `new` and `cur`, which are always synced together.
    Folder(MailboxName),
    Trash,
}

impl fmt::Display for Dir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tmp(folder) => write!(f, "tmp of {folder}"),
            Self::Folder(folder) => write!(f, "{folder}"),
            Self::Trash => f.write_str("trash"),
        }
    }
}

impl Spot {
    pub(super) fn dir(&self) -> Dir {
        match self {
            Self::Tmp(folder, ..) => Dir::Tmp(folder.clone()),
            Self::Folder(folder, _) => Dir::Folder(folder.clone()),
            Self::Trash(..) => Dir::Trash,
        }
    }
}

/// A rename that a power cut may take back, or half of it: the entry that came and the one that went become durable
/// each with its own directory.
#[derive(Clone, Debug)]
pub(super) struct Undo {
    pub inode: u64,
    pub before: Spot,
    pub after: Spot,
    pub flags: Flags,
    pub fresh: bool,
    /// The new name is durable.
    pub came: bool,
    /// That the old name is gone is durable.
    pub went: bool,
}

impl Undo {
    /// A directory was synced; whether both halves are durable now.
    pub(super) fn sync(&mut self, dir: &Dir) -> bool {
        self.came |= self.after.dir() == *dir;
        self.went |= self.before.dir() == *dir;
        self.came && self.went
    }

    /// Draws what a power cut leaves of it.
    pub(super) fn draw(&mut self, rng: &mut Rng) {
        let one = rng.one_in(2);
        self.came |= one;
        // A rename within one directory happens, or it does not.
        self.went |= if self.after.dir() == self.before.dir() {
            one
        } else {
            rng.one_in(2)
        };
    }
}

impl Disk {
    fn take(&mut self, spot: &Spot, inode: u64) -> Option<SimFile> {
        match spot {
            Spot::Tmp(folder, local, _) => {
                let staged = &mut self.folders.get_mut(folder)?.staged;
                staged.remove(local).map(|staged| staged.file)
            }
            Spot::Folder(folder, local) => {
                let files = &mut self.folders.get_mut(folder)?.files;
                let same = files.get(local).is_some_and(|file| file.inode == inode);
                if same { files.remove(local) } else { None }
            }
            Spot::Trash(path, ..) => self.trash.remove(path).map(|trashed| trashed.file),
        }
    }

    /// Whether this very file is in a folder.
    fn has(&self, spot: &Spot, inode: u64) -> bool {
        let Spot::Folder(folder, local) = spot else {
            return false;
        };
        let files = self.folders.get(folder).map(|found| &found.files);
        let found = files.and_then(|files| files.get(local));
        found.is_some_and(|file| file.inode == inode)
    }

    fn is_free(&self, spot: &Spot) -> bool {
        match spot {
            Spot::Tmp(folder, ..) => self.folders.contains_key(folder),
            Spot::Folder(folder, local) => {
                let found = self.folders.get(folder);
                found.is_some_and(|found| !found.files.contains_key(local))
            }
            Spot::Trash(path, ..) => !self.trash.contains_key(path),
        }
    }

    fn put(&mut self, spot: Spot, file: SimFile) {
        match spot {
            Spot::Tmp(folder, local, since) => {
                let staged = InTmp {
                    file,
                    durable: true,
                    since,
                };
                self.folders
                    .entry(folder)
                    .or_default()
                    .staged
                    .insert(local, staged);
            }
            Spot::Folder(folder, local) => {
                self.folders
                    .entry(folder)
                    .or_default()
                    .files
                    .insert(local, file);
            }
            Spot::Trash(path, local, day) => {
                self.trash.insert(path, Trashed { day, file, local });
            }
        }
    }

    /// Carries out a rename; `false` if the source is gone or the target taken.
    pub(super) fn rename(&mut self, undo: &Undo, flags: Flags, fresh: bool) -> bool {
        let same = matches!((&undo.before, &undo.after), (Spot::Folder(a, b), Spot::Folder(c, d)) if a == c && b == d);
        // A power cut may have left the file in both places: then the rename is finished.
        let half = !same && self.has(&undo.before, undo.inode) && self.has(&undo.after, undo.inode);
        if half {
            self.take(&undo.after, undo.inode);
        }
        if !same && !self.is_free(&undo.after) {
            return false;
        }
        let Some(mut file) = self.take(&undo.before, undo.inode) else {
            return false;
        };
        file.flags = flags;
        file.fresh = fresh;
        self.put(undo.after.clone(), file);
        true
    }

    /// A power cut: what of the rename was not durable has not happened, unless somebody moved the file on since.
    /// Returns the content of a file that is in two folders now.
    pub(super) fn take_back(&mut self, undo: &Undo) -> Option<Body> {
        let Undo { came, went, .. } = *undo;
        if came && went {
            return None;
        }
        let file = self.take(&undo.after, undo.inode)?;
        if came {
            self.put(undo.after.clone(), file.clone());
        }
        if !went && self.is_free(&undo.before) {
            let (flags, fresh) = (undo.flags.clone(), undo.fresh);
            let old = SimFile {
                flags,
                fresh,
                ..file.clone()
            };
            self.put(undo.before.clone(), old);
            let folders = matches!(
                (&undo.before, &undo.after),
                (Spot::Folder(..), Spot::Folder(..))
            );
            return (came && folders).then_some(file.body);
        }
        if !came && !went {
            // Its old place is gone or taken: it can only be where it is.
            self.put(undo.after.clone(), file);
        }
        None
    }

    /// A power cut: what programs wrote and nobody synced is there, or empty, or has never been.
    pub(super) fn lose_unwritten(&mut self, now: i64, rng: &mut Rng) {
        for folder in self.folders.values_mut() {
            folder.files.retain(|_, file| {
                if file.written <= now {
                    return true;
                }
                match rng.below(4) {
                    0 | 1 => false,
                    2 => {
                        file.unreadable = true;
                        true
                    }
                    _ => true,
                }
            });
        }
    }
}
