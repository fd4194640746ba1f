//! What mail programs and people do to the Maildir. Nothing of it counts as an effect.

use std::rc::Rc;

use super::SimLocal;
use super::disk::{Disk, SimFile, SimFolder};
use crate::engine::ports::Clock;
use crate::mail::{Flags, LocalId, MailboxName};
use crate::sim::content::{self, Body};
use crate::sim::server;
use crate::sync::{Claims, Side};

/// After so many seconds the system has written everything to the disk.
const WRITTEN_AFTER: i64 = 35;

/// What becomes of a file when a mail program moves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameOnMove {
    /// Renamed, name kept.
    Kept,
    /// Renamed with a new unique name.
    New,
    /// Written anew and the old one removed: another inode, another name.
    Rewritten,
}

impl SimLocal {
    fn note(&self, text: &str) {
        self.steps.note(format!("ext: local {text}"));
    }

    pub(super) fn fresh_file(&self, body: &Body, flags: &Flags) -> (LocalId, SimFile) {
        let now = self.clock.now();
        let mut state = self.state.borrow_mut();
        let number = state.inode();
        let id = LocalId::new(format!("{now}.M{number}.mua").as_bytes()).expect("a name");
        let file = SimFile {
            body: Rc::clone(body),
            flags: state.scope.visible(flags),
            letters: String::new(),
            fresh: flags.is_empty(),
            mtime_ns: self.clock.nanos(),
            inode: number,
            unreadable: false,
            written: if state.careless {
                now + WRITTEN_AFTER
            } else {
                0
            },
        };
        (id, file)
    }

    /// Another program notes what it knows of a folder.
    pub fn take_notes(&self, folder: &MailboxName, claims: Claims) {
        let mut state = self.state.borrow_mut();
        state.notes.entry(folder.clone()).or_default().push(claims);
    }

    /// What another program noted of these files.
    pub(super) fn noted(&self, folder: &MailboxName, files: &[LocalId]) -> Vec<Claims> {
        let state = self.state.borrow();
        let mut notes = state.notes.get(folder).cloned().unwrap_or_default();
        for claims in &mut notes {
            claims.files.retain(|(file, _)| files.contains(file));
        }
        notes
    }

    /// From now on mail programs do not sync what they write.
    pub fn be_careless(&self) {
        self.state.borrow_mut().careless = true;
    }

    /// A file is put into a folder.
    ///
    /// # Panics
    /// When there is no such folder.
    pub fn deliver_file(&self, folder: &MailboxName, body: &Body, flags: &Flags) -> LocalId {
        self.note(&format!(
            "deliver {folder} {} ({flags})",
            content::title(body)
        ));
        let (id, file) = self.fresh_file(body, flags);
        self.ledger.born(body, Side::Local);
        let mut state = self.state.borrow_mut();
        let found = state.disk.folders.get_mut(folder).expect("a folder");
        found.files.insert(id.clone(), file);
        id
    }

    /// A mail program gives a file other flags.
    pub fn set_flags(&self, folder: &MailboxName, file: &LocalId, flags: &Flags) {
        let title = self.title(folder, file);
        self.note(&format!("flags {folder} {title} ({flags})"));
        let mut state = self.state.borrow_mut();
        let shown = state.scope.visible(flags);
        let found = state.disk.folders.get_mut(folder);
        if let Some(found) = found.and_then(|found| found.files.get_mut(file)) {
            found.flags = shown;
            found.fresh = false;
        }
    }

    /// A file is removed.
    pub fn delete(&self, folder: &MailboxName, file: &LocalId) {
        let gone = {
            let mut state = self.state.borrow_mut();
            let found = state.disk.folders.get_mut(folder);
            found.and_then(|found| found.files.remove(file))
        };
        let Some(gone) = gone else { return };
        self.note(&format!("delete {folder} {}", content::title(&gone.body)));
        self.account_for(&gone.body, folder);
    }

    fn account_for(&self, body: &Body, folder: &MailboxName) {
        let state = self.state.borrow();
        let mut files = state
            .disk
            .folders
            .values()
            .flat_map(|found| found.files.values());
        let last = !files.any(|file| file.body == *body);
        let from_trash = folder.as_str() == "Trash";
        self.ledger.deleted(body, Side::Local, last, from_trash);
    }

