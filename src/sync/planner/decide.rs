//! The decision for one row: where its file is against where its message is.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use super::elsewhere::Contents;
use super::flags::{Flow, agree};
use super::scene::{Here, Row, Scene, There};
use super::steps::Steps;
use crate::mail::{Flag, Flags, LocalId, Uid};
use crate::sync::base::{HoldId, MailboxId, RowId};
use crate::sync::change::{Change, Hold, HoldVerdict, Side};
use crate::sync::guard::Doomed;
use crate::sync::input::MailboxInput;
use crate::sync::merge::is_important;
use crate::sync::plan::{FlagPlan, Op};
use crate::sync::policy::{Deletions, Policy};

/// Makes the decisions and collects what follows from them.
pub(super) struct Decider<'s, 'a> {
    pub(super) scene: &'s Scene<'a>,
    pub(super) policy: &'s Policy,
    pub(super) steps: Steps,
    /// Rows with an operation that changes where their message is.
    pub(super) busy: BTreeSet<RowId>,
    /// How many rows leave each hold.
    pub(super) released: BTreeMap<HoldId, usize>,
    /// Sizes of new files that nobody has read yet.
    unread: BTreeSet<u64>,
    contents: OnceCell<Contents>,
}

impl<'s, 'a> Decider<'s, 'a> {
    pub(super) fn new(scene: &'s Scene<'a>, policy: &'s Policy) -> Self {
        Self {
            scene,
            policy,
            steps: Steps::default(),
            busy: BTreeSet::new(),
            released: BTreeMap::new(),
            unread: scene
                .files
                .iter()
                .filter(|file| !file.taken && file.known.is_none())
                .map(|file| file.message.stamp.size)
                .filter(|size| *size > 0)
                .collect(),
            contents: OnceCell::new(),
        }
    }

    pub(super) fn into_steps(self) -> Steps {
        self.steps
    }

    /// Deliveries that turned out to be complete, UIDs that mean nothing any more, new inodes.
    pub(super) fn settle_deliveries(&mut self) {
        for mailbox in self.scene.focused() {
            let id = mailbox.base.mailbox.id;
            let bound = mailbox.base.entries.iter().any(|entry| entry.uid.is_some());
            if mailbox.remote.renumbered && bound {
                self.steps
                    .forget
                    .push(Op::Record(vec![Change::ForgetUids(id)]));
            }
            for (row, stamp) in &mailbox.local.delivered {
                self.steps.record(id, Change::Delivered(*row, *stamp));
            }
            // Before anything is done with the files: a rename that a power cut leaves half done is known by its inode.
            for (row, stamp) in &mailbox.local.copied {
                self.steps.record(id, Change::SetStamp(*row, *stamp));
            }
        }
    }

    /// Decides about one row.
    pub(super) fn row(&mut self, row: &Row<'a>) {
        let hold = self.hold_of(row);
        let nowhere = matches!(row.here, Here::Gone | Here::Missing) && row.there == There::Gone;
        if self.scene.is_parked(row) && !nowhere {
            return;
        }
        if self.scene.is_offline(row.mailbox) {
            if let There::Rebound(mail) = row.there {
                self.rebind(row, mail, hold);
            }
            return;
        }
        if let Some(stamp) = row.touched {
            self.record(row, Change::SetStamp(row.entry.row, stamp));
        }
        match row.there {
            There::Kept => self.alive(row, hold),
            There::Gone => self.gone(row, hold),
            There::Moved(mail) => self.moved_there(row, mail),
            There::Rebound(mail) => self.rebind(row, mail, hold),
            There::Unbound => self.unbound(row, hold),
        }
    }

    /// The message is on the server where it was.
    fn alive(&mut self, row: &Row<'a>, hold: Option<&Hold>) {
        match row.here {
            Here::Kept => self.flags_only(row),
            Here::Unclear => {}
            Here::Edited => self.edited(row),
            Here::Missing => self.fetch_again(row, hold),
            Here::Gone if row.undelivered && self.may_be_elsewhere(row) => {}
            Here::Gone if row.undelivered => self.fetch_again(row, hold),
            Here::Gone => self.deleted_here(row, hold),
            Here::Moved(file) => self.moved_here(row, file),
        }
    }

    /// The message is not on the server any more.
    fn gone(&mut self, row: &Row<'a>, hold: Option<&Hold>) {
        match row.here {
            Here::Kept => self.deleted_there(row, hold),
            Here::Unclear => {}
            Here::Edited => self.send_again(row),
            Here::Gone if self.is_unseen(row, hold) => {}
            Here::Gone | Here::Missing => self.drop_row(row),
            Here::Moved(file) => {
                self.moved_here_gone_there(row, file);
                if self.new_name(row).is_some() {
                    self.deleted_there(row, hold);
                }
            }
        }
    }

