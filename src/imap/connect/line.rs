//! One line from a server that is not yet trusted to make sense, taken apart as far as the opening needs it.

use crate::imap::capabilities::Capabilities;

/// The most of a server's text that is shown.
const SHOWN: usize = 200;

/// The word of a status response (RFC 3501 section 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Ok,
    No,
    Bad,
    Preauth,
    Bye,
}

impl Condition {
    fn parse(word: &str) -> Option<Self> {
        let known = [
            ("OK", Self::Ok),
            ("NO", Self::No),
            ("BAD", Self::Bad),
            ("PREAUTH", Self::Preauth),
            ("BYE", Self::Bye),
        ];
        known
            .into_iter()
            .find_map(|(name, condition)| word.eq_ignore_ascii_case(name).then_some(condition))
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::No => "NO",
            Self::Bad => "BAD",
            Self::Preauth => "PREAUTH",
            Self::Bye => "BYE",
        }
    }
}

/// A status response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) condition: Condition,
    /// The response code's name, in capitals.
    pub(super) code: Option<String>,
    /// The text behind the code, escaped and cut.
    pub(super) text: String,
}

impl Status {
    /// Code and text for people.
    pub(super) fn shown(&self) -> String {
        match (&self.code, self.text.as_str()) {
            (Some(code), "") => format!("[{}]", escape(code)),
            (Some(code), text) => format!("[{}] {text}", escape(code)),
            (None, "") => format!("{} without a reason", self.condition.name()),
            (None, text) => text.to_owned(),
        }
    }
}

/// What a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// `*` or a tag, and a status. The capabilities are those of a CAPABILITY code.
    Status {
        /// `None` for `*`.
        tag: Option<String>,
        status: Status,
        capabilities: Option<Capabilities>,
    },
    /// `+`, and its text if that is base64, or else nothing.
    Continue(String),
    /// `* CAPABILITY`.
    Capability(Capabilities),
    /// Anything else, and the length of the literal that it ends with.
    Other { literal: Option<u64> },
}

/// Takes a line apart. It comes without its line end.
pub(super) fn parse(line: &[u8]) -> Line {
    let text = String::from_utf8_lossy(line);
    let (first, rest) = split(&text);
    if let Some(challenge) = first.strip_prefix('+') {
        return Line::Continue(base64_of(if challenge.is_empty() {
            rest
        } else {
            challenge
        }));
    }
    let (word, rest) = split(rest);
    let tag = match first {
        "*" => None,
        tag => Some(tag),
    };
    if let Some(condition) = Condition::parse(word)
        && tag.is_none_or(is_tag)
        && (tag.is_none() || !matches!(condition, Condition::Preauth | Condition::Bye))
    {
        let (status, capabilities) = status(condition, rest);
        return Line::Status {
            tag: tag.map(str::to_owned),
            status,
            capabilities,
        };
    }
    if tag.is_none() && word.eq_ignore_ascii_case("CAPABILITY") {
        return Line::Capability(atoms(rest));
    }
    Line::Other {
        literal: literal(&text),
    }
}

/// The first word, and what follows its space.
fn split(text: &str) -> (&str, &str) {
    text.split_once(' ').unwrap_or((text, ""))
}

/// Whether async-imap may see it: it makes letters and digits only.
fn is_tag(tag: &str) -> bool {
    !tag.is_empty() && tag.len() <= 32 && tag.bytes().all(|octet| octet.is_ascii_alphanumeric())
}

fn status(condition: Condition, rest: &str) -> (Status, Option<Capabilities>) {
    let coded = rest
        .strip_prefix('[')
        .and_then(|inside| inside.split_once(']'));
    let Some((code, text)) = coded else {
        let status = Status {
            condition,
            code: None,
            text: escape(rest),
        };
        return (status, None);
    };
    let (name, arguments) = split(code);
    let name = name.to_ascii_uppercase();
    let capabilities = (name == "CAPABILITY").then(|| atoms(arguments));
    let status = Status {
        condition,
        code: Some(name),
        text: escape(text),
    };
    (status, capabilities)
}

