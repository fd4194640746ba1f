//! Stored mail, as `mailferry.search` sees it.

use std::collections::BTreeMap;

use crate::mail::MailboxName;
use crate::sync::Subject;

/// Why stored mail cannot be listed; for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ShelfError(pub String);

/// Lists the stored mail of one account. Called on a hook's thread, where it may block.
pub trait Shelf: Send {
    /// All mailboxes.
    ///
    /// # Errors
    /// When they cannot be listed.
    fn mailboxes(&self) -> Result<Vec<MailboxName>, ShelfError>;

    /// The messages of a mailbox that have a file; none if there is no such mailbox.
    ///
    /// # Errors
    /// When they cannot be listed.
    fn messages(&self, mailbox: &MailboxName) -> Result<Vec<Subject>, ShelfError>;
}

/// Messages that somebody has listed already.
#[derive(Clone, Debug, Default)]
pub struct Shelved(BTreeMap<MailboxName, Vec<Subject>>);

impl Shelved {
    /// Sorts messages by their mailboxes.
    #[must_use]
    pub fn new(messages: impl IntoIterator<Item = Subject>) -> Self {
        let mut all: BTreeMap<MailboxName, Vec<Subject>> = BTreeMap::new();
        for subject in messages {
            all.entry(subject.mailbox.clone())
                .or_default()
                .push(subject);
        }
        Self(all)
    }
}

impl Shelf for Shelved {
    fn mailboxes(&self) -> Result<Vec<MailboxName>, ShelfError> {
        Ok(self.0.keys().cloned().collect())
    }

    fn messages(&self, mailbox: &MailboxName) -> Result<Vec<Subject>, ShelfError> {
        Ok(self.0.get(mailbox).cloned().unwrap_or_default())
    }
}
