//! Everything the planner looks at, in one place: the rows that differ from the base on either side, the files and
//! messages without rows, and what has been paired with what.

use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, BTreeSet};

use crate::mail::{FlagDelta, Flags, Identity, Keyword, LocalId, SpecialUse, Uid};
use crate::sync::base::{Entry, FileStamp, MailboxId, RowId};
use crate::sync::change::{Hold, HoldKind, HoldVerdict};
use crate::sync::diff::as_kept;
use crate::sync::input::{AccountInput, Known, LocalKnown, MailboxInput};
use crate::sync::view::{LocalMessage, RemoteMessage};

/// So often may a file fail before others stop waiting for it.
const MOST_ATTEMPTS: u32 = 3;

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
    /// Only touched: the same content with another stamp.
    pub touched: Option<FileStamp>,
    /// Its delivery was begun and never finished.
    pub undelivered: bool,
    /// Of such a delivery: the file had got its name, so that a file with its content may be the one.
    pub published: bool,
    local_flags: Option<&'a Flags>,
    /// What is wanted of keywords that no file name shows.
    label: Option<&'a FlagDelta>,
    remote_flags: Option<&'a Flags>,
}

/// A file without a row.
#[derive(Debug)]
pub(in crate::sync) struct File<'a> {
    pub mailbox: MailboxId,
    pub message: &'a LocalMessage,
    pub known: Option<&'a LocalKnown>,
    /// Not parked, and its folder is not in doubt.
    pub usable: bool,
    pub taken: bool,
}

/// A message on the server without a row.
#[derive(Debug)]
pub(in crate::sync) struct Mail<'a> {
    pub mailbox: MailboxId,
    pub message: &'a RemoteMessage,
    pub known: Option<&'a Identity>,
    /// Not parked, and its folder is not in doubt.
    pub usable: bool,
    pub taken: bool,
}

/// All of it.
#[derive(Debug)]
pub(in crate::sync) struct Scene<'a> {
    pub input: &'a AccountInput,
    pub boxes: BTreeMap<MailboxId, &'a MailboxInput>,
    /// By mailbox, then row.
    pub rows: Vec<Row<'a>>,
    /// By mailbox, then name.
    pub files: Vec<File<'a>>,
    /// By mailbox, then UID.
    pub mails: Vec<Mail<'a>>,
    parked_uids: BTreeSet<(MailboxId, Uid)>,
    parked_files: BTreeSet<(MailboxId, &'a LocalId)>,
}

impl<'a> Scene<'a> {
    pub(in crate::sync) fn new(input: &'a AccountInput, known: &'a Known) -> Self {
        let mut scene = Self {
            input,
            boxes: input
                .mailboxes
                .iter()
                .map(|mailbox| (mailbox.base.mailbox.id, mailbox))
                .collect(),
            rows: Vec::new(),
            files: Vec::new(),
            mails: Vec::new(),
            parked_uids: BTreeSet::new(),
            parked_files: BTreeSet::new(),
        };
        for parked in &input.parked {
            if let Some(uid) = parked.uid {
                scene.parked_uids.insert((parked.mailbox, uid));
            }
            if let Some(local) = &parked.local {
                scene.parked_files.insert((parked.mailbox, local));
            }
        }
        let boxes: Vec<&MailboxInput> = scene.boxes.values().copied().collect();
        for mailbox in boxes {
            scene.rows.extend(rows_of(mailbox, known));
            scene.take_files(mailbox, known);
            scene.take_mails(mailbox, known);
        }
        scene
    }

    fn take_files(&mut self, mailbox: &'a MailboxInput, known: &'a Known) {
        let id = mailbox.base.mailbox.id;
        let start = self.files.len();
        for message in &mailbox.local.appeared {
            self.files.push(File {
                mailbox: id,
                message,
                known: known.local.get(&(id, message.id.clone())),
                usable: !mailbox.marker_lost && !self.parked_files.contains(&(id, &message.id)),
                taken: false,
            });
        }
        if let Some(new) = self.files.get_mut(start..) {
            new.sort_by(|one, other| one.message.id.cmp(&other.message.id));
        }
    }

