//! The loop that all calls go through: commands are sent, and whatever comes goes to the session's own picture and to the
//! caller. Knows nothing of what the commands mean.

use std::collections::VecDeque;

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Selected, Session};
use crate::imap::command::Command;
use crate::imap::error::Error;
use crate::imap::exchange::{Event, Outcome};
use crate::imap::response::{Code, Condition, Fetch, Status, Untagged};

/// Commands in flight: few enough that neither side waits to write while nobody reads.
const WINDOW: usize = 8;

/// Alerts of one connection that are shown.
const ALERTS: u32 = 10;

/// Takes what comes while commands are in flight.
pub(crate) trait Taker {
    /// Whether bodies are streamed to it; else they are part of their responses, within limits.
    const BODIES: bool;
    /// An untagged response.
    async fn untagged(&mut self, untagged: Untagged) -> Result<(), Error>;
    /// A body begins; `false` lets it pass unread.
    async fn head(&mut self, _fetch: &Fetch, _octets: u64) -> Result<bool, Error> {
        Ok(false)
    }
    /// Some of its octets.
    async fn piece(&mut self, _octets: &[u8]) -> Result<(), Error> {
        Ok(())
    }
    /// The response around it is complete; says again whether it was wanted.
    async fn tail(&mut self, _fetch: Fetch, _wanted: bool) -> Result<(), Error> {
        Ok(())
    }
}

struct Plain<F>(F);

impl<F: FnMut(Untagged)> Taker for Plain<F> {
    const BODIES: bool = false;

    async fn untagged(&mut self, untagged: Untagged) -> Result<(), Error> {
        (self.0)(untagged);
        Ok(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Begins an exchange; it ends with [`Session::settle`]. In between the session counts as broken, so that one that
    /// was dropped in the middle is never used again.
    pub(crate) fn begin(&mut self) -> Result<(), Error> {
        if std::mem::replace(&mut self.broken, true) {
            return Err(Error::Dead);
        }
        Ok(())
    }

    /// Everything that was asked has been answered.
    pub(crate) fn settle(&mut self) {
        self.broken = false;
    }

    fn note_alert(&mut self, status: &Status) {
        self.alerts = self
            .alerts
            .saturating_add(u32::from(status.code == Code::Alert));
        log_status(status, self.alerts);
    }

    /// Keeps the session's own picture up to date.
    pub(crate) fn note(&mut self, untagged: &Untagged) {
        if let Untagged::Enabled(names) = untagged {
            let has = |name: &str| names.iter().any(|enabled| enabled == name);
            self.qresync |= has("QRESYNC");
            self.utf8 |= has("UTF8=ACCEPT");
        }
        if let Untagged::Namespace(personal) = untagged {
            self.note_namespace(personal.as_ref());
        }
        if let Untagged::Status(status) = untagged {
            self.note_alert(status);
        }
        let Some(selected) = &mut self.selected else {
            return;
        };
        if matches!(untagged, Untagged::Status(status) if status.code == Code::Closed) {
            *selected = Selected::new(&selected.name);
        }
        selected.note(untagged);
    }

    /// Sends commands, at most `window` unanswered at a time, until all are answered. Outcomes in the order of the
    /// commands.
    pub(crate) async fn drive<T: Taker>(
        &mut self,
        commands: &[Command],
        window: usize,
        taker: &mut T,
    ) -> Result<Vec<Outcome>, Error> {
        self.begin()?;
        let mut waiting = commands.iter().enumerate();
        let mut flying: VecDeque<(u32, usize)> = VecDeque::new();
        let mut outcomes: Vec<Option<Outcome>> = vec![None; commands.len()];
        loop {
            let before = flying.len();
            while flying.len() < window
                && let Some((at, command)) = waiting.next()
            {
                flying.push_back((self.wire.queue(command), at));
            }
            if flying.is_empty() {
                break;
            }
            if flying.len() > before {
                self.wire.flush().await?;
            }
            let (tag, status) = self.until_tagged(taker).await?;
            let Some(place) = flying.iter().position(|(known, _)| *known == tag) else {
                tracing::debug!(tag, "the server answered a command that was not given");
                continue;
            };
            if let Some((_, at)) = flying.remove(place)
                && let (Some(slot), Some(command)) = (outcomes.get_mut(at), commands.get(at))
            {
                *slot = Some(Outcome::new(command.name, status));
            }
        }
        self.settle();
        Ok(outcomes.into_iter().flatten().collect())
    }

    async fn until_tagged<T: Taker>(&mut self, taker: &mut T) -> Result<(u32, Status), Error> {
        loop {
            match self.wire.event(T::BODIES).await? {
                Event::Tagged(tag, status) => return Ok((tag, status)),
                Event::Untagged(untagged) => {
                    self.note(&untagged);
                    taker.untagged(untagged).await?;
                }
                Event::Body(fetch, size) => self.body(fetch, size, taker).await?,
                Event::Continue => {}
            }
        }
    }

    async fn body<T: Taker>(
        &mut self,
        mut fetch: Fetch,
        size: u64,
        taker: &mut T,
    ) -> Result<(), Error> {
        let wanted = taker.head(&fetch, size).await?;
        while let Some(octets) = self.wire.piece().await? {
            if wanted {
                taker.piece(octets).await?;
            }
            let size = octets.len();
            self.wire.consume_piece(size);
        }
        self.wire.tail(&mut fetch).await?;
        taker.tail(fetch, wanted).await
    }

    /// Sends commands, several at a time.
    pub(crate) async fn run(
        &mut self,
        commands: &[Command],
        on: impl FnMut(Untagged),
    ) -> Result<Vec<Outcome>, Error> {
        self.drive(commands, WINDOW, &mut Plain(on)).await
    }

    /// Sends one command.
    pub(crate) async fn run_one(
        &mut self,
        command: Command,
        on: impl FnMut(Untagged),
    ) -> Result<Outcome, Error> {
        let outcomes = self.run(&[command], on).await?;
        outcomes.into_iter().next().ok_or(Error::Dead)
    }
}

fn log_status(status: &Status, alerts: u32) {
    if status.code == Code::Alert && alerts <= ALERTS {
        tracing::warn!(text = %status.words, "the server has something to say");
    } else if matches!(status.condition, Condition::No | Condition::Bad) {
        tracing::debug!(text = %status.words, "the server warns");
    }
}
