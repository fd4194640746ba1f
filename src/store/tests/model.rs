//! Random lists of changes, applied to the state and to plain maps, lead to the same.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    mailboxes: BTreeMap<i64, MailboxRecord>,
    rests: BTreeMap<i64, Rest>,
    entries: BTreeMap<i64, Entry>,
    holds: BTreeMap<i64, Hold>,
    intents: BTreeMap<i64, Intent>,
    parked: Vec<Parked>,
    deletions: Vec<Deletion>,
    letters: BTreeMap<i64, Letter>,
    heard: BTreeSet<i64>,
    outbox: Vec<Tidings>,
}

impl Model {
    /// The state after these changes, or nothing if they must be refused.
    fn after(&self, changes: &[Change]) -> Option<Self> {
        let mut next = self.clone();
        for change in changes {
            next.apply(change);
            next.identities_hold().then_some(())?;
        }
        let known = |mailbox: MailboxId| next.mailboxes.contains_key(&mailbox.0);
        let entries = next.entries.values().all(|entry| known(entry.mailbox));
        let holds = next.holds.values().all(|hold| known(hold.mailbox));
        let parked = next.parked.iter().all(|parked| known(parked.mailbox));
        let intents = next.intents.values().all(|intent| known(target(intent)));
        let mut names: Vec<_> = next.mailboxes.values().map(|m| &m.name).collect();
        names.sort();
        let unique = names.windows(2).all(|pair| pair[0] != pair[1]);
        let rests = next.rests.keys().all(|id| known(MailboxId(*id)));
        let heard = next.heard.iter().all(|id| known(MailboxId(*id)));
        (rests && heard && entries && holds && parked && intents && unique).then_some(next)
    }

    fn identities_hold(&self) -> bool {
        let mut uids: Vec<_> = self
            .entries
            .values()
            .filter_map(|e| Some((e.mailbox, e.uid?)))
            .collect();
        let mut files: Vec<_> = self
            .entries
            .values()
            .filter_map(|e| Some((e.mailbox, e.local.clone()?)))
            .collect();
        uids.sort();
        files.sort();
        uids.windows(2).all(|pair| pair[0] != pair[1])
            && files.windows(2).all(|pair| pair[0] != pair[1])
    }

    fn delivering(&self, row: RowId) -> bool {
        let entry = self.entries.get(&row.0);
        entry.is_some_and(|entry| entry.state == EntryState::Delivering)
    }

    /// As it is told: nothing of a message whose delivery is not complete.
    fn told(mut self) -> Self {
        let outbox = std::mem::take(&mut self.outbox);
        self.outbox = outbox
            .into_iter()
            .filter(|it| !self.delivering(it.row))
            .collect();
        self
    }

    fn edit(&mut self, row: RowId, edit: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.entries.get_mut(&row.0) {
            self.rests.remove(&entry.mailbox.0);
            edit(entry);
            self.rests.remove(&entry.mailbox.0);
        }
    }

    fn unpark(&mut self, mailbox: MailboxId, uid: Option<Uid>, local: Option<&LocalId>) {
        self.parked.retain(|parked| {
            let same_uid = uid.is_some() && parked.uid == uid;
            let same_file = local.is_some() && parked.local.as_ref() == local;
            parked.mailbox != mailbox || !(same_uid || same_file)
        });
    }

