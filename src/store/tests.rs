//! Every change through a reopen, against a plain model; the numbers; the facts.

mod files;
mod model;
mod outbox;
mod rules;
mod speed;

use std::path::Path;

use super::*;
use crate::engine::ports::{LetterStore, Serial, StateId, Store};
use crate::mail::{
    ContentDigest, Digest, Flag, Flags, Keyword, LocalId, MailboxName, MessageIdHash, ModSeq,
    SpecialUse, Uid, UidValidity, Uidl,
};
use crate::sync::{
    Base, Change, Entry, EntryState, FileStamp, FolderToken, Hold, HoldKind, Intent, IntentId,
    IntentKind, KnownLetter, Letter, LetterId, LetterState, MailboxId, MailboxRecord, News, NewsId,
    Parked, Rest, RowId, Side, Tidings, Watermark, What,
};

fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

fn open(dir: &Path) -> SqliteStore {
    block(SqliteStore::open(dir, "work")).unwrap().store
}

fn reopen(store: SqliteStore, dir: &Path) -> SqliteStore {
    block(store.close()).unwrap();
    open(dir)
}

fn mailbox(id: i64, name: &str) -> MailboxRecord {
    MailboxRecord {
        id: MailboxId(id),
        name: MailboxName::parse(name).unwrap(),
        role: None,
        uidvalidity: None,
        uidnext: None,
        modseq: None,
        marker: format!("{id:032x}"),
        object_id: None,
        last_sync: None,
        problem: None,
    }
}

fn entry(row: i64, mailbox: i64, uid: Option<u32>) -> Entry {
    let byte = u8::try_from(row % 250).unwrap();
    Entry {
        row: RowId(row),
        mailbox: MailboxId(mailbox),
        uid: uid.and_then(Uid::new),
        local: uid.map(|_| local(&format!("1700000000.R{row}.host"))),
        flags: Flags::new().with(Flag::Seen),
        size: 1000 + u64::from(byte),
        date: -5,
        message_id: Some(MessageIdHash([byte; 16])),
        digest: Some(Digest([byte; 32])),
        content: Some(ContentDigest([byte ^ 1; 32])),
        raw: false,
        stamp: FileStamp {
            inode: u64::MAX - 3,
            size: 990,
            mtime_ns: -1_500_000_000,
        },
        state: EntryState::Delivering,
        hold: None,
    }
}

fn local(name: &str) -> LocalId {
    LocalId::new(name.as_bytes()).unwrap()
}

fn keywords(words: &[&str]) -> Flags {
    words.iter().fold(Flags::new(), |flags, word| {
        flags.with_keyword(Keyword::new(word).unwrap())
    })
}

fn commit(store: &SqliteStore, changes: Vec<Change>) {
    block(store.commit(changes)).unwrap();
}

fn base(store: &SqliteStore, mailbox: i64) -> Base {
    block(store.base(MailboxId(mailbox))).unwrap()
}

fn full_mailbox() -> MailboxRecord {
    MailboxRecord {
        role: Some(SpecialUse::Sent),
        uidvalidity: UidValidity::new(u32::MAX),
        uidnext: Some(Uid::MAX),
        modseq: ModSeq::new(u64::MAX),
        object_id: Some("F\u{e9}".to_owned()),
        last_sync: Some(12),
        problem: Some("NO".to_owned()),
        ..mailbox(1, "Entw\u{fc}rfe/25%2F")
    }
}

#[test]
fn mailboxes_survive_with_everything_known_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    commit(
        &store,
        vec![
            Change::PutMailbox(full_mailbox()),
            Change::PutMailbox(mailbox(2, "INBOX")),
        ],
    );
    let mark = Watermark {
        uidvalidity: UidValidity::new(7),
        uidnext: Uid::new(8),
        modseq: None,
    };
    let outcome = |at, problem: Option<&str>| Change::SetOutcome {
        mailbox: MailboxId(2),
        at,
        problem: problem.map(str::to_owned),
    };
    commit(
        &store,
        vec![
            Change::SetWatermark(MailboxId(2), mark),
            outcome(Some(99), None),
            outcome(None, Some("BYE")),
        ],
    );
    let store = reopen(store, dir.path());
    let mut second = mailbox(2, "INBOX");
    (second.uidvalidity, second.uidnext) = (mark.uidvalidity, mark.uidnext);
    (second.last_sync, second.problem) = (Some(99), Some("BYE".to_owned()));
    assert_eq!(block(store.mailboxes()).unwrap(), [full_mailbox(), second]);
}

