//! One logged-in connection: what it can do, what is enabled, what is selected.

mod drive;
mod opening;
mod selected;

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use super::capabilities::Capabilities;
use super::command::Command;
use super::error::Error;
use super::exchange::Wire;
use super::names::Names;
use super::response::Untagged;
use crate::auth::veil::Veil;
use crate::mail::MailboxName;

use opening::Namespace;

pub(crate) use drive::Taker;
pub(crate) use selected::Selected;

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

/// One logged-in connection.
#[derive(Debug)]
pub struct Session<S> {
    pub(crate) wire: Wire<S>,
    pub(crate) capabilities: Capabilities,
    pub(crate) options: SessionOptions,
    pub(crate) selected: Option<Selected>,
    /// Whether ID, ENABLE and NAMESPACE were sent, or there is nothing to say.
    opened: bool,
    namespace: Namespace,
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
            namespace: Namespace::Unasked,
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

    /// Whether HIGHESTMODSEQ and its like can be had.
    pub(crate) fn condstore(&self) -> bool {
        self.qresync || self.capabilities.has("CONDSTORE") || self.capabilities.has("QRESYNC")
    }

    /// An extension that IMAP4rev2 contains.
    pub(crate) fn offers(&self, extension: &str) -> bool {
        self.capabilities.has(extension) || self.capabilities.has("IMAP4REV2")
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
