//! One connection on watch: what the server owes, and what was heard meanwhile.
//!
//! Everything that matters lies in the post itself, never in a future: whatever waits may be dropped at any time, and
//! the next one goes on from there.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::hints::Hints;
use crate::engine::ports::{Hint, Remote as _};
use crate::imap::command::Command;
use crate::imap::error::Error;
use crate::imap::exchange::{Event, Outcome};
use crate::imap::response::{Code, Status, Untagged};
use crate::imap::session::Session;
use crate::mail::MailboxName;

/// All mailboxes of the user, none of them selected: then each change comes as a STATUS or LIST that names its mailbox,
/// and no message's data come (RFC 5465 sections 5 and 6). Subscriptions play no part here.
const NOTIFY: &str = "NOTIFY SET (personal (MessageNew MessageExpunge FlagChange MailboxName))";

/// How long a server may take to end its IDLE before we hang up.
const FAREWELL: Duration = Duration::from_secs(2);

/// How far IDLE (RFC 2177) has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It was asked for; `+` is owed.
    Asked,
    /// The server is listening to the mailbox, and we to the server.
    Idling,
    /// DONE was said; the tagged answer is owed.
    Ending,
}

/// How a connection watches.
#[derive(Debug)]
enum Duty {
    Notify {
        /// The NOTIFY that is unanswered, and whether events were lost before it.
        asked: Option<(u32, bool)>,
        /// The NOOP that is unanswered.
        noop: Option<u32>,
    },
    Idle {
        mailbox: MailboxName,
        tag: u32,
        stage: Stage,
    },
}

/// One connection on watch.
#[derive(Debug)]
pub(super) struct Post<S> {
    session: Session<S>,
    duty: Duty,
    /// What was heard.
    pub hints: Hints,
    /// The connection is of no use any more.
    lost: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Post<S> {
    /// Will watch all mailboxes, once [`Post::settle`] has ended well.
    pub fn notify(mut session: Session<S>) -> Self {
        let tag = session.wire.queue(&Command::new("NOTIFY", NOTIFY));
        let duty = Duty::Notify {
            asked: Some((tag, false)),
            noop: None,
        };
        Self::new(session, duty)
    }

    /// Will watch the mailbox that is selected, once [`Post::settle`] has ended well.
    pub fn idle(mut session: Session<S>, mailbox: MailboxName) -> Self {
        let tag = session.wire.queue(&Command::new("IDLE", "IDLE"));
        let duty = Duty::Idle {
            mailbox,
            tag,
            stage: Stage::Asked,
        };
        Self::new(session, duty)
    }

    fn new(session: Session<S>, duty: Duty) -> Self {
        Self {
            session,
            duty,
            hints: Hints::default(),
            lost: false,
        }
    }

    /// The connection, after the server has refused to watch.
    pub fn into_session(mut self) -> Session<S> {
        self.session.wire.patient = false;
        self.session
    }

    /// Whether the server owes nothing.
    fn is_settled(&self) -> bool {
        match &self.duty {
            Duty::Notify { asked, noop } => asked.is_none() && noop.is_none(),
            Duty::Idle { stage, .. } => *stage == Stage::Idling,
        }
    }

    /// Waits until the server owes nothing and watches.
    ///
    /// # Errors
    /// [`Error::AccountRefused`]: it does not want to. Others: the connection is lost.
    pub async fn settle(&mut self) -> Result<(), Error> {
        while !self.is_settled() {
            self.turn().await?;
        }
        Ok(())
    }

    /// Waits until there are hints.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn hear(&mut self) -> Result<(), Error> {
        while self.hints.is_empty() {
            self.turn().await?;
        }
        Ok(())
    }

