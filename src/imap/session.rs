//! One logged-in connection: what it can do, what is enabled, what is selected, and the loop that all calls go through.

mod selected;

use std::collections::VecDeque;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::capabilities::Capabilities;
use super::command::Command;
use super::error::Error;
use super::exchange::{Event, Outcome, Wire};
use super::names::Names;
use super::response::{Code, Condition, Fetch, Status, Untagged};
use crate::auth::veil::Veil;
use crate::mail::MailboxName;

pub(crate) use selected::Selected;

/// Commands in flight: few enough that neither side waits to write while nobody reads.
const WINDOW: usize = 8;

/// Alerts of one connection that are shown.
const ALERTS: u32 = 10;

/// How a session behaves.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// How long the server may say nothing while it owes an answer.
    pub silence: Duration,
    /// The same after all of a message was sent; servers index before they answer.
    pub append_silence: Duration,
    /// The largest message that is taken, in octets.
    pub message_limit: u64,
    /// What is known of the server's names; shared by the connections of an account.
    pub names: Names,
    /// Keeps the password out of what is shown of the server's words.
    pub veil: Veil,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(60),
            append_silence: Duration::from_secs(600),
            message_limit: 1 << 30,
            names: Names::default(),
            veil: Veil::default(),
        }
    }
}

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

/// One logged-in connection.
#[derive(Debug)]
pub struct Session<S> {
    pub(crate) wire: Wire<S>,
    pub(crate) capabilities: Capabilities,
    pub(crate) options: SessionOptions,
    pub(crate) selected: Option<Selected>,
    /// Whether ID and ENABLE were sent, or there is nothing to say.
    opened: bool,
    /// QRESYNC is on.
    pub(crate) qresync: bool,
    /// UTF8=ACCEPT is on.
    pub(crate) utf8: bool,
    /// QRESYNC was caught giving a wrong picture.
    pub(crate) distrust: bool,
    /// MOVE is offered and was refused.
    pub(crate) immovable: bool,
    /// The extended LIST was refused.
    pub(crate) plain_list: bool,
    /// A command was begun and not finished: nothing that comes can be trusted.
    pub(crate) broken: bool,
    /// Alerts so far.
    alerts: u32,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Carries on after the login. `leftover` was read from the stream but not consumed.
    pub fn new(
        stream: S,
        leftover: Vec<u8>,
        capabilities: Capabilities,
        options: SessionOptions,
    ) -> Self {
        Self {
            wire: Wire::new(stream, leftover, options.silence).behind(options.veil.clone()),
            opened: false,
            capabilities,
            options,
            selected: None,
            qresync: false,
            utf8: false,
            distrust: false,
            immovable: false,
            plain_list: false,
            broken: false,
            alerts: 0,
        }
    }

    /// What the server announced.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The stream and what was read from it but not consumed.
    #[must_use]
    pub fn into_parts(self) -> (S, Vec<u8>) {
        self.wire.into_parts()
    }

    /// Asks for COMPRESS=DEFLATE (RFC 4978). After this the stream speaks deflate in both directions; the caller wraps
    /// it, gives the wrapper the leftover as its first input, and makes a new session of it.
    ///
    /// # Errors
    /// The server refuses, or the stream broke.
    pub async fn start_compression(mut self) -> Result<(S, Vec<u8>, Capabilities), Error> {
        let command = Command::new("COMPRESS", "COMPRESS DEFLATE");
        self.run_one(command, |_| {})
            .await?
            .ok()
            .map_err(Error::AccountRefused)?;
        let (stream, leftover) = self.wire.into_parts();
        Ok((stream, leftover, self.capabilities))
    }

    /// Switches on what the server offers of QRESYNC, CONDSTORE and UTF8=ACCEPT (RFC 5161). The first call does it by
    /// itself, in the same flight where it can.
    ///
    /// # Errors
    /// The stream broke. A refusal only means that nothing is enabled.
    pub async fn prepare(&mut self) -> Result<(), Error> {
        let opening = self.opening();
        if !opening.is_empty() {
            self.run(&opening, |_| {}).await?;
        }
        Ok(())
    }

    /// What is to be sent before anything else: who we are (RFC 2971; some servers want to know), and ENABLE. Once.
    pub(crate) fn opening(&mut self) -> Vec<Command> {
        if std::mem::replace(&mut self.opened, true) {
            return Vec::new();
        }
        let introduction = self.capabilities.has("ID").then(|| {
            let version = env!("CARGO_PKG_VERSION");
            let words =
                format_args!("(\"name\" \"mailferry\" \"version\" \"{version}\")").to_string();
            Command::new("ID", "ID ").text(words)
        });
        let enable = self
            .capabilities
            .has("ENABLE")
            .then(|| self.enable_command());
        introduction.into_iter().chain(enable.flatten()).collect()
    }