#[test]
fn rows_survive_and_follow_each_change() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    commit(
        &store,
        vec![
            Change::PutEntry(entry(1, 1, Some(1))),
            Change::PutEntry(entry(2, 1, None)),
            Change::PutEntry(entry(3, 1, Some(3))),
            Change::PutMailbox(mailbox(1, "INBOX")),
            Change::PutMailbox(mailbox(2, "Archive")),
        ],
    );
    let store = reopen(store, dir.path());
    let mut first = entry(1, 1, Some(1));
    let mut second = entry(2, 1, None);
    assert_eq!(
        base(&store, 1).entries,
        [first.clone(), second.clone(), entry(3, 1, Some(3))]
    );
    first.stamp = FileStamp::default();
    first.state = EntryState::Linked;
    first.flags = keywords(&["Work", "$Forwarded"]).with(Flag::Draft);
    second.digest = Some(Digest([9; 32]));
    (second.mailbox, second.local) = (MailboxId(2), Some(local("b")));
    commit(
        &store,
        vec![
            Change::Delivered(RowId(1), first.stamp),
            Change::SetFlags(RowId(1), first.flags.clone()),
            Change::SetDigest(RowId(2), Digest([9; 32])),
            Change::Relink {
                row: RowId(2),
                mailbox: MailboxId(2),
                uid: None,
                local: Some(local("b")),
            },
            Change::ForgetUids(MailboxId(1)),
            Change::DropEntry(RowId(3)),
        ],
    );
    first.uid = None;
    let store = reopen(store, dir.path());
    assert_eq!(base(&store, 1).entries, [first]);
    assert_eq!(base(&store, 2).entries, [second]);
    commit(&store, vec![Change::DropMailbox(MailboxId(2))]);
    assert!(block(store.base(MailboxId(2))).is_err());
    assert!(block(store.entries(&[RowId(2)])).unwrap().is_empty());
}

fn all_intents() -> [Intent; 5] {
    let upload = Intent {
        id: IntentId(1),
        kind: IntentKind::Upload {
            mailbox: MailboxId(1),
            local: local("a"),
            identity: entry(1, 1, None).identity(),
            flags: keywords(&["x"]),
            uidvalidity: UidValidity::new(1).unwrap(),
            uidnext: Uid::MIN,
            replaces: Some(RowId(4)),
        },
        since: 5,
    };
    let transfer = |id, copy, local| Intent {
        id: IntentId(id),
        kind: IntentKind::Transfer {
            row: RowId(1),
            to: MailboxId(1),
            uidvalidity: UidValidity::new(1).unwrap(),
            uidnext: Uid::MAX,
            local,
            copy,
        },
        since: -6,
    };
    [
        upload,
        transfer(2, false, None),
        transfer(3, true, Some(local("z"))),
        overdue(4, false),
        overdue(5, true),
    ]
}

fn overdue(id: i64, copied: bool) -> Intent {
    Intent {
        id: IntentId(id),
        kind: IntentKind::Overdue {
            copied,
            mailbox: MailboxId(1),
            identity: entry(2, 2, None).identity(),
            flags: keywords(&["y"]),
            uidvalidity: UidValidity::new(3).unwrap(),
            uidnext: Uid::MAX,
        },
        since: 7,
    }
}