    /// Has the server prove that it is there, and watches anew.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn renew(&mut self) -> Result<(), Error> {
        let wire = &mut self.session.wire;
        match &mut self.duty {
            Duty::Notify { noop, .. } => {
                noop.get_or_insert_with(|| wire.queue(&Command::new("NOOP", "NOOP")));
            }
            Duty::Idle { stage, .. } if *stage == Stage::Idling => {
                wire.queue_octets(b"DONE\r\n");
                *stage = Stage::Ending;
            }
            // A renewal that was broken off is carried on.
            Duty::Idle { .. } => {}
        }
        self.settle().await
    }

    /// Says that nobody listens any more, and goes.
    pub async fn end(mut self) {
        if self.lost {
            return;
        }
        let ended = timeout(FAREWELL, self.stop()).await;
        if matches!(ended, Ok(Ok(()))) {
            self.into_session().close().await;
        }
    }

    /// Ends an IDLE.
    async fn stop(&mut self) -> Result<(), Error> {
        let Duty::Idle { tag, stage, .. } = self.duty else {
            return Ok(());
        };
        if stage != Stage::Ending {
            self.session.wire.queue_octets(b"DONE\r\n");
        }
        self.session.wire.flush().await?;
        loop {
            if let Event::Tagged(answered, _) = self.session.wire.event(false).await?
                && answered == tag
            {
                return Ok(());
            }
        }
    }

    /// Sends what is due, waits for something to come, and takes all that has come.
    async fn turn(&mut self) -> Result<(), Error> {
        if self.lost {
            return Err(Error::Dead);
        }
        let turned = self.exchange().await;
        self.lost = turned.is_err();
        turned
    }

    async fn exchange(&mut self) -> Result<(), Error> {
        self.session.wire.flush().await?;
        self.session.wire.patient = self.is_settled();
        let event = self.session.wire.event(false).await?;
        self.take(event)?;
        while let Some(event) = self.session.wire.ready(false)? {
            self.take(event)?;
        }
        self.session.wire.flush().await
    }

    fn take(&mut self, event: Event) -> Result<(), Error> {
        match event {
            Event::Untagged(untagged) => {
                self.session.note(&untagged);
                self.note(&untagged);
            }
            Event::Tagged(tag, status) => self.answered(tag, status)?,
            Event::Continue => {
                if let Duty::Idle { stage, .. } = &mut self.duty
                    && *stage == Stage::Asked
                {
                    *stage = Stage::Idling;
                }
            }
            Event::Body(..) => {}
        }
        Ok(())
    }

    fn note(&mut self, untagged: &Untagged) {
        match (untagged, &mut self.duty) {
            (Untagged::List(_), _) => self.hints.add(Hint::Mailboxes),
            (Untagged::Stated(stated), _) => {
                let (names, utf8) = (&self.session.options.names, self.session.utf8);
                if let Some(name) = names.recognise(&stated.wire, utf8) {
                    self.hints.add(Hint::Mailbox(name));
                }
            }
            (Untagged::Status(status), Duty::Notify { asked, .. })
                if status.code == Code::NotificationOverflow =>
            {
                let wire = &mut self.session.wire;
                let (_, lost) = asked.get_or_insert_with(|| {
                    tracing::info!(text = %status.words, "the server had too much to tell");
                    (wire.queue(&Command::new("NOTIFY", NOTIFY)), true)
                });
                *lost = true;
            }
            (
                Untagged::Exists(_)
                | Untagged::Expunge(_)
                | Untagged::Vanished(..)
                | Untagged::Fetch(_)
                | Untagged::BrokenFetch(_),
                Duty::Idle { mailbox, .. },
            ) => self.hints.add(Hint::Mailbox(mailbox.clone())),
            _ => {}
        }
    }

    fn answered(&mut self, answered: u32, status: Status) -> Result<(), Error> {
        match &mut self.duty {
            Duty::Notify { asked, .. } if asked.is_some_and(|(tag, _)| tag == answered) => {
                let lost = asked.take().is_some_and(|(_, lost)| lost);
                granted("NOTIFY", status)?;
                // Only now: what happens after somebody has looked is told again.
                if lost {
                    self.hints.add(Hint::Everything);
                }
            }
            Duty::Notify { noop, .. } if *noop == Some(answered) => {
                *noop = None;
                granted("NOOP", status)?;
            }
            Duty::Idle { tag, stage, .. } if *tag == answered => {
                let words = status.words.clone();
                granted("IDLE", status)?;
                if *stage != Stage::Ending {
                    return Err(Error::Protocol {
                        what: "the server ended IDLE by itself",
                        line: words,
                    });
                }
                *tag = self.session.wire.queue(&Command::new("IDLE", "IDLE"));
                *stage = Stage::Asked;
            }
            _ => tracing::warn!(
                tag = answered,
                "the server answered a command that was not given"
            ),
        }
        Ok(())
    }
}

fn granted(command: &'static str, status: Status) -> Result<(), Error> {
    let outcome = Outcome::new(command, status).ok();
    outcome.map(drop).map_err(Error::AccountRefused)
}
