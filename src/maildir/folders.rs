//! The root and the folders below it: finding, making, renaming, retiring.

use rustix::fs::FileType;
use rustix::io::Errno;

use super::Core;
use super::error::Error;
use super::layout::Layout;
use super::links::Listing;
use super::marker::{self, Marks};
use super::sys::{self, Dir, means_absent};
use super::trash;
use crate::engine::Reach;
use crate::engine::ports::{Folder, Marker, Root};
use crate::mail::MailboxName;

/// What a directory's own listing says of it.
#[derive(Default)]
pub(super) struct Contents {
    /// Whether it has `cur`.
    pub cur: bool,
    /// Whether it has `new`.
    pub new: bool,
    tmp: bool,
    /// Its other directories, hidden ones included.
    pub directories: Vec<String>,
    /// Its symbolic links, wherever they lead.
    pub links: Vec<String>,
}

impl Contents {
    pub(super) fn of(dir: &Dir) -> Result<Self, Error> {
        let mut contents = Self::default();
        dir.entries(|entry| {
            match dir.kind(entry) {
                Ok(FileType::Directory) => {}
                Ok(FileType::Symlink) => {
                    let name = std::str::from_utf8(entry.name).ok();
                    contents.links.extend(name.map(str::to_owned));
                    return Ok(());
                }
                _ => return Ok(()),
            }
            match entry.name {
                b"cur" => contents.cur = true,
                b"new" => contents.new = true,
                b"tmp" => contents.tmp = true,
                // A name that is no UTF-8 is no mailbox's.
                name => {
                    let name = std::str::from_utf8(name).ok();
                    contents.directories.extend(name.map(str::to_owned));
                }
            }
            Ok(())
        })?;
        Ok(contents)
    }

    pub(super) fn is_maildir(&self) -> bool {
        self.cur && self.new && self.tmp
    }
}

impl Core {
    /// What every pass begins with.
    pub(super) fn look_at_root(&self) -> Result<Root, Error> {
        self.heads.forget_old();
        let dir = match self.root_dir() {
            Err(error) if means_absent(&error) => return Ok(Root::Missing),
            other => other?,
        };
        if let Some(marker) = marker::read(&dir)?.own {
            return Ok(Root::Marked(marker));
        }
        let mut empty = true;
        dir.entries(|_| {
            empty = false;
            Ok(())
        })?;
        Ok(Root::Unmarked { empty })
    }

    pub(super) fn mark_root(&self, marker: Marker) -> Result<(), Error> {
        let dir = sys::make_all(&self.root)?;
        let inbox = marker::read(&dir)?.inbox;
        let own = Some(marker);
        let of_inbox = self.dir_of(&MailboxName::inbox());
        let tmp = of_inbox.ok().and_then(|dir| dir.find(b"tmp").ok()?);
        marker::write(&dir, tmp.as_ref(), &Marks { own, inbox })
    }

    /// All folders below the root. What was decided about links holds until the next listing.
    pub(super) fn list_folders(&self) -> Result<Vec<Folder>, Error> {
        let root = self.root_dir()?;
        let mut listing = Listing::new(self, &root)?;
        listing.walk(&root, &mut Vec::new(), false)?;
        listing.follow_links()?;
        Ok(listing.finish())
    }

    /// The folder that a directory is, if it is one.
    pub(super) fn take_folder(
        &self,
        dir: &Dir,
        contents: &Contents,
        path: &[String],
    ) -> Result<Option<Folder>, Error> {
        let Some(name) = self.mailbox_at(path) else {
            return Ok(None);
        };
        let marks = marker::read(dir)?;
        let marker = if path.is_empty() {
            marks.inbox
        } else {
            marks.own
        };
        let is_folder = contents.is_maildir() || marker.is_some();
        Ok(is_folder.then_some(Folder { name, marker }))
    }

    pub(super) fn create_folder(&self, name: &MailboxName, marker: Marker) -> Result<(), Error> {
        let path = self.path_to(name)?;
        let is_root = path.is_empty();
        let mut dir = self.root_dir()?;
        for depth in 1..=path.len() {
            let so_far = path.get(..depth).unwrap_or_default();
            let name = so_far.last().map(String::as_bytes).unwrap_or_default();
            dir = match self.enter(&dir, so_far) {
                Err(error) if means_absent(&error) => dir.make(name)?,
                other => other?,
            };
        }
        for part in [&b"new"[..], b"cur"] {
            dir.make(part)?;
        }
        let tmp = dir.make(b"tmp")?;
        let old = marker::read(&dir)?;
        let mut marks = old.clone();
        if is_root {
            marks.inbox = Some(marker);
        } else {
            marks.own = Some(marker);
        }
        if marks == old {
            return Ok(());
        }
        marker::write(&dir, Some(&tmp), &marks)
    }