    #[allow(clippy::too_many_lines, reason = "one flat list of all changes")]
    fn apply(&mut self, change: &Change) {
        match change.clone() {
            Change::PutMailbox(record) => drop(self.mailboxes.insert(record.id.0, record)),
            Change::DropMailbox(id) => {
                let gone: Vec<_> = self
                    .holds
                    .values()
                    .filter(|h| h.mailbox == id)
                    .map(|h| h.id)
                    .collect();
                let known = self.mailboxes.remove(&id.0).is_some();
                for entry in self
                    .entries
                    .values_mut()
                    .filter(|e| e.hold.is_some_and(|h| gone.contains(&h)))
                {
                    self.rests.remove(&entry.mailbox.0);
                    entry.hold = None;
                }
                let lost = |it: &Tidings| {
                    let entry = self.entries.get(&it.row.0);
                    self.delivering(it.row) && entry.is_some_and(|entry| entry.mailbox == id)
                };
                let kept = self.outbox.iter().filter(|it| !lost(it)).cloned().collect();
                self.outbox = kept;
                // What refers to a mailbox that never was is refused at the end, so it must stay.
                if known {
                    self.heard.remove(&id.0);
                    self.rests.remove(&id.0);
                    self.entries.retain(|_, entry| entry.mailbox != id);
                    self.holds.retain(|_, hold| hold.mailbox != id);
                    self.parked.retain(|parked| parked.mailbox != id);
                    self.intents.retain(|_, intent| target(intent) != id);
                }
            }
            Change::SetWatermark(id, mark) => {
                if let Some(record) = self.mailboxes.get_mut(&id.0) {
                    (record.uidvalidity, record.uidnext, record.modseq) =
                        (mark.uidvalidity, mark.uidnext, mark.modseq);
                }
            }
            Change::SetOutcome {
                mailbox,
                at,
                problem,
            } => {
                if let Some(record) = self.mailboxes.get_mut(&mailbox.0) {
                    (record.last_sync, record.problem) = (at.or(record.last_sync), problem);
                }
            }
            Change::PutRest(id, rest) => drop(self.rests.insert(id.0, rest)),
            Change::PutEntry(entry) => {
                self.rests.remove(&entry.mailbox.0);
                if let Some(old) = self.entries.insert(entry.row.0, entry) {
                    self.rests.remove(&old.mailbox.0);
                }
            }
            Change::Delivered(row, stamp) => {
                self.edit(row, |e| (e.stamp, e.state) = (stamp, EntryState::Linked));
            }
            Change::SetFlags(row, flags) => self.edit(row, |e| e.flags = flags),
            Change::SetStamp(row, stamp) => self.edit(row, |e| e.stamp = stamp),
            Change::Relink {
                row,
                mailbox,
                uid,
                local,
            } => {
                self.edit(row, |e| (e.mailbox, e.uid, e.local) = (mailbox, uid, local));
            }
            Change::SetDigest(row, digest) => self.edit(row, |e| e.digest = Some(digest)),
            Change::ForgetUids(id) => {
                for entry in self.entries.values_mut().filter(|e| e.mailbox == id) {
                    if entry.uid.take().is_some() {
                        self.rests.remove(&id.0);
                    }
                }
            }
            Change::DropEntry(row) => {
                if self.delivering(row) {
                    self.outbox.retain(|it| it.row != row);
                }
                if let Some(old) = self.entries.remove(&row.0) {
                    self.rests.remove(&old.mailbox.0);
                }
            }
            Change::PutIntent(intent) => drop(self.intents.insert(intent.id.0, intent)),
            Change::DropIntent(id) => drop(self.intents.remove(&id.0)),
            Change::PutDeletion(deletion) => self.deletions.push(deletion),
            Change::Park(parked) => {
                self.unpark(parked.mailbox, parked.uid, parked.local.as_ref());
                self.parked.push(parked);
            }
            Change::Unpark {
                mailbox,
                uid,
                local,
            } => self.unpark(mailbox, uid, local.as_ref()),
            Change::PutHold(hold) => drop(self.holds.insert(hold.id.0, hold)),
            Change::SetHold(rows, hold) => rows
                .into_iter()
                .for_each(|row| self.edit(row, |e| e.hold = hold)),
            Change::DropHold(id) => {
                for entry in self.entries.values_mut().filter(|e| e.hold == Some(id)) {
                    self.rests.remove(&entry.mailbox.0);
                    entry.hold = None;
                }
                self.holds.remove(&id.0);
            }
            Change::PutLetter(letter) => drop(self.letters.insert(letter.known.id.0, letter)),
            Change::SetLetters(ids, state) => {
                for id in ids {
                    if let Some(letter) = self.letters.get_mut(&id.0) {
                        letter.known.state = state;
                    }
                }
            }
            Change::SetMissing(id, missing) => {
                if let Some(letter) = self.letters.get_mut(&id.0) {
                    letter.known.missing = missing;
                }
            }
            Change::DropLetter(id) => drop(self.letters.remove(&id.0)),
            Change::PutNews(tidings) => self.outbox.push(tidings),
            Change::DropNews(_) | Change::DropOldNews(_) => {}
            Change::Hear(id) => drop(self.heard.insert(id.0)),
            // Tests of their own.
            Change::Begin(_)
            | Change::SetAbsent(_)
            | Change::SetNaming(_)
            | Change::PutLabels(..) => {}
        }
    }
}

fn target(intent: &Intent) -> MailboxId {
    match &intent.kind {
        IntentKind::Upload { mailbox, .. } | IntentKind::Overdue { mailbox, .. } => *mailbox,
        IntentKind::Transfer { to, .. } => *to,
    }
}

