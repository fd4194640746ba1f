//! Sets of UIDs as sorted, disjoint ranges, and their form in commands (RFC 9051 `sequence-set`).

use std::fmt;

use super::Uid;

/// A set of UIDs, kept as sorted, disjoint, non-adjacent inclusive ranges.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct UidSet {
    ranges: Vec<(Uid, Uid)>,
}

impl UidSet {
    /// The empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// All UIDs from `low` to `high`, both included; empty when `low` is above `high`.
    #[must_use]
    pub fn from_range(low: Uid, high: Uid) -> Self {
        let mut set = Self::new();
        set.insert_range(low, high);
        set
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many UIDs are in it.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.ranges
            .iter()
            .map(|(low, high)| u64::from(high.get() - low.get()) + 1)
            .sum()
    }

    /// Whether `uid` is in it.
    #[must_use]
    pub fn contains(&self, uid: Uid) -> bool {
        let at = self.ranges.partition_point(|(_, high)| *high < uid);
        self.ranges.get(at).is_some_and(|(low, _)| *low <= uid)
    }

    /// Adds one UID. Appending in ascending order is constant time.
    pub fn insert(&mut self, uid: Uid) {
        self.insert_range(uid, uid);
    }

    /// Adds all UIDs from `low` to `high`, both included.
    pub fn insert_range(&mut self, low: Uid, high: Uid) {
        if low > high {
            return;
        }
        if let Some(last) = self.ranges.last_mut() {
            if low > last.1 {
                if last.1.next() == Some(low) {
                    last.1 = high;
                } else {
                    self.ranges.push((low, high));
                }
                return;
            }
        } else {
            self.ranges.push((low, high));
            return;
        }
        self.merge_range(low, high);
    }

    fn merge_range(&mut self, mut low: Uid, mut high: Uid) {
        let start = self
            .ranges
            .partition_point(|(_, h)| h.next().is_some_and(|after| after < low));
        let end = self
            .ranges
            .partition_point(|(l, _)| l.previous().is_none_or(|before| before <= high));
        if let Some(touched) = self.ranges.get(start..end.max(start))
            && let (Some(first), Some(last)) = (touched.first(), touched.last())
        {
            low = low.min(first.0);
            high = high.max(last.1);
        }
        self.ranges
            .splice(start..end.max(start), std::iter::once((low, high)));
    }

    /// Takes one UID out; says whether it was there.
    pub fn remove(&mut self, uid: Uid) -> bool {
        let at = self.ranges.partition_point(|(_, high)| *high < uid);
        let Some(&(low, high)) = self.ranges.get(at) else {
            return false;
        };
        if low > uid {
            return false;
        }
        let left = uid
            .previous()
            .filter(|end| *end >= low)
            .map(|end| (low, end));
        let right = uid
            .next()
            .filter(|start| *start <= high)
            .map(|start| (start, high));
        self.ranges.splice(at..=at, left.into_iter().chain(right));
        true
    }

    /// Every UID, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Uid> + '_ {
        self.ranges
            .iter()
            .flat_map(|(low, high)| (low.get()..=high.get()).filter_map(Uid::new))
    }

    /// The inclusive ranges, ascending.
    pub fn ranges(&self) -> impl Iterator<Item = (Uid, Uid)> + '_ {
        self.ranges.iter().copied()
    }

    /// The largest UID in it.
    #[must_use]
    pub fn last(&self) -> Option<Uid> {
        self.ranges.last().map(|(_, high)| *high)
    }

    /// The smallest UID in it.
    #[must_use]
    pub fn first(&self) -> Option<Uid> {
        self.ranges.first().map(|(low, _)| *low)
    }

    /// Splits into sets whose text is at most `limit` bytes, so that command lines stay short.
    #[must_use]
    pub fn chunks(&self, limit: usize) -> Vec<Self> {
        let mut chunks = Vec::new();
        let mut current = Self::new();
        let mut width = 0;
        for (low, high) in self.ranges() {
            let more = range_text(low, high).len() + 1;
            if width + more > limit && !current.is_empty() {
                chunks.push(std::mem::take(&mut current));
                width = 0;
            }
            current.ranges.push((low, high));
            width += more;
        }
        if !current.is_empty() {
            chunks.push(current);
        }
        chunks
    }
}

impl FromIterator<Uid> for UidSet {
    fn from_iter<I: IntoIterator<Item = Uid>>(uids: I) -> Self {
        let mut all: Vec<Uid> = uids.into_iter().collect();
        all.sort_unstable();
        let mut set = Self::new();
        for uid in all {
            set.insert(uid);
        }
        set
    }
}

impl Extend<Uid> for UidSet {
    fn extend<I: IntoIterator<Item = Uid>>(&mut self, uids: I) {
        for uid in uids {
            self.insert(uid);
        }
    }
}

fn range_text(low: Uid, high: Uid) -> String {
    if low == high {
        low.to_string()
    } else {
        format!("{low}:{high}")
    }
}

impl fmt::Display for UidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (low, high)) in self.ranges().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            f.write_str(&range_text(low, high))?;
        }
        Ok(())
    }
}

impl fmt::Debug for UidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UidSet({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn uid(value: u32) -> Uid {
        Uid::new(value).unwrap()
    }

    #[test]
    fn writes_ranges_as_a_sequence_set() {
        let set: UidSet = [5, 1, 2, 3, 9].into_iter().map(uid).collect();
        assert_eq!(set.to_string(), "1:3,5,9");
    }

    #[test]
    fn holds_the_last_uid_without_overflow() {
        let mut set = UidSet::from_range(uid(u32::MAX - 1), Uid::MAX);
        set.insert(Uid::MAX);
        assert_eq!(set.len(), 2);
        assert!(set.remove(Uid::MAX));
        assert_eq!(set.last(), Some(uid(u32::MAX - 1)));
    }

    #[test]
    fn chunks_are_short_and_complete() {
        let set: UidSet = (1..5000).filter(|n| n % 2 == 0).map(uid).collect();
        let chunks = set.chunks(100);
        assert!(chunks.iter().all(|chunk| chunk.to_string().len() <= 100));
        let joined: UidSet = chunks.iter().flat_map(UidSet::iter).collect();
        assert_eq!(joined, set);
    }

    proptest! {
        #[test]
        fn behaves_like_a_set(ops in proptest::collection::vec((1u32..60, 0u32..8, any::<bool>()), 0..60)) {
            let mut set = UidSet::new();
            let mut model = BTreeSet::new();
            for (low, width, add) in ops {
                if add {
                    set.insert_range(uid(low), uid(low + width));
                    model.extend(low..=low + width);
                } else {
                    prop_assert_eq!(set.remove(uid(low)), model.remove(&low));
                }
                let listed: Vec<u32> = set.iter().map(Uid::get).collect();
                prop_assert_eq!(&listed, &model.iter().copied().collect::<Vec<_>>());
                prop_assert_eq!(set.len(), model.len() as u64);
            }
            let rebuilt: UidSet = set.iter().collect();
            prop_assert_eq!(rebuilt, set);
        }
    }
}