    pub(super) fn rename_folder(&self, from: &MailboxName, to: &MailboxName) -> Result<(), Error> {
        let (old, new) = (self.path_to(from)?, self.path_to(to)?);
        let (Some((old, old_parents)), Some((new, new_parents))) =
            (old.split_last(), new.split_last())
        else {
            return Err(Error::IsRoot(MailboxName::inbox()));
        };
        if self.layout == Layout::MaildirPlusPlus {
            return self.rename_flat(old, new, to);
        }
        let source = self.open_path(old_parents)?;
        let mut target = self.root_dir()?;
        for depth in 1..=new_parents.len() {
            let so_far = new_parents.get(..depth).unwrap_or_default();
            let name = so_far.last().map(String::as_bytes).unwrap_or_default();
            target = match self.enter(&target, so_far) {
                Err(error) if means_absent(&error) => target.make(name)?,
                other => other?,
            };
        }
        match source.rename(old.as_bytes(), &target, new.as_bytes()) {
            Ok(()) => {}
            Err(Errno::EXIST | Errno::NOTEMPTY) => return Err(Error::FolderExists(to.clone())),
            Err(errno) => {
                return Err(source.error("rename", old.as_bytes(), Reach::Mailbox, errno));
            }
        }
        target.sync()?;
        source.sync()
    }

    /// Maildir++: the folder and each folder below it, none of them over another one.
    fn rename_flat(&self, old: &str, new: &str, to: &MailboxName) -> Result<(), Error> {
        let root = self.root_dir()?;
        let names = Contents::of(&root)?.directories;
        let renamed = |name: &str| {
            let rest = name.strip_prefix(old)?;
            (rest.is_empty() || rest.starts_with('.')).then(|| format!("{new}{rest}"))
        };
        let pairs: Vec<(&String, String)> = names
            .iter()
            .filter_map(|name| Some((name, renamed(name)?)))
            .collect();
        if pairs.iter().any(|(_, target)| names.contains(target)) {
            return Err(Error::FolderExists(to.clone()));
        }
        if pairs.is_empty() {
            return Err(root.error("rename", old.as_bytes(), Reach::Mailbox, Errno::NOENT));
        }
        for (name, target) in pairs {
            root.rename(name.as_bytes(), &root, target.as_bytes())
                .map_err(|errno| root.error("rename", name.as_bytes(), Reach::Mailbox, errno))?;
        }
        root.sync()
    }

    pub(super) fn retire_folder(&self, name: &MailboxName, day: &str) -> Result<(), Error> {
        let path = self.path_to(name)?;
        let Some((last, parents)) = path.split_last() else {
            return Err(Error::IsRoot(name.clone()));
        };
        let Some(dir) = self.find_dir(name)? else {
            return Ok(());
        };
        if has_mail(&dir)? {
            return Err(Error::NotEmpty(name.clone()));
        }
        let mut target = self.trash_dir(name, day)?;
        if target.look(b"cur").is_ok() || target.look(marker::FILE).is_ok() {
            target = target.make(self.fresh_id()?.as_bytes())?;
        }
        trash::move_contents(&dir, &target)?;
        if has_mail(&target)? {
            // Somebody put a message into it at the last moment.
            trash::move_contents(&target, &dir)?;
            dir.sync()?;
            return Err(Error::NotEmpty(name.clone()));
        }
        target.sync()?;
        dir.sync()?;
        let parent = self.open_path(parents)?;
        match parent.remove_dir(last.as_bytes()) {
            Ok(()) => parent.sync(),
            // Folders below it, or something that is not ours.
            Err(_) => Ok(()),
        }
    }
}

/// Whether a folder may hold messages.
fn has_mail(dir: &Dir) -> Result<bool, Error> {
    for part in [&b"cur"[..], b"new"] {
        if let Some(inner) = dir.find(part)?
            && has_files(&inner)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether anything at all lies in a directory that could be mail.
fn has_files(dir: &Dir) -> Result<bool, Error> {
    let mut any = false;
    dir.entries(|entry| {
        any |= !entry.name.starts_with(b".");
        Ok(())
    })?;
    Ok(any)
}
