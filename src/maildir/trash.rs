//! The local trash: `<root>/.mailferry-trash/<day>/<folder>/<file>`. Nothing is deleted here before its time.

use rustix::fs::FileType;
use rustix::io::Errno;

use super::error::Error;
use super::find::{Finder, Refusal, Spot};
use super::name::{self, FileName};
use super::publish::Touched;
use super::relabel::move_file;
use super::sys::Dir;
use super::{Core, now};
use crate::engine::Reach;
use crate::mail::{Flags, LocalId, MailboxName};
use crate::sync::FileStamp;

/// The trash's directory in the root.
pub(super) const TRASH: &str = ".mailferry-trash";
/// Files in `tmp/` are given up after so many seconds, as Maildir's inventor has it.
const STALE: i64 = 36 * 3600;
/// Deeper than anything in the trash.
const DEEPEST: usize = 110;

impl Core {
    pub(super) fn trash(
        &self,
        mailbox: &MailboxName,
        files: &[(LocalId, FileStamp)],
        day: &str,
    ) -> Result<Vec<Result<Vec<u8>, Error>>, Error> {
        let folder = self.folder(mailbox)?;
        let target = self.trash_dir(mailbox, day)?;
        let base = self.trash_path(mailbox, day)?;
        let wanted: Vec<&LocalId> = files.iter().map(|(id, _)| id).collect();
        let mut finder = Finder::new(&folder, &wanted)?;
        let mut touched = Touched::default();
        let mut results = Vec::with_capacity(files.len());
        for (id, stamp) in files {
            let moved = finder.with(id, |folder, spot| {
                let dir = folder.place(spot.place);
                let name = self.trash_one(dir, spot, id, *stamp, &target)?;
                Ok((spot.place, name))
            });
            results.push(moved.map(|(place, name)| {
                touched.add(place);
                [base.as_bytes(), b"/", &name].concat()
            }));
        }
        target.sync()?;
        touched.sync(&folder)?;
        Ok(results)
    }

    /// Syncs the trash of these days, then the folder: a power cut in between shows a file twice, not never.
    pub(super) fn settle(&self, mailbox: &MailboxName, days: &[String]) -> Result<(), Error> {
        for day in days {
            let mut dir = Some(self.root_dir()?);
            for part in self.trash_path(mailbox, day)?.split('/') {
                dir = match dir {
                    Some(dir) => dir.find(part.as_bytes())?,
                    None => None,
                };
            }
            if let Some(dir) = dir {
                dir.sync()?;
            }
        }
        let folder = self.folder(mailbox)?;
        folder.cur.sync()?;
        folder.new.sync()
    }

    fn trash_one(
        &self,
        dir: &Dir,
        spot: &Spot,
        id: &LocalId,
        stamp: FileStamp,
        target: &Dir,
    ) -> Result<Vec<u8>, Refusal> {
        let look = dir
            .look(&spot.name)
            .map_err(|errno| Refusal::System("look at", errno))?;
        if look.stamp.may_be_edited(&stamp) || look.kind != FileType::RegularFile {
            return Err(Error::Changed(id.clone()).into());
        }
        match move_file(dir, &spot.name, target, &spot.name) {
            Ok(()) => Ok(spot.name.clone()),
            Err(Refusal::System(_, Errno::EXIST)) => {
                // A file of this name was deleted on the same day.
                let info = spot.name.get(id.as_bytes().len()..).unwrap_or_default();
                let name = [self.fresh_id()?.as_bytes(), info].concat();
                move_file(dir, &spot.name, target, &name)?;
                Ok(name)
            }
            Err(refusal) => Err(refusal),
        }
    }

    pub(super) fn untrash(
        &self,
        path: &[u8],
        to: &MailboxName,
        flags: &Flags,
    ) -> Result<LocalId, Error> {
        let not_in_trash = || Error::NotInTrash(path.escape_ascii().to_string());
        let parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        let sound = |part: &&[u8]| !matches!(*part, b"" | b"." | b"..") && !part.contains(&0);
        let inside = parts.len() >= 3 && parts.first() == Some(&TRASH.as_bytes());
        if !inside || !parts.iter().all(sound) {
            return Err(not_in_trash());
        }
        let (name, above) = parts.split_last().ok_or_else(not_in_trash)?;
        let mut dir = self.root_dir()?;
        for part in above {
            dir = dir.open(part)?;
        }
        let folder = self.folder(to)?;
        let parsed = FileName::parse(name).ok_or_else(not_in_trash)?;
        let mut id = parsed.id().ok_or_else(not_in_trash)?;
        if Finder::new(&folder, &[&id])?.spot(&id).is_some() {
            id = self.fresh_id()?;
        }
        let letters = name::letters_of(flags, &folder.keywords()?);
        let target = name::in_cur(&id, &letters);
        match move_file(&dir, name, &folder.cur, &target) {
            Ok(()) => {}
            Err(Refusal::Other(error)) => return Err(error),
            Err(Refusal::System(_, Errno::NOENT)) => return Err(Error::Gone(id)),
            Err(Refusal::System(_, Errno::EXIST)) => return Err(Error::Taken(id)),
            Err(Refusal::System(act, errno)) => {
                return Err(dir.error(act, name, Reach::Message, errno));
            }
        }
        folder.cur.sync()?;
        dir.sync()?;
        Ok(id)
    }

