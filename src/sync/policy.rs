//! What the user allows: directions, the way of deleting, the mass-deletion guard.

/// What goes from the server to the Maildir.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pull {
    /// New messages.
    pub new: bool,
    /// Flags and keywords.
    pub flags: bool,
    /// Deletions.
    pub deletions: bool,
    /// New, renamed and deleted mailboxes.
    pub mailboxes: bool,
}

/// What goes from the Maildir to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Push {
    /// New messages.
    pub new: bool,
    /// Flags and keywords.
    pub flags: bool,
    /// Deletions.
    pub deletions: bool,
    /// Moves between folders; when off, a move is a new message and a deletion.
    pub moves: bool,
    /// New and renamed folders.
    pub mailboxes: bool,
}

/// What a deletion does on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletions {
    /// To the trash on the server, to `.mailferry-trash` in the Maildir.
    Trash,
    /// Expunged on the server, still to `.mailferry-trash` in the Maildir.
    Expunge,
    /// Nothing is deleted on the other side.
    Never,
}

/// When a flood of deletions is held: at least `messages` and at least `percent` of the mailbox within ten minutes,
/// or a mailbox of five or more down to none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    /// Number of messages.
    pub messages: u32,
    /// Share of the mailbox in percent.
    pub percent: u8,
}

/// Everything the planner has to know of the user's wishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Server to Maildir.
    pub pull: Pull,
    /// Maildir to server.
    pub push: Push,
    /// The way of deleting.
    pub deletions: Deletions,
    /// The mass-deletion guard.
    pub guard: Guard,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            pull: Pull {
                new: true,
                flags: true,
                deletions: true,
                mailboxes: true,
            },
            push: Push {
                new: true,
                flags: true,
                deletions: true,
                moves: true,
                mailboxes: true,
            },
            deletions: Deletions::Trash,
            guard: Guard {
                messages: 20,
                percent: 25,
            },
        }
    }
}