fn state(store: &SqliteStore) -> Model {
    let mailboxes = block(store.mailboxes()).unwrap();
    let entries = mailboxes.iter().flat_map(|m| base(store, m.id.0).entries);
    let rests = block(store.rests()).unwrap();
    Model {
        rests: rests.into_iter().map(|(id, rest)| (id.0, rest)).collect(),
        entries: entries.map(|e| (e.row.0, e)).collect(),
        holds: block(store.holds())
            .unwrap()
            .into_iter()
            .map(|h| (h.id.0, h))
            .collect(),
        intents: block(store.intents())
            .unwrap()
            .into_iter()
            .map(|i| (i.id.0, i))
            .collect(),
        letters: block(store.letters())
            .unwrap()
            .into_iter()
            .map(|letter| (letter.known.id.0, letter))
            .collect(),
        parked: block(store.parked()).unwrap(),
        deletions: block(store.deletions(i64::MIN)).unwrap(),
        heard: block(store.heard())
            .unwrap()
            .mailboxes
            .iter()
            .map(|it| it.0)
            .collect(),
        outbox: block(store.news(1000))
            .unwrap()
            .into_iter()
            .map(unnumbered)
            .collect(),
        mailboxes: mailboxes.into_iter().map(|m| (m.id.0, m)).collect(),
    }
}

fn unnumbered(news: News) -> Tidings {
    Tidings {
        row: news.row,
        mailbox: news.mailbox,
        side: news.side,
        at: news.at,
        old: news.old,
        what: news.what,
    }
}

prop_compose! {
    fn flags()(bits in 0u8..32, words in proptest::collection::vec("[a-c]|\\$Forwarded", 0..3)) -> Flags {
        Flags::from_parts(bits, words.iter().filter_map(|word| Keyword::new(word)))
    }
}

fn file() -> impl Strategy<Value = Option<LocalId>> {
    proptest::option::of((0u8..6).prop_map(|n| local(&format!("f{n}"))))
}

fn uid() -> impl Strategy<Value = Option<Uid>> {
    (0u32..6).prop_map(Uid::new)
}

prop_compose! {
    fn any_entry()(row in 1i64..8, mailbox in 1i64..4, uid in uid(), file in file(), flags in flags(), inode: u64,
                   date: i64, raw: bool, digest in proptest::option::of(0u8..3), hold in proptest::option::of(1i64..3), linked: bool) -> Entry {
        Entry {
            uid, flags, date, raw, local: file, hold: hold.map(HoldId), digest: digest.map(|byte| Digest([byte; 32])),
            stamp: FileStamp { inode, size: inode / 3, mtime_ns: date },
            state: if linked { EntryState::Linked } else { EntryState::Delivering },
            ..entry(row, mailbox, None)
        }
    }
}

prop_compose! {
    fn any_letter()(id in 1i64..5, name in 0u8..3, size: u64, since: i64, missing: Option<i64>, state in letter_state()) -> Letter {
        let uidl = Uidl::new(&[b'a' + name]).unwrap();
        Letter {
            known: KnownLetter { id: LetterId(id), uidl, size, since, missing, state },
            octets: size / 2,
            local: local("letter"),
            digest: Digest([name; 32]),
            header: Digest([name + 1; 32]),
        }
    }
}

fn letter_state() -> impl Strategy<Value = LetterState> {
    proptest::sample::select(vec![
        LetterState::Delivering,
        LetterState::Linked,
        LetterState::Deleting,
    ])
}

fn any_event() -> impl Strategy<Value = What> {
    prop_oneof![
        Just(What::New),
        Just(What::Deleted),
        (1i64..4).prop_map(|from| What::Moved {
            from: MailboxId(from)
        }),
        (flags(), flags()).prop_map(|(added, removed)| What::Flags { added, removed }),
    ]
}

