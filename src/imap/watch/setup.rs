//! Finds the best way to watch that a server offers and grants, and takes up the posts.

use tokio::io::{AsyncRead, AsyncWrite};

use super::post::Post;
use super::{ImapWatch, foretell};
use crate::engine::Fault;
use crate::engine::ports::{Remote as _, RemoteCoverage, RemoteWay};
use crate::imap::error::{Error, Refusal};
use crate::imap::session::Session;
use crate::mail::MailboxName;

/// How many things that went wrong are told.
const TOLD: usize = 3;

/// As of [`RemoteWatcher::watch`](crate::engine::ports::RemoteWatcher::watch); `open` makes one connection.
pub(super) async fn establish<S: AsyncRead + AsyncWrite + Unpin>(
    open: impl AsyncFn() -> Result<Session<S>, Fault>,
    idle: &[MailboxName],
    connections: usize,
) -> Result<ImapWatch<S>, Fault> {
    if connections == 0 {
        return Ok(poll("no connection may be used for watching"));
    }
    let session = open().await?;
    let foretold = foretell(session.capabilities());
    let mut reason = foretold.reason;
    let session = match foretold.way {
        RemoteWay::Poll => {
            session.close().await;
            return Ok(poll(reason));
        }
        RemoteWay::Idle(_) => session,
        RemoteWay::Notify => match notify(session).await? {
            Ok(post) => {
                let way = RemoteWay::Notify;
                return Ok(ImapWatch::new(vec![post], RemoteCoverage { way, reason }));
            }
            Err((session, refusal)) => {
                reason = refusal.to_string();
                session
            }
        },
    };
    if !session.offers("IDLE") {
        session.close().await;
        return Ok(poll(reason + "; it does not offer IDLE"));
    }
    let mut watch = Idlers::new(reason);
    watch.sit_down(session, open, idle, connections).await?;
    Ok(watch.finish())
}

fn poll<S>(reason: impl Into<String>) -> ImapWatch<S> {
    let coverage = RemoteCoverage {
        way: RemoteWay::Poll,
        reason: reason.into(),
    };
    ImapWatch::new(Vec::new(), coverage)
}

/// A post that watches, or the connection again and why not.
type Attempt<S> = Result<Post<S>, (Session<S>, Refusal)>;

async fn notify<S: AsyncRead + AsyncWrite + Unpin>(
    mut session: Session<S>,
) -> Result<Attempt<S>, Error> {
    session.prepare().await?;
    if !session.options.names.knows_delimiter() {
        session.ask_delimiter().await?;
    }
    attempt(Post::notify(session)).await
}

async fn attempt<S: AsyncRead + AsyncWrite + Unpin>(
    mut post: Post<S>,
) -> Result<Attempt<S>, Error> {
    match post.settle().await {
        Ok(()) => Ok(Ok(post)),
        Err(Error::AccountRefused(refusal)) => Ok(Err((post.into_session(), refusal))),
        Err(error) => Err(error),
    }
}

/// Opens a mailbox without touching it.
async fn examine<S: AsyncRead + AsyncWrite + Unpin>(
    session: &mut Session<S>,
    mailbox: &MailboxName,
) -> Result<(), Error> {
    let command = session.named("EXAMINE", "EXAMINE", mailbox).await?;
    let outcome = session.run_one(command, |_| {}).await?;
    let opened = outcome.ok().map_err(|refusal| Error::Mailbox {
        mailbox: mailbox.clone(),
        refusal,
    });
    opened.map(drop)
}

/// Connections that idle, one mailbox each.
struct Idlers<S> {
    posts: Vec<Post<S>>,
    mailboxes: Vec<MailboxName>,
    /// Why not more.
    reasons: Vec<String>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Idlers<S> {
    fn new(reason: String) -> Self {
        Self {
            posts: Vec::new(),
            mailboxes: Vec::new(),
            reasons: vec![reason],
        }
    }

    /// Takes up as many posts as there are mailboxes and connections. Without any the watch fails; with some it makes
    /// do.
    async fn sit_down(
        &mut self,
        first: Session<S>,
        open: impl AsyncFn() -> Result<Session<S>, Fault>,
        idle: &[MailboxName],
        connections: usize,
    ) -> Result<(), Fault> {
        let mut free = Some(first);
        let mut waiting = idle.iter();
        while let Some(mailbox) = waiting.as_slice().first() {
            if self.mailboxes.contains(mailbox) {
                waiting.next();
                continue;
            }
            if self.posts.len() >= connections {
                let reason = format!("no more than {connections} connections may watch");
                self.reasons.push(reason);
                break;
            }
            let sat = match free.take() {
                Some(session) => self.sit(session, mailbox).await,
                None => match open().await {
                    Ok(session) => self.sit(session, mailbox).await,
                    Err(fault) => Err(fault),
                },
            };
            match sat {
                Ok(Seat::Taken) => {}
                Ok(Seat::Missing(session)) => free = Some(session),
                Ok(Seat::Refused(session)) => {
                    free = Some(session);
                    break;
                }
                Err(fault) if self.posts.is_empty() => return Err(fault),
                Err(fault) => {
                    let count = self.posts.len();
                    let reason = format!("connection {} failed: {fault}", count + 1);
                    self.reasons.push(reason);
                    break;
                }
            }
            waiting.next();
        }
        if let Some(session) = free {
            session.close().await;
        }
        self.count_left(waiting.as_slice());
        Ok(())
    }

    fn count_left(&mut self, waiting: &[MailboxName]) {
        let left = waiting
            .iter()
            .filter(|one| !self.mailboxes.contains(one))
            .count();
        if left > 0 && !self.posts.is_empty() {
            let noun = if left == 1 {
                "mailbox goes"
            } else {
                "mailboxes go"
            };
            self.reasons.push(format!("{left} {noun} without"));
        }
    }

    async fn sit(
        &mut self,
        mut session: Session<S>,
        mailbox: &MailboxName,
    ) -> Result<Seat<S>, Fault> {
        match examine(&mut session, mailbox).await {
            Ok(()) => {}
            Err(error @ (Error::Mailbox { .. } | Error::Name(_) | Error::BelowInbox(_))) => {
                self.reasons.push(error.to_string());
                return Ok(Seat::Missing(session));
            }
            Err(error) => return Err(error.into()),
        }
        match attempt(Post::idle(session, mailbox.clone())).await? {
            Ok(post) => {
                self.posts.push(post);
                self.mailboxes.push(mailbox.clone());
                Ok(Seat::Taken)
            }
            Err((session, refusal)) => {
                self.reasons.push(refusal.to_string());
                Ok(Seat::Refused(session))
            }
        }
    }

    fn finish(mut self) -> ImapWatch<S> {
        let untold = self.reasons.len().saturating_sub(1 + TOLD);
        self.reasons.truncate(1 + TOLD);
        if untold > 0 {
            self.reasons.push(format!("and {untold} more"));
        }
        let reason = self.reasons.join("; ");
        if self.posts.is_empty() {
            return poll(reason);
        }
        let way = RemoteWay::Idle(self.mailboxes);
        ImapWatch::new(self.posts, RemoteCoverage { way, reason })
    }
}

/// What became of one post.
enum Seat<S> {
    /// It watches.
    Taken,
    /// The mailbox cannot be opened; the connection is free for another.
    Missing(Session<S>),
    /// The server does not want to idle.
    Refused(Session<S>),
}
