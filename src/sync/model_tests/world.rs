//! A server and a Maildir in memory, and the state between them, carried along the way the engine does it.

use std::collections::{BTreeMap, BTreeSet};

use crate::mail::*;
use crate::sync::*;

pub(super) const BOXES: usize = 3;

/// A message's content: some share a Message-ID, some share size and date, some have no Message-ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Body(pub u16);

impl Body {
    pub(super) fn named(self) -> bool {
        self.0 % 4 != 0
    }

    pub(super) fn identity(self, date: i64, digest: bool) -> Identity {
        let size = if self.named() {
            100 + u64::from(self.0)
        } else {
            50
        };
        let message_id = self
            .named()
            .then(|| MessageIdHash([(self.0 % 7) as u8; 16]));
        let bytes = self.0.to_be_bytes();
        Identity {
            size,
            message_id,
            date,
            digest: digest.then(|| Digest(std::array::from_fn(|at| bytes[at % 2]))),
        }
    }

    pub(super) fn date(self) -> i64 {
        1000 + i64::from(self.0 % 3)
    }
}

#[derive(Clone, Debug)]
pub(super) struct RemoteMail {
    pub body: Body,
    pub flags: Flags,
}

#[derive(Clone, Debug)]
pub(super) struct LocalFile {
    pub body: Body,
    pub flags: Flags,
    pub stamp: FileStamp,
}

#[derive(Clone, Debug)]
pub(super) struct World {
    pub remote: Vec<BTreeMap<Uid, RemoteMail>>,
    pub validity: Vec<UidValidity>,
    pub local: Vec<BTreeMap<LocalId, LocalFile>>,
    pub base: Vec<Base>,
    pub recovering: Vec<bool>,
    pub holds: Vec<Hold>,
    pub compared: BTreeMap<(MailboxId, Uid), Identity>,
    pub scope: KeywordScope,
    pub policy: Policy,
    pub verdict: HoldVerdict,
    serial: u32,
    pub deletions: usize,
}

pub(super) fn mailbox_id(at: usize) -> MailboxId {
    MailboxId(i64::try_from(at).unwrap() + 1)
}

fn at(id: MailboxId) -> usize {
    usize::try_from(id.0).unwrap() - 1
}

pub(super) fn keyword(text: &str) -> Keyword {
    Keyword::new(text).unwrap()
}

impl World {
    pub(super) fn new(verdict: HoldVerdict) -> Self {
        let record = |at: usize| MailboxRecord {
            id: mailbox_id(at),
            name: MailboxName::parse(["INBOX", "Work", "Old"][at]).unwrap(),
            role: None,
            uidvalidity: None,
            uidnext: None,
            modseq: None,
            marker: at.to_string(),
            object_id: None,
            last_sync: None,
            problem: None,
        };
        Self {
            remote: vec![BTreeMap::new(); BOXES],
            validity: vec![UidValidity::new(1).unwrap(); BOXES],
            local: vec![BTreeMap::new(); BOXES],
            base: (0..BOXES)
                .map(|at| Base {
                    mailbox: record(at),
                    entries: Vec::new(),
                })
                .collect(),
            recovering: vec![false; BOXES],
            holds: Vec::new(),
            compared: BTreeMap::new(),
            scope: KeywordScope {
                lettered: ["$Junk", "$NotJunk", "work"].map(keyword).into(),
            },
            policy: Policy::default(),
            verdict,
            serial: 0,
            deletions: 0,
        }
    }

    pub(super) fn serial(&mut self) -> u32 {
        self.serial += 1;
        self.serial
    }

    pub(super) fn new_file(
        &mut self,
        place: usize,
        body: Body,
        flags: Flags,
        mtime: i64,
    ) -> LocalId {
        let serial = self.serial();
        let id = LocalId::new(format!("f{serial:06}").as_bytes()).unwrap();
        let file = LocalFile {
            body,
            flags: self.scope.visible(&flags),
            stamp: FileStamp {
                inode: u64::from(serial),
                size: body.identity(0, false).size,
                mtime_ns: mtime * 1_000_000_000,
            },
        };
        self.local[place].insert(id.clone(), file);
        id
    }

    pub(super) fn new_mail(&mut self, place: usize, body: Body, flags: Flags) -> Uid {
        let uid = Uid::new(self.serial()).unwrap();
        self.remote[place].insert(uid, RemoteMail { body, flags });
        uid
    }

    pub(super) fn has_unnamed(&self, place: usize) -> bool {
        let mut rows = self.base[place].entries.iter();
        let mut mails = self.remote[place].values();
        rows.any(|row| row.message_id.is_none()) || mails.any(|mail| !mail.body.named())
    }

