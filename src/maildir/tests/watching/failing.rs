//! Watches that cannot be set, watchers that die, and a root that goes away.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use notify::{
    Error, ErrorKind, EventHandler, RecursiveMode, WatchPathConfig, Watcher, WatcherKind,
};
use rustix::io::Errno;

use super::*;

/// A watcher that allows so many watches only.
struct Short {
    inner: Box<dyn Watcher + Send>,
    room: Arc<AtomicUsize>,
}

impl Watcher for Short {
    fn new<F: EventHandler>(_: F, _: notify::Config) -> notify::Result<Self> {
        Err(Error::generic("not used"))
    }

    fn watch(&mut self, path: &Path, _: RecursiveMode) -> notify::Result<()> {
        self.watch_with(path, WatchPathConfig::new(RecursiveMode::NonRecursive))
    }

    fn watch_with(&mut self, path: &Path, config: WatchPathConfig) -> notify::Result<()> {
        let left = self.room.load(Ordering::SeqCst);
        if left == 0 {
            return Err(Error::new(ErrorKind::MaxFilesWatch));
        }
        self.room.store(left - 1, Ordering::SeqCst);
        self.inner.watch_with(path, config)
    }

    fn unwatch(&mut self, path: &Path) -> notify::Result<()> {
        self.inner.unwatch(path)
    }

    fn update_paths(&mut self, ops: Vec<notify::PathOp>) -> Result<(), notify::UpdatePathsError> {
        self.inner.update_paths(ops)
    }

    fn configure(&mut self, config: notify::Config) -> notify::Result<bool> {
        self.inner.configure(config)
    }

    fn kind() -> WatcherKind {
        WatcherKind::Inotify
    }
}

#[tokio::test]
async fn folders_beyond_the_limit_are_named_and_watched_when_there_is_room() {
    let folders = ["INBOX", "A", "B", "C", "D", "E"];
    let fixture = Fixture::new(Layout::Nested, &folders).await;
    // The root and INBOX with all it has.
    let room = Arc::new(AtomicUsize::new(4));
    let inner = Arc::clone(&room);
    let opener = Box::new(move |handler| -> notify::Result<Box<dyn Watcher + Send>> {
        let (inner, room) = (inotify(handler)?, Arc::clone(&inner));
        Ok(Box::new(Short { inner, room }))
    });
    let mut watch = fixture
        .account
        .watch_with(opener, Duration::ZERO)
        .await
        .unwrap();
    let coverage = watch.coverage();
    assert_eq!(coverage.unwatched, ["A", "B", "C", "D", "E"].map(mailbox));
    let [warning] = coverage.warnings.as_slice() else {
        panic!("{:?}", coverage.warnings);
    };
    assert!(
        warning.starts_with("mailbox A, mailbox B, mailbox C and 2 more: "),
        "{warning}"
    );
    assert!(
        warning.contains("sysctl fs.inotify.max_user_watches"),
        "{warning}"
    );

    // Trying again does not help yet, and gives no hints.
    fixture.drop_in("INBOX", "1.a");
    assert_eq!(watch.next().await, [at("INBOX")]);
    assert_eq!(watch.coverage(), coverage);

    room.store(1000, Ordering::SeqCst);
    until(&mut watch, &["A", "B", "C", "D", "E"].map(at)).await;
    assert_eq!(watch.coverage(), LocalCoverage::default());
    settle(&mut watch).await;
    fixture.drop_in("E", "1.a");
    assert_eq!(watch.drain().await, [at("E")]);
}

#[tokio::test]
async fn without_a_watcher_all_folders_are_unwatched_until_there_is_one() {
    let fixture = Fixture::nested().await;
    let refusals = AtomicUsize::new(2);
    let opener = Box::new(move |handler| -> notify::Result<Box<dyn Watcher + Send>> {
        let left = refusals.load(Ordering::SeqCst);
        if left > 0 {
            refusals.store(left - 1, Ordering::SeqCst);
            return Err(Error::io(io::Error::from(Errno::MFILE)));
        }
        inotify(handler)
    });
    let mut watch = fixture
        .account
        .watch_with(opener, Duration::ZERO)
        .await
        .unwrap();
    let coverage = watch.coverage();
    assert_eq!(coverage.unwatched, ["Archive/2026", "INBOX"].map(mailbox));
    let [warning] = coverage.warnings.as_slice() else {
        panic!("{:?}", coverage.warnings);
    };
    assert!(
        warning.contains("sysctl fs.inotify.max_user_instances"),
        "{warning}"
    );
    assert_eq!(watch.next().await, [Hint::Everything]);
    assert_eq!(watch.coverage(), coverage, "the second refusal");
    assert_eq!(watch.next().await, [Hint::Everything]);
    assert_eq!(watch.coverage(), LocalCoverage::default());
    fixture.drop_in("INBOX", "1.a");
    assert_eq!(watch.drain().await, [at("INBOX")]);
}

