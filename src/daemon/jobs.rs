//! What is to be looked at, and when: hints gathered, merged and held back for a moment. Pure; times come in as values.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::engine::ports::Hint;
use crate::mail::MailboxName;

/// Which side a hint came from: a mail program makes its changes in handfuls, a server says each only once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// The Maildir.
    Local,
    /// The server.
    Remote,
}

/// So long after the last hint of a side nothing more is expected to follow at once. What a server says together is
/// read together, and what it says during a pass waits for the next one: nothing is gained by waiting for more.
fn lull(from: From) -> Duration {
    match from {
        From::Local => Duration::from_millis(20),
        From::Remote => Duration::ZERO,
    }
}

/// No hint waits longer, however many follow it.
const PATIENCE: Duration = Duration::from_millis(400);

/// Servers gather what they tell of: Dovecot waits half a second with it, from the last of many on. So after news there
/// are a few more looks, the first so soon, each after twice the time.
const ECHO: Duration = Duration::from_millis(15);
/// No further look comes later than so long after the one before; together they last about half a second.
const LAST_ECHO: Duration = Duration::from_millis(300);
/// So many changes at once are a burst, in which looks had better be rare.
const BURST: u64 = 10;

/// Exchange tells of mail before other connections can see it: so long after a look that found nothing where the server
/// had told of something there is one more.
const LATE: Duration = Duration::from_secs(2);
/// What the server tells of so soon after a change of ours may be no more than that.
const OWN: Duration = Duration::from_secs(10);

/// What is to be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Work {
    /// Mailboxes in which something happened on the server.
    pub remote: BTreeSet<MailboxName>,
    /// Those of them that the server told of.
    pub told: BTreeSet<MailboxName>,
    /// Mailboxes in whose folders something happened; perhaps only we did.
    pub local: BTreeSet<MailboxName>,
    /// Something happened on the server, and it is not known where.
    pub all_remote: bool,
    /// Something happened in the Maildir, and it is not known where.
    pub all_local: bool,
    /// Nobody asked for this look; so long it was waited for.
    pub echo: Option<Duration>,
}

impl Work {
    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether this is no more than another look after news, of which nobody need hear if it finds nothing.
    pub(super) fn is_afterthought(&self) -> bool {
        self.echo.is_some() && self.local.is_empty() && !self.all_local && !self.all_remote
    }

    fn add(&mut self, hint: Hint, from: From) {
        match (hint, from) {
            (Hint::Mailbox(name), From::Remote) => {
                self.told.insert(name.clone());
                self.remote.insert(name);
            }
            (Hint::Mailbox(name), From::Local) => drop(self.local.insert(name)),
            (Hint::Mailboxes | Hint::Everything, From::Remote) => self.all_remote = true,
            (Hint::Mailboxes | Hint::Everything, From::Local) => self.all_local = true,
        }
    }

    fn absorb(&mut self, other: Self) {
        self.remote.extend(other.remote);
        self.told.extend(other.told);
        self.local.extend(other.local);
        self.all_remote |= other.all_remote;
        self.all_local |= other.all_local;
    }
}

/// Hints that wait.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    work: Work,
    first: Option<Duration>,
    due: Option<Duration>,
    echo: Option<Echo>,
    /// Where there is one more look, and when: the server told of something that was not to be seen.
    late: BTreeMap<MailboxName, Duration>,
    /// Where something of ours went to the server, of which it has not told yet, and when.
    own: BTreeMap<MailboxName, Duration>,
}

/// A look that nobody asked for.
#[derive(Debug)]
struct Echo {
    at: Duration,
    delay: Duration,
    names: BTreeSet<MailboxName>,
    /// Everything is to be looked at.
    all: bool,
}

impl Echo {
    /// One look does for both, at the earlier time.
    fn join(&mut self, other: Self) {
        if other.at < self.at {
            (self.at, self.delay) = (other.at, other.delay);
        }
        self.names.extend(other.names);
        self.all |= other.all;
    }
}

impl Jobs {
    /// Takes a hint.
    pub(super) fn hint(&mut self, hint: Hint, from: From, now: Duration) {
        self.work.add(hint, from);
        self.wait_for_more(from, now);
    }

    /// A mailbox is to be looked at once more, though nobody told of it.
    pub(super) fn again(&mut self, name: MailboxName, now: Duration) {
        self.work.remote.insert(name);
        self.wait_for_more(From::Remote, now);
    }

