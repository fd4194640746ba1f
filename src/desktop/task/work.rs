//! The task itself: one thing at a time is said to the server, and everything is listened to meanwhile.

mod presses;

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::{Command, Setup, State};
use crate::desktop::board::{Board, Call, Now};
use crate::desktop::muted::Muted;
use crate::desktop::server::{self, Bus, DesktopError, Heard, Link, Listening, Server};
use crate::desktop::text::line;
use crate::desktop::words::Request;

/// A server that takes longer is said to be silent.
const PATIENCE: Duration = Duration::from_secs(5);
/// However often something falls due, it is not looked for more often.
const BREATH: Duration = Duration::from_millis(5);
/// The most characters of a reason or a server's name.
const REASON: usize = 200;

/// What comes of something that was said to the server.
enum Landed {
    Connected(Result<(Link, Listening, mpsc::UnboundedReceiver<Heard>), DesktopError>),
    Hello(Result<Server, DesktopError>),
    Inhibited(Option<bool>),
    Shown(u64, Result<u32, DesktopError>),
    Closed,
}

/// What comes of something that the user has asked for: as in "Could not ...", and why not.
type Outcome = (&'static str, Result<(), String>);

/// What happens.
enum Event {
    Landed(Landed),
    Command(Option<Command>),
    Heard(Heard),
    Outcome(Outcome),
    Impatient,
    Due,
}

pub(super) struct Work {
    bus: Bus,
    board: Board,
    begun: Instant,
    commands: mpsc::UnboundedReceiver<Command>,
    requests: mpsc::UnboundedSender<Request>,
    state: watch::Sender<State>,
    link: Option<(Link, Listening)>,
    heard: Option<mpsc::UnboundedReceiver<Heard>>,
    server: Option<Server>,
    /// What is being said to the server.
    flight: Option<BoxFuture<'static, Landed>>,
    /// When the server is said to be silent.
    impatient: Option<Instant>,
    /// Whether it lets things through has to be asked again.
    ask: bool,
    token: Option<(u32, String)>,
    outcomes: FuturesUnordered<BoxFuture<'static, Outcome>>,
    muted: Option<PathBuf>,
    /// Tells when the file of muted threads was written the last time.
    writing: Option<oneshot::Receiver<()>>,
}

impl Work {
    pub(super) fn new(
        setup: Setup,
        commands: mpsc::UnboundedReceiver<Command>,
        requests: mpsc::UnboundedSender<Request>,
        state: watch::Sender<State>,
    ) -> Self {
        let known = setup
            .muted
            .as_deref()
            .and_then(|file| std::fs::read_to_string(file).ok());
        let mut board = Board::new(Muted::parse(&known.unwrap_or_default()));
        board.configure(setup.accounts);
        Self {
            bus: setup.bus,
            board,
            begun: Instant::now(),
            commands,
            requests,
            state,
            link: None,
            heard: None,
            server: None,
            flight: None,
            impatient: None,
            ask: false,
            token: None,
            outcomes: FuturesUnordered::new(),
            muted: setup.muted,
            writing: None,
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            self.advance();
            match self.next().await {
                Event::Landed(landed) => self.landed(landed),
                Event::Command(None) => return,
                Event::Command(Some(Command::End(ended))) => return self.end(ended).await,
                Event::Command(Some(command)) => self.obey(command),
                Event::Heard(heard) => self.hear(heard),
                Event::Outcome((what, Err(reason))) => self.board.failed(what, &reason),
                Event::Outcome((_, Ok(()))) | Event::Due => {}
                Event::Impatient => {
                    self.impatient = None;
                    self.show(State::Silent);
                }
            }
        }
    }

    async fn next(&mut self) -> Event {
        let due = self
            .board
            .due()
            .map(|due| (self.begun + due).max(Instant::now() + BREATH));
        let due = due.filter(|_| self.flight.is_none());
        tokio::select! {
            biased;
            landed = flying(&mut self.flight) => Event::Landed(landed),
            command = self.commands.recv() => Event::Command(command),
            heard = hearing(&mut self.heard) => Event::Heard(heard),
            Some(outcome) = self.outcomes.next() => Event::Outcome(outcome),
            () = until(self.impatient) => Event::Impatient,
            () = until(due) => Event::Due,
        }
    }

    fn now(&self) -> Now {
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let local = jiff::Zoned::now().time();
        let minute = i16::from(local.hour()) * 60 + i16::from(local.minute());
        Now {
            at: self.begun.elapsed(),
            unix: i64::try_from(unix.as_secs()).unwrap_or(i64::MAX),
            minute: u16::try_from(minute).unwrap_or_default(),
        }
    }

    fn show(&self, state: State) {
        let changed = self.state.send_if_modified(|shown| {
            let changed = *shown != state;
            *shown = state;
            changed
        });
        if changed {
            tracing::debug!("notifications: {}", *self.state.borrow());
        }
    }

    /// Says the next thing to the server, if there is one and nothing else is being said.
    fn advance(&mut self) {
        if self.flight.is_some() {
            return;
        }
        let flight: Option<BoxFuture<'static, Landed>> = match (&self.link, &self.server) {
            (None, _) => self.board.wants_server().then(|| {
                let bus = self.bus.clone();
                let connecting = async move {
                    let (tell, heard) = mpsc::unbounded_channel();
                    let connected = server::connect(&bus, tell).await;
                    Landed::Connected(connected.map(|(link, listening)| (link, listening, heard)))
                };
                Box::pin(connecting) as BoxFuture<'static, Landed>
            }),
            (Some((link, _)), None) => self.board.wants_server().then(|| {
                let link = link.clone();
                Box::pin(async move { Landed::Hello(link.hello().await) })
                    as BoxFuture<'static, Landed>
            }),
            (Some((link, _)), Some(server)) => {
                let link = link.clone();
                if std::mem::take(&mut self.ask) && server.inhibited.is_some() {
                    Some(Box::pin(async move {
                        Landed::Inhibited(link.inhibited().await)
                    }))
                } else {
                    let now = self.now();
                    self.board.step(&now).map(|call| say(link, call))
                }
            }
        };
        self.impatient = flight.is_some().then(|| Instant::now() + PATIENCE);
        self.flight = flight;
    }

    fn landed(&mut self, landed: Landed) {
        self.impatient = None;
        match landed {
            Landed::Connected(Ok((link, listening, heard))) => {
                self.link = Some((link, listening));
                self.heard = Some(heard);
            }
            Landed::Hello(Ok(server)) => {
                self.board.ready(server.abilities(), &self.now());
                self.board.inhibit(server.inhibited.unwrap_or(false));
                self.server = Some(server);
                self.ask = false;
            }
            Landed::Connected(Err(error)) | Landed::Hello(Err(error)) => {
                self.board.absent();
                let reason = line(&error.to_string(), REASON);
                return self.show(State::Unavailable { reason });
            }
            Landed::Inhibited(inhibited) => self.board.inhibit(inhibited.unwrap_or(false)),
            Landed::Shown(key, Ok(id)) => self.board.shown(key, Some(id)),
            Landed::Shown(key, Err(error)) => {
                tracing::warn!("a notification was not shown: {error}");
                self.board.shown(key, None);
            }
            Landed::Closed => self.board.answered(),
        }
        self.show_server();
    }

    fn show_server(&self) {
        let Some(server) = &self.server else { return };
        let server = line(&server.name, REASON);
        self.show(match self.board.is_inhibited() {
            true => State::Inhibited { server },
            false => State::Ready { server },
        });
    }

    fn obey(&mut self, command: Command) {
        let now = self.now();
        match command {
            Command::Configure(accounts) => self.board.configure(accounts),
            Command::Arrived {
                account,
                since,
                items,
            } => {
                self.ask = true;
                self.board.arrived(&account, since, items, &now);
                self.remember();
            }
            Command::Gone { account, items } => self.board.gone(&account, &items, &now),
            Command::Notice { account, notice } => {
                self.ask = true;
                self.board.notice(&account, notice, &now);
            }
            Command::Over { account, topic } => self.board.over(&account, &topic),
            Command::End(_) => {}
        }
    }

    fn is_from_server(&self, from: &str) -> bool {
        self.server
            .as_ref()
            .is_some_and(|server| server.owner == from)
    }

    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Pressed { id, action, from } if self.is_from_server(&from) => {
                self.press(id, &action);
            }
            Heard::Token { id, token, from } if self.is_from_server(&from) => {
                self.token = Some((id, token));
            }
            Heard::Closed { id, from } if self.is_from_server(&from) => self.board.closed(id),
            Heard::Inhibited { inhibited, from } if self.is_from_server(&from) => {
                self.board.inhibit(inhibited);
                self.show_server();
            }
            Heard::Owner(owner) => {
                let ours = self.server.as_ref().map(|server| server.owner.as_str());
                if ours.is_some() && ours != owner.as_deref() {
                    self.lose_server();
                }
            }
            Heard::End => {
                self.link = None;
                self.heard = None;
                self.lose_server();
            }
            // Others may say what they like.
            _ => {}
        }
    }

    fn lose_server(&mut self) {
        // Whoever would have answered is gone.
        if self.server.take().is_some() || self.link.is_none() {
            self.flight = None;
            self.impatient = None;
        }
        self.board.lost(&self.now());
        self.show(State::Idle);
    }

    /// Takes everything off the screen.
    async fn end(self, ended: oneshot::Sender<()>) {
        if let (Some((link, _listening)), Some(_)) = (&self.link, &self.server) {
            let closing = self.board.ids().into_iter().map(|id| link.close(id));
            futures_util::future::join_all(closing).await;
        }
        let _ = ended.send(());
    }
}

/// Says one thing to the server. There is no end to the wait: as long as the server lives it may answer, and when it does
/// not live any more the bus says so.
fn say(link: Link, call: Call) -> BoxFuture<'static, Landed> {
    Box::pin(async move {
        match call {
            Call::Show {
                key,
                replaces,
                bubble,
            } => Landed::Shown(key, link.notify(replaces, &bubble).await),
            Call::Close(id) => {
                link.close(id).await;
                Landed::Closed
            }
        }
    })
}

async fn flying(flight: &mut Option<BoxFuture<'static, Landed>>) -> Landed {
    let landed = match flight {
        Some(flight) => flight.await,
        None => std::future::pending().await,
    };
    *flight = None;
    landed
}

async fn hearing(heard: &mut Option<mpsc::UnboundedReceiver<Heard>>) -> Heard {
    match heard {
        Some(heard) => heard.recv().await.unwrap_or(Heard::End),
        None => std::future::pending().await,
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
