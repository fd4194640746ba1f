//! The first line of a response: status, code, words.

use super::{Error, Shown};

/// A response code (RFC 2449 section 8, RFC 3206, RFC 6856).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// `[IN-USE]`: somebody else has the maildrop.
    InUse,
    /// `[LOGIN-DELAY]`: logged in too soon after the last time.
    LoginDelay,
    /// `[SYS/TEMP]`: may work later.
    SysTemp,
    /// `[SYS/PERM]`: somebody has to do something.
    SysPerm,
    /// `[AUTH]`: the credentials are wrong.
    Auth,
    /// `[UTF8]`: the maildrop needs the UTF8 command.
    Utf8,
    /// One that means nothing to us, as it was sent.
    Other(Shown),
}

/// The first line of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply<'a> {
    /// `+OK`, with what follows.
    Ok(&'a [u8]),
    /// `-ERR`.
    Err {
        /// The response code, if there is one.
        code: Option<Code>,
        /// What the server says.
        words: Shown,
    },
    /// `+ `: a challenge of AUTH, in base64 (RFC 5034).
    Continue(&'a [u8]),
}

impl<'a> Reply<'a> {
    /// Reads a line without its end.
    ///
    /// # Errors
    /// It is no first line of a response.
    pub fn parse(line: &'a [u8]) -> Result<Self, Error> {
        if let Some(rest) = after(line, b"+OK") {
            return Ok(Self::Ok(rest));
        }
        if let Some(rest) = after(line, b"-ERR") {
            let (code, words) = code(rest);
            return Ok(Self::Err {
                code,
                words: Shown::new(words),
            });
        }
        match line {
            b"+" => Ok(Self::Continue(b"")),
            [b'+', b' ', challenge @ ..] => Ok(Self::Continue(challenge)),
            _ => Err(Error::NotAReply(Shown::new(line))),
        }
    }
}

/// What follows a status word, which ends with the line or a space.
fn after<'a>(line: &'a [u8], status: &[u8]) -> Option<&'a [u8]> {
    let (word, rest) = line.split_at_checked(status.len())?;
    if !word.eq_ignore_ascii_case(status) {
        return None;
    }
    match rest {
        [] => Some(rest),
        [b' ', text @ ..] => Some(text.trim_ascii()),
        _ => None,
    }
}

/// The code in brackets at the beginning, and what follows it.
fn code(text: &[u8]) -> (Option<Code>, &[u8]) {
    let Some(inner) = text.strip_prefix(b"[") else {
        return (None, text);
    };
    let Some(end) = memchr::memchr(b']', inner) else {
        return (None, text);
    };
    let (name, rest) = inner.split_at(end);
    let words = rest.get(1..).unwrap_or_default().trim_ascii();
    let known = [
        (&b"IN-USE"[..], Code::InUse),
        (b"LOGIN-DELAY", Code::LoginDelay),
        (b"SYS/TEMP", Code::SysTemp),
        (b"SYS/PERM", Code::SysPerm),
        (b"AUTH", Code::Auth),
        (b"UTF8", Code::Utf8),
    ];
    let word = name.split(|octet| *octet == b' ').next().unwrap_or(name);
    let found = known
        .into_iter()
        .find(|(known, _)| word.eq_ignore_ascii_case(known));
    let code = found.map_or_else(|| Code::Other(Shown::new(name)), |(_, code)| code);
    (Some(code), words)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(line: &[u8]) -> (Option<Code>, String) {
        match Reply::parse(line).unwrap() {
            Reply::Err { code, words } => (code, words.to_string()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_status_word_ends_with_the_line_or_a_space() {
        assert_eq!(Reply::parse(b"+OK"), Ok(Reply::Ok(b"")));
        assert_eq!(Reply::parse(b"+ok 2 320 "), Ok(Reply::Ok(b"2 320")));
        assert_eq!(Reply::parse(b"+ "), Ok(Reply::Continue(b"")));
        assert_eq!(Reply::parse(b"+ PDEy"), Ok(Reply::Continue(b"PDEy")));
        for line in [&b"+OKAY"[..], b"-ERROR", b"OK", b"", b"* OK IMAP4rev1"] {
            assert!(matches!(Reply::parse(line), Err(Error::NotAReply(_))));
        }
    }

    #[test]
    fn response_codes_are_told_from_words() {
        let (code, words) = refused(b"-ERR [in-use] locked by\x1b[31m you");
        assert_eq!(code, Some(Code::InUse));
        assert_eq!(words, "locked by\\x1b[31m you");
        assert_eq!(refused(b"-ERR [LOGIN-DELAY 30]").0, Some(Code::LoginDelay));
        assert_eq!(refused(b"-ERR [SYS/TEMP] x").0, Some(Code::SysTemp));
        assert_eq!(refused(b"-ERR [SYS/PERM] x").0, Some(Code::SysPerm));
        assert_eq!(refused(b"-ERR [AUTH] x").0, Some(Code::Auth));
        assert!(matches!(refused(b"-ERR [XX] x").0, Some(Code::Other(_))));
        assert_eq!(refused(b"-ERR [AUTH x"), (None, "[AUTH x".to_owned()));
        assert_eq!(refused(b"-ERR no [AUTH]").0, None);
    }

    proptest! {
        #[test]
        fn no_line_makes_it_fall_over(line in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = Reply::parse(&line);
            let _ = Reply::parse(&[b"-ERR [", &line[..]].concat());
        }
    }
}
