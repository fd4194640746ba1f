//! The stream that async-imap sees: the real one, with somebody standing in the door.
//!
//! async-imap reads ahead, believes what it parses, and its parser can be brought down by one line. So the gate reads
//! for it: it takes lines off the stream, keeps what the opening wants to know of them ([`Heard`]), and hands over
//! only what moves the dialogue on: the greeting's and the tagged answers' one word, and continuations. Of a status
//! line async-imap gets `A0001 OK -`; code, text and capabilities stay here, so no text of the server ever gets into
//! its parser, and a list with IMAP4rev2 alone is no obstacle. At most one line is on its way at a time, so
//! everything behind the last one is still here when the gate is taken apart.
//!
//! Writes are kept back until a flush: one command is one TLS record.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use zeroize::{Zeroize as _, Zeroizing};

use super::line::{self, Condition, Line, Status};
use crate::imap::capabilities::Capabilities;
use crate::net::Stream;

/// No line before the end of the login is longer.
const LINE: usize = 64 * 1024;
/// No literal in a line that is skipped is longer.
const LITERAL: u64 = 1 << 20;
/// No more octets of capabilities are remembered.
const CAPABILITIES: usize = 64 * 1024;
/// Octets read at once.
const PIECE: usize = 4096;

/// What the server has said, as far as anybody wants to know.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) greeting: Option<Status>,
    /// The last tagged answer.
    pub(super) answer: Option<Status>,
    pub(super) bye: Option<Status>,
    /// From codes and CAPABILITY lines since this was last taken.
    pub(super) capabilities: Option<Capabilities>,
    pub(super) offence: Option<Offence>,
}

/// What the gate does not let pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Offence {
    /// The first line is no greeting; escaped.
    NoGreeting(String),
    /// A line, a literal or a list of capabilities beyond all measure.
    TooLong,
}

/// See the module.
pub(super) enum Gate<S> {
    Live(Box<Live<S>>),
    /// The stream has moved on.
    Taken,
}

/// A gate with a stream behind it.
pub(super) struct Live<S> {
    stream: S,
    /// Read, and not yet looked at beyond `searched` (for a line end).
    raw: Vec<u8>,
    searched: usize,
    /// Rest of a literal that is skipped, and whether the line around it goes on.
    skip: u64,
    skipping: bool,
    /// For async-imap; it has the first `given` octets.
    passed: Vec<u8>,
    given: usize,
    /// From async-imap; the stream has the first `sent` octets. Holds passwords.
    kept: Zeroizing<Vec<u8>>,
    sent: usize,
    /// Set: what is kept back is an answer that must not go out; `*` cancels the exchange instead (RFC 3501 section 6.2.2).
    pub(super) cancel: Arc<AtomicBool>,
    pub(super) heard: Heard,
}

impl<S> fmt::Debug for Gate<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Live(_) => "Gate::Live",
            Self::Taken => "Gate::Taken",
        })
    }
}

impl<S: Stream> Gate<S> {
    pub(super) fn new(stream: S) -> Self {
        Self::Live(Box::new(Live {
            stream,
            raw: Vec::new(),
            searched: 0,
            skip: 0,
            skipping: false,
            passed: Vec::new(),
            given: 0,
            kept: Zeroizing::new(Vec::with_capacity(1024)),
            sent: 0,
            cancel: Arc::default(),
            heard: Heard::default(),
        }))
    }

