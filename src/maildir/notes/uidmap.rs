//! mbsync's `.isyncuidmap.db` (`AltMap yes`): a hash of Berkeley DB, from file names to UIDs, and the folder's UIDVALIDITY.
//!
//! Only what mbsync writes is read: short keys and values on hash pages. Pages of other types are passed over.

use std::collections::BTreeMap;

/// What the file begins with, after eight octets of a log position and four of a page number.
const MAGIC: u32 = 0x0006_1561;
/// Where the page size stands.
const SIZE_AT: usize = 20;
/// The octets at the beginning of every page; the places of its items follow.
const PAGE_HEADER: usize = 26;
/// Types of pages that hold items: unsorted and sorted.
const HASH_PAGES: [u8; 2] = [2, 13];
/// The type of an item that is on the page itself.
const ON_PAGE: u8 = 1;
/// The key that is no file name.
const VALIDITY: &[u8] = b"UIDVALIDITY";

/// What a UID map says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct UidMap {
    /// UIDVALIDITY of the folder.
    pub validity: u32,
    /// File names, without flags, and their UIDs.
    pub uids: BTreeMap<Vec<u8>, u32>,
}

impl UidMap {
    /// Reads a UID map, written by a machine of either byte order; `None` if it is none.
    pub fn parse(file: &[u8]) -> Option<Self> {
        let magic: [u8; 4] = *file.get(12..)?.first_chunk()?;
        let order = match MAGIC {
            _ if u32::from_le_bytes(magic) == MAGIC => Order { little: true },
            _ if u32::from_be_bytes(magic) == MAGIC => Order { little: false },
            _ => return None,
        };
        let size = usize::try_from(order.long(file, SIZE_AT)?).ok()?;
        if !(512..=65536).contains(&size) {
            return None;
        }
        let mut map = Self::default();
        let mut validity = None;
        for page in file.chunks_exact(size) {
            for (key, value) in order.pairs(page) {
                let number = order.long(value, 0);
                match number {
                    Some(number) if key == VALIDITY => validity = Some(number),
                    Some(uid) => {
                        map.uids.insert(key.to_vec(), uid);
                    }
                    None => {}
                }
            }
        }
        map.validity = validity?;
        Some(map)
    }
}

/// The byte order of the machine that wrote the file.
#[derive(Clone, Copy)]
struct Order {
    little: bool,
}

impl Order {
    fn long(self, octets: &[u8], at: usize) -> Option<u32> {
        let four: [u8; 4] = *octets.get(at..)?.first_chunk()?;
        Some(match self.little {
            true => u32::from_le_bytes(four),
            false => u32::from_be_bytes(four),
        })
    }

    fn short(self, octets: &[u8], at: usize) -> Option<usize> {
        let two: [u8; 2] = *octets.get(at..)?.first_chunk()?;
        Some(usize::from(match self.little {
            true => u16::from_le_bytes(two),
            false => u16::from_be_bytes(two),
        }))
    }

    /// Keys and values of a page. Items take turns and lie from its end towards its beginning.
    fn pairs(self, page: &[u8]) -> Vec<(&[u8], &[u8])> {
        let is_hash = page.get(25).is_some_and(|kind| HASH_PAGES.contains(kind));
        let count = self.short(page, 20).filter(|_| is_hash).unwrap_or(0);
        let mut end = page.len();
        let mut items = Vec::new();
        for number in 0..count {
            let Some(start) = self.short(page, PAGE_HEADER + 2 * number) else {
                break;
            };
            let item = page.get(start..end).and_then(|item| item.split_first());
            items.push(item.filter(|(kind, _)| **kind == ON_PAGE).map(|it| it.1));
            end = start;
        }
        let pairs = items.chunks_exact(2);
        let whole = pairs.filter_map(|pair| match pair {
            [Some(key), Some(value)] => Some((*key, *value)),
            _ => None,
        });
        whole.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by mbsync 1.4.4 with Berkeley DB 5.3.
    const FILE: &[u8] = include_bytes!("../../../tests/fixtures/isyncuidmap.db");

    #[test]
    fn what_mbsync_wrote_is_read() {
        let map = UidMap::parse(FILE).unwrap();
        assert_eq!(map.validity, 1_796_127_318);
        assert_eq!(map.uids.len(), 60);
        assert_eq!(map.uids.get(&b"1796127318.19488_29.vm"[..]), Some(&29));
        let uids: std::collections::BTreeSet<u32> = map.uids.values().copied().collect();
        assert_eq!(uids, (1..=60).collect());
    }

    #[test]
    fn no_file_however_damaged_is_read_beyond_its_end() {
        for cut in 0..FILE.len() {
            let _ = UidMap::parse(FILE.get(..cut).unwrap());
        }
        for at in (0..FILE.len()).filter(|at| *at < 512 || at % 3 == 0) {
            for octet in [0, 1, 13, 0xff] {
                let mut damaged = FILE.to_vec();
                damaged[at] = octet;
                let _ = UidMap::parse(&damaged);
            }
        }
        assert_eq!(UidMap::parse(b""), None);
        assert_eq!(UidMap::parse(&[0; 4096]), None);
    }
}
