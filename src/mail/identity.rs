//! What makes a message the same message: its name on disk and its content.

use std::fmt;

/// The unique part of a Maildir file name, everything before the `:`. Bytes, because file names are bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalId(Box<[u8]>);

impl LocalId {
    /// Takes the unique part of a file name; `None` if it is empty, hidden, or holds `/`, `:` or NUL.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let hidden = bytes.first().is_none_or(|first| *first == b'.');
        let unsafe_byte = bytes.iter().any(|byte| matches!(byte, b'/' | b':' | 0));
        (!hidden && !unsafe_byte).then(|| Self(bytes.into()))
    }

    /// The bytes of the name.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for LocalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for LocalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// SHA-256 of a message as it is on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.iter().take(4) {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("..")
    }
}

/// SHA-256 of a message's canonical form: its lines ended by CRLF, without the trace headers at its top and without the
/// headers in which mail programs keep notes (see [`ContentHasher`](crate::content::ContentHasher)).
///
/// Two messages with the same one say the same to a reader. Their octets may differ, so nothing that has to be exact
/// (what an upload became, which of two copies came late) is judged by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentDigest(pub [u8; 32]);

impl fmt::Debug for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Digest(self.0).fmt(f)
    }
}

/// What a whole reading tells of a message's content beside its exact octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// The digest of its canonical form.
    pub digest: ContentDigest,
    /// Octets on the wire without the notes of mail programs; trace headers count.
    pub bare: u64,
    /// Whether mbsync has marked it as its copy of a message on the server (`X-TUID`).
    pub copied: bool,
}

/// The first 16 bytes of SHA-256 over the value of the one Message-ID header (trimmed). A filter, never an identity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageIdHash(pub [u8; 16]);

impl fmt::Debug for MessageIdHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.iter().take(4) {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("..")
    }
}

/// What is known of a message's content, from either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// Octets on the wire (with CRLF line ends where the message has them).
    pub size: u64,
    /// Hash of the Message-ID; `None` when there is not exactly one such header.
    pub message_id: Option<MessageIdHash>,
    /// INTERNALDATE or file mtime, in seconds since 1970.
    pub date: i64,
    /// Hash of the whole content; `None` while only headers were looked at.
    pub digest: Option<Digest>,
}
