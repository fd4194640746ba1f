//! Who is who: files and messages without rows against rows that lost theirs, and against each other.
//!
//! Duplicates are legal mail, so everything is matched one to one, in a fixed order: equal candidates are
//! interchangeable and none is used twice.

mod claimed;
mod local;
mod new;
mod remote;

use std::collections::{BTreeMap, VecDeque};

pub(super) use local::{has_had_file, pair_files, pair_halves};
pub(super) use new::{Twin, pair_new};
pub(super) use remote::{is_missed, pair_moved, pair_renumbered};

/// Candidates by what they must have in common.
struct Index<K> {
    places: BTreeMap<K, VecDeque<usize>>,
}

impl<K: Ord> Index<K> {
    fn new(candidates: impl Iterator<Item = (K, usize)>) -> Self {
        let mut places: BTreeMap<K, VecDeque<usize>> = BTreeMap::new();
        for (key, candidate) in candidates {
            places.entry(key).or_default().push_back(candidate);
        }
        Self { places }
    }

    /// The first candidate with this key that fits, which is then no candidate any more.
    fn take(&mut self, key: &K, mut fits: impl FnMut(usize) -> bool) -> Option<usize> {
        let waiting = self.places.get_mut(key)?;
        let at = waiting.iter().position(|candidate| fits(*candidate))?;
        waiting.remove(at)
    }

    /// How many candidates have this key.
    fn count(&self, key: &K) -> usize {
        self.places.get(key).map_or(0, VecDeque::len)
    }
}
