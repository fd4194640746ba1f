//! Folders that come, go and change their names.

use std::thread;

use rustix::fs::{CWD, RenameFlags};

use super::*;

impl Fixture {
    /// Makes a folder the way other programs do, without a marker.
    fn make(&self, path: &str) {
        for part in ["cur", "new", "tmp"] {
            fs::create_dir_all(self.path(path).join(part)).unwrap();
        }
    }
}

/// Files in `cur` and `new`.
fn count(path: &Path) -> usize {
    ["cur", "new"]
        .iter()
        .filter_map(|part| fs::read_dir(path.join(part)).ok())
        .map(Iterator::count)
        .sum()
}

/// A daemon that lists a folder only when it is hinted at must end up knowing every file.
#[tokio::test]
async fn files_in_a_folder_that_is_just_being_made_are_never_missed() {
    const ROUNDS: usize = 200;
    const FILES: usize = 5;
    let fixture = Fixture::nested().await;
    let mut watch = fixture.account.watch().await.unwrap();
    let root = fixture.path("");
    let (done, mut finished) = tokio::sync::oneshot::channel();
    let writer = thread::spawn(move || {
        for round in 0..ROUNDS {
            let folder = root.join(format!("Burst/Deep{round}/Inner"));
            for part in ["cur", "tmp", "new"] {
                fs::create_dir_all(folder.join(part)).unwrap();
            }
            for file in 0..FILES {
                let temporary = folder.join("tmp").join(format!("{file}.a"));
                fs::write(&temporary, b"x").unwrap();
                fs::rename(&temporary, folder.join("new").join(format!("{file}.a"))).unwrap();
            }
        }
        done.send(()).unwrap();
    });
    let mut known = std::collections::BTreeMap::new();
    let mut ended = false;
    loop {
        let hints = if ended {
            watch.drain().await
        } else {
            tokio::select! {
                hints = watch.next() => hints,
                _ = &mut finished => {
                    ended = true;
                    continue;
                }
            }
        };
        if ended && hints.is_empty() {
            break;
        }
        // More than 256 directories at once are everything: then a daemon lists all folders.
        let everything = hints.contains(&Hint::Everything);
        let named = hints.into_iter().filter_map(|hint| match hint {
            Hint::Mailbox(name) => Some(name),
            _ => None,
        });
        let listed = fixture.account.folders();
        let names: Vec<MailboxName> = if everything {
            listed
                .await
                .unwrap()
                .into_iter()
                .map(|folder| folder.name)
                .collect()
        } else {
            named.collect()
        };
        for name in names {
            let path = fixture.account.path_of(&name).unwrap();
            known.insert(name, count(&path));
        }
    }
    writer.join().unwrap();
    for round in 0..ROUNDS {
        let name = mailbox(&format!("Burst/Deep{round}/Inner"));
        assert_eq!(known.get(&name), Some(&FILES), "{name}");
    }
}

#[tokio::test]
async fn a_renamed_folder_is_watched_under_its_new_name_with_all_below() {
    let fixture = Fixture::nested().await;
    let mut watch = fixture.account.watch().await.unwrap();
    for (from, to) in [("Archive", "Old"), ("Old", "Archive"), ("Archive", "Last")] {
        fixture.rename(from, to);
        let moved = format!("{to}/2026");
        until(&mut watch, &[Hint::Mailboxes, at(&moved)]).await;
        settle(&mut watch).await;
        fixture.drop_in(&moved, "1.a");
        let hints = settle(&mut watch).await;
        assert_eq!(hints, BTreeSet::from([at(&moved)]));
        fs::remove_file(fixture.path(&moved).join("new/1.a")).unwrap();
        settle(&mut watch).await;
    }
    // Another one under the old name.
    fixture.make("Archive/2026");
    settle(&mut watch).await;
    fixture.drop_in("Archive/2026", "1.a");
    assert_eq!(watch.drain().await, [at("Archive/2026")]);
    fixture.drop_in("Last/2026", "1.a");
    assert_eq!(watch.drain().await, [at("Last/2026")]);
    fs::remove_dir_all(fixture.path("Archive")).unwrap();
    settle(&mut watch).await;
    // There and back before anybody has looked.
    fixture.rename("Last", "Archive");
    fixture.rename("Archive", "Last");
    settle(&mut watch).await;
    fixture.drop_in("Last/2026", "1.b");
    assert_eq!(watch.drain().await, [at("Last/2026")]);
}

