//! One account's life: connect, look at everything, then follow hints until the connection is lost, and again.

mod passes;
mod waiting;

use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::Watched;
use super::backoff::Backoff;
use super::inbox::{Inbox, Order};
use super::jobs::{From, Jobs};
use super::quota::Quota;
use super::retries::Retries;
use super::view::{Activity, Notice, View};
use crate::engine::ports::{
    Clock, Hint, LocalWatch, RemoteCoverage, RemoteWatch, RemoteWatcher, RemoteWay,
};
use crate::engine::{Fault, Link, Problem, Settings};
use crate::mail::MailboxName;

/// IDLE is begun anew this often: before the address translations on the way forget the connection (many do after five
/// minutes), and to find out whether it is still there.
const RENEW: Duration = Duration::from_secs(240);
/// A connection that does not answer within this is dead.
const ANSWER: Duration = Duration::from_secs(30);
/// The same when there is reason to think so.
const PROBE: Duration = Duration::from_secs(5);
/// Everything is compared anew, file by file, this often.
const FULL: Duration = Duration::from_secs(6 * 3600);
/// While nobody is let in, it is looked this often whether the password has changed.
const KEYHOLE: Duration = Duration::from_secs(20);
/// While connections are lost for reasons of their own: never sooner than this.
const SOON: Duration = Duration::from_millis(200);
/// A watch that has lasted so long may be followed by another one at once.
const STEADY: Duration = Duration::from_secs(60);

/// The user's wishes for the daemon.
#[derive(Clone, Debug)]
pub struct Options {
    /// How often what no watch covers is looked at.
    pub poll: Duration,
    /// The mailboxes that IDLE is used on, the most important first.
    pub idle: Vec<MailboxName>,
}

type WatchOf<P> = <<P as Watched>::Watcher as RemoteWatcher>::Watch;

/// One account that is kept in sync.
pub struct Account<'p, P: Watched> {
    parts: &'p P,
    settings: Settings,
    options: Options,
    link: Link<P>,
    jobs: Jobs,
    retries: Retries,
    quota: Quota,
    remote: Option<WatchOf<P>>,
    folders: Option<P::Folders>,
    backoff: Backoff,
    /// Counts watches that broke soon.
    breaks: Backoff,
    watching_since: Duration,
    /// Not before this is the next try.
    retry_at: Duration,
    /// It is of no use to try again until somebody does something.
    blocked: bool,
    /// What the password looked like from outside when it was of no use.
    secret_mark: Option<u64>,
    /// What it looked like before it was last used.
    trying: Option<u64>,
    renew_at: Duration,
    /// How long the next renewal may take.
    patience: Duration,
    poll_at: Duration,
    full_at: Duration,
    /// Everything was looked at since it connected.
    looked: bool,
    view: watch::Sender<View>,
    notices: mpsc::UnboundedSender<Notice>,
}

impl<P: Watched> std::fmt::Debug for Account<'_, P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").finish_non_exhaustive()
    }
}

/// What is to be done next.
enum Step {
    End,
    Reconnect,
    Wish,
    Connect,
    Renew,
    Work,
    /// Until then, or for ever.
    Wait(Option<Duration>),
}

impl<'p, P: Watched> Account<'p, P> {
    /// An account that has not begun.
    pub fn new(
        parts: &'p P,
        settings: Settings,
        options: Options,
        view: watch::Sender<View>,
        notices: mpsc::UnboundedSender<Notice>,
    ) -> Self {
        let quota = Quota::new(settings.connections);
        let link = Link::new(settings.connections);
        Self {
            parts,
            settings,
            options,
            link,
            jobs: Jobs::default(),
            retries: Retries::default(),
            quota,
            remote: None,
            folders: None,
            backoff: Backoff::default(),
            breaks: Backoff::default(),
            watching_since: Duration::ZERO,
            retry_at: Duration::ZERO,
            blocked: false,
            secret_mark: None,
            trying: None,
            renew_at: Duration::MAX,
            patience: ANSWER,
            poll_at: Duration::MAX,
            full_at: Duration::ZERO,
            looked: false,
            view,
            notices,
        }
    }

