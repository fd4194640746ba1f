//! Headers that were read for one hook are there for the others.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::letter::{self, Letter};

/// So many headers are kept: those of the batch at hand, mostly.
const MOST: usize = 512;
/// Of one that is longer, each hook reads its own.
const LONGEST: usize = 64 * 1024;

/// Headers by the file they stand in; all hooks of an account share one.
#[derive(Clone, Debug, Default)]
pub(super) struct Heads(Arc<Mutex<HashMap<PathBuf, Arc<Letter>>>>);

impl Heads {
    /// Nobody asks for those before.
    pub fn clear(&self) {
        self.all().clear();
    }

    /// The header in a file; empty if the file is gone or cannot be read.
    pub fn of(&self, path: &Path) -> Arc<Letter> {
        if let Some(known) = self.all().get(path) {
            return Arc::clone(known);
        }
        let letter = Arc::new(letter::head(path).unwrap_or_default());
        let mut all = self.all();
        if letter.octets() <= LONGEST && all.len() < MOST {
            all.insert(path.to_owned(), Arc::clone(&letter));
        }
        letter
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, Arc<Letter>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_once_until_the_next_batch() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m");
        let subject = |heads: &Heads| heads.of(&path).subject();
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
