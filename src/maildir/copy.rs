//! Where files are at this moment, and copies of them in other folders.

use std::ffi::OsString;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::Core;
use super::error::Error;
use super::files::{FolderDirs, Place};
use super::find::{Finder, Glance, Refusal, Spot};
use super::keywords::Keywords;
use super::name::{self, FileName};
use super::publish::{Touched, publish_one};
use super::sys::{self, Look};
use crate::engine::Reach;
use crate::engine::ports::{Looked, Seen};
use crate::mail::{Flags, LocalId, MailboxName};

impl Core {
    pub(super) fn look(&self, mailbox: &MailboxName, files: &[LocalId]) -> Result<Looked, Error> {
        let folder = self.folder(mailbox)?;
        let keywords = folder.keywords()?;
        let mut glance = Glance::at(&folder, files.len());
        let seen = |id: &LocalId, place: Place, name: &[u8], look: Look| {
            let plain = look.kind == FileType::RegularFile;
            let flags = FileName::parse(name).filter(|_| plain)?.flags(&keywords);
            Some(Seen {
                stamp: look.stamp,
                flags,
                path: PathBuf::from(OsString::from_vec(folder.place(place).path_of(name))),
                header: self.heads.take(id, &look.stamp),
            })
        };
        let mut found: Vec<Option<Seen>> = Vec::with_capacity(files.len());
        let mut missed = Vec::new();
        for (at, id) in files.iter().enumerate() {
            match glance.find(id) {
                Some((place, name, look)) => found.push(seen(id, place, name, look)),
                None => {
                    missed.push((at, id));
                    found.push(None);
                }
            }
        }
        let wanted: Vec<&LocalId> = missed.iter().map(|(_, id)| *id).collect();
        let finder = Finder::listed(&folder, &wanted)?;
        for (at, id) in missed {
            if let Some(spot) = finder.spot(id)
                && let Ok(look) = spot.look(&folder)
                && let Some(entry) = found.get_mut(at)
            {
                *entry = seen(id, spot.place, &spot.name, look);
            }
        }
        Ok(Looked {
            files: found,
            scope: keywords.scope(),
        })
    }

    pub(super) fn copy(
        &self,
        from: &MailboxName,
        to: &MailboxName,
        files: &[(LocalId, Flags, u128)],
    ) -> Result<Vec<Result<LocalId, Error>>, Error> {
        let (source, target) = (self.folder(from)?, self.folder(to)?);
        let keywords = target.keywords()?;
        let wanted: Vec<&LocalId> = files.iter().map(|(id, _, _)| id).collect();
        let mut finder = Finder::new(&source, &wanted)?;
        let mut touched = Touched::default();
        let mut results = Vec::with_capacity(files.len());
        for (id, flags, number) in files {
            let copied = finder.with(id, |source, spot| {
                self.copy_one(source, spot, &target, &keywords, (flags, *number))
            });
            results.push(copied.map(|(copy, place)| {
                if let Some(place) = place {
                    touched.add(place);
                }
                copy
            }));
        }
        touched.sync(&target)?;
        Ok(results)
    }

    /// Copies one file; where to, unless it was there already.
    fn copy_one(
        &self,
        source: &FolderDirs,
        spot: &Spot,
        target: &FolderDirs,
        keywords: &Keywords,
        (flags, number): (&Flags, u128),
    ) -> Result<(LocalId, Option<Place>), Refusal> {
        let system = |act| move |errno| Refusal::System(act, errno);
        let dir = source.place(spot.place);
        let mut file = dir.open_file(&spot.name).map_err(system("open"))?;
        let look = sys::look_at(file.as_fd()).map_err(system("look at"))?;
        if look.kind != FileType::RegularFile {
            return Err(Refusal::System("copy", Errno::INVAL));
        }
        let seconds = u64::try_from(look.stamp.mtime_ns / 1_000_000_000).unwrap_or(0);
        let id = name::own_name(seconds, number, &self.host).ok_or(Error::Worker)?;
        if Finder::new(target, &[&id])?.spot(&id).is_some() {
            return Ok((id, None));
        }
        // One that an interrupted try left behind.
        let _ = target.tmp.remove(id.as_bytes());
        let mut staged = target.tmp.create_file(id.as_bytes())?;
        let written = std::io::copy(&mut file, &mut staged)
            .and_then(|_| Ok(sys::set_date_ns(&staged, look.stamp.mtime_ns)?))
            .and_then(|()| staged.sync_all());
        let path = dir.path_of(&spot.name);
        let published = written
            .map_err(|error| Error::io("copy", &path, Reach::Message, error))
            .and_then(|()| publish_one(target, keywords, &id, flags));
        match published {
            Ok(place) => Ok((id, Some(place))),
            Err(error) => {
                let _ = target.tmp.remove(id.as_bytes());
                Err(error.into())
            }
        }
    }
}
