//! FETCH (RFC 9051 section 7.5.2), with or without a literal that is streamed.

use super::super::date;
use super::super::token::{Cursor, Text};
use crate::mail::{Flags, ModSeq, Uid};

/// What a FETCH says of a message's body, or of the part of its header that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Body {
    /// Nothing.
    #[default]
    Absent,
    /// NIL.
    Nil,
    /// It came in the line.
    Here(Vec<u8>),
    /// It comes as a literal of so many octets.
    Coming(u64),
}

/// One FETCH response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fetch {
    pub seq: u32,
    pub uid: Option<Uid>,
    pub flags: Option<Flags>,
    pub modseq: Option<ModSeq>,
    pub size: Option<u64>,
    pub date: Option<i64>,
    pub body: Body,
}

/// The response cannot be read; what was read before is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FetchError;

impl Fetch {
    /// A FETCH of which only the sequence number is known.
    pub fn new(seq: u32) -> Self {
        Self {
            seq,
            ..Self::default()
        }
    }

    /// Reads the head of a response that ends in a literal's header: `Some` if that literal is a body.
    pub fn head(line: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(line);
        if !cursor.eat(b'*') {
            return None;
        }
        cursor.blanks();
        let seq = u32::try_from(cursor.number()?).ok()?;
        cursor.blanks();
        if !cursor.atom().eq_ignore_ascii_case(b"FETCH") {
            return None;
        }
        let mut fetch = Self::new(seq);
        let read = fetch.read(cursor);
        (read.is_ok() && matches!(fetch.body, Body::Coming(_))).then_some(fetch)
    }

    /// Reads the items after the word FETCH, up to the closing parenthesis or a body that is still to come.
    pub fn read(&mut self, mut cursor: Cursor<'_>) -> Result<(), FetchError> {
        cursor.blanks();
        if !cursor.eat(b'(') {
            return Err(FetchError);
        }
        self.items(cursor)
    }

    /// Reads what follows a literal that was streamed.
    pub fn tail(&mut self, line: &[u8]) -> Result<(), FetchError> {
        let body = std::mem::take(&mut self.body);
        let read = self.items(Cursor::new(line));
        self.body = body;
        read
    }

    fn items(&mut self, mut cursor: Cursor<'_>) -> Result<(), FetchError> {
        loop {
            cursor.blanks();
            if cursor.eat(b')') {
                return if cursor.at_end() {
                    Ok(())
                } else {
                    Err(FetchError)
                };
            }
            let name = cursor.word();
            if name.is_empty() {
                return Err(FetchError);
            }
            self.item(name, &mut cursor).ok_or(FetchError)?;
            if matches!(self.body, Body::Coming(_)) {
                return Ok(());
            }
        }
    }

    fn item(&mut self, name: &[u8], cursor: &mut Cursor<'_>) -> Option<()> {
        let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
        if is("BODY") && cursor.peek() == Some(b'[') {
            return self.body(cursor);
        }
        if cursor.peek() == Some(b'[') {
            cursor.section()?;
        }
        cursor.blanks();
        if is("UID") {
            self.uid = Uid::new(u32::try_from(cursor.number()?).ok()?);
            self.uid.map(|_| ())
        } else if is("FLAGS") {
            let mut ahead = *cursor;
            self.flags = flags(&mut ahead);
            // Flags that cannot be read are unknown, not none.
            if self.flags.is_some() {
                *cursor = ahead;
                Some(())
            } else {
                cursor.skip()
            }
        } else if is("MODSEQ") {
            let mut ahead = *cursor;
            self.modseq = ahead
                .eat(b'(')
                .then(|| ahead.number())
                .flatten()
                .and_then(ModSeq::new);
            cursor.skip()
        } else if is("RFC822.SIZE") {
            let mut ahead = *cursor;
            self.size = ahead.number();
            cursor.skip()
        } else if is("INTERNALDATE") {
            match cursor.text()? {
                Text::Here(text) => self.date = date::parse(&text),
                Text::Nil => {}
                Text::Coming(_) => return None,
            }
            Some(())
        } else {
            cursor.skip()
        }
    }

    fn body(&mut self, cursor: &mut Cursor<'_>) -> Option<()> {
        cursor.section()?;
        cursor.blanks();
        self.body = match cursor.text()? {
            Text::Nil => Body::Nil,
            Text::Here(octets) => Body::Here(octets.into_owned()),
            Text::Coming(size) => Body::Coming(size),
        };
        Some(())
    }
}

/// A flag list; what is in it but no flag is passed over.
fn flags(cursor: &mut Cursor<'_>) -> Option<Flags> {
    let mut flags = Flags::new();
    if !cursor.eat(b'(') {
        return None;
    }
    loop {
        cursor.blanks();
        if cursor.eat(b')') {
            return Some(flags);
        }
        let atom = cursor.atom();
        if atom.is_empty() {
            return None;
        }
        if let Ok(text) = std::str::from_utf8(atom) {
            flags.insert_wire(text);
        }
    }
}