fn any_change() -> impl Strategy<Value = Change> {
    let row = || (1i64..8).prop_map(RowId);
    let id = || (1i64..4).prop_map(MailboxId);
    let number = || 1i64..3;
    let stamp = any::<u64>().prop_map(|inode| FileStamp {
        inode,
        size: 1,
        mtime_ns: 2,
    });
    let mark = (uid(), any::<u64>());
    prop_oneof![
        4 => (1i64..4, 0u8..4).prop_map(|(id, name)| Change::PutMailbox(mailbox(id, &format!("m{name}")))),
        1 => id().prop_map(Change::DropMailbox),
        3 => (id(), 0u8..3).prop_map(|(id, token)| Change::PutRest(id, Rest { token: FolderToken(vec![token]), uids: 3,
            since: 5 })),
        2 => (id(), mark).prop_map(|(id, (uidnext, modseq))| Change::SetWatermark(id, Watermark {
            uidvalidity: UidValidity::new(1), uidnext, modseq: ModSeq::new(modseq) })),
        1 => (id(), proptest::option::of(any::<i64>()), proptest::option::of(".{0,3}"))
            .prop_map(|(mailbox, at, problem)| Change::SetOutcome { mailbox, at, problem }),
        10 => any_entry().prop_map(Change::PutEntry),
        2 => (row(), stamp.clone()).prop_map(|(row, stamp)| Change::Delivered(row, stamp)),
        2 => (row(), flags()).prop_map(|(row, flags)| Change::SetFlags(row, flags)),
        1 => (row(), stamp).prop_map(|(row, stamp)| Change::SetStamp(row, stamp)),
        4 => (row(), id(), uid(), file()).prop_map(|(row, mailbox, uid, local)| Change::Relink { row, mailbox, uid, local }),
        1 => (row(), any::<u8>()).prop_map(|(row, byte)| Change::SetDigest(row, Digest([byte; 32]))),
        1 => id().prop_map(Change::ForgetUids),
        2 => row().prop_map(Change::DropEntry),
        2 => (number(), id(), row(), any::<bool>(), file()).prop_map(|(id, to, row, copy, local)| Change::PutIntent(Intent {
            id: IntentId(id), since: 1, kind: IntentKind::Transfer {
                row, to, copy, local, uidnext: Uid::MIN, uidvalidity: UidValidity::new(1).unwrap() } })),
        1 => number().prop_map(|id| Change::DropIntent(IntentId(id))),
        1 => (row(), id(), flags(), any::<bool>()).prop_map(|(row, mailbox, flags, here)| Change::PutDeletion(Deletion {
            row, mailbox, flags, at: 5, identity: entry(row.0, 1, None).identity(), trash_path: None,
            side: if here { Side::Local } else { Side::Remote } })),
        2 => (id(), 1u32..4, any::<u32>()).prop_map(|(mailbox, uid, attempts)| Change::Park(Parked {
            mailbox, uid: Uid::new(uid), local: None, reason: String::new(), attempts, retry_at: 1 })),
        1 => (id(), uid(), file()).prop_map(|(mailbox, uid, local)| Change::Unpark { mailbox, uid, local }),
        2 => (number(), id(), ".{0,3}").prop_map(|(id, mailbox, reason)| Change::PutHold(Hold { id: HoldId(id), mailbox,
            side: Side::Local, kind: HoldKind::Renumbered, since: 1, reason, verdict: HoldVerdict::Approved })),
        1 => (proptest::collection::vec(row(), 0..4), proptest::option::of(number()))
            .prop_map(|(rows, hold)| Change::SetHold(rows, hold.map(HoldId))),
        1 => number().prop_map(|id| Change::DropHold(HoldId(id))),
        3 => any_letter().prop_map(Change::PutLetter),
        1 => (proptest::collection::vec((1i64..5).prop_map(LetterId), 0..3), letter_state())
            .prop_map(|(ids, state)| Change::SetLetters(ids, state)),
        1 => ((1i64..5).prop_map(LetterId), any::<Option<i64>>()).prop_map(|(id, at)| Change::SetMissing(id, at)),
        1 => (1i64..5).prop_map(|id| Change::DropLetter(LetterId(id))),
        1 => id().prop_map(Change::Hear),
        3 => (row(), id(), any::<bool>(), any::<bool>(), any_event()).prop_map(|(row, mailbox, old, here, what)|
            Change::PutNews(Tidings { row, mailbox, old, what, at: 6, side: if here { Side::Local } else { Side::Remote } })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_state_does_what_the_model_does(
        commits in proptest::collection::vec(proptest::collection::vec(any_change(), 1..8), 1..16),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let mut model = Model::default();
        let first = (1..4).map(|id| Change::PutMailbox(mailbox(id, &format!("m{id}")))).collect();
        for changes in std::iter::once(first).chain(commits) {
            let next = model.after(&changes);
            let accepted = block(store.commit(changes)).is_ok();
            prop_assert_eq!(accepted, next.is_some());
            model = next.unwrap_or(model);
        }
        model.parked.sort_by_key(|parked| (parked.mailbox, parked.uid, parked.local.clone()));
        let model = model.told();
        prop_assert_eq!(&state(&store), &model);
        prop_assert_eq!(&state(&reopen(store, dir.path())), &model);
    }
}
