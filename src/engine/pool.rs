//! A handful of connections, opened when they are needed and handed from step to step.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Duration;

use futures_util::future::join_all;

use super::context::{Pass, Ports};
use super::fault::{Fault, Pace, Reach};
use super::ports::{Clock, Connector, Remote, Store};

/// The kind of connection an account's ports open.
pub(super) type RemoteOf<P> = <<P as Ports>::Connector as Connector>::Remote;

/// A connection that nobody has used for so long is not used any more: servers and what is on the way close what says
/// nothing, and whoever sends something then does not learn whether it was done. Longer than a watch goes without a look.
const STALE: Duration = Duration::from_secs(6 * 60);

/// Connections that wait for work or do it.
pub(super) struct Pool<P: Ports> {
    /// The one used last comes last; and when it was used.
    idle: RefCell<Vec<(RemoteOf<P>, Duration)>>,
    /// When a connection was last taken.
    taken: Cell<Duration>,
    limit: Cell<usize>,
    /// Why there were fewer than the limit once.
    refused: RefCell<Option<String>>,
    /// Since when no connection has broken.
    opened: Cell<Option<Duration>>,
}

impl<P: Ports> Pool<P> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            idle: RefCell::default(),
            taken: Cell::new(Duration::ZERO),
            limit: Cell::new(limit.max(1)),
            refused: RefCell::default(),
            opened: Cell::new(None),
        }
    }

    /// From now on so many at most; of those that wait no more are kept.
    pub(super) fn set_limit(&self, limit: usize) {
        self.limit.set(limit.max(1));
        self.idle.borrow_mut().truncate(limit.max(1));
    }

    /// How many there may be, and why no more if one was refused since this was last asked.
    pub(super) fn refused(&self) -> Option<(usize, String)> {
        let reason = self.refused.borrow_mut().take();
        reason.map(|reason| (self.limit.get(), reason))
    }

    /// Whether a connection is at hand.
    pub(super) fn has_idle(&self) -> bool {
        !self.idle.borrow().is_empty()
    }

    /// A connection broke: those that wait are no better, and what it sent last may still be carried out.
    pub(super) fn lost(&self) {
        self.idle.borrow_mut().clear();
        self.opened.set(None);
    }

    /// A connection: an idle one, or a new one.
    pub(super) async fn take(&self, pass: &Pass<'_, P>) -> Result<RemoteOf<P>, Fault> {
        let now = pass.clock().monotonic();
        self.taken.set(now);
        let idle = {
            let mut idle = self.idle.borrow_mut();
            // The server may count them until they are closed.
            idle.retain(|(_, used)| now.saturating_sub(*used) < STALE);
            idle.pop()
        };
        if let Some((remote, _)) = idle {
            return Ok(remote);
        }
        let connector = pass.ports.connector();
        connector.set_naming(pass.store().naming().await?);
        let remote = connector.connect().await?;
        if self.opened.get().is_none() {
            self.opened.set(Some(pass.clock().monotonic()));
        }
        Ok(remote)
    }

    /// Gives a connection back for the next step.
    pub(super) fn give(&self, remote: RemoteOf<P>) {
        self.idle.borrow_mut().push((remote, self.taken.get()));
    }

    /// For how long connections have been open and none has broken.
    pub(super) fn age(&self, pass: &Pass<'_, P>) -> Duration {
        self.opened.get().map_or(Duration::ZERO, |opened| {
            pass.clock().monotonic().saturating_sub(opened)
        })
    }

    /// Says goodbye on all connections.
    pub(super) async fn close(&self) {
        let idle: Vec<_> = self.idle.borrow_mut().drain(..).collect();
        join_all(idle.into_iter().map(|(remote, _)| remote.close())).await;
    }

    /// Works through `jobs` with as many connections as allowed. A job that breaks its connection ends with that
    /// fault and the next job gets a new one; a fault that reaches the account ends everything. Where some connections
    /// cannot be had, those that can do all of it.
    pub(super) async fn each<J, W>(
        &self,
        pass: &Pass<'_, P>,
        jobs: Vec<J>,
        work: W,
    ) -> Result<(), Fault>
    where
        W: AsyncFn(&mut RemoteOf<P>, &J) -> Result<(), Fault>,
        J: Named,
    {
        let queue = RefCell::new(VecDeque::from(jobs));
        loop {
            let waiting = queue.borrow().len();
            if waiting == 0 {
                return Ok(());
            }
            let workers = self.limit.get().min(waiting);
            let running = (0..workers).map(|_| self.worker(pass, &queue, &work));
            let ended = join_all(running).await.into_iter();
            self.make_do(ended.collect::<Result<Vec<_>, Fault>>()?)?;
        }
    }

    /// Goes on with as many connections as could be had, if there was one.
    fn make_do(&self, ended: Vec<Option<Fault>>) -> Result<(), Fault> {
        let working = ended.iter().filter(|fault| fault.is_none()).count();
        for fault in ended.into_iter().flatten() {
            if working == 0 {
                return Err(fault.at_least(Reach::Account));
            }
            self.limit.set(working);
            if fault.advice.crowded || fault.advice.wordless {
                self.refused.replace(Some(fault.to_string()));
            }
        }
        Ok(())
    }

    /// Works until nothing is left to do; gives back why it had to stop before, if others may go on.
    async fn worker<J, W>(
        &self,
        pass: &Pass<'_, P>,
        queue: &RefCell<VecDeque<J>>,
        work: &W,
    ) -> Result<Option<Fault>, Fault>
    where
        W: AsyncFn(&mut RemoteOf<P>, &J) -> Result<(), Fault>,
        J: Named,
    {
        let mut remote = None;
        loop {
            let Some(job) = queue.borrow_mut().pop_front() else {
                break;
            };
            let mut connection = match remote.take() {
                Some(connection) => connection,
                None => match self.take(pass).await {
                    Ok(connection) => connection,
                    // Another worker may have a connection: it takes this job too.
                    Err(fault) if others_may_go_on(&fault) => {
                        queue.borrow_mut().push_back(job);
                        return Ok(Some(fault));
                    }
                    Err(fault) => return Err(fault.at_least(Reach::Account)),
                },
            };
            let Err(fault) = work(&mut connection, &job).await else {
                remote = Some(connection);
                continue;
            };
            if fault.reach >= Reach::Connection {
                self.lost();
            }
            if fault.reach >= Reach::Account {
                queue.borrow_mut().clear();
                return Err(fault);
            }
            pass.problem(job.name(), &fault);
            if fault.reach < Reach::Connection {
                remote = Some(connection);
            }
        }
        if let Some(connection) = remote {
            self.give(connection);
        }
        Ok(None)
    }
}

/// Whether a connection that could not be had may be one more than there can be. Nobody is asked for a passphrase
/// again and again for one.
fn others_may_go_on(fault: &Fault) -> bool {
    let passes = fault.retry && !fault.advice.barred && fault.reach <= Reach::Account;
    fault.advice.crowded || (passes && fault.advice.pace != Pace::Asking)
}

/// A job that can say which mailbox it is about.
pub(super) trait Named {
    /// The mailbox.
    fn name(&self) -> Option<&crate::mail::MailboxName>;
}
