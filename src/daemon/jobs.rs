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
mod tests {
    use super::*;

    fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    fn names(names: &[&str]) -> BTreeSet<MailboxName> {
        let parse = |name: &&str| MailboxName::parse(name).unwrap();
        names.iter().map(parse).collect()
    }

    fn mailbox(name: &str) -> Hint {
        Hint::Mailbox(MailboxName::parse(name).unwrap())
    }

    #[test]
    fn hints_that_follow_each_other_become_one_job() {
        let mut jobs = Jobs::default();
        jobs.hint(mailbox("a"), From::Local, ms(0));
        jobs.hint(mailbox("b"), From::Local, ms(10));
        assert_eq!(jobs.take(ms(25)), None);
        assert_eq!(jobs.due(), Some(ms(30)));
        let taken = jobs.take(ms(30)).unwrap();
        assert_eq!(taken.local, names(&["a", "b"]));
        assert!(taken.remote.is_empty() && !taken.all_local && !taken.all_remote);
        assert_eq!(jobs.take(ms(1000)), None);
        assert_eq!(jobs.due(), None);
    }

    #[test]
    fn a_storm_does_not_put_off_a_job_for_ever() {
        let mut jobs = Jobs::default();
        for now in 0..600 {
            jobs.hint(mailbox("a"), From::Local, ms(now));
            if jobs.take(ms(now)).is_some() {
                assert_eq!(now, 400);
                return;
            }
        }
        panic!("it never came");
    }

    #[test]
    fn mail_on_the_server_does_not_wait() {
        let mut jobs = Jobs::default();
        jobs.hint(mailbox("a"), From::Remote, ms(0));
        assert_eq!(jobs.due(), Some(ms(0)));
        jobs.hint(mailbox("a"), From::Local, ms(1));
        assert_eq!(jobs.due(), Some(ms(21)));
        jobs.hint(mailbox("b"), From::Remote, ms(2));
        assert_eq!(jobs.due(), Some(ms(21)));
        let taken = jobs.take(ms(21)).unwrap();
        assert_eq!(taken.remote, names(&["a", "b"]));
        assert_eq!(taken.local, names(&["a"]));
    }

    #[test]
    fn what_concerns_everything_is_no_reason_to_hurry() {
        let mut jobs = Jobs::default();
        jobs.hint(Hint::Mailboxes, From::Local, ms(0));
        assert_eq!(jobs.take(ms(19)), None);
        assert!(jobs.take(ms(20)).unwrap().all_local);
        jobs.everything(ms(60));
        assert!(jobs.take(ms(60)).unwrap().all_remote);
    }

    fn news(names: &[(&str, u64)]) -> BTreeMap<MailboxName, u64> {
        let parse = |(name, count): &(&str, u64)| (MailboxName::parse(name).unwrap(), *count);
        names.iter().map(parse).collect()
    }

    #[test]
    fn after_news_there_are_some_more_looks_and_then_silence() {
        let mut jobs = Jobs::default();
        jobs.looked(&Work::default(), &news(&[("a", 1)]), ms(2), ms(0));
        let mut now = ms(0);
        let mut looks = Vec::new();
        while let Some(due) = jobs.due() {
            looks.push((due - now).as_millis());
            now = due;
            let work = jobs.take(now).unwrap();
            assert_eq!(work.remote, names(&["a"]));
            jobs.looked(&work, &news(&[]), ms(2), now);
        }
        assert_eq!(looks, [15, 30, 60, 120, 240]);
    }

    #[test]
    fn news_in_a_later_look_begins_anew() {
        let mut jobs = Jobs::default();
        let work = Work {
            remote: names(&["a"]),
            echo: Some(ms(240)),
            ..Work::default()
        };
        jobs.looked(&work, &news(&[("b", 2)]), ms(1), ms(1000));
        assert_eq!(jobs.due(), Some(ms(1015)));
        assert_eq!(jobs.take(ms(1015)).unwrap().remote, names(&["a", "b"]));
    }

    #[test]
    fn what_is_large_or_comes_in_a_burst_is_looked_at_rarely() {
        let mut jobs = Jobs::default();
        jobs.looked(&Work::default(), &news(&[("a", 10)]), ms(1), ms(0));
        assert_eq!(jobs.due(), Some(ms(300)));
        for (took, due) in [(70, 140), (700, 300)] {
            let mut jobs = Jobs::default();
            jobs.looked(&Work::default(), &news(&[("a", 1)]), ms(took), ms(0));
            assert_eq!(jobs.due(), Some(ms(due)));
        }
    }

    #[test]
    fn a_look_that_waits_is_not_forgotten_for_another() {
        let mut jobs = Jobs::default();
        jobs.everything(ms(0));
        let all = jobs.take(ms(0)).unwrap();
        jobs.changed(&all, &[From::Remote], ms(0));
        jobs.looked(&Work::default(), &news(&[("a", 1)]), ms(1), ms(10));
        assert_eq!(jobs.due(), Some(ms(25)));
        let taken = jobs.take(ms(25)).unwrap();
        assert!(taken.all_remote);
        assert_eq!(taken.remote, names(&["a"]));
        jobs.looked(&Work::default(), &news(&[("a", 1)]), ms(1), ms(30));
        // A burst does not put off what waits already.
        jobs.looked(&Work::default(), &news(&[("b", 99)]), ms(1), ms(31));
        assert_eq!(jobs.due(), Some(ms(45)));
        assert_eq!(jobs.take(ms(45)).unwrap().remote, names(&["a", "b"]));
    }

