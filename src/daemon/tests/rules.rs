//! What an account may ask of its server: no login that was told to be of no use, none too many, none too soon.

use std::time::Duration;

use crate::engine::{Advice, Fault, Pace, Reach};
use crate::sim::steps::fault;

/// What the server says to a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Welcome,
    Unreachable,
    /// Not now, and perhaps when.
    Later(Option<Duration>),
    Crowded,
    Barred,
    /// A server that does not say why; whether it accepted this password before.
    No(bool),
    /// It hangs up instead of saying that there are too many.
    Mum,
    /// No password could be had to log in with.
    Locked,
}

impl Verdict {
    /// As the connector tells it.
    pub(super) fn result(self) -> Result<(), Fault> {
        let (reach, retry, crowded, barred) = match self {
            Self::Welcome => return Ok(()),
            Self::Unreachable => (Reach::Account, true, false, false),
            Self::Later(_) => (Reach::Account, true, true, false),
            Self::Crowded => (Reach::Connection, true, true, false),
            Self::Barred => (Reach::Account, false, false, true),
            Self::Mum | Self::Locked => (Reach::Account, true, false, false),
            Self::No(known) => (Reach::Account, known, true, !known),
        };
        let wait = match self {
            Self::Later(wait) => wait,
            _ => None,
        };
        Err(fault(reach, retry, format!("{self:?}")).advised(Advice {
            crowded,
            wordless: matches!(self, Self::Mum | Self::Unreachable),
            barred,
            pace: match self {
                Self::No(true) => Pace::Refused,
                Self::Locked => Pace::Asking,
                _ => Pace::Soon,
            },
            wait,
        }))
    }
}

/// Not sooner than this is it tried again with one connection more.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// In an hour without a reason for more so many logins are no storm: some sixty tries, with three connections each.
const CALM: usize = 200;
/// What is being done when an order comes does not last longer.
const HEEDED: Duration = Duration::from_secs(200);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// What holds since a refusal of a login that was begun then and answered then.
#[derive(Clone, Copy, Debug)]
struct Ban {
    answered: Duration,
    until: Duration,
    /// Connections that were open then.
    open: usize,
}

/// Keeps count of logins, and of what was said to them.
#[derive(Debug)]
pub(super) struct Rules {
    allowed: usize,
    barred: Option<Ban>,
    later: Option<Ban>,
    full: Option<Ban>,
    /// It says no, though the password was good; and how often it has said so.
    odd: Option<Ban>,
    odd_times: u32,
    /// When somebody last said that it may be tried whatever was the matter.
    released: Duration,
    /// When something was last ordered: it may take effect only after what is being done.
    ordered: Option<Duration>,
    /// Somebody waits for a pass that is to be tried whatever was the matter.
    pub asked: bool,
    tries: Vec<Duration>,
    /// Reasons for some more logins.
    excuses: Vec<Duration>,
    pub crowded: u64,
    pub all_tries: u64,
    /// The first rule that was broken.
    pub broken: Option<String>,
}

impl Rules {
    pub(super) fn new(allowed: usize) -> Self {
        Self {
            allowed,
            barred: None,
            later: None,
            full: None,
            odd: None,
            odd_times: 0,
            released: Duration::ZERO,
            ordered: None,
            asked: false,
            tries: Vec::new(),
            excuses: Vec::new(),
            crowded: 0,
            all_tries: 0,
            broken: None,
        }
    }

    /// Something happened after which it is right to try again whatever was said.
    pub(super) fn release(&mut self, now: Duration) {
        self.released = now;
        (self.barred, self.later, self.full) = (None, None, None);
        self.no_longer_odd();
        self.excuse(now);
    }

    /// The same by an order.
    pub(super) fn order(&mut self, now: Duration) {
        self.ordered = Some(now);
        self.release(now);
    }

    /// The password changed, and that can be seen from outside.
    pub(super) fn new_secret(&mut self, now: Duration) {
        self.released = now;
        self.barred = None;
        self.no_longer_odd();
        self.excuse(now);
    }

    fn no_longer_odd(&mut self) {
        (self.odd, self.odd_times) = (None, 0);
    }

    /// Something happened that is worth some logins.
    pub(super) fn excuse(&mut self, now: Duration) {
        self.excuses.push(now);
    }

    fn breach(&mut self, text: String) {
        self.broken.get_or_insert(text);
    }

    /// A login begins while so many connections are open.
    pub(super) fn tries(&mut self, now: Duration, open: usize) {
        self.all_tries += 1;
        if open >= self.allowed {
            self.breach(format!("{open} are open, and one more is tried"));
        }
        let bans = [
            ("the password was refused", self.barred),
            ("it was told to come later", self.later),
            ("a password that was good was refused", self.odd),
            (
                "there were too many connections",
                self.full.filter(|ban| open >= ban.open),
            ),
        ];
        let bans = if self.asked { [("", None); 4] } else { bans };
        for (what, ban) in bans {
            let hit = ban.filter(|ban| now > ban.answered && now < ban.until);
            if let Some(Ban { answered, .. }) = hit {
                self.breach(format!("at {answered:?} {what}, and at {now:?} it logs in"));
            }
        }
        self.tries.push(now);
        self.look_for_storms(now);
    }

    fn look_for_storms(&mut self, now: Duration) {
        let lately = |at: &Duration| *at + HOUR > now;
        self.tries.retain(lately);
        self.excuses.retain(lately);
        let (tries, excuses) = (self.tries.len(), self.excuses.len());
        if tries > CALM + 40 * excuses {
            self.breach(format!(
                "{tries} logins in the hour before {now:?}, for {excuses} reasons"
            ));
        }
    }

    /// The server has answered a login.
    pub(super) fn answered(
        &mut self,
        begun: Duration,
        now: Duration,
        open: usize,
        verdict: Verdict,
    ) {
        let lately = self.ordered.is_some_and(|at| at + HEEDED > now);
        if self.released >= begun || lately {
            return;
        }
        let ban = |until| {
            Some(Ban {
                answered: now,
                until,
                open,
            })
        };
        match verdict {
            Verdict::Welcome => self.no_longer_odd(),
            Verdict::Unreachable | Verdict::Mum | Verdict::Locked => {}
            Verdict::Barred => self.barred = ban(Duration::MAX),
            Verdict::No(false) if open == 0 => self.barred = ban(Duration::MAX),
            // It may be full of connections that died: less and less often, but again.
            Verdict::No(true) if open == 0 => {
                let full = (MINUTE * 2_u32.pow(self.odd_times.min(6))).min(HOUR);
                self.odd = ban(now + full * 3 / 4);
                self.odd_times += 1;
            }
            Verdict::Later(Some(wait)) if open == 0 => self.later = ban(now + wait),
            // With others open it may have been one too many.
            Verdict::Crowded | Verdict::No(_) | Verdict::Later(_) if open > 0 => {
                self.crowded += 1;
                self.full = ban(now + PATIENCE);
            }
            Verdict::Crowded | Verdict::No(_) | Verdict::Later(_) => {}
        }
    }

    /// Whoever was refused last keeps it to himself.
    pub(super) fn unheard(&mut self) {
        (self.barred, self.full) = (None, None);
        self.no_longer_odd();
    }

    /// A watch was told goodbye, and when to come back.
    pub(super) fn dismissed(&mut self, now: Duration, wait: Duration) {
        self.later = Some(Ban {
            answered: now,
            until: now + wait,
            open: 0,
        });
    }
}
