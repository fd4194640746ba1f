//! Sets of numbers as servers write them.

use crate::imap::token::Cursor;
use crate::mail::{Uid, UidSet};

/// Ranges in the order they were written, ends included; the first may be above the second.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ranges(Vec<(Uid, Uid)>);

impl Ranges {
    /// Reads `1:3,7`. `None` if anything in it is no UID.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let uid = |digits: &[u8]| {
            let value = crate::imap::token::number(digits)?;
            Uid::new(u32::try_from(value).ok()?)
        };
        let mut ranges = Vec::new();
        for item in text.split(|byte| *byte == b',') {
            let mut ends = item.splitn(2, |byte| *byte == b':');
            let low = uid(ends.next()?)?;
            let high = ends.next().map_or(Some(low), uid)?;
            ranges.push((low, high));
        }
        Some(Self(ranges))
    }

    /// Reads a set at the cursor.
    pub fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        Self::parse(cursor.atom())
    }

    /// How many UIDs there are.
    pub fn len(&self) -> u64 {
        self.0
            .iter()
            .map(|(low, high)| u64::from(low.get().abs_diff(high.get())) + 1)
            .sum()
    }

    /// Each UID, in the order written.
    pub fn iter(&self) -> impl Iterator<Item = Uid> + '_ {
        self.0.iter().flat_map(|(low, high)| {
            let (from, to) = (low.get(), high.get());
            let up = (from..=to).take(if from <= to { usize::MAX } else { 0 });
            let down = (to..=from)
                .rev()
                .take(if from > to { usize::MAX } else { 0 });
            up.chain(down).filter_map(Uid::new)
        })
    }

    /// As a set.
    pub fn to_set(&self) -> UidSet {
        let mut sorted: Vec<(Uid, Uid)> = self
            .0
            .iter()
            .map(|(one, other)| (*one.min(other), *one.max(other)))
            .collect();
        sorted.sort_unstable();
        let mut set = UidSet::new();
        for (low, high) in sorted {
            set.insert_range(low, high);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_and_ranges_may_run_down() {
        let ranges = Ranges::parse(b"5:3,9,1").unwrap();
        let all: Vec<u32> = ranges.iter().map(Uid::get).collect();
        assert_eq!(all, [5, 4, 3, 9, 1]);
        assert_eq!(ranges.len(), 5);
        assert_eq!(ranges.to_set().to_string(), "1,3:5,9");
        for bad in [&b""[..], b"0", b"1,", b"1:*", b"4294967296", b"a"] {
            assert!(Ranges::parse(bad).is_none());
        }
    }
}