    fn enable_command(&self) -> Option<Command> {
        let mut wanted = Vec::new();
        if self.capabilities.has("QRESYNC") {
            wanted.push("QRESYNC");
        } else if self.capabilities.has("CONDSTORE") {
            wanted.push("CONDSTORE");
        }
        if self.capabilities.has("UTF8=ACCEPT") || self.capabilities.has("UTF8=ONLY") {
            wanted.push("UTF8=ACCEPT");
        }
        (!wanted.is_empty()).then(|| Command::new("ENABLE", "ENABLE ").text(wanted.join(" ")))
    }

    /// Whether HIGHESTMODSEQ and its like can be had.
    pub(crate) fn condstore(&self) -> bool {
        self.qresync || self.capabilities.has("CONDSTORE") || self.capabilities.has("QRESYNC")
    }

    /// An extension that IMAP4rev2 contains.
    pub(crate) fn offers(&self, extension: &str) -> bool {
        self.capabilities.has(extension) || self.capabilities.has("IMAP4REV2")
    }

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

    /// A command about a mailbox: `verb name`.
    pub(crate) async fn named(
        &mut self,
        name: &'static str,
        verb: &str,
        mailbox: &MailboxName,
    ) -> Result<Command, Error> {
        self.prepare().await?;
        let command = Command::new(name, verb).text(' ');
        self.add_name(command, mailbox).await
    }

    /// Adds a mailbox's name to a command. Asks the server for its delimiter, if nothing has told it yet.
    pub(crate) async fn add_name(
        &mut self,
        command: Command,
        mailbox: &MailboxName,
    ) -> Result<Command, Error> {
        if self.options.names.needs_delimiter(mailbox) {
            self.ask_delimiter().await?;
        }
        let wire = self.options.names.wire(mailbox, self.utf8)?;
        let plus = ["LITERAL+", "LITERAL-"]
            .iter()
            .any(|name| self.capabilities.has(name));
        command.string(&wire, plus, self.utf8)
    }

    /// Learns what stands between the levels of names.
    pub(crate) async fn ask_delimiter(&mut self) -> Result<(), Error> {
        let names = self.options.names.clone();
        let ask = Command::new("LIST", "LIST \"\" \"\"");
        let outcome = self.run_one(ask, |untagged| {
            if let Untagged::List(listed) = untagged {
                names.learn_delimiter(listed.delimiter);
            }
        });
        outcome.await?.ok().map_err(Error::AccountRefused)?;
        Ok(())
    }

    /// Selects a mailbox, afresh even if it is; `with` is what goes behind its name.
    pub(crate) async fn select_with(
        &mut self,
        mailbox: &MailboxName,
        with: &str,
        on: impl FnMut(Untagged),
    ) -> Result<Selected, Error> {
        let command = self.named("SELECT", "SELECT", mailbox).await?.text(with);
        self.selected = Some(Selected::new(mailbox));
        let outcome = self.run_one(command, on).await?;
        let refused = |refusal| Error::Mailbox {
            mailbox: mailbox.clone(),
            refusal,
        };
        let code = outcome
            .ok()
            .map_err(refused)
            .inspect_err(|_| self.selected = None)?;
        let condstore = self.condstore();
        let selected = self.selected.as_mut().ok_or(Error::NotSelected)?;
        if !selected.counted {
            // No EXISTS is not 0 EXISTS: nothing may be taken for deleted.
            return Err(Error::Uncounted(mailbox.clone()));
        }
        selected.note_code(&code);
        // Some servers tell HIGHESTMODSEQ though CONDSTORE is not offered, or is hidden because it misbehaves.
        selected.modseq = selected.modseq.filter(|_| condstore);
        selected.grown = 0;
        selected.counted = true;
        if !selected.sticky {
            selected.uidvalidity = None;
        }
        Ok(selected.clone())
    }

    /// What asks for HIGHESTMODSEQ in a SELECT.
    pub(crate) fn select_condstore(&self) -> &'static str {
        if self.condstore() && !self.qresync {
            " (CONDSTORE)"
        } else {
            ""
        }
    }
}

fn log_status(status: &Status, alerts: u32) {
    if status.code == Code::Alert && alerts <= ALERTS {
        tracing::warn!(text = %status.words, "the server has something to say");
    } else if matches!(status.condition, Condition::No | Condition::Bad) {
        tracing::debug!(text = %status.words, "the server warns");
    }
}
