use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

#[tokio::test]
async fn only_messages_are_listed_each_once_and_in_order() {
    let fixture = Fixture::nested().await;
    fixture.put("INBOX/new/b", b"x");
    fixture.put("INBOX/new/with-info:2,S", b"x");
    fixture.put("INBOX/cur/a:2,FS", b"x");
    fixture.put("INBOX/cur/odd:1,S", b"x");
    fixture.put("INBOX/cur/plain", b"x");
    fixture.put("INBOX/cur/.hidden:2,S", b"x");
    fixture.put("INBOX/cur/empty:2,", b"");
    fs::create_dir(fixture.path("INBOX/cur/directory")).unwrap();
    symlink("/etc/passwd", fixture.path("INBOX/cur/link:2,")).unwrap();
    fs::hard_link(fixture.path("INBOX/new/b"), fixture.path("INBOX/cur/b:2,R")).unwrap();
    fixture.put("INBOX/cur/twice:2,", b"1");
    fixture.put("INBOX/cur/twice:2,S", b"2");
    let view = fixture.account.scan(&MailboxName::inbox()).await.unwrap();
    let listed: Vec<String> = view
        .files
        .iter()
        .map(|file| format!("{} {}", file.id, file.flags))
        .collect();
    assert_eq!(listed[0], "a \\Flagged \\Seen");
    assert_eq!(listed[1], "b \\Answered");
    assert_eq!(listed[2..5], ["empty ", "odd ", "plain "]);
    assert!(listed[5].starts_with("twice "));
    assert_eq!(listed[6..], ["with-info \\Seen"]);
}

/// Does something to the folder; whether its token tells.
async fn tells(fixture: &Fixture, act: impl FnOnce()) -> bool {
    let inbox = MailboxName::inbox();
    let view = fixture.account.scan(&inbox).await.unwrap();
    let token = view.token.expect("a file system that can be trusted");
    let before = fixture.account.unchanged(&inbox, &token).await.unwrap();
    assert_eq!(before, Some(view.scope));
    act();
    let after = fixture.account.unchanged(&inbox, &token).await.unwrap();
    after.is_none()
}

#[tokio::test]
async fn a_token_tells_of_whatever_the_directories_show() {
    let fixture = Fixture::nested().await;
    let path = |name: &str| fixture.path("INBOX").join(name);
    let write = |name: &str, content: &[u8]| fs::write(path(name), content).unwrap();
    let rename = |from: &str, to: &str| fs::rename(path(from), path(to)).unwrap();
    assert!(!tells(&fixture, || ()).await);
    assert!(tells(&fixture, || write("new/a", b"x")).await);
    assert!(tells(&fixture, || rename("new/a", "cur/a:2,")).await);
    assert!(tells(&fixture, || rename("cur/a:2,", "cur/a:2,S")).await);
    assert!(tells(&fixture, || write("dovecot-keywords", b"0 Work\n")).await);
    assert!(!tells(&fixture, || write("cur/a:2,S", b"edited in place")).await);
    assert!(tells(&fixture, || fs::remove_file(path("cur/a:2,S")).unwrap()).await);
    // Another directory with the same content and times, as from a backup.
    let restored = || {
        let was = fs::metadata(path("cur")).unwrap().modified().unwrap();
        fs::remove_dir(path("cur")).unwrap();
        fs::create_dir(path("cur")).unwrap();
        fs::File::open(path("cur"))
            .unwrap()
            .set_modified(was)
            .unwrap();
    };
    assert!(tells(&fixture, restored).await);
}

#[tokio::test]
async fn names_that_are_no_text_are_names() {
    let fixture = Fixture::nested().await;
    let name = std::ffi::OsStr::from_bytes(b"\xff\xfe\n\x1b:2,Szz");
    fs::write(fixture.path("INBOX/cur").join(name), b"x").unwrap();
    let inbox = MailboxName::inbox();
    let view = fixture.account.scan(&inbox).await.unwrap();
    assert_eq!(view.files[0].id.as_bytes(), b"\xff\xfe\n\x1b");
    let files = [(view.files[0].id.clone(), Flags::new().with(Flag::Draft))];
    let results = fixture.account.relabel(&inbox, &files).await.unwrap();
    assert!(results[0].is_ok());
    assert_eq!(
        fixture.names("INBOX/cur"),
        [b"\xff\xfe\n\x1b:2,Dz".to_vec()]
    );
}

