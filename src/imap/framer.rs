//! Cuts what a server sends into responses and literals, looking at each octet once.
//!
//! Knows line ends and literal headers (RFC 9051 section 4.3), nothing of what responses mean, and does no I/O. A
//! response is a line, or several lines with literals between them; it lies in one piece in the buffer, unless its
//! reader chose to have a literal streamed.

use memchr::memchr;

use super::error::Error;

/// What is read at once, and what a literal is handed on in, in octets.
pub(crate) const BUFFER: usize = 128 * 1024;
/// The most that the buffer grows by at once: twice as large would cost three times the longest line.
const STEP: usize = 2 * 1024 * 1024;
/// The longest response, in octets.
const LINE_LIMIT: usize = 64 * 1024;
/// The longest response that carries a set of UIDs or a status text with one.
const LONG_LIMIT: usize = 8 * 1024 * 1024;
/// The longest literal that is kept in the buffer, and all of one response's together.
const INLINE_LIMIT: usize = 256 * 1024;
/// The most literals that are kept in one response: at each of them it is looked at from its beginning.
const LITERALS_LIMIT: usize = 100;

/// What the buffer begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A whole response, or the rest of one after a streamed literal.
    Response,
    /// A response up to and including the header of a literal of so many octets.
    Literal(u64),
}

/// The buffer and how far it was looked at.
#[derive(Debug, Default)]
pub(crate) struct Framer {
    buf: Vec<u8>,
    /// Where the response begins.
    start: usize,
    /// Where the line that is looked for its end begins.
    line: usize,
    /// Up to where there is no line end.
    scanned: usize,
    /// Octets of a streamed literal that are still to come.
    streaming: u64,
    /// Whether the response began before a streamed literal.
    resumed: bool,
    /// Octets of literals kept in this response.
    inlined: usize,
    /// How many they are.
    literals: usize,
}

impl Framer {
    /// A framer that begins with octets read by somebody else.
    pub fn new(leftover: Vec<u8>) -> Self {
        Self {
            buf: leftover,
            ..Self::default()
        }
    }

    /// Gives back what was not consumed.
    pub fn into_rest(mut self) -> Vec<u8> {
        self.buf.drain(..self.start.min(self.buf.len()));
        self.buf
    }

    /// The buffer to append to, with room.
    pub fn room(&mut self) -> &mut Vec<u8> {
        if self.start == self.buf.len() {
            self.shift();
            self.buf.shrink_to(BUFFER);
        } else if self.start >= BUFFER / 2 || self.buf.len() == self.buf.capacity() {
            self.shift();
        }
        if self.buf.capacity() < BUFFER {
            self.buf
                .reserve_exact(BUFFER.saturating_sub(self.buf.len()));
        } else if self.buf.len() == self.buf.capacity() {
            self.buf.reserve_exact(self.buf.len().min(STEP));
        }
        &mut self.buf
    }

    fn shift(&mut self) {
        let start = self.start;
        self.buf.drain(..start.min(self.buf.len()));
        self.start = 0;
        self.line = self.line.saturating_sub(start);
        self.scanned = self.scanned.saturating_sub(start);
    }

    /// The next frame, or `None` when more has to be read.
    ///
    /// # Errors
    /// A line beyond the limits.
    pub fn frame(&mut self) -> Result<Option<Frame>, Error> {
        loop {
            let from = self.scanned.max(self.line);
            let unseen = self.buf.get(from..).unwrap_or_default();
            let Some(at) = memchr(b'\n', unseen) else {
                self.scanned = self.buf.len().max(from);
                return self.check_length(self.buf.len()).map(|()| None);
            };
            let end = from + at + 1;
            // Here too: whether a line is too long must not depend on how much of it came at once.
            self.check_length(end)?;
            let line = self.buf.get(self.line..end).unwrap_or_default();
            let literal = literal_size(line).filter(|_| self.may_hold_literal());
            self.scanned = end;
            self.line = end;
            match literal {
                None => return Ok(Some(Frame::Response)),
                Some(0) => {}
                Some(size) => return Ok(Some(Frame::Literal(size))),
            }
        }
    }

    /// Whether the response is short enough if it goes up to there.
    fn check_length(&self, end: usize) -> Result<(), Error> {
        let length = end.saturating_sub(self.start + self.inlined);
        let limit = if is_long(self.response_so_far()) {
            LONG_LIMIT
        } else {
            LINE_LIMIT
        };
        if length > limit {
            return Err(Error::TooLong(limit));
        }
        Ok(())
    }

    fn response_so_far(&self) -> &[u8] {
        self.buf.get(self.start..).unwrap_or_default()
    }

    /// Texts for people may end in braces; only data holds literals.
    fn may_hold_literal(&self) -> bool {
        let text = self.response_so_far();
        let Some(data) = text.strip_prefix(b"* ") else {
            return self.resumed;
        };
        self.resumed || !is_condition(data)
    }

    /// The frame that was found last.
    pub fn response(&self) -> &[u8] {
        self.buf.get(self.start..self.line).unwrap_or_default()
    }

    /// Done with the response: the next frame begins after it.
    pub fn consume(&mut self) {
        self.start = self.line;
        self.scanned = self.line;
        self.resumed = false;
        self.inlined = 0;
        self.literals = 0;
    }

    /// Keeps the literal in the buffer, as part of the response.
    ///
    /// # Errors
    /// It is longer than what may be kept, or one too many.
    pub fn keep_literal(&mut self, size: u64) -> Result<(), Error> {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        self.inlined = self.inlined.saturating_add(size);
        self.literals += 1;
        if self.inlined > INLINE_LIMIT || self.literals > LITERALS_LIMIT {
            return Err(Error::TooLong(INLINE_LIMIT));
        }
        self.line += size;
        self.scanned = self.line;
        Ok(())
    }

