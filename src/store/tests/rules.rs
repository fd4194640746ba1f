//! Batches of deletions, what a commit must leave unique, and numbers.

use super::*;

#[test]
fn deletions_of_a_commit_are_batches_and_grow_old() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let deletion = |row, side, at| Deletion {
        row: RowId(row),
        mailbox: MailboxId(1),
        side,
        at,
        identity: entry(row, 1, None).identity(),
        flags: keywords(&["k"]).with(Flag::Seen),
        trash_path: (side == Side::Local).then(|| b"\xffx".to_vec()),
    };
    let all = [
        deletion(1, Side::Local, 10),
        deletion(2, Side::Local, 11),
        deletion(3, Side::Remote, 11),
        deletion(4, Side::Local, 20),
    ];
    commit(&store, vec![Change::PutMailbox(mailbox(1, "INBOX"))]);
    commit(
        &store,
        all[..3].iter().cloned().map(Change::PutDeletion).collect(),
    );
    let store = reopen(store, dir.path());
    commit(
        &store,
        vec![
            Change::PutDeletion(all[3].clone()),
            Change::DropMailbox(MailboxId(1)),
        ],
    );
    assert_eq!(block(store.deletions(11)).unwrap(), all[1..]);
    let found = block(store.batches()).unwrap();
    let brief: Vec<_> = found
        .iter()
        .map(|batch| (batch.batch, batch.side, batch.at, batch.count))
        .collect();
    assert_eq!(
        brief,
        [
            (1, Side::Local, 10, 2),
            (2, Side::Remote, 11, 1),
            (3, Side::Local, 20, 1)
        ]
    );
    assert!(found.iter().all(|batch| batch.name == "INBOX"));
    assert_eq!(block(store.deletions_of(1)).unwrap(), all[..2]);
    block(store.prune(20)).unwrap();
    assert_eq!(block(store.batches()).unwrap(), found[2..]);
    block(store.forget_batch(3)).unwrap();
    assert!(block(store.deletions(0)).unwrap().is_empty());
    commit(&store, vec![Change::PutDeletion(all[0].clone())]);
    assert_eq!(block(store.batches()).unwrap()[0].batch, 4);
}

#[test]
fn two_messages_never_share_a_uid_or_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    commit(
        &store,
        vec![
            Change::PutMailbox(mailbox(1, "INBOX")),
            Change::PutEntry(entry(1, 1, Some(1))),
            Change::PutEntry(entry(2, 1, Some(2))),
        ],
    );
    let refused = |changes| {
        let fault = block(store.commit(changes)).unwrap_err();
        let error = fault.source.downcast_ref::<StoreError>().unwrap();
        assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
        error.to_string()
    };
    let same_file = Entry {
        local: entry(1, 1, Some(1)).local,
        ..entry(3, 1, Some(3))
    };
    let said = refused(vec![
        Change::DropEntry(RowId(2)),
        Change::PutEntry(entry(4, 1, Some(1))),
    ]);
    assert!(said.contains("row 4 with UID 1 in mailbox 1"), "{said}");
    refused(vec![Change::PutEntry(same_file)]);
    refused(vec![Change::PutEntry(entry(5, 77, Some(5)))]);
    refused(vec![Change::PutMailbox(mailbox(2, "INBOX"))]);
    let relink = |row: i64, uid| {
        let file = entry(row, 1, Some(1)).local;
        let (row, mailbox) = (RowId(row), MailboxId(1));
        let (uid, local) = (uid, file);
        Change::Relink {
            row,
            mailbox,
            uid,
            local,
        }
    };
    refused(vec![relink(1, Uid::new(2)), relink(2, Uid::new(1))]);
    assert_eq!(base(&store, 1).entries.len(), 2, "all or nothing");
    commit(
        &store,
        vec![
            relink(1, None),
            relink(2, Uid::new(1)),
            relink(1, Uid::new(2)),
        ],
    );
    assert_eq!(base(&store, 1).entries[0].uid, Uid::new(2));
}

#[test]
fn mailboxes_can_swap_names_in_one_commit() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let put = |id, name| Change::PutMailbox(mailbox(id, name));
    commit(&store, vec![put(1, "a"), put(2, "b")]);
    commit(&store, vec![put(1, "b"), put(2, "a")]);
    assert_eq!(block(store.mailboxes()).unwrap()[0].name.as_str(), "b");
}

#[test]
fn numbers_never_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert_eq!(block(store.reserve_rows(10)).unwrap(), RowId(1));
    assert_eq!(block(store.reserve_rows(1)).unwrap(), RowId(11));
    assert_eq!(block(store.reserve(Serial::Mailbox)).unwrap(), 1);
    commit(
        &store,
        vec![
            Change::PutMailbox(mailbox(1, "INBOX")),
            Change::PutEntry(entry(40, 1, Some(1))),
            Change::DropEntry(RowId(40)),
            Change::DropMailbox(MailboxId(1)),
        ],
    );
    assert_eq!(block(store.reserve_rows(1)).unwrap(), RowId(41));
    let store = reopen(store, dir.path());
    assert_eq!(block(store.reserve_rows(1)).unwrap(), RowId(41));
    assert_eq!(block(store.reserve(Serial::Mailbox)).unwrap(), 2);
    assert_eq!(block(store.reserve(Serial::Hold)).unwrap(), 1);
    assert_eq!(block(store.reserve(Serial::Intent)).unwrap(), 1);
}

#[test]
fn the_same_content_is_found_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    commit(
        &store,
        vec![
            Change::PutMailbox(mailbox(1, "INBOX")),
            Change::PutEntry(entry(1, 1, Some(1))),
            Change::PutEntry(entry(251, 1, Some(2))),
            Change::PutEntry(entry(501, 1, None)),
        ],
    );
    let digest = Digest([1; 32]);
    let found = block(store.with_digest(&[digest, digest, Digest([77; 32])])).unwrap();
    let rows: Vec<i64> = found.iter().map(|entry| entry.row.0).collect();
    assert_eq!(rows, [1, 251]);
    let rows = block(store.entries(&[RowId(501), RowId(9), RowId(1)])).unwrap();
    assert_eq!(rows, [entry(501, 1, None), entry(1, 1, Some(1))]);
    assert_eq!(block(store.count(MailboxId(1))).unwrap(), 3);
}
