//! Where the mailboxes of the account's owner are on the server (RFC 2342): behind a prefix, perhaps.
//!
//! Some servers keep all mailboxes below INBOX (Courier, Cyrus and Dovecot where they are set up like that), others below
//! a directory of the user's. Names here are without that prefix.

use crate::imap::response::Personal;
use crate::sync::Naming;

const INBOX: &[u8] = b"INBOX";

/// What is known of the personal namespace.
#[derive(Debug, Default)]
pub(super) struct Namespace {
    /// The prefix that NAMESPACE told, with the delimiter at its end; empty if there is none. `None`: not told.
    told: Option<Vec<u8>>,
    /// Without NAMESPACE: all that LIST lists lies below INBOX.
    below_inbox: bool,
    /// How mailboxes are called, if that is decided.
    pub(super) naming: Option<Naming>,
}

impl Namespace {
    pub(super) fn is_told(&self) -> bool {
        self.told.is_some()
    }

    /// Takes over an answer to NAMESPACE. Some servers forget the delimiter at the end of the prefix.
    pub(super) fn told(&mut self, personal: Option<&Personal>) {
        let prefix = personal.and_then(|personal| {
            let delimiter = personal.delimiter?;
            let mut prefix = personal.prefix.clone();
            if !prefix.is_empty() && !prefix.ends_with(&[delimiter]) {
                prefix.push(delimiter);
            }
            Some(prefix)
        });
        self.told = Some(prefix.unwrap_or_default());
    }

    /// Looks whether everything but INBOX lies below it.
    pub(super) fn survey<'a>(
        &mut self,
        listed: impl Iterator<Item = (&'a [u8], Option<u8>)> + Clone,
    ) {
        let mut others = listed.filter(|(wire, _)| !wire.eq_ignore_ascii_case(INBOX));
        let below = |(wire, delimiter): (&[u8], Option<u8>)| {
            delimiter.is_some_and(|delimiter| rest_of(wire, &below_inbox(delimiter)).is_some())
        };
        self.below_inbox = others.clone().next().is_some() && others.all(below);
    }

    /// What stands before the names of mailboxes, the delimiter included; empty if nothing does.
    pub(super) fn prefix(&self, delimiter: Option<u8>) -> Vec<u8> {
        let assumed = self.below_inbox || self.naming == Some(Naming::Short);
        match (&self.told, delimiter) {
            _ if self.naming == Some(Naming::Full) => Vec::new(),
            (Some(told), _) => told.clone(),
            (None, Some(delimiter)) if assumed => below_inbox(delimiter),
            (None, _) => Vec::new(),
        }
    }

    /// A wire form without the prefix; `None` if it is not behind it.
    pub(super) fn strip<'a>(&self, wire: &'a [u8], delimiter: Option<u8>) -> Option<&'a [u8]> {
        let prefix = self.prefix(delimiter);
        if prefix.is_empty() {
            return None;
        }
        rest_of(wire, &prefix)
    }
}

fn below_inbox(delimiter: u8) -> Vec<u8> {
    let mut prefix = INBOX.to_vec();
    prefix.push(delimiter);
    prefix
}

