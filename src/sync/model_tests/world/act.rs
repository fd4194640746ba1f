//! Operations, carried out in memory.

use super::{World, at};
use crate::mail::*;
use crate::sync::*;

impl World {
    fn find(&self, row: RowId) -> Entry {
        let mut all = self.base.iter().flat_map(|base| &base.entries);
        all.find(|entry| entry.row == row)
            .expect("a row of the plan")
            .clone()
    }

    fn put(&mut self, entry: Entry) {
        self.drop(entry.row);
        let entries = &mut self.base[at(entry.mailbox)].entries;
        for other in &*entries {
            assert!(
                other.local.is_none() || other.local != entry.local,
                "{entry:?} {other:?}"
            );
            assert!(
                other.uid.is_none() || other.uid != entry.uid,
                "{entry:?} {other:?}"
            );
        }
        entries.push(entry);
        entries.sort_by_key(|entry| entry.row);
    }

    fn drop(&mut self, row: RowId) {
        for base in &mut self.base {
            base.entries.retain(|entry| entry.row != row);
        }
    }

    fn entry(
        &mut self,
        mailbox: MailboxId,
        uid: Uid,
        local: &LocalId,
        flags: Flags,
        row: Option<RowId>,
    ) {
        let file = &self.local[at(mailbox)][local];
        let known = file.body.identity(file.body.date(), true);
        let (stamp, hold) = (file.stamp, row.and_then(|row| self.find(row).hold));
        let row = row.unwrap_or_else(|| RowId(i64::from(self.serial())));
        self.put(Entry {
            row,
            mailbox,
            uid: Some(uid),
            local: Some(local.clone()),
            flags,
            size: known.size,
            date: known.date,
            message_id: known.message_id,
            digest: known.digest,
            content: known.digest.map(|digest| ContentDigest(digest.0)),
            raw: false,
            stamp,
            state: EntryState::Linked,
            hold,
        });
    }

    fn set_flags(&mut self, row: RowId, flags: &FlagPlan) {
        let mut entry = self.find(row);
        let place = at(entry.mailbox);
        entry.flags = flags.agreed.clone();
        if let Some(local) = &flags.local {
            let name = entry.local.as_ref().unwrap();
            self.local[place].get_mut(name).unwrap().flags = self.scope.visible(local);
        }
        if let Some(mail) = entry.uid.and_then(|uid| self.remote[place].get_mut(&uid)) {
            mail.flags = flags.remote.apply(&mail.flags);
        }
        self.put(entry);
    }

    /// Carries out one operation whole.
    pub(in crate::sync::model_tests) fn apply(&mut self, op: &Op) {
        match op {
            Op::Download {
                mailbox,
                uid,
                flags,
                replaces,
                ..
            } => {
                let body = self.remote[at(*mailbox)][uid].body;
                let local = self.new_file(at(*mailbox), body, flags.clone(), body.date());
                self.entry(*mailbox, *uid, &local, flags.clone(), *replaces);
            }
            Op::Upload {
                mailbox,
                local,
                flags,
                replaces,
            } => {
                let body = self.local[at(*mailbox)][local].body;
                let uid = self.new_mail(at(*mailbox), body, flags.clone());
                self.entry(*mailbox, uid, local, flags.clone(), *replaces);
            }
            Op::Adopt {
                mailbox,
                uid,
                local,
                flags,
                verify,
                ..
            } => {
                self.adopt(*mailbox, *uid, local, flags, *verify);
            }
            Op::Rebind { row, uid, flags } => {
                let mut entry = self.find(*row);
                entry.uid = Some(*uid);
                self.put(entry);
                self.set_flags(*row, flags);
            }
            Op::SetFlags { row, flags } => self.set_flags(*row, flags),
            Op::MoveRemote {
                row,
                to,
                local,
                flags,
            } => self.move_remote(*row, *to, local, flags),
            Op::MoveLocal {
                row,
                to,
                uid,
                from,
                flags,
            } => {
                self.move_local(*row, *to, *uid, from.as_ref(), flags);
            }
            Op::CopyRemote {
                source,
                to,
                local,
                flags,
            } => {
                let source = self.find(*source);
                let body = self.remote[at(source.mailbox)][&source.uid.unwrap()].body;
                let uid = self.new_mail(at(*to), body, flags.clone());
                assert_eq!(body, self.local[at(*to)][local].body);
                self.entry(*to, uid, local, flags.clone(), None);
            }
            _ => self.apply_rest(op),
        }
    }

