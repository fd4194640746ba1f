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

    /// Lists the folder for these files, if there are any.
    pub fn listed(folder: &'a FolderDirs, wanted: &[&LocalId]) -> Result<Self, Error> {
        let mut finder = Self::unsought(folder, wanted);
        if !wanted.is_empty() {
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

/// Finds files for somebody who only wants to see them: names like those found before are tried first, so that it takes one
/// look at most files. Of two with one unique name it may be either.
pub(super) struct Glance<'a> {
    folder: &'a FolderDirs,
    /// Where files were, and what followed their unique part, the last one first.
    likely: Vec<(Place, Vec<u8>)>,
    /// The last name that was tried.
    name: Vec<u8>,
    /// One was not to be found: the folder will be listed, and guesses are no use.
    missed: bool,
}

impl<'a> Glance<'a> {
    /// For so many files; where a listing takes less, it finds none.
    pub fn at(folder: &'a FolderDirs, files: usize) -> Self {
        let mut likely = Vec::new();
        if files <= SOME {
            likely.push((Place::New, Vec::new()));
            likely.extend(USUAL.map(|info| (Place::Cur, info.to_vec())));
        }
        Self {
            folder,
            likely,
            name: Vec::new(),
            missed: false,
        }
    }

    /// Where it is, its name, and how it looks; `None` where it has no name that could be guessed.
    pub fn find(&mut self, id: &LocalId) -> Option<(Place, &[u8], Look)> {
        let found = self.again(id).or_else(|| self.anyhow(id));
        self.missed |= found.is_none();
        let (place, look) = found?;
        Some((place, &self.name, look))
    }

    /// Looks for it where others were; what that was is the first to be tried next.
    fn again(&mut self, id: &LocalId) -> Option<(Place, Look)> {
        let mut likely = std::mem::take(&mut self.likely);
        let mut places = likely.iter().enumerate();
        let found =
            places.find_map(|(at, (place, info))| Some((at, *place, self.look(id, *place, info)?)));
        if let Some((at, _, _)) = found
            && let Some(tried) = likely.get_mut(..=at)
        {
            tried.rotate_right(1);
        }
        self.likely = likely;
        found.map(|(_, place, look)| (place, look))
    }

    fn anyhow(&mut self, id: &LocalId) -> Option<(Place, Look)> {
        if self.missed || self.likely.is_empty() {
            return None;
        }
        let place = Place::Cur;
        let mut infos = name::likely_infos();
        let (info, look) = infos.find_map(|info| {
            let look = self.look(id, place, &info)?;
            Some((info, look))
        })?;
        self.likely.insert(0, (place, info));
        Some((place, look))
    }

    fn look(&mut self, id: &LocalId, place: Place, info: &[u8]) -> Option<Look> {
        self.name.clear();
        self.name.extend_from_slice(id.as_bytes());
        self.name.extend_from_slice(info);
        self.folder.place(place).look(&self.name).ok()
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