/// What follows the prefix, if anything does. INBOX may be written in any case (RFC 9051 section 5.1).
fn rest_of<'a>(wire: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = wire.split_at_checked(prefix.len())?;
    let any_case = |text: &[u8]| match text.split_at_checked(INBOX.len()) {
        Some((first, more)) if first.eq_ignore_ascii_case(INBOX) => [INBOX, more].concat(),
        _ => text.to_vec(),
    };
    (!rest.is_empty() && any_case(head) == any_case(prefix)).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::super::Names;
    use super::*;
    use crate::imap::error::Error;
    use crate::mail::MailboxName;

    fn told(prefix: &str) -> Names {
        let names = Names::default();
        let personal = Personal {
            prefix: prefix.into(),
            delimiter: Some(b'.'),
        };
        names.learn_namespace(Some(&personal));
        names
    }

    fn learn(names: &Names, wire: &str) -> String {
        let name = names.learn(wire.as_bytes(), Some(b'.'), false).unwrap();
        let back = names.wire(&name, false).unwrap();
        assert_eq!(back, wire.as_bytes(), "{name}");
        assert_eq!(names.recognise(wire.as_bytes(), false).unwrap(), name);
        name.as_str().to_owned()
    }

    #[test]
    fn names_are_without_the_prefix_here_and_with_it_there() {
        for prefix in ["INBOX.", "INBOX", "inbox."] {
            let names = told(prefix);
            for (wire, name) in [
                ("INBOX", "INBOX"),
                ("INBOX.Sent", "Sent"),
                ("INBOX.Work.2026", "Work/2026"),
                ("Inbox.Drafts", "Drafts"),
                ("INBOX.B&AOk-", "Bé"),
                // Not INBOX itself, nor below it.
                ("INBOX.INBOX", "INBOX/INBOX"),
                ("INBOX.inbox.a", "INBOX/inbox/a"),
                // Outside.
                ("shared.team", "shared/team"),
                ("INBOXES", "INBOXES"),
            ] {
                assert_eq!(learn(&names, wire), name);
            }
            let new = MailboxName::parse("New/Sub").unwrap();
            let wire = names.wire(&new, false).unwrap().to_ascii_uppercase();
            assert_eq!(wire, b"INBOX.NEW.SUB");
        }
        assert_eq!(learn(&told("Mail."), "Mail.Sent"), "Sent");
        assert_eq!(learn(&told("~/mail/."), "~/mail/.Sent"), "Sent");
        assert_eq!(learn(&told("Mail."), "mail.Sent"), "mail/Sent");
        assert_eq!(learn(&told("Mail."), "INBOX.Sent"), "INBOX/Sent");
        assert_eq!(learn(&told(""), "INBOX.Sent"), "INBOX/Sent");
        assert_eq!(learn(&Names::default(), "INBOX.Sent"), "INBOX/Sent");
    }

    #[test]
    fn inbox_with_a_delimiter_behind_it_is_inbox() {
        let names = told("INBOX.");
        let name = names.learn(b"INBOX.", Some(b'.'), false).unwrap();
        assert!(name.is_inbox());
        assert_eq!(names.full(b"INBOX.", Some(b'.'), false), None);
        let full = names.full(b"INBOX.Sent", Some(b'.'), false).unwrap();
        assert_eq!(full.as_str(), "INBOX/Sent");
    }

    #[test]
    fn nothing_is_made_below_inbox_where_everything_is() {
        let names = told("INBOX.");
        let name = MailboxName::parse("INBOX/Sub").unwrap();
        assert!(matches!(
            names.wire(&name, false),
            Err(Error::BelowInbox(_))
        ));
        names.set_naming(Some(Naming::Full));
        assert_eq!(names.wire(&name, false).unwrap(), b"INBOX.Sub");
        assert_eq!(learn(&names, "INBOX.Sub"), "INBOX/Sub");
    }

    #[test]
    fn a_server_without_namespace_shows_its_prefix_in_its_list() {
        let survey = |names: &Names, listed: &[&'static str]| {
            names.survey(listed.iter().map(|wire| (wire.as_bytes(), Some(b'.'))));
        };
        let names = Names::default();
        survey(&names, &["INBOX"]);
        assert_eq!(learn(&names, "INBOX.Sent"), "INBOX/Sent");
        survey(&names, &["inbox", "INBOX.Sent", "INBOX.Work.2026"]);
        assert_eq!(learn(&names, "INBOX.Sent"), "Sent");
        survey(&names, &["INBOX", "INBOX.Sent", "Work"]);
        assert_eq!(learn(&names, "INBOX.Sent"), "INBOX/Sent");
        // Once it is decided a mailbox beside INBOX changes nothing.
        names.set_naming(Some(Naming::Short));
        survey(&names, &["INBOX", "INBOX.Sent", "Work"]);
        assert_eq!(learn(&names, "INBOX.Sent"), "Sent");
        assert_eq!(learn(&names, "Work"), "Work");
        // What NAMESPACE says counts for more.
        names.learn_namespace(None);
        assert_eq!(learn(&names, "INBOX.Sent"), "INBOX/Sent");
    }
}
