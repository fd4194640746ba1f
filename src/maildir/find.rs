//! Finding files by their unique name while mail programs rename them.

use std::collections::{HashMap, HashSet};

use rustix::io::Errno;

use super::error::Error;
use super::files::{FolderDirs, Place};
use super::name::{self, FileName};
use super::sys::Look;
use crate::engine::Reach;
use crate::mail::LocalId;

/// Up to here, likely names are tried before a whole folder is listed.
const FEW: usize = 16;
/// Up to here, the usual names are: new, and read.
const SOME: usize = 512;
const USUAL: [&[u8]; 2] = [b":2,S", b":2,"];
/// How often a file that was renamed meanwhile is looked for again.
const TRIES: usize = 5;

/// Where files are, as far as they have been looked for.
pub(super) struct Finder<'a> {
    folder: &'a FolderDirs,
    /// Who else is in the folder is of no interest.
    wanted: HashSet<Vec<u8>>,
    known: HashMap<Vec<u8>, Spot>,
}

/// Where a file is.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    /// In `cur` or `new`.
    pub place: Place,
    /// Under this name.
    pub name: Vec<u8>,
    /// How it looked when it was looked for under this name; `None` where it was found otherwise.
    look: Option<Look>,
}

impl Spot {
    /// How it looks, or looked a moment ago.
    pub fn look(&self, folder: &FolderDirs) -> Result<Look, Errno> {
        match self.look {
            Some(look) => Ok(look),
            None => folder.place(self.place).look(&self.name),
        }
    }
}

impl<'a> Finder<'a> {
    /// Looks for these files: each by its likely names when they are few, else with one listing.
    pub fn new(folder: &'a FolderDirs, wanted: &[&LocalId]) -> Result<Self, Error> {
        let mut finder = Self::unsought(folder, wanted);
        let guessed = if wanted.len() <= FEW {
            wanted.iter().all(|id| finder.guess(id))
        } else {
            wanted.len() <= SOME && wanted.iter().all(|id| finder.guess_usual(id))
        };
        if !guessed {
            finder.list()?;
        }
        Ok(finder)
    }

    /// The same for somebody who only wants to see them: names like those found before are tried first, so that it takes
    /// one look at most files. Of two with one unique name it may be either.
    pub fn glance(folder: &'a FolderDirs, wanted: &[&LocalId]) -> Result<Self, Error> {
        if wanted.len() > SOME {
            return Self::new(folder, wanted);
        }
        let mut finder = Self::unsought(folder, wanted);
        let mut likely = vec![(Place::New, Vec::new())];
        likely.extend(USUAL.map(|info| (Place::Cur, info.to_vec())));
        if !wanted.iter().all(|id| finder.guess_like(id, &mut likely)) {
            finder.list()?;
        }
        Ok(finder)
    }

    fn unsought(folder: &'a FolderDirs, wanted: &[&LocalId]) -> Self {
        Self {
            folder,
            wanted: wanted.iter().map(|id| id.as_bytes().to_vec()).collect(),
            known: HashMap::new(),
        }
    }

    /// Where a file was when it was looked for.
    pub fn spot(&self, id: &LocalId) -> Option<Spot> {
        self.known.get(id.as_bytes()).cloned()
    }

    /// Does something with a file under its name, looking again when the name turns out to be an old one.
    ///
    /// # Errors
    /// The file is gone, or `act` failed otherwise.
    pub fn with<T>(
        &mut self,
        id: &LocalId,
        mut act: impl FnMut(&FolderDirs, &Spot) -> Result<T, Refusal>,
    ) -> Result<T, Error> {
        let mut relisted = false;
        for _ in 0..TRIES {
            let Some(spot) = self.spot(id) else {
                if relisted {
                    break;
                }
                self.list()?;
                relisted = true;
                continue;
            };
            match act(self.folder, &spot) {
                Ok(done) => return Ok(done),
                Err(Refusal::Other(error)) => return Err(error),
                Err(Refusal::System(_, Errno::NOENT)) => {
                    self.known.remove(id.as_bytes());
                    relisted = false;
                    if self.guess(id) {
                        continue;
                    }
                }
                Err(Refusal::System(_, Errno::EXIST)) => return Err(Error::Taken(id.clone())),
                Err(Refusal::System(act, errno)) => {
                    let dir = self.folder.place(spot.place);
                    return Err(dir.error(act, &spot.name, Reach::Message, errno));
                }
            }
        }
        Err(Error::Gone(id.clone()))
    }

    /// Remembers that a file has been renamed by us.
    pub fn moved(&mut self, id: &LocalId, place: Place, name: Vec<u8>) {
        let look = None;
        let spot = Spot { place, name, look };
        self.known.insert(id.as_bytes().to_vec(), spot);
    }

    fn guess(&mut self, id: &LocalId) -> bool {
        let plain = id.as_bytes().to_vec();
        let with_info = name::likely_infos().map(|info| [id.as_bytes(), &info].concat());
        let in_cur = with_info.map(|name| (Place::Cur, name));
        self.first_of(id, std::iter::once((Place::New, plain)).chain(in_cur))
    }

    fn guess_usual(&mut self, id: &LocalId) -> bool {
        let in_cur = USUAL.map(|info| (Place::Cur, [id.as_bytes(), info].concat()));
        let plain = id.as_bytes().to_vec();
        self.first_of(id, std::iter::once((Place::New, plain)).chain(in_cur))
    }

    /// Tries what follows the unique part in `likely`, then anything; what it was is the first to be tried next.
    fn guess_like(&mut self, id: &LocalId, likely: &mut Vec<(Place, Vec<u8>)>) -> bool {
        let at = likely.iter().position(|(place, info)| {
            let name = [id.as_bytes(), info].concat();
            self.first_of(id, std::iter::once((*place, name)))
        });
        if let Some(tried) = at.and_then(|at| likely.get_mut(..=at)) {
            tried.rotate_right(1);
            return true;
        }
        let found = self.guess(id);
        if let Some(spot) = self.spot(id) {
            let info = spot.name.get(id.as_bytes().len()..).unwrap_or_default();
            likely.insert(0, (spot.place, info.to_vec()));
        }
        found
    }

    fn first_of(
        &mut self,
        id: &LocalId,
        candidates: impl Iterator<Item = (Place, Vec<u8>)>,
    ) -> bool {
        for (place, name) in candidates {
            if let Ok(look) = self.folder.place(place).look(&name) {
                let look = Some(look);
                let spot = Spot { place, name, look };
                self.known.insert(id.as_bytes().to_vec(), spot);
                return true;
            }
        }
        false
    }

    fn list(&mut self) -> Result<(), Error> {
        self.known.clear();
        for place in [Place::New, Place::Cur] {
            self.folder.place(place).entries(|entry| {
                let parsed = FileName::parse(entry.name);
                if let Some(parsed) = parsed.filter(|it| self.wanted.contains(it.unique)) {
                    // Of two with the same unique name the first one counts, as in a scan.
                    let known = self.known.entry(parsed.unique.to_vec());
                    known.or_insert_with(|| Spot {
                        place,
                        name: entry.name.to_vec(),
                        look: None,
                    });
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// Why something could not be done with a file.
pub(super) enum Refusal {
    /// The system said no while doing this (a verb).
    System(&'static str, Errno),
    /// Anything else.
    Other(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}
