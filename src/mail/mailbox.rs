//! Names of mailboxes as people read them.
//!
//! A [`MailboxName`] is Unicode with `/` between levels, whatever the server's delimiter and encoding and whatever
//! the disk's escaping. Level names that hold a `/` themselves have it written as `%2F`.

use std::fmt;
use std::sync::Arc;

/// A mailbox's name: one or more non-empty levels. `INBOX` at the top is always in capitals.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxName(Arc<str>);

impl MailboxName {
    /// A name from its levels; `None` when there is none or one of them is empty.
    pub fn from_levels<'a>(levels: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut text = String::new();
        for (depth, level) in levels.into_iter().enumerate() {
            if level.is_empty() {
                return None;
            }
            if depth > 0 {
                text.push('/');
                text.push_str(&escape_level(level));
            } else if level.eq_ignore_ascii_case("INBOX") {
                text.push_str("INBOX");
            } else {
                text.push_str(&escape_level(level));
            }
        }
        (!text.is_empty()).then(|| Self(text.into()))
    }

    /// Reads a name as a user writes it, `/` between levels.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let levels: Vec<String> = text.split('/').map(unescape_level).collect();
        Self::from_levels(levels.iter().map(String::as_str))
    }

    /// The mailbox every account has.
    #[must_use]
    pub fn inbox() -> Self {
        Self("INBOX".into())
    }

    /// Whether this is INBOX itself.
    #[must_use]
    pub fn is_inbox(&self) -> bool {
        &*self.0 == "INBOX"
    }

    /// The name with `/` between levels.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The levels with their escapes undone: these may hold any character, `/` included.
    pub fn levels(&self) -> impl Iterator<Item = String> + '_ {
        self.0.split('/').map(unescape_level)
    }

    /// The mailbox one level up; `None` at the top.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.0
            .rsplit_once('/')
            .map(|(parent, _)| Self(parent.into()))
    }

    /// Whether this lies below `other` (not: is `other`).
    #[must_use]
    pub fn is_below(&self, other: &Self) -> bool {
        self.0
            .strip_prefix(other.as_str())
            .is_some_and(|rest| rest.starts_with('/'))
    }
}

/// `/` in a level becomes `%2F`; `%` is escaped only where it would read as one of the two escapes.
fn escape_level(level: &str) -> String {
    let mut text = String::with_capacity(level.len());
    for (at, character) in level.char_indices() {
        let rest = level.get(at + 1..).unwrap_or_default();
        let reads_as_escape = || {
            rest.get(..2)
                .is_some_and(|two| two.eq_ignore_ascii_case("2F") || two == "25")
        };
        match character {
            '/' => text.push_str("%2F"),
            '%' if reads_as_escape() => text.push_str("%25"),
            other => text.push(other),
        }
    }
    text
}

fn unescape_level(level: &str) -> String {
    let mut text = String::with_capacity(level.len());
    let mut rest = level;
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        let (character, skip) = match after.get(..2) {
            Some(two) if two.eq_ignore_ascii_case("2F") => ('/', 2),
            Some("25") => ('%', 2),
            _ => ('%', 0),
        };
        text.push(character);
        rest = after.get(skip..).unwrap_or_default();
    }
    text.push_str(rest);
    text
}

impl fmt::Display for MailboxName {
    /// Control characters are escaped: names come from servers and end up on terminals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if character.is_control() {
                write!(f, "{}", character.escape_unicode())?;
            } else {
                write!(f, "{character}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for MailboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// What a mailbox is for (RFC 6154).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpecialUse {
    /// `\All`: every message of the account.
    All,
    /// `\Archive`.
    Archive,
    /// `\Drafts`.
    Drafts,
    /// `\Flagged`: a view of flagged messages.
    Flagged,
    /// `\Junk`.
    Junk,
    /// `\Sent`.
    Sent,
    /// `\Trash`.
    Trash,
}

impl SpecialUse {
    /// Reads a mailbox attribute, backslash included.
    #[must_use]
    pub fn from_wire(attribute: &str) -> Option<Self> {
        let known = [
            ("\\All", Self::All),
            ("\\Archive", Self::Archive),
            ("\\Drafts", Self::Drafts),
            ("\\Flagged", Self::Flagged),
            ("\\Junk", Self::Junk),
            ("\\Sent", Self::Sent),
            ("\\Trash", Self::Trash),
        ];
        known
            .into_iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(attribute))
            .map(|(_, role)| role)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn inbox_has_one_spelling() {
        assert_eq!(MailboxName::parse("inbox").unwrap(), MailboxName::inbox());
        assert_eq!(
            MailboxName::parse("Inbox/Sub").unwrap().as_str(),
            "INBOX/Sub"
        );
        assert!(MailboxName::parse("").is_none());
        assert!(MailboxName::parse("a//b").is_none());
    }

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        let name = MailboxName::parse("a\u{1b}]0;x").unwrap();
        assert_eq!(name.to_string(), "a\\u{1b}]0;x");
    }

    proptest! {
        #[test]
        fn levels_round_trip(levels in proptest::collection::vec("[a-zA-Z/%25Ff. ]{1,8}", 1..4)) {
            let name = MailboxName::from_levels(levels.iter().map(String::as_str)).unwrap();
            let back: Vec<String> = name.levels().collect();
            if levels.first().is_some_and(|top| top.eq_ignore_ascii_case("INBOX")) {
                return Ok(());
            }
            prop_assert_eq!(&back, &levels);
            prop_assert_eq!(MailboxName::parse(name.as_str()).unwrap(), name);
        }
    }
}
