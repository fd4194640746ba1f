//! A message that a bubble is about: its words, short enough to be shown, and what may be done to it.

use std::path::PathBuf;
use std::sync::Arc;

use super::{SENDER, TEXT, or};
use crate::desktop::text::line;
use crate::desktop::words::{Arrival, Letter, Urgency};
use crate::mail::{LocalId, MailboxName};
use crate::sync::RowId;

/// The most characters of a subject.
const SUBJECT: usize = 120;
/// The most bytes of a Message-ID, and the most of them, that are kept.
const MESSAGE_ID: usize = 250;
const THREAD: usize = 50;

/// A message as it can be shown, with all that may be done to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::desktop) struct Member {
    pub(in crate::desktop) row: RowId,
    pub(in crate::desktop) mailbox: MailboxName,
    pub(in crate::desktop) local: Option<LocalId>,
    /// Left out where there are very many.
    pub(in crate::desktop) detail: Option<Arc<Detail>>,
}

/// The words of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::desktop) struct Detail {
    pub(in crate::desktop) sender: String,
    pub(in crate::desktop) subject: String,
    pub(in crate::desktop) text: String,
    pub(in crate::desktop) urgency: Urgency,
    /// What a button copies.
    pub(in crate::desktop) copy: Option<String>,
    pub(in crate::desktop) path: Option<PathBuf>,
    pub(in crate::desktop) message_id: Option<String>,
    /// Message-IDs of its thread, its own among them.
    pub(in crate::desktop) thread: Vec<String>,
}

impl Member {
    pub(in crate::desktop) fn of(arrival: Arrival) -> Self {
        let Arrival {
            subject,
            letter,
            wish,
            ..
        } = arrival;
        let message_id = letter.message_id.as_deref().and_then(message_id);
        let others = letter
            .references
            .iter()
            .filter_map(|id| self::message_id(id));
        let thread = message_id
            .iter()
            .cloned()
            .chain(others)
            .take(THREAD)
            .collect();
        let detail = Detail {
            sender: sender(&letter),
            subject: or(line(&letter.subject, SUBJECT), "(no subject)"),
            text: line(&letter.text, TEXT),
            urgency: wish.urgency.unwrap_or_default(),
            copy: wish.copy,
            path: subject.path,
            message_id,
            thread,
        };
        Self {
            row: subject.row,
            mailbox: subject.mailbox,
            local: subject.local,
            detail: Some(Arc::new(detail)),
        }
    }

    pub(super) fn sender(&self) -> &str {
        self.detail.as_ref().map_or("", |detail| &detail.sender)
    }
}

/// A Message-ID that can be part of a URL and of a line.
fn message_id(text: &str) -> Option<String> {
    let fine =
        (1..=MESSAGE_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    fine.then(|| text.to_owned())
}

/// Who a message says it is from. A name that poses as an address gives way to the address.
fn sender(letter: &Letter) -> String {
    let (name, address) = (line(&letter.name, SENDER), line(&letter.address, SENDER));
    let poses = name.contains('@') && !name.eq_ignore_ascii_case(&address);
    match (name.is_empty() || poses, address.is_empty()) {
        (false, _) => name,
        (true, false) => address,
        (true, true) => "(unknown sender)".to_owned(),
    }
}
