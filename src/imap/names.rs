//! Mailbox names on the wire and as people read them.
//!
//! A name whose wire form does not follow from it (invalid modified UTF-7, raw 8-bit, another spelling of INBOX) is
//! remembered, so that the mailbox stays reachable under the bytes the server itself used.

mod namespace;
mod utf7;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use self::namespace::Namespace;
use super::error::Error;
use super::response::Personal;
use crate::mail::MailboxName;
use crate::sync::Naming;

/// The longest name that is taken, in octets on the wire: nobody has longer ones, and no path holds them.
const LONGEST: usize = 2000;

/// What is known of one server's names; clones share it, so that every connection of an account can.
#[derive(Clone, Debug, Default)]
pub struct Names(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    /// `None` until a LIST has told; `Some(None)` if names have no levels.
    delimiter: Option<Option<u8>>,
    /// Wire forms that do not follow from the name.
    odd: HashMap<MailboxName, Vec<u8>>,
    namespace: Namespace,
}

impl Book {
    /// The name that belongs to a wire form.
    fn decode(&self, wire: &[u8], delimiter: Option<u8>, utf8: bool) -> Option<MailboxName> {
        let inbox = MailboxName::inbox();
        if let Some(rest) = self.namespace.strip(wire, self.delimiter.flatten()) {
            let short = decode(rest, delimiter, utf8)?;
            // Without its prefix this would be INBOX itself, or seem to be below it.
            if short != inbox && !short.is_below(&inbox) {
                return Some(short);
            }
        }
        decode(wire, delimiter, utf8)
    }

    /// The wire form that follows from a name. With a prefix, nothing is called `INBOX/...`.
    fn encode(&self, name: &MailboxName, utf8: bool) -> Result<Vec<u8>, Error> {
        let delimiter = self.delimiter.flatten();
        let mut wire = match name.is_inbox() {
            true => Vec::new(),
            false => self.namespace.prefix(delimiter),
        };
        if !wire.is_empty() && name.is_below(&MailboxName::inbox()) {
            return Err(Error::BelowInbox(name.clone()));
        }
        wire.extend(encode(name, delimiter, utf8).ok_or_else(|| Error::Name(name.clone()))?);
        Ok(wire)
    }

    /// Changes what is known of the namespace. Where names are others after it, LIST tells them anew.
    fn change(&mut self, change: impl FnOnce(&mut Namespace)) {
        let before = self.namespace.prefix(self.delimiter.flatten());
        change(&mut self.namespace);
        if self.namespace.prefix(self.delimiter.flatten()) != before {
            self.odd.clear();
        }
    }
}

impl Names {
    /// Takes over what LIST said of one mailbox. `None` if it has no name we could use: empty levels, or control
    /// characters that no command could carry.
    ///
    /// `utf8` tells whether UTF8=ACCEPT is on (RFC 6855).
    pub(crate) fn learn(
        &self,
        wire: &[u8],
        delimiter: Option<u8>,
        utf8: bool,
    ) -> Option<MailboxName> {
        let unusable = |byte: &u8| matches!(byte, 0 | b'\r' | b'\n');
        if wire.len() > LONGEST || wire.iter().any(unusable) {
            return None;
        }
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if book.delimiter.is_none_or(|known| known.is_none()) {
            book.delimiter = Some(delimiter);
        }
        let name = book.decode(wire, delimiter, utf8)?;
        if book.encode(&name, utf8).is_ok_and(|usual| usual == wire) {
            book.odd.remove(&name);
        } else {
            book.odd.insert(name.clone(), wire.to_vec());
        }
        Some(name)
    }

    /// The name of a mailbox that the server mentions without having been asked; nothing is remembered. `None` as of
    /// [`Names::learn`].
    pub(crate) fn recognise(&self, wire: &[u8], utf8: bool) -> Option<MailboxName> {
        let book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let odd = book.odd.iter().find(|(_, known)| *known == wire);
        if let Some((name, _)) = odd {
            return Some(name.clone());
        }
        book.decode(wire, book.delimiter.flatten(), utf8)
    }

