//! A POP3 account's life: a session now and then, and whenever somebody asks for one.
//!
//! The server keeps the maildrop for one session alone, so none is held open between passes.

use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::backoff::Backoff;
use super::inbox::{Inbox, Order, Wish};
use super::restraint::Restraint;
use super::view::{Activity, Notice, View};
use crate::engine::ports::{Clock, Event, Observer as _, RemoteCoverage, RemoteWay};
use crate::engine::{Fault, LetterPorts, Mode, Problem, Report, Telling, carry_home};
use crate::sync::LettersPolicy;

/// A changed password is noticed within this time.
const KEYHOLE: Duration = Duration::from_secs(10);

/// A server that wants to be left alone for longer (LOGIN-DELAY) has miscounted.
const LONGEST_ALONE: Duration = Duration::from_secs(24 * 3600);

/// The outside of a POP3 account that is looked after.
pub trait Collected: LetterPorts {
    /// A number that changes when the password may have changed; `None` where that cannot be seen from outside.
    fn secret_mark(&self) -> Option<u64>;

    /// A number that is different each time, to spread sessions over time.
    fn chance(&self) -> u16;
}

/// One POP3 account whose letters are carried home.
pub struct Letters<'p, P> {
    parts: &'p P,
    policy: LettersPolicy,
    poll: Duration,
    telling: Telling,
    backoff: Backoff,
    restraint: Restraint,
    /// The next session.
    next_at: Duration,
    /// The server wants to be left alone until then (LOGIN-DELAY).
    alone_until: Duration,
    /// How long it wants that after each login, in seconds, as far as it has said.
    login_delay: Option<u64>,
    /// The last session failed.
    failing: bool,
    /// It is of no use to try again until somebody does something.
    blocked: bool,
    /// What the password looked like from outside when it was of no use.
    secret_mark: Option<u64>,
    /// What it looked like before it was last used.
    trying: Option<u64>,
    view: watch::Sender<View>,
    notices: mpsc::UnboundedSender<Notice>,
}

impl<P> std::fmt::Debug for Letters<'_, P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Letters").finish_non_exhaustive()
    }
}

impl<'p, P: Collected> Letters<'p, P> {
    /// An account that has not begun. `poll` is how often it is looked at.
    pub fn new(
        parts: &'p P,
        policy: LettersPolicy,
        poll: Duration,
        telling: Telling,
        view: watch::Sender<View>,
        notices: mpsc::UnboundedSender<Notice>,
    ) -> Self {
        Self {
            parts,
            policy,
            poll,
            telling,
            backoff: Backoff::default(),
            restraint: Restraint::default(),
            next_at: Duration::ZERO,
            alone_until: Duration::ZERO,
            login_delay: None,
            failing: false,
            blocked: false,
            secret_mark: None,
            trying: None,
            view,
            notices,
        }
    }

    /// Lives until told to stop.
    pub async fn run(mut self, orders: mpsc::UnboundedReceiver<Order>) {
        let mut inbox = Inbox::new(orders);
        self.show(|view| {
            view.remote = Some(RemoteCoverage {
                way: RemoteWay::Poll,
                reason: "POP3 tells of nothing by itself".to_owned(),
            });
        });
        while !inbox.stop {
            self.heed(&mut inbox);
            if let Some(wish) = inbox.wishes.pop_front() {
                self.grant(wish, &mut inbox).await;
            } else if let Some(until) = self.rest(&inbox) {
                self.wait(until, &mut inbox).await;
            } else {
                self.work(&mut inbox).await;
            }
        }
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
        // No connection is held that could be dead; what could not be reached may be in reach now.
        let awake = std::mem::take(&mut inbox.reconnect);
        let outside = std::mem::take(&mut inbox.probe) || awake;
        let woken = std::mem::take(&mut inbox.woken) || self.secret_changed();
        if woken {
            self.blocked = false;
            self.restraint.end();
        }
        if (woken || outside) && self.failing {
            self.backoff.reset();
        }
        // The time until the next session did not go on while the machine slept.
        if awake || (woken || outside) && self.failing {
            self.next_at = self.alone_until.max(self.restraint.until());
        }
    }

    fn secret_changed(&self) -> bool {
        let waits = self.blocked || self.restraint.until() > self.now();
        waits && self.secret_mark.is_some() && self.parts.secret_mark() != self.secret_mark
    }

    /// Until when there is nothing to do; `None` if a session is due.
    fn rest(&self, inbox: &Inbox) -> Option<Duration> {
        let now = self.now();
        if inbox.paused {
            self.act(Activity::Paused);
            return Some(Duration::MAX);
        }
        if self.blocked {
            self.act(Activity::Blocked);
            let look = self.secret_mark.map(|_| now + KEYHOLE);
            return Some(look.unwrap_or(Duration::MAX));
        }
        if self.next_at <= now {
            return None;
        }
        self.act(if self.failing {
            Activity::Connecting
        } else {
            Activity::Watching
        });
        let waits = self.restraint.until() > now;
        let look = self.secret_mark.filter(|_| waits).map(|_| now + KEYHOLE);
        Some(look.unwrap_or(Duration::MAX).min(self.next_at))
    }

