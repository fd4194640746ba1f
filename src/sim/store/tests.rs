use super::*;
use crate::engine::ports::{Serial, Store};
use crate::mail::{Flags, LocalId, MailboxName, Uid};
use crate::sim::steps::When;
use crate::sim::{World, block_on};
use crate::sync::{Change, EntryState, FileStamp};

fn record(id: i64, name: &str) -> MailboxRecord {
    MailboxRecord {
        id: MailboxId(id),
        name: MailboxName::parse(name).unwrap(),
        role: None,
        uidvalidity: None,
        uidnext: None,
        modseq: None,
        marker: "m".to_owned(),
        object_id: None,
        last_sync: None,
        problem: None,
    }
}

fn entry(row: i64, uid: u32, local: &str) -> Entry {
    Entry {
        row: RowId(row),
        mailbox: MailboxId(1),
        uid: Uid::new(uid),
        local: LocalId::new(local.as_bytes()),
        flags: Flags::new(),
        size: 1,
        date: 1,
        message_id: None,
        digest: None,
        content: None,
        raw: true,
        stamp: FileStamp::default(),
        state: EntryState::Delivering,
        hold: None,
    }
}

fn commit(world: &World, changes: Vec<Change>) -> Result<(), crate::engine::Fault> {
    block_on(world.store.commit(changes))
}

#[test]
fn a_commit_is_whole_or_nothing() {
    let world = World::new(1);
    commit(&world, vec![Change::PutMailbox(record(1, "INBOX"))]).unwrap();
    let bad = vec![
        Change::PutEntry(entry(1, 1, "a")),
        Change::PutEntry(Entry {
            mailbox: MailboxId(99),
            ..entry(2, 1, "a")
        }),
    ];
    assert!(commit(&world, bad).is_err());
    assert!(world.store.entries_now().is_empty());
    world.steps.reset();
    world.steps.stop_at(1, When::Before);
    assert!(commit(&world, vec![Change::PutEntry(entry(1, 1, "a"))]).is_err());
    world.restart(true);
    assert!(world.store.entries_now().is_empty());
    commit(
        &world,
        vec![
            Change::PutEntry(entry(1, 1, "a")),
            Change::Delivered(RowId(1), FileStamp::default()),
        ],
    )
    .unwrap();
    assert_eq!(world.store.entries_now()[0].state, EntryState::Linked);
}

#[test]
#[should_panic(expected = "two rows have one UID")]
fn two_rows_never_have_one_uid() {
    let world = World::new(1);
    let changes = vec![
        Change::PutMailbox(record(1, "INBOX")),
        Change::PutEntry(entry(1, 1, "a")),
        Change::PutEntry(entry(2, 1, "b")),
    ];
    let _ = commit(&world, changes);
}

#[test]
#[should_panic(expected = "two rows have one file")]
fn two_rows_never_have_one_file() {
    let world = World::new(1);
    let changes = vec![
        Change::PutMailbox(record(1, "INBOX")),
        Change::PutEntry(entry(1, 1, "a")),
        Change::PutEntry(entry(2, 2, "a")),
    ];
    let _ = commit(&world, changes);
}

#[test]
fn forgotten_uids_may_come_back_to_other_rows() {
    let world = World::new(1);
    let changes = vec![
        Change::PutMailbox(record(1, "INBOX")),
        Change::PutEntry(entry(1, 1, "a")),
        Change::PutEntry(entry(2, 2, "b")),
        Change::ForgetUids(MailboxId(1)),
        Change::Relink {
            row: RowId(2),
            mailbox: MailboxId(1),
            uid: Uid::new(1),
            local: LocalId::new(b"b"),
        },
    ];
    commit(&world, changes).unwrap();
    let rows = world.store.entries_now();
    assert_eq!((rows[0].uid, rows[1].uid), (None, Uid::new(1)));
}

#[test]
fn starting_over_drops_rows_and_watermarks_and_changes_the_id() {
    let world = World::new(1);
    commit(
        &world,
        vec![
            Change::PutMailbox(record(1, "INBOX")),
            Change::PutEntry(entry(1, 1, "a")),
        ],
    )
    .unwrap();
    let before = block_on(world.store.id()).unwrap();
    let after = block_on(world.store.start_over()).unwrap();
    assert_ne!(before.id, after.id);
    assert!(world.store.entries_now().is_empty());
    assert_ne!(world.store.mailboxes_now()[0].marker, "m");
}

#[test]
fn a_state_is_fresh_until_an_epoch_is_settled() {
    let world = World::new(1);
    assert!(block_on(world.store.id()).unwrap().fresh);
    block_on(world.store.set_epoch(1, Some(2))).unwrap();
    world.restart(false);
    assert!(block_on(world.store.id()).unwrap().fresh);
    block_on(world.store.set_epoch(2, None)).unwrap();
    let old = world.store.snapshot();
    world.restart(false);
    let known = block_on(world.store.id()).unwrap();
    assert!(!known.fresh);
    world.store.lose();
    world.restart(false);
    let lost = block_on(world.store.id()).unwrap();
    assert!(lost.fresh && lost.id != known.id && lost.epoch == 1);
    world.store.restore(old);
    assert_eq!(block_on(world.store.id()).unwrap().id, known.id);
}

#[test]
fn a_change_of_what_is_not_there_changes_nothing() {
    let world = World::new(1);
    commit(&world, vec![Change::SetFlags(RowId(99), Flags::new())]).unwrap();
    assert!(world.store.entries_now().is_empty());
}

#[test]
fn numbers_are_never_given_twice() {
    let world = World::new(1);
    let first = block_on(world.store.reserve_rows(3)).unwrap();
    let second = block_on(world.store.reserve_rows(1)).unwrap();
    assert_eq!(second.0, first.0 + 3);
    let a = block_on(world.store.reserve(Serial::Hold)).unwrap();
    assert_ne!(a, block_on(world.store.reserve(Serial::Mailbox)).unwrap());
}