    /// The name with the prefix of the personal namespace, where [`Names::learn`] gives it without.
    pub(crate) fn full(
        &self,
        wire: &[u8],
        delimiter: Option<u8>,
        utf8: bool,
    ) -> Option<MailboxName> {
        let book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full = decode(wire, delimiter, utf8)?;
        let name = book.decode(wire, delimiter, utf8)?;
        (full != name).then_some(full)
    }

    /// Takes over what NAMESPACE said (RFC 2342): the first personal namespace, if there is one.
    pub(crate) fn learn_namespace(&self, personal: Option<&Personal>) {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(delimiter) = personal.and_then(|personal| personal.delimiter) {
            book.delimiter = Some(Some(delimiter));
        }
        book.change(|namespace| namespace.told(personal));
    }

    /// Whether NAMESPACE was answered.
    pub(crate) fn knows_namespace(&self) -> bool {
        let book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        book.namespace.is_told()
    }

    /// Takes over all that LIST listed (wire forms and delimiters), before any of it is learnt: from a server without
    /// NAMESPACE this shows whether it has a prefix.
    pub(crate) fn survey<'a>(&self, listed: impl Iterator<Item = (&'a [u8], Option<u8>)> + Clone) {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        book.change(|namespace| namespace.survey(listed));
    }

    /// How mailboxes are called from now on.
    pub(crate) fn set_naming(&self, naming: Option<Naming>) {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        book.change(|namespace| namespace.naming = naming);
    }

    /// How mailboxes are called, if that is decided.
    pub(crate) fn naming(&self) -> Option<Naming> {
        let book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        book.namespace.naming
    }

    /// Whether a LIST has told how levels are delimited.
    pub(crate) fn knows_delimiter(&self) -> bool {
        let book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        book.delimiter.is_some()
    }

    /// Takes over the hierarchy delimiter alone.
    pub(crate) fn learn_delimiter(&self, delimiter: Option<u8>) {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        book.delimiter = Some(delimiter);
    }

    /// Whether a name can only be written once the delimiter is known.
    pub(crate) fn needs_delimiter(&self, name: &MailboxName) -> bool {
        let book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        book.delimiter.is_none() && !book.odd.contains_key(name) && !name.is_inbox()
    }

    /// The name as the server wants it.
    ///
    /// # Errors
    /// [`Error::Name`] if a level holds the delimiter, or there are levels and no delimiter; [`Error::BelowInbox`] where
    /// the server has a prefix and the name begins with INBOX.
    pub(crate) fn wire(&self, name: &MailboxName, utf8: bool) -> Result<Vec<u8>, Error> {
        let book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wire) = book.odd.get(name) {
            return Ok(wire.clone());
        }
        book.encode(name, utf8)
    }

    /// Forgets odd forms of a name and what is below it, after it was renamed.
    pub(crate) fn forget(&self, name: &MailboxName) {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        book.odd.retain(|odd, _| odd != name && !odd.is_below(name));
    }
}

fn decode(wire: &[u8], delimiter: Option<u8>, utf8: bool) -> Option<MailboxName> {
    let trimmed = match delimiter {
        Some(byte) => wire.strip_suffix(&[byte]).unwrap_or(wire),
        None => wire,
    };
    let levels: Vec<String> = match delimiter {
        Some(byte) => trimmed
            .split(|other| *other == byte)
            .map(|level| decode_level(level, utf8))
            .collect(),
        None => vec![decode_level(trimmed, utf8)],
    };
    MailboxName::from_levels(levels.iter().map(String::as_str))
}

/// One level as text: what is not valid shows its raw octets, as UTF-8 or else as `%XX`.
fn decode_level(wire: &[u8], utf8: bool) -> String {
    let strict = if utf8 {
        std::str::from_utf8(wire).ok().map(str::to_owned)
    } else {
        utf7::decode(wire)
    };
    strict.unwrap_or_else(|| {
        let mut text = String::new();
        for chunk in wire.utf8_chunks() {
            text.push_str(chunk.valid());
            for byte in chunk.invalid() {
                text.push_str(&format!("%{byte:02X}"));
            }
        }
        text
    })
}

