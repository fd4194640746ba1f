//! Dovecot's `dovecot-keywords`: which keyword the letters `a` to `z` stand for in one folder.
//!
//! The file is read and never written. A keyword that got a letter through us would look, on every other file of the
//! folder that has the keyword in the base but no letter for it, as if the user had taken it away.

use std::collections::BTreeSet;

use crate::mail::Keyword;
use crate::sync::KeywordScope;

/// The file's name inside a folder.
pub(super) const FILE: &str = "dovecot-keywords";

/// Keywords by letter.
#[derive(Clone, Debug, Default)]
pub(super) struct Keywords {
    by_letter: Vec<(u8, Keyword)>,
}

impl Keywords {
    /// Reads `<index> <keyword>` per line; what does not fit is skipped, the first of two equals counts.
    pub fn parse(text: &[u8]) -> Self {
        let mut all = Self::default();
        for line in text.split(|byte| *byte == b'\n') {
            let Some((letter, keyword)) = parse_line(line) else {
                continue;
            };
            if all.named(letter).is_none() && all.letter(&keyword).is_none() {
                all.by_letter.push((letter, keyword));
            }
        }
        all
    }

    /// The keyword that a letter stands for.
    pub fn named(&self, letter: u8) -> Option<&Keyword> {
        self.by_letter
            .iter()
            .find(|(known, _)| *known == letter)
            .map(|(_, keyword)| keyword)
    }

    /// The letter of a keyword.
    pub fn letter(&self, keyword: &Keyword) -> Option<u8> {
        self.by_letter
            .iter()
            .find(|(_, known)| known == keyword)
            .map(|(letter, _)| *letter)
    }

    /// What file names of this folder can show.
    pub fn scope(&self) -> KeywordScope {
        let lettered: BTreeSet<Keyword> = self
            .by_letter
            .iter()
            .map(|(_, keyword)| keyword.clone())
            .collect();
        KeywordScope { lettered }
    }
}

fn parse_line(line: &[u8]) -> Option<(u8, Keyword)> {
    let text = std::str::from_utf8(line).ok()?.trim_end_matches('\r');
    let (index, keyword) = text.split_once(' ')?;
    let index: u8 = index.parse().ok().filter(|index| *index < 26)?;
    // `$Forwarded` has its own letter, `P`, everywhere.
    let keyword = Keyword::new(keyword).filter(|keyword| *keyword != Keyword::forwarded())?;
    Some((b'a' + index, keyword))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_do_not_fit_are_skipped() {
        let text = b"0 $Junk\r\n1 Work\n26 Late\nx Bad\n2 two words\n1 Again\n3 WORK\n\n";
        let keywords = Keywords::parse(text);
        assert_eq!(keywords.named(b'a').unwrap().as_str(), "$Junk");
        assert_eq!(keywords.letter(&Keyword::new("work").unwrap()), Some(b'b'));
        assert_eq!(keywords.scope().lettered.len(), 2);
    }
}