    fn apply_rest(&mut self, op: &Op) {
        match op {
            Op::DropName {
                mailbox,
                keeps,
                local,
                ..
            } => {
                let half = self.local[at(*mailbox)].remove(local).unwrap();
                assert_eq!(half.stamp, self.local[at(*keeps)][local].stamp);
            }
            Op::DeleteLocal { row } => {
                self.deletions += 1;
                let entry = self.find(*row);
                let file = self.local[at(entry.mailbox)]
                    .remove(&entry.local.unwrap())
                    .unwrap();
                assert_eq!(file.stamp, entry.stamp, "an edited file is never deleted");
                self.drop(*row);
            }
            Op::DeleteRemote { row, .. } => {
                self.deletions += 1;
                let entry = self.find(*row);
                self.remote[at(entry.mailbox)]
                    .remove(&entry.uid.unwrap())
                    .unwrap();
                self.drop(*row);
            }
            Op::Record(changes) => changes.iter().for_each(|change| self.change(change)),
            Op::Hold {
                mailbox,
                side,
                kind,
                reason,
                rows,
            } => {
                self.hold(*mailbox, *side, kind, reason, rows);
            }
            other => panic!("not carried out: {other:?}"),
        }
    }

    fn adopt(
        &mut self,
        mailbox: MailboxId,
        uid: Uid,
        local: &LocalId,
        flags: &FlagPlan,
        verify: bool,
    ) {
        let (there, here) = (
            self.remote[at(mailbox)][&uid].body,
            self.local[at(mailbox)][local].body,
        );
        if verify && there != here {
            let identity = there.identity(there.date(), true);
            self.compared.insert((mailbox, uid), identity);
            return;
        }
        assert_eq!(there, here, "only the same mail is adopted");
        self.entry(mailbox, uid, local, flags.agreed.clone(), None);
        let row = self.base[at(mailbox)]
            .entries
            .iter()
            .map(|entry| entry.row)
            .max();
        self.set_flags(row.unwrap(), flags);
    }

    fn move_remote(&mut self, row: RowId, to: MailboxId, local: &LocalId, flags: &FlagPlan) {
        let mut entry = self.find(row);
        if to != entry.mailbox {
            let mail = self.remote[at(entry.mailbox)]
                .remove(&entry.uid.unwrap())
                .unwrap();
            entry.uid = Some(self.new_mail(at(to), mail.body, mail.flags));
        }
        entry.mailbox = to;
        entry.stamp = self.local[at(to)][local].stamp;
        entry.local = Some(local.clone());
        self.put(entry);
        self.set_flags(row, flags);
    }

    fn move_local(
        &mut self,
        row: RowId,
        to: MailboxId,
        uid: Uid,
        from: Option<&(MailboxId, LocalId)>,
        flags: &FlagPlan,
    ) {
        let mut entry = self.find(row);
        let (place, name) = match from {
            Some((place, name)) => (at(*place), name.clone()),
            None => (at(entry.mailbox), entry.local.clone().unwrap()),
        };
        let file = self.local[place].remove(&name).unwrap();
        let mut target = name;
        if self.local[at(to)].contains_key(&target) {
            let serial = self.serial();
            target = LocalId::new(format!("f{serial:06}").as_bytes()).unwrap();
        }
        entry.stamp = file.stamp;
        self.local[at(to)].insert(target.clone(), file);
        (entry.mailbox, entry.uid, entry.local) = (to, Some(uid), Some(target));
        self.put(entry);
        self.set_flags(row, flags);
    }

    fn change(&mut self, change: &Change) {
        match change {
            Change::ForgetUids(mailbox) => {
                let entries = &mut self.base[at(*mailbox)].entries;
                entries.iter_mut().for_each(|entry| entry.uid = None);
            }
            Change::DropEntry(row) => self.drop(*row),
            Change::SetStamp(row, stamp) => {
                let mut entry = self.find(*row);
                entry.stamp = *stamp;
                self.put(entry);
            }
            Change::Relink {
                row,
                mailbox,
                uid,
                local,
            } => {
                let mut entry = self.find(*row);
                (entry.mailbox, entry.uid, entry.local) = (*mailbox, *uid, local.clone());
                self.put(entry);
            }
            Change::SetHold(rows, hold) => {
                for row in rows {
                    let mut entry = self.find(*row);
                    entry.hold = *hold;
                    self.put(entry);
                }
            }
            Change::DropHold(id) => {
                self.holds.retain(|hold| hold.id != *id);
                let entries = self.base.iter_mut().flat_map(|base| &mut base.entries);
                for entry in entries.filter(|entry| entry.hold == Some(*id)) {
                    entry.hold = None;
                }
            }
            other => panic!("not in this model: {other:?}"),
        }
    }

    fn hold(
        &mut self,
        mailbox: MailboxId,
        side: Side,
        kind: &HoldKind,
        reason: &str,
        rows: &[RowId],
    ) {
        let verdict = match kind {
            HoldKind::Flood => self.verdict,
            _ => HoldVerdict::Approved,
        };
        let same = self
            .holds
            .iter()
            .find(|hold| hold.mailbox == mailbox && hold.side == side && hold.kind == *kind);
        let id = match same {
            Some(hold) => hold.id,
            None => {
                let id = HoldId(i64::from(self.serial()));
                self.holds.push(Hold {
                    id,
                    mailbox,
                    side,
                    kind: kind.clone(),
                    since: 0,
                    reason: reason.to_owned(),
                    verdict,
                });
                id
            }
        };
        self.change(&Change::SetHold(rows.to_vec(), Some(id)));
    }
}
