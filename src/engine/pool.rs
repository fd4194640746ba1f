//! A handful of connections, opened when they are needed and handed from step to step.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Duration;

use futures_util::future::join_all;

use super::context::{Pass, Ports};
use super::fault::{Fault, Reach};
use super::ports::{Clock, Connector, Remote};

/// The kind of connection an account's ports open.
pub(super) type RemoteOf<P> = <<P as Ports>::Connector as Connector>::Remote;

/// Connections that wait for work or do it.
pub(super) struct Pool<P: Ports> {
    idle: RefCell<Vec<RemoteOf<P>>>,
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
        let idle = self.idle.borrow_mut().pop();
        if let Some(remote) = idle {
            return Ok(remote);
        }
        let remote = pass.ports.connector().connect().await?;
        if self.opened.get().is_none() {
            self.opened.set(Some(pass.clock().monotonic()));
        }
        Ok(remote)
    }

    /// Gives a connection back for the next step.
    pub(super) fn give(&self, remote: RemoteOf<P>) {
        self.idle.borrow_mut().push(remote);
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
        join_all(idle.into_iter().map(Remote::close)).await;
    }

    /// Works through `jobs` with as many connections as allowed. A job that breaks its connection ends with that
    /// fault and the next job gets a new one; a fault that reaches the account ends everything.
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
            let running = (0..workers).map(|worker| self.worker(pass, worker, &queue, &work));
            join_all(running)
                .await
                .into_iter()
                .collect::<Result<(), Fault>>()?;
        }
    }

    async fn worker<J, W>(
        &self,
        pass: &Pass<'_, P>,
        worker: usize,
        queue: &RefCell<VecDeque<J>>,
        work: &W,
    ) -> Result<(), Fault>
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
                    // Another worker still has a connection: it takes this job too.
                    Err(fault)
                        if worker > 0
                            && (fault.advice.crowded || fault.reach <= Reach::Connection) =>
                    {
                        queue.borrow_mut().push_back(job);
                        self.limit.set(worker.max(1));
                        if fault.advice.crowded {
                            self.refused.replace(Some(fault.to_string()));
                        }
                        return Ok(());
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
        Ok(())
    }
}

/// A job that can say which mailbox it is about.
pub(super) trait Named {
    /// The mailbox.
    fn name(&self) -> Option<&crate::mail::MailboxName>;
}
