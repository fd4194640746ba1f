//! What is new: on both sides, in a folder, on the server.

use std::collections::{BTreeMap, BTreeSet};

use super::decide::Decider;
use super::flags::{agree, agree_on_new};
use super::scene::{File, Mail};
use crate::mail::{ContentDigest, Digest};
use crate::sync::base::{Entry, EntryState, RowId};
use crate::sync::diff::as_kept;
use crate::sync::input::LocalKnown;
use crate::sync::pairing::Twin;
use crate::sync::plan::Op;

impl<'a> Decider<'_, 'a> {
    /// New on both sides and the same: linked, not carried over.
    pub(super) fn adopt(&mut self, twins: &[Twin]) {
        for twin in twins {
            let file = self.scene.files.get(twin.file);
            let mail = self.scene.mails.get(twin.mail);
            let (Some(file), Some(mail)) = (file, mail) else {
                continue;
            };
            if !self.scene.input.concerns(file.mailbox) {
                continue;
            }
            let Some(place) = self.scene.boxes.get(&file.mailbox) else {
                continue;
            };
            let (shown, seen) = (&file.message.flags, &mail.message.flags);
            // What another program has left on both sides is what they last agreed on.
            let claim = file.claim.filter(|_| twin.claimed);
            let base = claim.and_then(|claim| claim.flags.clone());
            let flow = self.flow(place);
            let agreement = match &base {
                Some(base) => agree(base, shown, &as_kept(&place.permanent, seen, base), flow),
                None => agree_on_new(shown, seen, flow),
            };
            let flags = agreement.plan(
                Some(&place.scope.visible(shown)),
                &place.scope,
                seen,
                &place.permanent,
            );
            self.steps.pairs.push(Op::Adopt {
                base,
                mailbox: file.mailbox,
                uid: mail.message.uid,
                local: file.message.id.clone(),
                flags,
                verify: twin.verify,
            });
        }
    }

    /// New files: copied on the server where it has the same message already, else sent. A file that nobody could read
    /// yet waits.
    pub(super) fn new_files(&mut self) {
        if !self.policy.push.new {
            return;
        }
        let sources = self.sources();
        for file in &self.scene.files {
            let Some(place) = self.scene.boxes.get(&file.mailbox) else {
                continue;
            };
            let concerned = self.scene.input.concerns(file.mailbox);
            if !concerned || file.taken || !file.usable || !place.writable {
                continue;
            }
            let Some(known) = file.known else { continue };
            let (local, flags) = (file.message.id.clone(), file.message.flags.clone());
            let source = sources.of(known);
            match source {
                Some(source) => self.steps.copies.push(Op::CopyRemote {
                    source,
                    to: file.mailbox,
                    local,
                    flags,
                }),
                None => self.steps.uploads.push(Op::Upload {
                    mailbox: file.mailbox,
                    local,
                    flags,
                    replaces: None,
                }),
            }
        }
    }

    /// Rows whose message can be copied on the server, by the content of the new files: it stays where it is.
    fn sources(&self) -> Sources {
        let free = |file: &&File<'_>| !file.taken && file.usable;
        let files = self.scene.files.iter().filter(free);
        let new: Vec<&LocalKnown> = files.filter_map(|file| file.known).collect();
        let digests: BTreeSet<Digest> = new.iter().filter_map(|it| it.identity.digest).collect();
        let contents: BTreeSet<ContentDigest> = new.iter().map(|it| it.content.digest).collect();
        let mut sources = Sources::default();
        if new.is_empty() {
            return sources;
        }
        // A file that was edited is not what its row says any more, but its message is.
        let gone: BTreeSet<RowId> = self
            .scene
            .boxes
            .values()
            .flat_map(|mailbox| &mailbox.remote.vanished)
            .copied()
            .collect();
        for mailbox in self.scene.boxes.values() {
            if mailbox.remote.renumbered {
                continue;
            }
            let live = |entry: &&Entry| {
                entry.uid.is_some()
                    && entry.state == EntryState::Linked
                    && !gone.contains(&entry.row)
                    && !self.busy.contains(&entry.row)
            };
            for entry in mailbox.base.entries.iter().filter(live) {
                if let Some(digest) = entry.digest.filter(|it| digests.contains(it)) {
                    sources.exact.entry(digest).or_insert(entry.row);
                }
                if let Some(content) = entry.content.filter(|it| contents.contains(it)) {
                    let key = (content, entry.size);
                    sources.noted.entry(key).or_insert(entry.row);
                }
            }
        }
        sources
    }

    /// Whether a file that could not be read may be this message. A file that cannot be read time and again keeps
    /// nothing back any more.
    fn may_be_here(&self, mail: &Mail<'_>) -> bool {
        let size = mail.known.map(|known| known.size).or(mail.message.size);
        let unread = self.scene.files.iter().filter(|file| {
            file.mailbox == mail.mailbox
                && !file.taken
                && file.known.is_none()
                && !self.scene.is_hopeless(file)
        });
        unread
            .map(|file| file.message.stamp.size)
            // On disk a message has LF where it has CRLF on the wire.
            .any(|here| size.is_none_or(|there| here <= there && there <= here + here / 4))
    }

    /// New messages on the server.
    pub(super) fn new_mails(&mut self) {
        if !self.policy.pull.new {
            return;
        }
        for mail in self.scene.mails.iter().filter(|it| !it.taken && it.usable) {
            if !self.scene.input.concerns(mail.mailbox) || self.may_be_here(mail) {
                continue;
            }
            self.steps.downloads.push(Op::Download {
                mailbox: mail.mailbox,
                uid: mail.message.uid,
                flags: mail.message.flags.clone(),
                size: mail.message.size,
                replaces: None,
            });
        }
    }
}

/// Rows by what a new file must be to be a copy of their message.
#[derive(Default)]
struct Sources {
    exact: BTreeMap<Digest, RowId>,
    /// By content and size without the notes of mail programs: another delivery of the mail has other trace headers, and
    /// goes up with them.
    noted: BTreeMap<(ContentDigest, u64), RowId>,
}

impl Sources {
    fn of(&self, file: &LocalKnown) -> Option<RowId> {
        let exact = file.identity.digest.and_then(|it| self.exact.get(&it));
        let noted = (file.content.digest, file.content.bare);
        exact.or_else(|| self.noted.get(&noted)).copied()
    }
}
