//! Mailboxes in which something failed while the rest of the account went on, and when they are looked at again. Pure;
//! times come in as values.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::engine::Scope;
use crate::mail::MailboxName;

/// In seconds. Whatever lasts longer is found by the looks that there are anyway.
const WAITS: [u64; 4] = [1, 4, 16, 64];

/// What failed, and is to be looked at again.
#[derive(Debug, Default)]
pub(super) struct Retries {
    troubled: BTreeMap<MailboxName, Trouble>,
}

/// Trouble in one mailbox.
#[derive(Debug, Default)]
struct Trouble {
    /// How often it was looked at again, or will have been at that time.
    tries: usize,
    at: Option<Duration>,
}

impl Retries {
    /// A pass over this scope has ended with trouble in these mailboxes.
    pub(super) fn looked(
        &mut self,
        scope: &Scope,
        troubled: BTreeSet<&MailboxName>,
        now: Duration,
    ) {
        self.troubled
            .retain(|name, _| troubled.contains(name) || !scope.has(name));
        for name in troubled {
            let trouble = self.troubled.entry(name.clone()).or_default();
            if trouble.at.is_none()
                && let Some(wait) = WAITS.get(trouble.tries)
            {
                trouble.tries += 1;
                trouble.at = Some(now + Duration::from_secs(*wait));
            }
        }
    }

    /// When there is something to be looked at.
    pub(super) fn due(&self) -> Option<Duration> {
        self.troubled.values().filter_map(|it| it.at).min()
    }

    /// Takes what is due.
    pub(super) fn take(&mut self, now: Duration) -> Vec<MailboxName> {
        let due = |(name, trouble): (&MailboxName, &mut Trouble)| {
            trouble.at.take_if(|at| *at <= now).map(|_| name.clone())
        };
        self.troubled.iter_mut().filter_map(due).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> MailboxName {
        MailboxName::parse(text).unwrap()
    }

    fn only(text: &str) -> Scope {
        Scope::Touched([name(text)].into())
    }

    const fn secs(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    #[test]
    fn what_fails_is_looked_at_a_few_times_at_growing_distances() {
        let (mut retries, a) = (Retries::default(), name("a"));
        let mut looks = Vec::new();
        let mut now = secs(100);
        retries.looked(&Scope::All, [&a].into(), now);
        while let Some(due) = retries.due() {
            looks.push((due - now).as_secs());
            assert!(retries.take(due - secs(1)).is_empty());
            now = due;
            assert_eq!(retries.take(now), [name("a")]);
            retries.looked(&only("a"), [&a].into(), now);
        }
        assert_eq!(looks, [1, 4, 16, 64]);
    }

    #[test]
    fn what_went_well_begins_anew_and_what_was_not_looked_at_waits_on() {
        let (mut retries, a, b) = (Retries::default(), name("a"), name("b"));
        retries.looked(&Scope::All, [&a, &b].into(), secs(0));
        assert_eq!(retries.take(secs(1)), [a.clone(), b.clone()]);
        retries.looked(&Scope::All, [&a, &b].into(), secs(1));
        retries.looked(&only("a"), [].into(), secs(2));
        assert_eq!(retries.due(), Some(secs(5)));
        retries.looked(&only("a"), [&a].into(), secs(3));
        assert_eq!(retries.due(), Some(secs(4)));
        assert_eq!(retries.take(secs(5)), [a, b]);
    }

    #[test]
    fn passes_in_between_do_not_put_it_off() {
        let (mut retries, a) = (Retries::default(), name("a"));
        for now in 0..3 {
            retries.looked(&only("a"), [&a].into(), Duration::from_millis(now));
        }
        assert_eq!(retries.due(), Some(secs(1)));
    }
}
