//! What is done to single files, one effect each.

use super::disk::{SimFile, SimFolder, Spot, Undo};
use super::{LocalState, SimLocal, disk_fault, no_file, no_folder};
use crate::engine::ports::{Clock, Staged};
use crate::engine::{Fault, Reach};
use crate::mail::{Flags, LocalId, MailboxName};
use crate::sim::content::{self, Body};
use crate::sim::steps::{DiskError, fault};
use crate::sync::{Entry, FileStamp, LocalKnown, Side, Unsynced, same_content};

pub(super) type Each<T> = Vec<Result<T, Fault>>;

impl LocalState {
    pub(super) fn folder(&mut self, name: &MailboxName) -> Result<&mut SimFolder, Fault> {
        let folder = self.disk().folders.get_mut(name);
        folder.ok_or_else(|| no_folder(name))
    }

    pub(super) fn file(
        &mut self,
        name: &MailboxName,
        file: &LocalId,
    ) -> Result<&mut SimFile, Fault> {
        let folder = self.folder(name)?;
        folder.files.get_mut(file).ok_or_else(|| no_file(file))
    }

    /// Renames a file and notes how a crash would take that back.
    pub(super) fn rename(
        &mut self,
        before: Spot,
        after: Spot,
        inode: u64,
        old: (Flags, bool),
        new: (Flags, bool),
    ) -> bool {
        let undo = Undo {
            inode,
            before,
            after,
            flags: old.0,
            fresh: old.1,
            came: false,
            went: false,
        };
        let done = self.disk().rename(&undo, new.0, new.1);
        if done && self.mounted {
            self.undo.push(undo);
        }
        done
    }
}

impl SimLocal {
    pub(super) fn publish_one(
        &self,
        name: &MailboxName,
        staged: &Staged,
        flags: &Flags,
    ) -> Result<Result<(), Fault>, Fault> {
        let what = format!("publish {name} {} ({flags})", staged.uid);
        self.effect(&what, |state| {
            let shown = state.scope.visible(flags);
            let folder = state.folder(name)?;
            let found = folder.staged.get(&staged.local);
            let found = found.ok_or_else(|| no_file(&staged.local))?;
            let (inode, since) = (found.file.inode, found.since);
            let body: Body = found.file.body.clone();
            let before = Spot::Tmp(name.clone(), staged.local.clone(), since);
            let after = Spot::Folder(name.clone(), staged.local.clone());
            let fresh = shown.is_empty();
            let done = state.rename(before, after, inode, (Flags::new(), true), (shown, fresh));
            if !done {
                return Err(no_file(&staged.local));
            }
            self.ledger.seen(&body, Side::Local);
            Ok(())
        })
    }

    pub(super) fn move_one(
        &self,
        from: &MailboxName,
        to: &MailboxName,
        file: &LocalId,
        flags: &Flags,
    ) -> Result<Result<(), Fault>, Fault> {
        let verb = if from == to { "relabel" } else { "relocate" };
        let what = format!("{verb} {from} {to} {} ({flags})", self.title(from, file));
        self.effect(&what, |state| {
            let shown = state.scope.visible(flags);
            let found = state.file(from, file)?;
            let (inode, fresh, old) = (found.inode, found.fresh, found.flags.clone());
            let stays_new = fresh && shown.is_empty();
            let before = Spot::Folder(from.clone(), file.clone());
            let after = Spot::Folder(to.clone(), file.clone());
            let done = state.rename(before, after, inode, (old, fresh), (shown, stays_new));
            done.then_some(()).ok_or_else(|| no_file(file))
        })
    }

