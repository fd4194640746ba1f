//! Hints that were heard and not yet asked for.

use std::collections::BTreeSet;

use crate::engine::ports::Hint;

/// How many different ones are kept apart; beyond that all is to be looked at.
const LIMIT: usize = 1024;

/// A bounded set of hints.
#[derive(Debug, Default)]
pub(super) struct Hints(BTreeSet<Hint>);

impl Hints {
    /// Adds one. [`Hint::Everything`] stands for all others.
    pub fn add(&mut self, hint: Hint) {
        if self.0.contains(&Hint::Everything) {
            return;
        }
        if hint == Hint::Everything {
            self.0.clear();
        }
        self.0.insert(hint);
        if self.0.len() > LIMIT {
            self.add(Hint::Everything);
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes over those of another.
    pub fn absorb(&mut self, other: &mut Self) {
        for hint in std::mem::take(&mut other.0) {
            self.add(hint);
        }
    }

    /// All of them, in order.
    pub fn into_vec(self) -> Vec<Hint> {
        self.0.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::MailboxName;

    fn mailbox(number: usize) -> Hint {
        Hint::Mailbox(MailboxName::parse(&format!("box {number}")).unwrap())
    }

    #[test]
    fn the_same_is_kept_once_and_everything_stands_for_all() {
        let mut hints = Hints::default();
        hints.add(mailbox(1));
        hints.add(Hint::Mailboxes);
        hints.add(mailbox(1));
        assert_eq!(hints.0.len(), 2);
        hints.add(Hint::Everything);
        hints.add(mailbox(2));
        assert_eq!(hints.into_vec(), [Hint::Everything]);
    }

    #[test]
    fn there_are_never_more_than_the_limit() {
        let mut hints = Hints::default();
        (0..LIMIT).for_each(|number| hints.add(mailbox(number)));
        assert_eq!(hints.0.len(), LIMIT);
        let mut more = Hints::default();
        more.add(mailbox(LIMIT));
        hints.absorb(&mut more);
        assert!(more.is_empty());
        assert_eq!(hints.into_vec(), [Hint::Everything]);
    }
}
