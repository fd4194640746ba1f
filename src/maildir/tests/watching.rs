//! The watch over real directories and the real inotify. Events are awaited; "no event" is shown by
//! [`MaildirWatch::drain`], which waits for all that has happened.

mod bursts;
mod failing;
mod folders;
mod limits;

use std::collections::BTreeSet;
use std::fs::{FileTimes, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::super::watch::{Handler, MaildirWatch, real as inotify};
use super::*;
use crate::engine::ports::{Hint, LocalCoverage, LocalWatch};

/// Longer than any event takes on any machine.
const LIMIT: Duration = Duration::from_secs(120);

fn at(name: &str) -> Hint {
    Hint::Mailbox(mailbox(name))
}

/// Waits until all of these hints have come; gives back all that came.
async fn until(watch: &mut MaildirWatch, wanted: &[Hint]) -> BTreeSet<Hint> {
    let mut came = BTreeSet::new();
    while !wanted.iter().all(|hint| came.contains(hint)) {
        let next = tokio::time::timeout(LIMIT, watch.next()).await;
        let Ok(hints) = next else {
            panic!("waited for {wanted:?}, only {came:?} came");
        };
        assert!(!hints.is_empty(), "woken for nothing");
        came.extend(hints);
    }
    came
}

/// Takes what there is to take, until nothing comes of looking after it any more.
async fn settle(watch: &mut MaildirWatch) -> BTreeSet<Hint> {
    let mut came = BTreeSet::new();
    loop {
        let hints = watch.drain().await;
        if hints.is_empty() {
            return came;
        }
        came.extend(hints);
    }
}

impl Fixture {
    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    /// Delivers the way Maildir's inventor has it.
    fn drop_in(&self, folder: &str, name: &str) {
        self.put(&format!("{folder}/tmp/{name}"), b"x: y\n\nz\n");
        self.rename(
            &format!("{folder}/tmp/{name}"),
            &format!("{folder}/new/{name}"),
        );
    }
}

#[tokio::test]
async fn whatever_happens_to_a_file_hints_at_its_mailbox() {
    let fixture = Fixture::nested().await;
    let mut watch = fixture.account.watch().await.unwrap();
    assert_eq!(watch.coverage(), LocalCoverage::default());
    let inbox = [at("INBOX")];
    let acts: [(&str, &dyn Fn()); 6] = [
        ("deliver", &|| fixture.drop_in("INBOX", "1.a")),
        ("see", &|| {
            fixture.rename("INBOX/new/1.a", "INBOX/cur/1.a:2,");
        }),
        ("flag", &|| {
            fixture.rename("INBOX/cur/1.a:2,", "INBOX/cur/1.a:2,S");
        }),
        ("edit", &|| {
            let path = fixture.path("INBOX/cur/1.a:2,S");
            let mut file = OpenOptions::new().append(true).open(path).unwrap();
            file.write_all(b"more\n").unwrap();
        }),
        ("keywords", &|| {
            fixture.put("INBOX/dovecot-keywords", b"0 Work\n");
        }),
        ("delete", &|| {
            fs::remove_file(fixture.path("INBOX/cur/1.a:2,S")).unwrap();
        }),
    ];
    for (what, act) in acts {
        act();
        let came = until(&mut watch, &inbox).await;
        assert_eq!(came, BTreeSet::from(inbox.clone()), "{what}");
        let rest = settle(&mut watch).await;
        assert!(rest.is_subset(&came), "{what}: {rest:?}");
    }
}

#[tokio::test]
async fn an_edit_is_told_while_the_file_is_still_open() {
    let fixture = Fixture::nested().await;
    fixture.put("INBOX/cur/1.a:2,S", b"x");
    let mut watch = fixture.account.watch().await.unwrap();
    let path = fixture.path("INBOX/cur/1.a:2,S");
    let mut file = OpenOptions::new().append(true).open(path).unwrap();
    assert!(settle(&mut watch).await.is_empty(), "opening is no edit");
    file.write_all(b"y").unwrap();
    until(&mut watch, &[at("INBOX")]).await;
    drop(file);
    until(&mut watch, &[at("INBOX")]).await;
}

#[tokio::test]
async fn a_move_between_folders_hints_at_both() {
    let fixture = Fixture::nested().await;
    fixture.put("INBOX/cur/1.a:2,S", b"x");
    let mut watch = fixture.account.watch().await.unwrap();
    fixture.rename("INBOX/cur/1.a:2,S", "Archive/2026/cur/1.a:2,S");
    let wanted = [at("Archive/2026"), at("INBOX")];
    assert_eq!(until(&mut watch, &wanted).await, BTreeSet::from(wanted));
}

#[tokio::test]
async fn reading_writing_in_tmp_and_attributes_wake_nobody() {
    let fixture = Fixture::nested().await;
    for number in 0..200 {
        fixture.put(&format!("INBOX/cur/{number}.a:2,S"), b"x: y\n\nz\n");
    }
    let mut watch = fixture.account.watch().await.unwrap();
    let inbox = mailbox("INBOX");
    let view = fixture.account.scan(&inbox).await.unwrap();
    let files: Vec<LocalId> = view.files.into_iter().map(|file| file.id).collect();
    assert_eq!(files.len(), 200);
    fixture.account.inspect(&inbox, &files).await.unwrap();
    fixture.account.folders().await.unwrap();
    let token = view.token.unwrap();
    fixture.account.unchanged(&inbox, &token).await.unwrap();
    for entry in fs::read_dir(fixture.path("INBOX/cur")).unwrap() {
        let path = entry.unwrap().path();
        fs::read(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let file = OpenOptions::new().read(true).open(&path).unwrap();
        // Both times, as touch(1) does: the kernel takes a new mtime alone for a write.
        let times = FileTimes::new()
            .set_accessed(UNIX_EPOCH)
            .set_modified(UNIX_EPOCH);
        file.set_times(times).unwrap();
    }
    fixture.put("INBOX/tmp/1.b", b"x");
    assert_eq!(watch.drain().await, []);
    let (events, _, watched) = watch.figures();
    assert_eq!(events, 0, "the kernel told of reads");
    // The root, INBOX, Archive and Archive/2026, and twice `cur` and `new`.
    assert_eq!(watched, 8);
    fixture.drop_in("INBOX", "1.c");
    until(&mut watch, &[at("INBOX")]).await;
    let (events, ..) = watch.figures();
    assert_eq!(events, 1, "a delivery is one event");
}

#[tokio::test]
async fn our_own_acts_are_silent_after_a_drain() {
    let fixture = Fixture::nested().await;
    let account = fixture.account.clone();
    let mut watch = account.watch().await.unwrap();
    let messages = vec![b"x: y\r\n\r\nz\r\n".to_vec(); 10];
    let staged = fixture.stage("INBOX", &messages, 100).await;
    assert_eq!(
        watch.drain().await,
        [],
        "nothing is told before it is published"
    );
    let files: Vec<(Staged, Flags)> = staged.iter().map(|one| (one.clone(), seen())).collect();
    account.publish(&mailbox("INBOX"), &files).await.unwrap();
    let first = files[0].0.local.clone();
    let stamp = fixture.stamp("INBOX", &first).await;
    let trashed = account
        .trash(&mailbox("INBOX"), &[(first, stamp)], "2026-11-23")
        .await
        .unwrap();
    assert!(trashed[0].is_ok());
    account
        .create_folder(&mailbox("New"), &marker("0b"))
        .await
        .unwrap();
    account.mark_root(&marker("00fe")).await.unwrap();
    let hints = settle(&mut watch).await;
    let wanted = [at("INBOX"), at("New"), Hint::Mailboxes];
    assert_eq!(hints, BTreeSet::from(wanted));
    assert_eq!(watch.drain().await, []);
    fs::remove_file(fixture.path("New/.mailferry")).unwrap();
    assert_eq!(watch.next().await, [Hint::Mailboxes]);
}

#[tokio::test]
async fn a_wait_that_is_given_up_loses_nothing() {
    let fixture = Fixture::nested().await;
    let mut watch = fixture.account.watch().await.unwrap();
    let mut came = BTreeSet::new();
    for number in 0..50 {
        let name = format!("Made{number}");
        for part in ["tmp", "new", "cur"] {
            fs::create_dir_all(fixture.path(&name).join(part)).unwrap();
        }
        fixture.drop_in(&name, "1.a");
        tokio::select! {
            biased;
            hints = watch.next() => came.extend(hints),
            () = tokio::task::yield_now() => {}
        }
    }
    came.extend(settle(&mut watch).await);
    for number in 0..50 {
        let hint = at(&format!("Made{number}"));
        assert!(came.contains(&hint), "{hint:?}");
    }
}