#[tokio::test]
async fn a_folder_without_its_parts_is_an_error_and_not_empty() {
    let fixture = Fixture::nested().await;
    fs::remove_dir(fixture.path("INBOX/new")).unwrap();
    let fault = fixture
        .account
        .scan(&MailboxName::inbox())
        .await
        .unwrap_err();
    assert_eq!(fault.reach, crate::engine::Reach::Mailbox);
    let nowhere = fixture.account.scan(&mailbox("Nowhere")).await;
    assert!(nowhere.is_err());
    symlink("/etc", fixture.path("INBOX/new")).unwrap();
    assert!(fixture.account.scan(&MailboxName::inbox()).await.is_err());
}

#[tokio::test]
async fn dovecot_keywords_are_keywords() {
    let fixture = Fixture::nested().await;
    fixture.put("INBOX/dovecot-keywords", b"0 $Junk\n3 Work\n");
    fixture.put("INBOX/cur/a:2,Sadz", b"x");
    let inbox = MailboxName::inbox();
    let view = fixture.account.scan(&inbox).await.unwrap();
    assert_eq!(view.files[0].flags.to_string(), "\\Seen $Junk Work");
    assert_eq!(view.scope.lettered.len(), 2);
    let mut flags = view.files[0].flags.clone();
    flags.clear_keyword(&crate::mail::Keyword::new("work").unwrap());
    flags.set_keyword(crate::mail::Keyword::new("Hidden").unwrap());
    let results = fixture.account.relabel(&inbox, &[(id("a"), flags)]).await;
    assert!(results.unwrap()[0].is_ok());
    assert_eq!(fixture.names("INBOX/cur"), [b"a:2,Saz".to_vec()]);
    let text = fs::read(fixture.path("INBOX/dovecot-keywords")).unwrap();
    assert_eq!(text, b"0 $Junk\n3 Work\n");
}

/// Renames between `new` and `cur` and back without a pause while `busy`.
fn rename_all(fixture: &Fixture, count: usize, busy: &AtomicBool, pause: std::time::Duration) {
    let (new, cur) = (fixture.path("INBOX/new"), fixture.path("INBOX/cur"));
    let mut number = 0;
    while busy.load(Ordering::Relaxed) {
        let plain = new.join(format!("m{number:04}"));
        let seen = cur.join(format!("m{number:04}:2,S"));
        let other = cur.join(format!("m{number:04}:2,FS"));
        fs::rename(&plain, &seen).unwrap();
        fs::rename(&seen, &other).unwrap();
        fs::rename(&other, &plain).unwrap();
        number = (number + 1) % count;
        std::thread::sleep(pause);
    }
}

#[tokio::test]
async fn a_hundred_scans_beside_a_renamer_are_right_or_refused() {
    let fixture = Fixture::nested().await;
    let count = 500;
    for number in 0..count {
        fixture.put(&format!("INBOX/new/m{number:04}"), b"x");
    }
    for pause in [0, 1500] {
        let busy = AtomicBool::new(true);
        let pause = std::time::Duration::from_micros(pause);
        let tries = if pause.is_zero() { 10 } else { 100 };
        let core = &fixture.account.core;
        let right: Vec<usize> = std::thread::scope(|scope| {
            scope.spawn(|| rename_all(&fixture, count, &busy, pause));
            let scans = (0..tries).filter_map(|_| match core.scan(&MailboxName::inbox()) {
                Ok(view) => Some(view.files.len()),
                Err(error) => {
                    assert!(matches!(error, Error::Restless(_)));
                    None
                }
            });
            let right = scans.collect();
            busy.store(false, Ordering::Relaxed);
            right
        });
        assert!(right.iter().all(|files| *files == count));
        assert!(
            pause.is_zero() || right.len() > 50,
            "hardly any scan came through: {}",
            right.len()
        );
    }
}
