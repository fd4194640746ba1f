//! What another program has noted of a folder that it filled: which file is which message, and with which flags it left
//! both.

use std::collections::{BTreeMap, BTreeSet};

use crate::mail::{Flags, LocalId, Uid, UidValidity};

/// A file is the copy of this message, says another program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The message.
    pub uid: Uid,
    /// What both sides had when that program last ran, where it notes that.
    pub flags: Option<Flags>,
    /// So many octets it puts into what it copies, to know it again.
    pub added: u64,
}

/// One program's notes of one folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The UIDVALIDITY that its UIDs belong to.
    pub uidvalidity: UidValidity,
    /// What it says of files.
    pub files: Vec<(LocalId, Claim)>,
}

/// What may be believed of such notes: they are about the mailbox as it is now, and no two of them contradict each other.
///
/// That a file is the message that is claimed is not proven by it yet: what both sides are known to be has to agree.
#[must_use]
pub fn believed(notes: Vec<Claims>, uidvalidity: Option<UidValidity>) -> BTreeMap<LocalId, Claim> {
    let now = notes
        .into_iter()
        .filter(|claims| uidvalidity == Some(claims.uidvalidity));
    let mut found: BTreeMap<LocalId, Claim> = BTreeMap::new();
    let mut doubtful = BTreeSet::new();
    for (file, claim) in now.flat_map(|claims| claims.files) {
        match found.get(&file) {
            Some(other) if other.uid != claim.uid => {
                doubtful.extend([other.uid, claim.uid]);
            }
            Some(_) => {}
            None => {
                found.insert(file, claim);
            }
        }
    }
    let mut once = BTreeSet::new();
    for claim in found.values() {
        if !once.insert(claim.uid) {
            doubtful.insert(claim.uid);
        }
    }
    found.retain(|_, claim| !doubtful.contains(&claim.uid));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::Flag;

    fn file(name: &str) -> LocalId {
        LocalId::new(name.as_bytes()).unwrap()
    }

    fn claims(uidvalidity: u32, files: &[(&str, u32)]) -> Claims {
        let claim = |uid| Claim {
            uid: Uid::new(uid).unwrap(),
            flags: Some(Flags::new().with(Flag::Seen)),
            added: 0,
        };
        Claims {
            uidvalidity: UidValidity::new(uidvalidity).unwrap(),
            files: files
                .iter()
                .map(|(name, uid)| (file(name), claim(*uid)))
                .collect(),
        }
    }

    fn names(notes: Vec<Claims>, uidvalidity: u32) -> Vec<(String, u32)> {
        let found = believed(notes, UidValidity::new(uidvalidity));
        let pairs = found.iter();
        pairs
            .map(|(file, claim)| (file.to_string(), claim.uid.get()))
            .collect()
    }

    #[test]
    fn only_notes_of_this_uidvalidity_count() {
        let notes = || vec![claims(7, &[("a", 1)]), claims(8, &[("b", 2)])];
        assert_eq!(names(notes(), 7), [("a".to_owned(), 1)]);
        assert_eq!(names(notes(), 9), []);
        assert!(believed(notes(), None).is_empty());
    }

    #[test]
    fn files_and_messages_that_are_claimed_twice_are_not_believed() {
        let twice = vec![claims(7, &[("a", 1), ("b", 1), ("c", 2)])];
        assert_eq!(names(twice, 7), [("c".to_owned(), 2)]);
        let apart = vec![
            claims(7, &[("a", 1), ("c", 2)]),
            claims(7, &[("a", 3), ("d", 3)]),
        ];
        assert_eq!(names(apart, 7), [("c".to_owned(), 2)]);
        let same = vec![claims(7, &[("a", 1)]), claims(7, &[("a", 1)])];
        assert_eq!(names(same, 7), [("a".to_owned(), 1)]);
    }
}
