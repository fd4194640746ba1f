//! Headers that were read for one hook are there for the others.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::letter::{self, Letter};

/// So many headers are kept: those of the batch at hand, mostly.
const MOST: usize = 512;
/// Of one that is longer, each hook reads its own.
const LONGEST: usize = 128 * 1024;

/// Headers by the file they stand in; all hooks of an account share one.
#[derive(Clone, Debug, Default)]
pub(super) struct Heads(Arc<Mutex<HashMap<PathBuf, Head>>>);

/// A header.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    pub letter: Arc<Letter>,
    /// About the octets that it takes.
    pub weight: usize,
}

impl Heads {
    /// Nobody asks for those before.
    pub fn clear(&self) {
        self.all().clear();
    }

    /// The header in a file; empty if the file is gone or cannot be read.
    pub fn of(&self, path: &Path) -> Head {
        if let Some(known) = self.all().get(path) {
            return known.clone();
        }
        let head = read(path);
        let mut all = self.all();
        if head.weight <= LONGEST && all.len() < MOST {
            all.insert(path.to_owned(), head.clone());
        }
        head
    }

    /// The same for somebody who looks at a great many: nobody else will ask for this one.
    pub fn glance(&self, path: &Path) -> Head {
        let known = self.all().get(path).cloned();
        known.unwrap_or_else(|| read(path))
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, Head>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path) -> Head {
    let letter = letter::head(path).unwrap_or_default();
    Head {
        // Its fields are places in the text.
        weight: letter.octets() * 2,
        letter: Arc::new(letter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_once_until_the_next_batch() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m");
        let subject = |heads: &Heads| heads.of(&path).letter.subject();
        std::fs::write(&path, "Subject: one\n\n").unwrap();
        let heads = Heads::default();
        assert_eq!(subject(&heads), "one");
        std::fs::write(&path, "Subject: two\n\n").unwrap();
        assert_eq!(subject(&heads.clone()), "one");
        heads.clear();
        assert_eq!(subject(&heads), "two");
        std::fs::remove_file(&path).unwrap();
        heads.clear();
        assert_eq!(subject(&heads), "");
    }
}
