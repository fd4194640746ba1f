//! Flags and keywords, one model for both sides.
//!
//! The five system flags are bits. Everything else is a keyword, `$Forwarded` (Maildir `P`) included.
//! Keywords compare without regard to case (RFC 9051 section 2.3.2) and keep the spelling they came with.
//! `\Recent` belongs to a session, not to a message, and never gets here.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

/// One of the five system flags (RFC 9051 section 2.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Flag {
    /// `\Answered`, Maildir `R`.
    Answered = 1,
    /// `\Deleted`, Maildir `T`.
    Deleted = 2,
    /// `\Draft`, Maildir `D`.
    Draft = 4,
    /// `\Flagged`, Maildir `F`.
    Flagged = 8,
    /// `\Seen`, Maildir `S`.
    Seen = 16,
}

impl Flag {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Answered,
        Self::Deleted,
        Self::Draft,
        Self::Flagged,
        Self::Seen,
    ];

    /// The name on the wire, backslash included.
    #[must_use]
    pub fn wire(self) -> &'static str {
        match self {
            Self::Answered => "\\Answered",
            Self::Deleted => "\\Deleted",
            Self::Draft => "\\Draft",
            Self::Flagged => "\\Flagged",
            Self::Seen => "\\Seen",
        }
    }

    fn bit(self) -> u8 {
        self as u8
    }
}

/// A keyword that is safe to send as an atom.
#[derive(Clone)]
pub struct Keyword(Box<str>);

impl Keyword {
    /// `$Forwarded`, which Maildir writes as `P`.
    pub const FORWARDED: &'static str = "$Forwarded";

    /// Takes a keyword if it is an IMAP atom (RFC 9051 `flag-keyword`) of at most 255 bytes.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.len() <= 255;
        let atom = |byte: u8| byte.is_ascii_graphic() && !b"(){%*\"\\]".contains(&byte);
        (fits && text.bytes().all(atom)).then(|| Self(text.into()))
    }

    /// The keyword `$Forwarded`.
    #[must_use]
    pub fn forwarded() -> Self {
        Self(Self::FORWARDED.into())
    }

    /// The keyword as it was spelled.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Keyword {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Keyword {}

impl PartialOrd for Keyword {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Keyword {
    fn cmp(&self, other: &Self) -> Ordering {
        let lower = |text: &Self| {
            text.0
                .bytes()
                .map(|b| b.to_ascii_lowercase())
                .collect::<Vec<_>>()
        };
        lower(self).cmp(&lower(other))
    }
}

impl fmt::Display for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A message's flags and keywords.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flags {
    system: u8,
    // Boxed so that the common case, no keyword, costs one word in each of 100,000 rows.
    #[allow(
        clippy::box_collection,
        reason = "one word instead of three in each of 100,000 rows"
    )]
    keywords: Option<Box<BTreeSet<Keyword>>>,
}

