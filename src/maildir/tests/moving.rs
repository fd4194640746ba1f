use super::*;
use crate::engine::Reach;

const DAY: &str = "2026-01-02";

#[tokio::test]
async fn relabelling_moves_between_new_and_cur_and_keeps_strange_letters() {
    let fixture = Fixture::nested().await;
    let inbox = MailboxName::inbox();
    fixture.put("INBOX/new/fresh", b"x");
    fixture.put("INBOX/new/quiet", b"x");
    fixture.put("INBOX/cur/odd:2,QSz", b"x");
    fixture.put("INBOX/cur/bare", b"x");
    let files = [
        (id("fresh"), seen()),
        (id("quiet"), Flags::new()),
        (id("odd"), Flags::new().with(Flag::Flagged)),
        (
            id("bare"),
            Flags::new().with_keyword(crate::mail::Keyword::forwarded()),
        ),
        (id("gone"), seen()),
    ];
    let results = fixture.account.relabel(&inbox, &files).await.unwrap();
    assert!(results[..4].iter().all(Result::is_ok));
    assert_eq!(results[4].as_ref().unwrap_err().reach, Reach::Message);
    assert_eq!(fixture.names("INBOX/new"), [b"quiet".to_vec()]);
    let names: Vec<Vec<u8>> = [&b"bare:2,P"[..], b"fresh:2,S", b"odd:2,FQz"]
        .map(<[u8]>::to_vec)
        .to_vec();
    assert_eq!(fixture.names("INBOX/cur"), names);
    let clear = [(id("fresh"), Flags::new())];
    fixture.account.relabel(&inbox, &clear).await.unwrap();
    assert!(fixture.path("INBOX/cur/fresh:2,").exists());
}

#[tokio::test]
async fn a_thousand_files_are_relabelled_with_one_listing() {
    let fixture = Fixture::nested().await;
    let files: Vec<(LocalId, Flags)> = (0..1000)
        .map(|number| (id(&format!("m{number}")), seen()))
        .collect();
    for (file, _) in &files {
        fixture.put(&format!("INBOX/new/{file}"), b"x");
    }
    let inbox = MailboxName::inbox();
    let start = std::time::Instant::now();
    let results = fixture.account.relabel(&inbox, &files).await.unwrap();
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(fixture.names("INBOX/cur").len(), 1000);
    assert!(start.elapsed() < std::time::Duration::from_secs(2));
}

#[tokio::test]
async fn relocating_keeps_the_name_and_whether_it_was_looked_at() {
    let fixture = Fixture::nested().await;
    let (inbox, archive) = (MailboxName::inbox(), mailbox("Archive/2026"));
    fixture.put("INBOX/new/fresh", b"1");
    fixture.put("INBOX/cur/old:2,S", b"2");
    fixture.put("INBOX/cur/taken:2,S", b"3");
    fixture.put("Archive/2026/cur/taken:2,F", b"4");
    let files = [
        (id("fresh"), Flags::new()),
        (id("old"), seen().with(Flag::Flagged)),
        (id("taken"), seen()),
    ];
    let results = fixture
        .account
        .relocate(&inbox, &archive, &files)
        .await
        .unwrap();
    assert!(results[0].is_ok() && results[1].is_ok() && results[2].is_err());
    assert!(fixture.path("Archive/2026/new/fresh").exists());
    assert!(fixture.path("Archive/2026/cur/old:2,FS").exists());
    assert!(fixture.path("INBOX/cur/taken:2,S").exists());
}

