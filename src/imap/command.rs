//! Writes commands. Whatever goes into one is an atom by its type, or quoted, or a literal: nothing can break out.

use super::error::Error;
use crate::mail::Flags;

/// UID sets in commands are at most this long, so that lines stay below 4,000 octets (RFC 7162 section 4, and many
/// servers' 8,192).
pub(crate) const SET_LIMIT: usize = 3500;

/// One command without its tag and line end.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    /// Its name, for messages to people.
    pub name: &'static str,
    text: Vec<u8>,
}

impl Command {
    /// A command of fixed text.
    pub fn new(name: &'static str, text: &str) -> Self {
        Self {
            name,
            text: text.as_bytes().to_vec(),
        }
    }

    /// Adds fixed text, numbers, sets or flags, which are atoms by their types.
    #[must_use]
    pub fn text(mut self, text: impl std::fmt::Display) -> Self {
        self.text.extend_from_slice(text.to_string().as_bytes());
        self
    }

    /// Adds a string: quoted if it can be, as a literal that needs no permission (`{n+}`) if it cannot and the server
    /// takes those.
    ///
    /// A name with raw 8-bit octets comes from the server's own LIST; to a server without non-synchronizing literals
    /// it goes back quoted, as it came.
    ///
    /// # Errors
    /// [`Error::Protocol`] if it holds a line end or NUL, which no quoted string can.
    pub fn string(mut self, octets: &[u8], literal_plus: bool, utf8: bool) -> Result<Self, Error> {
        if octets.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')) {
            return Err(Error::Protocol {
                what: "a name holds a line end",
                line: super::error::Words::new(octets),
            });
        }
        if literal_plus && !utf8 && !octets.is_ascii() {
            self.text
                .extend_from_slice(format!("{{{}+}}\r\n", octets.len()).as_bytes());
            self.text.extend_from_slice(octets);
            return Ok(self);
        }
        self.text.push(b'"');
        for byte in octets {
            if matches!(byte, b'"' | b'\\') {
                self.text.push(b'\\');
            }
            self.text.push(*byte);
        }
        self.text.push(b'"');
        Ok(self)
    }

    /// Adds a flag list in parentheses.
    #[must_use]
    pub fn flags(self, flags: &Flags) -> Self {
        self.text(format_args!("({flags})"))
    }

    /// Its octets, tag and line end excluded.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &[u8], plus: bool, utf8: bool) -> Vec<u8> {
        Command::new("SELECT", "SELECT ")
            .string(name, plus, utf8)
            .unwrap()
            .text
    }

    #[test]
    fn a_name_cannot_break_out() {
        assert_eq!(written(b"x\" BYE", false, false), b"SELECT \"x\\\" BYE\"");
        assert_eq!(written(b"a\\", true, false), b"SELECT \"a\\\\\"");
        assert_eq!(written(b"{5}", true, false), b"SELECT \"{5}\"");
        assert_eq!(written(b"\xe9", true, false), b"SELECT {1+}\r\n\xe9");
        assert_eq!(written(b"\xe9", false, false), b"SELECT \"\xe9\"");
        assert_eq!(
            written("é".as_bytes(), true, true),
            "SELECT \"é\"".as_bytes()
        );
        let evil = Command::new("SELECT", "SELECT ").string(b"x\r\nA1 DELETE INBOX", true, true);
        assert!(evil.is_err());
    }
}
