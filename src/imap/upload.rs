//! Sends one message (APPEND, RFC 9051 section 6.3.12), with the octets that commit it sent last and alone.

use tokio::io::{AsyncRead, AsyncWrite};

use super::command::Command;
use super::date;
use super::error::{Error, Refusal};
use super::exchange::{Event, Outcome};
use super::response::Code;
use super::session::Session;
use crate::engine::ports::{Appended, BodySource};
use crate::mail::{Flags, MailboxName};

/// LITERAL- allows literals without permission up to this many octets (RFC 7888).
const MINUS_LIMIT: u64 = 4096;

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Appends one message of exactly `octets` octets.
    pub(crate) async fn upload<B: BodySource>(
        &mut self,
        mailbox: &MailboxName,
        flags: &Flags,
        date: i64,
        octets: u64,
        body: &mut B,
    ) -> Result<Appended, Error> {
        let command = self.named("APPEND", "APPEND", mailbox).await?;
        let command = if flags.is_empty() {
            command
        } else {
            command.text(' ').flags(flags)
        };
        let at_once =
            self.capabilities.has("LITERAL+") || (octets <= MINUS_LIMIT && self.offers("LITERAL-"));
        let plus = if at_once { "+" } else { "" };
        let date = date::format(date);
        let command = command.text(format_args!(" \"{date}\" {{{octets}{plus}}}\r\n"));
        let outcome = self.send_message(&command, at_once, octets, body).await?;
        let code = outcome
            .ok()
            .map_err(|refusal| append_error(mailbox, refusal))?;
        Ok(Appended {
            uid: match code {
                Code::AppendUid(uidvalidity, uid) => Some((uidvalidity, uid)),
                _ => None,
            },
        })
    }

    async fn send_message<B: BodySource>(
        &mut self,
        command: &Command,
        at_once: bool,
        octets: u64,
        body: &mut B,
    ) -> Result<Outcome, Error> {
        self.begin()?;
        let tag = self.wire.queue_open(command);
        if !at_once {
            self.wire.flush().await?;
            if let Some(outcome) = self.until_answer(tag, command, true).await? {
                self.settle();
                return Ok(outcome);
            }
        }
        if let Err(error) = self.send_body(octets, body).await {
            return self.refused_meanwhile(tag, command, error).await;
        }
        // Up to here the server has no whole command and cannot have stored anything.
        self.wire.queue_octets(b"\r\n");
        self.wire.flush().await?;
        let usual = std::mem::replace(&mut self.wire.silence, self.options.append_silence);
        let answer = self.until_answer(tag, command, false).await;
        self.wire.silence = usual;
        let outcome = answer?.ok_or(Error::Dead)?;
        self.settle();
        Ok(outcome)
    }

    async fn send_body<B: BodySource>(&mut self, octets: u64, body: &mut B) -> Result<(), Error> {
        let mut found: u64 = 0;
        loop {
            let piece = body.next().await?;
            if piece.is_empty() {
                break;
            }
            found = found.saturating_add(piece.len() as u64);
            if found > octets {
                break;
            }
            self.wire.queue_octets(&piece);
            self.wire.flush().await?;
        }
        if found != octets {
            return Err(Error::Length {
                announced: octets,
                found,
            });
        }
        self.wire.flush().await
    }

    /// A server that refuses a message in the middle often closes the stream at once: its answer is worth more than
    /// the broken pipe. The connection is not used again either way.
    async fn refused_meanwhile(
        &mut self,
        tag: u32,
        command: &Command,
        error: Error,
    ) -> Result<Outcome, Error> {
        if matches!(error, Error::Io(_))
            && let Ok(Some(outcome)) = self.until_answer(tag, command, false).await
            && outcome.clone().ok().is_err()
        {
            return Ok(outcome);
        }
        Err(error)
    }

    /// Reads up to the tagged answer, or up to `+` if that is waited for (then `None`).
    async fn until_answer(
        &mut self,
        tag: u32,
        command: &Command,
        may_continue: bool,
    ) -> Result<Option<Outcome>, Error> {
        loop {
            match self.wire.event(false).await? {
                Event::Continue if may_continue => return Ok(None),
                Event::Tagged(known, status) if known == tag => {
                    return Ok(Some(Outcome::new(command.name, status)));
                }
                Event::Untagged(untagged) => self.note(&untagged),
                Event::Continue | Event::Tagged(..) | Event::Body(..) => {}
            }
        }
    }
}

/// Whether the mailbox is at fault or the message.
fn append_error(mailbox: &MailboxName, refusal: Refusal) -> Error {
    match refusal.code {
        Code::TryCreate
        | Code::NonExistent
        | Code::OverQuota
        | Code::NoPermission
        | Code::ReadOnly => Error::Mailbox {
            mailbox: mailbox.clone(),
            refusal,
        },
        _ => Error::Refused(refusal),
    }
}
