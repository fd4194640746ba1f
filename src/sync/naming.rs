//! How the mailboxes of the personal namespace (RFC 2342) are called here.

use std::collections::BTreeSet;

use crate::mail::MailboxName;

/// How the mailboxes of the account's owner are called here. Once it matters it is decided, and stays like that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// Without the prefix that the server puts before them.
    Short,
    /// As on the server, with the prefix.
    Full,
}

/// Decides how mailboxes are called, where the server has a prefix for them. `full` are their names with the prefix,
/// `known` those that the state or the Maildir has already.
///
/// Names that are in use stay: a state of a version that knew of no namespaces, or a Maildir that was filled by a
/// program that does not, has the full ones. Other names for the same mail would look like other mail.
#[must_use]
pub fn naming<'a>(
    full: &BTreeSet<&MailboxName>,
    mut known: impl Iterator<Item = &'a MailboxName>,
) -> Naming {
    if known.any(|name| full.contains(name)) {
        Naming::Full
    } else {
        Naming::Short
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_in_use_stay() {
        let name = |text: &str| MailboxName::parse(text).unwrap();
        let (sent, old) = (name("INBOX/Sent"), name("INBOX/Old"));
        let full = BTreeSet::from([&sent]);
        let decide = |known: &[&MailboxName]| naming(&full, known.iter().copied());
        assert_eq!(decide(&[]), Naming::Short);
        assert_eq!(decide(&[&MailboxName::inbox(), &old]), Naming::Short);
        assert_eq!(decide(&[&MailboxName::inbox(), &sent]), Naming::Full);
    }
}