    /// A copy under a name that follows from the number, made once.
    pub(super) fn copy_one(
        &self,
        from: &MailboxName,
        to: &MailboxName,
        file: &LocalId,
        flags: &Flags,
        number: u128,
    ) -> Result<Result<LocalId, Fault>, Fault> {
        let title = self.title(from, file);
        let found = self.state.borrow_mut().file(from, file).cloned();
        let Ok(found) = found else {
            return Ok(Err(no_file(file)));
        };
        let name = format!("{}.R{number:032x}.sim", found.mtime_ns / 1_000_000_000);
        let Some(id) = LocalId::new(name.as_bytes()) else {
            return Ok(Err(no_file(file)));
        };
        if self.state.borrow_mut().file(to, &id).is_ok() {
            return Ok(Ok(id));
        }
        let (_, mut copy) = self.fresh_file(&found.body, flags);
        self.effect(&format!("copy {from} {title} to {to}"), |state| {
            copy.flags = state.scope.visible(flags);
            copy.mtime_ns = found.mtime_ns;
            copy.written = 0;
            self.ledger.born(&found.body, Side::Local);
            state.folder(to)?.files.insert(id.clone(), copy);
            Ok(id)
        })
    }

    pub(super) fn trash_one(
        &self,
        name: &MailboxName,
        file: &LocalId,
        stamp: FileStamp,
        day: &str,
    ) -> Result<Result<Vec<u8>, Fault>, Fault> {
        let what = format!("trash {name} {}", self.title(name, file));
        self.effect(&what, |state| {
            let found = state.file(name, file)?;
            if found.stamp().may_be_edited(&stamp) {
                return Err(no_file(file));
            }
            let (inode, fresh, flags) = (found.inode, found.fresh, found.flags.clone());
            // A power cut may have left the same file in both places.
            let paths = (0..)
                .map(|turn| format!(".mailferry-trash/{day}/{inode}-{turn}-{file}").into_bytes());
            let trash = &state.disk().trash;
            let path = paths.into_iter().find(|path| !trash.contains_key(path));
            let path = path.ok_or_else(|| no_file(file))?;
            let before = Spot::Folder(name.clone(), file.clone());
            let after = Spot::Trash(path.clone(), file.clone(), day.to_owned());
            let done = state.rename(before, after, inode, (flags.clone(), fresh), (flags, fresh));
            done.then_some(path).ok_or_else(|| no_file(file))
        })
    }

    pub(super) fn title(&self, name: &MailboxName, file: &LocalId) -> String {
        let mut state = self.state.borrow_mut();
        let found = state.file(name, file);
        found.map_or_else(|_| "?".to_owned(), |found| content::title(&found.body))
    }

    pub(super) fn present(&self) -> Result<(), Fault> {
        let there = self.state.borrow_mut().disk().exists;
        there
            .then_some(())
            .ok_or_else(|| fault(Reach::Account, true, "the root is not there"))
    }
}

/// The first file has the disk's error, the others their turn.
pub(super) fn each<A, T>(
    items: &[A],
    mut broken: Option<DiskError>,
    mut act: impl FnMut(&A) -> Result<Result<T, Fault>, Fault>,
) -> Result<Each<T>, Fault> {
    let done = items.iter().map(|item| match broken.take() {
        Some(error) => Ok(Err(disk_fault(Reach::Message, error, "a file"))),
        None => act(item),
    });
    done.collect()
}

impl SimLocal {
    pub(super) fn now(&self) -> i64 {
        self.clock.now()
    }
}

impl SimLocal {
    /// Where files with the content of these rows are, in other folders than these.
    pub(super) fn unsynced(&self, synced: &[MailboxName], gone: &[Entry]) -> Vec<Option<Unsynced>> {
        let mut state = self.state.borrow_mut();
        let all = state.disk().folders.iter();
        let rest: Vec<_> = all.filter(|(name, _)| !synced.contains(name)).collect();
        let place_of = |entry: &Entry| {
            let holds = |folder: &SimFolder| {
                let mut files = folder.files.values();
                files.any(|file| {
                    let known = LocalKnown {
                        identity: content::identity(&file.body, 0, true),
                        verbatim: None,
                        content: content::content(&file.body),
                    };
                    same_content(entry, &known)
                })
            };
            let found = rest.iter().find(|(_, folder)| holds(folder));
            found.map(|(name, _)| Unsynced {
                directory: name.to_string(),
                folder: Some((*name).clone()),
            })
        };
        gone.iter().map(place_of).collect()
    }
}
