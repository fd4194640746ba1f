//! What is to be looked at, and when: hints gathered, merged and held back for a moment. Pure; times come in as values.

use std::collections::BTreeSet;
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

/// So long after the last hint of a side nothing more is expected to follow at once.
fn lull(from: From) -> Duration {
    match from {
        From::Local => Duration::from_millis(20),
        From::Remote => Duration::from_millis(4),
    }
}

/// No hint waits longer, however many follow it.
const PATIENCE: Duration = Duration::from_millis(400);

/// So long after news from a mailbox on the server it is looked at again. Servers gather what they tell of: Dovecot waits
/// half a second after the last of many, and under load it now and then says nothing for 30 seconds.
const ECHO: Duration = Duration::from_millis(300);

/// What is to be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Work {
    /// Mailboxes in which something happened on the server.
    pub remote: BTreeSet<MailboxName>,
    /// Mailboxes in whose folders something happened; perhaps only we did.
    pub local: BTreeSet<MailboxName>,
    /// Something happened on the server, and it is not known where.
    pub all_remote: bool,
    /// Something happened in the Maildir, and it is not known where.
    pub all_local: bool,
}

impl Work {
    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn add(&mut self, hint: Hint, from: From) {
        match (hint, from) {
            (Hint::Mailbox(name), From::Remote) => drop(self.remote.insert(name)),
            (Hint::Mailbox(name), From::Local) => drop(self.local.insert(name)),
            (Hint::Mailboxes | Hint::Everything, From::Remote) => self.all_remote = true,
            (Hint::Mailboxes | Hint::Everything, From::Local) => self.all_local = true,
        }
    }

    fn absorb(&mut self, other: Self) {
        self.remote.extend(other.remote);
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
    /// Mailboxes to be looked at once more, and when.
    echo: Option<(Duration, BTreeSet<MailboxName>)>,
}

impl Jobs {
    /// Takes a hint.
    pub(super) fn hint(&mut self, hint: Hint, from: From, now: Duration) {
        self.work.add(hint, from);
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

    /// The server had news in these mailboxes: more may follow that it does not tell of yet. While each look finds
    /// something, there is another one.
    pub(super) fn echo(&mut self, names: BTreeSet<MailboxName>, now: Duration) {
        if names.is_empty() {
            return;
        }
        let (_, waiting) = self.echo.get_or_insert((now + ECHO, BTreeSet::new()));
        waiting.extend(names);
    }

    /// When there is something to do.
    pub(super) fn due(&self) -> Option<Duration> {
        let echo = self.echo.as_ref().map(|(at, _)| *at);
        self.due.into_iter().chain(echo).min()
    }

    /// Takes what is due.
    pub(super) fn take(&mut self, now: Duration) -> Option<Work> {
        self.due().filter(|due| *due <= now)?;
        let mut taken = Work::default();
        if self.due.is_some_and(|due| due <= now) {
            taken = std::mem::take(&mut self.work);
            (self.first, self.due) = (None, None);
        }
        if let Some((_, names)) = self.echo.take_if(|(at, _)| *at <= now) {
            taken.remote.extend(names);
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
    fn mail_on_the_server_waits_less_than_a_file() {
        let mut jobs = Jobs::default();
        jobs.hint(mailbox("a"), From::Remote, ms(0));
        assert_eq!(jobs.due(), Some(ms(4)));
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

    #[test]
    fn after_news_there_is_another_look() {
        let mut jobs = Jobs::default();
        jobs.echo(names(&["a"]), ms(0));
        jobs.echo(names(&["b"]), ms(100));
        jobs.echo(BTreeSet::new(), ms(100));
        assert_eq!(jobs.due(), Some(ms(300)));
        jobs.hint(mailbox("c"), From::Remote, ms(200));
        assert_eq!(jobs.take(ms(204)).unwrap().remote, names(&["c"]));
        assert_eq!(jobs.take(ms(299)), None);
        jobs.hint(mailbox("d"), From::Local, ms(299));
        let taken = jobs.take(ms(300)).unwrap();
        assert_eq!(taken.remote, names(&["a", "b"]));
        assert!(taken.local.is_empty());
        assert_eq!(jobs.due(), Some(ms(319)));
        assert_eq!(jobs.take(ms(319)).unwrap().local, names(&["d"]));
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
