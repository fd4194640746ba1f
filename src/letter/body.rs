//! The text of a message, and its attachments.

use std::borrow::Cow;

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::html::html_to_text;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{Encoding, Message, MessageParser, MessagePart, MimeHeaders as _, PartType};

use super::{charsets, clean};

/// The most attachments that are listed.
const MOST_ATTACHMENTS: usize = 1000;
/// With more MIME headers than this a message is not taken apart: nesting needs one for each level.
const MOST_PARTS: usize = 500;

/// The text of a message, and what is attached to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// The text for people; HTML is reduced to text. Lines end with LF.
    pub text: String,
    /// What is attached, in order.
    pub attachments: Vec<Attachment>,
}

/// One attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The file name that it suggests, which is data and no path; empty if there is none.
    pub name: String,
    /// Its media type in lower case, as in `application/pdf`.
    pub kind: String,
    /// Octets after decoding.
    pub size: usize,
}

impl Body {
    /// Takes a whole message apart, or as much of it as was read. At most `limit` bytes of text are kept.
    #[must_use]
    pub fn parse(octets: &[u8], limit: usize) -> Self {
        with_message(octets, |message| Self {
            text: text(message, limit),
            attachments: message
                .attachments()
                .take(MOST_ATTACHMENTS)
                .map(described)
                .collect(),
        })
        .unwrap_or_else(|| Self {
            text: raw_text(octets, limit),
            attachments: Vec::new(),
        })
    }

    /// The content of the attachment with this place in [`Body::attachments`], decoded.
    #[must_use]
    pub fn attachment(octets: &[u8], place: usize) -> Option<Vec<u8>> {
        with_message(octets, |message| {
            message.attachments().nth(place).map(content)
        })?
    }

    /// The contents of all of [`Body::attachments`], decoded: for whoever wants more than one.
    #[must_use]
    pub fn contents(octets: &[u8]) -> Vec<Vec<u8>> {
        with_message(octets, |message| {
            let all = message.attachments().take(MOST_ATTACHMENTS);
            all.map(content).collect()
        })
        .unwrap_or_default()
    }
}

fn content(part: &MessagePart<'_>) -> Vec<u8> {
    match &part.body {
        PartType::Message(inner) => octets_of(part, inner),
        _ => part.contents().to_vec(),
    }
}

/// Parses and hands the message over; `None` if there is nothing to parse or too much nesting.
fn with_message<T>(octets: &[u8], use_it: impl FnOnce(&Message<'_>) -> T) -> Option<T> {
    if too_nested(octets) {
        return None;
    }
    let parse = || {
        let parser = MessageParser::new().with_mime_headers();
        parser.parse(octets).map(|message| use_it(&message))
    };
    // The parser is said never to panic; whoever is wrong, a message must not end the program.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(parse))
        .ok()
        .flatten()
}

/// Whether there may be more levels than the parser's recursion should see.
fn too_nested(octets: &[u8]) -> bool {
    const NAME: &[u8] = b"ontent-";
    octets
        .split(|byte| matches!(byte, b'C' | b'c'))
        .filter(|piece| {
            piece
                .get(..NAME.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(NAME))
        })
        .nth(MOST_PARTS * 3)
        .is_some()
}

fn text(message: &Message<'_>, limit: usize) -> String {
    let mut text = String::new();
    for part in message.text_bodies() {
        if text.len() >= limit {
            break;
        }
        let piece = match &part.body {
            PartType::Text(piece) => read(message, part, piece).replace("\r\n", "\n"),
            PartType::Html(piece) => {
                let piece = read(message, part, piece);
                html_to_text(cut(&piece, limit.saturating_mul(8)))
            }
            _ => continue,
        };
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&piece);
    }
    let end = cut(&text, limit).len();
    text.truncate(end);
    text
}

/// A part's text. Where the parser does not know the charset by the name it has there, it is decoded once more.
fn read<'x>(message: &Message<'_>, part: &MessagePart<'_>, text: &'x str) -> Cow<'x, str> {
    let name = part.content_type().and_then(|it| it.attribute("charset"));
    let Some(decode) = name.and_then(charsets::decoder) else {
        return Cow::Borrowed(text);
    };
    let whole = message.raw_message();
    let raw = whole.get(place(part.offset_body)..place(part.offset_end));
    let raw = raw.unwrap_or_default();
    let octets = match part.encoding {
        Encoding::None => Some(Cow::Borrowed(raw)),
        Encoding::QuotedPrintable => quoted_printable_decode(raw).map(Cow::Owned),
        Encoding::Base64 => base64_decode(raw).map(Cow::Owned),
    };
    octets.map_or(Cow::Borrowed(text), |octets| Cow::Owned(decode(&octets)))
}

fn place(offset: u32) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

fn described(part: &MessagePart<'_>) -> Attachment {
    let default = match &part.body {
        PartType::Text(_) => "text/plain",
        PartType::Html(_) => "text/html",
        PartType::Message(_) => "message/rfc822",
        _ => "application/octet-stream",
    };
    let kind = part.content_type().map_or_else(
        || default.to_owned(),
        |kind| match kind.subtype() {
            Some(subtype) => format!("{}/{subtype}", kind.ctype()),
            None => kind.ctype().to_owned(),
        },
    );
    Attachment {
        name: part.attachment_name().map(clean).unwrap_or_default(),
        kind: clean(&kind).to_lowercase(),
        size: match &part.body {
            PartType::Message(inner) => octets_of(part, inner).len(),
            _ => part.len(),
        },
    }
}

/// The octets of an attached message.
fn octets_of(part: &MessagePart<'_>, inner: &Message<'_>) -> Vec<u8> {
    let whole = inner.raw_message();
    whole
        .get(place(part.offset_body)..place(part.offset_end))
        .unwrap_or(whole)
        .to_vec()
}

/// What follows the first empty line, as it is.
fn raw_text(octets: &[u8], limit: usize) -> String {
    let text = String::from_utf8_lossy(octets).replace("\r\n", "\n");
    let body = text.split_once("\n\n").map_or("", |(_, body)| body);
    cut(body, limit).to_owned()
}

/// The beginning of a text, at most so many bytes.
fn cut(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or(text)
}
