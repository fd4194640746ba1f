//! A power cut in the middle of a move between two folders may leave the file in both: on a real Maildir, where both are
//! the very same file.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Nobody, settings};
use crate::engine::{Home, Mode, Ports, Report, Scope, sync};
use crate::mail::FolderNames;
use crate::maildir::{FollowLinks, Layout, MaildirAccount, NotePlaces, Settings};
use crate::sim::content;
use crate::sim::world::hand::name;
use crate::sim::{SimClock, SimConnector, SimStore, World};

struct OnDisk {
    connector: SimConnector,
    local: MaildirAccount,
    store: SimStore,
    clock: SimClock,
}

impl Ports for OnDisk {
    type Connector = SimConnector;

    fn connector(&self) -> &SimConnector {
        &self.connector
    }
}

impl Home for OnDisk {
    type Local = MaildirAccount;
    type Store = SimStore;
    type Clock = SimClock;
    type Observer = Nobody;

    fn local(&self) -> &MaildirAccount {
        &self.local
    }

    fn store(&self) -> &SimStore {
        &self.store
    }

    fn clock(&self) -> &SimClock {
        &self.clock
    }

    fn observer(&self) -> &Nobody {
        &Nobody
    }
}

fn pass(ports: &OnDisk) -> Report {
    // Files are handled by real threads, which take their time.
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    let wishes = settings();
    let report = sync(ports, &wishes, &Scope::All, Mode::Apply);
    runtime.block_on(report).unwrap()
}

fn files(root: &Path, folder: &str) -> Vec<PathBuf> {
    let places = ["new", "cur"].map(|place| root.join(folder).join(place));
    let entries = places.iter().flat_map(|place| fs::read_dir(place).unwrap());
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// A world with three mails in INBOX, on disk.
fn settled(root: &Path) -> (World, OnDisk) {
    let world = World::new(3);
    fs::create_dir(root).unwrap();
    let local = MaildirAccount::open(Settings {
        root: root.to_owned(),
        layout: Layout::Nested,
        follow: FollowLinks::default(),
        names: FolderNames::default(),
        host: "test".to_owned(),
        notes: NotePlaces::default(),
    });
    let ports = OnDisk {
        connector: world.connector(),
        local: local.unwrap(),
        store: world.store.clone(),
        clock: world.clock.clone(),
    };
    for folder in ["Work", "Other"] {
        world.server.create(&name(folder), None);
    }
    for number in 1..=3 {
        world.arrives("INBOX", number, "S");
    }
    pass(&ports);
    (world, ports)
}

/// The file of the first mail.
fn first(root: &Path) -> PathBuf {
    let body: Vec<u8> = content::mail(1)
        .iter()
        .copied()
        .filter(|octet| *octet != b'\r')
        .collect();
    let mut all = files(root, "INBOX").into_iter();
    all.find(|file| fs::read(file).unwrap() == body).unwrap()
}

/// The message had been moved on before anybody saw that the file is in both.
#[test]
fn a_move_that_was_not_finished_before_the_message_moved_on_leaves_no_copy() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("Mail");
    let (world, ports) = settled(&root);
    let file = first(&root);
    world.remote_move(1, "Other");
    let half = root.join("Work/cur").join(file.file_name().unwrap());
    fs::hard_link(&file, &half).unwrap();
    for _ in 0..3 {
        assert_eq!(pass(&ports).problems, []);
        assert_eq!(files(&root, "Work"), [] as [PathBuf; 0]);
        assert_eq!(files(&root, "INBOX").len(), 2);
        assert_eq!(files(&root, "Other").len(), 1);
        assert!(!root.join(".mailferry-trash").exists());
        let count = |mailbox| world.server.uids(&name(mailbox)).len();
        assert_eq!([count("INBOX"), count("Work"), count("Other")], [2, 0, 1]);
    }
}

/// Moved by hand, rewritten with it, and then left in two places.
#[test]
fn a_file_that_moved_and_is_in_two_folders_is_one_mail() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("Mail");
    let (world, ports) = settled(&root);
    let file = first(&root);
    let moved = root.join("Work/cur/1800000000.M1P2.elsewhere:2,S");
    fs::copy(&file, &moved).unwrap();
    fs::hard_link(&moved, root.join("Other/cur/1800000000.M1P2.elsewhere:2,S")).unwrap();
    fs::remove_file(&file).unwrap();
    world.clock.advance(std::time::Duration::from_secs(60));
    for _ in 0..3 {
        assert_eq!(pass(&ports).problems, []);
    }
    assert_eq!(files(&root, "INBOX").len(), 2);
    assert_eq!(files(&root, "Work").len() + files(&root, "Other").len(), 1);
    let count = |mailbox| world.server.uids(&name(mailbox)).len();
    assert_eq!((count("INBOX"), count("Work") + count("Other")), (2, 1));
}

/// Who links a file of a message that stays where it is wants a copy, whatever else happens to the message.
#[test]
fn a_link_of_a_file_that_stays_is_a_copy() {
    for flagged in [false, true] {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("Mail");
        let (world, ports) = settled(&root);
        let file = first(&root);
        let link = root.join("Work/cur").join(file.file_name().unwrap());
        fs::hard_link(&file, &link).unwrap();
        if flagged {
            world.remote_flags(1, "F", "");
        }
        for _ in 0..3 {
            assert_eq!(pass(&ports).problems, []);
        }
        // Flags are part of the name, and are copied with the message.
        assert!(flagged || file.exists() && link.exists());
        let here = |folder| files(&root, folder).len();
        assert_eq!((here("INBOX"), here("Work")), (3, 1));
        let count = |mailbox| world.server.uids(&name(mailbox)).len();
        assert_eq!((count("INBOX"), count("Work")), (3, 1));
    }
}

#[test]
fn a_move_that_left_the_old_name_is_finished() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("Mail");
    let (world, ports) = settled(&root);
    let file = first(&root);
    world.remote_move(1, "Work");
    let twin = root.join("Work/cur").join(file.file_name().unwrap());
    fs::hard_link(&file, &twin).unwrap();
    let report = pass(&ports);
    assert_eq!(report.problems, []);
    for _ in 0..2 {
        assert_eq!(files(&root, "Work"), [twin.as_path()]);
        assert_eq!(files(&root, "INBOX").len(), 2);
        assert!(!root.join(".mailferry-trash").exists());
        assert_eq!(world.server.uids(&name("Work")).len(), 1);
        let report = pass(&ports);
        assert_eq!((report.problems, report.mailboxes), Default::default());
    }
}