/// Capability names. What is not printable ASCII is none.
fn atoms(text: &str) -> Capabilities {
    Capabilities::from_atoms(
        text.split_ascii_whitespace()
            .filter(|atom| atom.bytes().all(|octet| octet.is_ascii_graphic())),
    )
}

fn base64_of(text: &str) -> String {
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/' | b'=');
    if text.len().is_multiple_of(4) && text.bytes().all(fits) {
        text.to_owned()
    } else {
        String::new()
    }
}

/// The length in a `{n}` or `{n+}` at the end.
fn literal(text: &str) -> Option<u64> {
    let (_, count) = text.strip_suffix('}')?.rsplit_once('{')?;
    count.strip_suffix('+').unwrap_or(count).parse().ok()
}

/// A stranger's words, fit for a terminal and a log: one line, nothing invisible, not too long.
pub(in crate::imap) fn escape(text: &str) -> String {
    let mut shown = String::new();
    for letter in text.trim().chars().take(SHOWN) {
        if is_plain(letter) {
            shown.push(letter);
        } else {
            shown.extend(letter.escape_unicode());
        }
    }
    shown
}

/// Neither a control character nor one that turns the direction of text.
fn is_plain(letter: char) -> bool {
    !letter.is_control()
        && !matches!(
            letter,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    fn taken_apart(line: &str) -> (Option<String>, Status, Option<Capabilities>) {
        match parse(line.as_bytes()) {
            Line::Status {
                tag,
                status,
                capabilities,
            } => (tag, status, capabilities),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_status_has_tag_condition_code_and_text() {
        let (tag, status, capabilities) =
            taken_apart("A1 no [authenticationfailed x] Wrong \u{1b}[31mpass\u{202e}word");
        assert_eq!(tag.as_deref(), Some("A1"));
        assert_eq!(status.condition, Condition::No);
        assert_eq!(status.code.as_deref(), Some("AUTHENTICATIONFAILED"));
        assert_eq!(status.text, "Wrong \\u{1b}[31mpass\\u{202e}word");
        assert_eq!(capabilities, None);

        let (tag, status, capabilities) = taken_apart("* PREAUTH [CAPABILITY IMAP4rev2 x=Y]hi");
        assert_eq!((tag, status.condition), (None, Condition::Preauth));
        assert_eq!(
            capabilities,
            Some(Capabilities::from_atoms(["IMAP4REV2", "X=Y"]))
        );
        for short in [
            "A1 OK",
            "A1 OK ",
            "* BYE",
            "* OK [",
            "* OK []",
            "* OK [ALERT]\u{e9}lan",
        ] {
            taken_apart(short);
        }
    }

    #[test]
    fn what_looks_like_a_status_but_is_none_is_something_else() {
        for odd in [
            "",
            "*",
            "* ",
            "A1",
            "HTTP/1.1 OK",
            "A1 BYE",
            "A1 PREAUTH",
            "a\u{e9} OK x",
            "SSH-2.0 NO x",
            "* 1 FETCH (BODYSTRUCTURE ((((((",
            "* OKAY",
            " OK x",
        ] {
            assert_eq!(
                parse(odd.as_bytes()),
                Line::Other { literal: None },
                "{odd}"
            );
        }
    }

    #[test]
    fn a_continuation_keeps_only_base64() {
        for (line, challenge) in [
            ("+", ""),
            ("+ ", ""),
            ("+ go ahead", ""),
            ("+ AGE=", "AGE="),
            ("+AGE=", "AGE="),
        ] {
            assert_eq!(parse(line.as_bytes()), Line::Continue(challenge.into()));
        }
    }

    #[test]
    fn a_literal_at_the_end_is_seen() {
        for (line, literal) in [
            ("* LIST () \"/\" {12}", Some(12)),
            ("* ID (\"x\" {3+}", Some(3)),
            ("* LIST {}", None),
            ("* LIST {1x}", None),
            ("* LIST {99999999999999999999999}", None),
        ] {
            assert_eq!(parse(line.as_bytes()), Line::Other { literal });
        }
    }

    proptest! {
        #[test]
        fn no_line_does_harm(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Line::Status { status, .. } = parse(&line) {
                prop_assert!(status.shown().chars().all(is_plain));
                prop_assert!(status.shown().len() < 20 * SHOWN);
            }
        }
    }
}