    fn take_mails(&mut self, mailbox: &'a MailboxInput, known: &'a Known) {
        let id = mailbox.base.mailbox.id;
        let offline = self.is_offline(mailbox);
        let start = self.mails.len();
        for message in &mailbox.remote.appeared {
            self.mails.push(Mail {
                mailbox: id,
                message,
                known: known.remote.get(&(id, message.uid)),
                usable: !offline && !self.parked_uids.contains(&(id, message.uid)),
                taken: false,
            });
        }
        if let Some(new) = self.mails.get_mut(start..) {
            new.sort_by_key(|mail| mail.message.uid);
        }
    }

    /// Whether a row is in a mailbox that something is to be done about, or has come to one or left one.
    pub(in crate::sync) fn concerns(&self, row: &Row<'_>) -> bool {
        let file = match row.here {
            Here::Moved(at) => self.files.get(at).map(|file| file.mailbox),
            _ => None,
        };
        let mail = match row.there {
            There::Moved(at) => self.mails.get(at).map(|mail| mail.mailbox),
            _ => None,
        };
        let places = [Some(row.entry.mailbox), file, mail];
        let mut places = places.into_iter().flatten();
        places.any(|place| self.input.concerns(place))
    }

    /// The mailboxes that something is to be done about.
    pub(in crate::sync) fn focused(&self) -> impl Iterator<Item = &'a MailboxInput> {
        let boxes = self.boxes.values().copied();
        boxes.filter(|mailbox| self.input.concerns(mailbox.base.mailbox.id))
    }

    /// Whether nothing at all may be done about a mailbox: its folder is in doubt and the user has not decided.
    pub(in crate::sync) fn is_offline(&self, mailbox: &MailboxInput) -> bool {
        mailbox.marker_lost
            && match self.marker_hold(mailbox.base.mailbox.id) {
                Some(hold) => hold.verdict == HoldVerdict::Open,
                None => !mailbox.local.vanished.is_empty(),
            }
    }

    /// The hold that was raised when a folder lost its marker.
    pub(in crate::sync) fn marker_hold(&self, mailbox: MailboxId) -> Option<&'a Hold> {
        self.input
            .holds
            .iter()
            .find(|hold| hold.mailbox == mailbox && hold.kind == HoldKind::MarkerLost)
    }

    /// Whether a row's message or file is parked.
    pub(in crate::sync) fn is_parked(&self, row: &Row<'_>) -> bool {
        let id = row.entry.mailbox;
        let uid = row.entry.uid.filter(|_| row.there != There::Unbound);
        uid.is_some_and(|uid| self.parked_uids.contains(&(id, uid)))
            || row
                .entry
                .local
                .as_ref()
                .is_some_and(|local| self.parked_files.contains(&(id, local)))
    }

    /// Whether a file could not be read or sent for so long that nothing waits for it any more.
    pub(in crate::sync) fn is_hopeless(&self, file: &File<'_>) -> bool {
        self.input.parked.iter().any(|parked| {
            parked.mailbox == file.mailbox
                && parked.local.as_ref() == Some(&file.message.id)
                && parked.attempts > MOST_ATTEMPTS
        })
    }

    /// Whether a mailbox holds deleted mail, so that a deletion in it is for good.
    pub(in crate::sync) fn is_trash(&self, mailbox: &MailboxInput) -> bool {
        let record = &mailbox.base.mailbox;
        let trash = self.input.trash.and_then(|id| self.boxes.get(&id));
        record.role == Some(SpecialUse::Trash)
            || self.input.trash == Some(record.id)
            || trash.is_some_and(|trash| record.name.is_below(&trash.base.mailbox.name))
    }

    /// A row's flags as they are on this side: what its file shows, and what is wanted of keywords that it cannot show.
    /// The base's where there is no file.
    pub(in crate::sync) fn local_flags(&self, row: &Row<'a>) -> Flags {
        let shown = self.shown_flags(row);
        match row.label {
            Some(label) if !matches!(row.here, Here::Gone | Here::Missing) => label.apply(&shown),
            _ => shown,
        }
    }

    fn shown_flags(&self, row: &Row<'a>) -> Flags {
        let base = &row.entry.flags;
        let home = &row.mailbox.scope;
        match row.here {
            Here::Moved(file) => match self.files.get(file) {
                Some(file) if file.mailbox == row.entry.mailbox => {
                    home.complete(&file.message.flags, base)
                }
                Some(file) => carried(&file.message.flags, base),
                None => base.clone(),
            },
            Here::Gone | Here::Missing => base.clone(),
            Here::Kept | Here::Edited | Here::Unclear => match (row.local_flags, row.edited) {
                (Some(flags), _) => flags.clone(),
                (None, Some(file)) => home.complete(&file.flags, base),
                (None, None) => base.clone(),
            },
        }
    }

    /// A row's flags on the server; what is not kept there, and what is not there, comes from the base.
    pub(in crate::sync) fn remote_flags(&self, row: &Row<'a>) -> Flags {
        let base = &row.entry.flags;
        match row.there {
            There::Moved(mail) | There::Rebound(mail) => {
                let mail = self.mails.get(mail);
                let place = mail.and_then(|mail| self.boxes.get(&mail.mailbox));
                match (mail, place) {
                    (Some(mail), Some(place)) => {
                        as_kept(&place.permanent, &mail.message.flags, base)
                    }
                    _ => base.clone(),
                }
            }
            There::Kept => row.remote_flags.unwrap_or(base).clone(),
            There::Gone | There::Unbound => base.clone(),
        }
    }

    /// Whether flags changed on either side of a row that is otherwise where it was.
    pub(in crate::sync) fn flags_changed(row: &Row<'_>) -> bool {
        let here = row.local_flags.is_some() || row.label.is_some() || row.edited.is_some();
        here || row.remote_flags.is_some()
    }
}