    fn wait_for_more(&mut self, from: From, now: Duration) {
        let first = *self.first.get_or_insert(now);
        let wanted = (now + lull(from)).min(first + PATIENCE);
        // The quieter side does not shorten what the other one waits for.
        self.due = Some(self.due.map_or(wanted, |due| due.max(wanted)));
    }

    /// Everything is to be looked at, at once.
    pub(super) fn everything(&mut self, now: Duration) {
        self.work.all_remote = true;
        self.first.get_or_insert(now);
        self.due = Some(now);
    }

    /// Work was done, it took so long, and the server had so many changes in these mailboxes. More may follow that it
    /// does not tell of yet: there is another look, and after it one more, until some of them have found nothing.
    pub(super) fn looked(
        &mut self,
        work: &Work,
        news: &BTreeMap<MailboxName, u64>,
        took: Duration,
        now: Duration,
    ) {
        self.look_later(work, news, now);
        let delay = if news.values().any(|count| *count >= BURST) {
            LAST_ECHO
        } else if !news.is_empty() {
            // Large mailboxes are not looked at all the time.
            ECHO.max(took * 2).min(LAST_ECHO)
        } else if let Some(delay) = work.echo.filter(|delay| *delay * 2 <= LAST_ECHO) {
            delay * 2
        } else {
            return;
        };
        let asked = work.remote.iter().filter(|_| work.echo.is_some());
        let names = asked.chain(news.keys()).cloned().collect();
        self.look_again(Echo {
            at: now + delay,
            delay,
            names,
            all: false,
        });
    }

    fn look_again(&mut self, echo: Echo) {
        match &mut self.echo {
            Some(waiting) => waiting.join(echo),
            None => self.echo = Some(echo),
        }
    }

    /// Where the server told of something and nothing was found, there is one more look, unless it told of what we had
    /// done ourselves.
    fn look_later(&mut self, work: &Work, news: &BTreeMap<MailboxName, u64>, now: Duration) {
        for name in work.told.iter().filter(|name| !news.contains_key(*name)) {
            let own = self.own.remove(name).is_some_and(|at| at + OWN > now);
            if !own {
                self.late.insert(name.clone(), now + LATE);
            }
        }
    }

    /// Something of ours went to these mailboxes: the server will tell of that, too.
    pub(super) fn sent(&mut self, names: BTreeSet<MailboxName>, now: Duration) {
        self.own.retain(|_, at| *at + OWN > now);
        self.own.extend(names.into_iter().map(|name| (name, now)));
    }

    /// Work was done, and something went to these sides. Where both sides had changes, some may be left for the next
    /// pass, as two bring the sides together, whatever happened: there is one more look where it looked.
    pub(super) fn changed(&mut self, work: &Work, sides: &[From], now: Duration) {
        let local = work.all_local || !work.local.is_empty() || sides.contains(&From::Remote);
        let remote = work.all_remote || !work.remote.is_empty() || sides.contains(&From::Local);
        if sides.is_empty() || !local || !remote {
            return;
        }
        self.look_again(Echo {
            at: now + LAST_ECHO,
            delay: LAST_ECHO,
            names: work.remote.union(&work.local).cloned().collect(),
            all: work.all_remote || work.all_local,
        });
    }

    /// When there is something to do.
    pub(super) fn due(&self) -> Option<Duration> {
        let echo = self.echo.as_ref().map(|echo| echo.at);
        let late = self.late.values().min().copied();
        self.due.into_iter().chain(echo).chain(late).min()
    }

    /// Takes what is due.
    pub(super) fn take(&mut self, now: Duration) -> Option<Work> {
        self.due().filter(|due| *due <= now)?;
        let mut taken = Work::default();
        if self.due.is_some_and(|due| due <= now) {
            taken = std::mem::take(&mut self.work);
            (self.first, self.due) = (None, None);
        }
        let late = self.late.extract_if(.., |_, at| *at <= now);
        let late: BTreeSet<_> = late.map(|(name, _)| name).collect();
        if !late.is_empty() {
            taken.remote.extend(late);
            taken.echo = Some(LATE);
        }
        if let Some(echo) = self.echo.take_if(|echo| echo.at <= now) {
            taken.remote.extend(echo.names);
            taken.all_remote |= echo.all;
            taken.echo = Some(echo.delay);
        }
        Some(taken)
    }

    /// What was taken has not been done.
    pub(super) fn give_back(&mut self, work: Work, now: Duration) {
        if work.is_empty() {
            return;
        }
        self.work.absorb(work);
        self.first.get_or_insert(now);
        self.due.get_or_insert(now);
    }
}

#[cfg(test)]
mod tests;