    /// The name that a row's file has got in its own folder.
    pub(super) fn new_name(&self, row: &Row<'a>) -> Option<&'a LocalId> {
        let Here::Moved(at) = row.here else {
            return None;
        };
        let file = self.scene.files.get(at)?;
        (file.mailbox == row.entry.mailbox).then_some(&file.message.id)
    }

    fn flags_only(&mut self, row: &Row<'a>) {
        if !Scene::flags_changed(row) {
            return;
        }
        let flags = self.home_flags(row);
        let acts = flags.local.is_some() || !flags.remote.is_empty();
        if acts || flags.agreed != row.entry.flags {
            self.steps.flags.push(Op::SetFlags {
                row: row.entry.row,
                flags,
            });
        }
    }

    /// Merged flags of a row whose file and message are in its own mailbox.
    pub(super) fn home_flags(&self, row: &Row<'a>) -> FlagPlan {
        let local = self.scene.local_flags(row);
        let remote = self.scene.remote_flags(row);
        let has_file = matches!(row.here, Here::Kept | Here::Moved(_));
        let shown = has_file.then(|| row.mailbox.scope.visible(&local));
        agree(&row.entry.flags, &local, &remote, self.flow(row.mailbox)).plan(
            shown.as_ref(),
            &row.mailbox.scope,
            &remote,
            &row.mailbox.permanent,
        )
    }

    /// Which ways flags go in a mailbox.
    pub(super) fn flow(&self, server: &MailboxInput) -> Flow {
        Flow {
            pull: self.policy.pull.flags,
            push: self.policy.push.flags && server.writable,
        }
    }

    /// The file has another content: it goes up as a new message, then the old one goes to the trash.
    ///
    /// The row stays the old message's and is given the name of a file that does not exist, so that from here on it is
    /// simply a message deleted locally, while the file is simply new. Stopped after any step, the next plan
    /// finds a deleted message and a new file, and goes on.
    fn edited(&mut self, row: &Row<'a>) {
        if !self.can_send(row.mailbox) {
            return;
        }
        let Some(uid) = row.entry.uid else { return };
        if self.scene.is_trash(row.mailbox) {
            // Deleted in the trash the old content would be gone for good: it comes down as another message.
            let flags = self.home_flags(row).agreed;
            self.drop_row(row);
            self.send(row, flags, None);
            return;
        }
        if self.part_with_file(row, uid) {
            let flags = self.home_flags(row).agreed;
            self.send(row, flags, None);
            if self.is_nowhere(row) {
                let after = self.place_of(row);
                self.replace(row, after);
            }
        }
    }

    /// Gives the row a file name that does not exist. Row numbers are never used again, so neither is the name.
    pub(super) fn part_with_file(&mut self, row: &Row<'a>, uid: Uid) -> bool {
        let Some(local) = &row.entry.local else {
            return false;
        };
        let mut name = local.as_bytes().to_vec();
        name.extend_from_slice(replaced(row.entry.row).as_bytes());
        let Some(ghost) = LocalId::new(&name) else {
            return false;
        };
        let (mailbox, uid) = match row.there {
            There::Moved(mail) => match self.scene.mails.get(mail) {
                Some(mail) => (mail.mailbox, mail.message.uid),
                None => return false,
            },
            _ => (row.entry.mailbox, uid),
        };
        let change = Change::Relink {
            row: row.entry.row,
            mailbox,
            uid: Some(uid),
            local: Some(ghost),
        };
        self.record(row, change);
        true
    }

    /// The file is gone and its message is not.
    fn deleted_here(&mut self, row: &Row<'a>, hold: Option<&Hold>) {
        if self.is_unseen(row, hold) || !self.is_nowhere(row) {
            return;
        }
        let seen = self.scene.remote_flags(row);
        if self.policy.pull.flags && is_important(&row.entry.flags, &seen) {
            if self.policy.pull.new {
                self.fetch(row, seen);
            }
            return;
        }
        match hold.map(|hold| hold.verdict) {
            Some(HoldVerdict::Open) => {}
            Some(HoldVerdict::Restore) => self.fetch(row, seen),
            _ if self.is_replaced(row) => {}
            Some(HoldVerdict::Approved) => self.doom(row, Side::Remote, true),
            None if self.may_be_unread(row) => {}
            None => {
                // What was filed by copying it is not lost: the guard has nothing to protect.
                let contents = self.contents.get_or_init(|| Contents::new(self.scene));
                let exempt = seen.has(Flag::Deleted) || contents.has_copy(row);
                self.doom(row, Side::Remote, exempt);
            }
        }
    }

    /// The message is gone and its file is not.
    fn deleted_there(&mut self, row: &Row<'a>, hold: Option<&Hold>) {
        let seen = self.scene.local_flags(row);
        if self.policy.push.flags && row.mailbox.writable && is_important(&row.entry.flags, &seen) {
            // It may have moved to a mailbox that was not observed.
            if self.scene.input.whole {
                self.send_again(row);
            }
            return;
        }
        // A mark says nothing here: on the server every deletion begins with one.
        self.delete_here(row, hold, false);
    }

    /// Deletes a file whose message is gone, as far as holds allow.
    pub(super) fn delete_here(&mut self, row: &Row<'a>, hold: Option<&Hold>, exempt: bool) {
        match hold.map(|hold| hold.verdict) {
            Some(HoldVerdict::Open) => {}
            Some(HoldVerdict::Restore) => self.send_again(row),
            Some(HoldVerdict::Approved) => self.doom(row, Side::Local, true),
            None => self.doom(row, Side::Local, exempt),
        }
    }

    /// The file is missing because its folder lost its marker, and the user has not said otherwise.
    fn is_unseen(&self, row: &Row<'a>, hold: Option<&Hold>) -> bool {
        let marker = self.scene.marker_hold(row.entry.mailbox).map(|it| it.id);
        let decided = hold.is_some_and(|hold| marker == Some(hold.id));
        row.mailbox.marker_lost && !decided && !row.undelivered
    }

    /// A new file that could be this row's has not been read yet (it is still being written, perhaps).
    fn may_be_unread(&self, row: &Row<'a>) -> bool {
        self.unread.contains(&row.entry.stamp.size)
    }

    fn fetch_again(&mut self, row: &Row<'a>, hold: Option<&Hold>) {
        let open = hold.is_some_and(|hold| hold.verdict == HoldVerdict::Open);
        if self.policy.pull.new && !open {
            let flags = self.scene.remote_flags(row);
            self.fetch(row, flags);
        }
    }

    fn fetch(&mut self, row: &Row<'a>, flags: Flags) {
        let Some(uid) = row.entry.uid else { return };
        self.busy.insert(row.entry.row);
        self.steps.downloads.push(Op::Download {
            mailbox: row.entry.mailbox,
            uid,
            flags,
            size: Some(row.entry.size),
            replaces: Some(row.entry.row),
        });
    }

    /// The file goes up again, for the same row.
    pub(super) fn send_again(&mut self, row: &Row<'a>) {
        if self.can_send(row.mailbox) {
            let flags = self.scene.local_flags(row);
            self.send(row, flags, Some(row.entry.row));
        }
    }

    /// Whether new messages may go up from a mailbox.
    pub(super) fn can_send(&self, mailbox: &MailboxInput) -> bool {
        self.policy.push.new && mailbox.writable && !mailbox.marker_lost
    }

    pub(super) fn send(&mut self, row: &Row<'a>, flags: Flags, replaces: Option<RowId>) {
        let name = self.new_name(row).or(row.entry.local.as_ref());
        let Some(local) = name.cloned() else {
            return;
        };
        self.busy.insert(row.entry.row);
        self.steps.uploads.push(Op::Upload {
            mailbox: row.entry.mailbox,
            local,
            flags,
            replaces,
        });
    }

    pub(super) fn drop_row(&mut self, row: &Row<'a>) {
        self.busy.insert(row.entry.row);
        self.record(row, Change::DropEntry(row.entry.row));
    }

    pub(super) fn record(&mut self, row: &Row<'a>, change: Change) {
        self.steps.record(row.entry.mailbox, change);
    }

    /// Deletes on one side, if that is wished for at all.
    pub(super) fn doom(&mut self, row: &Row<'a>, side: Side, exempt: bool) {
        self.doom_after(row, side, exempt, None);
    }

    /// Deletes a message on the server once the file that takes its place is there.
    pub(super) fn replace(&mut self, row: &Row<'a>, by: Option<(MailboxId, LocalId)>) {
        self.doom_after(row, Side::Remote, true, by);
    }

    fn doom_after(
        &mut self,
        row: &Row<'a>,
        side: Side,
        exempt: bool,
        after: Option<(MailboxId, LocalId)>,
    ) {
        let policy = self.policy;
        let allowed = match side {
            Side::Local => policy.pull.deletions && !row.mailbox.marker_lost,
            Side::Remote => policy.push.deletions && row.mailbox.writable,
        };
        if !allowed || policy.deletions == Deletions::Never {
            return;
        }
        let mailbox = row.entry.mailbox;
        self.busy.insert(row.entry.row);
        self.steps.doomed.push(Doomed {
            mailbox,
            side,
            row: row.entry.row,
            exempt: exempt || self.scene.input.trash == Some(mailbox),
            after,
        });
    }
}

/// What is added to the name of a file whose content is another one now: the row's file from then on, which does not
/// exist.
pub(super) fn replaced(row: RowId) -> String {
    format!(".replaced-{}", row.0)
}
