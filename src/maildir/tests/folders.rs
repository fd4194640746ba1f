use super::*;
use crate::engine::Reach;

async fn listed(fixture: &Fixture) -> Vec<String> {
    let folders = fixture.account.folders().await.unwrap();
    folders
        .into_iter()
        .map(|folder| {
            let marker = folder
                .marker
                .map_or_else(|| "-".to_owned(), |marker| marker.id);
            format!("{} {marker}", folder.name)
        })
        .collect()
}

#[tokio::test]
async fn a_root_is_missing_unmarked_or_marked() {
    let home = tempfile::tempdir().unwrap();
    let account = MaildirAccount::open(Settings {
        root: home.path().join("deep/er/mail"),
        layout: Layout::Nested,
        follow: FollowLinks::default(),
        names: FolderNames::default(),
        host: "x".to_owned(),
        notes: NotePlaces::default(),
    })
    .unwrap();
    assert_eq!(account.root().await.unwrap(), Root::Missing);
    fs::create_dir_all(home.path().join("deep/er/mail")).unwrap();
    assert_eq!(
        account.root().await.unwrap(),
        Root::Unmarked { empty: true }
    );
    fs::write(home.path().join("deep/er/mail/file"), b"").unwrap();
    assert_eq!(
        account.root().await.unwrap(),
        Root::Unmarked { empty: false }
    );
    fs::remove_dir_all(home.path().join("deep")).unwrap();
    let mut marker = marker("0123abcd");
    marker.epoch = 3;
    account.mark_root(&marker).await.unwrap();
    assert_eq!(account.root().await.unwrap(), Root::Marked(marker));
    assert_eq!(mode(&home.path().join("deep")), 0o700);
}

#[tokio::test]
async fn nested_folders_are_found_with_their_markers() {
    let fixture = Fixture::new(
        Layout::Nested,
        &["INBOX", "INBOX/cur", "a/b/../c", "v1.2/tmp"],
    )
    .await;
    fs::create_dir_all(fixture.path("plain/dir")).unwrap();
    fs::create_dir_all(fixture.path(".hidden/cur")).unwrap();
    fs::create_dir(fixture.path(".hidden/new")).unwrap();
    fs::create_dir(fixture.path(".hidden/tmp")).unwrap();
    std::os::unix::fs::symlink(fixture.path("INBOX"), fixture.path("Linked")).unwrap();
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(fixture.path("plain/maildir").join(part)).unwrap();
    }
    fs::remove_dir(fixture.path("v1.2/%74mp/new")).unwrap();
    let expected = [
        "INBOX 0a",
        "INBOX/cur 0a",
        "a/b/../c 0a",
        "plain/maildir -",
        "v1.2/tmp 0a",
    ];
    assert_eq!(listed(&fixture).await, expected);
    // Completing a folder is creating it again.
    let name = mailbox("v1.2/tmp");
    assert!(fixture.account.scan(&name).await.is_err());
    fixture
        .account
        .create_folder(&name, &marker("0b"))
        .await
        .unwrap();
    assert!(fixture.account.scan(&name).await.unwrap().files.is_empty());
}

#[tokio::test]
async fn in_maildir_plus_plus_the_root_is_inbox_and_has_both_markers() {
    let fixture = Fixture::new(
        Layout::MaildirPlusPlus,
        &["INBOX", "Archive/v1.2", "mailferry"],
    )
    .await;
    assert_eq!(
        listed(&fixture).await,
        ["Archive/v1.2 0a", "INBOX 0a", "mailferry 0a"]
    );
    assert!(fixture.path(".Archive.v1%2E2/cur").exists());
    assert!(fixture.path("cur").exists());
    let again = marker("00aa");
    fixture.account.mark_root(&again).await.unwrap();
    assert_eq!(fixture.account.root().await.unwrap(), Root::Marked(again));
    assert!(listed(&fixture).await.contains(&"INBOX 0a".to_owned()));
    fixture.put("new/x", b"mail");
    let view = fixture.account.scan(&MailboxName::inbox()).await.unwrap();
    assert_eq!(view.files.len(), 1);
    let stamp = view.files[0].stamp;
    let trashed = fixture
        .account
        .trash(&MailboxName::inbox(), &[(id("x"), stamp)], "2026-01-02")
        .await;
    assert!(trashed.unwrap()[0].is_ok());
    assert_eq!(listed(&fixture).await.len(), 3, "the trash is no folder");
}

