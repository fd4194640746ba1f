//! One session with a POP3 server: opened, logged in, asked, ended.

mod login;
mod open;
#[cfg(test)]
mod tests;
mod wire;

use std::time::Duration;

use self::login::Way;
use self::wire::{Length, Wire};
use super::codec::{Capabilities, Listing, Shown};
use super::error::{Error, Step};
use crate::auth::{Accepted, Allowed, Bound, SecretSource};
use crate::content::HeaderHasher;
use crate::engine::ports::{LetterSink, Listed, Maildrop, Postbox};
use crate::engine::{Fault, Reach};
use crate::mail::Digest;
use crate::net::BoxStream;
use crate::net::tls::TlsSettings;

/// So many commands are on their way at once where the server has PIPELINING.
const WINDOW: usize = 64;
/// How much longer than for anything else a server may take to delete what was marked.
const PATIENCE: u32 = 10;
/// A letter may be longer than it was listed by its line ends, where a server counts them as one octet, and by this:
/// servers are known whose sizes mean nothing. What never ends fills no disk.
const SLACK: u64 = if cfg!(test) { 64 << 10 } else { 64 << 20 };
/// No header is longer.
const HEADER: u64 = 4 * 1024 * 1024;

/// What is needed to open a session.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The account's name, for the log.
    pub account: String,
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is encrypted and trusted.
    pub tls: TlsSettings,
    /// Who logs in.
    pub user: String,
    /// With which password or token.
    pub secret: SecretSource,
    /// By which mechanisms.
    pub allowed: Allowed,
    /// The password that was accepted last.
    pub accepted: Accepted,
    /// Whether logins were bound to their connections.
    pub bound: Bound,
    /// How long each step may take, and how long the server may be silent.
    pub timeout: Duration,
}

/// Opens sessions.
#[derive(Clone, Debug)]
pub struct Pop3Postbox {
    /// With which server.
    pub settings: Settings,
}

impl Postbox for Pop3Postbox {
    type Maildrop = Session;

    async fn open(&self) -> Result<Session, Fault> {
        Ok(open::open(&self.settings).await?)
    }
}

/// A session that is logged in.
#[derive(Debug)]
pub struct Session {
    wire: Wire<BoxStream>,
    capabilities: Option<Capabilities>,
    greeting: String,
    way: String,
    sasl: bool,
    utf8: bool,
}

impl Session {
    fn new(
        wire: Wire<BoxStream>,
        greeting: &[u8],
        capabilities: Option<Capabilities>,
        way: &Way,
        utf8: bool,
    ) -> Self {
        Self {
            wire,
            capabilities,
            greeting: Shown::new(greeting).to_string(),
            way: way.name(),
            sasl: way.is_sasl(),
            utf8,
        }
    }

    /// How the server introduced itself: one line, escaped.
    #[must_use]
    pub fn greeting(&self) -> &str {
        &self.greeting
    }

    /// What it says it can do; empty if it does not say.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.capabilities.clone().unwrap_or_default()
    }

    /// How it was logged in.
    #[must_use]
    pub fn way(&self) -> &str {
        &self.way
    }

    /// Whether that was a SASL mechanism.
    #[must_use]
    pub fn by_sasl(&self) -> bool {
        self.sasl
    }

    /// Whether letters come in UTF-8 (RFC 6856).
    #[must_use]
    pub fn speaks_utf8(&self) -> bool {
        self.utf8
    }

    fn has(&self, name: &str) -> bool {
        let known = self.capabilities.as_ref();
        known.is_some_and(|known| known.has(name))
    }

    fn window(&self) -> usize {
        if self.has("PIPELINING") { WINDOW } else { 1 }
    }

    /// Keeps commands for letters on their way: says those that may be said now. `said` and `heard` count letters.
    async fn keep_asking(
        &mut self,
        numbers: &[u32],
        heard: usize,
        said: &mut usize,
        command: fn(u32) -> (Step, String),
    ) -> Result<(), Error> {
        let window = self.window();
        if said.saturating_sub(heard) > window / 2 {
            return Ok(());
        }
        let now = numbers
            .get(*said..numbers.len().min(heard + window))
            .unwrap_or_default();
        let mut octets = String::new();
        let mut step = None;
        for number in now {
            let (of, line) = command(*number);
            step.get_or_insert(of);
            octets.push_str(&line);
            octets.push_str("\r\n");
        }
        *said += now.len();
        match step {
            Some(step) => self.wire.say(step, octets.as_bytes()).await,
            None => Ok(()),
        }
    }

    async fn names(&mut self, listing: &mut Listing) -> Result<bool, Error> {
        match self.wire.command(Step::Uidl, "UIDL").await {
            Ok(_) => {}
            // Who announces it and refuses it now is in trouble, and has not lost the names.
            Err(Error::Refused { .. }) if !self.has("UIDL") => return Ok(false),
            Err(other) => return Err(other),
        }
        self.wire
            .each_line(Step::Uidl, |line| listing.add_uidl(line))
            .await?;
        Ok(true)
    }
}

