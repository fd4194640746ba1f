//! What the state costs. Numbers are printed (`--nocapture`); the bounds are loose, for a busy machine.
#![allow(clippy::print_stderr, reason = "measurements are for people")]

use std::time::Instant;

use super::*;

fn row(number: i64) -> Entry {
    let mut digest = [0; 32];
    let mixed = number
        .cast_unsigned()
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .to_be_bytes();
    digest[..8].copy_from_slice(&mixed);
    let uid = u32::try_from(number).unwrap();
    Entry {
        local: Some(local(&format!(
            "1700000000.R{:032x}.host",
            u128::from(number.cast_unsigned()) << 64
        ))),
        digest: Some(Digest(digest)),
        ..entry(number, 1, Some(uid))
    }
}

fn fill(store: &SqliteStore, rows: i64) {
    commit(store, vec![Change::PutMailbox(mailbox(1, "INBOX"))]);
    let mut next = 1;
    while next <= rows {
        let batch = next..(next + 512).min(rows + 1);
        next = batch.end;
        commit(store, batch.map(row).map(Change::PutEntry).collect());
    }
}

#[test]
fn twenty_thousand_rows_are_quick() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let start = Instant::now();
    fill(&store, 20_000);
    let took = start.elapsed();
    eprintln!("20,000 rows in 40 commits: {took:?}");
    assert!(took.as_secs() < 5);
}

#[test]
#[ignore = "a measurement: run with --release --nocapture --ignored"]
fn a_hundred_thousand_rows() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let start = Instant::now();
    fill(&store, 100_000);
    eprintln!("100,000 rows: {:?}", start.elapsed());
    let start = Instant::now();
    assert_eq!(base(&store, 1).entries.len(), 100_000);
    eprintln!("base: {:?}", start.elapsed());
    let start = Instant::now();
    block(store.close()).unwrap();
    eprintln!("close: {:?}", start.elapsed());
    let start = Instant::now();
    let store = open(dir.path());
    eprintln!("open: {:?}", start.elapsed());
    let start = Instant::now();
    block(store.call(|session| {
        session.read("check", |conn| {
            conn.query_row("PRAGMA quick_check(1)", [], |_| Ok(()))
        })
    }))
    .unwrap();
    eprintln!("quick_check: {:?}", start.elapsed());
    let start = Instant::now();
    for number in 1..=100 {
        commit(&store, vec![Change::SetFlags(RowId(number), Flags::new())]);
    }
    eprintln!("one flag, one commit: {:?}", start.elapsed() / 100);
    let size = store.path().metadata().unwrap().len();
    eprintln!("file: {} KiB", size / 1024);
}
