//! The headers of files that were written a moment ago, for those who are told of them: to open each file again takes
//! several times as long as to read what is in it.
//!
//! Knows nothing of what a header says. What is not there is read from its file.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use memchr::memchr_iter;

use crate::mail::LocalId;
use crate::sync::{FileStamp, RawHeader};

/// The most that is kept, in octets. What comes when it is full is not: it will be asked for last.
const MOST: usize = 1 << 20;
/// The longest header that is kept, in octets.
const LONGEST: usize = 16 * 1024;
/// About what one takes beside its header and its name, in octets.
const BESIDE: usize = 128;
/// What nobody has asked for after that long, nobody will.
const AGE: Duration = Duration::from_secs(30);

/// Headers by their file's name. Keeps none until it is told to.
#[derive(Debug, Default)]
pub(super) struct Heads {
    on: AtomicBool,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    all: HashMap<LocalId, One>,
    octets: usize,
    /// When it was last looked for what nobody has asked for.
    swept: Option<Instant>,
}

#[derive(Debug)]
struct One {
    since: Instant,
    /// The file that it is the header of. One that was written to since has another stamp.
    stamp: FileStamp,
    header: RawHeader,
}

impl One {
    /// About what it takes, in octets.
    fn weight(&self, id: &LocalId) -> usize {
        self.header.octets().len() + id.as_bytes().len() + BESIDE
    }
}

impl Heads {
    /// From now on headers are kept.
    pub fn turn_on(&self) {
        self.on.store(true, Ordering::Relaxed);
    }

    /// The header of a file that begins like this, if it is to be kept.
    pub fn of(&self, disk: &[u8]) -> Option<RawHeader> {
        if !self.on.load(Ordering::Relaxed) {
            return None;
        }
        let disk = disk.get(..LONGEST).unwrap_or(disk);
        header(disk).map(RawHeader::new)
    }

    /// Keeps the header of a file.
    pub fn keep(&self, id: &LocalId, stamp: FileStamp, header: RawHeader) {
        let now = Instant::now();
        let one = One {
            since: now,
            stamp,
            header,
        };
        let size = one.weight(id);
        let mut kept = self.kept();
        if kept.octets + size > MOST && kept.swept.is_none_or(|last| now - last >= AGE) {
            kept.sweep(now);
        }
        if kept.octets + size <= MOST {
            kept.octets += size;
            let before = kept.all.insert(id.clone(), one);
            kept.octets -= before.map_or(0, |old| old.weight(id));
        }
    }

    /// Gives a header away, if the file is still the same.
    pub fn take(&self, id: &LocalId, stamp: &FileStamp) -> Option<RawHeader> {
        if !self.on.load(Ordering::Relaxed) {
            return None;
        }
        let mut kept = self.kept();
        let one = kept.all.remove(id)?;
        kept.octets -= one.weight(id);
        (one.stamp == *stamp).then_some(one.header)
    }

    /// Lets go of what nobody has asked for: nobody is told of a first sync, unless he wants to be.
    pub fn forget_old(&self) {
        if self.on.load(Ordering::Relaxed) {
            self.kept().sweep(Instant::now());
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn sweep(&mut self, now: Instant) {
        self.swept = Some(now);
        self.all.retain(|_, one| now - one.since < AGE);
        self.octets = self.all.iter().map(|(id, one)| one.weight(id)).sum();
        self.all.shrink_to_fit();
    }
}

/// Up to and with the empty line that ends it; `None` where that is not there.
fn header(disk: &[u8]) -> Option<&[u8]> {
    memchr_iter(b'\n', disk).find_map(|end| {
        let rest = disk.get(end + 1..).unwrap_or_default();
        let mut empty = [&b"\n"[..], b"\r\n"].into_iter();
        let line = empty.find(|line| rest.starts_with(line))?;
        disk.get(..=end + line.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> LocalId {
        LocalId::new(format!("{number}.x").as_bytes()).unwrap()
    }

    #[test]
    fn a_header_ends_with_its_empty_line() {
        assert_eq!(
            header(b"A: b\nC: d\n\nbody\n\n"),
            Some(&b"A: b\nC: d\n\n"[..])
        );
        assert_eq!(header(b"A: b\r\n\r\nbody"), Some(&b"A: b\r\n\r\n"[..]));
        assert_eq!(header(b"A: b\r\n\rbody\n"), None);
        assert_eq!(header(b"A: b\n"), None);
        assert_eq!(header(b""), None);
    }

    #[test]
    fn it_is_kept_once_and_only_when_somebody_wants_it() {
        let heads = Heads::default();
        assert_eq!(heads.of(b"A: b\n\n"), None);
        heads.turn_on();
        let header = heads.of(b"A: b\n\nbody").unwrap();
        let stamp = FileStamp {
            size: 10,
            ..FileStamp::default()
        };
        heads.keep(&id(1), stamp, header.clone());
        assert_eq!(heads.take(&id(1), &stamp), Some(header.clone()));
        assert_eq!(heads.take(&id(1), &stamp), None);
        heads.keep(&id(1), FileStamp::default(), header);
        assert_eq!(heads.take(&id(1), &stamp), None, "it was written to");
        assert_eq!(heads.kept().octets, 0);
        let long = format!("A: {}\n\n", "b".repeat(LONGEST));
        assert_eq!(heads.of(long.as_bytes()), None);
    }

    #[test]
    fn no_more_than_so_much_is_kept_and_nothing_for_ever() {
        let heads = Heads::default();
        heads.turn_on();
        let long = format!("A: {}\n\n", "b".repeat(10_000));
        let header = heads.of(long.as_bytes()).unwrap();
        let stamp = FileStamp::default();
        for number in 100..300 {
            heads.keep(&id(number), stamp, header.clone());
        }
        let all = heads.kept().all.len();
        let each = header.octets().len() + "100.x".len() + BESIDE;
        assert_eq!(all, MOST / each);
        assert!(heads.take(&id(100), &stamp).is_some());
        assert!(heads.take(&id(299), &stamp).is_none());
        heads.keep(&id(101), stamp, header.clone());
        assert_eq!(heads.kept().octets, (all - 1) * each);
        let mut kept = heads.kept();
        let later = Instant::now() + AGE;
        kept.sweep(later);
        assert_eq!((kept.all.len(), kept.octets), (0, 0));
    }
}
