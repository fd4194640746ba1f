//! A notification on its way to the desktop, which hooks may change or silence.

use crate::mail::MailboxName;
use crate::sync::Subject;

/// A notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The mailbox it is about; `None` for a summary of several.
    pub mailbox: Option<MailboxName>,
    /// The headline.
    pub title: String,
    /// The text below. Plain text, no markup.
    pub body: String,
    /// How much it matters.
    pub urgency: Urgency,
    /// A text that an action copies, such as a one-time code.
    pub copy: Option<String>,
    /// The messages it announces.
    pub messages: Vec<Subject>,
}

/// How much a notification matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Urgency {
    /// Not much.
    Low,
    /// As always.
    #[default]
    Normal,
    /// Shown until it is dismissed.
    Critical,
}

impl Urgency {
    /// As scripts write it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::Critical => "critical",
        }
    }

    /// Reads what scripts write.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Low, Self::Normal, Self::Critical]
            .into_iter()
            .find(|known| known.word() == word)
    }
}
