//! Giving staged messages their names, and taking back those that will not get one.

use std::collections::BTreeSet;

use rustix::io::Errno;

use super::Core;
use super::error::Error;
use super::files::{FolderDirs, Place};
use super::keywords::Keywords;
use super::name;
use crate::engine::Reach;
use crate::mail::{Flags, LocalId, MailboxName};

impl Core {
    pub(super) fn publish(
        &self,
        mailbox: &MailboxName,
        files: &[(LocalId, Flags)],
    ) -> Result<Vec<Result<(), Error>>, Error> {
        let folder = self.folder(mailbox)?;
        let keywords = folder.keywords()?;
        let mut touched = Touched::default();
        let results = files
            .iter()
            .map(|(id, flags)| {
                let place = publish_one(&folder, &keywords, id, flags)?;
                touched.add(place);
                Ok(())
            })
            .collect();
        touched.sync(&folder)?;
        Ok(results)
    }

    pub(super) fn staged(
        &self,
        mailbox: &MailboxName,
        files: &[LocalId],
    ) -> Result<BTreeSet<LocalId>, Error> {
        let Some(tmp) = self.dir_of(mailbox)?.find(b"tmp")? else {
            return Ok(BTreeSet::new());
        };
        let mut staged = BTreeSet::new();
        for id in files {
            match tmp.look(id.as_bytes()) {
                Ok(_) => {
                    staged.insert(id.clone());
                }
                Err(Errno::NOENT) => {}
                Err(errno) => {
                    return Err(tmp.error("look at", id.as_bytes(), Reach::Mailbox, errno));
                }
            }
        }
        Ok(staged)
    }

    pub(super) fn discard(&self, mailbox: &MailboxName, files: &[LocalId]) -> Result<(), Error> {
        let tmp = self.dir_of(mailbox)?.open(b"tmp")?;
        for id in files {
            match tmp.remove(id.as_bytes()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(errno) => {
                    return Err(tmp.error("remove", id.as_bytes(), Reach::Message, errno));
                }
            }
        }
        Ok(())
    }
}

/// New mail without any letter goes to `new` and has no info; everything else goes to `cur`.
pub(super) fn publish_one(
    folder: &FolderDirs,
    keywords: &Keywords,
    id: &LocalId,
    flags: &Flags,
) -> Result<Place, Error> {
    let letters = name::letters_of(flags, keywords);
    let (place, name) = if letters.is_empty() {
        (Place::New, id.as_bytes().to_vec())
    } else {
        (Place::Cur, name::in_cur(id, &letters))
    };
    match folder.tmp.rename(id.as_bytes(), folder.place(place), &name) {
        Ok(()) => Ok(place),
        Err(Errno::EXIST) => Err(Error::Taken(id.clone())),
        Err(Errno::NOENT) => Err(Error::Gone(id.clone())),
        Err(errno) => Err(folder
            .tmp
            .error("publish", id.as_bytes(), Reach::Message, errno)),
    }
}

/// Which of a folder's directories have to be synced.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Touched {
    cur: bool,
    new: bool,
}

impl Touched {
    /// One more entry came or went there.
    pub fn add(&mut self, place: Place) {
        match place {
            Place::Cur => self.cur = true,
            Place::New => self.new = true,
        }
    }

    /// Makes it durable.
    pub fn sync(self, folder: &FolderDirs) -> Result<(), Error> {
        if self.cur {
            folder.cur.sync()?;
        }
        if self.new {
            folder.new.sync()?;
        }
        Ok(())
    }
}
