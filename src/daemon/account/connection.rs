//! The connection that watches: how it is made, kept and lost, and when it is tried again.

use std::pin::pin;
use std::time::Duration;

use super::super::Watched;
use super::super::inbox::{Attended, Inbox};
use super::super::view::{Activity, Notice};
use super::{ANSWER, Account, Alone, PROBE};
use crate::engine::ports::{
    Clock, LocalWatch, RemoteCoverage, RemoteWatch, RemoteWatcher, RemoteWay,
};
use crate::engine::{Fault, Problem};

/// IDLE is begun anew this often: before the address translations on the way forget the connection (many do after five
/// minutes), and to find out whether it is still there.
const RENEW: Duration = Duration::from_secs(240);
/// While connections are lost for reasons of their own: never sooner than this.
const SOON: Duration = Duration::from_millis(200);
/// A watch that has lasted so long may be followed by another one at once.
const STEADY: Duration = Duration::from_secs(60);

impl<P: Watched> Account<'_, P> {
    /// Lets go of all connections without a word.
    pub(super) fn disconnect(&mut self) {
        self.remote = None;
        self.link.drop_connections();
        self.show(|view| view.remote = None);
    }

    /// Watches are set first, then everything is looked at: nothing falls in between.
    pub(super) async fn connect(&mut self, inbox: &mut Inbox) {
        self.act(Activity::Connecting);
        self.watch_folders().await;
        self.trying = self.parts.secret_mark();
        let watcher = self.parts.watcher();
        let wanted = self.options.idle.len();
        let watching = self.quota.watching(wanted);
        // A pass that somebody waited for may have been made before, with all connections.
        self.link.set_limit(self.quota.working(wanted));
        let opening = watcher.watch(&self.options.idle, watching);
        match hurried(inbox, opening, self.parts.clock()).await {
            Some(Ok(remote)) => {
                let coverage = remote.coverage().clone();
                tracing::info!(way = ?coverage.way, reason = %coverage.reason, "watching the server");
                self.set_timers(&coverage);
                self.link.set_limit(self.quota.working(posts(&coverage)));
                self.show(|view| view.remote = Some(coverage));
                self.remote = Some(remote);
                self.looked = false;
                let now = self.now();
                self.watching_since = now;
                self.jobs.everything(now);
            }
            Some(Err(fault)) => {
                let open = usize::from(self.link.is_open());
                let _ = self.not_connected(&fault, open, !fault.retry);
            }
            None => {}
        }
    }

    /// No connection could be had beside `open` others, which is worth trying at once with fewer, or not. While there
    /// are others, the password is good.
    pub(super) fn not_connected(&mut self, fault: &Fault, open: usize, blocked: bool) -> bool {
        let shut_out = self.is_shut_out(fault, open);
        let crowded = open > 0 && (fault.advice.crowded || shut_out);
        let now = self.now();
        let fewer = crowded && self.quota.refused(open, fault.to_string(), now);
        self.failed(fault, blocked && !crowded);
        if fewer {
            self.retry_at = now + SOON;
        } else {
            self.leave_alone(fault);
            let chance = self.parts.chance();
            self.restraint.failed(fault.advice.pace, now, chance);
        }
        self.show_quota();
        fewer
    }

    /// Whether this is at least the second connection in a row that ended without a word beside others, which were made
    /// anew in between: once may be chance, or the others are dead as well.
    fn is_shut_out(&mut self, fault: &Fault, open: usize) -> bool {
        let counts = fault.advice.wordless && open > 0;
        self.wordless = if counts {
            self.wordless.saturating_add(1)
        } else {
            0
        };
        self.wordless > 1
    }

    async fn watch_folders(&mut self) {
        if self.folders.is_some() {
            return;
        }
        match self.parts.watch_folders().await {
            Ok(folders) => {
                self.show(|view| view.local = folders.coverage());
                self.folders = Some(folders);
            }
            Err(fault) => tracing::warn!("the Maildir cannot be watched: {fault}"),
        }
    }

    pub(super) fn set_timers(&mut self, coverage: &RemoteCoverage) {
        let now = self.now();
        let folders = self.folders.as_ref().map(LocalWatch::coverage);
        let unwatched = folders.is_none_or(|coverage| !coverage.unwatched.is_empty());
        self.renew_at = match coverage.way {
            RemoteWay::Poll => Duration::MAX,
            RemoteWay::Notify | RemoteWay::Idle(_) => now + RENEW,
        };
        self.poll_at = match coverage.way {
            RemoteWay::Notify if !unwatched => Duration::MAX,
            _ => now.saturating_add(self.options.poll),
        };
    }

    /// Something failed. Whether somebody has to do something, or time will heal it.
    fn failed(&mut self, fault: &Fault, blocked: bool) {
        tracing::warn!("{fault}");
        self.disconnect();
        self.blocked = blocked;
        self.secret_mark = self.trying;
        let wait = self.backoff.wait(self.parts.chance());
        self.retry_at = self.now() + wait.max(SOON);
        let problem = Problem {
            mailbox: None,
            text: fault.to_string(),
        };
        self.show(|view| view.problems = vec![problem.clone()]);
        self.tell(Notice::Synced {
            complete: false,
            problems: vec![problem],
        });
    }

    /// After each renewal comes a real look: a watch that has died in silence has told nothing.
    pub(super) async fn renew(&mut self, inbox: &mut Inbox) {
        let Some(remote) = &mut self.remote else {
            return;
        };
        let limit = std::mem::replace(&mut self.patience, ANSWER);
        // With less patience what is broken off is carried on at once.
        let hurry = limit > PROBE;
        let renewed = {
            let renewal = pin!(remote.renew(limit));
            if hurry {
                inbox.attend_or_probe(renewal).await
            } else {
                let renewed = inbox.attend(renewal).await;
                renewed.map_or(Attended::Left, Attended::Done)
            }
        };
        match renewed {
            Attended::Done(Ok(())) => {
                let now = self.now();
                self.renew_at = now + RENEW;
                self.jobs.everything(now);
            }
            Attended::Done(Err(fault)) => self.lost(&fault),
            Attended::Left | Attended::Probed => {}
        }
    }

    /// The server may have said when to come back.
    fn leave_alone(&mut self, fault: &Fault) {
        if let Some(wait) = fault.advice.wait {
            self.alone = Alone::new(wait, self.parts.clock());
        }
    }

    /// A watch broke: at once a new one, unless that happens again and again, or the server said when.
    pub(super) fn lost(&mut self, fault: &Fault) {
        tracing::info!("the watch broke: {fault}");
        self.disconnect();
        self.leave_alone(fault);
        let now = self.now();
        // That a pass worked says nothing of the watch.
        if now >= self.watching_since + STEADY {
            self.breaks.reset();
        }
        let wait = self.breaks.wait(self.parts.chance());
        self.retry_at = now + wait;
    }
}

/// What waits for the server goes on when the network is another one, but not for long.
async fn hurried<T>(
    inbox: &mut Inbox,
    work: impl Future<Output = T>,
    clock: &impl Clock,
) -> Option<T> {
    let mut work = pin!(work);
    match inbox.attend_or_probe(work.as_mut()).await {
        Attended::Done(done) => Some(done),
        Attended::Left => None,
        Attended::Probed => {
            let rest = async {
                tokio::select! {
                    biased;
                    done = &mut work => Some(done),
                    () = clock.sleep(PROBE) => None,
                }
            };
            inbox.attend(rest).await.flatten()
        }
    }
}

/// How many connections watch.
pub(super) fn posts(coverage: &RemoteCoverage) -> usize {
    match &coverage.way {
        RemoteWay::Notify => 1,
        RemoteWay::Idle(mailboxes) => mailboxes.len(),
        RemoteWay::Poll => 0,
    }
}