    pub(super) fn sweep(&self, day: &str) -> Result<(), Error> {
        check_day(day)?;
        let root = self.root_dir()?;
        if let Some(trash) = root.find(TRASH.as_bytes())? {
            let mut old = Vec::new();
            trash.entries(|entry| {
                let name = std::str::from_utf8(entry.name).unwrap_or_default();
                if check_day(name).is_ok() && name < day {
                    old.push(entry.name.to_vec());
                }
                Ok(())
            })?;
            for name in old {
                remove_tree(&trash, &name, 0)?;
            }
        }
        for folder in self.list_folders()? {
            if let Some(dir) = self.find_dir(&folder.name)?
                && let Some(tmp) = dir.find(b"tmp")?
            {
                sweep_tmp(&tmp)?;
            }
        }
        Ok(())
    }

    /// The trash's directory for a folder on a day, made if need be.
    pub(super) fn trash_dir(&self, mailbox: &MailboxName, day: &str) -> Result<Dir, Error> {
        let mut dir = self.root_dir()?;
        for part in self.trash_path(mailbox, day)?.split('/') {
            dir = dir.make(part.as_bytes())?;
        }
        Ok(dir)
    }

    fn trash_path(&self, mailbox: &MailboxName, day: &str) -> Result<String, Error> {
        check_day(day)?;
        let mut path = self.path_to(mailbox)?;
        if path.is_empty() {
            path.push(mailbox.as_str().to_owned());
        }
        Ok(format!("{TRASH}/{day}/{}", path.join("/")))
    }
}

/// Moves everything of a folder but the folders below it.
pub(super) fn move_contents(dir: &Dir, target: &Dir) -> Result<(), Error> {
    let mut names = Vec::new();
    dir.entries(|entry| {
        let part = matches!(entry.name, b"cur" | b"new" | b"tmp");
        if part || !matches!(dir.kind(entry), Ok(FileType::Directory)) {
            names.push(entry.name.to_vec());
        }
        Ok(())
    })?;
    for name in names {
        dir.rename(&name, target, &name)
            .map_err(|errno| dir.error("move", &name, Reach::Mailbox, errno))?;
    }
    Ok(())
}

/// `YYYY-MM-DD`, as far as digits and dashes go: it becomes the name of a directory.
fn check_day(day: &str) -> Result<(), Error> {
    let sound = day.len() == 10
        && day.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if sound {
        Ok(())
    } else {
        Err(Error::NotADay(day.escape_debug().to_string()))
    }
}

/// Removes a directory with everything in it, never through a symlink.
fn remove_tree(parent: &Dir, name: &[u8], depth: usize) -> Result<(), Error> {
    let failed = |errno| parent.error("remove", name, Reach::Account, errno);
    if depth > DEEPEST {
        return Err(failed(Errno::LOOP));
    }
    match parent.look(name).map_err(failed)?.kind {
        FileType::Directory => {}
        _ => return parent.remove(name).map_err(failed),
    }
    let dir = parent.open(name)?;
    let mut names = Vec::new();
    dir.entries(|entry| {
        names.push(entry.name.to_vec());
        Ok(())
    })?;
    for inner in names {
        remove_tree(&dir, &inner, depth + 1)?;
    }
    parent.remove_dir(name).map_err(failed)
}

/// Removes files of ours that a crash left behind. Their mtime is the date of their mail, so their name and their
/// ctime say how old they are.
fn sweep_tmp(tmp: &Dir) -> Result<(), Error> {
    let limit = now() - STALE;
    let mut stale = Vec::new();
    tmp.entries(|entry| {
        let old = match name::own_seconds(entry.name) {
            Some(seconds) => i64::try_from(seconds).is_ok_and(|seconds| seconds < limit),
            None => name::is_temporary(entry.name),
        };
        if old
            && tmp
                .look(entry.name)
                .is_ok_and(|look| look.ctime_ns / 1_000_000_000 < limit)
        {
            stale.push(entry.name.to_vec());
        }
        Ok(())
    })?;
    for name in stale {
        // Whatever keeps one of them here, it does no harm.
        let _ = tmp.remove(&name);
    }
    Ok(())
}
