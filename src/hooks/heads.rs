//! Headers that were read for one hook are there for the others.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::letter::{self, Letter};
use crate::sync::Subject;

/// Of one that is longer, each hook reads its own.
const LONGEST: usize = 128 * 1024;

/// A message with its header, once somebody has asked for it; all hooks that are told of it share one.
#[derive(Debug)]
pub(super) struct Post {
    pub subject: Subject,
    head: OnceLock<Head>,
}

/// A header.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    pub letter: Arc<Letter>,
    /// About the octets that it takes.
    pub weight: usize,
}

impl Post {
    pub fn new(subject: Subject) -> Arc<Self> {
        let head = OnceLock::new();
        Arc::new(Self { subject, head })
    }

    /// Its header; empty if its file is gone or cannot be read.
    pub fn head(&self) -> Head {
        if let Some(known) = self.head.get() {
            return known.clone();
        }
        let path = self.subject.path.as_deref();
        let head = path.map(head_of).unwrap_or_default();
        if head.weight > LONGEST {
            return head;
        }
        self.head.get_or_init(|| head).clone()
    }
}

/// The header in a file; empty if the file is gone or cannot be read.
pub(super) fn head_of(path: &Path) -> Head {
    let letter = letter::head(path).unwrap_or_default();
    Head {
        // Its fields are places in the text.
        weight: letter.octets() * 2,
        letter: Arc::new(letter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{Flags, MailboxName};
    use crate::sync::RowId;

    fn post(path: &Path) -> Arc<Post> {
        Post::new(Subject {
            row: RowId(1),
            mailbox: MailboxName::inbox(),
            local: None,
            path: Some(path.to_owned()),
            uid: None,
            size: 0,
            flags: Flags::new(),
            date: 0,
        })
    }

    #[test]
    fn a_header_is_read_once_unless_it_is_very_long() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m");
        let subject = |post: &Post| post.head().letter.subject();
        std::fs::write(&path, "Subject: one\n\n").unwrap();
        let first = post(&path);
        assert_eq!(subject(&first), "one");
        std::fs::write(&path, "Subject: two\n\n").unwrap();
        assert_eq!(subject(&first), "one");
        let long = post(&path);
        let more = format!("X-Long: {}\n", "word ".repeat(200)).repeat(100);
        std::fs::write(&path, format!("Subject: three\n{more}\n")).unwrap();
        assert_eq!(subject(&long), "three");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(subject(&long), "");
    }
}