    /// Begins to hand the literal on in pieces; the response's head is consumed.
    pub fn stream_literal(&mut self, size: u64) {
        self.start = self.line;
        self.scanned = self.line;
        self.inlined = 0;
        self.resumed = true;
        self.streaming = size;
    }

    /// Octets of the streamed literal that are in the buffer; `None` when all were taken.
    pub fn piece(&self) -> Option<&[u8]> {
        if self.streaming == 0 {
            return None;
        }
        let rest = self.response_so_far();
        let size = usize::try_from(self.streaming).map_or(rest.len(), |left| left.min(rest.len()));
        rest.get(..size)
    }

    /// Done with so many octets of the literal.
    pub fn consume_piece(&mut self, size: usize) {
        self.streaming = self.streaming.saturating_sub(size as u64);
        self.start += size;
        self.line = self.start;
        self.scanned = self.start;
    }
}

/// The number in a literal header at the end of a line: `{n}`, `{n+}` or `~{n}`.
fn literal_size(line: &[u8]) -> Option<u64> {
    let line = line.strip_suffix(b"\n")?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = line.strip_suffix(b"}")?;
    let open = line.iter().rposition(|byte| *byte == b'{')?;
    let digits = line.get(open + 1..)?;
    let digits = digits.strip_suffix(b"+").unwrap_or(digits);
    super::token::number(digits)
}

fn word_is(data: &[u8], word: &str) -> bool {
    data.get(..word.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
        && data.get(word.len()).is_none_or(u8::is_ascii_whitespace)
}

fn is_condition(data: &[u8]) -> bool {
    ["OK", "NO", "BAD", "BYE", "PREAUTH"]
        .iter()
        .any(|word| word_is(data, word))
}

fn is_long(response: &[u8]) -> bool {
    let Some(data) = response.strip_prefix(b"* ") else {
        return !response.starts_with(b"+");
    };
    ["SEARCH", "ESEARCH", "VANISHED", "OK", "NO"]
        .iter()
        .any(|word| word_is(data, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(framer: &mut Framer) -> Vec<String> {
        let mut found = Vec::new();
        while let Some(frame) = framer.frame().unwrap() {
            match frame {
                Frame::Literal(size) => framer.keep_literal(size).unwrap(),
                Frame::Response => {
                    found.push(framer.response().escape_ascii().to_string());
                    framer.consume();
                }
            }
        }
        found
    }

    const TALK: &[u8] = b"* OK text {5}\r\n* LIST () \"/\" {3}\r\na\nb\r\n* 1 FETCH (A {2}\r\n)\n B {0}\r\n)\r\n\r\nA1 OK {7}\n";

    #[test]
    fn responses_come_out_whole_and_texts_hold_no_literals() {
        let found = all(&mut Framer::new(TALK.to_vec()));
        assert_eq!(
            found,
            [
                "* OK text {5}\\r\\n",
                "* LIST () \\\"/\\\" {3}\\r\\na\\nb\\r\\n",
                "* 1 FETCH (A {2}\\r\\n)\\n B {0}\\r\\n)\\r\\n",
                "\\r\\n",
                "A1 OK {7}\\n",
            ]
        );
    }

    #[test]
    fn pieces_of_one_octet_make_no_difference() {
        let mut framer = Framer::default();
        let mut found = Vec::new();
        for byte in TALK {
            framer.room().push(*byte);
            found.extend(all(&mut framer));
        }
        assert_eq!(found, all(&mut Framer::new(TALK.to_vec())));
    }

    #[test]
    fn a_literal_is_streamed_without_being_kept() {
        let mut framer =
            Framer::new(b"* 1 FETCH (BODY[] {4}\r\na\r\nb UID 3 {1}\r\nx)\r\n+ go\r\n".to_vec());
        assert_eq!(framer.frame().unwrap(), Some(Frame::Literal(4)));
        framer.stream_literal(4);
        assert_eq!(framer.piece().unwrap(), b"a\r\nb");
        framer.consume_piece(4);
        assert_eq!(framer.piece(), None);
        let found = all(&mut framer);
        assert_eq!(found, [" UID 3 {1}\\r\\nx)\\r\\n", "+ go\\r\\n"]);
    }

    #[test]
    fn lengths_are_limited() {
        let mut framer = Framer::new([b"* FLAGS (".as_slice(), &[b'x'; LINE_LIMIT]].concat());
        assert!(matches!(framer.frame(), Err(Error::TooLong(LINE_LIMIT))));
        let mut framer = Framer::new([&[b'x'; LONG_LIMIT + 1][..], b"\r\n"].concat());
        assert!(
            matches!(framer.frame(), Err(Error::TooLong(LONG_LIMIT))),
            "a line that came at once is no shorter"
        );
        let mut framer = Framer::new([b"* VANISHED ".as_slice(), &[b'1'; LINE_LIMIT]].concat());
        assert_eq!(framer.frame().unwrap(), None);
        assert!(framer.keep_literal(4_294_967_295).is_err());
    }

    #[test]
    fn there_are_few_literals_in_one_response() {
        let many = [&b"* 1 FETCH (X ("[..], &b"{1}\r\na ".repeat(10_000)].concat();
        let mut framer = Framer::new(many);
        for _ in 0..LITERALS_LIMIT {
            assert_eq!(framer.frame().unwrap(), Some(Frame::Literal(1)));
            framer.keep_literal(1).unwrap();
        }
        assert_eq!(framer.frame().unwrap(), Some(Frame::Literal(1)));
        assert!(framer.keep_literal(1).is_err());
    }
}
