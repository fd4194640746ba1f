//! The grammar of file names: `unique`, or `unique:2,LETTERS`. Pure; names are bytes.
//!
//! Letters that mean nothing to us survive every change, as does text after a further comma (some programs put
//! their own there).

use std::collections::BTreeSet;

use super::keywords::Keywords;
use crate::mail::{Flag, Flags, Keyword, LocalId};

/// The system flags and `$Forwarded` (`P`) by letter.
const SYSTEM: [(u8, Flag); 5] = [
    (b'D', Flag::Draft),
    (b'F', Flag::Flagged),
    (b'R', Flag::Answered),
    (b'S', Flag::Seen),
    (b'T', Flag::Deleted),
];

/// The letter of `$Forwarded`.
const FORWARDED: u8 = b'P';

/// A file name, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileName<'a> {
    /// Everything before the first `:`.
    pub unique: &'a [u8],
    /// The letters after `:2,`; empty with no or another info.
    pub letters: &'a [u8],
    /// What follows the letters, its comma included.
    pub trailer: &'a [u8],
}

impl<'a> FileName<'a> {
    /// Takes a name apart; `None` if it cannot be a message's (hidden or without a unique part).
    pub fn parse(name: &'a [u8]) -> Option<Self> {
        let colon = name.iter().position(|byte| *byte == b':');
        let (unique, info) = name.split_at(colon.unwrap_or(name.len()));
        if unique.first().is_none_or(|first| *first == b'.') {
            return None;
        }
        let rest = info.strip_prefix(b":2,").unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == b',');
        let (letters, trailer) = rest.split_at(end.unwrap_or(rest.len()));
        Some(Self {
            unique,
            letters,
            trailer,
        })
    }

    /// The unique part as an id.
    pub fn id(&self) -> Option<LocalId> {
        LocalId::new(self.unique)
    }

    /// What the letters say.
    pub fn flags(&self, keywords: &Keywords) -> Flags {
        let mut flags = Flags::new();
        for letter in self.letters {
            if let Some(flag) = system_flag(*letter) {
                flags.set(flag);
            } else if *letter == FORWARDED {
                flags.set_keyword(Keyword::forwarded());
            } else if let Some(keyword) = keywords.named(*letter) {
                flags.set_keyword(keyword.clone());
            }
        }
        flags
    }

    /// The letters that mean nothing in a folder with these keywords.
    fn unknown<'k>(&self, keywords: &'k Keywords) -> impl Iterator<Item = u8> + use<'a, 'k> {
        let known = move |letter: u8| {
            system_flag(letter).is_some() || letter == FORWARDED || keywords.named(letter).is_some()
        };
        self.letters
            .iter()
            .copied()
            .filter(move |letter| !known(*letter))
    }

    /// The same file's name in `cur/` with other flags.
    pub fn relabelled(&self, flags: &Flags, keywords: &Keywords) -> Vec<u8> {
        self.moved(flags, keywords, keywords)
    }

    /// Its name in `cur/` of another folder: letters that meant nothing here must not mean something there.
    pub fn moved(&self, flags: &Flags, here: &Keywords, there: &Keywords) -> Vec<u8> {
        let mut letters = letters_of(flags, there);
        let foreign = |letter: &u8| there.named(*letter).is_none();
        letters.extend(self.unknown(here).filter(foreign));
        join(self.unique, &letters, self.trailer)
    }
}

/// The letters for these flags, as far as there are any.
pub(super) fn letters_of(flags: &Flags, keywords: &Keywords) -> BTreeSet<u8> {
    let system = SYSTEM
        .into_iter()
        .filter(|(_, flag)| flags.has(*flag))
        .map(|(letter, _)| letter);
    let shown = flags.keywords().filter_map(|keyword| {
        if keyword.as_str().eq_ignore_ascii_case(Keyword::FORWARDED) {
            Some(FORWARDED)
        } else {
            keywords.letter(keyword)
        }
    });
    system.chain(shown).collect()
}

/// A name in `cur/`.
pub(super) fn in_cur(id: &LocalId, letters: &BTreeSet<u8>) -> Vec<u8> {
    join(id.as_bytes(), letters, b"")
}

fn join(unique: &[u8], letters: &BTreeSet<u8>, trailer: &[u8]) -> Vec<u8> {
    let mut name = Vec::with_capacity(unique.len() + 3 + letters.len() + trailer.len());
    name.extend_from_slice(unique);
    name.extend_from_slice(b":2,");
    name.extend(letters);
    name.extend_from_slice(trailer);
    name
}

/// Info parts worth trying before a whole directory is listed: every mix of the six letters that programs set.
pub(super) fn likely_infos() -> impl Iterator<Item = Vec<u8>> {
    const LETTERS: [u8; 6] = *b"DFPRST";
    (0u8..64).map(|mix| {
        let chosen = LETTERS
            .into_iter()
            .enumerate()
            .filter(move |(bit, _)| mix & (1 << bit) != 0)
            .map(|(_, letter)| letter);
        b":2,".iter().copied().chain(chosen).collect()
    })
}

fn system_flag(letter: u8) -> Option<Flag> {
    SYSTEM
        .into_iter()
        .find(|(known, _)| *known == letter)
        .map(|(_, flag)| flag)
}

