//! What is on the disk: folders, files, the trash, and renames that a crash may take back.

use std::collections::BTreeMap;

use crate::engine::ports::Marker;
use crate::mail::{Flags, LocalId, MailboxName};
use crate::sim::content::{self, Body};
use crate::sync::{FileStamp, FolderToken};

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

/// A rename that a crash may take back.
#[derive(Clone, Debug)]
pub(super) struct Undo {
    pub inode: u64,
    pub before: Spot,
    pub after: Spot,
    pub flags: Flags,
    pub fresh: bool,
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

    /// A crash: the rename has not happened, unless somebody moved the file on since.
    pub(super) fn take_back(&mut self, undo: Undo) {
        let back = Undo {
            inode: undo.inode,
            before: undo.after,
            after: undo.before,
            flags: Flags::new(),
            fresh: false,
        };
        self.rename(&back, undo.flags, undo.fresh);
    }
}
