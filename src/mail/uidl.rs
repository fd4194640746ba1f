//! The name a POP3 server gives a letter for as long as it has it.

use std::fmt;

/// The longest name that is taken, in octets. RFC 1939 section 7 allows 70; servers are known that give more.
const LONGEST: usize = 255;

/// A unique-id (RFC 1939 section 7). Two letters with the same content may share one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uidl(Box<str>);

impl Uidl {
    /// Takes printable ASCII without spaces, at most 255 octets; `None` for anything else.
    #[must_use]
    pub fn new(octets: &[u8]) -> Option<Self> {
        let fits = (1..=LONGEST).contains(&octets.len());
        if !fits || !octets.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        std::str::from_utf8(octets)
            .ok()
            .map(|text| Self(text.into()))
    }

    /// The text of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Uidl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Uidl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uidl_is_printable_and_not_endless() {
        assert_eq!(Uidl::new(b"0000~!x").unwrap().as_str(), "0000~!x");
        assert!(Uidl::new(&[b'a'; 255]).is_some());
        for bad in [&b""[..], b"a b", b"a\0", b"\xe4", b"\x7f", &[b'a'; 256]] {
            assert_eq!(Uidl::new(bad), None);
        }
    }
}
