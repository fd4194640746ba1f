//! Symbolic links to directories: which are followed as folders, and why others are not.
//!
//! Where a link may lead is decided in one place, when folders are listed; everything else follows only what was accepted
//! there, as long as it leads to the same directory.

mod listing;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::PoisonError;

use rustix::fs::FileType;

use super::Core;
use super::error::Error;
use super::sys::{Dir, means_absent};
use crate::engine::ports::Barred;
pub(super) use listing::Listing;

/// Which symbolic links to directories are folders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FollowLinks {
    /// Those that were there when the account was set up: until folders have their markers, and from then on those that
    /// lead to a folder with one.
    #[default]
    FromSetUp,
    /// All.
    Always,
    /// None.
    Never,
}

/// Why a link is not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkRefusal {
    /// It leads nowhere.
    Dangling,
    /// It leads to a directory without a folder in it.
    Empty,
    /// It leads to a directory that is a folder, or holds folders, by another path.
    Twice(String),
    /// It leads to a directory that the root lies in.
    Upwards,
    /// It leads into the Maildir of another account.
    Foreign(String),
    /// It is newer than the account.
    Unknown,
    /// The configuration says so.
    Off,
    /// It could not be looked at.
    Unreadable(String),
}

impl fmt::Display for LinkRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dangling => f.write_str("it leads nowhere; is a disk not mounted?"),
            Self::Empty => f.write_str(
                "it leads to a directory with no folder in it; is a disk not mounted? (for a new folder, make cur, new and tmp there)",
            ),
            Self::Twice(path) => write!(f, "it leads to {path}, which is looked at already"),
            Self::Upwards => f.write_str("it leads to a directory that the Maildir lies in"),
            Self::Foreign(path) => write!(
                f,
                "it leads into another account's Maildir ({path} has a marker file .mailferry; remove that file if no \
                 account uses it)"
            ),
            Self::Unknown => f.write_str(
                "it was made after the account was set up; `follow_links = true` in the configuration has it synced",
            ),
            Self::Off => f.write_str("`follow_links = false` in the configuration"),
            Self::Unreadable(why) => f.write_str(why),
        }
    }
}

impl LinkRefusal {
    /// Whether it is worth telling only if there is a mailbox of that name.
    fn is_quiet(&self) -> bool {
        matches!(self, Self::Dangling | Self::Empty | Self::Off)
    }
}

/// A directory's device and inode.
type Identity = (u64, u64);

/// What was decided about links when folders were last listed, by their path below the root.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// Those that are followed, and the directory they lead to.
    accepted: BTreeMap<Vec<String>, Identity>,
    refused: BTreeMap<Vec<String>, LinkRefusal>,
    /// How often other links were followed than before.
    changes: u64,
}

impl Core {
    /// Opens the directory at the end of this path, from its parent; follows a link that was accepted.
    pub(super) fn enter(&self, parent: &Dir, path: &[String]) -> Result<Dir, Error> {
        let name = path.last().map(String::as_bytes).unwrap_or_default();
        match parent.open(name) {
            Err(error) if means_absent(&error) && is_link(parent, name) => {
                self.follow(parent, path)
            }
            other => other,
        }
    }

    /// Opens a directory below the root.
    pub(super) fn open_path(&self, path: &[String]) -> Result<Dir, Error> {
        let mut dir = self.root_dir()?;
        for depth in 1..=path.len() {
            dir = self.enter(&dir, path.get(..depth).unwrap_or_default())?;
        }
        Ok(dir)
    }

    /// The names of accepted links in the directory at this path.
    pub(super) fn links_in(&self, path: &[String]) -> Vec<String> {
        let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let accepted = links.accepted.keys();
        let here = accepted.filter_map(|link| match link.split_last() {
            Some((name, parents)) if parents == path => Some(name.clone()),
            _ => None,
        });
        here.collect()
    }

    /// A number that grows when other links are followed than before.
    pub(super) fn link_changes(&self) -> u64 {
        let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.changes
    }

    /// The folders that cannot be used, as they were when folders were last listed.
    pub(super) fn barred(&self) -> Vec<Barred> {
        let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = links.refused.iter();
        let barred = refused.filter_map(|(path, why)| {
            Some(Barred {
                name: self.mailbox_at(path)?,
                reason: refusal(path, why.clone()).to_string(),
                quiet: why.is_quiet(),
            })
        });
        barred.collect()
    }

    fn follow(&self, parent: &Dir, path: &[String]) -> Result<Dir, Error> {
        if !self.is_decided(path) {
            self.list_folders()?;
        }
        let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let name = path.last().map(String::as_bytes).unwrap_or_default();
        let why = match (links.accepted.get(path), links.refused.get(path)) {
            (Some(known), _) => match parent.open_linked(name)? {
                Some(dir) if dir.identity()? == *known => return Ok(dir),
                Some(_) => LinkRefusal::Unknown,
                None => LinkRefusal::Dangling,
            },
            (None, Some(why)) => why.clone(),
            (None, None) => LinkRefusal::Unknown,
        };
        Err(refusal(path, why))
    }

    fn is_decided(&self, path: &[String]) -> bool {
        let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.accepted.contains_key(path) || links.refused.contains_key(path)
    }
}

fn refusal(path: &[String], why: LinkRefusal) -> Error {
    Error::Link {
        path: path.join("/"),
        why,
    }
}

fn is_link(dir: &Dir, name: &[u8]) -> bool {
    dir.look(name)
        .is_ok_and(|look| look.kind == FileType::Symlink)
}
