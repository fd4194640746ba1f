//! What both adapters must compute alike over a message's octets: the digest, and the hash of its Message-ID.
//!
//! Pure. Knows nothing about sockets and files; an octet is an octet as it is on the wire.

use std::borrow::Cow;

use sha2::{Digest as _, Sha256};

use crate::mail::{Digest, MessageIdHash};

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