/// A power cut in the middle of a rename may leave both names.
#[tokio::test]
async fn a_rename_that_left_the_old_name_is_finished() {
    let fixture = Fixture::nested().await;
    let (inbox, archive) = (MailboxName::inbox(), mailbox("Archive/2026"));
    fixture.put("Archive/2026/cur/other:2,S", b"0");
    let link = |from: &str, to: &str| {
        fixture.put(from, b"1");
        fs::hard_link(fixture.path(from), fixture.path(to)).unwrap();
    };
    link("INBOX/cur/same:2,S", "Archive/2026/cur/same:2,S");
    link("INBOX/cur/flagged:2,S", "Archive/2026/cur/flagged:2,F");
    link("INBOX/new/fresh", "Archive/2026/cur/fresh:2,S");
    let files = ["same", "flagged", "fresh"].map(|name| (id(name), seen()));
    let moved = fixture.account.relocate(&inbox, &archive, &files);
    assert!(moved.await.unwrap().iter().all(Result::is_ok));
    assert!(fixture.names("INBOX/cur").is_empty() && fixture.names("INBOX/new").is_empty());
    let names = [&b"flagged:2,S"[..], b"fresh:2,S", b"other:2,S", b"same:2,S"];
    assert_eq!(fixture.names("Archive/2026/cur"), names);

    link("INBOX/new/read", "INBOX/cur/read:2,S");
    let read = [(id("read"), seen())];
    let relabelled = fixture.account.relabel(&inbox, &read);
    assert!(relabelled.await.unwrap()[0].is_ok());
    assert!(fixture.names("INBOX/new").is_empty());
    assert_eq!(fixture.names("INBOX/cur"), [b"read:2,S".to_vec()]);
}

/// Two names of one file are one name too many only where one was to become the other.
#[tokio::test]
async fn a_file_is_never_taken_for_what_it_would_be_renamed_over() {
    let fixture = Fixture::nested().await;
    let (inbox, archive) = (MailboxName::inbox(), mailbox("Archive/2026"));
    fixture.put("INBOX/cur/a:2,S", b"1");
    fixture.put("Archive/2026/cur/a:2,S", b"1");
    let linked = fixture.path("INBOX/cur/b:2,S");
    fs::hard_link(fixture.path("INBOX/cur/a:2,S"), linked).unwrap();
    let files = [(id("a"), seen())];
    let moved = fixture.account.relocate(&inbox, &archive, &files);
    assert!(moved.await.unwrap()[0].is_err());
    let same = fixture.account.relocate(&inbox, &inbox, &files);
    let _ = same.await;
    assert_eq!(fixture.names("INBOX/cur").len(), 2);
    assert_eq!(fixture.names("Archive/2026/cur").len(), 1);
}

#[tokio::test]
async fn the_trash_gives_back_what_it_took() {
    let fixture = Fixture::nested().await;
    let archive = mailbox("Archive/2026");
    fixture.put("Archive/2026/cur/a:2,FS", b"mail");
    fixture.put("Archive/2026/new/b", b"mail");
    let stamp = fixture.stamp("Archive/2026", &id("a")).await;
    let other = FileStamp {
        size: 99,
        ..fixture.stamp("Archive/2026", &id("b")).await
    };
    let files = [(id("a"), stamp), (id("b"), other)];
    let mut results = fixture.account.trash(&archive, &files, DAY).await.unwrap();
    assert_eq!(results[1].as_ref().unwrap_err().reach, Reach::Message);
    assert!(
        fixture.path("Archive/2026/new/b").exists(),
        "a changed file stays"
    );
    let path = results.remove(0).unwrap();
    let text = std::str::from_utf8(&path).unwrap();
    assert_eq!(text, ".mailferry-trash/2026-01-02/Archive/2026/a:2,FS");
    assert!(fixture.path(text).exists());
    // Another file took the name meanwhile.
    fixture.put("INBOX/cur/a:2,", b"other");
    let inbox = MailboxName::inbox();
    let back = fixture
        .account
        .untrash(&path, &inbox, &seen())
        .await
        .unwrap();
    assert_ne!(back, id("a"));
    let restored = fs::read(fixture.path(&format!("INBOX/cur/{back}:2,S"))).unwrap();
    assert_eq!(restored, b"mail");
    assert!(
        fixture
            .account
            .untrash(&path, &inbox, &seen())
            .await
            .is_err()
    );
}

