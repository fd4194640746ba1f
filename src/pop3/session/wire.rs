//! Lines out, responses in, over any stream; each wait has an end.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time;

use crate::auth::veil::{LEFT_OUT, Veil};
use crate::engine::Fault;
use crate::engine::ports::LetterSink;
use crate::net::Stream;
use crate::pop3::codec::{self, Lines, Reply, Shown, Unstuffer, unstuffed};
use crate::pop3::error::{Error, Step};

/// So much is read at once.
const PIECE: usize = 64 * 1024;

/// One side of a conversation.
#[derive(Debug)]
pub(super) struct Wire<S> {
    stream: S,
    lines: Lines,
    /// How long the server may be silent.
    limit: Duration,
    /// Keeps the password out of what is shown of the server's words.
    pub(super) veil: Veil,
    /// Whether the server says it where credentials are wrong (AUTH-RESP-CODE, RFC 3206).
    pub(super) tells: bool,
}

/// What a response began with.
#[derive(Debug)]
pub(super) enum Answer {
    /// `+OK` and what follows.
    Ok(Vec<u8>),
    /// `+ ` and what follows: it waits for more.
    More(Vec<u8>),
}

impl<S: Stream> Wire<S> {
    pub(super) fn new(stream: S, limit: Duration) -> Self {
        Self {
            stream,
            lines: Lines::default(),
            limit,
            veil: Veil::default(),
            tells: false,
        }
    }

    /// The stream, if nothing was said on it that nobody has read.
    pub(super) fn into_stream(self) -> Result<S, Error> {
        if self.lines.rest().is_empty() {
            Ok(self.stream)
        } else {
            Err(Error::Injected)
        }
    }

    pub(super) fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    async fn within<T>(
        limit: Duration,
        step: Step,
        work: impl Future<Output = std::io::Result<T>>,
    ) -> Result<T, Error> {
        match time::timeout(limit, work).await {
            Ok(done) => done.map_err(|source| Error::Io { step, source }),
            Err(_) => Err(Error::Timeout { step, limit }),
        }
    }

    /// Says something; several commands at once where the server takes them so.
    pub(super) async fn say(&mut self, step: Step, octets: &[u8]) -> Result<(), Error> {
        let stream = &mut self.stream;
        let work = async {
            stream.write_all(octets).await?;
            stream.flush().await
        };
        Self::within(self.limit, step, work).await
    }

    async fn fill(&mut self, step: Step) -> Result<(), Error> {
        let room = self.lines.room();
        room.reserve(PIECE.saturating_sub(room.capacity() - room.len()));
        let read = self.stream.read_buf(room);
        match Self::within(self.limit, step, read).await? {
            0 => Err(Error::Closed { step }),
            _ => Ok(()),
        }
    }

    async fn line(&mut self, step: Step) -> Result<&[u8], Error> {
        let nonsense = |source| Error::Protocol { step, source };
        while !self.lines.has_line().map_err(nonsense)? {
            self.fill(step).await?;
        }
        Ok(self.lines.line().map_err(nonsense)?.unwrap_or_default())
    }

    /// The first line of a response.
    pub(super) async fn answer(&mut self, step: Step) -> Result<Answer, Error> {
        let (veil, tells) = (self.veil.clone(), self.tells);
        let line = self.line(step).await?;
        match Reply::parse(line).map_err(|source| nonsense(step, source, &veil))? {
            Reply::Ok(text) => Ok(Answer::Ok(text.to_vec())),
            Reply::Continue(text) => Ok(Answer::More(text.to_vec())),
            Reply::Err { code, words } => Err(Error::Refused {
                step,
                code,
                words: cover(words, &veil),
                tells,
                known: false,
            }),
        }
    }

    /// A response that has to be `+OK`.
    pub(super) async fn ok(&mut self, step: Step) -> Result<Vec<u8>, Error> {
        match self.answer(step).await? {
            Answer::Ok(text) => Ok(text),
            Answer::More(_) => Err(Error::Insatiable { step }),
        }
    }

    /// Says one line and waits for `+OK`.
    pub(super) async fn command(&mut self, step: Step, line: &str) -> Result<Vec<u8>, Error> {
        self.say(step, format!("{line}\r\n").as_bytes()).await?;
        self.ok(step).await
    }

    /// The lines of a multi-line response, up to the one with the single dot.
    pub(super) async fn each_line(
        &mut self,
        step: Step,
        mut take: impl FnMut(&[u8]) -> Result<(), codec::Error>,
    ) -> Result<(), Error> {
        let veil = self.veil.clone();
        loop {
            match unstuffed(self.line(step).await?) {
                None => return Ok(()),
                Some(line) => take(line).map_err(|source| nonsense(step, source, &veil))?,
            }
        }
    }

    /// The octets of a letter, up to the line with the single dot. More than `most` are a fault.
    pub(super) async fn letter(
        &mut self,
        step: Step,
        most: u64,
        mut take: impl AsyncFnMut(&[u8]) -> Result<(), Fault>,
    ) -> Result<Length, Fault> {
        let mut unstuffer = Unstuffer::default();
        let mut came = 0_u64;
        while !unstuffer.ended() {
            if self.lines.rest().is_empty() {
                self.fill(step).await?;
            }
            let found = unstuffer.step(self.lines.rest());
            let used = found.used;
            came = came.saturating_add(u64::try_from(found.piece.len()).unwrap_or(u64::MAX));
            if came > most {
                return Ok(Length::TooLong(came));
            }
            take(found.piece).await?;
            self.lines.consume(used);
        }
        Ok(Length::Whole)
    }

    /// The octets of a letter into a sink.
    pub(super) async fn letter_into(
        &mut self,
        number: u32,
        most: u64,
        sink: &mut impl LetterSink,
    ) -> Result<Length, Fault> {
        sink.begin(number).await?;
        let step = Step::Retr(number);
        let length = self
            .letter(step, most, async |piece| sink.write(piece).await)
            .await?;
        if matches!(length, Length::Whole) {
            sink.end().await?;
        }
        Ok(length)
    }
}

/// How a letter ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Length {
    /// As it should.
    Whole,
    /// Not yet, after so many octets.
    TooLong(u64),
}

fn cover(words: Shown, veil: &Veil) -> Shown {
    if veil.covers(&words.to_string()) {
        Shown::new(LEFT_OUT.as_bytes())
    } else {
        words
    }
}

/// What is no response is shown as well, unless it repeats the password.
fn nonsense(step: Step, source: codec::Error, veil: &Veil) -> Error {
    let source = match source {
        codec::Error::NotAReply(line) => codec::Error::NotAReply(cover(line, veil)),
        codec::Error::Listing { command, line } => {
            let line = cover(line, veil);
            codec::Error::Listing { command, line }
        }
        other => other,
    };
    Error::Protocol { step, source }
}
