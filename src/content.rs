//! What both adapters must compute alike over a message's octets: the digest, and the hash of its Message-ID.
//!
//! Pure. Knows nothing about sockets and files; an octet is an octet as it is on the wire.

mod canonical;

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

use crate::mail::{Digest, MessageIdHash};

pub use canonical::ContentHasher;

/// How much of a header is looked at, in bytes.
const HEADER_LIMIT: usize = 64 * 1024;
/// A Message-ID longer than the longest line RFC 5322 allows is none.
const VALUE_LIMIT: usize = 998;

/// Computes a [`Digest`] octet by octet.
#[derive(Clone, Debug, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// A hasher that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes some more octets.
    pub fn update(&mut self, octets: &[u8]) {
        self.0.update(octets);
    }

    /// The digest of all octets seen.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

/// Lines that POP3 servers add to a letter or change in it between two sessions.
const RESTLESS: [&[u8]; 3] = [b"status", b"x-status", b"x-uidl"];

/// Computes a digest over a letter's header: its lines up to the first empty one, whatever their ends, without those
/// that servers add. What follows the header is not looked at, so that a whole letter and its TOP give the same.
#[derive(Clone, Debug, Default)]
pub struct HeaderHasher {
    digest: Sha256,
    line: Vec<u8>,
    left_out: bool,
    over: bool,
}

impl HeaderHasher {
    /// Takes some more octets of the letter.
    pub fn update(&mut self, octets: &[u8]) {
        let mut rest = octets;
        while !self.over && !rest.is_empty() {
            let room = HEADER_LIMIT - self.line.len();
            let part = rest.get(..room).unwrap_or(rest);
            let end = part.iter().position(|octet| *octet == b'\n');
            let used = end.map_or(part.len(), |at| at + 1);
            let (now, later) = rest.split_at(used);
            self.line.extend_from_slice(now);
            rest = later;
            // A line without end is taken in pieces, the same however it comes.
            if end.is_some() || self.line.len() >= HEADER_LIMIT {
                self.take_line();
            }
        }
    }

    /// The digest of what was seen.
    #[must_use]
    pub fn finish(mut self) -> Digest {
        self.take_line();
        Digest(self.digest.finalize().into())
    }

    fn take_line(&mut self) {
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match line.first() {
            None => self.over = !self.line.is_empty() || self.over,
            Some(b' ' | b'\t') if self.left_out => {}
            Some(_) => {
                let name = line.split(|octet| *octet == b':').next().unwrap_or(line);
                let name = name.trim_ascii();
                self.left_out = RESTLESS.iter().any(|it| name.eq_ignore_ascii_case(it));
                if !self.left_out {
                    self.digest.update(line);
                    self.digest.update(b"\n");
                }
            }
        }
        self.line.clear();
    }
}

/// Hashes the value of the one Message-ID header of a raw header block, unfolded and trimmed.
///
/// Lines end with CRLF or LF; the block ends at the first empty line or after 64 KiB, so a whole message or its first
/// part will do. `None` if there is no such header, more than one, or one whose value is empty or above 998 bytes.
#[must_use]
pub fn message_id_hash(header: &[u8]) -> Option<MessageIdHash> {
    let block = header.get(..HEADER_LIMIT).unwrap_or(header);
    let mut found: Option<Cow<'_, [u8]>> = None;
    let mut inside = false;
    for line in block.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match line.first() {
            None => break,
            Some(b' ' | b'\t') => {
                if let (true, Some(value)) = (inside, &mut found) {
                    value.to_mut().extend_from_slice(line);
                }
            }
            Some(_) => {
                let value = message_id_value(line);
                inside = value.is_some();
                if inside && found.is_some() {
                    return None;
                }
                found = found.or_else(|| value.map(Cow::Borrowed));
            }
        }
    }
    let value = found?;
    let value = value.trim_ascii();
    if value.is_empty() || value.len() > VALUE_LIMIT {
        return None;
    }
    let whole: [u8; 32] = Sha256::digest(value).into();
    whole.first_chunk::<16>().copied().map(MessageIdHash)
}

/// What follows the colon, if this line begins a Message-ID header.
fn message_id_value(line: &[u8]) -> Option<&[u8]> {
    const NAME: &[u8] = b"message-id";
    let (name, rest) = line.split_at_checked(NAME.len())?;
    if !name.eq_ignore_ascii_case(NAME) {
        return None;
    }
    rest.trim_ascii_start().strip_prefix(b":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_sha_256_whatever_the_pieces() {
        let mut hasher = Hasher::new();
        hasher.update(b"a");
        hasher.update(b"bc");
        let digest = hasher.finish();
        assert_eq!(
            digest.0[..4],
            [0xba, 0x78, 0x16, 0xbf],
            "the test vector of FIPS 180"
        );
    }

    fn header(pieces: &[&[u8]]) -> Digest {
        let mut hasher = HeaderHasher::default();
        pieces.iter().for_each(|piece| hasher.update(piece));
        hasher.finish()
    }

    #[test]
    fn a_header_is_the_same_with_and_without_its_body_and_what_servers_add() {
        let whole = header(&[b"A: b\r\n c\r\n\r\nbody\r\n"]);
        for other in [
            &[&b"A: b\r\n c\r\n\r\n"[..]][..],
            &[b"A: b\n c\n"],
            &[b"A:", b" b\r", b"\n c\r\n", b"\r", b"\nmore"],
            &[b"A: b\r\n c\r\nStatus: RO\r\nX-UIDL: x\r\n y\r\n\r\n"],
        ] {
            assert_eq!(header(other), whole);
        }
        assert_ne!(header(&[b"A: b\r\n d\r\n\r\n"]), whole);
        assert_ne!(header(&[b"A: b\r\n\r\n"]), whole);
        let long = [b'x'; 3 * HEADER_LIMIT];
        assert_eq!(header(&[&long]), header(&[&long[..5], &long[5..]]));
    }

    #[test]
    fn line_ends_folding_case_and_margins_make_no_difference() {
        let plain = message_id_hash(b"Message-ID: <a@b>\r\n\r\n");
        assert!(plain.is_some());
        for other in [
            &b"Subject: x\nmessage-id:<a@b>\n\nMessage-ID: <body@x>\n"[..],
            b"Message-Id:\r\n <a@b>\r\nTo: c\r\n d\r\n\r\n",
            b"MESSAGE-ID : <a@b> \t\r\n",
            b"Message-ID: <a@b>",
        ] {
            assert_eq!(message_id_hash(other), plain, "{}", other.escape_ascii());
        }
        assert_ne!(message_id_hash(b"Message-ID: <b@a>\r\n"), plain);
    }

    #[test]
    fn none_two_empty_or_overlong_identify_nothing() {
        let long = [&b"Message-ID: <"[..], &[b'x'; 1000], b">\r\n\r\n"].concat();
        for header in [
            &b""[..],
            b"\r\nMessage-ID: <a@b>\r\n",
            b"X-Message-ID: <a@b>\r\n\r\n",
            b"Message-ID: <a@b>\r\nMessage-ID: <a@b>\r\n\r\n",
            b"Message-ID:\r\n\r\n",
            b"Message-ID: \r\n \r\n\r\n",
            b" Message-ID: <a@b>\r\n",
            &long,
        ] {
            assert_eq!(message_id_hash(header), None, "{}", header.escape_ascii());
        }
    }
}