fn retr(number: u32) -> (Step, String) {
    (Step::Retr(number), format!("RETR {number}"))
}

fn top(number: u32) -> (Step, String) {
    (Step::Top(number), format!("TOP {number} 0"))
}

fn dele(number: u32) -> (Step, String) {
    (Step::Dele(number), format!("DELE {number}"))
}

impl Maildrop for Session {
    async fn list(&mut self) -> Result<Listed, Fault> {
        let mut listing = Listing::default();
        self.wire.command(Step::List, "LIST").await?;
        self.wire
            .each_line(Step::List, |line| listing.add_size(line))
            .await?;
        let named = self.names(&mut listing).await?;
        Ok(Listed {
            letters: listing.into_letters().collect(),
            named,
        })
    }

    async fn headers(&mut self, numbers: &[u32]) -> Result<Vec<Option<Digest>>, Fault> {
        let mut found = Vec::with_capacity(numbers.len());
        let mut said = 0;
        for (heard, number) in numbers.iter().enumerate() {
            self.keep_asking(numbers, heard, &mut said, top).await?;
            let step = Step::Top(*number);
            match self.wire.ok(step).await {
                Ok(_) => {}
                Err(Error::Refused { .. }) => {
                    found.push(None);
                    continue;
                }
                Err(other) => return Err(other.into()),
            }
            let mut hasher = HeaderHasher::default();
            let take = async |piece: &[u8]| {
                hasher.update(piece);
                Ok(())
            };
            if let Length::TooLong(came) = self.wire.letter(step, HEADER, take).await? {
                let (number, size) = (*number, HEADER);
                return Err(Error::Endless { number, size, came }.into());
            }
            found.push(Some(hasher.finish()));
        }
        Ok(found)
    }

    async fn fetch(
        &mut self,
        letters: &[(u32, u64)],
        sink: &mut impl LetterSink,
    ) -> Result<(), Fault> {
        let numbers: Vec<u32> = letters.iter().map(|(number, _)| *number).collect();
        let mut said = 0;
        for (heard, (number, size)) in letters.iter().enumerate() {
            self.keep_asking(&numbers, heard, &mut said, retr).await?;
            match self.wire.ok(Step::Retr(*number)).await {
                Ok(_) => {}
                Err(error) => {
                    let fault = Fault::from(error);
                    if fault.reach > Reach::Message {
                        return Err(fault);
                    }
                    sink.refused(*number, fault);
                    continue;
                }
            }
            let most = size.saturating_mul(2).saturating_add(SLACK);
            if let Length::TooLong(came) = self.wire.letter_into(*number, most, sink).await? {
                let (number, size) = (*number, *size);
                return Err(Error::Endless { number, size, came }.into());
            }
        }
        Ok(())
    }

    async fn delete(&mut self, numbers: &[u32]) -> Result<Vec<Result<(), Fault>>, Fault> {
        let mut done = Vec::with_capacity(numbers.len());
        let mut said = 0;
        for (heard, number) in numbers.iter().enumerate() {
            self.keep_asking(numbers, heard, &mut said, dele).await?;
            done.push(match self.wire.ok(Step::Dele(*number)).await {
                Ok(_) => Ok(()),
                Err(error) => match Fault::from(error) {
                    fault if fault.reach > Reach::Message => return Err(fault),
                    fault => Err(fault),
                },
            });
        }
        Ok(done)
    }

    async fn quit(mut self) -> Result<(), Fault> {
        let limit = self.wire.limit();
        self.wire.set_limit(limit * PATIENCE);
        self.wire.command(Step::Quit, "QUIT").await?;
        Ok(())
    }

    fn login_delay(&self) -> Option<u64> {
        self.capabilities.as_ref()?.login_delay()
    }
}