#[test]
fn intents_holds_and_parked_messages_survive() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let intents = all_intents();
    let hold = Hold {
        id: HoldId(1),
        mailbox: MailboxId(1),
        side: Side::Remote,
        kind: HoldKind::MarkerLost,
        since: 8,
        reason: "why".to_owned(),
        verdict: HoldVerdict::Open,
    };
    let parked = |uid, file: Option<&str>, attempts| Parked {
        mailbox: MailboxId(1),
        uid,
        local: file.map(local),
        reason: "too big".to_owned(),
        attempts,
        retry_at: 3,
    };
    let mut changes = vec![
        Change::PutMailbox(mailbox(1, "INBOX")),
        Change::PutEntry(entry(1, 1, Some(1))),
        Change::PutHold(hold.clone()),
        Change::SetHold(vec![RowId(1)], Some(HoldId(1))),
        Change::Park(parked(Some(Uid::MIN), None, 1)),
        Change::Park(parked(Some(Uid::MIN), None, 2)),
        Change::Park(parked(None, Some("f"), 1)),
    ];
    changes.extend(intents.iter().cloned().map(Change::PutIntent));
    commit(&store, changes);
    let store = reopen(store, dir.path());
    assert_eq!(block(store.intents()).unwrap(), intents);
    assert_eq!(block(store.holds()).unwrap(), [hold]);
    assert_eq!(base(&store, 1).entries[0].hold, Some(HoldId(1)));
    assert_eq!(
        block(store.parked()).unwrap(),
        [parked(None, Some("f"), 1), parked(Some(Uid::MIN), None, 2)]
    );
    assert!(block(store.set_verdict(HoldId(1), HoldVerdict::Restore)).unwrap());
    assert!(!block(store.set_verdict(HoldId(9), HoldVerdict::Restore)).unwrap());
    assert_eq!(
        block(store.holds()).unwrap()[0].verdict,
        HoldVerdict::Restore
    );
    let reader = SqliteReader::open(store.path()).unwrap().unwrap();
    assert_eq!(reader.holds().unwrap()[0].1, 1);
    let unpark = |uid, file: Option<&str>| Change::Unpark {
        mailbox: MailboxId(1),
        uid,
        local: file.map(local),
    };
    commit(
        &store,
        vec![
            Change::DropIntent(IntentId(2)),
            Change::DropHold(HoldId(1)),
            unpark(None, Some("f")),
            unpark(None, None),
        ],
    );
    assert_eq!(block(store.intents()).unwrap().len(), 4);
    assert!(block(store.holds()).unwrap().is_empty());
    assert_eq!(base(&store, 1).entries[0].hold, None);
    assert_eq!(
        block(store.parked()).unwrap(),
        [parked(Some(Uid::MIN), None, 2)]
    );
}

#[test]
fn starting_over_keeps_only_names_and_deletions() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let before = block(store.id()).unwrap();
    assert!(before.fresh);
    commit(
        &store,
        vec![
            Change::PutMailbox(full_mailbox()),
            Change::PutEntry(entry(1, 1, Some(1))),
        ],
    );
    block(store.set_epoch(6, Some(7))).unwrap();
    block(store.set_epoch(7, None)).unwrap();
    let store = reopen(store, dir.path());
    let later = block(store.id()).unwrap();
    let expected = StateId {
        epoch: 7,
        fresh: false,
        ..before.clone()
    };
    assert_eq!(later, expected);
    let after = block(store.start_over()).unwrap();
    assert_ne!(after.id, before.id);
    assert!(after.fresh && after.epoch == 1 && after.pending.is_none());
    let record = &block(store.mailboxes()).unwrap()[0];
    assert_ne!(record.marker, full_mailbox().marker);
    assert_eq!(
        (record.uidvalidity, record.uidnext, record.modseq),
        (None, None, None)
    );
    assert_eq!(record.name, full_mailbox().name);
    assert!(base(&store, 1).entries.is_empty());
}

#[test]
fn facts_are_noted_and_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    block(store.set_fact("server", Some("Dovecot".to_owned()))).unwrap();
    block(store.set_fact("problem", Some("x".to_owned()))).unwrap();
    block(store.set_fact("problem", None)).unwrap();
    let store = reopen(store, dir.path());
    assert_eq!(block(store.fact("server")).unwrap().unwrap(), "Dovecot");
    assert_eq!(block(store.fact("problem")).unwrap(), None);
    let reader = SqliteReader::open(store.path()).unwrap().unwrap();
    assert_eq!(reader.facts().unwrap().len(), 1);
}
