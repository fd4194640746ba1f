//! The server's messages (RFC 5802 section 7). What is not exactly in their grammar is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Broken;

/// No honest message is longer.
const LONGEST: usize = 4096;

/// `r=<nonce>,s=<salt>,i=<rounds>`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ServerFirst<'a> {
    /// The whole message, as it is signed.
    pub(super) text: &'a str,
    pub(super) nonce: &'a str,
    pub(super) salt: Vec<u8>,
    pub(super) rounds: u32,
}

/// `v=<signature>` or `e=<error>`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ServerFinal {
    Signature(Vec<u8>),
    Error,
}

fn text(message: &[u8]) -> Result<&str, Broken> {
    if message.len() > LONGEST {
        return Err(Broken::Message("too long"));
    }
    std::str::from_utf8(message).map_err(|_| Broken::Message("not UTF-8"))
}

impl<'a> ServerFirst<'a> {
    pub(super) fn parse(message: &'a [u8]) -> Result<Self, Broken> {
        let text = text(message)?;
        if text.starts_with("m=") {
            return Err(Broken::Message("an extension that nobody here knows"));
        }
        let mut parts = text.split(',');
        let mut attribute = |name: &'static str| {
            let part = parts.next().and_then(|part| part.strip_prefix(name));
            part.ok_or(Broken::Message("an attribute is missing"))
        };
        let (nonce, salt, rounds) = (attribute("r=")?, attribute("s=")?, attribute("i=")?);
        if !nonce.bytes().all(|octet| octet.is_ascii_graphic()) {
            return Err(Broken::Message("a nonce with other characters"));
        }
        let salt = STANDARD.decode(salt).ok().filter(|salt| !salt.is_empty());
        let digits = !rounds.is_empty() && rounds.bytes().all(|octet| octet.is_ascii_digit());
        let rounds = digits.then(|| rounds.parse().unwrap_or(u32::MAX));
        extensions(parts)?;
        Ok(Self {
            text,
            nonce,
            salt: salt.ok_or(Broken::Message("no salt"))?,
            rounds: rounds.ok_or(Broken::Message("no number of rounds"))?,
        })
    }
}

impl ServerFinal {
    pub(super) fn parse(message: &[u8]) -> Result<Self, Broken> {
        let mut parts = text(message)?.split(',');
        let first = parts.next().unwrap_or_default();
        extensions(parts)?;
        if first.starts_with("e=") {
            return Ok(Self::Error);
        }
        let signature = first.strip_prefix("v=");
        let signature = signature.and_then(|text| STANDARD.decode(text).ok());
        signature
            .map(Self::Signature)
            .ok_or(Broken::Message("no signature"))
    }
}

/// Further attributes are passed over, unless they make no sense (`attr-val` in the grammar).
fn extensions<'a>(mut parts: impl Iterator<Item = &'a str>) -> Result<(), Broken> {
    let is_attribute = |part: &str| {
        let mut octets = part.bytes();
        octets
            .next()
            .is_some_and(|octet| octet.is_ascii_alphabetic())
            && octets.next() == Some(b'=')
            && octets.next().is_some()
            && !part.contains('\0')
    };
    if parts.all(is_attribute) {
        Ok(())
    } else {
        Err(Broken::Message("a malformed extension"))
    }
}
