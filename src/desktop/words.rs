//! What the desktop is told, what it is to do with it, and what it asks for in return.

use std::fmt;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::mail::{Flag, LocalId, MailboxName};
use crate::sync::{Happened, NewsId, Occasion, RowId, Side, Subject, Wanted};

/// What the user of an account wants to be shown, and how.
#[derive(Clone, Debug)]
pub struct Rules {
    /// New mail in which mailboxes is announced.
    pub mailboxes: Chosen,
    /// How much of it is shown.
    pub privacy: Privacy,
    /// From so many messages on there is one summary instead of a bubble each; at least 1.
    pub burst: usize,
    /// When there are no bubbles.
    pub quiet: Option<Quiet>,
    /// What can be done from a bubble, in this order.
    pub buttons: Vec<Button>,
    /// Program and arguments that open a message; empty: the desktop's mail program.
    pub open: Vec<String>,
    /// Where [`Button::Archive`] moves a message.
    pub archive: MailboxName,
    /// Whether the account keeps keywords: what is muted is marked so.
    pub keywords: bool,
    /// Whether new mail may be heard.
    pub sound: bool,
}

impl Rules {
    /// Whether a new message may be shown at all, as far as that can be said without reading it: whoever tells of it need
    /// not look into the others.
    #[must_use]
    pub fn may_show(&self, side: Side, subject: &Subject) -> bool {
        let known = [Flag::Seen, Flag::Deleted, Flag::Draft];
        side == Side::Remote
            && subject.local.is_some()
            && !known.iter().any(|flag| subject.flags.has(*flag))
            && self.mailboxes.has(&subject.mailbox)
    }
}

/// Whether new mail in a mailbox is announced.
#[derive(Clone)]
pub struct Chosen(Arc<dyn Fn(&MailboxName) -> bool + Send + Sync>);

impl Chosen {
    /// Mailboxes for which this holds.
    pub fn new(holds: impl Fn(&MailboxName) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(holds))
    }

    /// Whether this is one.
    #[must_use]
    pub fn has(&self, mailbox: &MailboxName) -> bool {
        (self.0)(mailbox)
    }
}

impl fmt::Debug for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chosen")
    }
}

/// How much of a message a bubble shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privacy {
    /// Sender, subject and the beginning of the text.
    Full,
    /// The sender.
    Sender,
    /// How many there are.
    Count,
}

/// A span of local time every day, in minutes after midnight; `from` may be later than `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quiet {
    /// The first quiet minute.
    pub from: u16,
    /// The first minute that is not quiet any more.
    pub to: u16,
}

impl Quiet {
    /// How many minutes it stays quiet from this minute of the day on; `None` if it is not quiet.
    #[must_use]
    pub fn left(self, minute: u16) -> Option<u16> {
        const DAY: u16 = 24 * 60;
        let length = (self.to + DAY - self.from) % DAY;
        let passed = (minute % DAY + DAY - self.from) % DAY;
        (passed < length).then(|| length - passed)
    }
}

/// What can be done to a message from its bubble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Button {
    /// Shows it in a mail program.
    Open,
    /// Sets `\Seen`.
    Read,
    /// Moves it.
    Archive,
    /// Moves it to the trash.
    Delete,
    /// No bubbles any more for what belongs to its thread.
    Mute,
}

/// How much a bubble matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// It may be overlooked.
    Low,
    /// As most.
    #[default]
    Normal,
    /// It stays until it is dismissed.
    Critical,
}

/// A new message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Its number in the outbox.
    pub id: NewsId,
    /// Where it is from: what the Maildir got from elsewhere is no news to who sits before it.
    pub side: Side,
    /// The message as it is now, after hooks.
    pub subject: Subject,
    /// What is written on it.
    pub letter: Letter,
    /// What hooks said.
    pub wish: Wish,
}

/// What is written on a message, in Unicode, as its sender wrote it: nothing of it need be trusted or tidy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Letter {
    /// The sender's name.
    pub name: String,
    /// The sender's address.
    pub address: String,
    /// The subject.
    pub subject: String,
    /// The beginning of its text.
    pub text: String,
    /// Its Message-ID without angle brackets.
    pub message_id: Option<String>,
    /// The Message-IDs in References and In-Reply-To, the first one being the thread's.
    pub references: Vec<String>,
}

