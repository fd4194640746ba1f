//! Whether bubbles can be shown, for `status`.

use std::fmt;

/// Whether bubbles can be shown. What it displays as is for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nothing had to be shown so far, so nobody was asked.
    #[default]
    Idle,
    /// They are shown.
    Ready {
        /// The server's name and version.
        server: String,
    },
    /// The server lets nothing through: do not disturb. What comes is shown when it is over.
    Inhibited {
        /// The server's name and version.
        server: String,
    },
    /// The server takes its time. What comes is shown when it is back.
    Silent,
    /// They cannot be shown; it is tried again when there is something to show.
    Unavailable {
        /// For people.
        reason: String,
    },
}

impl State {
    /// The word in `status --json`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Ready { .. } => "ready",
            Self::Inhibited { .. } => "inhibited",
            Self::Silent => "silent",
            Self::Unavailable { .. } => "unavailable",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Idle => f.write_str("nothing to show so far"),
            Self::Ready { server } => write!(f, "shown by {server}"),
            Self::Inhibited { server } => write!(f, "held back: {server} is told not to disturb"),
            Self::Silent => f.write_str("the notification server does not answer"),
            Self::Unavailable { reason } => f.write_str(reason),
        }
    }
}
