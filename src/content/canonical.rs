//! The content of a message, whatever mail programs and delivery agents have added to it.
//!
//! Mail programs write headers of their own into the files of a Maildir: mutt adds `Content-Length` and `Lines` to what it
//! saves, mbsync adds `X-TUID`, getmail puts `Delivered-To` and `Received` on top. The canonical form of a message lacks
//! these headers and the trace headers at its top, and its lines end with CRLF. All else is in it octet for octet: every
//! other header and the whole body.

use sha2::{Digest as _, Sha256};

use crate::mail::{Content, ContentDigest, Digest};

/// Headers that mail programs keep their own notes in, wherever they are in the header.
const NOTES: [&[u8]; 8] = [
    b"content-length",
    b"lines",
    b"status",
    b"x-status",
    b"x-keywords",
    b"x-uid",
    b"x-uidl",
    b"x-tuid",
];
/// Headers that begin with this are notes as well.
const NOTES_PREFIX: &[u8] = b"x-mozilla-";
/// The header with which mbsync marks what it has copied.
const COPY_MARK: &[u8] = b"x-tuid";
/// Headers that a delivery puts on top of what it delivers (RFC 5322 section 3.6.7, RFC 9228, and what Postfix, Exim and
/// getmail call theirs). They are left out only where nothing else is above them.
const TRACE: [&[u8]; 7] = [
    b"return-path",
    b"received",
    b"delivered-to",
    b"x-original-to",
    b"envelope-to",
    b"delivery-date",
    b"x-getmail-retrieved-from-mailbox",
];
/// Names longer than this are none of the above. In bytes.
const NAME_LIMIT: usize = 64;

/// Computes the digest of a message's octets and, in the same reading, its canonical content.
///
/// Both are the same computation until something is left out or a line end is changed, so that a message without such
/// headers is hashed once.
#[derive(Clone, Debug, Default)]
pub struct ContentHasher {
    sums: Sums,
    place: Place,
    /// The beginning of a header line whose name is not complete.
    name: Vec<u8>,
    /// Something else than trace headers and notes was there before.
    below_trace: bool,
    /// What was done with the header before this line.
    last: Fate,
    /// Whether the octet before was a CR.
    after_cr: bool,
    copied: bool,
}

/// Where in the message the next octet is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// In the first octets of a header line.
    #[default]
    Name,
    /// In the rest of a header line.
    Rest(Fate),
    Body,
}

/// What becomes of a header in the canonical form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fate {
    #[default]
    Kept,
    Trace,
    Note,
}

impl ContentHasher {
    /// A hasher that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes some more octets.
    pub fn update(&mut self, octets: &[u8]) {
        let mut rest = octets;
        while !rest.is_empty() {
            rest = match self.place {
                Place::Name => self.name(rest),
                Place::Rest(fate) => self.rest(rest, fate),
                Place::Body => {
                    self.lines(rest);
                    &[]
                }
            };
        }
    }

    /// The digest of all octets seen, and their canonical content.
    #[must_use]
    pub fn finish(mut self) -> (Digest, Content) {
        let name = std::mem::take(&mut self.name);
        self.sums.keep(&name);
        let Sums {
            exact,
            canonical,
            bare,
        } = self.sums;
        let exact: [u8; 32] = exact.finalize().into();
        let canonical = canonical.map_or(exact, |sum| sum.finalize().into());
        let content = Content {
            digest: ContentDigest(canonical),
            bare,
            copied: self.copied,
        };
        (Digest(exact), content)
    }