#[tokio::test]
async fn folders_that_change_places_are_told_apart() {
    let fixture = Fixture::new(Layout::Nested, &["INBOX", "A", "B"]).await;
    let mut watch = fixture.account.watch().await.unwrap();
    for _ in 0..20 {
        let (a, b) = (fixture.path("A"), fixture.path("B"));
        rustix::fs::renameat_with(CWD, &a, CWD, &b, RenameFlags::EXCHANGE).unwrap();
        let hints = settle(&mut watch).await;
        assert_eq!(hints, BTreeSet::from([at("A"), at("B"), Hint::Mailboxes]));
        fixture.drop_in("A", "1.a");
        assert_eq!(watch.drain().await, [at("A")]);
        fs::remove_file(fixture.path("A/new/1.a")).unwrap();
        settle(&mut watch).await;
    }
}

#[tokio::test]
async fn a_removed_folder_is_told_and_so_is_one_in_its_place() {
    let fixture = Fixture::nested().await;
    let mut watch = fixture.account.watch().await.unwrap();
    let (_, _, before) = watch.figures();
    for _ in 0..20 {
        fs::remove_dir_all(fixture.path("Archive/2026")).unwrap();
        until(&mut watch, &[Hint::Mailboxes]).await;
        settle(&mut watch).await;
        let (_, _, watched) = watch.figures();
        assert_eq!(watched, before - 3);
        // Made, removed and made again at once.
        fixture.make("Archive/2026");
        fs::remove_dir_all(fixture.path("Archive/2026")).unwrap();
        fixture.make("Archive/2026");
        until(&mut watch, &[Hint::Mailboxes, at("Archive/2026")]).await;
        settle(&mut watch).await;
        fixture.drop_in("Archive/2026", "1.a");
        assert_eq!(watch.drain().await, [at("Archive/2026")]);
    }
    assert_eq!(watch.coverage(), LocalCoverage::default());
}

#[tokio::test]
async fn a_folder_moved_in_from_elsewhere_and_a_replaced_cur_are_watched() {
    let fixture = Fixture::nested().await;
    let mut watch = fixture.account.watch().await.unwrap();
    let outside = fixture.home.path().join("outside");
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(outside.join(part)).unwrap();
    }
    fs::write(outside.join("cur/1.a:2,"), b"x").unwrap();
    fs::rename(&outside, fixture.path("In")).unwrap();
    until(&mut watch, &[Hint::Mailboxes, at("In")]).await;
    fixture.rename("In/cur", "In/.old");
    fs::create_dir(fixture.path("In/cur")).unwrap();
    until(&mut watch, &[Hint::Mailboxes, at("In")]).await;
    settle(&mut watch).await;
    fixture.put("In/cur/2.a:2,", b"x");
    assert_eq!(watch.drain().await, [at("In")]);
    fixture.put("In/.old/3.a:2,", b"x");
    assert_eq!(
        watch.drain().await,
        [],
        "what was moved away is still watched"
    );
}

#[tokio::test]
async fn the_flat_layout_is_watched_just_as_well() {
    let folders = ["INBOX", "Archive", "Archive/2026"];
    let fixture = Fixture::new(Layout::MaildirPlusPlus, &folders).await;
    let mut watch = fixture.account.watch().await.unwrap();
    fixture.drop_in(".", "1.a");
    assert_eq!(watch.next().await, [at("INBOX")]);
    fixture.drop_in(".Archive.2026", "1.a");
    assert_eq!(watch.next().await, [at("Archive/2026")]);
    fixture.make(".New.Sub");
    fixture.drop_in(".New.Sub", "1.a");
    until(&mut watch, &[Hint::Mailboxes, at("New/Sub")]).await;
    settle(&mut watch).await;
    fixture.rename(".New.Sub", ".Other");
    until(&mut watch, &[Hint::Mailboxes, at("Other")]).await;
    settle(&mut watch).await;
    fixture.drop_in(".Other", "2.a");
    assert_eq!(watch.drain().await, [at("Other")]);
    // No folders: hidden in a folder, not hidden in the root, no name of a mailbox, the trash.
    for path in [
        ".Other/.Below",
        "Plain",
        ".a..b",
        ".mailferry-trash/2026-11-23",
    ] {
        fs::create_dir_all(fixture.path(path)).unwrap();
    }
    assert_eq!(watch.drain().await, []);
}

#[tokio::test]
async fn a_link_that_is_not_followed_is_no_folder() {
    let mut fixture = Fixture::nested().await;
    fixture.following(FollowLinks::Never);
    let outside = fixture.home.path().join("outside");
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(outside.join(part)).unwrap();
    }
    let mut watch = fixture.account.watch().await.unwrap();
    std::os::unix::fs::symlink(&outside, fixture.path("Link")).unwrap();
    fixture.rename("Link", "Renamed");
    fs::write(outside.join("new/1.a"), b"x").unwrap();
    assert_eq!(watch.drain().await, []);
}
