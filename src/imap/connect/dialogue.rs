//! async-imap's client with its gate: questions with a time limit, and answers whose errors are typed.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use async_imap::Client;
use async_imap::error::Error as ClientError;
use async_imap::imap_proto::{Response, Status as ProtoStatus};
use tokio::io::AsyncWriteExt as _;
use tokio::time;

use super::error::{ConnectError, Step};
use super::gate::{Gate, Heard, Offence};
use super::line::Status;
use crate::net::Stream;

/// A conversation that has begun and is not logged in yet, or just so.
pub(super) struct Dialogue<S: Stream> {
    client: Client<Gate<S>>,
    limit: Duration,
    /// How often the server was waited for.
    pub(super) round_trips: u32,
    /// Commands written around async-imap's own tags.
    own_tags: u32,
    /// For a gate that is gone.
    nothing: Heard,
}

/// Why something failed, and the dialogue where it may go on.
pub(super) type Failed<S> = (ConnectError, Option<Dialogue<S>>);

/// What a dialogue leaves behind.
pub(super) struct Parts<S> {
    pub(super) stream: S,
    pub(super) leftover: Vec<u8>,
    pub(super) heard: Heard,
    pub(super) round_trips: u32,
}

impl<S: Stream> Dialogue<S> {
    pub(super) fn new(stream: S, limit: Duration) -> Self {
        Self {
            client: Client::new(Gate::new(stream)),
            limit,
            round_trips: 0,
            own_tags: 0,
            nothing: Heard::default(),
        }
    }

    /// What the server has said so far.
    pub(super) fn heard(&mut self) -> &mut Heard {
        match self.client.get_mut() {
            Gate::Live(live) => &mut live.heard,
            Gate::Taken => &mut self.nothing,
        }
    }

    /// What makes a cancellation of the next answer in an exchange.
    pub(super) fn cancelling(&mut self) -> Arc<AtomicBool> {
        match self.client.get_mut() {
            Gate::Live(live) => Arc::clone(&live.cancel),
            Gate::Taken => Arc::default(),
        }
    }

    /// Waits for the greeting: OK or PREAUTH.
    pub(super) async fn greeting(&mut self) -> Result<Status, ConnectError> {
        self.round_trips += 1;
        let read = time::timeout(self.limit, self.client.read_response()).await;
        let answer = match read {
            Err(_) => return Err(self.timeout(Step::Greeting)),
            Ok(answer) => answer.map(|response| response.is_some()),
        };
        let failure = match answer {
            Ok(true) if self.heard().bye.is_none() => None,
            Ok(_) => Some(ClientError::ConnectionLost),
            Err(error) => Some(error.into()),
        };
        match (failure, self.heard().greeting.clone()) {
            (None, Some(greeting)) => Ok(greeting),
            (failure, _) => Err(explain(
                Step::Greeting,
                failure.unwrap_or(ClientError::ConnectionLost),
                self.heard(),
            )),
        }
    }

    /// One command and its tagged OK.
    pub(super) async fn command(&mut self, step: Step, command: &str) -> Result<(), ConnectError> {
        self.round_trips += 1;
        let asked = self.client.run_command_and_check_ok(command, None);
        match time::timeout(self.limit, asked).await {
            Err(_) => Err(self.timeout(step)),
            Ok(Err(error)) => Err(explain(step, error, self.heard())),
            Ok(Ok(())) => Ok(()),
        }
    }

    /// A tag that async-imap does not use.
    pub(super) fn own_tag(&mut self) -> String {
        self.own_tags += 1;
        format!("L{}", self.own_tags)
    }

    /// Sends octets that async-imap has no way to send. True: the server asks for more; false: it is done.
    pub(super) async fn say(&mut self, step: Step, octets: &[u8]) -> Result<bool, ConnectError> {
        self.round_trips += 1;
        let limit = self.limit;
        match time::timeout(limit, self.say_and_listen(octets)).await {
            Err(_) => Err(self.timeout(step)),
            Ok(Err(error)) => Err(explain(step, error, self.heard())),
            Ok(Ok(more)) => Ok(more),
        }
    }

    async fn say_and_listen(&mut self, octets: &[u8]) -> Result<bool, ClientError> {
        let gate = self.client.get_mut();
        gate.write_all(octets).await?;
        gate.flush().await?;
        loop {
            let Some(response) = self.client.read_response().await? else {
                return Err(ClientError::ConnectionLost);
            };
            match response.parsed() {
                Response::Continue(_) => return Ok(true),
                Response::Done { status, .. } => {
                    return match status {
                        ProtoStatus::Ok => Ok(false),
                        _ => Err(ClientError::No(String::new())),
                    };
                }
                _ => {}
            }
        }
    }

    /// Hands async-imap's client over to one of its methods that consume it, and takes the gate back from whatever
    /// comes out, a refusal as well.
    pub(super) async fn consume<F>(
        self,
        step: Step,
        round_trips: u32,
        run: impl FnOnce(Client<Gate<S>>) -> F,
    ) -> Result<Self, Failed<S>>
    where
        F: Future<Output = Result<Gate<S>, (ClientError, Client<Gate<S>>)>>,
    {
        let Self {
            client,
            limit,
            own_tags,
            nothing,
            ..
        } = self;
        let round_trips = self.round_trips + round_trips;
        let with = |client| Self {
            client,
            limit,
            round_trips,
            own_tags,
            nothing,
        };
        match time::timeout(limit, run(client)).await {
            Err(_) => Err((ConnectError::Timeout { step, limit }, None)),
            Ok(Err((error, client))) => {
                let mut dialogue = with(client);
                let error = explain(step, error, dialogue.heard());
                Err((error, Some(dialogue)))
            }
            Ok(Ok(gate)) => Ok(with(Client::new(gate))),
        }
    }

    /// Ends the dialogue.
    pub(super) fn into_parts(self) -> Result<Parts<S>, ConnectError> {
        match self.client.into_inner() {
            Gate::Live(live) => {
                let (stream, leftover, heard) = live.take_apart();
                Ok(Parts {
                    stream,
                    leftover,
                    heard,
                    round_trips: self.round_trips,
                })
            }
            Gate::Taken => Err(ConnectError::Closed { step: Step::Login }),
        }
    }

    fn timeout(&self, step: Step) -> ConnectError {
        ConnectError::Timeout {
            step,
            limit: self.limit,
        }
    }
}

/// What the gate saw says more than async-imap's error does.
fn explain(step: Step, error: ClientError, heard: &Heard) -> ConnectError {
    match &heard.offence {
        Some(Offence::NoGreeting(line)) => return ConnectError::NotImap { line: line.clone() },
        Some(Offence::TooLong) => return ConnectError::TooLong { step },
        None => {}
    }
    if let Some(status) = &heard.bye {
        return ConnectError::bye(status);
    }
    match (error, &heard.answer) {
        (ClientError::No(_) | ClientError::Bad(_), Some(status)) => {
            ConnectError::refused(step, status)
        }
        (ClientError::ConnectionLost, _) => ConnectError::Closed { step },
        (ClientError::Io(source), _) => ConnectError::Io { step, source },
        (source, _) => ConnectError::Protocol { step, source },
    }
}
