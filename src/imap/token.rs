//! Reads the tokens of a response in place (RFC 9051 section 9), allocating nothing but for escaped strings.
//!
//! Tolerant where servers are sloppy, strict where a misreading would move a boundary. Never panics, whatever it is
//! given. Knows nothing of what tokens mean.

use std::borrow::Cow;

/// How deep parentheses may nest.
const DEPTH_LIMIT: usize = 32;

/// A decimal number of at least one digit; `None` on anything else or beyond 64 bits.
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// A string, or a literal that has not come yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Text<'a> {
    /// NIL.
    Nil,
    /// Its octets.
    Here(Cow<'a, [u8]>),
    /// Only the header of a literal of this many octets is here: it is being streamed.
    Coming(u64),
}

/// A place in a response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// The beginning of `text`.
    pub fn new(text: &'a [u8]) -> Self {
        Self { rest: text }
    }

    /// What is left.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next octet.
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Whether nothing but a line end and blanks is left.
    pub fn at_end(&self) -> bool {
        self.rest.trim_ascii().is_empty()
    }

    /// Takes this octet if it is next.
    pub fn eat(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Takes blanks.
    pub fn blanks(&mut self) {
        while self.eat(b' ') {}
    }

    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self
            .rest
            .iter()
            .position(|byte| !wanted(*byte))
            .unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, &[]));
        self.rest = rest;
        taken
    }

    /// The longest run of octets that end no atom; may be empty. Brackets, braces and backslashes belong to it.
    pub fn atom(&mut self) -> &'a [u8] {
        self.take_while(|byte| !matches!(byte, b' ' | b'(' | b')' | b'"' | b'\r' | b'\n'))
    }

    /// A word of letters, digits and what names of items have.
    pub fn word(&mut self) -> &'a [u8] {
        self.take_while(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'=')
        })
    }

    /// A decimal number.
    pub fn number(&mut self) -> Option<u64> {
        let digits = self.take_while(|byte| byte.is_ascii_digit());
        number(digits)
    }

    /// Quoted string, literal, or atom; an atom `NIL` is nil.
    pub fn text(&mut self) -> Option<Text<'a>> {
        match self.peek()? {
            b'"' => self.quoted().map(Text::Here),
            b'{' => self.literal(),
            b'~' if self.rest.get(1) == Some(&b'{') => {
                self.eat(b'~');
                self.literal()
            }
            _ => match self.atom() {
                [] => None,
                nil if nil.eq_ignore_ascii_case(b"NIL") => Some(Text::Nil),
                atom => Some(Text::Here(Cow::Borrowed(atom))),
            },
        }
    }

    /// A string that is here; `NIL` reads as an atom, which a mailbox may be called.
    pub fn astring(&mut self) -> Option<Cow<'a, [u8]>> {
        let before = self.rest;
        match self.text()? {
            Text::Here(octets) => Some(octets),
            Text::Nil => before.get(..3).map(Cow::Borrowed),
            Text::Coming(_) => None,
        }
    }

    fn quoted(&mut self) -> Option<Cow<'a, [u8]>> {
        let body = self.rest.strip_prefix(b"\"")?;
        let stop = body
            .iter()
            .position(|byte| matches!(byte, b'"' | b'\\' | b'\n'))?;
        let (plain, rest) = body.split_at_checked(stop)?;
        if let Some(after) = rest.strip_prefix(b"\"") {
            self.rest = after;
            return Some(Cow::Borrowed(plain));
        }
        let mut text = plain.to_vec();
        let mut octets = rest.iter();
        loop {
            match octets.next()? {
                b'"' => break,
                b'\n' => return None,
                b'\\' => text.push(*octets.next()?),
                other => text.push(*other),
            }
        }
        self.rest = octets.as_slice();
        Some(Cow::Owned(text))
    }

    fn literal(&mut self) -> Option<Text<'a>> {
        let mut ahead = Self::new(self.rest);
        ahead.eat(b'{');
        let size = ahead.number()?;
        ahead.eat(b'+');
        if !ahead.eat(b'}') {
            return None;
        }
        ahead.eat(b'\r');
        if !ahead.eat(b'\n') {
            return None;
        }
        if ahead.rest.is_empty() && size > 0 {
            self.rest = ahead.rest;
            return Some(Text::Coming(size));
        }
        let (octets, rest) = ahead.rest.split_at_checked(usize::try_from(size).ok()?)?;
        self.rest = rest;
        Some(Text::Here(Cow::Borrowed(octets)))
    }

    /// Passes over one value of any kind, lists included. `None` if it does not end here.
    pub fn skip(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            self.blanks();
            match self.peek()? {
                b'(' => {
                    self.eat(b'(');
                    depth += 1;
                    if depth > DEPTH_LIMIT {
                        return None;
                    }
                }
                b')' => {
                    if depth == 0 {
                        return None;
                    }
                    self.eat(b')');
                    depth -= 1;
                }
                b'\r' | b'\n' => return None,
                _ => {
                    if let Text::Coming(_) = self.text()? {
                        return None;
                    }
                }
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// Passes over a section in brackets, with the origin that may follow it; returns what is between the brackets.
    pub fn section(&mut self) -> Option<&'a [u8]> {
        let body = self.rest.strip_prefix(b"[")?;
        let mut quoted = false;
        let end = body.iter().position(|byte| {
            quoted ^= *byte == b'"';
            !quoted && matches!(byte, b']' | b'\n')
        })?;
        let (inside, rest) = body.split_at_checked(end)?;
        self.rest = rest.strip_prefix(b"]")?;
        if self.eat(b'<') {
            self.take_while(|byte| byte != b'>' && byte != b'\n');
            self.eat(b'>');
        }
        Some(inside)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn strings_of_all_kinds_are_read() {
        let mut cursor = Cursor::new(b"\"a\\\"b\" {3}\r\nx\ny NIL ~{1}\r\nz atom[1]");
        assert_eq!(&*cursor.astring().unwrap(), b"a\"b");
        cursor.blanks();
        assert_eq!(&*cursor.astring().unwrap(), b"x\ny");
        cursor.blanks();
        assert_eq!(cursor.text(), Some(Text::Nil));
        cursor.blanks();
        assert_eq!(&*cursor.astring().unwrap(), b"z");
        cursor.blanks();
        assert_eq!(&*cursor.astring().unwrap(), b"atom[1]");
        assert_eq!(Cursor::new(b"{9}\r\n").text(), Some(Text::Coming(9)));
        assert_eq!(Cursor::new(b"\"open\r\n").text(), None);
    }

    #[test]
    fn skipping_ends_where_the_value_does() {
        let mut cursor = Cursor::new(b"(a (\")\" {1}\r\n)) b) c");
        cursor.skip().unwrap();
        assert_eq!(cursor.rest(), b" c");
        let deep = [vec![b'('; 100_000], vec![b')'; 100_000]].concat();
        assert_eq!(Cursor::new(&deep).skip(), None);
    }

    #[test]
    fn numbers_beyond_64_bits_are_none() {
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(number(b"18446744073709551616"), None);
        assert_eq!(number(b"1x"), None);
        assert_eq!(number(b""), None);
    }

    proptest! {
        #[test]
        fn no_input_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Cursor::new(&bytes).skip();
            let _ = Cursor::new(&bytes).text();
            let _ = Cursor::new(&bytes).section();
        }
    }
}
