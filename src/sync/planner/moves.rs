//! Rows whose file or message is somewhere else now.

use super::decide::Decider;
use super::flags::agree;
use super::scene::{File, Here, Mail, Row, There};
use crate::mail::{FlagDelta, Flags, Keyword, Uid};
use crate::sync::base::MailboxId;
use crate::sync::change::{Change, Hold, Side};
use crate::sync::input::MailboxInput;
use crate::sync::plan::{FlagPlan, Op, WaitReason};

impl<'s, 'a> Decider<'s, 'a> {
    /// Names that a power cut has left.
    pub(super) fn relics(&mut self) {
        for relic in &self.scene.relics {
            let row = self.scene.rows.get(relic.row);
            let half = self.scene.files.get(relic.half).filter(|half| half.usable);
            let (Some(row), Some(half)) = (row, half) else {
                continue;
            };
            let keeps = match row.here {
                Here::Moved(file) => self.scene.files.get(file).map(|file| file.mailbox),
                _ => Some(row.entry.mailbox),
            };
            if let Some(keeps) = keeps.filter(|_| self.scene.concerns(row)) {
                self.steps.relics.push(Op::DropName {
                    mailbox: half.mailbox,
                    keeps,
                    local: half.message.id.clone(),
                    flags: self.scene.local_flags(row),
                });
            }
        }
    }

    /// The file moved, the message did not.
    pub(super) fn moved_here(&mut self, row: &Row<'a>, file: usize) {
        let Some((file, place)) = self.file(file) else {
            return;
        };
        if !file.usable {
            self.wait(row, WaitReason::Unusable(file.mailbox));
            return;
        }
        let same_folder = file.mailbox == row.entry.mailbox;
        self.deliver(row, file);
        if !same_folder && !self.policy.push.moves {
            // A new message and a deletion. Not before the new one may go up.
            if self.can_send(place) {
                let flags = self.scene.local_flags(row);
                self.send_file(file, flags);
                self.replace(row, Some((file.mailbox, file.message.id.clone())));
            } else if place.writable {
                self.wait(row, WaitReason::Forbidden(file.mailbox));
            } else {
                self.wait(row, WaitReason::ReadOnly(file.mailbox));
            }
            return;
        }
        if same_folder || (row.mailbox.writable && place.writable) {
            if file.message.stamp != row.entry.stamp {
                // It may be a copy, and what a mail program has added to it is no edit of the message.
                self.record(row, Change::SetStamp(row.entry.row, file.message.stamp));
            }
            let flags = self.flags_across(row, file, place, row.mailbox);
            self.busy.insert(row.entry.row);
            self.steps.remote_moves.push(Op::MoveRemote {
                row: row.entry.row,
                to: file.mailbox,
                local: file.message.id.clone(),
                flags,
            });
        } else {
            self.wait(row, WaitReason::ReadOnly(file.mailbox));
        }
    }

    /// A delivery that was not finished is, once its file was found.
    fn deliver(&mut self, row: &Row<'a>, file: &File<'a>) {
        if row.undelivered {
            self.record(row, Change::Delivered(row.entry.row, file.message.stamp));
        }
    }

    /// The file moved, the message is gone: moving says that the mail is wanted, so it goes up where it is now.
    ///
    /// Unless a mailbox was not observed: the message may be there. The row is dropped first: whatever happens then, the file is simply a new one.
    pub(super) fn moved_here_gone_there(&mut self, row: &Row<'a>, file: usize) {
        let Some((file, place)) = self.file(file) else {
            return;
        };
        if file.mailbox == row.entry.mailbox {
            // Only another name: the row has to know it before anything else can be done with the file.
            self.relink(row, row.entry.mailbox, row.entry.uid, Some(file));
        } else if file.usable && self.can_send(place) && self.scene.input.whole {
            let flags = self.scene.local_flags(row);
            self.drop_row(row);
            self.send_file(file, flags);
        }
    }

