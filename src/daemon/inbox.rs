//! Orders to an account, taken also while it is busy.

use std::collections::{BTreeSet, VecDeque};
use std::future::Future;
use std::pin::{Pin, pin};

use tokio::sync::{mpsc, oneshot};

use crate::engine::{Mode, Report, Scope};
use crate::mail::MailboxName;

/// A pass that somebody waits for.
#[derive(Debug)]
pub struct Wish {
    /// What to look at.
    pub scope: Scope,
    /// Whether to act.
    pub mode: Mode,
    /// Where the answer goes; an error is for people.
    pub answer: oneshot::Sender<Result<Report, String>>,
}

/// What an account can be told.
#[derive(Debug)]
pub enum Order {
    /// Make a pass.
    Sync(Wish),
    /// Stop until told otherwise.
    Pause,
    /// Go on; also after a wrong password.
    Resume,
    /// Try again what seemed to be of no use: something may have been mended.
    Wake,
    /// The machine slept: connections can only be dead.
    Reconnect,
    /// Something was done in these folders; with `true`, a folder was made.
    Look(BTreeSet<MailboxName>, bool),
    /// The network changed: connections may be dead, and what was out of reach may be in reach.
    Probe,
    /// End.
    Stop,
}

/// The orders that have come.
#[derive(Debug)]
pub(super) struct Inbox {
    orders: mpsc::UnboundedReceiver<Order>,
    pub(super) wishes: VecDeque<Wish>,
    pub(super) paused: bool,
    /// Told to try again since it was last looked at.
    pub(super) woken: bool,
    /// The user told it to go on since it was last looked at.
    pub(super) resumed: bool,
    pub(super) reconnect: bool,
    pub(super) probe: bool,
    pub(super) stop: bool,
    /// Folders in which something was done since they were last asked for, and whether one was made.
    pub(super) look: (BTreeSet<MailboxName>, bool),
}

impl Inbox {
    pub(super) fn new(orders: mpsc::UnboundedReceiver<Order>) -> Self {
        Self {
            orders,
            wishes: VecDeque::new(),
            paused: false,
            woken: false,
            resumed: false,
            reconnect: false,
            probe: false,
            stop: false,
            look: (BTreeSet::new(), false),
        }
    }

    fn take(&mut self, order: Option<Order>) {
        match order {
            Some(Order::Sync(wish)) => self.wishes.push_back(wish),
            Some(Order::Pause) => self.paused = true,
            Some(Order::Resume) => {
                self.paused = false;
                self.woken = true;
                self.resumed = true;
            }
            Some(Order::Wake) => self.woken = true,
            Some(Order::Reconnect) => self.reconnect = true,
            Some(Order::Look(names, made)) => {
                self.look.0.extend(names);
                self.look.1 |= made;
            }
            Some(Order::Probe) => self.probe = true,
            Some(Order::Stop) | None => self.stop = true,
        }
    }

    /// Waits for the next order.
    pub(super) async fn next(&mut self) {
        let order = self.orders.recv().await;
        self.take(order);
    }

    /// Does something while orders are taken; `None` when one of them made an end of it.
    pub(super) async fn attend<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        loop {
            match self.attend_or_probe(work.as_mut()).await {
                Attended::Done(done) => return Some(done),
                Attended::Left => return None,
                Attended::Probed => {}
            }
        }
    }

    /// The same, which also comes back when connections may be dead.
    pub(super) async fn attend_or_probe<T>(
        &mut self,
        mut work: Pin<&mut impl Future<Output = T>>,
    ) -> Attended<T> {
        loop {
            let order = tokio::select! {
                biased;
                done = &mut work => return Attended::Done(done),
                order = self.orders.recv() => order,
            };
            let probed = matches!(order, Some(Order::Probe));
            self.take(order);
            if self.stop || self.reconnect {
                return Attended::Left;
            }
            if probed {
                return Attended::Probed;
            }
        }
    }
}

/// How far something came while orders were taken.
pub(super) enum Attended<T> {
    Done(T),
    /// An order made an end of it.
    Left,
    /// Connections may be dead; it can go on.
    Probed,
}
