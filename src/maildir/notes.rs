//! What other programs have noted of the folders that they filled: which file is which message on the server, and the
//! flags that both had. It is read and never changed; what cannot be read says nothing.

mod mbsync;
mod offlineimap;
mod uidmap;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::Core;
use super::error::Error;
use super::keywords::Keywords;
use super::name::FileName;
use super::sys::Dir;
use crate::mail::{Flags, LocalId, MailboxName, Uid, UidValidity};
use crate::sync::{Claim, Claims};
use mbsync::SyncState;
use offlineimap::Status;
use uidmap::UidMap;

/// More than any notes have, in octets.
const LONGEST: u64 = 256 * 1024 * 1024;
/// What mbsync's header has at most, in octets.
const HEADER: u64 = 512;

/// Where other programs keep notes outside the Maildir.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotePlaces {
    /// mbsync's `SyncState`: the beginning of paths, mostly a directory's with the slash at its end.
    pub mbsync: Vec<PathBuf>,
    /// OfflineIMAP's `metadata`.
    pub offlineimap: Vec<PathBuf>,
}

impl NotePlaces {
    /// Where they are unless their configuration says otherwise, and where mbsync's says that they are.
    #[must_use]
    pub fn of(home: Option<&Path>, config_home: Option<&Path>, state_home: Option<&Path>) -> Self {
        let Some(home) = home else {
            return Self::default();
        };
        let below = |given: Option<&Path>, usual: &str| {
            given.map_or_else(|| home.join(usual), Path::to_path_buf)
        };
        let config = below(config_home, ".config").join("isyncrc");
        let named = [home.join(".mbsyncrc"), config];
        let named = named.iter().filter_map(|path| contents(path));
        let mut mbsync: Vec<PathBuf> = named.flat_map(|text| named_states(&text, home)).collect();
        // With the slash at their end: all files in them.
        mbsync.push(home.join(".mbsync/"));
        mbsync.push(below(state_home, ".local/state").join("isync/"));
        Self {
            mbsync,
            offlineimap: vec![home.join(".offlineimap")],
        }
    }
}

/// The places that mbsync's configuration names.
fn named_states(text: &[u8], home: &Path) -> Vec<PathBuf> {
    let values = lines(text).filter_map(|line| {
        let (name, value) = line.trim().split_once(char::is_whitespace)?;
        name.eq_ignore_ascii_case("SyncState")
            .then(|| value.trim().trim_matches('"'))
    });
    let paths = values.filter_map(|value| match value.strip_prefix("~/") {
        Some(rest) => Some(home.join(rest)),
        None => value.starts_with('/').then(|| PathBuf::from(value)),
    });
    paths.collect()
}

impl Core {
    /// What other programs say of these files of a folder.
    pub(super) fn notes(
        &self,
        mailbox: &MailboxName,
        files: &[LocalId],
    ) -> Result<Vec<Claims>, Error> {
        let dir = self.dir_of(mailbox)?;
        let mut claims = Vec::new();
        if let Some(own) = Numbered::by_mbsync(&dir, files) {
            for state in self.sync_states(&dir, mailbox, own.validity) {
                claims.extend(own.claims(state));
            }
        }
        claims.extend(self.by_offlineimap(mailbox, files));
        Ok(claims)
    }

    /// mbsync's states of this folder: the one in it, and those elsewhere that have its UIDVALIDITY on one side.
    fn sync_states(&self, dir: &Dir, mailbox: &MailboxName, validity: u32) -> Vec<SyncState> {
        let own = read_in(dir, b".mbsyncstate");
        if let Some(state) = own.and_then(|text| SyncState::parse(&text)) {
            return vec![state];
        }
        let found = self
            .places
            .mbsync
            .iter()
            .flat_map(|prefix| files_at(prefix));
        let about: Vec<PathBuf> = found
            .filter(|path| {
                let header = beginning(path, HEADER).unwrap_or_default();
                let state = SyncState::parse(&header);
                state.is_some_and(|it| it.validity.0 == validity || it.validity.1 == validity)
            })
            .collect();
        // Folders that were made in the same second have the same UIDVALIDITY.
        let flat = mailbox.as_str().replace('/', "!");
        let named = |path: &&PathBuf| path.as_os_str().as_bytes().ends_with(flat.as_bytes());
        let mut chosen: Vec<&PathBuf> = about.iter().filter(named).collect();
        if chosen.is_empty() {
            chosen = about.iter().collect();
        }
        let texts = chosen.into_iter().filter_map(|path| contents(path));
        texts.filter_map(|text| SyncState::parse(&text)).collect()
    }

    /// What OfflineIMAP says: the UID is in a file's name, UIDVALIDITY and flags are in its own directory.
    fn by_offlineimap(&self, mailbox: &MailboxName, files: &[LocalId]) -> Vec<Claims> {
        let named = files.iter().filter(|file| has_folder_hash(file));
        let numbered =
            by_number(named.filter_map(|file| Some((mbsync::uid_in_name(file.as_bytes())?, file))));
        if numbered.is_empty() {
            return Vec::new();
        }
        let mut names = BTreeSet::from([mailbox.as_str().replace('/', ".")]);
        names.extend(self.path_to(mailbox).ok().map(|levels| levels.join(".")));
        let inside = |kind: &'static str| {
            let all = self
                .places
                .offlineimap
                .iter()
                .flat_map(|place| files_at(&place.join("")));
            let names = &names;
            all.flat_map(move |directory| {
                let files = names.iter().map(|name| directory.join(kind).join(name));
                files.collect::<Vec<_>>()
            })
        };
        let statuses = inside("LocalStatus-sqlite").chain(inside("LocalStatus"));
        let statuses: Vec<Status> = statuses
            .filter_map(|path| offlineimap::read(&path))
            .collect();
        let status = likeliest(&statuses, &numbered);
        let validities = inside("FolderValidity").filter_map(|path| {
            let text = contents(&path)?;
            UidValidity::new(mbsync::folder_validity(&text)?)
        });
        let validities: BTreeSet<UidValidity> = validities.collect();
        let of = |uidvalidity| Claims {
            uidvalidity,
            files: numbered
                .iter()
                .filter_map(|(uid, file)| {
                    let flags = status.and_then(|status| status.get(uid).cloned());
                    claim(file, *uid, flags, 0)
                })
                .collect(),
        };
        validities.into_iter().map(of).collect()
    }
}