    /// The message moved on the server.
    pub(super) fn moved_there(&mut self, row: &Row<'a>, mail: usize) {
        let Some((mail, place)) = self.mail(mail) else {
            return;
        };
        if !mail.usable {
            return;
        }
        match row.here {
            Here::Unclear => {}
            Here::Kept => self.follow(row, mail, place, None),
            Here::Edited if self.scene.is_trash(place) => {
                // What was moved to the trash stays there: deleted in the trash it would be gone for good.
                if self.can_send(row.mailbox) {
                    let flags = self.scene.local_flags(row);
                    self.drop_row(row);
                    self.send(row, flags, None);
                }
            }
            Here::Edited => {
                // The new content stays where it was edited; the old one goes from where it was moved to.
                if self.can_send(row.mailbox) && self.part_with_file(row, mail.message.uid) {
                    let flags = self.scene.local_flags(row);
                    self.send(row, flags, None);
                    if place.writable && self.is_nowhere(row) {
                        let after = self.place_of(row);
                        self.replace(row, after);
                    }
                }
            }
            Here::Gone | Here::Missing if row.mailbox.marker_lost => {}
            Here::Gone if self.may_be_elsewhere(row) => {}
            Here::Gone | Here::Missing => {
                // Deleted here, but somebody wanted it there. First the row, which then lacks a file.
                let flags = self.scene.remote_flags(row);
                self.relink(row, mail.mailbox, Some(mail.message.uid), None);
                self.steps.downloads.push(Op::Download {
                    mailbox: mail.mailbox,
                    uid: mail.message.uid,
                    flags,
                    size: mail.message.size.or(Some(row.entry.size)),
                    replaces: Some(row.entry.row),
                });
            }
            Here::Moved(file) => self.moved_both(row, file, mail, place),
        }
    }

    fn moved_both(&mut self, row: &Row<'a>, file: usize, mail: &Mail<'a>, place: &'a MailboxInput) {
        let Some((file, folder)) = self.file(file) else {
            return;
        };
        if folder.marker_lost {
            return;
        }
        self.deliver(row, file);
        if file.mailbox != mail.mailbox {
            // The server is what many clients share: its place wins.
            self.follow(row, mail, place, Some(file));
            return;
        }
        self.relink(row, mail.mailbox, Some(mail.message.uid), Some(file));
        let flags = self.flags_across(row, file, place, place);
        let acts = flags.local.is_some() || !flags.remote.is_empty();
        if acts || flags.agreed != row.entry.flags {
            self.steps.flags.push(Op::SetFlags {
                row: row.entry.row,
                flags,
            });
        }
    }

    /// The file goes where the message went.
    fn follow(
        &mut self,
        row: &Row<'a>,
        mail: &Mail<'a>,
        place: &'a MailboxInput,
        from: Option<&File<'a>>,
    ) {
        let shown = match from {
            Some(file) => file.message.flags.clone(),
            None => row.mailbox.scope.visible(&self.scene.local_flags(row)),
        };
        let flags = self.flags_in(row, &shown, place, place);
        self.busy.insert(row.entry.row);
        self.steps.local_moves.push(Op::MoveLocal {
            row: row.entry.row,
            to: mail.mailbox,
            uid: mail.message.uid,
            from: from.map(|file| (file.mailbox, file.message.id.clone())),
            flags,
        });
    }

    /// Merged flags of a row whose file is in `folder` now and whose message is in `server`.
    fn flags_across(
        &self,
        row: &Row<'a>,
        file: &File<'a>,
        folder: &MailboxInput,
        server: &MailboxInput,
    ) -> FlagPlan {
        self.flags_in(row, &file.message.flags, folder, server)
    }

