//! Cuts a stream into lines; what is not a line is left for whoever reads letters.

use memchr::memchr;

use super::Error;

/// The longest line, in octets. RFC 2449 section 4 allows 512.
const LIMIT: usize = 8 * 1024;

/// What was read and not yet used.
#[derive(Debug, Default)]
pub struct Lines {
    buf: Vec<u8>,
    start: usize,
    /// Up to where there is no line end.
    scanned: usize,
}

impl Lines {
    /// The buffer to append to.
    pub fn room(&mut self) -> &mut Vec<u8> {
        if self.start > 0 {
            self.buf.drain(..self.start.min(self.buf.len()));
            self.scanned = self.scanned.saturating_sub(self.start);
            self.start = 0;
        }
        &mut self.buf
    }

    /// Whether a whole line is there.
    ///
    /// # Errors
    /// As [`line`](Self::line).
    pub fn has_line(&mut self) -> Result<bool, Error> {
        let from = self.scanned.max(self.start);
        let unseen = self.buf.get(from..).unwrap_or_default();
        if memchr(b'\n', unseen).is_some() {
            return Ok(true);
        }
        if self.buf.len().saturating_sub(self.start) > LIMIT {
            return Err(Error::LongLine(LIMIT));
        }
        self.scanned = self.buf.len();
        Ok(false)
    }

    /// The next line without its end (CRLF, or LF alone); `None` when more has to be read.
    ///
    /// # Errors
    /// A line of more than 8 KiB.
    pub fn line(&mut self) -> Result<Option<&[u8]>, Error> {
        let from = self.scanned.max(self.start);
        let unseen = self.buf.get(from..).unwrap_or_default();
        let found = memchr(b'\n', unseen);
        let end = found.map_or(self.buf.len(), |at| from + at);
        // Whether a line is too long must not depend on how much of it came at once.
        if end.saturating_sub(self.start) > LIMIT {
            return Err(Error::LongLine(LIMIT));
        }
        if found.is_none() {
            self.scanned = end;
            return Ok(None);
        }
        let line = self.buf.get(self.start..end).unwrap_or_default();
        self.start = end + 1;
        self.scanned = self.start;
        Ok(Some(line.strip_suffix(b"\r").unwrap_or(line)))
    }

    /// What was read beyond the last line.
    #[must_use]
    pub fn rest(&self) -> &[u8] {
        self.buf.get(self.start..).unwrap_or_default()
    }

    /// So much of [`rest`](Self::rest) is used.
    pub fn consume(&mut self, octets: usize) {
        self.start = self.start.saturating_add(octets).min(self.buf.len());
        self.scanned = self.scanned.max(self.start);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(lines: &mut Lines) -> Result<Vec<Vec<u8>>, Error> {
        let mut found = Vec::new();
        while let Some(line) = lines.line()? {
            found.push(line.to_vec());
        }
        Ok(found)
    }

    #[test]
    fn a_line_is_too_long_however_it_comes() {
        let mut line = vec![b'x'; LIMIT];
        line.push(b'\n');
        let mut fits = Lines::default();
        fits.room().extend_from_slice(&line);
        assert_eq!(fits.line().unwrap().unwrap().len(), LIMIT);
        line.insert(0, b'x');
        let mut at_once = Lines::default();
        at_once.room().extend_from_slice(&line);
        assert_eq!(at_once.line(), Err(Error::LongLine(LIMIT)));
        let mut endless = Lines::default();
        endless.room().extend_from_slice(&vec![b'x'; LIMIT + 1]);
        assert_eq!(endless.line(), Err(Error::LongLine(LIMIT)));
    }

    #[test]
    fn what_follows_a_line_is_left_for_others() {
        let mut lines = Lines::default();
        lines.room().extend_from_slice(b"+OK\r\nbody\r\n+OK 2\r\n");
        assert_eq!(lines.line().unwrap(), Some(&b"+OK"[..]));
        assert_eq!(lines.rest(), b"body\r\n+OK 2\r\n");
        lines.consume(6);
        assert_eq!(lines.line().unwrap(), Some(&b"+OK 2"[..]));
        assert_eq!(lines.line().unwrap(), None);
    }

    proptest! {
        #[test]
        fn lines_are_the_same_however_they_are_split(
            text in "([a-c]{0,4}\r?\n?){0,8}", cuts in prop::collection::vec(1_usize..5, 1..8)
        ) {
            let mut whole = Lines::default();
            whole.room().extend_from_slice(text.as_bytes());
            let expected = all(&mut whole).unwrap();
            let mut pieces = Lines::default();
            let mut found = Vec::new();
            let mut left = text.as_bytes();
            for cut in cuts.iter().cycle() {
                if left.is_empty() {
                    break;
                }
                let (now, later) = left.split_at((*cut).min(left.len()));
                pieces.room().extend_from_slice(now);
                found.extend(all(&mut pieces).unwrap());
                left = later;
            }
            prop_assert_eq!(found, expected);
            prop_assert_eq!(pieces.rest(), whole.rest());
        }
    }
}
