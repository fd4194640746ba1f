//! What comes back from a hook: what it wants, what it says, and what went wrong.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::event::Event;
use super::notification::{Notification, Urgency};
use super::spec::Capability;
use crate::sync::Wanted;

/// Why a hook cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file is larger than any script.
    #[error("{}: larger than 1 MiB", .0.display())]
    TooLarge(PathBuf),
    /// No plugin of that name is shipped.
    #[error("no plugin `{0}` is shipped")]
    NoSuchPlugin(String),
    /// No thread for it.
    #[error("no thread for a hook: {0}")]
    Thread(std::io::Error),
    /// The script fails while it is loaded; file and line are in the text.
    #[error("{0}")]
    Script(Failure),
}

/// One failure of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// In which handler; `None` while loading.
    pub event: Option<Event>,
    /// What kind of failure it is.
    pub why: Why,
    /// File, line and message; control characters are escaped.
    pub text: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match self.event {
            Some(event) => write!(f, " (in {event})"),
            None => Ok(()),
        }
    }
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// An error in the script.
    Script,
    /// It took too long.
    Deadline,
    /// It used too much memory.
    Memory,
    /// It did not come back, and its thread was abandoned.
    Stuck,
}

/// What a script wants after a batch of events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// What is to be done to mail; may be carried out in this order.
    pub wanted: Vec<Wanted>,
    /// Notifications of its own.
    pub notices: Vec<Notice>,
    /// Lines for the log, with control characters escaped.
    pub log: Vec<String>,
    /// Programs that were run, or with [`dry`](super::Spec::dry) would have been.
    pub programs: Vec<Vec<String>>,
    /// How many of them were killed because they took too long.
    pub killed: usize,
    /// What went wrong; acts of a handler that failed are left out.
    pub failures: Vec<Failure>,
}

impl Reply {
    /// Takes what another hook, or another handler, wants as well.
    pub fn append(&mut self, mut other: Self) {
        self.wanted.append(&mut other.wanted);
        self.notices.append(&mut other.notices);
        self.log.append(&mut other.log);
        self.programs.append(&mut other.programs);
        self.killed += other.killed;
        self.failures.append(&mut other.failures);
    }
}

/// A notification that a script wants shown: `mailferry.notify{}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The headline.
    pub title: String,
    /// The text below; may be empty. Plain text, no markup.
    pub body: String,
    /// How much it matters.
    pub urgency: Urgency,
    /// A text that an action copies, such as a one-time code.
    pub copy: Option<String>,
}

/// What a script said about itself while it was loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The events it listens to, with the number of handlers.
    pub handlers: Vec<(Event, usize)>,
    /// Its timers.
    pub timers: Vec<Duration>,
    /// What it says it needs (`mailferry.needs`) or is seen to use.
    pub needs: Vec<Capability>,
    /// Lines for the log.
    pub log: Vec<String>,
}

/// What a worker sends back.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// What is wanted.
    pub reply: Reply,
    /// How long until the next timer; `None` if there is none.
    pub next_timer: Option<Duration>,
    /// How many handlers were called.
    pub calls: usize,
    /// How many of the last calls failed in a row; `None` if none was made.
    pub failing: Option<usize>,
    /// For a notification: what is to be shown, if anything.
    pub notification: Option<Notification>,
}
