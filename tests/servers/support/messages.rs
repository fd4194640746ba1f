//! Mail to test with, and chance that can be repeated.

/// A small generator (xorshift64*): the same seed, the same changes.
pub struct Random(u64);

impl Random {
    /// Starts from a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit.max(1)
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// An ordinary message with CRLF line ends; the name makes it unique.
pub fn message(name: &str) -> Vec<u8> {
    sized_message(name, 0)
}

/// The same with a body of about so many octets.
pub fn sized_message(name: &str, octets: usize) -> Vec<u8> {
    let mut text = format!(
        "From: Alice <alice@example.com>\r\nTo: bob@example.com\r\nSubject: {name}\r\n\
         Date: Tue, 12 Mar 2024 10:11:12 +0000\r\nMessage-ID: <{}@example.com>\r\n\r\nBody of {name}.\r\n",
        name.replace(|c: char| !c.is_ascii_alphanumeric(), ".")
    )
    .into_bytes();
    let line = format!("{name:.>70}\r\n").into_bytes();
    while text.len() < octets {
        text.extend_from_slice(&line);
    }
    text
}

/// Messages that programs stumble over, by name.
pub fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let head = "Subject: hostile\r\nMessage-ID: <hostile@example.com>\r\n";
    let with = |rest: &[u8]| [head.as_bytes(), rest].concat();
    vec![
        ("bare LF", with(b"X: 1\r\n\r\nfirst\nsecond\r\nthird\n")),
        ("only LF", b"Subject: only LF\n\nbody\n".to_vec()),
        ("bare CR", with(b"X: 2\r\n\r\nfirst\rsecond\r\n\rend\r\n")),
        ("no header", b"\r\njust a body without any header\r\n".to_vec()),
        ("no body", b"Subject: a header and nothing else\r\n".to_vec()),
        ("no end of line", with(b"X: 3\r\n\r\nthe last line does not end")),
        ("8-bit header", with(b"X-Raw: \xe4\xf6\xfc \xff\xfe\r\n\r\nbody \x80\x81\r\n")),
        ("long line", with(&[b"X: 4\r\n\r\n".as_slice(), &[b'a'; 70_000], b"\r\n"].concat())),
        ("same Message-ID, one", with(b"X: 5\r\n\r\none\r\n")),
        ("same Message-ID, two", with(b"X: 6\r\n\r\ntwo\r\n")),
        ("mbox From line", b"From alice Tue Mar 12 10:11:12 2024\r\nSubject: From_\r\n\r\nFrom here\r\n>From there\r\n".to_vec()),
        ("IMAP in the body", with(b"X: 7\r\n\r\n)\r\nA1 OK done\r\n* BYE\r\n* 1 EXPUNGE\r\n{5}\r\n+ go\r\n")),
    ]
}
