//! Inputs for plans, in as few words as possible. Number n is row n, UID n, file n and content n.

use crate::mail::*;
use crate::sync::*;

pub(in crate::sync) struct Fixture {
    pub input: AccountInput,
    pub known: Known,
    pub policy: Policy,
}

pub(in crate::sync) fn uid(number: u32) -> Uid {
    Uid::new(number).unwrap()
}

pub(in crate::sync) fn local(number: u32) -> LocalId {
    LocalId::new(format!("file{number}").as_bytes()).unwrap()
}

pub(in crate::sync) fn flags(text: &str) -> Flags {
    let mut flags = Flags::new();
    text.split_whitespace()
        .for_each(|word| flags.insert_wire(word));
    flags
}

fn row(number: u32) -> RowId {
    RowId(i64::from(number))
}

fn stamp(number: u32) -> FileStamp {
    FileStamp {
        inode: u64::from(number),
        size: 10 + u64::from(number),
        mtime_ns: 5,
    }
}

fn identity(number: u32, digest: bool) -> Identity {
    let byte = u8::try_from(number).unwrap();
    Identity {
        size: 100 + u64::from(number),
        message_id: Some(MessageIdHash([byte; 16])),
        date: 1000,
        digest: digest.then_some(Digest([byte; 32])),
    }
}

/// The canonical content of a file with content `number`.
fn canonical(number: u32) -> Content {
    let known = identity(number, true);
    Content {
        digest: ContentDigest(known.digest.unwrap().0),
        bare: known.size,
        copied: false,
    }
}

/// The operations' names, without what they carry.
pub(in crate::sync) fn op_names(plan: &Plan) -> String {
    let debug = plan.ops.iter().map(|op| format!("{op:?}"));
    let names: Vec<String> = debug
        .map(|text| text.split([' ', '(']).next().unwrap().to_owned())
        .collect();
    names.join(" ")
}

impl Fixture {
    /// Three empty mailboxes, 1 to 3.
    pub(in crate::sync) fn new() -> Self {
        let mailbox = |id: i64| MailboxInput {
            base: Base {
                labels: Vec::new(),
                mailbox: MailboxRecord {
                    id: MailboxId(id),
                    name: MailboxName::parse(&format!("box{id}")).unwrap(),
                    role: None,
                    uidvalidity: UidValidity::new(1),
                    uidnext: None,
                    modseq: None,
                    marker: id.to_string(),
                    object_id: None,
                    last_sync: None,
                    problem: None,
                },
                entries: Vec::new(),
            },
            local: LocalChanges::default(),
            remote: RemoteChanges::default(),
            scope: KeywordScope::default(),
            permanent: PermanentFlags::everything(),
            writable: true,
            remote_gone: false,
            marker_lost: false,
            recovering: false,
        };
        Self {
            input: AccountInput {
                mailboxes: (1..=3).map(mailbox).collect(),
                whole: true,
                focus: None,
                ..AccountInput::default()
            },
            known: Known::default(),
            policy: Policy::default(),
        }
    }

    pub(in crate::sync) fn plan(&self) -> Plan {
        // What is gone was looked for and not found, unless a test says otherwise.
        let mut known = self.known.clone();
        for row in needs(&self.input, &known).unsynced {
            known.unsynced.insert(row, None);
        }
        plan(&self.input, &known, &self.policy)
    }

    pub(in crate::sync) fn at(&mut self, mailbox: usize) -> &mut MailboxInput {
        &mut self.input.mailboxes[mailbox - 1]
    }

    pub(in crate::sync) fn row(&mut self, mailbox: usize, number: u32) {
        let known = identity(number, true);
        let id = self.at(mailbox).base.mailbox.id;
        self.at(mailbox).base.entries.push(Entry {
            row: row(number),
            mailbox: id,
            uid: Some(uid(number)),
            local: Some(local(number)),
            flags: Flags::new(),
            size: known.size,
            date: known.date,
            message_id: known.message_id,
            digest: known.digest,
            content: Some(canonical(number).digest),
            raw: false,
            stamp: stamp(number),
            state: EntryState::Linked,
            hold: None,
        });
    }

    pub(in crate::sync) fn local_flags(&mut self, number: u32, text: &str) {
        self.at(1).local.flags.push((row(number), flags(text)));
    }

    pub(in crate::sync) fn remote_flags(&mut self, number: u32, text: &str) {
        self.at(1).remote.flags.push((row(number), flags(text)));
    }

    pub(in crate::sync) fn local_gone(&mut self, number: u32) {
        self.at(1).local.vanished.push(row(number));
    }

    pub(in crate::sync) fn remote_gone(&mut self, number: u32) {
        self.at(1).remote.vanished.push(row(number));
    }

    pub(in crate::sync) fn local_moved(&mut self, number: u32, to: usize) {
        self.local_gone(number);
        self.at(to).local.appeared.push(LocalMessage {
            id: local(number + 100),
            flags: Flags::new(),
            stamp: stamp(number),
        });
    }

    pub(in crate::sync) fn remote_moved(&mut self, number: u32, to: usize) {
        self.remote_gone(number);
        self.new_mail(to, number + 100, Some(number));
    }

    pub(in crate::sync) fn local_edited(&mut self, number: u32) {
        let file = LocalMessage {
            id: local(number),
            flags: Flags::new(),
            stamp: stamp(number + 50),
        };
        self.at(1).local.edited.push((row(number), file));
        self.knows_file(1, number, number + 50);
    }

    pub(in crate::sync) fn knows_file(&mut self, mailbox: usize, number: u32, content: u32) {
        let id = self.at(mailbox).base.mailbox.id;
        let known = LocalKnown {
            identity: identity(content, true),
            verbatim: None,
            content: canonical(content),
        };
        self.known.local.insert((id, local(number)), known);
    }

    pub(in crate::sync) fn new_mail(&mut self, mailbox: usize, number: u32, content: Option<u32>) {
        self.at(mailbox).remote.appeared.push(RemoteMessage {
            uid: uid(number),
            flags: Flags::new(),
            size: None,
        });
        let id = self.at(mailbox).base.mailbox.id;
        if let Some(content) = content {
            let known = identity(content, false);
            self.known.remote.insert((id, uid(number)), known);
        }
    }

    pub(in crate::sync) fn new_file(&mut self, mailbox: usize, number: u32) {
        self.new_file_of(mailbox, number, number);
    }

    pub(in crate::sync) fn new_file_of(&mut self, mailbox: usize, number: u32, content: u32) {
        self.at(mailbox).local.appeared.push(LocalMessage {
            id: local(number),
            flags: Flags::new(),
            stamp: stamp(number),
        });
        self.knows_file(mailbox, number, content);
    }

    pub(in crate::sync) fn held(
        &mut self,
        number: u32,
        side: Side,
        kind: HoldKind,
        verdict: HoldVerdict,
    ) {
        self.input.holds = vec![Hold {
            id: HoldId(1),
            mailbox: MailboxId(1),
            side,
            kind,
            since: 0,
            reason: String::new(),
            verdict,
        }];
        let entries = &mut self.at(1).base.entries;
        let entry = entries.iter_mut().find(|entry| entry.row == row(number));
        entry.unwrap().hold = Some(HoldId(1));
    }
}
