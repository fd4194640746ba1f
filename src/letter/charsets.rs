//! Names of charsets that mail programs use and the parser does not know.

use std::borrow::Cow;

use mail_parser::decoders::charsets::map::charset_decoder;

/// By the name that the parser knows, the others.
const OTHERS: [(&str, &[&str]); 10] = [
    (
        "shift_jis",
        &[
            "cp932",
            "ms932",
            "x-sjis",
            "sjis",
            "windows-31j",
            "shift-jis",
        ],
    ),
    (
        "euc-kr",
        &[
            "cp949",
            "ms949",
            "uhc",
            "windows-949",
            "x-windows-949",
            "ksc5601",
            "euc_kr",
        ],
    ),
    (
        "gbk",
        &["cp936", "ms936", "x-gbk", "windows-936", "gb_2312-80"],
    ),
    (
        "big5",
        &["cp950", "ms950", "x-big5", "big-5", "windows-950"],
    ),
    ("euc-jp", &["eucjp"]),
    ("windows-874", &["cp874", "tis620", "iso-8859-11"]),
    ("windows-1251", &["cp1251", "win-1251", "windows1251"]),
    ("iso-8859-1", &["8859-1", "l1"]),
    ("iso-8859-15", &["latin9", "latin-9"]),
    ("koi8-r", &["koi8r", "koi8", "koi"]),
];
/// No longer name is looked at.
const LONGEST: usize = 40;

fn known(name: &[u8]) -> Option<&'static str> {
    let found = OTHERS.iter().find(|(_, others)| {
        others
            .iter()
            .any(|other| other.as_bytes().eq_ignore_ascii_case(name))
    });
    found.map(|(known, _)| *known)
}

/// What turns octets of a charset into text, where only the parser's name for it is missing.
pub(super) fn decoder(name: &str) -> Option<fn(&[u8]) -> String> {
    charset_decoder(known(name.as_bytes())?.as_bytes())
}

/// Octets of a header that are no UTF-8, in the charset that the mail says it is in; `None` if it does not say.
pub(super) fn decoded(value: &[u8], content_type: &[u8]) -> Option<String> {
    /// In a few charsets this is something else, and header fields are no text.
    const PLAIN: &[u8] = b"=?:;<>@,\"() Az09+~\n";
    let name = parameter(content_type)?;
    let decode = charset_decoder(known(name).map_or(name, str::as_bytes))?;
    (decode(PLAIN).as_bytes() == PLAIN).then(|| decode(value))
}

/// The value of `charset` in a Content-Type.
fn parameter(content_type: &[u8]) -> Option<&[u8]> {
    const NAME: &[u8] = b"charset";
    let mut quoted = false;
    for (at, byte) in content_type.iter().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b';' if !quoted => {
                let rest = content_type.get(at + 1..)?.trim_ascii_start();
                let Some((name, rest)) = rest.split_at_checked(NAME.len()) else {
                    continue;
                };
                if let Some(value) = rest.trim_ascii_start().strip_prefix(b"=")
                    && name.eq_ignore_ascii_case(NAME)
                {
                    let value = value.trim_ascii_start();
                    let value = value.strip_prefix(b"\"").unwrap_or(value);
                    let ends =
                        |byte: &u8| matches!(byte, b'"' | b';') || byte.is_ascii_whitespace();
                    let length = value.iter().position(ends).unwrap_or(value.len());
                    return value.get(..length.min(LONGEST));
                }
            }
            _ => {}
        }
    }
    None
}

/// A header's value with names that are known in its encoded words (RFC 2047).
pub(super) fn renamed(value: &[u8]) -> Cow<'_, [u8]> {
    let mut renamed: Option<Vec<u8>> = None;
    let (mut done, mut at) = (0, 0);
    while let Some(found) = next_word(value, at) {
        at = found;
        let rest = value.get(at..).unwrap_or_default();
        // A language may follow (RFC 2231).
        let ends = |byte: &u8| matches!(byte, b'?' | b'*');
        let Some(length) = rest.iter().take(LONGEST).position(ends) else {
            continue;
        };
        let Some(name) = known(rest.get(..length).unwrap_or_default()) else {
            continue;
        };
        let new = renamed.get_or_insert_default();
        new.extend_from_slice(value.get(done..at).unwrap_or_default());
        new.extend_from_slice(name.as_bytes());
        done = at + length;
        at = done;
    }
    match renamed {
        None => Cow::Borrowed(value),
        Some(mut new) => {
            new.extend_from_slice(value.get(done..).unwrap_or_default());
            Cow::Owned(new)
        }
    }
}

/// Where the next name of a charset begins.
fn next_word(value: &[u8], from: usize) -> Option<usize> {
    let rest = value.get(from..)?;
    let found = rest.windows(2).position(|two| two == b"=?")?;
    Some(from + found + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_charsets_become_others() {
        let value = b"cp932 =?CP932?B?AA?= =?cp932*ja?Q?x?= =?utf-8?Q?=?cp932?=?koi";
        let wanted = b"cp932 =?shift_jis?B?AA?= =?shift_jis*ja?Q?x?= =?utf-8?Q?=?shift_jis?=?koi";
        assert_eq!(*renamed(value), *wanted);
        assert!(matches!(renamed(b"=?utf-8?Q?a?="), Cow::Borrowed(_)));
    }
}