    /// Collects the name of a header until it is known what becomes of the line.
    fn name<'o>(&mut self, octets: &'o [u8]) -> &'o [u8] {
        for (at, octet) in octets.iter().enumerate() {
            let folded = self.name.is_empty() && matches!(octet, b' ' | b'\t');
            let complete = matches!(octet, b':' | b'\n') || self.name.len() >= NAME_LIMIT;
            if folded || complete {
                let fate = if folded {
                    self.last
                } else {
                    self.judge(*octet)
                };
                self.below_trace |= fate == Fate::Kept;
                let over = *octet == b'\n' && matches!(self.name.as_slice(), b"" | b"\r");
                let name = std::mem::take(&mut self.name);
                self.after_cr = name.last() == Some(&b'\r');
                self.sums.take(&name, fate);
                self.last = fate;
                self.place = Place::Rest(fate);
                // The octet itself, a line feed perhaps, is read as the rest of the line.
                let rest = octets.get(at..).unwrap_or_default();
                if over {
                    self.place = Place::Body;
                }
                return rest;
            }
            self.name.push(*octet);
        }
        &[]
    }

    /// What becomes of a header, once its name was read up to the octet after it.
    fn judge(&mut self, after: u8) -> Fate {
        let name = self.name.trim_ascii_end();
        let is = |known: &&[u8]| name.eq_ignore_ascii_case(known);
        let prefix = name.get(..NOTES_PREFIX.len()).unwrap_or_default();
        if after != b':' {
            return Fate::Kept;
        }
        if NOTES.iter().any(is) || prefix.eq_ignore_ascii_case(NOTES_PREFIX) {
            self.copied |= name.eq_ignore_ascii_case(COPY_MARK);
            return Fate::Note;
        }
        if !self.below_trace && TRACE.iter().any(is) {
            Fate::Trace
        } else {
            Fate::Kept
        }
    }

    /// The rest of a header line, with its end.
    fn rest<'o>(&mut self, octets: &'o [u8], fate: Fate) -> &'o [u8] {
        let end = memchr::memchr(b'\n', octets);
        let (line, rest) = octets.split_at(end.map_or(octets.len(), |at| at + 1));
        if end.is_some() {
            self.place = Place::Name;
        }
        match fate {
            Fate::Kept => self.lines(line),
            Fate::Trace | Fate::Note => self.sums.take(line, fate),
        }
        self.after_cr = line.last() == Some(&b'\r');
        rest
    }

    /// Octets that stay, with CRLF for each LF that stands alone.
    fn lines(&mut self, octets: &[u8]) {
        let mut from = 0;
        for at in memchr::memchr_iter(b'\n', octets) {
            let before = at.checked_sub(1).and_then(|before| octets.get(before));
            let follows_cr = before.map_or(self.after_cr, |before| *before == b'\r');
            if !follows_cr {
                self.sums.keep(octets.get(from..at).unwrap_or_default());
                self.sums.put_in(b"\r");
                from = at;
            }
        }
        self.sums.keep(octets.get(from..).unwrap_or_default());
        self.after_cr = octets.last() == Some(&b'\r');
    }
}

/// The two digests, one computation as long as they are the same.
#[derive(Clone, Debug, Default)]
struct Sums {
    exact: Sha256,
    canonical: Option<Sha256>,
    /// Octets, line ends as CRLF, without notes.
    bare: u64,
}

impl Sums {
    fn take(&mut self, octets: &[u8], fate: Fate) {
        match fate {
            Fate::Kept => self.keep(octets),
            Fate::Trace | Fate::Note => {
                if !octets.is_empty() {
                    self.canonical();
                    self.exact.update(octets);
                }
                if fate == Fate::Trace {
                    self.bare += octets.len() as u64;
                }
            }
        }
    }

    fn keep(&mut self, octets: &[u8]) {
        self.bare += octets.len() as u64;
        self.exact.update(octets);
        if let Some(canonical) = &mut self.canonical {
            canonical.update(octets);
        }
    }

    fn put_in(&mut self, octets: &[u8]) {
        self.bare += octets.len() as u64;
        self.canonical().update(octets);
    }

    fn canonical(&mut self) -> &mut Sha256 {
        self.canonical.get_or_insert_with(|| self.exact.clone())
    }
}

#[cfg(test)]
mod tests;