impl Flags {
    /// No flag at all.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.system == 0 && self.keywords.is_none()
    }

    /// Whether a system flag is set.
    #[must_use]
    pub fn has(&self, flag: Flag) -> bool {
        self.system & flag.bit() != 0
    }

    /// Whether a keyword is set, in any spelling.
    #[must_use]
    pub fn has_keyword(&self, keyword: &Keyword) -> bool {
        self.keywords
            .as_ref()
            .is_some_and(|all| all.contains(keyword))
    }

    /// Sets a system flag.
    pub fn set(&mut self, flag: Flag) {
        self.system |= flag.bit();
    }

    /// Clears a system flag.
    pub fn clear(&mut self, flag: Flag) {
        self.system &= !flag.bit();
    }

    /// Sets a keyword; one that is there keeps its spelling.
    pub fn set_keyword(&mut self, keyword: Keyword) {
        self.keywords.get_or_insert_default().insert(keyword);
    }

    /// Clears a keyword.
    pub fn clear_keyword(&mut self, keyword: &Keyword) {
        if let Some(all) = &mut self.keywords {
            all.remove(keyword);
            if all.is_empty() {
                self.keywords = None;
            }
        }
    }

    /// The same flags with one more.
    #[must_use]
    pub fn with(mut self, flag: Flag) -> Self {
        self.set(flag);
        self
    }

    /// The same flags with one more keyword.
    #[must_use]
    pub fn with_keyword(mut self, keyword: Keyword) -> Self {
        self.set_keyword(keyword);
        self
    }

    /// The system flags that are set.
    pub fn system(&self) -> impl Iterator<Item = Flag> + '_ {
        Flag::ALL.into_iter().filter(|flag| self.has(*flag))
    }

    /// The keywords that are set, in case-insensitive order.
    pub fn keywords(&self) -> impl Iterator<Item = &Keyword> + '_ {
        self.keywords.iter().flat_map(|all| all.iter())
    }

    /// The system flags as a number, for storage; the inverse of [`Flags::from_parts`].
    #[must_use]
    pub fn system_bits(&self) -> u8 {
        self.system
    }

    /// Flags from stored parts; unknown bits are dropped.
    #[must_use]
    pub fn from_parts(bits: u8, keywords: impl IntoIterator<Item = Keyword>) -> Self {
        let known = Flag::ALL.iter().fold(0, |all, flag| all | flag.bit());
        let keywords: BTreeSet<Keyword> = keywords.into_iter().collect();
        Self {
            system: bits & known,
            keywords: (!keywords.is_empty()).then(|| Box::new(keywords)),
        }
    }

    /// What is set in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let keywords = self.keywords().chain(other.keywords()).cloned();
        Self::from_parts(self.system | other.system, keywords)
    }

    /// What is set here and not in `other`.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        let keywords = self
            .keywords()
            .filter(|keyword| !other.has_keyword(keyword))
            .cloned();
        Self::from_parts(self.system & !other.system, keywords)
    }

    /// What is set in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let keywords = self
            .keywords()
            .filter(|keyword| other.has_keyword(keyword))
            .cloned();
        Self::from_parts(self.system & other.system, keywords)
    }

    /// What must be added and removed to get from here to `target`.
    #[must_use]
    pub fn delta_to(&self, target: &Self) -> FlagDelta {
        FlagDelta {
            add: target.minus(self),
            remove: self.minus(target),
        }
    }

    /// Reads one flag as a server writes it; `\Recent`, `\*` and what is no flag are ignored.
    pub fn insert_wire(&mut self, text: &str) {
        let system = Flag::ALL
            .into_iter()
            .find(|flag| flag.wire().eq_ignore_ascii_case(text));
        if let Some(flag) = system {
            self.set(flag);
        } else if text.eq_ignore_ascii_case("Forwarded") {
            self.set_keyword(Keyword::forwarded());
        } else if let Some(keyword) = Keyword::new(text) {
            self.set_keyword(keyword);
        }
    }
}

impl fmt::Display for Flags {
    /// As in a flag list on the wire, without the parentheses.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self
            .system()
            .map(|flag| -> &str { flag.wire() })
            .chain(self.keywords().map(Keyword::as_str))
            .collect();
        f.write_str(&names.join(" "))
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({self})")
    }
}

/// A change of flags, the only form in which flags are ever sent (RFC 4549 section 4.2.3).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlagDelta {
    /// Flags to set.
    pub add: Flags,
    /// Flags to clear.
    pub remove: Flags,
}

impl FlagDelta {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }

    /// The flags after this change.
    #[must_use]
    pub fn apply(&self, flags: &Flags) -> Flags {
        flags.minus(&self.remove).union(&self.add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_ignore_case_and_keep_their_spelling() {
        let mut flags = Flags::new().with_keyword(Keyword::new("Work").unwrap());
        flags.set_keyword(Keyword::new("WORK").unwrap());
        assert_eq!(flags.to_string(), "Work");
        flags.clear_keyword(&Keyword::new("work").unwrap());
        assert!(flags.is_empty());
    }

    #[test]
    fn a_keyword_is_an_atom() {
        for bad in [
            "",
            "a b",
            "a\r\nA1 DELETE INBOX",
            "\\Seen",
            "x]",
            "na\u{ef}ve",
            "{5}",
        ] {
            assert!(Keyword::new(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn the_wire_form_reads_back() {
        let mut flags = Flags::new();
        for name in ["\\seen", "\\Recent", "\\*", "$Forwarded", "Junk"] {
            flags.insert_wire(name);
        }
        assert_eq!(flags.to_string(), "\\Seen $Forwarded Junk");
    }

    #[test]
    fn a_delta_leads_to_its_target() {
        let from = Flags::new()
            .with(Flag::Seen)
            .with_keyword(Keyword::forwarded());
        let to = Flags::new().with(Flag::Flagged);
        let delta = from.delta_to(&to);
        assert_eq!(delta.apply(&from), to);
        assert!(to.delta_to(&to).is_empty());
    }
}
