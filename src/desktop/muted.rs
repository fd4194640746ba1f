//! Threads that the user does not want to hear of any more.

use std::collections::{HashSet, VecDeque};

/// The most Message-IDs that are remembered; the oldest go first.
const MOST: usize = 2_000;

/// Message-IDs of muted threads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Muted {
    /// The oldest first.
    ids: VecDeque<String>,
    known: HashSet<String>,
    /// Something was added since this was last asked.
    changed: bool,
}

impl Muted {
    /// From its text, one Message-ID a line.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut muted = Self::default();
        muted.add(
            text.lines()
                .map(str::to_owned)
                .filter(|line| !line.is_empty()),
        );
        muted.changed = false;
        muted
    }

    /// As [`Muted::parse`] reads it.
    #[must_use]
    pub fn text(&self) -> String {
        self.ids.iter().flat_map(|id| [id.as_str(), "\n"]).collect()
    }

    /// Mutes the thread that these Message-IDs belong to.
    pub fn add(&mut self, ids: impl IntoIterator<Item = String>) {
        for id in ids {
            if self.known.insert(id.clone()) {
                self.ids.push_back(id);
                self.changed = true;
            }
        }
        let surplus = self.ids.len().saturating_sub(MOST);
        for old in self.ids.drain(..surplus) {
            self.known.remove(&old);
        }
    }

    /// Whether a message with these Message-IDs belongs to a muted thread; its own is remembered then, since an answer to it
    /// may name nothing else.
    pub fn takes_in(&mut self, ids: &[String]) -> bool {
        let known = ids.iter().any(|id| self.known.contains(id));
        if known {
            self.add(ids.first().cloned());
        }
        known
    }

    /// Whether something was added since this was last asked.
    pub fn has_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(words: &str) -> Vec<String> {
        words.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_thread_stays_muted_though_answers_name_only_answers() {
        let mut muted = Muted::default();
        assert!(!muted.takes_in(&ids("b a")));
        muted.add(ids("b a"));
        assert!(muted.has_changed() && !muted.has_changed());
        assert!(muted.takes_in(&ids("c b")));
        assert!(muted.takes_in(&ids("d c")));
        assert!(!muted.takes_in(&ids("x y")));
        let mut read = Muted::parse(&muted.text());
        assert!(!read.has_changed());
        assert!(read.takes_in(&ids("e d")));
    }

    #[test]
    fn the_oldest_go_first() {
        let mut muted = Muted::default();
        muted.add((0..MOST + 10).map(|number| format!("{number}@x")));
        assert_eq!(muted.text().lines().count(), MOST);
        assert!(!muted.takes_in(&ids("9@x")) && muted.takes_in(&ids("10@x")));
    }
}
