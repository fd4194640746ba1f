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
use super::find::{Finder, Refusal, Spot};
use super::keywords::Keywords;
use super::name::{self, FileName};
use super::publish::{Touched, publish_one};
use super::sys;
use crate::engine::Reach;
use crate::engine::ports::{Looked, Seen};
use crate::mail::{Flags, LocalId, MailboxName};

impl Core {
    pub(super) fn look(&self, mailbox: &MailboxName, files: &[LocalId]) -> Result<Looked, Error> {
        let folder = self.folder(mailbox)?;
        let keywords = folder.keywords()?;
        let wanted: Vec<&LocalId> = files.iter().collect();
        let finder = Finder::glance(&folder, &wanted)?;
        let seen = files.iter().map(|id| {
            let spot = finder.spot(id)?;
            let dir = folder.place(spot.place);
            let look = spot.look(&folder).ok();
            let look = look.filter(|look| look.kind == FileType::RegularFile)?;
            let path = dir.path_of(&spot.name);
            Some(Seen {
                stamp: look.stamp,
                flags: FileName::parse(&spot.name)?.flags(&keywords),
                path: PathBuf::from(OsString::from_vec(path)),
            })
        });
        Ok(Looked {
            files: seen.collect(),
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