/// The flags of a file that came from another folder: letters mean other keywords there, so keywords are the base's.
fn carried(seen: &Flags, base: &Flags) -> Flags {
    let forwarded = Keyword::forwarded();
    let kept = base
        .keywords()
        .filter(|keyword| **keyword != forwarded)
        .cloned();
    let shown = seen.has_keyword(&forwarded).then(Keyword::forwarded);
    Flags::from_parts(seen.system_bits(), kept.chain(shown))
}

/// The rows of one mailbox that need attention, by number. Most rows of a large mailbox do not.
fn rows_of<'a>(mailbox: &'a MailboxInput, known: &Known) -> Vec<Row<'a>> {
    let mut rows = BTreeMap::new();
    let renumbered = mailbox.remote.renumbered;
    for entry in &mailbox.base.entries {
        let incomplete = entry.uid.is_none() || entry.local.is_none() || entry.hold.is_some();
        if renumbered || incomplete {
            rows.insert(entry.row, new_row(mailbox, entry));
        }
    }
    let mut touch = |row: RowId, change: &mut dyn FnMut(&mut Row<'a>)| {
        if let Some(row) = row_of(&mut rows, mailbox, row) {
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

fn new_row<'a>(mailbox: &'a MailboxInput, entry: &'a Entry) -> Row<'a> {
    let bound = entry.uid.is_some() && !mailbox.remote.renumbered;
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
) -> Option<&'r mut Row<'a>> {
    match rows.entry(row) {
        Slot::Occupied(slot) => Some(slot.into_mut()),
        Slot::Vacant(slot) => {
            let entries = &mailbox.base.entries;
            let at = entries.binary_search_by_key(&row, |entry| entry.row).ok()?;
            Some(slot.insert(new_row(mailbox, entries.get(at)?)))
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
            Some(known) if same_content(self.entry, known) => self.touched = Some(file.stamp),
            Some(_) => self.here = Here::Edited,
        }
    }
}

/// Whether a file that was read holds a row's message.
pub(in crate::sync) fn same_content(entry: &Entry, known: &LocalKnown) -> bool {
    match entry.digest {
        Some(digest) => {
            known.identity.digest == Some(digest)
                || known.verbatim.is_some_and(|(_, other)| other == digest)
        }
        None => known.identity.size == entry.size && known.identity.message_id == entry.message_id,
    }
}
