//! LIST and UIDL put together into what the maildrop holds.

use std::collections::BTreeMap;

use super::{Error, Shown};
use crate::mail::Uidl;
use crate::sync::ListedLetter;

/// More letters than a maildrop has that anybody empties by POP3.
const LIMIT: usize = 200_000;

/// All letters: first the lines of LIST, then those of UIDL.
#[derive(Debug, Default)]
pub struct Listing {
    letters: BTreeMap<u32, (u64, Option<Uidl>)>,
}

impl Listing {
    /// Takes a line of LIST (RFC 1939 section 5); what follows number and size is ignored.
    ///
    /// # Errors
    /// A line that is none, a number that was there already, more than 200,000 letters.
    pub fn add_size(&mut self, line: &[u8]) -> Result<(), Error> {
        let command = "LIST";
        let mut words = words(line);
        let number = words.next().and_then(decimal);
        let number = number.and_then(|number| u32::try_from(number).ok());
        let (Some(number @ 1..), Some(size)) = (number, words.next().and_then(decimal)) else {
            return Err(unreadable(command, line));
        };
        if self.letters.len() >= LIMIT {
            return Err(Error::TooMany {
                command,
                limit: LIMIT,
            });
        }
        match self.letters.insert(number, (size, None)) {
            None => Ok(()),
            Some(_) => Err(Error::Number { command, number }),
        }
    }

    /// Takes a line of UIDL (RFC 1939 section 7). A letter whose name is none stays without.
    ///
    /// # Errors
    /// A line that is none, a letter that LIST did not have, or that has its name already.
    pub fn add_uidl(&mut self, line: &[u8]) -> Result<(), Error> {
        let command = "UIDL";
        let mut words = words(line);
        let number = words.next().and_then(decimal);
        let Some(number) = number.and_then(|number| u32::try_from(number).ok()) else {
            return Err(unreadable(command, line));
        };
        let (name, more) = (words.next(), words.next());
        match self.letters.get_mut(&number) {
            Some((_, uidl @ None)) => {
                *uidl = name.filter(|_| more.is_none()).and_then(Uidl::new);
                Ok(())
            }
            _ => Err(Error::Number { command, number }),
        }
    }

    /// The letters in the order of their numbers.
    pub fn into_letters(self) -> impl Iterator<Item = ListedLetter> {
        let letters = self.letters.into_iter();
        letters.map(|(number, (size, uidl))| ListedLetter { number, size, uidl })
    }
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|octet| *octet == b' ')
        .filter(|word| !word.is_empty())
}

/// Digits only: no sign, no overflow.
fn decimal(word: &[u8]) -> Option<u64> {
    let digits = word.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(word).ok().filter(|_| digits)?;
    text.parse().ok()
}

fn unreadable(command: &'static str, line: &[u8]) -> Error {
    Error::Listing {
        command,
        line: Shown::new(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(sizes: &[&str], uidls: &[&str]) -> Result<Vec<ListedLetter>, Error> {
        let mut listing = Listing::default();
        for line in sizes {
            listing.add_size(line.as_bytes())?;
        }
        for line in uidls {
            listing.add_uidl(line.as_bytes())?;
        }
        Ok(listing.into_letters().collect())
    }

    #[test]
    fn both_lists_make_one() {
        let letters = listing(&["2 20 extra", "1 10", "4 0"], &["4 d d", "1 a", "2 a"]).unwrap();
        let brief: Vec<_> = letters
            .iter()
            .map(|one| (one.number, one.size, one.uidl.as_ref().map(Uidl::as_str)))
            .collect();
        assert_eq!(
            brief,
            [(1, 10, Some("a")), (2, 20, Some("a")), (4, 0, None)]
        );
    }

    #[test]
    fn a_line_that_cannot_be_read_spoils_the_list() {
        for line in [
            "",
            "1",
            "0 5",
            "x 5",
            "1 +5",
            "1 -5",
            "4294967296 1",
            "1 99999999999999999999",
        ] {
            assert!(listing(&[line], &[]).is_err(), "{line}");
        }
        assert!(listing(&["1 5", "1 5"], &[]).is_err());
        for uidl in ["", "x a", "2 a", "-1 a"] {
            assert!(listing(&["1 5"], &[uidl]).is_err(), "{uidl}");
        }
        assert!(listing(&["1 5"], &["1 a", "1 b"]).is_err());
    }

    #[test]
    fn more_letters_than_a_maildrop_has_are_refused() {
        let mut listing = Listing::default();
        let refused =
            (1..=LIMIT + 1).find_map(|n| listing.add_size(format!("{n} 1").as_bytes()).err());
        let command = "LIST";
        assert_eq!(
            refused,
            Some(Error::TooMany {
                command,
                limit: LIMIT
            })
        );
    }
}
