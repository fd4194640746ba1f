//! Whether logins to a server were bound to their TLS connections: then weaker ones are not made there any more.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Remembers it in a file, beside the account's state, and as long as the process lives. The default has no file. Clones
/// remember together.
#[derive(Clone, Default)]
pub struct Bound {
    file: Option<PathBuf>,
    seen: Arc<AtomicBool>,
}

impl Bound {
    /// Remembers in a file, which need not exist.
    #[must_use]
    pub fn in_file(file: PathBuf) -> Self {
        Self {
            file: Some(file),
            seen: Arc::default(),
        }
    }

    /// Whether a login of this user there was bound.
    #[must_use]
    pub fn was(&self, server: &str, user: &str) -> bool {
        let kept = || {
            let text = self.file.as_ref().map(fs::read_to_string);
            text.and_then(Result::ok)
                .is_some_and(|text| text == line(server, user))
        };
        self.seen.load(Ordering::Relaxed) || kept()
    }

    /// A login of this user there was bound.
    ///
    /// # Errors
    /// The file could not be written; a later process will not know.
    pub fn keep(&self, server: &str, user: &str) -> io::Result<()> {
        let known = self.was(server, user);
        self.seen.store(true, Ordering::Relaxed);
        let Some(file) = self.file.as_ref().filter(|_| !known) else {
            return Ok(());
        };
        let fresh = file.with_extension("bound.new");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut opened = match options.open(&fresh) {
            // There is no state yet; the first pass comes here again.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        opened.write_all(line(server, user).as_bytes())?;
        opened.sync_all()?;
        fs::rename(&fresh, file)
    }
}

fn line(server: &str, user: &str) -> String {
    format!("{} {}\n", server.escape_default(), user.escape_default())
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bound({})", self.seen.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_known_to_clones_to_later_processes_and_of_this_server_alone() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("work.bound");
        let bound = Bound::in_file(file.clone());
        assert!(!bound.was("a:993", "u"));
        bound.keep("a:993", "u").unwrap();
        bound.keep("a:993", "u").unwrap();
        assert!(bound.clone().was("a:993", "u"));
        let later = Bound::in_file(file.clone());
        assert!(later.was("a:993", "u"));
        assert!(!later.was("b:993", "u") && !later.was("a:993", "v"));
        assert!(!Bound::default().was("a:993", "u"));
        fs::remove_file(file).unwrap();
        assert!(bound.was("a:993", "u"));
        let nowhere = Bound::in_file(place.path().join("no/such/place"));
        nowhere.keep("a:993", "u").unwrap();
        assert!(nowhere.was("a:993", "u"));
    }
}