    fn live(&mut self) -> io::Result<&mut Live<S>> {
        match self {
            Self::Live(live) => Ok(live),
            Self::Taken => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl<S> Live<S> {
    /// The stream, what was read behind the last line, and what was heard.
    pub(super) fn take_apart(self) -> (S, Vec<u8>, Heard) {
        (self.stream, self.raw, self.heard)
    }

    /// The next line's length, line end included.
    fn line_end(&mut self) -> Option<usize> {
        let rest = self.raw.get(self.searched..).unwrap_or_default();
        let found = rest.iter().position(|&octet| octet == b'\n');
        let end = found.map(|at| self.searched + at + 1);
        self.searched = if end.is_some() { 0 } else { self.raw.len() };
        end
    }

    /// Deals with all lines that are here until one is for async-imap. False: more has to be read.
    fn advance(&mut self) -> io::Result<bool> {
        loop {
            let here = usize::try_from(self.skip)
                .unwrap_or(usize::MAX)
                .min(self.raw.len());
            self.raw.drain(..here);
            self.skip -= u64::try_from(here).unwrap_or(0);
            let Some(end) = self.line_end() else {
                if self.raw.len() > LINE {
                    return Err(self.offend(Offence::TooLong));
                }
                return Ok(false);
            };
            if end > LINE {
                return Err(self.offend(Offence::TooLong));
            }
            let line: Vec<u8> = self.raw.drain(..end).collect();
            let line = line.strip_suffix(b"\n").unwrap_or(&line);
            self.judge(line.strip_suffix(b"\r").unwrap_or(line))?;
            if !self.passed.is_empty() || self.heard.bye.is_some() {
                return Ok(true);
            }
        }
    }

    fn offend(&mut self, offence: Offence) -> io::Error {
        self.heard.offence = Some(offence);
        io::ErrorKind::InvalidData.into()
    }

    /// Keeps what is worth knowing of a line, and passes on what async-imap waits for.
    fn judge(&mut self, line: &[u8]) -> io::Result<()> {
        let parsed = line::parse(line);
        if self.heard.greeting.is_none() {
            return self.greet(line, parsed);
        }
        if self.skipping {
            let literal = match parsed {
                Line::Other { literal } => literal,
                _ => None,
            };
            return self.skip_over(literal);
        }
        match parsed {
            Line::Status {
                tag: Some(tag),
                status,
                capabilities,
            } => {
                self.passed = format!("{tag} {} -\r\n", status.condition.name()).into_bytes();
                self.heard.answer = Some(status);
                self.learn(capabilities)?;
            }
            Line::Status {
                tag: None,
                status,
                capabilities,
            } => {
                self.learn(capabilities)?;
                if status.condition == Condition::Bye {
                    self.heard.bye = Some(status);
                }
            }
            Line::Continue(challenge) => {
                self.passed = format!("+ {challenge}\r\n").into_bytes();
            }
            Line::Capability(capabilities) => self.learn(Some(capabilities))?,
            Line::Other { literal } => self.skip_over(literal)?,
        }
        Ok(())
    }

    /// The first line of all must be a greeting: whatever else it is, this is no IMAP server.
    fn greet(&mut self, line: &[u8], parsed: Line) -> io::Result<()> {
        match parsed {
            Line::Status {
                tag: None,
                status,
                capabilities,
            } if !matches!(status.condition, Condition::No | Condition::Bad) => {
                self.passed = format!("* {} -\r\n", status.condition.name()).into_bytes();
                if status.condition == Condition::Bye {
                    self.heard.bye = Some(status.clone());
                }
                self.heard.greeting = Some(status);
                self.learn(capabilities)
            }
            _ => {
                let shown = line::escape(&String::from_utf8_lossy(line));
                Err(self.offend(Offence::NoGreeting(shown)))
            }
        }
    }

    fn skip_over(&mut self, literal: Option<u64>) -> io::Result<()> {
        self.skipping = literal.is_some();
        self.skip = literal.unwrap_or(0);
        if self.skip > LITERAL {
            return Err(self.offend(Offence::TooLong));
        }
        Ok(())
    }

    fn learn(&mut self, capabilities: Option<Capabilities>) -> io::Result<()> {
        let Some(new) = capabilities else {
            return Ok(());
        };
        let old = self.heard.capabilities.take().unwrap_or_default();
        let all = Capabilities::from_atoms(old.iter().chain(new.iter()));
        let octets: usize = all.iter().map(str::len).sum();
        if octets > CAPABILITIES {
            return Err(self.offend(Offence::TooLong));
        }
        self.heard.capabilities = Some(all);
        Ok(())
    }
}

impl<S: Stream> Live<S> {
    /// Reads until a line is there for async-imap. Leaves `passed` empty at the end of the stream, and a BYE is one.
    fn poll_line(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.heard.bye.is_none() && !self.advance()? {
            let from = self.raw.len();
            self.raw.resize(from + PIECE, 0);
            let mut room = ReadBuf::new(self.raw.get_mut(from..).unwrap_or_default());
            let outcome = Pin::new(&mut self.stream).poll_read(cx, &mut room);
            let came = room.filled().len();
            self.raw.truncate(from + came);
            ready!(outcome)?;
            if came == 0 {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.cancel.swap(false, Ordering::Relaxed) {
            self.kept.zeroize();
            self.kept.extend_from_slice(b"*\r\n");
        }
        while let Some(rest) = self.kept.get(self.sent..).filter(|r| !r.is_empty()) {
            let sent = ready!(Pin::new(&mut self.stream).poll_write(cx, rest))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += sent;
        }
        self.kept.zeroize();
        self.sent = 0;
        Pin::new(&mut self.stream).poll_flush(cx)
    }
}

impl<S: Stream> AsyncRead for Gate<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let live = self.get_mut().live()?;
        if live.passed.is_empty() {
            ready!(live.poll_line(cx))?;
        }
        let rest = live.passed.get(live.given..).unwrap_or_default();
        let (now, later) = rest.split_at(rest.len().min(buf.remaining()));
        buf.put_slice(now);
        live.given += now.len();
        if later.is_empty() {
            live.passed.clear();
            live.given = 0;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: Stream> AsyncWrite for Gate<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().live()?.kept.extend_from_slice(octets);
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().live()?.poll_send(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let live = self.get_mut().live()?;
        ready!(live.poll_send(cx))?;
        Pin::new(&mut live.stream).poll_shutdown(cx)
    }
}