    fn told(jobs: &mut Jobs, name: &str, now: Duration) -> Work {
        jobs.hint(mailbox(name), From::Remote, now);
        let work = jobs.take(now).unwrap();
        jobs.looked(&work, &news(&[]), ms(1), now);
        work
    }

    #[test]
    fn what_was_told_of_and_not_found_is_looked_for_once_more() {
        let mut jobs = Jobs::default();
        let _ = told(&mut jobs, "a", ms(0));
        let _ = told(&mut jobs, "b", ms(500));
        assert_eq!(jobs.due(), Some(ms(2000)));
        let again = jobs.take(ms(2000)).unwrap();
        assert_eq!(again.remote, names(&["a"]));
        assert!(again.is_afterthought());
        jobs.looked(&again, &news(&[]), ms(1), ms(2000));
        assert_eq!(jobs.due(), Some(ms(2500)));
        assert_eq!(jobs.take(ms(2500)).unwrap().remote, names(&["b"]));
        assert_eq!(jobs.due(), None);
    }

    #[test]
    fn what_nobody_told_of_is_not_looked_for_once_more() {
        let mut jobs = Jobs::default();
        jobs.again(MailboxName::parse("a").unwrap(), ms(0));
        jobs.hint(mailbox("b"), From::Local, ms(0));
        let work = jobs.take(ms(20)).unwrap();
        assert_eq!(work.remote, names(&["a"]));
        jobs.looked(&work, &news(&[]), ms(1), ms(20));
        assert_eq!(jobs.due(), None);
    }

    #[test]
    fn the_server_may_tell_of_each_change_of_ours_once() {
        let mut jobs = Jobs::default();
        jobs.sent(names(&["a"]), ms(0));
        let _ = told(&mut jobs, "a", ms(500));
        assert_eq!(jobs.due(), None);
        let _ = told(&mut jobs, "a", ms(600));
        assert_eq!(jobs.take(ms(2600)).unwrap().remote, names(&["a"]));
        jobs.sent(names(&["a"]), ms(3000));
        let _ = told(&mut jobs, "a", ms(13_000));
        assert_eq!(jobs.due(), Some(ms(15_000)));
    }

    #[test]
    fn without_news_nobody_looks_again() {
        let mut jobs = Jobs::default();
        jobs.looked(&Work::default(), &news(&[]), ms(1), ms(0));
        assert_eq!(jobs.due(), None);
    }

    #[test]
    fn where_both_sides_had_changes_there_is_one_more_look() {
        let mut jobs = Jobs::default();
        jobs.hint(mailbox("a"), From::Local, ms(0));
        let one_sided = jobs.take(ms(20)).unwrap();
        jobs.changed(&one_sided, &[From::Remote], ms(25));
        jobs.changed(&Work::default(), &[], ms(25));
        assert_eq!(jobs.due(), None);
        jobs.hint(mailbox("a"), From::Local, ms(30));
        jobs.hint(mailbox("b"), From::Remote, ms(30));
        let both = jobs.take(ms(50)).unwrap();
        jobs.changed(&both, &[From::Remote], ms(60));
        assert_eq!(jobs.due(), Some(ms(360)));
        let again = jobs.take(ms(360)).unwrap();
        assert_eq!(again.remote, names(&["a", "b"]));
        assert!(!again.all_remote);
        jobs.everything(ms(400));
        let all = jobs.take(ms(400)).unwrap();
        jobs.changed(&all, &[From::Remote], ms(500));
        assert!(jobs.take(ms(800)).unwrap().all_remote);
    }

    #[test]
    fn a_further_look_takes_no_hint_along_before_its_time() {
        let mut jobs = Jobs::default();
        jobs.looked(&Work::default(), &news(&[("a", 1)]), ms(1), ms(0));
        jobs.hint(mailbox("d"), From::Local, ms(10));
        let taken = jobs.take(ms(15)).unwrap();
        assert_eq!(taken.remote, names(&["a"]));
        assert!(taken.local.is_empty());
        assert_eq!(jobs.due(), Some(ms(30)));
        assert_eq!(jobs.take(ms(30)).unwrap().local, names(&["d"]));
        assert_eq!(jobs.due(), None);
    }

    #[test]
    fn what_was_not_done_waits_again() {
        let mut jobs = Jobs::default();
        jobs.hint(mailbox("a"), From::Remote, ms(0));
        let taken = jobs.take(ms(4)).unwrap();
        jobs.give_back(taken, ms(5));
        jobs.hint(mailbox("b"), From::Remote, ms(6));
        assert_eq!(jobs.take(ms(50)).unwrap().remote, names(&["a", "b"]));
        jobs.give_back(Work::default(), ms(60));
        assert_eq!(jobs.due(), None);
    }
}
