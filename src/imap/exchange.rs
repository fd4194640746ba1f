//! The conversation: commands go out under tags, several at a time; responses come back, literals as a stream.
//!
//! A command is complete only with its own tagged answer. The end of the stream, BYE, silence and what cannot be framed
//! are errors. Knows nothing of mailboxes.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use super::command::Command;
use super::error::{Error, Refusal, Words};
use super::framer::{Frame, Framer};
use super::response::{self, Code, Condition, Fetch, Response, Status, TAG, Untagged};
use crate::auth::veil::Veil;

/// How one command ended.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    command: &'static str,
    pub status: Status,
}

impl Outcome {
    /// How the command of this name ended.
    pub fn new(command: &'static str, status: Status) -> Self {
        Self { command, status }
    }

    /// Whether it is that of the command of this name.
    pub fn is_of(&self, command: &str) -> bool {
        self.command == command
    }

    /// The code of an OK.
    ///
    /// # Errors
    /// NO or BAD.
    pub fn ok(self) -> Result<Code, Refusal> {
        match self.status.condition {
            Condition::Ok => Ok(self.status.code),
            other => Err(Refusal {
                command: self.command,
                bad: other != Condition::No,
                code: self.status.code,
                words: self.status.words,
            }),
        }
    }
}

/// What happened on the stream.
#[derive(Debug)]
pub(crate) enum Event {
    Untagged(Untagged),
    /// A FETCH whose body comes now: [`Wire::piece`] until `None`, then [`Wire::tail`].
    Body(Fetch, u64),
    Tagged(u32, Status),
    Continue,
}

/// Responses in a row that bring nothing: news, alerts, answers to nobody.
const CHATTER: u64 = 10_000;
/// Responses between one command and its answer, beside those that a mailbox's size explains.
const RESPONSES: u64 = 200_000;
/// The largest mailbox that explains anything.
const EXPLAINED: u32 = 20_000_000;
/// So many times as long as it may be silent the server may be slow.
const WINDOW: u32 = 10;
/// Slow is less than so many octets a second.
const PACE: u64 = 16;

/// How much and how fast the server has talked since a command was sent.
#[derive(Debug)]
struct Pace {
    since: Instant,
    octets: u64,
    responses: u64,
    chatter: u64,
    explained: u64,
}

impl Pace {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            octets: 0,
            responses: 0,
            chatter: 0,
            explained: 0,
        }
    }

    /// A command was sent: from here on it counts.
    fn begin(&mut self) {
        *self = Self {
            explained: self.explained,
            ..Self::new()
        };
    }

    /// So much was read.
    fn read(&mut self, count: usize, silence: Duration) -> Result<(), Error> {
        self.octets = self.octets.saturating_add(count as u64);
        let window = silence.saturating_mul(WINDOW);
        if self.since.elapsed() < window {
            return Ok(());
        }
        if self.octets < window.as_secs().saturating_mul(PACE) {
            return Err(Error::Slow(window));
        }
        self.since = Instant::now();
        self.octets = 0;
        Ok(())
    }

    /// Something was said.
    fn heard(&mut self, response: &Response) -> Result<(), Error> {
        self.responses += 1;
        match response {
            Response::Untagged(Untagged::Exists(count)) => {
                let count = u64::from((*count).min(EXPLAINED));
                self.explained = self.explained.max(count.saturating_mul(2));
                self.chatter += 1;
            }
            Response::Untagged(
                Untagged::Status(_)
                | Untagged::Enabled(_)
                | Untagged::Namespace(_)
                | Untagged::Other,
            )
            | Response::Continue
            | Response::Tagged(..) => self.chatter += 1,
            Response::Untagged(_) => self.chatter = 0,
        }
        if self.chatter > CHATTER || self.responses > RESPONSES.saturating_add(self.explained) {
            return Err(Error::Endless(self.responses));
        }
        Ok(())
    }
}

/// One stream with its buffers.
#[derive(Debug)]
pub(crate) struct Wire<S> {
    stream: S,
    framer: Framer,
    out: Vec<u8>,
    /// How much of `out` was handed on.
    sent: usize,
    last_tag: u32,
    pace: Pace,
    veil: Veil,
    /// How long nothing may come.
    pub silence: Duration,
    /// Nothing is owed: what comes may take as long as it likes.
    pub patient: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// A conversation that goes on where somebody else stopped reading.
    pub fn new(stream: S, leftover: Vec<u8>, silence: Duration) -> Self {
        Self {
            stream,
            framer: Framer::new(leftover),
            out: Vec::new(),
            sent: 0,
            last_tag: 0,
            pace: Pace::new(),
            veil: Veil::default(),
            silence,
            patient: false,
        }
    }

    /// The same conversation, of which a password is kept out when it is shown.
    pub fn behind(self, veil: Veil) -> Self {
        Self { veil, ..self }
    }

    /// What is shown of a line.
    fn shown(&self, line: &[u8]) -> Words {
        let mut words = Words::new(line);
        words.cover(&self.veil);
        words
    }

    /// The stream and what was read from it but not consumed.
    pub fn into_parts(self) -> (S, Vec<u8>) {
        (self.stream, self.framer.into_rest())
    }

    /// Puts a command in the queue, line end included; returns its tag.
    pub fn queue(&mut self, command: &Command) -> u32 {
        let tag = self.queue_open(command);
        self.out.extend_from_slice(b"\r\n");
        tag
    }

