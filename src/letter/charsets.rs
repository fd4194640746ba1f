//! Names of charsets that mail programs use and the parser does not know.

use std::borrow::Cow;

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
