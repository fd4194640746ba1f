//! Mails for tests, and what is known of their content.

use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use crate::content::ContentHasher;
use crate::mail::{Content, Digest, Identity, MessageIdHash};

/// The octets of a mail as on the wire.
pub type Body = Rc<[u8]>;

/// A small mail that differs from every one with another number.
#[must_use]
pub fn mail(number: u64) -> Body {
    let lines = [
        "From: a@example.org".to_owned(),
        format!("Message-ID: <m{number}@example.org>"),
        format!("Subject: number {number}"),
        String::new(),
        format!("Text of {number}."),
        String::new(),
    ];
    lines.join("\r\n").into_bytes().into()
}

/// A mail without a Message-ID.
#[must_use]
pub fn draft(number: u64) -> Body {
    format!("Subject: draft {number}\r\n\r\nText of {number}.\r\n")
        .into_bytes()
        .into()
}

/// The same mail after somebody edited its text in place: same header, other octets.
#[must_use]
pub fn edited(body: &[u8], edition: u64) -> Body {
    let mut octets = body.to_vec();
    octets.extend_from_slice(format!("Edition {edition}.\r\n").as_bytes());
    octets.into()
}

/// A mail with the header and the length of [`mail`], but other words.
#[must_use]
pub fn alike(number: u64) -> Body {
    let text = String::from_utf8_lossy(&mail(number)).replace("Text of", "Tale of");
    text.into_bytes().into()
}

/// SHA-256 of the octets.
#[must_use]
pub fn digest(body: &[u8]) -> Digest {
    Digest(Sha256::digest(body).into())
}

/// Hash of the one Message-ID header; `None` if there is not exactly one.
#[must_use]
pub fn message_id(body: &[u8]) -> Option<MessageIdHash> {
    let text = String::from_utf8_lossy(body);
    let header = text.split("\r\n\r\n").next().unwrap_or_default();
    let mut found = header.split("\r\n").filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("Message-ID")
            .then_some(value.trim())
    });
    let value = found.next()?;
    if found.next().is_some() {
        return None;
    }
    let hash: [u8; 32] = Sha256::digest(value.as_bytes()).into();
    Some(MessageIdHash(std::array::from_fn(|at| hash[at])))
}

/// What is known of a mail; the digest only where the whole of it was read.
#[must_use]
pub fn identity(body: &[u8], date: i64, whole: bool) -> Identity {
    Identity {
        size: size(body),
        message_id: message_id(body),
        date,
        digest: whole.then(|| digest(body)),
    }
}

/// Its content without what mail programs add.
#[must_use]
pub fn content(body: &[u8]) -> Content {
    let mut hasher = ContentHasher::new();
    hasher.update(body);
    hasher.finish().1
}

/// How many octets it has.
#[must_use]
pub fn size(body: &[u8]) -> u64 {
    u64::try_from(body.len()).unwrap_or(u64::MAX)
}

/// For traces: the subject line, or the beginning of the digest.
#[must_use]
pub fn title(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let subject = text
        .split("\r\n")
        .find_map(|line| line.strip_prefix("Subject: "))
        .map_or_else(|| "?".to_owned(), str::to_owned);
    let editions = text.matches("Edition ").count();
    if editions > 0 {
        format!("{subject}+{editions}")
    } else {
        subject
    }
}