    /// Puts a command in the queue without its line end.
    pub fn queue_open(&mut self, command: &Command) -> u32 {
        self.last_tag = self.last_tag.wrapping_add(1);
        self.out
            .extend_from_slice(format!("{TAG}{} ", self.last_tag).as_bytes());
        self.out.extend_from_slice(command.as_bytes());
        self.last_tag
    }

    /// Puts octets in the queue.
    pub fn queue_octets(&mut self, octets: &[u8]) {
        self.out.extend_from_slice(octets);
    }

    /// Sends what is in the queue. If it is dropped halfway, the next call goes on where it stopped.
    pub async fn flush(&mut self) -> Result<(), Error> {
        if self.out.is_empty() {
            return Ok(());
        }
        let silence = self.silence;
        let sending = timeout(silence, self.send());
        sending.await.map_err(|_| Error::Silent(silence))??;
        Ok(())
    }

    async fn send(&mut self) -> io::Result<()> {
        while let Some(rest) = self.out.get(self.sent..).filter(|rest| !rest.is_empty()) {
            let count = self.stream.write(rest).await?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.sent += count;
        }
        self.stream.flush().await?;
        self.out.clear();
        self.sent = 0;
        self.pace.begin();
        Ok(())
    }

    async fn fill(&mut self) -> Result<(), Error> {
        let read = self.stream.read_buf(self.framer.room());
        let count = if self.patient {
            read.await?
        } else {
            timeout(self.silence, read)
                .await
                .map_err(|_| Error::Silent(self.silence))??
        };
        if count == 0 {
            return Err(Error::Closed);
        }
        if self.patient {
            return Ok(());
        }
        self.pace.read(count, self.silence)
    }

    async fn frame(&mut self) -> Result<Frame, Error> {
        loop {
            if let Some(frame) = self.framer.frame()? {
                return Ok(frame);
            }
            self.fill().await?;
        }
    }

    /// The next thing that happens. With `bodies`, literals of bodies are left to be streamed. May be dropped at any
    /// time without losing anything.
    pub async fn event(&mut self, bodies: bool) -> Result<Event, Error> {
        loop {
            if let Some(event) = self.ready(bodies)? {
                return Ok(event);
            }
            self.fill().await?;
        }
    }

    /// The next thing that happens, if all of it has come.
    pub fn ready(&mut self, bodies: bool) -> Result<Option<Event>, Error> {
        while let Some(frame) = self.framer.frame()? {
            match frame {
                Frame::Literal(size) => {
                    let head = bodies
                        .then(|| Fetch::head(self.framer.response()))
                        .flatten();
                    if let Some(fetch) = head {
                        self.framer.stream_literal(size);
                        return Ok(Some(Event::Body(fetch, size)));
                    }
                    self.framer.keep_literal(size)?;
                }
                Frame::Response => return self.response().map(Some),
            }
        }
        Ok(None)
    }

    /// Reads the response that lies in the buffer.
    fn response(&mut self) -> Result<Event, Error> {
        let mut response = response::parse(self.framer.response());
        match &mut response {
            Response::Untagged(Untagged::Other) => self.trace_other(),
            Response::Untagged(Untagged::Status(status)) | Response::Tagged(_, status) => {
                status.words.cover(&self.veil);
            }
            _ => {}
        }
        self.framer.consume();
        self.pace.heard(&response)?;
        match response {
            Response::Continue => Ok(Event::Continue),
            Response::Tagged(tag, status) => Ok(Event::Tagged(tag, status)),
            Response::Untagged(untagged) => unless_bye(untagged).map(Event::Untagged),
        }
    }

    /// CAPABILITY, FLAGS and RECENT come all the time and say nothing new.
    fn trace_other(&self) {
        let line = self.framer.response();
        let word = line.get(2..).unwrap_or_default().trim_ascii();
        let usual = [&b"CAPABILITY"[..], b"FLAGS"]
            .iter()
            .any(|usual| word.starts_with(usual));
        if !usual && !word.ends_with(b"RECENT") {
            tracing::debug!(line = %self.shown(line), "passed over a line from the server");
        }
    }

    /// The next octets of the body that is being streamed; `None` at its end.
    pub async fn piece(&mut self) -> Result<Option<&[u8]>, Error> {
        if self.framer.piece().is_some_and(<[u8]>::is_empty) {
            self.fill().await?;
        }
        Ok(self.framer.piece())
    }

    /// Done with so many octets of the body.
    pub fn consume_piece(&mut self, size: usize) {
        self.framer.consume_piece(size);
    }

    /// Reads the rest of the response around a body that was streamed.
    pub async fn tail(&mut self, fetch: &mut Fetch) -> Result<(), Error> {
        while let Frame::Literal(size) = self.frame().await? {
            self.framer.keep_literal(size)?;
        }
        let line = self.framer.response();
        fetch.tail(line).map_err(|_| Error::Protocol {
            what: "the response around a message's body does not end",
            line: self.shown(line),
        })?;
        self.framer.consume();
        Ok(())
    }
}

fn unless_bye(untagged: Untagged) -> Result<Untagged, Error> {
    match untagged {
        Untagged::Status(status) if status.condition == Condition::Bye => Err(Error::Bye {
            code: status.code,
            words: status.words,
        }),
        other => Ok(other),
    }
}