/// `notmuch new` ends with an error at a file that is gone when it gets to it, anywhere but in a folder's `tmp`.
#[tokio::test]
async fn no_marker_comes_and_goes_elsewhere_than_in_tmp() {
    use notify::event::{CreateKind, EventKind};
    use notify::{Event, RecursiveMode, Watcher};
    for layout in [Layout::MaildirPlusPlus, Layout::Nested] {
        let fixture = Fixture::new(layout, &["INBOX"]).await;
        let (made, seen) = std::sync::mpsc::channel();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let event = event.unwrap();
            if event.kind == EventKind::Create(CreateKind::File) {
                made.send(event.paths).unwrap();
            }
        })
        .unwrap();
        let root = fixture.path("");
        watcher.watch(&root, RecursiveMode::Recursive).unwrap();
        for epoch in [2, 3] {
            let id = "00ff".to_owned();
            let marker = Marker { id, epoch };
            fixture.account.mark_root(&marker).await.unwrap();
            assert_eq!(fixture.account.root().await.unwrap(), Root::Marked(marker));
        }
        let (inbox, other) = (MailboxName::inbox(), marker("0b"));
        let again = fixture.account.create_folder(&inbox, &other);
        again.await.unwrap();
        fs::write(root.join("last"), b"").unwrap();
        let files = seen
            .iter()
            .flatten()
            .take_while(|path| !path.ends_with("last"));
        let in_tmp: Vec<bool> = files
            .map(|path| path.parent().unwrap().ends_with("tmp"))
            .collect();
        assert_eq!(in_tmp, [true; 3]);
    }
}

#[tokio::test]
async fn renaming_takes_what_is_below_along_and_replaces_nothing() {
    for layout in [Layout::Nested, Layout::MaildirPlusPlus] {
        let fixture = Fixture::new(layout, &["INBOX", "A", "A/x", "AB", "B"]).await;
        let rename = async |from: &str, to: &str| {
            fixture
                .account
                .rename_folder(&mailbox(from), &mailbox(to))
                .await
        };
        assert_eq!(rename("A", "B").await.unwrap_err().reach, Reach::Mailbox);
        rename("A", "new/C").await.unwrap();
        assert!(rename("A", "D").await.is_err());
        let expected = ["AB 0a", "B 0a", "INBOX 0a", "new/C 0a", "new/C/x 0a"];
        assert_eq!(listed(&fixture).await, expected, "{layout:?}");
    }
}

#[tokio::test]
async fn a_folder_with_mail_in_it_is_not_retired() {
    for layout in [Layout::Nested, Layout::MaildirPlusPlus] {
        let fixture = Fixture::new(layout, &["INBOX", "A", "A/x"]).await;
        let a = mailbox("A");
        let directory = if layout == Layout::Nested { "A" } else { ".A" };
        let file = format!("{directory}/new/mail");
        fixture.put(&file, b"x");
        let fault = fixture
            .account
            .retire_folder(&a, "2026-01-02")
            .await
            .unwrap_err();
        assert_eq!(fault.reach, Reach::Mailbox);
        fs::remove_file(fixture.path(&file)).unwrap();
        for _ in 0..2 {
            fixture
                .account
                .retire_folder(&a, "2026-01-02")
                .await
                .unwrap();
            assert_eq!(listed(&fixture).await, ["A/x 0a", "INBOX 0a"]);
            fixture
                .account
                .create_folder(&a, &marker("0c"))
                .await
                .unwrap();
        }
        let trash = format!(".mailferry-trash/2026-01-02/{directory}/cur");
        assert!(fixture.path(&trash).exists());
    }
}

#[tokio::test]
async fn nothing_leaves_the_root_through_a_symlink() {
    let fixture = Fixture::nested().await;
    let outside = fixture.home.path().join("outside");
    fs::create_dir(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, fixture.path("Evil")).unwrap();
    for name in ["Evil", "Evil/deeper", "../outside/x"] {
        let made = fixture
            .account
            .create_folder(&mailbox(name), &marker("0d"))
            .await;
        assert_eq!(made.is_err(), name.starts_with("Evil"), "{name}");
    }
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}