fn encode(name: &MailboxName, delimiter: Option<u8>, utf8: bool) -> Option<Vec<u8>> {
    let mut wire = Vec::new();
    for (depth, level) in name.levels().enumerate() {
        if depth > 0 {
            wire.push(delimiter?);
        }
        let level = if utf8 { level } else { utf7::encode(&level) };
        let fits = |byte: u8| Some(byte) != delimiter && !byte.is_ascii_control();
        if !level.bytes().all(fits) {
            return None;
        }
        wire.extend_from_slice(level.as_bytes());
    }
    Some(wire)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wire(names: &Names, text: &str) -> Option<String> {
        let name = MailboxName::parse(text).unwrap();
        names
            .wire(&name, false)
            .ok()
            .map(|wire| String::from_utf8(wire).unwrap())
    }

    #[test]
    fn levels_follow_the_servers_delimiter() {
        let names = Names::default();
        let name = names
            .learn(b"Work.&AOk-t&AOk-.a/b", Some(b'.'), false)
            .unwrap();
        assert_eq!(name.as_str(), "Work/été/a%2Fb");
        assert_eq!(
            wire(&names, "Work/été/a%2Fb").unwrap(),
            "Work.&AOk-t&AOk-.a/b"
        );
        assert_eq!(
            wire(&names, "a/b.c"),
            None,
            "a level cannot hold the delimiter"
        );
    }

    #[test]
    fn a_mailbox_that_is_mentioned_is_recognised_and_not_remembered() {
        let names = Names::default();
        assert!(!names.knows_delimiter());
        let odd = names.learn(b"caf\xe9.x", Some(b'.'), false).unwrap();
        assert!(names.knows_delimiter());
        assert_eq!(names.recognise(b"caf\xe9.x", false).unwrap(), odd);
        let other = names.recognise(b"B&AOk-.caf\xe8", false).unwrap();
        assert_eq!(other.as_str(), "Bé/caf%E8");
        assert_eq!(names.recognise(b"..", false), None);
        assert_eq!(names.0.lock().unwrap().odd.len(), 1);
    }

    #[test]
    fn odd_names_stay_reachable_as_the_server_wrote_them() {
        let names = Names::default();
        for odd in [&b"a/&AC8-"[..], b"caf\xe9", b"inbox/Sub", b"&x"] {
            let name = names.learn(odd, Some(b'/'), false).unwrap();
            assert_eq!(names.wire(&name, false).unwrap(), odd);
        }
        assert!(names.learn(b"x\r\nA DELETE y", Some(b'/'), false).is_none());
        assert!(names.learn(b"x//y", Some(b'/'), false).is_none());
    }

    #[test]
    fn without_a_delimiter_there_are_no_levels() {
        let names = Names::default();
        assert!(names.needs_delimiter(&MailboxName::parse("a/b").unwrap()));
        names.learn(b"INBOX", None, false).unwrap();
        assert_eq!(wire(&names, "a/b"), None);
        assert_eq!(wire(&names, "inbox").unwrap(), "INBOX");
    }

    #[test]
    fn utf8_is_written_as_it_is() {
        let names = Names::default();
        let name = names.learn("é/&-".as_bytes(), Some(b'/'), true).unwrap();
        assert_eq!(name.as_str(), "é/&-");
        assert_eq!(names.wire(&name, true).unwrap(), "é/&-".as_bytes());
    }

    proptest! {
        #[test]
        fn every_listed_name_leads_back(
            wire in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'&'), Just(b'.'), Just(b'-'), Just(b'A')], 1..16),
            utf8 in any::<bool>(),
        ) {
            let names = Names::default();
            if let Some(name) = names.learn(&wire, Some(b'.'), utf8) {
                prop_assert_eq!(names.wire(&name, utf8).unwrap(), wire);
            }
        }
    }
}