/// What hooks said about showing a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Not to be shown: a hook said so, or has filed the message elsewhere.
    pub silent: bool,
    /// How much it matters, if a hook said so.
    pub urgency: Option<Urgency>,
    /// A text that a button copies, such as a one-time code.
    pub copy: Option<String>,
}

/// A message of which nothing need be shown any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// The mailbox it was shown as being in.
    pub mailbox: MailboxName,
    /// What the state knew it by.
    pub row: RowId,
    /// The base name of its file, if it has one: it may have another row by now.
    pub local: Option<LocalId>,
}

impl Gone {
    /// What an event withdraws: what was read, moved or deleted, wherever that was done.
    #[must_use]
    pub fn of(occasion: &Occasion) -> Option<Self> {
        let Occasion::Message { what, subject, .. } = occasion else {
            return None;
        };
        let mailbox = match what {
            Happened::New => return None,
            Happened::Flags { added, .. } => {
                let read = [Flag::Seen, Flag::Deleted]
                    .iter()
                    .any(|flag| added.has(*flag));
                read.then(|| subject.mailbox.clone())?
            }
            Happened::Moved { from } => from.clone(),
            Happened::Deleted => subject.mailbox.clone(),
        };
        Some(Self {
            mailbox,
            row: subject.row,
            local: subject.local.clone(),
        })
    }
}

/// Something the user should know that is no message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The server takes the password, or what stands for it, no more.
    SignIn {
        /// What the server said, for people.
        reason: String,
    },
    /// Deletions are held.
    Hold {
        /// As `holds` prints it.
        id: String,
        /// The mailbox.
        mailbox: MailboxName,
        /// How many messages.
        count: u64,
        /// For people.
        reason: String,
    },
    /// A plugin failed too often and is left alone.
    SetAside {
        /// Its file.
        plugin: String,
        /// How it failed.
        error: String,
    },
    /// What a hook says.
    Said {
        /// The headline.
        title: String,
        /// The rest.
        body: String,
        /// How much it matters.
        urgency: Urgency,
        /// A text that a button copies.
        copy: Option<String>,
    },
}

impl Notice {
    /// What is over when this does not hold any more.
    #[must_use]
    pub fn topic(&self) -> Option<Topic> {
        match self {
            Self::SignIn { .. } => Some(Topic::SignIn),
            Self::Hold { id, .. } => Some(Topic::Hold(id.clone())),
            Self::SetAside { plugin, .. } => Some(Topic::SetAside(plugin.clone())),
            Self::Said { .. } => None,
        }
    }
}

/// What a notice is about; of each there is one bubble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topic {
    /// [`Notice::SignIn`].
    SignIn,
    /// [`Notice::Hold`] with this id.
    Hold(String),
    /// [`Notice::SetAside`] of this plugin.
    SetAside(String),
}

/// How a request went; `Err` is shown to the user.
pub type Done = oneshot::Sender<Result<(), String>>;

/// What the user asked for from a bubble. Dropped without an answer, it has failed.
#[derive(Debug)]
pub enum Request {
    /// To be done to messages, as if in the Maildir.
    Act {
        /// The account.
        account: String,
        /// For exactly the messages that were shown.
        wanted: Vec<Wanted>,
        /// Takes the answer.
        done: Done,
    },
    /// Let held deletions go on.
    Approve {
        /// The account.
        account: String,
        /// As in the notice.
        id: String,
        /// Takes the answer.
        done: Done,
    },
    /// Bring the messages of held deletions back.
    Restore {
        /// The account.
        account: String,
        /// As in the notice.
        id: String,
        /// Takes the answer.
        done: Done,
    },
    /// Try to log in again.
    SignIn {
        /// The account.
        account: String,
        /// Takes the answer.
        done: Done,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_hours_begin_and_end_on_the_minute_and_pass_midnight() {
        let night = Quiet {
            from: 1320,
            to: 420,
        };
        for (minute, left) in [
            (1319, None),
            (1320, Some(540)),
            (0, Some(420)),
            (419, Some(1)),
            (420, None),
        ] {
            assert_eq!(night.left(minute), left, "{minute}");
        }
        let noon = Quiet { from: 720, to: 780 };
        for (minute, left) in [
            (719, None),
            (720, Some(60)),
            (779, Some(1)),
            (780, None),
            (0, None),
        ] {
            assert_eq!(noon.left(minute), left, "{minute}");
        }
    }
}