/// A Maildir that was copied, or came back from a backup, has new inodes throughout.
#[tokio::test]
async fn a_new_inode_keeps_no_file_from_the_trash() {
    let fixture = Fixture::nested().await;
    fixture.put("INBOX/cur/a:2,S", b"mail");
    let seen = fixture.stamp("INBOX", &id("a")).await;
    let agreed = FileStamp {
        inode: seen.inode + 1,
        ..seen
    };
    let files = [(id("a"), agreed)];
    let inbox = MailboxName::inbox();
    let results = fixture.account.trash(&inbox, &files, DAY).await.unwrap();
    assert!(results[0].is_ok());
}

#[tokio::test]
async fn settling_needs_no_trash_but_the_folder() {
    let fixture = Fixture::nested().await;
    let inbox = MailboxName::inbox();
    fixture.put("INBOX/cur/a:2,S", b"x");
    let days = [DAY.to_owned(), "2026-01-01".to_owned()];
    fixture.account.settle(&inbox, &days).await.unwrap();
    let view = fixture.account.scan(&inbox).await.unwrap();
    let file = [(view.files[0].id.clone(), view.files[0].stamp)];
    fixture.account.trash(&inbox, &file, DAY).await.unwrap();
    fixture.account.settle(&inbox, &days).await.unwrap();
    let none = MailboxName::parse("None").unwrap();
    assert!(fixture.account.settle(&none, &days).await.is_err());
}

#[tokio::test]
async fn the_trash_keeps_two_files_of_one_name() {
    let fixture = Fixture::nested().await;
    let inbox = MailboxName::inbox();
    let mut paths = Vec::new();
    for content in [&b"1"[..], b"2"] {
        fixture.put("INBOX/cur/a:2,S", content);
        let stamp = fixture.stamp("INBOX", &id("a")).await;
        let mut results = fixture
            .account
            .trash(&inbox, &[(id("a"), stamp)], DAY)
            .await
            .unwrap();
        paths.push(results.remove(0).unwrap());
    }
    assert_ne!(paths[0], paths[1]);
    assert_eq!(fixture.names(".mailferry-trash/2026-01-02/INBOX").len(), 2);
}

#[tokio::test]
async fn nothing_but_the_trash_is_given_back() {
    let fixture = Fixture::nested().await;
    fixture.put("INBOX/cur/a:2,S", b"x");
    let inbox = MailboxName::inbox();
    for path in [
        &b"INBOX/cur/a:2,S"[..],
        b".mailferry-trash/../INBOX/cur/a:2,S",
        b".mailferry-trash//a",
        b"/etc/passwd",
        b".mailferry-trash/x\0/y",
        b"",
    ] {
        assert!(
            fixture
                .account
                .untrash(path, &inbox, &seen())
                .await
                .is_err()
        );
    }
    assert!(fixture.path("INBOX/cur/a:2,S").exists());
}

#[tokio::test]
async fn sweeping_takes_old_days_and_our_own_leftovers_only() {
    let fixture = Fixture::nested().await;
    for path in ["2025-12-31/INBOX/x", "2026-01-02/INBOX/y", "keep/z"] {
        let path = fixture.path(".mailferry-trash").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"x").unwrap();
    }
    let outside = fixture.home.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("precious"), b"x").unwrap();
    let link = fixture.path(".mailferry-trash/2025-12-31/link");
    std::os::unix::fs::symlink(&outside, link).unwrap();
    let ours = format!("INBOX/tmp/{}.R{:032x}.test", now(), 7);
    fixture.put(&ours, b"x");
    fixture.put("INBOX/tmp/somebody-else", b"x");
    fixture.account.sweep(DAY).await.unwrap();
    assert_eq!(fixture.names(".mailferry-trash").len(), 2);
    assert!(outside.join("precious").exists());
    assert_eq!(
        fixture.names("INBOX/tmp").len(),
        2,
        "a file of today may be in use"
    );
    assert!(fixture.account.sweep("../x").await.is_err());
}