/// A host as it may stand in a unique name: no `/`, `:` or control characters, and no dot in front.
pub(super) fn host_part(host: &str) -> String {
    let mut part = String::with_capacity(host.len());
    for character in host.chars().filter(|character| !character.is_control()) {
        match character {
            '/' => part.push_str("\\057"),
            ':' => part.push_str("\\072"),
            other => part.push(other),
        }
        if part.len() >= 64 {
            break;
        }
    }
    if part.is_empty() {
        part.push_str("localhost");
    }
    part
}

/// A name for a file of ours: `<seconds>.R<32 hexadecimal digits>.<host>`.
pub(super) fn own_name(seconds: u64, random: u128, host: &str) -> Option<LocalId> {
    LocalId::new(format!("{seconds}.R{random:032x}.{host}").as_bytes())
}

/// What the name of a file that is not in its place yet begins with; 32 hexadecimal digits follow.
const BEFORE: &str = ".mailferry.";

/// A name for a file of ours until it is whole: hidden, so that nobody takes it for a message.
pub(super) fn temporary(random: u128) -> Vec<u8> {
    format!("{BEFORE}{random:032x}").into_bytes()
}

/// Whether a file of this name may be one that never got to its place.
pub(super) fn is_temporary(name: &[u8]) -> bool {
    let digits = name.strip_prefix(BEFORE.as_bytes());
    digits.is_some_and(|digits| digits.len() == 32 && digits.iter().all(u8::is_ascii_hexdigit))
}

/// Whether a name is one of ours, and if so the seconds in it.
pub(super) fn own_seconds(name: &[u8]) -> Option<u64> {
    let mut parts = name.splitn(3, |byte| *byte == b'.');
    let seconds = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
    let random = parts.next()?.strip_prefix(b"R")?;
    let ours = random.len() == 32
        && random
            .iter()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte));
    (ours && parts.next().is_some_and(|host| !host.is_empty())).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(name: &[u8]) -> FileName<'_> {
        FileName::parse(name).unwrap()
    }

    #[test]
    fn a_leftover_is_known_by_its_name() {
        assert!(is_temporary(&temporary(5)));
        for name in [".mailferry", ".mailferry.5", "1.M2P3.host"] {
            assert!(!is_temporary(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn letters_are_flags() {
        let none = Keywords::default();
        let flags = parse(b"1.x.h:2,DFPRST").flags(&none);
        assert_eq!(
            flags.to_string(),
            "\\Answered \\Deleted \\Draft \\Flagged \\Seen $Forwarded"
        );
        assert_eq!(
            letters_of(&flags, &none),
            b"DFPRST".iter().copied().collect()
        );
    }

    #[test]
    fn odd_names_are_read_without_flags() {
        let none = Keywords::default();
        for name in [
            &b"plain"[..],
            b"x:1,S",
            b"x:3,S",
            b"x:",
            b"x:2",
            b"a,S=12:2,",
            b"\xff\xfe\n:2,",
        ] {
            assert!(parse(name).flags(&none).is_empty(), "{name:?}");
        }
        for name in [&b""[..], b".hidden:2,S", b":2,S"] {
            assert_eq!(FileName::parse(name), None);
        }
    }

    #[test]
    fn what_we_do_not_know_survives() {
        let keywords = Keywords::parse(b"0 Work\n");
        let name = parse(b"x:2,zSaQ,extra=1");
        assert_eq!(name.flags(&keywords).to_string(), "\\Seen Work");
        let now = name.relabelled(&Flags::new().with(Flag::Flagged), &keywords);
        assert_eq!(now, b"x:2,FQz,extra=1");
        let there = Keywords::parse(b"25 Other\n");
        let moved = name.moved(&Flags::new(), &keywords, &there);
        assert_eq!(moved, b"x:2,Q,extra=1");
    }

    #[test]
    fn a_host_cannot_break_a_name() {
        let host = host_part("a/b:c\n\u{1b}d");
        assert_eq!(host, "a\\057b\\072cd");
        let id = own_name(17, 5, &host).unwrap();
        assert_eq!(own_seconds(id.as_bytes()), Some(17));
        assert_eq!(own_seconds(b"17.M5P1.host"), None);
        assert_eq!(own_seconds(b"17.R0123.host"), None);
    }

    #[test]
    fn likely_infos_hold_the_common_ones() {
        let all: Vec<Vec<u8>> = likely_infos().collect();
        assert_eq!(all.len(), 64);
        for info in [&b":2,"[..], b":2,S", b":2,RS", b":2,FS"] {
            assert!(all.iter().any(|known| known == info));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_parse_and_relabel_twice_is_once(
            name in proptest::collection::vec(any::<u8>(), 1..40),
            bits in any::<u8>(),
        ) {
            let none = Keywords::default();
            let Some(parsed) = FileName::parse(&name) else { return Ok(()); };
            let flags = Flags::from_parts(bits, []);
            let once = parsed.relabelled(&flags, &none);
            let again = parse(&once);
            prop_assert_eq!(again.unique, parsed.unique);
            prop_assert_eq!(again.flags(&none), flags.clone());
            prop_assert_eq!(again.relabelled(&flags, &none), once);
        }
    }
}
