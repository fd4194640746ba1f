//! A power cut in the middle of a move between two folders may leave the file in both: on a real Maildir, where both are
//! the very same file.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Nobody, settings};
use crate::engine::{Home, Mode, Ports, Report, Scope, sync};
use crate::maildir::{Layout, MaildirAccount, Settings};
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

#[test]
fn a_move_that_left_the_old_name_is_finished() {
    let world = World::new(3);
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("Mail");
    fs::create_dir(&root).unwrap();
    let local = MaildirAccount::open(Settings {
        root: root.clone(),
        layout: Layout::Nested,
        host: "test".to_owned(),
    });
    let ports = OnDisk {
        connector: world.connector(),
        local: local.unwrap(),
        store: world.store.clone(),
        clock: world.clock.clone(),
    };
    world.server.create(&name("Work"), None);
    for number in 1..=3 {
        world.arrives("INBOX", number, "S");
    }
    pass(&ports);
    world.remote_move(1, "Work");
    let body: Vec<u8> = content::mail(1)
        .iter()
        .copied()
        .filter(|octet| *octet != b'\r')
        .collect();
    let mut all = files(&root, "INBOX").into_iter();
    let file = all.find(|file| fs::read(file).unwrap() == body).unwrap();
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