    pub(super) fn renumber(&mut self, place: usize) {
        let serial = self.serial() + 1;
        self.validity[place] = UidValidity::new(serial).unwrap();
        let old = std::mem::take(&mut self.remote[place]);
        for mail in old.into_values() {
            self.new_mail(place, mail.body, mail.flags);
        }
        self.compared.clear();
    }

    pub(super) fn input(&self) -> AccountInput {
        let mailboxes = (0..BOXES).map(|at| {
            let local = LocalView {
                files: self.local[at]
                    .iter()
                    .map(|(id, file)| LocalMessage {
                        id: id.clone(),
                        flags: file.flags.clone(),
                        stamp: file.stamp,
                    })
                    .collect(),
                scope: self.scope.clone(),
            };
            let mut present = UidSet::new();
            self.remote[at].keys().for_each(|uid| present.insert(*uid));
            let remote = RemoteView {
                uidvalidity: Some(self.validity[at]),
                uidnext: None,
                modseq: None,
                exists: u32::try_from(self.remote[at].len()).unwrap(),
                permanent: PermanentFlags::everything(),
                read_only: false,
                listed: self.remote[at]
                    .iter()
                    .map(|(uid, mail)| RemoteMessage {
                        uid: *uid,
                        flags: mail.flags.clone(),
                        size: None,
                    })
                    .collect(),
                presence: Presence::Exactly(present),
            };
            MailboxInput {
                local: diff_local(&self.base[at], &local),
                remote: diff_remote(&self.base[at], &remote),
                base: self.base[at].clone(),
                scope: self.scope.clone(),
                permanent: PermanentFlags::everything(),
                writable: true,
                remote_gone: false,
                marker_lost: false,
                recovering: self.recovering[at],
            }
        });
        AccountInput {
            mailboxes: mailboxes.collect(),
            whole: true,
            holds: self.holds.clone(),
            ..AccountInput::default()
        }
    }

    /// Answers every need until there is none.
    pub(super) fn learn(&self, input: &AccountInput) -> Known {
        let mut known = Known {
            remote: self.compared.clone(),
            ..Known::default()
        };
        for _ in 0..3 {
            let needs = needs(input, &known);
            if needs.is_empty() {
                return known;
            }
            for (mailbox, uids) in &needs.remote {
                for uid in uids.iter() {
                    let body = self.remote[at(*mailbox)][&uid].body;
                    let identity = body.identity(body.date(), false);
                    known.remote.entry((*mailbox, uid)).or_insert(identity);
                }
            }
            for (mailbox, files) in &needs.local {
                for id in files {
                    let file = &self.local[at(*mailbox)][id];
                    let identity = file
                        .body
                        .identity(file.stamp.mtime_ns / 1_000_000_000, true);
                    let verbatim = None;
                    known
                        .local
                        .insert((*mailbox, id.clone()), LocalKnown { identity, verbatim });
                }
            }
        }
        panic!("the needs never end");
    }

    pub(super) fn plan(&self) -> Plan {
        let input = self.input();
        plan(&input, &self.learn(&input), &self.policy)
    }

    /// The watermarks move when everything has been done.
    pub(super) fn finish(&mut self) {
        for at in 0..BOXES {
            self.base[at].mailbox.uidvalidity = Some(self.validity[at]);
            self.recovering[at] = false;
        }
    }

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
    pub(super) fn apply(&mut self, op: &Op) {
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
            Op::DeleteLocal { row } => {
                self.deletions += 1;
                let entry = self.find(*row);
                let file = self.local[at(entry.mailbox)]
                    .remove(&entry.local.unwrap())
                    .unwrap();
                assert_eq!(file.stamp, entry.stamp, "an edited file is never deleted");
                self.drop(*row);
            }
            Op::DeleteRemote { row } => {
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

    /// What each side holds, as it would look on the other.
    pub(super) fn contents(&self, side: Side) -> Vec<Vec<(Body, Flags)>> {
        let sorted = |mut all: Vec<(Body, Flags)>| {
            all.sort();
            all
        };
        (0..BOXES)
            .map(|at| match side {
                Side::Local => sorted(
                    self.local[at]
                        .values()
                        .map(|file| (file.body, file.flags.clone()))
                        .collect(),
                ),
                Side::Remote => sorted(
                    self.remote[at]
                        .values()
                        .map(|mail| (mail.body, self.scope.visible(&mail.flags)))
                        .collect(),
                ),
            })
            .collect()
    }

    /// How often a content is there on a side.
    pub(super) fn counts(&self, side: Side) -> BTreeMap<Body, usize> {
        let mut counts = BTreeMap::new();
        for (body, _) in self.contents(side).into_iter().flatten() {
            *counts.entry(body).or_default() += 1;
        }
        counts
    }

    pub(super) fn bodies(&self) -> BTreeSet<Body> {
        let both = [Side::Local, Side::Remote].map(|side| self.counts(side));
        both.into_iter().flat_map(BTreeMap::into_keys).collect()
    }
}