    async fn wait(&self, until: Duration, inbox: &mut Inbox) {
        let now = self.now();
        let clock = self.parts.clock();
        let timer = async {
            match until.saturating_sub(now) {
                time if until < Duration::MAX => clock.sleep(time).await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = inbox.next() => {}
            () = timer => {}
        }
    }

    async fn work(&mut self, inbox: &mut Inbox) {
        if let Some((report, result)) = self.session(Mode::Apply, inbox).await {
            self.after(&report, result.as_ref().err());
        }
    }

    /// What a session did not carry home is not on its way any more.
    fn over(&self) {
        self.parts.observer().event(Event::Total {
            messages: 0,
            octets: 0,
        });
    }

    /// A session, unless it is interrupted.
    async fn session(
        &mut self,
        mode: Mode,
        inbox: &mut Inbox,
    ) -> Option<(Report, Result<(), Fault>)> {
        self.act(Activity::Syncing);
        self.trying = self.parts.secret_mark();
        let session = carry_home(self.parts, self.policy, self.telling, mode);
        let ended = inbox.attend(session).await;
        self.over();
        match &ended {
            Some((report, _)) => self.leave_alone(report.left_there.login_delay),
            // Perhaps it had logged in.
            None => self.leave_alone(self.login_delay),
        }
        ended
    }

    /// As long as the server wants after a login; `None` if there was none, or it does not say.
    fn leave_alone(&mut self, login_delay: Option<u64>) {
        let Some(delay) = login_delay else {
            return;
        };
        self.login_delay = login_delay;
        let delay = Duration::from_secs(delay).min(LONGEST_ALONE);
        self.alone_until = self.now() + delay;
        self.next_at = self.next_at.max(self.alone_until);
    }

    /// What follows from a session.
    fn after(&mut self, report: &Report, fault: Option<&Fault>) {
        let now = self.now();
        let mut problems = report.problems.clone();
        self.failing = fault.is_some();
        self.blocked = fault.is_some_and(|fault| fault.advice.barred);
        let wait = match fault {
            None => {
                self.backoff.reset();
                self.restraint.end();
                self.spread(self.poll)
            }
            Some(fault) => {
                tracing::warn!("{fault}");
                self.secret_mark = self.trying;
                let chance = self.parts.chance();
                self.restraint.failed(fault.advice.pace, now, chance);
                problems.push(Problem {
                    mailbox: None,
                    text: fault.to_string(),
                });
                let wait = self.backoff.wait(self.parts.chance());
                let told = fault.advice.wait.map(|told| told.min(self.poll));
                // What time alone does not heal, as a disk that is not mounted, is looked for as often as for mail.
                let again = if fault.retry { wait } else { self.poll };
                again.max(told.unwrap_or_default())
            }
        };
        let until = self.alone_until.max(self.restraint.until());
        self.next_at = now.saturating_add(wait).max(until);
        self.show(|view| {
            view.problems.clone_from(&problems);
            if fault.is_none() {
                view.left_there = report.left_there;
            }
        });
        self.tell_of(report, problems);
    }

    fn tell_of(&self, report: &Report, problems: Vec<Problem>) {
        for (mailbox, counts) in &report.mailboxes {
            if counts.downloaded > 0 {
                let (mailbox, count) = (mailbox.clone(), counts.downloaded);
                self.tell(Notice::NewMail { mailbox, count });
            }
        }
        self.tell(Notice::Synced {
            complete: problems.is_empty(),
            problems,
        });
    }

    fn tell(&self, notice: Notice) {
        // Nobody listens any more: the program is about to end.
        let _ = self.notices.send(notice);
    }

    /// Up to a tenth less, so that many clients do not come at the same moment.
    fn spread(&self, time: Duration) -> Duration {
        time - time / 10 * u32::from(self.parts.chance()) / u32::from(u16::MAX)
    }

    /// Makes the session that somebody waits for. It tries whatever was the matter before.
    async fn grant(&mut self, wish: Wish, inbox: &mut Inbox) {
        let answer = self.session_for(&wish, inbox).await;
        // Whoever asked may have gone.
        let _ = wish.answer.send(answer);
    }

    async fn session_for(&mut self, wish: &Wish, inbox: &mut Inbox) -> Result<Report, String> {
        if inbox.paused {
            return Err("it is paused; `mailferry resume` lets it go on".to_owned());
        }
        if let Some(left) = self.alone_until.checked_sub(self.now()) {
            let seconds = left.as_secs();
            if seconds > 0 {
                return Err(format!(
                    "the server wants to be left alone for {seconds} s more (LOGIN-DELAY)"
                ));
            }
        }
        let Some((report, result)) = self.session(wish.mode, inbox).await else {
            return Err("it was interrupted; ask again".to_owned());
        };
        if wish.mode == Mode::Apply {
            self.after(&report, result.as_ref().err());
        }
        result.map(|()| report).map_err(|fault| fault.to_string())
    }
}
