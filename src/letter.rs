//! What a message says, as text: decoded headers, the text of its body, its attachments.
//!
//! For those who show mail or judge it (hooks, notifications); the sync never looks inside. Any octets will do, in any
//! charset: what cannot be read becomes empty or has replacement characters. Bounded in size and in nesting. Knows nothing
//! of accounts, folders and flags.

mod body;
mod charsets;
mod file;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
#[cfg(test)]
mod tests;

use mail_parser::parsers::MessageStream;
use mail_parser::{Addr, HeaderValue};

pub use body::{Attachment, Body};
pub use file::{read, read_head};

/// The most of a header block that is looked at, in bytes.
pub const HEAD_LIMIT: usize = 256 * 1024;
/// The most header fields that are kept.
const MOST_FIELDS: usize = 2000;
/// The most addresses that are kept of one header.
const MOST_ADDRESSES: usize = 1000;
/// The longest value that is decoded, in bytes.
const VALUE_LIMIT: usize = 64 * 1024;

/// A person or a list: a name for people, and an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// As it is shown; empty if there is none.
    pub name: String,
    /// As in `alice@example.com`; empty if there is none.
    pub address: String,
}

impl Address {
    /// The name, or else the address.
    #[must_use]
    pub fn shown(&self) -> &str {
        if self.name.is_empty() {
            &self.address
        } else {
            &self.name
        }
    }
}

/// The header of a message. Values are decoded when they are asked for; they hold no control characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Letter {
    /// Names as they are spelled, and values as they are written, folded and encoded, with the line end.
    fields: Vec<(Box<str>, Box<[u8]>)>,
}

impl Letter {
    /// Reads a header block; a whole message or its first part will do.
    ///
    /// Lines end with CRLF or LF; the block ends at the first empty line or after [`HEAD_LIMIT`].
    #[must_use]
    pub fn parse(octets: &[u8]) -> Self {
        let block = octets.get(..HEAD_LIMIT).unwrap_or(octets);
        let mut fields: Vec<(Box<str>, Vec<u8>)> = Vec::new();
        for line in block.split_inclusive(|byte| *byte == b'\n') {
            if line == b"\n" || line == b"\r\n" {
                break;
            }
            if matches!(line.first(), Some(b' ' | b'\t')) {
                if let Some((_, value)) = fields.last_mut() {
                    value.extend_from_slice(line);
                }
            } else if let Some((name, value)) = split(line) {
                if fields.len() == MOST_FIELDS {
                    break;
                }
                fields.push((name, value.to_vec()));
            }
        }
        let sealed = |mut value: Vec<u8>| {
            value.truncate(VALUE_LIMIT);
            if value.last() != Some(&b'\n') {
                value.push(b'\n');
            }
            value.into_boxed_slice()
        };
        Self {
            fields: fields
                .into_iter()
                .map(|(name, value)| (name, sealed(value)))
                .collect(),
        }
    }

    /// The first header of that name, decoded as text. Names compare without regard to case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        self.raw(name).next().map(text)
    }

    /// All headers of that name, in their order.
    #[must_use]
    pub fn headers(&self, name: &str) -> Vec<String> {
        self.raw(name).map(text).collect()
    }

    /// The names of all headers, as they are spelled and in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| &**name)
    }

    /// Who wrote it.
    #[must_use]
    pub fn from(&self) -> Option<Address> {
        self.addresses("From").into_iter().next()
    }

    /// To whom it goes.
    #[must_use]
    pub fn to(&self) -> Vec<Address> {
        self.addresses("To")
    }

    /// Who gets a copy.
    #[must_use]
    pub fn cc(&self) -> Vec<Address> {
        self.addresses("Cc")
    }

    /// The addresses of all headers of that name, members of groups included.
    #[must_use]
    pub fn addresses(&self, name: &str) -> Vec<Address> {
        let mut found = Vec::new();
        for value in self.raw(name) {
            let value = charsets::renamed(value);
            let Some(HeaderValue::Address(list)) = parsed(&value, MessageStream::parse_address)
            else {
                continue;
            };
            let room = MOST_ADDRESSES - found.len();
            found.extend(list.iter().take(room).map(address));
        }
        found
    }

    /// What it is about; empty if it does not say.
    #[must_use]
    pub fn subject(&self) -> String {
        self.header("Subject").unwrap_or_default()
    }

    /// When it was written, by its own account; seconds since 1970.
    #[must_use]
    pub fn date(&self) -> Option<i64> {
        match parsed(self.raw("Date").next()?, MessageStream::parse_date)? {
            HeaderValue::DateTime(date) if date.is_valid() => Some(date.to_timestamp()),
            _ => None,
        }
    }

    /// Its Message-ID without the angle brackets.
    #[must_use]
    pub fn message_id(&self) -> Option<String> {
        let value = self.header("Message-ID")?;
        let inside = bracketed(&value).unwrap_or(&value).trim();
        (!inside.is_empty()).then(|| inside.to_owned())
    }

    /// The identifier of its mailing list (RFC 2919), without the angle brackets and in lower case.
    #[must_use]
    pub fn list_id(&self) -> Option<String> {
        let value = self.header("List-Id")?;
        let inside = bracketed(&value).unwrap_or(&value).trim();
        (!inside.is_empty()).then(|| inside.to_lowercase())
    }

    fn raw(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.fields
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| &**value)
    }
}

/// Name and value of a line that begins a header field; `None` for what is none, such as mbox's `From `.
fn split(line: &[u8]) -> Option<(Box<str>, &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    let name = name.trim_ascii_end();
    let fine = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    let name = str::from_utf8(name).ok().filter(|_| fine)?;
    Some((name.into(), value.get(1..)?))
}

/// Runs one of the parser's readers. It is said never to panic; whoever is wrong, a message must not end the program.
fn parsed<'x>(
    value: &'x [u8],
    read: impl FnOnce(&mut MessageStream<'x>) -> HeaderValue<'x>,
) -> Option<HeaderValue<'x>> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        read(&mut MessageStream::new(value))
    }))
    .ok()
}

fn text(value: &[u8]) -> String {
    match parsed(&charsets::renamed(value), MessageStream::parse_unstructured) {
        Some(HeaderValue::Text(text)) => clean(&text),
        _ => String::new(),
    }
}

fn address(found: &Addr<'_>) -> Address {
    let part = |text: &Option<_>| text.as_deref().map(clean).unwrap_or_default();
    Address {
        name: part(&found.name),
        address: part(&found.address),
    }
}

/// Control characters, which an encoded word can smuggle in, become spaces; no space at the ends.
fn clean(text: &str) -> String {
    let text = text.trim();
    if text.chars().any(char::is_control) {
        let spaced: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        return spaced.trim().to_owned();
    }
    text.to_owned()
}

/// What stands between the last angle brackets.
fn bracketed(text: &str) -> Option<&str> {
    let (_, rest) = text.rsplit_once('<')?;
    rest.split_once('>').map(|(inside, _)| inside)
}
