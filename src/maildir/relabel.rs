//! Renaming files: other flags, another folder.

use std::io::Write;
use std::os::fd::AsFd;

use rustix::io::Errno;

use super::Core;
use super::error::Error;
use super::files::{FolderDirs, Place};
use super::find::{Finder, Refusal, Spot};
use super::keywords::Keywords;
use super::name::{self, FileName};
use super::publish::Touched;
use super::sys::{self, Dir};
use crate::engine::Reach;
use crate::mail::{Flags, LocalId, MailboxName};

impl Core {
    pub(super) fn relabel(
        &self,
        mailbox: &MailboxName,
        files: &[(LocalId, Flags)],
    ) -> Result<Vec<Result<(), Error>>, Error> {
        let folder = self.folder(mailbox)?;
        let keywords = folder.keywords()?;
        let wanted: Vec<&LocalId> = files.iter().map(|(id, _)| id).collect();
        let mut finder = Finder::new(&folder, &wanted)?;
        let mut touched = Touched::default();
        let mut results = Vec::with_capacity(files.len());
        for (id, flags) in files {
            let renamed = finder.with(id, |folder, spot| {
                relabel_one(folder, &keywords, spot, flags)
            });
            results.push(renamed.map(|renamed| {
                if let Some((from, name)) = renamed {
                    touched.add(from);
                    touched.add(Place::Cur);
                    finder.moved(id, Place::Cur, name);
                }
            }));
        }
        touched.sync(&folder)?;
        Ok(results)
    }

    pub(super) fn relocate(
        &self,
        from: &MailboxName,
        to: &MailboxName,
        files: &[(LocalId, Flags)],
    ) -> Result<Vec<Result<(), Error>>, Error> {
        let (source, target) = (self.folder(from)?, self.folder(to)?);
        let (here, there) = (source.keywords()?, target.keywords()?);
        let wanted: Vec<&LocalId> = files.iter().map(|(id, _)| id).collect();
        let mut finder = Finder::new(&source, &wanted)?;
        let taken = Finder::new(&target, &wanted)?;
        let (mut left, mut reached) = (Touched::default(), Touched::default());
        let mut results = Vec::with_capacity(files.len());
        for (id, flags) in files {
            let moved = finder.with(id, |source, spot| {
                let (place, name) = name_after_move(spot, flags, &here, &there)?;
                let dir = source.place(spot.place);
                if let Some(other) = taken.spot(id) {
                    let other_dir = target.place(other.place);
                    // The same unique part with another info would be two messages of one name.
                    if !is_half_moved(dir, spot, other_dir, &other) {
                        return Err(Error::Taken(id.clone()).into());
                    }
                    if (other.place, &other.name) != (place, &name) {
                        move_file(other_dir, &other.name, target.place(place), &name)?;
                        reached.add(other.place);
                    }
                }
                move_file(dir, &spot.name, target.place(place), &name)?;
                Ok((spot.place, place))
            });
            results.push(moved.map(|(from, to)| {
                left.add(from);
                reached.add(to);
            }));
        }
        // First where it is, then where it is no more: a crash in between shows it twice, not never.
        reached.sync(&target)?;
        left.sync(&source)?;
        Ok(results)
    }
}

/// Whether an earlier move was cut off and has left the file in both folders.
fn is_half_moved(dir: &Dir, spot: &Spot, other_dir: &Dir, other: &Spot) -> bool {
    let same = dir.is_linked(&spot.name, other_dir, &other.name);
    // A name that is an old one by now proves nothing.
    same.unwrap_or(false)
}

/// Renames one file; `None` if it has that name already.
fn relabel_one(
    folder: &FolderDirs,
    keywords: &Keywords,
    spot: &Spot,
    flags: &Flags,
) -> Result<Option<(Place, Vec<u8>)>, Refusal> {
    let parsed =
        FileName::parse(&spot.name).ok_or(Refusal::System("read the name of", Errno::INVAL))?;
    let name = parsed.relabelled(flags, keywords);
    let letters = |flags: &Flags| name::letters_of(flags, keywords);
    let same_flags = letters(&parsed.flags(keywords)) == letters(flags);
    // A file nobody has looked at stays in `new` while it has no letters.
    if same_flags && (spot.place == Place::Cur || parsed.letters.is_empty()) {
        return match folder.place(spot.place).look(&spot.name) {
            Ok(_) => Ok(None),
            Err(errno) => Err(Refusal::System("look at", errno)),
        };
    }
    folder
        .place(spot.place)
        .rename(&spot.name, &folder.cur, &name)
        .map_err(|errno| Refusal::System("rename", errno))?;
    Ok(Some((spot.place, name)))
}

fn name_after_move(
    spot: &Spot,
    flags: &Flags,
    here: &Keywords,
    there: &Keywords,
) -> Result<(Place, Vec<u8>), Refusal> {
    let parsed =
        FileName::parse(&spot.name).ok_or(Refusal::System("read the name of", Errno::INVAL))?;
    let name = parsed.moved(flags, here, there);
    let unseen = spot.place == Place::New && name.ends_with(b":2,");
    Ok(if unseen {
        (Place::New, parsed.unique.to_vec())
    } else {
        (Place::Cur, name)
    })
}

/// Moves a file, by way of a copy when the two directories are on different file systems.
pub(super) fn move_file(
    from_dir: &Dir,
    from: &[u8],
    to_dir: &Dir,
    to: &[u8],
) -> Result<(), Refusal> {
    match from_dir.rename(from, to_dir, to) {
        Err(Errno::XDEV) => copy_over(from_dir, from, to_dir, to),
        other => other.map_err(|errno| Refusal::System("move", errno)),
    }
}

fn copy_over(from_dir: &Dir, from: &[u8], to_dir: &Dir, to: &[u8]) -> Result<(), Refusal> {
    let system = |act| move |errno| Refusal::System(act, errno);
    let mut source = from_dir.open_file(from).map_err(system("open"))?;
    let before = sys::look_at(source.as_fd()).map_err(system("look at"))?;
    let temporary = name::temporary(super::random()?);
    let mut target = to_dir.create_file(&temporary)?;
    let copied = std::io::copy(&mut source, &mut target)
        .and_then(|_| target.flush())
        .and_then(|()| Ok(sys::set_date_ns(&target, before.stamp.mtime_ns)?))
        .and_then(|()| target.sync_all())
        .map_err(|error| Error::io("copy", &to_dir.path_of(to), Reach::Message, error).into())
        .and_then(|()| {
            to_dir
                .rename(&temporary, to_dir, to)
                .map_err(system("move"))
        });
    if let Err(refusal) = copied {
        let _ = to_dir.remove(&temporary);
        return Err(refusal);
    }
    to_dir.sync()?;
    from_dir.remove(from).map_err(system("remove"))
}
