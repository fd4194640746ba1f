//! The names of events.

use std::fmt;

use crate::sync::{Happened, Occasion};

/// What a handler can be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// `message.new`.
    MessageNew,
    /// `message.flags`.
    MessageFlags,
    /// `message.moved`.
    MessageMoved,
    /// `message.deleted`.
    MessageDeleted,
    /// `mailbox.synced`.
    MailboxSynced,
    /// `account.synced`.
    AccountSynced,
    /// `account.state`.
    AccountState,
    /// `notification`.
    Notification,
    /// `hold`.
    Hold,
    /// `error`.
    Error,
    /// `timer`: what `mailferry.every` runs. Scripts cannot listen to it by name.
    Timer,
}

impl Event {
    /// All that scripts can listen to.
    pub const ALL: [Self; 10] = [
        Self::MessageNew,
        Self::MessageFlags,
        Self::MessageMoved,
        Self::MessageDeleted,
        Self::MailboxSynced,
        Self::AccountSynced,
        Self::AccountState,
        Self::Notification,
        Self::Hold,
        Self::Error,
    ];

    /// As scripts write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MessageNew => "message.new",
            Self::MessageFlags => "message.flags",
            Self::MessageMoved => "message.moved",
            Self::MessageDeleted => "message.deleted",
            Self::MailboxSynced => "mailbox.synced",
            Self::AccountSynced => "account.synced",
            Self::AccountState => "account.state",
            Self::Notification => "notification",
            Self::Hold => "hold",
            Self::Error => "error",
            Self::Timer => "timer",
        }
    }

    /// Reads what scripts write.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    /// The event that an occasion is.
    #[must_use]
    pub fn of(occasion: &Occasion) -> Self {
        match occasion {
            Occasion::Message { what, .. } => match what {
                Happened::New => Self::MessageNew,
                Happened::Flags { .. } => Self::MessageFlags,
                Happened::Moved { .. } => Self::MessageMoved,
                Happened::Deleted => Self::MessageDeleted,
            },
            Occasion::MailboxSynced { .. } => Self::MailboxSynced,
            Occasion::AccountSynced { .. } => Self::AccountSynced,
            Occasion::AccountState { .. } => Self::AccountState,
            Occasion::Hold { .. } => Self::Hold,
            Occasion::Error { .. } => Self::Error,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
