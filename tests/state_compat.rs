//! A state that version 1 wrote can be opened for ever, and nothing in it is lost.
#![allow(clippy::unwrap_used, reason = "helpers of a test")]

use std::fs;
use std::path::Path;

use mailferry::engine::ports::{Serial, Store};
use mailferry::mail::{
    Digest, Flag, Flags, Identity, Keyword, LocalId, MailboxName, MessageIdHash, ModSeq, Uid,
    UidValidity,
};
use mailferry::store::{SqliteReader, SqliteStore, database_path};
use mailferry::sync::{
    Change, Deletion, Entry, EntryState, FileStamp, Hold, HoldId, HoldKind, HoldVerdict, Intent,
    IntentId, IntentKind, MailboxId, MailboxRecord, Parked, RowId, Side,
};

const FIXTURE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/state-v1.sqlite"
);

fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

fn mailbox() -> MailboxRecord {
    MailboxRecord {
        id: MailboxId(1),
        name: MailboxName::inbox(),
        role: None,
        uidvalidity: UidValidity::new(1_700_000_000),
        uidnext: Uid::new(12),
        modseq: ModSeq::new(345),
        marker: "00112233445566778899aabbccddeeff".to_owned(),
        object_id: Some("M1".to_owned()),
        last_sync: Some(1_700_000_100),
        problem: None,
    }
}

fn entry() -> Entry {
    Entry {
        row: RowId(1),
        mailbox: MailboxId(1),
        uid: Uid::new(11),
        local: local(),
        flags: flags(),
        size: 4321,
        date: 1_600_000_000,
        message_id: Some(MessageIdHash([1; 16])),
        digest: Some(Digest([2; 32])),
        content: None,
        raw: true,
        stamp: FileStamp {
            inode: u64::MAX,
            size: 4300,
            mtime_ns: 1_600_000_000_000_000_001,
        },
        state: EntryState::Linked,
        hold: Some(HoldId(1)),
    }
}

fn local() -> Option<LocalId> {
    LocalId::new(b"1600000000.R0123.host\xff")
}

fn flags() -> Flags {
    Flags::new()
        .with(Flag::Seen)
        .with_keyword(Keyword::forwarded())
}

fn identity() -> Identity {
    entry().identity()
}

fn intent() -> Intent {
    Intent {
        id: IntentId(1),
        kind: IntentKind::Upload {
            mailbox: MailboxId(1),
            local: local().unwrap(),
            identity: identity(),
            flags: flags(),
            uidvalidity: UidValidity::new(1_700_000_000).unwrap(),
            uidnext: Uid::new(12).unwrap(),
            replaces: None,
        },
        since: 1_700_000_050,
    }
}

fn parked() -> Parked {
    Parked {
        mailbox: MailboxId(1),
        uid: Uid::new(5),
        local: None,
        reason: "no body".to_owned(),
        attempts: 2,
        retry_at: 1_700_000_900,
    }
}

fn hold() -> Hold {
    Hold {
        id: HoldId(1),
        mailbox: MailboxId(1),
        side: Side::Remote,
        kind: HoldKind::Flood,
        since: 1_700_000_060,
        reason: "many".to_owned(),
        verdict: HoldVerdict::Open,
    }
}

fn deletion() -> Deletion {
    Deletion {
        row: RowId(2),
        mailbox: MailboxId(1),
        side: Side::Local,
        at: 1_700_000_070,
        identity: identity(),
        flags: flags(),
        trash_path: Some(b".mailferry-trash/x".to_vec()),
    }
}

#[test]
fn a_state_of_version_1_opens() {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(FIXTURE, database_path(dir.path(), "work")).unwrap();
    let opened = block(SqliteStore::open(dir.path(), "work")).unwrap();
    assert_eq!(opened.damaged, None);
    let store = opened.store;
    let id = block(store.id()).unwrap();
    assert!(id.id.len() == 32 && id.epoch == 3 && !id.fresh);
    let base = block(store.base(MailboxId(1))).unwrap();
    assert_eq!(base.mailbox, mailbox());
    assert_eq!(base.entries, [entry()]);
    assert_eq!(block(store.intents()).unwrap(), [intent()]);
    assert_eq!(block(store.parked()).unwrap(), [parked()]);
    assert_eq!(block(store.holds()).unwrap(), [hold()]);
    assert_eq!(block(store.deletions(0)).unwrap(), [deletion()]);
    assert_eq!(block(store.batches()).unwrap()[0].name, "INBOX");
    assert_eq!(block(store.reserve(Serial::Mailbox)).unwrap(), 2);
    assert_eq!(block(store.fact("server")).unwrap().unwrap(), "Example");
    let reader = SqliteReader::open(store.path()).unwrap().unwrap();
    assert_eq!(reader.holds().unwrap(), [(hold(), 1)]);
}

/// Made the fixture; run again only for a new form, with another name.
#[test]
#[ignore = "writes the fixture of the newest form"]
fn write_the_fixture() {
    let dir = tempfile::tempdir().unwrap();
    let store = block(SqliteStore::open(dir.path(), "work")).unwrap().store;
    let changes = vec![
        Change::PutMailbox(mailbox()),
        Change::PutHold(hold()),
        Change::PutEntry(entry()),
        Change::PutIntent(intent()),
        Change::Park(parked()),
        Change::PutDeletion(deletion()),
    ];
    block(store.commit(changes)).unwrap();
    block(store.set_epoch(3, None)).unwrap();
    block(store.set_fact("server", Some("Example".to_owned()))).unwrap();
    block(store.close()).unwrap();
    let target = Path::new(FIXTURE);
    assert!(!target.exists(), "a released fixture is never replaced");
    fs::copy(database_path(dir.path(), "work"), target).unwrap();
}