    /// Lives until told to stop.
    pub async fn run(mut self, orders: mpsc::UnboundedReceiver<Order>) {
        let mut inbox = Inbox::new(orders);
        loop {
            self.heed(&mut inbox);
            match self.next_step(&inbox) {
                Step::End => break,
                Step::Reconnect => self.forget_connections(&mut inbox),
                Step::Wish => self.grant(&mut inbox).await,
                Step::Connect => self.connect(&mut inbox).await,
                Step::Renew => self.renew(&mut inbox).await,
                Step::Work => self.work(&mut inbox).await,
                Step::Wait(until) => self.wait(until, &mut inbox).await,
            }
        }
        self.say_goodbye().await;
    }

    fn now(&self) -> Duration {
        self.parts.clock().monotonic()
    }

    fn show(&self, change: impl FnOnce(&mut View)) {
        self.view.send_if_modified(|view| {
            let before = view.clone();
            change(view);
            *view != before
        });
    }

    fn act(&self, activity: Activity) {
        self.show(|view| view.activity = activity);
    }

    /// What was ordered and takes effect by itself.
    fn heed(&mut self, inbox: &mut Inbox) {
        if std::mem::take(&mut inbox.probe) {
            self.patience = PROBE;
            self.renew_at = self.now();
            self.try_afresh();
        }
        let (names, made) = std::mem::take(&mut inbox.look);
        let hints = names.into_iter().map(Hint::Mailbox);
        for hint in hints.chain(made.then_some(Hint::Mailboxes)) {
            let now = self.now();
            self.jobs.hint(hint, From::Local, now);
        }
        if std::mem::take(&mut inbox.woken) && (self.blocked || self.remote.is_none()) {
            self.blocked = false;
            self.quota = Quota::new(self.settings.connections);
            self.show_quota();
            self.try_afresh();
        }
        if self.blocked && self.secret_changed() {
            tracing::info!("the password has changed: trying again");
            self.blocked = false;
            self.retry_at = Duration::ZERO;
        }
    }

    /// Whatever failed before says nothing any more.
    fn try_afresh(&mut self) {
        self.backoff.reset();
        self.breaks.reset();
        self.retry_at = Duration::ZERO;
    }

    fn secret_changed(&self) -> bool {
        self.secret_mark.is_some() && self.parts.secret_mark() != self.secret_mark
    }

    fn next_step(&mut self, inbox: &Inbox) -> Step {
        let now = self.now();
        if inbox.stop {
            return Step::End;
        }
        if inbox.reconnect {
            return Step::Reconnect;
        }
        if !inbox.wishes.is_empty() {
            return Step::Wish;
        }
        if inbox.paused {
            self.act(Activity::Paused);
            return Step::Wait(None);
        }
        if self.blocked {
            self.act(Activity::Blocked);
            return Step::Wait(self.secret_mark.map(|_| now + KEYHOLE));
        }
        if self.retry_at > now {
            self.act(Activity::Connecting);
            return Step::Wait(Some(self.retry_at));
        }
        if self.quota.raise_at() <= now {
            self.quota.raise(now);
            self.show_quota();
            self.disconnect();
        }
        if self.remote.is_none() {
            return Step::Connect;
        }
        if self.renew_at <= now {
            return Step::Renew;
        }
        if self.poll_at.min(self.full_at) <= now {
            self.jobs.everything(now);
        }
        for name in self.retries.take(now) {
            self.jobs.hint(Hint::Mailbox(name), From::Remote, now);
        }
        if self.jobs.due().is_some_and(|due| due <= now) {
            return Step::Work;
        }
        // What has not been looked at since it connected may be anything but in sync.
        self.act(if self.looked {
            Activity::Watching
        } else {
            Activity::Syncing
        });
        let timers = self.renew_at.min(self.poll_at).min(self.full_at);
        let timers = timers.min(self.quota.raise_at());
        let due = self.jobs.due().into_iter().chain(self.retries.due());
        Step::Wait(Some(due.fold(timers, Duration::min)))
    }

