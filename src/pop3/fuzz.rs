//! What holds for any POP3 server: see [`crate::fuzz`].
#![allow(clippy::unwrap_used, reason = "a broken promise has to be loud")]

use super::codec::{Capabilities, Lines, Listing, Reply, Unstuffer, unstuffed};
use crate::content::HeaderHasher;

/// What a server's words came to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    lines: Vec<Vec<u8>>,
    letter: Vec<u8>,
    ended: bool,
    rest: Vec<u8>,
    refused: bool,
}

/// The first octet says in which pieces the rest comes, the second how many lines come before a letter. In whatever
/// pieces: the same lines, the same letter, the same header, nothing used twice. The letter is the one that a simple
/// reader finds. Lists, replies and capabilities are read without complaint but their own.
///
/// # Panics
/// When one of these does not hold.
pub fn pop3(input: &[u8]) {
    let [piece, lines, wire @ ..] = input else {
        return;
    };
    let count = usize::from(lines % 8);
    let whole = hear(wire, count, wire.len().max(1));
    let pieces = hear(wire, count, usize::from(piece % 7) + 1);
    assert_eq!(pieces, whole, "in other pieces it is something else");
    if !whole.refused {
        let used: usize = wire.len() - whole.rest.len();
        let (letter, end) = simple(wire, count);
        assert_eq!(letter, whole.letter);
        assert_eq!(end.is_some(), whole.ended);
        assert_eq!(end.unwrap_or(wire.len()), used);
    }
    understand(&whole.lines);
    let mut at_once = HeaderHasher::default();
    at_once.update(&whole.letter);
    let mut one_by_one = HeaderHasher::default();
    let octets = whole.letter.chunks(1);
    octets.for_each(|octet| one_by_one.update(octet));
    assert_eq!(at_once.finish(), one_by_one.finish());
}

/// Some lines, then a letter.
fn hear(wire: &[u8], count: usize, size: usize) -> Heard {
    let mut heard = Heard::default();
    let mut lines = Lines::default();
    let mut unstuffer = Unstuffer::default();
    for piece in wire.chunks(size) {
        lines.room().extend_from_slice(piece);
        while heard.lines.len() < count {
            match lines.has_line() {
                Ok(true) => heard.lines.push(lines.line().unwrap().unwrap().to_vec()),
                Ok(false) => break,
                Err(_) => {
                    heard.refused = true;
                    return Heard {
                        refused: true,
                        ..Heard::default()
                    };
                }
            }
        }
        while heard.lines.len() == count && !unstuffer.ended() && !lines.rest().is_empty() {
            let step = unstuffer.step(lines.rest());
            heard.letter.extend_from_slice(step.piece);
            let used = step.used;
            lines.consume(used);
        }
    }
    heard.ended = unstuffer.ended();
    if heard.ended {
        heard.rest = lines.rest().to_vec();
    }
    heard
}

/// The same letter, read by searching; and where it ends.
fn simple(wire: &[u8], count: usize) -> (Vec<u8>, Option<usize>) {
    let mut at = 0;
    for _ in 0..count {
        let end = wire.iter().skip(at).position(|octet| *octet == b'\n');
        match end {
            Some(end) => at += end + 1,
            None => return (Vec::new(), None),
        }
    }
    let mut letter = Vec::new();
    loop {
        let rest = wire.get(at..).unwrap_or_default();
        if rest.starts_with(b".\r\n") {
            return (letter, Some(at + 3));
        }
        let end = rest.windows(2).position(|pair| pair == b"\r\n");
        let line = rest
            .get(..end.map_or(rest.len(), |end| end + 2))
            .unwrap_or_default();
        let kept = line.strip_prefix(b".").unwrap_or(line);
        // The octets of an end that has not come whole are kept back.
        let open = end.is_none() && line.starts_with(b".\r");
        letter.extend_from_slice(if open && kept == b"\r" { b"" } else { kept });
        match end {
            Some(_) => at += line.len(),
            None => return (letter, None),
        }
    }
}

fn understand(lines: &[Vec<u8>]) {
    let mut listing = Listing::default();
    let mut capabilities = Capabilities::default();
    for line in lines {
        let _ = Reply::parse(line);
        let Some(line) = unstuffed(line) else {
            continue;
        };
        let _ = listing.add_size(line);
        let _ = listing.add_uidl(line);
        let _ = capabilities.add(line);
    }
    let _ = (
        capabilities.login_delay(),
        capabilities.has_mechanism("PLAIN"),
    );
    let letters: Vec<_> = listing.into_letters().collect();
    assert!(
        letters
            .windows(2)
            .all(|pair| pair.first().map(|it| it.number) < pair.get(1).map(|it| it.number))
    );
    assert!(letters.iter().all(|letter| letter.number > 0));
}
