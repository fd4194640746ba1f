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

use std::borrow::Cow;

use mail_parser::parsers::MessageStream;
use mail_parser::{Addr, HeaderValue};

pub use body::{Attachment, Body};
pub use file::{head, read, read_head};

/// The most of a header block that is looked at, in bytes.
pub const HEAD_LIMIT: usize = 256 * 1024;
/// So many fields a header has, mostly.
const USUAL_FIELDS: usize = 32;
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
    /// As it is written, folded and encoded, up to the end of its last field; that ends with a line end.
    block: Box<[u8]>,
    fields: Box<[Field]>,
}

/// Where a field is in the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Field {
    start: usize,
    /// Between its name and its value.
    colon: usize,
    /// Behind its last line.
    end: usize,
}

impl Letter {
    /// Reads a header block; a whole message or its first part will do.
    ///
    /// Lines end with CRLF or LF; the block ends at the first empty line or after [`HEAD_LIMIT`].
    #[must_use]
    pub fn parse(octets: &[u8]) -> Self {
        let octets = octets.get(..HEAD_LIMIT).unwrap_or(octets);
        let fields = fields(octets);
        let end = fields.last().map_or(0, |last| last.end);
        let written = octets.get(..end).unwrap_or_default();
        let mut block = Vec::with_capacity(end + 1);
        block.extend_from_slice(written);
        let mut fields = fields.into_boxed_slice();
        if let Some(last) = fields.last_mut()
            && !written.ends_with(b"\n")
        {
            block.push(b'\n');
            last.end = block.len();
        }
        Self {
            block: block.into_boxed_slice(),
            fields,
        }
    }

    /// So much memory its text takes.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.block.len()
    }

    /// The first header of that name, decoded as text. Names compare without regard to case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        self.raw(name).next().map(|value| text(&value))
    }

    /// All headers of that name, in their order.
    #[must_use]
    pub fn headers(&self, name: &str) -> Vec<String> {
        self.raw(name).map(|value| text(&value)).collect()
    }

    /// The names of all headers, as they are spelled and in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.fields.iter().map(|field| self.name(*field));
        names.map(|name| str::from_utf8(name).unwrap_or_default())
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
            let value = charsets::renamed(&value);
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
        let value = self.raw("Date").next()?;
        match parsed(&value, MessageStream::parse_date)? {
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

    /// In ASCII.
    fn name(&self, field: Field) -> &[u8] {
        let name = self.block.get(field.start..field.colon);
        name.unwrap_or_default().trim_ascii_end()
    }

    fn raw(&self, name: &str) -> impl Iterator<Item = Cow<'_, [u8]>> {
        let name = name.as_bytes();
        let named = move |field: &&Field| self.name(**field).eq_ignore_ascii_case(name);
        self.fields
            .iter()
            .filter(named)
            .map(|field| self.value(*field))
    }

    /// As it is written, with the line end; not more of it than is decoded.
    fn value(&self, field: Field) -> Cow<'_, [u8]> {
        let whole = self.written(field);
        let value = match whole.split_at_checked(VALUE_LIMIT) {
            Some((beginning, rest)) if !rest.is_empty() => Cow::Owned([beginning, b"\n"].concat()),
            _ => Cow::Borrowed(whole),
        };
        if str::from_utf8(&value).is_ok() {
            return value;
        }
        let mut kinds = self.fields.iter();
        let kind = kinds.find(|it| self.name(**it).eq_ignore_ascii_case(b"Content-Type"));
        let decoded = kind.and_then(|kind| charsets::decoded(&value, self.written(*kind)));
        decoded.map_or(value, |text| Cow::Owned(text.into_bytes()))
    }

    fn written(&self, field: Field) -> &[u8] {
        let value = self.block.get(field.colon + 1..field.end);
        value.unwrap_or_default()
    }
}

/// The fields of a header block.
fn fields(octets: &[u8]) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::with_capacity(USUAL_FIELDS);
    let (mut start, mut end, mut goes_on) = (0, 0, false);
    for line in octets.split_inclusive(|byte| *byte == b'\n') {
        if line == b"\n" || line == b"\r\n" {
            break;
        }
        end += line.len();
        if matches!(line.first(), Some(b' ' | b'\t')) {
            if let Some(field) = fields.last_mut().filter(|_| goes_on) {
                field.end = end;
            }
        } else if let Some(colon) = colon(line) {
            if fields.len() == MOST_FIELDS {
                break;
            }
            let colon = start + colon;
            fields.push(Field { start, colon, end });
            goes_on = true;
        } else {
            goes_on = false;
        }
        start = end;
    }
    fields
}

/// Where the name of a line ends that begins a header field; `None` for what is none, such as mbox's `From `.
fn colon(line: &[u8]) -> Option<usize> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = line.get(..colon)?.trim_ascii_end();
    let fine = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    fine.then_some(colon)
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