/// A folder's files by the numbers that mbsync gave them.
struct Numbered<'a> {
    validity: u32,
    files: BTreeMap<u32, &'a LocalId>,
}

impl<'a> Numbered<'a> {
    /// By `U=` in their names, or by the UID map.
    fn by_mbsync(dir: &Dir, files: &'a [LocalId]) -> Option<Self> {
        if let Some(text) = read_in(dir, b".uidvalidity") {
            let numbers = files
                .iter()
                .filter_map(|file| Some((mbsync::uid_in_name(file.as_bytes())?, file)));
            return Some(Self {
                validity: mbsync::folder_validity(&text)?,
                files: by_number(numbers),
            });
        }
        let map = UidMap::parse(&read_in(dir, b".isyncuidmap.db")?)?;
        let numbers = files
            .iter()
            .filter_map(|file| Some((*map.uids.get(file.as_bytes())?, file)));
        Some(Self {
            validity: map.validity,
            files: by_number(numbers),
        })
    }

    /// What a sync state says of them; `None` if it is another folder's.
    fn claims(&self, state: SyncState) -> Option<Claims> {
        let state = match state.validity {
            (_, near) if near == self.validity => state,
            (far, _) if far == self.validity => state.turned(),
            _ => return None,
        };
        let files = state.rows.into_iter().filter_map(|row| {
            let file = self.files.get(&row.near)?;
            claim(file, row.far, Some(row.flags), mbsync::MARK)
        });
        Some(Claims {
            uidvalidity: UidValidity::new(state.validity.0)?,
            files: files.collect(),
        })
    }
}

fn claim(file: &LocalId, uid: u32, flags: Option<Flags>, added: u64) -> Option<(LocalId, Claim)> {
    let uid = Uid::new(uid)?;
    Some((file.clone(), Claim { uid, flags, added }))
}

/// Files by number, without those that share one: a copy has the name of what it was copied from.
fn by_number<'a>(files: impl Iterator<Item = (u32, &'a LocalId)>) -> BTreeMap<u32, &'a LocalId> {
    let mut found = BTreeMap::new();
    let mut shared = BTreeSet::new();
    for (number, file) in files {
        if found.insert(number, file).is_some() {
            shared.insert(number);
        }
    }
    found.retain(|number, _| !shared.contains(number));
    found
}

/// The status that has most in common with the files there are; `None` if two have as much.
fn likeliest<'s>(statuses: &'s [Status], files: &BTreeMap<u32, &LocalId>) -> Option<&'s Status> {
    let rated = statuses.iter().map(|status| {
        let common = status.keys().filter(|uid| files.contains_key(uid)).count();
        let all = status.len() + files.len() - common;
        (common * 1_000_000 / all.max(1), status)
    });
    let mut rated: Vec<(usize, &Status)> = rated.filter(|(rate, _)| *rate > 0).collect();
    rated.sort_by_key(|(rate, _)| std::cmp::Reverse(*rate));
    match rated.as_slice() {
        [(first, one), (second, other), ..] if first == second && one != other => None,
        [(_, best), ..] => Some(best),
        [] => None,
    }
}

fn has_folder_hash(file: &LocalId) -> bool {
    let name = file.as_bytes();
    name.windows(6).any(|part| part == b",FMD5=")
}

/// The flags of these letters; `None` if one is not known.
fn flags_of(letters: &str) -> Option<Flags> {
    let known = letters.bytes().all(|letter| b"DFPRST".contains(&letter));
    let name = FileName {
        unique: b"",
        letters: letters.as_bytes(),
        trailer: b"",
    };
    known.then(|| name.flags(&Keywords::default()))
}

/// The lines of a text, whatever their ends; those that are no UTF-8 are left out.
fn lines(text: &[u8]) -> impl Iterator<Item = &str> {
    let lines = text.split(|octet| *octet == b'\n');
    lines.filter_map(|line| std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line)).ok())
}

/// A file in a folder.
fn read_in(dir: &Dir, name: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let file = dir.open_file(name).ok()?;
    file.take(LONGEST).read_to_end(&mut text).ok()?;
    Some(text)
}

fn contents(path: &Path) -> Option<Vec<u8>> {
    beginning(path, LONGEST)
}

/// The first octets of a regular file.
fn beginning(path: &Path, octets: u64) -> Option<Vec<u8>> {
    // Nobody waits for a pipe.
    path.metadata().ok().filter(std::fs::Metadata::is_file)?;
    let mut text = Vec::new();
    File::open(path)
        .ok()?
        .take(octets)
        .read_to_end(&mut text)
        .ok()?;
    Some(text)
}

/// What is there whose path begins so.
fn files_at(prefix: &Path) -> Vec<PathBuf> {
    let octets = prefix.as_os_str().as_bytes();
    let slash = octets.iter().rposition(|octet| *octet == b'/');
    let (directory, begin) = octets.split_at(slash.map_or(0, |at| at + 1));
    let directory = Path::new(std::ffi::OsStr::from_bytes(directory));
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().as_bytes().starts_with(begin))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests;
