//! Line ends: CRLF on the wire, LF on disk, and the way back to the very same octets. Pure and streaming.
//!
//! A message in which every LF has its CR, and no CR CR LF, is stored with LF; on the way back each LF becomes CRLF.
//! Any other message is stored as it came (`raw`). Bare CR, NUL and 8-bit octets are never touched.

use std::io::BufRead;

/// Turns the wire's octets into the disk's, in the hope that the message can be converted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ToDisk {
    /// The last octet given out.
    last: u8,
    /// A CR at the end of a piece, kept until the next octet is known.
    held: bool,
}

/// The message cannot be converted: it must be stored as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Irregular;

impl ToDisk {
    /// Converts one more piece onto the end of `out`.
    ///
    /// # Errors
    /// [`Irregular`]: `out` and `self` are as before the call. What has been given out so far, with each LF turned
    /// back into CRLF and followed by [`ToDisk::held`], is what came before this piece.
    pub fn push(&mut self, wire: &[u8], out: &mut Vec<u8>) -> Result<(), Irregular> {
        if wire.is_empty() {
            return Ok(());
        }
        let start = out.len();
        if self.held {
            out.push(b'\r');
        }
        let mut rest = wire;
        while !rest.is_empty() {
            // A slice never fails to read; `read_until` finds the LF faster than any loop.
            let _ = rest.read_until(b'\n', out);
            if out.last() != Some(&b'\n') {
                break;
            }
            if !self.end_line(start, out) {
                out.truncate(start);
                return Err(Irregular);
            }
        }
        self.held = out.len() > start && out.last() == Some(&b'\r');
        if self.held {
            out.pop();
        }
        if let Some(last) = out.get(start..).and_then(<[u8]>::last) {
            self.last = *last;
        }
        Ok(())
    }

    /// Makes the CRLF at the end of `out` an LF; says whether there was one, and one only.
    fn end_line(&self, start: usize, out: &mut Vec<u8>) -> bool {
        let fresh = out.get(start..).unwrap_or_default();
        let before = match fresh {
            [.., before, b'\r', b'\n'] => *before,
            [b'\r', b'\n'] => self.last,
            _ => return false,
        };
        if before == b'\r' {
            return false;
        }
        out.truncate(out.len() - 2);
        out.push(b'\n');
        true
    }

    /// A CR that was not given out yet.
    pub fn held(self) -> &'static [u8] {
        if self.held { b"\r" } else { b"" }
    }
}

/// Appends `disk` to `out` with each LF as CRLF. Needs no state between pieces.
pub(super) fn expand(disk: &[u8], out: &mut Vec<u8>) {
    let mut rest = disk;
    while !rest.is_empty() {
        let _ = rest.read_until(b'\n', out);
        if out.last() == Some(&b'\n') {
            out.pop();
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// Finds out whether a file has a CRLF anywhere, and an LF at all.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Survey {
    after_cr: bool,
    /// There is a CRLF.
    pub crlf: bool,
    /// There is an LF.
    pub lf: bool,
}

impl Survey {
    /// Looks at one more piece.
    pub fn push(&mut self, disk: &[u8]) {
        let mut rest = disk;
        while !self.crlf && !rest.is_empty() {
            let at = rest.iter().position(|byte| *byte == b'\n');
            let Some(at) = at else { break };
            self.lf = true;
            let before = at.checked_sub(1).and_then(|at| rest.get(at));
            self.crlf = before.map_or(self.after_cr, |before| *before == b'\r');
            self.after_cr = false;
            rest = rest.get(at + 1..).unwrap_or_default();
        }
        if let Some(last) = disk.last() {
            self.after_cr = *last == b'\r';
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What `stage` does with a file, in memory: disk octets and `raw`.
    fn store<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, bool) {
        let mut lines = ToDisk::default();
        let mut disk = Vec::new();
        let mut raw = false;
        for piece in pieces {
            if !raw && lines.push(piece, &mut disk).is_err() {
                raw = true;
                let mut wire = Vec::new();
                expand(&disk, &mut wire);
                wire.extend_from_slice(lines.held());
                disk = wire;
            }
            if raw {
                disk.extend_from_slice(piece);
            }
        }
        if !raw {
            disk.extend_from_slice(lines.held());
        }
        (disk, raw)
    }

    fn load(disk: &[u8], raw: bool) -> Vec<u8> {
        if raw {
            return disk.to_vec();
        }
        let mut wire = Vec::new();
        expand(disk, &mut wire);
        wire
    }

    #[test]
    fn only_regular_messages_are_converted() {
        for (wire, disk, raw) in [
            (&b"a\r\nb\r\n"[..], &b"a\nb\n"[..], false),
            (b"", b"", false),
            (b"a\rb\r", b"a\rb\r", false),
            (b"\r\n\r\n", b"\n\n", false),
            (b"a\nb", b"a\nb", true),
            (b"a\r\nb\n", b"a\r\nb\n", true),
            (b"a\r\r\n", b"a\r\r\n", true),
            (b"\0\xff\r\n", b"\0\xff\n", false),
        ] {
            assert_eq!(store([wire]), (disk.to_vec(), raw), "{wire:?}");
            let bytes = wire.chunks(1);
            assert_eq!(store(bytes), (disk.to_vec(), raw), "{wire:?}");
        }
    }

    fn octets() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            6 => Just(&b"\r\n"[..]),
            4 => Just(&b"x"[..]),
            1 => Just(&b"\r"[..]),
            1 => Just(&b"\n"[..]),
            1 => Just(&b"\0\xff"[..]),
        ];
        proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    fn cut(wire: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
        let mut pieces = Vec::new();
        let mut rest = wire;
        for cut in cuts {
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece.to_vec());
            rest = after;
        }
        pieces.push(rest.to_vec());
        pieces
    }

    proptest! {
        #[test]
        fn what_went_to_disk_comes_back(wire in octets(), cuts in proptest::collection::vec(0usize..6, 0..20)) {
            let pieces = cut(&wire, &cuts);
            let (disk, raw) = store(pieces.iter().map(Vec::as_slice));
            prop_assert_eq!(load(&disk, raw), wire.clone());
            prop_assert_eq!(store([wire.as_slice()]), (disk.clone(), raw));
            let mut survey = Survey::default();
            survey.push(&disk);
            // A converted file read by somebody who does not know of `raw` gives the same octets.
            prop_assert!(raw || !survey.crlf);
        }

        #[test]
        fn a_survey_does_not_mind_where_pieces_end(disk in octets(), cuts in proptest::collection::vec(0usize..4, 0..20)) {
            let mut survey = Survey::default();
            for piece in cut(&disk, &cuts) {
                survey.push(&piece);
            }
            prop_assert_eq!(survey.crlf, disk.windows(2).any(|pair| pair == b"\r\n"));
            prop_assert_eq!(survey.lf, disk.contains(&b'\n'));
        }
    }
}
