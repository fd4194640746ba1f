//! The rows that differ from the base, and where their files and messages are.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

use crate::mail::{ContentDigest, FlagDelta, Flags};
use crate::sync::base::{Entry, FileStamp, RowId};
use crate::sync::input::{Known, LocalKnown, MailboxInput};
use crate::sync::view::LocalMessage;

/// Where a row's file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sync) enum Here {
    /// Where it was.
    Kept,
    /// Where it was, with another content.
    Edited,
    /// Where it was, perhaps with another content: nobody has read it yet.
    Unclear,
    /// Not in its folder.
    Gone,
    /// It is this file.
    Moved(usize),
    /// It never had one, or the folder was lost: due to be fetched.
    Missing,
}

/// Where a row's message is on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sync) enum There {
    /// Where it was.
    Kept,
    /// Not in its mailbox.
    Gone,
    /// In another mailbox, as this message.
    Moved(usize),
    /// Unknown: UIDs mean nothing any more.
    Unbound,
    /// UIDs mean nothing any more, but it is this message.
    Rebound(usize),
}

/// A row that is not exactly as the base has it.
#[derive(Debug)]
pub(in crate::sync) struct Row<'a> {
    pub entry: &'a Entry,
    pub mailbox: &'a MailboxInput,
    pub here: Here,
    pub there: There,
    /// The file as it is now, if it looks different.
    pub edited: Option<&'a LocalMessage>,
    /// What its content is; `None` if nobody has learned it.
    pub content: Option<ContentDigest>,
    /// Only touched: the same content with another stamp.
    pub touched: Option<FileStamp>,
    /// Its delivery was begun and never finished.
    pub undelivered: bool,
    /// Of such a delivery: the file had got its name, so that a file with its content may be the one.
    pub published: bool,
    pub(super) local_flags: Option<&'a Flags>,
    /// What is wanted of keywords that no file name shows.
    pub(super) label: Option<&'a FlagDelta>,
    pub(super) remote_flags: Option<&'a Flags>,
}

/// The rows of one mailbox that need attention, by number. Most rows of a large mailbox do not.
pub(super) fn rows_of<'a>(mailbox: &'a MailboxInput, known: &Known) -> Vec<Row<'a>> {
    let mut rows = BTreeMap::new();
    let renumbered = mailbox.remote.renumbered;
    for entry in &mailbox.base.entries {
        let incomplete = entry.uid.is_none() || entry.local.is_none() || entry.hold.is_some();
        if renumbered || incomplete {
            rows.insert(entry.row, new_row(mailbox, entry, known));
        }
    }
    let mut touch = |row: RowId, change: &mut dyn FnMut(&mut Row<'a>)| {
        if let Some(row) = row_of(&mut rows, mailbox, row, known) {
            change(row);
        }
    };
    for row in &mailbox.local.vanished {
        touch(*row, &mut |row| row.lose_file());
    }
    for row in &mailbox.local.undelivered {
        touch(*row, &mut |row| {
            row.lose_file();
            row.undelivered = true;
        });
    }
    for row in &mailbox.local.published {
        touch(*row, &mut |row| row.published = true);
    }
    for (row, flags) in &mailbox.local.flags {
        touch(*row, &mut |row| row.local_flags = Some(flags));
    }
    for (row, label) in &mailbox.base.labels {
        touch(*row, &mut |row| row.label = Some(label));
    }
    for (row, file) in &mailbox.local.edited {
        let known = known.local.get(&(mailbox.base.mailbox.id, file.id.clone()));
        touch(*row, &mut |row| row.edit(file, known));
    }
    for row in &mailbox.remote.vanished {
        touch(*row, &mut |row| {
            if row.there == There::Kept {
                row.there = There::Gone;
            }
        });
    }
    for (row, flags) in &mailbox.remote.flags {
        touch(*row, &mut |row| row.remote_flags = Some(flags));
    }
    rows.into_values().collect()
}

fn new_row<'a>(mailbox: &'a MailboxInput, entry: &'a Entry, known: &Known) -> Row<'a> {
    let bound = entry.uid.is_some() && !mailbox.remote.renumbered;
    let read = || {
        let uid = entry.uid.filter(|_| bound)?;
        known.contents.get(&(mailbox.base.mailbox.id, uid)).copied()
    };
    Row {
        entry,
        mailbox,
        here: if entry.local.is_some() {
            Here::Kept
        } else {
            Here::Missing
        },
        there: if bound { There::Kept } else { There::Unbound },
        edited: None,
        content: entry.content.or_else(read),
        touched: None,
        undelivered: false,
        published: false,
        local_flags: None,
        label: None,
        remote_flags: None,
    }
}

fn row_of<'a, 'r>(
    rows: &'r mut BTreeMap<RowId, Row<'a>>,
    mailbox: &'a MailboxInput,
    row: RowId,
    known: &Known,
) -> Option<&'r mut Row<'a>> {
    match rows.entry(row) {
        Slot::Occupied(slot) => Some(slot.into_mut()),
        Slot::Vacant(slot) => {
            let entries = &mailbox.base.entries;
            let at = entries.binary_search_by_key(&row, |entry| entry.row).ok()?;
            Some(slot.insert(new_row(mailbox, entries.get(at)?, known)))
        }
    }
}

impl<'a> Row<'a> {
    fn lose_file(&mut self) {
        if self.here == Here::Kept {
            self.here = Here::Gone;
        }
    }

    fn edit(&mut self, file: &'a LocalMessage, known: Option<&LocalKnown>) {
        self.edited = Some(file);
        match known {
            None => self.here = Here::Unclear,
            Some(known) if self.is_content_of(known) => self.touched = Some(file.stamp),
            Some(_) => self.here = Here::Edited,
        }
    }
}

impl Row<'_> {
    /// Whether file and message are in their mailbox, with the content that the row has.
    pub(in crate::sync) fn is_where_it_was(&self) -> bool {
        self.here == Here::Kept && matches!(self.there, There::Kept | There::Rebound(_))
    }

    /// Whether a file that was read holds this row's message, whatever headers a mail program has added to it.
    pub(in crate::sync) fn is_content_of(&self, known: &LocalKnown) -> bool {
        holds(self.entry, self.content, known)
    }
}

/// Whether a file that was read holds a row's message, whatever headers a mail program has added to it.
#[must_use]
pub fn same_content(entry: &Entry, known: &LocalKnown) -> bool {
    holds(entry, entry.content, known)
}

fn holds(entry: &Entry, content: Option<ContentDigest>, known: &LocalKnown) -> bool {
    let exact = entry.digest.is_some_and(|digest| {
        known.identity.digest == Some(digest)
            || known.verbatim.is_some_and(|(_, other)| other == digest)
    });
    match (content, entry.digest) {
        (Some(content), _) => exact || known.content.digest == content,
        (None, Some(_)) => exact,
        (None, None) => {
            known.identity.size == entry.size && known.identity.message_id == entry.message_id
        }
    }
}
