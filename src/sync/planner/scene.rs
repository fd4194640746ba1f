//! Everything the planner looks at, in one place: the rows that differ from the base on either side, the files and
//! messages without rows, and what has been paired with what.

mod rows;

use std::collections::{BTreeMap, BTreeSet};

use self::rows::rows_of;
pub use self::rows::same_content;
pub(in crate::sync) use self::rows::{Here, Row, There};
use crate::mail::{ContentDigest, Flags, Identity, Keyword, LocalId, SpecialUse, Uid};
use crate::sync::base::{MailboxId, RowId};
use crate::sync::change::{Hold, HoldKind, HoldVerdict};
use crate::sync::claims::Claim;
use crate::sync::diff::as_kept;
use crate::sync::input::{AccountInput, Known, LocalKnown, MailboxInput, Unsynced};
use crate::sync::view::{LocalMessage, RemoteMessage};

/// So often may a file fail before others stop waiting for it.
const MOST_ATTEMPTS: u32 = 3;

/// A file without a row.
#[derive(Debug)]
pub(in crate::sync) struct File<'a> {
    pub mailbox: MailboxId,
    pub message: &'a LocalMessage,
    pub known: Option<&'a LocalKnown>,
    /// Which message another program says that it is.
    pub claim: Option<&'a Claim>,
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
    /// What its content is, where it was read.
    pub content: Option<&'a ContentDigest>,
    /// Not parked, and its folder is not in doubt.
    pub usable: bool,
    pub taken: bool,
}

/// Another name of a row's file, in a folder where neither the file nor the message belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sync) struct Relic {
    /// Its place in [`Scene::rows`].
    pub row: usize,
    /// Its place in [`Scene::files`].
    pub half: usize,
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
    pub relics: Vec<Relic>,
    /// What is known of files that are gone from their folders.
    pub unsynced: &'a BTreeMap<RowId, Option<Unsynced>>,
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
            relics: Vec::new(),
            unsynced: &known.unsynced,
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
                claim: known.claims.get(&(id, message.id.clone())),
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
                content: known.contents.get(&(id, message.uid)),
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
