//! What a hook that is tried is told: a file as a message that has just arrived.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::Failure;
use crate::cli::backend::desktop::letter_of;
use crate::desktop;
use crate::hooks::{Event, Notification, Urgency};
use crate::letter::{Letter, read_head};
use crate::mail::{Flag, Flags, Keyword, LocalId, MailboxName};
use crate::sync::{Happened, NewsId, Occasion, RowId, Side, Subject};

/// The message as it would be told of, had it just arrived.
pub(super) fn subject(file: &Path, mailbox: MailboxName) -> Result<Subject, Failure> {
    let usage = |error: std::io::Error| Failure::Usage(format!("{}: {error}", file.display()));
    let path: PathBuf = std::path::absolute(file).map_err(usage)?;
    let head = read_head(&path).map_err(usage)?;
    let size = std::fs::metadata(&path).map_err(usage)?.len();
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let colon = name.iter().position(|byte| *byte == b':');
    let (unique, info) = name.split_at(colon.unwrap_or(name.len()));
    Ok(Subject {
        row: RowId(1),
        mailbox,
        local: LocalId::new(unique).or_else(|| LocalId::new(b"message")),
        uid: None,
        size,
        flags: flags(info),
        date: Letter::parse(&head).date().unwrap_or_default(),
        path: Some(path),
        header: None,
    })
}

/// What a file's name says, as in `:2,FS`.
fn flags(info: &[u8]) -> Flags {
    let letters = info.strip_prefix(b":2,").unwrap_or_default();
    let letters = letters.split(|byte| *byte == b',').next();
    let mut flags = Flags::new();
    for letter in letters.unwrap_or_default() {
        match letter {
            b'D' => flags.set(Flag::Draft),
            b'F' => flags.set(Flag::Flagged),
            b'P' => flags.set_keyword(Keyword::forwarded()),
            b'R' => flags.set(Flag::Answered),
            b'S' => flags.set(Flag::Seen),
            b'T' => flags.set(Flag::Deleted),
            _ => {}
        }
    }
    flags
}

/// The notification of it, as the daemon would have it.
pub(super) async fn notification(subject: Subject) -> Notification {
    let letter = match subject.path.clone() {
        Some(path) => letter_of(path).await,
        None => desktop::Letter::default(),
    };
    Notification {
        mailbox: Some(subject.mailbox.clone()),
        title: letter.subject,
        body: letter.text,
        urgency: Urgency::Normal,
        copy: None,
        messages: vec![subject],
    }
}

/// An event about the message.
pub(super) fn occasion(event: Event, subject: &Subject) -> Option<Occasion> {
    let mailbox = subject.mailbox.clone();
    let what = match event {
        Event::MessageNew => Happened::New,
        Event::MessageFlags => Happened::Flags {
            added: Flags::new(),
            removed: Flags::new(),
        },
        Event::MessageMoved => Happened::Moved {
            from: MailboxName::inbox(),
        },
        Event::MessageDeleted => Happened::Deleted,
        Event::MailboxSynced => {
            let changed = subject.path.iter().cloned().collect();
            return Some(Occasion::MailboxSynced {
                mailbox,
                changed,
                new: 1,
                gone: 0,
            });
        }
        Event::AccountSynced => return Some(Occasion::AccountSynced { complete: true }),
        Event::AccountState => {
            return Some(Occasion::AccountState {
                state: "in-sync".to_owned(),
            });
        }
        Event::Hold => {
            let (id, reason) = ("1".to_owned(), "a test".to_owned());
            return Some(Occasion::Hold {
                id,
                mailbox,
                count: 1,
                reason,
            });
        }
        Event::Error => {
            let text = "a test".to_owned();
            return Some(Occasion::Error {
                mailbox: Some(mailbox),
                text,
            });
        }
        Event::Notification | Event::Timer => return None,
    };
    let id = NewsId(1);
    Some(Occasion::Message {
        id,
        side: Side::Remote,
        by_listener: false,
        what,
        subject: Arc::new(subject.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_says_what_its_flags_are() {
        let seen = Flags::new().with(Flag::Seen);
        for (info, wanted) in [
            (&b""[..], Flags::new()),
            (b":2,", Flags::new()),
            (b":1,S", Flags::new()),
            (b":2,Sa", seen.clone()),
            (b":2,S,FT", seen.clone()),
            (
                b":2,FPS",
                seen.with(Flag::Flagged).with_keyword(Keyword::forwarded()),
            ),
        ] {
            assert_eq!(flags(info), wanted);
        }
    }
}
