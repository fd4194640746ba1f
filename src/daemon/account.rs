//! One account's life: connect, look at everything, then follow hints until the connection is lost, and again.

mod connection;
mod passes;
mod waiting;

use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::Watched;
use super::backoff::Backoff;
use super::inbox::{Inbox, Order};
use super::jobs::{From, Jobs};
use super::quota::Quota;
use super::restraint::Restraint;
use super::retries::Retries;
use super::view::{Activity, Notice, View};
use crate::engine::ports::{Clock, Hint, RemoteWatcher};
use crate::engine::{Link, Settings};
use crate::mail::MailboxName;

/// A connection that does not answer within this is dead.
const ANSWER: Duration = Duration::from_secs(30);
/// The same when there is reason to think so.
const PROBE: Duration = Duration::from_secs(5);
/// Everything is compared anew, file by file, this often.
const FULL: Duration = Duration::from_secs(6 * 3600);
/// While nobody is let in, it is looked this often whether the password has changed.
const KEYHOLE: Duration = Duration::from_secs(20);

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
    /// The server wants to be left alone until then.
    alone: Alone,
    /// Nor before what this says.
    restraint: Restraint,
    /// How often in a row a connection beside others ended without a word.
    wordless: u32,
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

/// How long the server wants to be left alone.
#[derive(Clone, Copy, Debug, Default)]
struct Alone {
    until: Duration,
    /// The same in seconds since 1970: the other clock stands still while the machine sleeps.
    wall: i64,
}

impl Alone {
    fn new(wait: Duration, clock: &impl Clock) -> Self {
        // Both of what is added lose a part of a second: never too soon.
        let seconds = i64::try_from(wait.as_secs()).unwrap_or(i64::MAX);
        Self {
            until: clock.monotonic().saturating_add(wait),
            wall: clock.now().saturating_add(seconds).saturating_add(2),
        }
    }

    /// The same once the machine has slept.
    fn after_sleep(self, clock: &impl Clock) -> Self {
        let left = u64::try_from(self.wall.saturating_sub(clock.now())).unwrap_or_default();
        let until = clock.monotonic().saturating_add(Duration::from_secs(left));
        Self {
            until: until.min(self.until),
            ..self
        }
    }
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
            alone: Alone::default(),
            restraint: Restraint::default(),
            wordless: 0,
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
            self.try_afresh();
            if self.watching() > 0 {
                self.patience = PROBE;
                self.renew_at = self.now();
            } else {
                // The next look has new ones.
                self.link.drop_connections();
            }
        }
        let (names, made) = std::mem::take(&mut inbox.look);
        let hints = names.into_iter().map(Hint::Mailbox);
        for hint in hints.chain(made.then_some(Hint::Mailboxes)) {
            let now = self.now();
            self.jobs.hint(hint, From::Local, now);
        }
        if std::mem::take(&mut inbox.resumed) && self.quota.limited().is_some() {
            self.disconnect();
        }
        if std::mem::take(&mut inbox.woken) && (self.blocked || self.remote.is_none()) {
            self.blocked = false;
            self.restraint.end();
            self.quota = Quota::new(self.settings.connections);
            self.show_quota();
            self.try_afresh();
            self.alone = Alone::default();
        }
        let waits = self.blocked || self.restraint.until() > self.now();
        if waits && self.secret_changed() {
            tracing::info!("the password has changed: trying again");
            self.blocked = false;
            self.restraint.end();
            self.retry_at = Duration::ZERO;
        }
    }

    /// Whatever failed before says nothing any more. What a server wanted holds.
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
        if self.restraint.until() > now {
            self.act(Activity::Connecting);
            let look = self.secret_mark.map(|_| now + KEYHOLE);
            return Step::Wait(look.into_iter().chain([self.restraint.until()]).min());
        }
        let retry_at = self.retry_at.max(self.alone.until);
        if retry_at > now {
            self.act(Activity::Connecting);
            return Step::Wait(Some(retry_at));
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
            self.jobs.again(name, now);
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
        self.alone = self.alone.after_sleep(self.parts.clock());
    }

    fn show_quota(&self) {
        self.show(|view| view.limited = self.quota.limited());
    }

    fn tell(&self, notice: Notice) {
        // Nobody listens any more: the program is about to end.
        let _ = self.notices.send(notice);
    }
}
