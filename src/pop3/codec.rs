//! What a POP3 server sends, taken apart: no I/O, bounded memory, each octet looked at once.

mod capabilities;
mod letter;
mod lines;
mod listing;
mod reply;

pub use capabilities::Capabilities;
pub use letter::{Step, Unstuffer};
pub use lines::Lines;
pub use listing::Listing;
pub use reply::{Code, Reply};

/// A server that does not speak POP3, or does so without end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A line without an end.
    #[error("the server sent a line of more than {0} octets")]
    LongLine(usize),
    /// Neither `+OK`, `-ERR` nor `+ `.
    #[error("the server's answer is neither +OK nor -ERR: {0}")]
    NotAReply(Shown),
    /// A line of a listing that cannot be read: nothing may be concluded from the rest.
    #[error("the server's {command} has a line that cannot be read: {line}")]
    Listing {
        /// `LIST` or `UIDL`.
        command: &'static str,
        /// The line.
        line: Shown,
    },
    /// A number that is listed twice, or by UIDL alone.
    #[error("the server's {command} names letter {number}, which it cannot have")]
    Number {
        /// `LIST` or `UIDL`.
        command: &'static str,
        /// The letter.
        number: u32,
    },
    /// More letters, or more of a capability list, than anybody has.
    #[error("the server's {command} has more than {limit} lines")]
    TooMany {
        /// `LIST` or `CAPA`.
        command: &'static str,
        /// The limit.
        limit: usize,
    },
}

/// A server's words, safe to show: at most 200 octets, everything but printable ASCII escaped.
#[derive(Clone, PartialEq, Eq)]
pub struct Shown(String);

impl Shown {
    /// Makes octets from a server presentable.
    #[must_use]
    pub fn new(octets: &[u8]) -> Self {
        let some = octets.get(..200).unwrap_or(octets);
        Self(some.escape_ascii().to_string())
    }
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The line of a multi-line response without the dot it was stuffed with; `None` if it is the last one, the single
/// dot (RFC 1939 section 3).
#[must_use]
pub fn unstuffed(line: &[u8]) -> Option<&[u8]> {
    match line {
        b"." => None,
        [b'.', rest @ ..] => Some(rest),
        _ => Some(line),
    }
}