    /// A mail program moves a file to another folder; its name there.
    pub fn move_file(
        &self,
        from: &MailboxName,
        file: &LocalId,
        to: &MailboxName,
        name: NameOnMove,
    ) -> Option<LocalId> {
        self.note(&format!(
            "move {from} {} to {to} ({name:?})",
            self.title(from, file)
        ));
        let (fresh_id, rewritten) = self.fresh_file(&content::mail(0), &Flags::new());
        let mut state = self.state.borrow_mut();
        if !state.disk.folders.contains_key(to) {
            return None;
        }
        let mut moved = state.disk.folders.get_mut(from)?.files.remove(file)?;
        let id = if name == NameOnMove::Kept {
            file.clone()
        } else {
            fresh_id
        };
        if name == NameOnMove::Rewritten {
            let source = state.disk.folders.get(from);
            // A power cut kept both its old name in `tmp` and its new one: they are two files from now on.
            if source.is_some_and(|folder| folder.staged.contains_key(file)) {
                self.ledger.torn(&moved.body);
            }
            moved.inode = rewritten.inode;
            moved.mtime_ns = rewritten.mtime_ns;
        }
        state
            .disk
            .folders
            .get_mut(to)?
            .files
            .insert(id.clone(), moved);
        Some(id)
    }

    /// A mail program copies a file; the copy's name.
    pub fn copy_file(
        &self,
        from: &MailboxName,
        file: &LocalId,
        to: &MailboxName,
    ) -> Option<LocalId> {
        let found = self
            .state
            .borrow()
            .disk
            .folders
            .get(from)?
            .files
            .get(file)?
            .clone();
        let (id, mut copy) = self.fresh_file(&found.body, &found.flags);
        copy.flags = found.flags;
        let mut state = self.state.borrow_mut();
        state
            .disk
            .folders
            .get_mut(to)?
            .files
            .insert(id.clone(), copy);
        drop(state);
        self.note(&format!(
            "copy {from} {} to {to}",
            content::title(&found.body)
        ));
        self.ledger.born(&found.body, Side::Local);
        Some(id)
    }

    /// Somebody copies the first file with this content, name and all.
    pub fn copy_same_name(&self, from: &MailboxName, body: &Body, to: &MailboxName) {
        let Some(file) = self.find(from, body) else {
            return;
        };
        let Some(copy) = self.copy_file(from, &file, to) else {
            return;
        };
        self.change_folder(to, |folder| {
            if let Some(copied) = folder.files.remove(&copy) {
                folder.files.insert(file.clone(), copied);
            }
        });
    }

    /// Somebody edits a file in place: other octets, same name.
    pub fn edit(&self, folder: &MailboxName, file: &LocalId, body: &Body) {
        self.note(&format!("edit {folder} {}", self.title(folder, file)));
        let now = self.clock.nanos();
        let old = {
            let mut state = self.state.borrow_mut();
            let found = state.disk.folders.get_mut(folder);
            let Some(found) = found.and_then(|found| found.files.get_mut(file)) else {
                return;
            };
            found.mtime_ns = now;
            std::mem::replace(&mut found.body, Rc::clone(body))
        };
        self.account_for(&old, folder);
        self.ledger.born(body, Side::Local);
        self.ledger.edited(&old, body);
    }

    /// A folder is made by hand, without a marker.
    pub fn make_folder(&self, name: &MailboxName) {
        self.note(&format!("make folder {name}"));
        let mut state = self.state.borrow_mut();
        state.disk.folders.entry(name.clone()).or_default();
    }

    /// A folder and what is below it get another name.
    pub fn rename_by_hand(&self, from: &MailboxName, to: &MailboxName) {
        self.note(&format!("rename folder {from} to {to}"));
        server::rename_in(&mut self.state.borrow_mut().disk.folders, from, to);
    }

    /// A folder is removed with everything in it.
    pub fn remove_folder(&self, name: &MailboxName) {
        self.note(&format!("remove folder {name}"));
        let gone = self.state.borrow_mut().disk.folders.remove(name);
        for file in gone.into_iter().flat_map(|gone| gone.files.into_values()) {
            self.account_for(&file.body, name);
        }
    }

    /// A folder loses its marker.
    pub fn remove_marker(&self, name: &MailboxName) {
        self.note(&format!("remove marker of {name}"));
        self.change_folder(name, |folder| folder.marker = None);
    }

    /// Anything else that happens to a folder.
    pub fn change_folder(&self, name: &MailboxName, change: impl FnOnce(&mut SimFolder)) {
        let mut state = self.state.borrow_mut();
        if let Some(folder) = state.disk.folders.get_mut(name) {
            change(folder);
        }
    }

    /// The whole root goes.
    pub fn remove_root(&self) {
        self.note("remove root");
        self.state.borrow_mut().disk = Disk::default();
    }

    /// The disk is unmounted: an empty directory is where the root was.
    pub fn unmount(&self) {
        self.note("unmount");
        self.state.borrow_mut().mounted = false;
    }

    /// The disk is back.
    pub fn mount(&self) {
        self.note("mount");
        self.state.borrow_mut().mounted = true;
    }

    /// Whether something was written into the directory below the unmounted disk.
    #[must_use]
    pub fn mount_point_is_clean(&self) -> bool {
        let state = self.state.borrow();
        let Disk {
            marker,
            folders,
            trash,
            ..
        } = &state.mount_point;
        marker.is_none() && folders.is_empty() && trash.is_empty()
    }
}
