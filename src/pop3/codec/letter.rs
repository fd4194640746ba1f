//! A letter as it comes from RETR or TOP: dot-unstuffed as it streams by, nothing kept (RFC 1939 section 3).

use memchr::memmem;

/// Where in a line the next octet is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /// It begins a line.
    #[default]
    Start,
    /// It follows a CR that was given out.
    Cr,
    /// Anywhere else.
    Inside,
    /// It follows a dot that began a line.
    Dot,
    /// It follows such a dot and a CR, neither given out.
    DotCr,
    /// The letter is over.
    End,
}

/// What came out of some octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<'a> {
    /// The next piece of the letter; may be empty.
    pub piece: &'a [u8],
    /// How many octets of the input are used up.
    pub used: usize,
}

/// Takes the dots out that a server put in. Only CRLF ends a line: a lone CR or LF is an octet like any other.
#[derive(Debug, Default)]
pub struct Unstuffer {
    at: At,
}

impl Unstuffer {
    /// Whether the line with the single dot has come. Until then the letter is not complete, whatever its size.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.at == At::End
    }

    /// Looks at the octets that come next. To be called again with what was not used, until nothing is left or the
    /// letter has [`ended`](Self::ended); what is left then belongs to the next response.
    pub fn step<'a>(&mut self, input: &'a [u8]) -> Step<'a> {
        let Some(first) = input.first() else {
            return Step {
                piece: b"",
                used: 0,
            };
        };
        let (next, used) = match (self.at, first) {
            (At::Start, b'.') => (At::Dot, 1),
            (At::Dot, b'\r') => (At::DotCr, 1),
            (At::DotCr, b'\n') => (At::End, 1),
            (At::End, _) => (At::End, 0),
            (At::DotCr, _) => {
                // The CR that was held back in case the letter was over.
                self.at = At::Cr;
                return Step {
                    piece: b"\r",
                    used: 0,
                };
            }
            (At::Cr, b'\n') => {
                self.at = At::Start;
                let piece = input.get(..1).unwrap_or_default();
                return Step { piece, used: 1 };
            }
            (At::Start | At::Cr | At::Dot | At::Inside, _) => return self.inside(input),
        };
        self.at = next;
        Step { piece: b"", used }
    }

    /// Up to the next dot that begins a line.
    fn inside<'a>(&mut self, input: &'a [u8]) -> Step<'a> {
        if let Some(at) = memmem::find(input, b"\r\n.") {
            self.at = At::Dot;
            let piece = input.get(..at + 2).unwrap_or_default();
            return Step {
                piece,
                used: at + 3,
            };
        }
        self.at = match input {
            [.., b'\r', b'\n'] => At::Start,
            [.., b'\r'] => At::Cr,
            _ => At::Inside,
        };
        Step {
            piece: input,
            used: input.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What comes out, and what is left for the next response.
    fn read(wire: &[u8], cuts: &[usize]) -> (Vec<u8>, bool, Vec<u8>) {
        let mut unstuffer = Unstuffer::default();
        let mut letter = Vec::new();
        let mut rest = wire;
        let mut left_over = Vec::new();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (mut now, later) = rest.split_at((*cut).min(rest.len()));
            rest = later;
            while !now.is_empty() && !unstuffer.ended() {
                let step = unstuffer.step(now);
                letter.extend_from_slice(step.piece);
                now = &now[step.used..];
            }
            left_over.extend_from_slice(now);
        }
        (letter, unstuffer.ended(), left_over)
    }

    /// What a server sends for a letter whose last line is complete.
    fn stuff(letter: &[u8]) -> Vec<u8> {
        let mut wire = Vec::new();
        for (at, octet) in letter.iter().enumerate() {
            let begins = at == 0 || letter[..at].ends_with(b"\r\n");
            if begins && *octet == b'.' {
                wire.push(b'.');
            }
            wire.push(*octet);
        }
        wire.extend_from_slice(b".\r\n");
        wire
    }

    fn awkward() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(b"\r\n".to_vec()),
            Just(b".".to_vec()),
            Just(b"\r".to_vec()),
            Just(b"\n".to_vec()),
            Just(b"\0".to_vec()),
            Just(b"\xff\xe4".to_vec()),
            Just(b"text".to_vec()),
        ];
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    #[test]
    fn dots_at_the_beginning_of_lines_lose_one() {
        let (letter, ended, left) = read(b"..\r\n...a\r\n.b\r\nc.\r\n\r\n.\r\n+OK", &[100]);
        assert_eq!(letter, b".\r\n..a\r\nb\r\nc.\r\n\r\n");
        assert!(ended);
        assert_eq!(left, b"+OK");
    }

    #[test]
    fn a_dot_after_a_lone_line_feed_does_not_end_a_letter() {
        let (letter, ended, _) = read(b"a\n.\r\nb\r\n.\rc\r\n", &[100]);
        assert_eq!(letter, b"a\n.\r\nb\r\n\rc\r\n");
        assert!(!ended);
    }

    #[test]
    fn a_letter_that_was_cut_off_has_not_ended() {
        for wire in [&b"a\r\n"[..], b"a\r\n.", b"a\r\n.\r", b""] {
            assert!(!read(wire, &[1]).1);
        }
        assert_eq!(read(b".\r\n", &[1]), (Vec::new(), true, Vec::new()));
    }

    proptest! {
        #[test]
        fn a_letter_comes_out_as_it_went_in_however_it_is_split(
            body in awkward(), cuts in prop::collection::vec(1_usize..6, 1..8)
        ) {
            let mut letter = body;
            if !letter.is_empty() {
                letter.extend_from_slice(b"\r\n");
            }
            let mut wire = stuff(&letter);
            wire.extend_from_slice(b"+OK next\r\n");
            let expected = (letter, true, b"+OK next\r\n".to_vec());
            prop_assert_eq!(&read(&wire, &[usize::MAX]), &expected);
            prop_assert_eq!(&read(&wire, &cuts), &expected);
        }

        #[test]
        fn octets_that_no_server_should_send_mean_the_same_however_they_are_split(
            wire in awkward(), cuts in prop::collection::vec(1_usize..6, 1..8)
        ) {
            prop_assert_eq!(read(&wire, &cuts), read(&wire, &[usize::MAX]));
        }
    }
}
