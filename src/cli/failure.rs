//! Why a verb could not be carried out at all.

use super::Outcome;
use crate::config::ConfigError;
use crate::control::ControlError;
use crate::desktop::DesktopError;
use crate::engine::Fault;

/// Why a verb could not be carried out at all. What went wrong with one account is part of its report instead.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An argument names something that is not there.
    #[error("{0}")]
    Usage(String),
    /// Something that this version does not have.
    #[error("not in this version yet: {0}")]
    NotYet(&'static str),
    /// A script failed; file and line are in the text.
    #[error("{0}")]
    Hook(String),
    /// Only a running daemon can do it.
    #[error("no daemon runs for this configuration; `mailferry run` starts one")]
    NoDaemon,
    /// The daemon cannot be spoken to.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// Nothing can be shown on the desktop.
    #[error(transparent)]
    Desktop(#[from] DesktopError),
    /// The daemon could not do it.
    #[error("{0}")]
    Refused(String),
    /// The daemon answered something else.
    #[error("the daemon's answer cannot be read: {0}")]
    Answer(#[source] serde_json::Error),
    /// The engine gave up.
    #[error("{0}")]
    Fault(#[from] Fault),
    /// Standard output cannot be written.
    #[error("cannot write to standard output: {0}")]
    Output(#[from] std::io::Error),
    /// A report cannot be written as JSON.
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The asynchronous runtime does not start.
    #[error("cannot start: {0}")]
    Runtime(std::io::Error),
}

impl Failure {
    /// The exit code it leads to.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Config(_) | Self::Usage(_) => Outcome::Usage,
            _ => Outcome::Failed,
        }
    }
}