    fn flags_in(
        &self,
        row: &Row<'a>,
        shown: &Flags,
        folder: &MailboxInput,
        server: &MailboxInput,
    ) -> FlagPlan {
        let local = self.scene.local_flags(row);
        let remote = self.scene.remote_flags(row);
        let agreement = agree(&row.entry.flags, &local, &remote, self.flow(server));
        let wanted = folder.scope.visible(&agreement.agreed);
        let mut plan = agreement.plan(Some(shown), &folder.scope, &remote, &server.permanent);
        let forwarded = Keyword::forwarded();
        let lettered = |flags: &Flags| flags.keywords().any(|keyword| *keyword != forwarded);
        let away = folder.base.mailbox.id != row.entry.mailbox;
        if plan.local.is_none() && away && (lettered(shown) || lettered(&wanted)) {
            // The same letters mean other keywords in another folder: the name is always written anew.
            plan.local = Some(wanted);
        }
        plan
    }

    /// UIDs mean nothing any more, but this is the message.
    pub(super) fn rebind(&mut self, row: &Row<'a>, mail: usize, hold: Option<&Hold>) {
        let Some((mail, _)) = self.mail(mail) else {
            return;
        };
        let flags = if row.here == Here::Kept && !self.scene.is_offline(row.mailbox) {
            self.home_flags(row)
        } else {
            // Whatever happened to the file is judged when the row has its UID, against the flags as they were.
            FlagPlan {
                agreed: row.entry.flags.clone(),
                local: None,
                remote: FlagDelta::default(),
            }
        };
        self.busy.insert(row.entry.row);
        self.steps.pairs.push(Op::Rebind {
            row: row.entry.row,
            uid: mail.message.uid,
            flags,
        });
        if hold.is_some_and(|hold| hold.side == Side::Local) {
            self.release(row);
        }
    }

    /// UIDs mean nothing any more and the message has not been found: the file is kept, and nothing is sent.
    pub(super) fn unbound(&mut self, row: &Row<'a>, hold: Option<&Hold>) {
        match row.here {
            Here::Missing => self.drop_row(row),
            Here::Gone if row.mailbox.marker_lost && hold.is_none() => {}
            Here::Gone => self.drop_row(row),
            Here::Moved(file) => self.moved_here_gone_there(row, file),
            Here::Unclear => {}
            // A new content is a new message; the old one, should it still be there, comes down as another.
            Here::Edited if self.can_send(row.mailbox) => {
                let flags = self.scene.local_flags(row);
                self.drop_row(row);
                self.send(row, flags, None);
            }
            Here::Edited => {}
            Here::Kept => match hold {
                Some(_) => self.delete_here(row, hold, true),
                None if row.mailbox.marker_lost => {}
                None => self.hold_renumbered(row),
            },
        }
    }

    fn relink(
        &mut self,
        row: &Row<'a>,
        mailbox: MailboxId,
        uid: Option<Uid>,
        file: Option<&File<'a>>,
    ) {
        let bound = row.there != There::Unbound;
        let change = Change::Relink {
            row: row.entry.row,
            mailbox,
            uid: uid.filter(|_| bound),
            local: file.map(|file| file.message.id.clone()),
        };
        self.busy.insert(row.entry.row);
        self.record(row, change);
        if let Some(file) = file {
            // It may be a copy: the same content in another file.
            self.record(row, Change::SetStamp(row.entry.row, file.message.stamp));
        }
    }

    fn send_file(&mut self, file: &File<'a>, flags: Flags) {
        self.steps.uploads.push(Op::Upload {
            mailbox: file.mailbox,
            local: file.message.id.clone(),
            flags,
            replaces: None,
        });
    }

    fn file(&self, at: usize) -> Option<(&'s File<'a>, &'a MailboxInput)> {
        let file = self.scene.files.get(at)?;
        Some((file, self.scene.boxes.get(&file.mailbox)?))
    }

    fn mail(&self, at: usize) -> Option<(&'s Mail<'a>, &'a MailboxInput)> {
        let mail = self.scene.mails.get(at)?;
        Some((mail, self.scene.boxes.get(&mail.mailbox)?))
    }
}
