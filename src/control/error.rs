//! What can go wrong between the command line and the daemon.

use std::io;
use std::path::PathBuf;

/// Why the daemon cannot be served or reached.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Another daemon has the socket.
    #[error("a daemon runs already; it listens on {}", .0.display())]
    Live(PathBuf),
    /// A file or directory of ours cannot be made or used.
    #[error("cannot use {}: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something of another user is where the socket should be.
    #[error("{} belongs to another user", .0.display())]
    Foreign(PathBuf),
    /// Somebody listens and does not answer.
    #[error("the daemon on {} does not answer", .0.display())]
    Silent(PathBuf),
    /// The connection broke before the answer came.
    #[error("the daemon went away before it answered")]
    Gone,
    /// What came is not what was agreed on.
    #[error("the daemon and this program do not understand each other: {0}")]
    Bus(#[from] zbus::Error),
}

impl ControlError {
    pub(super) fn file(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::File {
            path: path.into(),
            source,
        }
    }
}
