//! Reads a stream as the conversation does, without a connection.

use crate::imap::framer::{Frame, Framer};
use crate::imap::response::{self, Fetch, Response};

/// What came out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Response(Response),
    /// A FETCH whose body was streamed.
    Body(Fetch, Vec<u8>),
    /// What is around a streamed body makes no sense: the conversation ends.
    BrokenBody,
    /// Beyond this limit: the conversation ends.
    TooLong(usize),
}

struct Reader {
    framer: Framer,
    bodies: bool,
    body: Option<(Fetch, Vec<u8>)>,
    seen: Vec<Seen>,
    over: bool,
}

/// Everything in the stream, and how much is left over; of a conversation that ended nothing is.
pub(super) fn read<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    bodies: bool,
) -> (Vec<Seen>, Vec<u8>) {
    let mut reader = Reader {
        framer: Framer::default(),
        bodies,
        body: None,
        seen: Vec::new(),
        over: false,
    };
    for piece in pieces {
        reader.framer.room().extend_from_slice(piece);
        while reader.step() {}
        if reader.over {
            return (reader.seen, Vec::new());
        }
    }
    if let Some((fetch, octets)) = reader.body {
        reader.seen.push(Seen::Body(fetch, octets));
    }
    (reader.seen, reader.framer.into_rest())
}

impl Reader {
    fn end(&mut self, last: Seen) -> bool {
        self.seen.push(last);
        self.over = true;
        false
    }

    /// One frame or piece; false if more has to come.
    fn step(&mut self) -> bool {
        if let (Some((_, octets)), Some(piece)) = (&mut self.body, self.framer.piece()) {
            octets.extend_from_slice(piece);
            let size = piece.len();
            self.framer.consume_piece(size);
            return size > 0;
        }
        match self.framer.frame() {
            Err(error) => self.too_long(&error),
            Ok(None) => false,
            Ok(Some(Frame::Literal(size))) => self.literal(size),
            Ok(Some(Frame::Response)) => self.response(),
        }
    }

    fn literal(&mut self, size: u64) -> bool {
        if self.bodies && self.body.is_none() {
            self.body = Fetch::head(self.framer.response()).map(|fetch| (fetch, Vec::new()));
            if self.body.is_some() {
                self.framer.stream_literal(size);
                return true;
            }
        }
        match self.framer.keep_literal(size) {
            Ok(()) => true,
            Err(error) => self.too_long(&error),
        }
    }

    fn response(&mut self) -> bool {
        let line = self.framer.response();
        let seen = match self.body.take() {
            Some((mut fetch, octets)) => match fetch.tail(line) {
                Ok(()) => Seen::Body(fetch, octets),
                Err(_) => return self.end(Seen::BrokenBody),
            },
            None => Seen::Response(response::parse(line)),
        };
        self.seen.push(seen);
        self.framer.consume();
        true
    }

    fn too_long(&mut self, error: &crate::imap::Error) -> bool {
        let limit = match error {
            crate::imap::Error::TooLong(limit) => *limit,
            _ => 0,
        };
        assert!(limit > 0, "the framer fails for no other reason");
        self.end(Seen::TooLong(limit))
    }
}