    fn forget_connections(&mut self, inbox: &mut Inbox) {
        inbox.reconnect = false;
        self.disconnect();
        self.try_afresh();
    }

    /// Lets go of all connections without a word.
    fn disconnect(&mut self) {
        self.remote = None;
        self.link.drop_connections();
        self.show(|view| view.remote = None);
    }

    /// Watches are set first, then everything is looked at: nothing falls in between.
    async fn connect(&mut self, inbox: &mut Inbox) {
        self.act(Activity::Connecting);
        self.watch_folders().await;
        self.trying = self.parts.secret_mark();
        let watcher = self.parts.watcher();
        let wanted = self.options.idle.len();
        let watching = self.quota.watching(wanted);
        // A pass that somebody waited for may have been made before, with all connections.
        self.link.set_limit(self.quota.working(wanted));
        let opening = watcher.watch(&self.options.idle, watching);
        match inbox.attend(opening).await {
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
    fn not_connected(&mut self, fault: &Fault, open: usize, blocked: bool) -> bool {
        let crowded = fault.advice.crowded && open > 0;
        let now = self.now();
        let fewer = crowded && self.quota.refused(open, fault.to_string(), now);
        self.failed(fault, blocked && !crowded);
        if fewer {
            self.retry_at = now + SOON;
        }
        self.show_quota();
        fewer
    }

    fn show_quota(&self) {
        self.show(|view| view.limited = self.quota.limited());
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

    fn set_timers(&mut self, coverage: &RemoteCoverage) {
        let now = self.now();
        let folders = self.folders.as_ref().map(LocalWatch::coverage);
        let unwatched = folders.is_none_or(|coverage| !coverage.unwatched.is_empty());
        self.renew_at = match coverage.way {
            RemoteWay::Poll => Duration::MAX,
            RemoteWay::Notify | RemoteWay::Idle(_) => now + RENEW,
        };
        self.poll_at = match coverage.way {
            RemoteWay::Notify if !unwatched => Duration::MAX,
            _ => now + self.options.poll,
        };
    }

    /// Something failed. Whether somebody has to do something, or time will heal it.
    fn failed(&mut self, fault: &Fault, blocked: bool) {
        tracing::warn!("{fault}");
        self.disconnect();
        self.blocked = blocked;
        self.secret_mark = self.trying;
        let wait = self.backoff.wait(self.parts.chance());
        let told = fault.advice.wait.unwrap_or_default();
        self.retry_at = self.now() + wait.max(SOON).max(told);
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

    fn tell(&self, notice: Notice) {
        // Nobody listens any more: the program is about to end.
        let _ = self.notices.send(notice);
    }

    /// After each renewal comes a real look: a watch that has died in silence has told nothing.
    async fn renew(&mut self, inbox: &mut Inbox) {
        let Some(remote) = &mut self.remote else {
            return;
        };
        let limit = std::mem::replace(&mut self.patience, ANSWER);
        match inbox.attend(remote.renew(limit)).await {
            Some(Ok(())) => {
                let now = self.now();
                self.renew_at = now + RENEW;
                self.jobs.everything(now);
            }
            Some(Err(fault)) => self.lost(&fault),
            None => {}
        }
    }

    /// A watch broke: at once a new one, unless that happens again and again, or the server said when.
    fn lost(&mut self, fault: &Fault) {
        tracing::info!("the watch broke: {fault}");
        self.disconnect();
        let told = fault.advice.wait.unwrap_or_default();
        let now = self.now();
        // That a pass worked says nothing of the watch.
        if now >= self.watching_since + STEADY {
            self.breaks.reset();
        }
        let wait = self.breaks.wait(self.parts.chance());
        self.retry_at = now + wait.max(told);
    }
}

/// How many connections watch.
fn posts(coverage: &RemoteCoverage) -> usize {
    match &coverage.way {
        RemoteWay::Notify => 1,
        RemoteWay::Idle(mailboxes) => mailboxes.len(),
        RemoteWay::Poll => 0,
    }
}