fn is_about(event: &notify::Result<notify::Event>, file: &str) -> bool {
    let paths = event.iter().flat_map(|event| &event.paths);
    paths.into_iter().any(|path| path.ends_with(file))
}

#[tokio::test]
async fn a_watcher_that_dies_is_replaced_and_everything_is_hinted_at() {
    let fixture = Fixture::nested().await;
    let opener = Box::new(|mut handler: Handler| {
        inotify(move |event: notify::Result<notify::Event>| {
            assert!(!is_about(&event, "deadly"), "on purpose");
            handler.handle_event(event);
        })
    });
    let mut watch = fixture.account.watch_with(opener, LIMIT).await.unwrap();
    fixture.put("INBOX/new/deadly", b"x");
    until(&mut watch, &[Hint::Everything]).await;
    settle(&mut watch).await;
    fixture.drop_in("Archive/2026", "1.a");
    assert_eq!(watch.drain().await, [at("Archive/2026")]);
}

#[tokio::test]
async fn an_error_of_the_watcher_is_a_hint_for_everything() {
    let fixture = Fixture::nested().await;
    let opener = Box::new(|mut handler: Handler| {
        inotify(move |event: notify::Result<notify::Event>| {
            handler.handle_event(if is_about(&event, "bad") {
                Err(Error::generic("bad"))
            } else {
                event
            });
        })
    });
    let mut watch = fixture.account.watch_with(opener, LIMIT).await.unwrap();
    fs::write(fixture.path("INBOX/new/bad"), b"").unwrap();
    until(&mut watch, &[Hint::Everything]).await;
    settle(&mut watch).await;
    fixture.drop_in("INBOX", "1.a");
    assert_eq!(watch.drain().await, [at("INBOX")]);
}

#[tokio::test]
async fn a_root_that_goes_away_is_told_and_watched_again_when_it_is_back() {
    let fixture = Fixture::nested().await;
    let mut watch = fixture.account.watch().await.unwrap();
    let (root, aside) = (fixture.path(""), fixture.home.path().join("aside"));
    for round in 0..3 {
        if round == 0 {
            fs::remove_dir_all(&root).unwrap();
        } else {
            fs::rename(&root, &aside).unwrap();
        }
        until(&mut watch, &[Hint::Everything]).await;
        settle(&mut watch).await;
        let coverage = watch.coverage();
        assert!(coverage.warnings[0].contains("not there"), "{coverage:?}");
        if round == 0 {
            for part in ["cur", "new", "tmp"] {
                fs::create_dir_all(fixture.path("INBOX").join(part)).unwrap();
            }
        } else {
            fs::rename(&aside, &root).unwrap();
        }
        assert_eq!(watch.next().await, [Hint::Everything]);
        assert_eq!(watch.coverage(), LocalCoverage::default());
        fixture.drop_in("INBOX", "1.a");
        assert_eq!(watch.drain().await, [at("INBOX")]);
    }
}

#[tokio::test]
async fn another_root_in_the_same_place_is_noticed() {
    let fixture = Fixture::nested().await;
    let link = fixture.home.path().join("link");
    let account = MaildirAccount::open(Settings {
        root: link.clone(),
        layout: Layout::Nested,
        follow: FollowLinks::default(),
        names: FolderNames::default(),
        host: "test".to_owned(),
        notes: NotePlaces::default(),
    })
    .unwrap();
    std::os::unix::fs::symlink(fixture.path(""), &link).unwrap();
    let opener = Box::new(inotify);
    let mut watch = account.watch_with(opener, Duration::ZERO).await.unwrap();
    // Like a volume that is mounted over the root: no event comes of it.
    let other = Fixture::nested().await;
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(other.path(""), &link).unwrap();
    assert_eq!(watch.next().await, [Hint::Everything]);
    other.drop_in("INBOX", "1.a");
    assert_eq!(watch.drain().await, [at("INBOX")]);
}
