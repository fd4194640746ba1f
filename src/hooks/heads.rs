//! Headers that were read for one hook are there for the others.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crate::letter::{self, Letter};
use crate::sync::Subject;

/// So many octets of headers are kept for the messages of one batch. Of further ones each hook reads its own.
const MOST: usize = 8 << 20;

/// A message with its header, once somebody has asked for it; all hooks that are told of it share one.
#[derive(Debug)]
pub(super) struct Post {
    pub subject: Arc<Subject>,
    head: OnceLock<Head>,
    kept: Arc<Kept>,
}

/// How much is kept of a batch.
#[derive(Debug, Default)]
pub(super) struct Kept(AtomicUsize);

/// A header.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    pub letter: Arc<Letter>,
    /// About the octets that it takes.
    pub weight: usize,
}

impl Head {
    fn of(letter: Letter) -> Self {
        Self {
            // Its fields are places in the text.
            weight: letter.octets() * 2,
            letter: Arc::new(letter),
        }
    }
}

impl Post {
    /// A message of a batch of which so much is kept.
    pub fn new(subject: Arc<Subject>, kept: &Arc<Kept>) -> Arc<Self> {
        Arc::new(Self {
            subject,
            head: OnceLock::new(),
            kept: Arc::clone(kept),
        })
    }

    /// A message by itself.
    pub fn alone(subject: Subject) -> Arc<Self> {
        Self::new(Arc::new(subject), &Arc::default())
    }

    /// Its header; empty if its file is gone or cannot be read.
    pub fn head(&self) -> Head {
        if let Some(known) = self.head.get() {
            return known.clone();
        }
        let head = match &self.subject.header {
            Some(raw) => Head::of(Letter::parse(raw.octets())),
            None => self
                .subject
                .path
                .as_deref()
                .map(head_of)
                .unwrap_or_default(),
        };
        let before = self.kept.0.fetch_add(head.weight, Ordering::Relaxed);
        if before.saturating_add(head.weight) > MOST {
            self.kept.0.fetch_sub(head.weight, Ordering::Relaxed);
            return head;
        }
        self.head.get_or_init(|| head).clone()
    }
}

/// The header in a file; empty if the file is gone or cannot be read.
pub(super) fn head_of(path: &Path) -> Head {
    Head::of(letter::head(path).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{Flags, MailboxName};
    use crate::sync::RowId;

    fn post(path: &Path, kept: &Arc<Kept>) -> Arc<Post> {
        let subject = Subject {
            row: RowId(1),
            mailbox: MailboxName::inbox(),
            local: None,
            path: Some(path.to_owned()),
            uid: None,
            size: 0,
            flags: Flags::new(),
            date: 0,
            header: None,
        };
        Post::new(Arc::new(subject), kept)
    }

    #[test]
    fn a_header_is_read_once_until_there_are_very_many() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m");
        let subject = |post: &Post| post.head().letter.subject();
        std::fs::write(&path, "Subject: one\n\n").unwrap();
        let kept = Arc::default();
        let first = post(&path, &kept);
        assert_eq!(subject(&first), "one");
        std::fs::write(&path, "Subject: two\n\n").unwrap();
        assert_eq!(subject(&first), "one");
        let more = format!("X-Long: {}\n", "word ".repeat(200)).repeat(100);
        std::fs::write(&path, format!("Subject: three\n{more}\n")).unwrap();
        let many: Vec<_> = (0..60).map(|_| post(&path, &kept)).collect();
        assert!(many.iter().all(|post| subject(post) == "three"));
        std::fs::remove_file(&path).unwrap();
        let known = many.iter().filter(|post| subject(post) == "three").count();
        assert!((30..=45).contains(&known), "{known}");
        assert_eq!(subject(&first), "one");
    }
}
