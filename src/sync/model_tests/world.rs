//! A server and a Maildir in memory, and the state between them, carried along the way the engine does it.

mod act;

use std::collections::{BTreeMap, BTreeSet};

use crate::mail::*;
use crate::sync::*;

pub(super) const BOXES: usize = 3;

/// A message's content: some share a Message-ID, some share size and date, some have no Message-ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Body(pub u16);

impl Body {
    pub(super) fn named(self) -> bool {
        !self.0.is_multiple_of(4)
    }

    pub(super) fn identity(self, date: i64, digest: bool) -> Identity {
        let size = if self.named() {
            100 + u64::from(self.0)
        } else {
            50
        };
        let message_id = self
            .named()
            .then_some(MessageIdHash([(self.0 % 7) as u8; 16]));
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
                    labels: Vec::new(),
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
                token: None,
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
            focus: None,
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
            known
                .unsynced
                .extend(needs.unsynced.iter().map(|row| (*row, None)));
            for (mailbox, files) in &needs.local {
                for id in files {
                    let file = &self.local[at(*mailbox)][id];
                    let identity = file
                        .body
                        .identity(file.stamp.mtime_ns / 1_000_000_000, true);
                    let content = Content {
                        digest: ContentDigest(identity.digest.unwrap().0),
                        bare: identity.size,
                        copied: false,
                    };
                    let found = LocalKnown {
                        identity,
                        verbatim: None,
                        content,
                    };
                    known.local.insert((*mailbox, id.clone()), found);
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
