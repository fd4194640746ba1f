//! The disk is full in the middle of a sync: a clear error and no loss, and with more space all is well.
//!
//! The small disks are mounted in a namespace of their own, which ends with the test however it ends. Without root
//! that takes a kernel that lets users have such a namespace.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::accounts::{Account, Ended, fresh_user};
use crate::support::maildir::Maildir;
use crate::support::messages::sized_message;
use crate::support::server::Server;
use crate::support::{Snapshot, Variant, oracle};

const EACH: usize = 40;
const OCTETS: usize = 8 * 1024;

/// A mount namespace that a process keeps until its standard input ends.
struct Namespace {
    keeper: Child,
}

impl Namespace {
    fn new() -> Self {
        let user: &[&str] = if rustix::process::getuid().is_root() {
            &[]
        } else {
            &["--map-root-user"]
        };
        let mut keeper = Command::new("unshare")
            .args(user)
            .args([
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-c",
                "echo ready; exec cat",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare runs");
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(
            line.trim(),
            "ready",
            "a mount namespace cannot be made: run as root, or allow unprivileged ones"
        );
        Self { keeper }
    }

    /// Words that run the rest of a command in there.
    fn enter(&self) -> Vec<String> {
        let mut words = vec![
            "nsenter".to_owned(),
            "-t".to_owned(),
            self.keeper.id().to_string(),
        ];
        if !rustix::process::getuid().is_root() {
            words.extend(["-U".to_owned(), "--preserve-credentials".to_owned()]);
        }
        words.extend([
            "-m".to_owned(),
            format!("--wd={}", std::env::temp_dir().display()),
        ]);
        words
    }

    fn run(&self, words: &[&str]) {
        let enter = self.enter();
        let output = Command::new(&enter[0])
            .args(&enter[1..])
            .args(words)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{words:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn mount(&self, place: &Path, size: &str) {
        let options = format!("size={size},mode=700");
        self.run(&[
            "mount",
            "-t",
            "tmpfs",
            "-o",
            &options,
            "small",
            place.to_str().unwrap(),
        ]);
    }

    fn resize(&self, place: &Path, size: &str) {
        let options = format!("remount,size={size}");
        self.run(&["mount", "-o", &options, place.to_str().unwrap()]);
    }

    /// A path in there as seen from here.
    fn outside(&self, path: &Path) -> PathBuf {
        let root = format!("/proc/{}/root", self.keeper.id());
        Path::new(&root).join(path.strip_prefix("/").unwrap())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// An account in a namespace with a small disk somewhere.
struct Small {
    _server: Server,
    account: Account,
    space: Namespace,
}

impl Small {
    fn new() -> Self {
        let server = Server::start(Variant::Dovecot);
        let account = Account::new(&server, &fresh_user("small"));
        let mut client = account.client();
        client.create("Box");
        for number in 0..3 {
            client.append(
                "Box",
                "\\Seen",
                &sized_message(&format!("early {number}"), OCTETS),
            );
        }
        account.come_to_rest().unwrap();
        Self {
            _server: server,
            account,
            space: Namespace::new(),
        }
    }

    /// A small disk at this place, with what is there now.
    fn shrink(&self, place: &Path, size: &str) {
        let kept = self.account.place().join("kept");
        crate::accounts::clone_tree(place, &kept, false);
        self.space.mount(place, size);
        let from = format!("{}/.", kept.display());
        self.space
            .run(&["cp", "-a", &from, place.to_str().unwrap()]);
    }

    fn sync(&self) -> Ended {
        let enter = self.space.enter();
        self.account
            .sync_under(&enter.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn here(&self) -> Snapshot {
        let wire = oracle::digests(&self.account.there());
        Maildir::at(self.space.outside(&self.account.root())).snapshot(&wire)
    }

    fn mail_comes(&self) {
        let mut client = self.account.client();
        for number in 0..EACH {
            client.append("Box", "", &sized_message(&format!("down {number}"), OCTETS));
        }
    }

    /// It says what is wrong and where, and the server has all that it had.
    fn complains_of(&self, place: &Path, words: &[&str]) {
        let before = self.account.there();
        for _ in 0..2 {
            let ended = self.sync();
            assert_eq!(ended.code, Some(1), "{}", ended.said);
            let said = ended.said.to_lowercase();
            assert!(words.iter().any(|word| said.contains(word)), "{said}");
            assert!(
                said.contains(&place.display().to_string().to_lowercase()),
                "{said}"
            );
            assert!(!said.contains("panicked"), "{said}");
            assert_eq!(self.account.there(), before);
        }
        let whole = oracle::digests(&before);
        let here = oracle::digests(&self.here());
        assert!(here.is_subset(&whole), "half a message");
    }

    /// Both sides are equal, with everything on them.
    fn all_is_well(&self, count: usize) {
        for _ in 0..2 {
            let ended = self.sync();
            assert_eq!(ended.code, Some(0), "{}", ended.said);
        }
        let (there, here) = (self.account.there(), self.here());
        oracle::assert_equal(&there, &here);
        assert_eq!(
            (oracle::count(&there), oracle::digests(&there).len()),
            (count, count)
        );
    }
}

#[test]
fn a_full_maildir_is_an_error_and_nothing_is_lost() {
    let small = Small::new();
    let root = small.account.root();
    small.shrink(&root, "200k");
    small.mail_comes();
    small.complains_of(&root, &["no space"]);
    small.space.resize(&root, "8m");
    small.all_is_well(3 + EACH);
}

#[test]
fn a_full_maildir_lets_mail_go_up() {
    let small = Small::new();
    let root = small.account.root();
    small.shrink(&root, "120k");
    let local = Maildir::at(small.space.outside(&root));
    for number in 0..6 {
        local.deliver("Box", "S", &sized_message(&format!("up {number}"), OCTETS));
    }
    small.mail_comes();
    let ended = small.sync();
    assert_eq!(ended.code, Some(1), "{}", ended.said);
    small.space.resize(&root, "8m");
    small.all_is_well(3 + 6 + EACH);
}

#[test]
fn a_tmp_on_another_disk_is_an_error_and_nothing_is_lost() {
    let small = Small::new();
    let tmp = small.account.root().join("Box/tmp");
    small.space.mount(&tmp, "8m");
    small.mail_comes();
    small.complains_of(&tmp, &["cross-device", "another disk", "file system"]);
    small.space.run(&["umount", tmp.to_str().unwrap()]);
    small.all_is_well(3 + EACH);
}

#[test]
fn a_full_state_is_an_error_and_nothing_is_lost() {
    let small = Small::new();
    let state = small.account.state();
    small.shrink(&state, "4m");
    // What SQLite has besides is little.
    let filler = small.space.outside(&state).join("filler");
    let free = rustix::fs::statvfs(small.space.outside(&state)).unwrap();
    let left = (free.f_bavail * free.f_frsize - 48 * 1024) as usize;
    fs::write(&filler, vec![0; left]).unwrap();
    small.mail_comes();
    small.complains_of(&state, &["no space", "full", "i/o"]);
    fs::remove_file(filler).unwrap();
    small.all_is_well(3 + EACH);
}

#[test]
fn a_folder_on_another_disk_takes_part_in_moves_and_deletions() {
    let small = Small::new();
    let archive = small.account.root().join("Archive");
    small.shrink(&archive, "8m");
    let mut client = small.account.client();
    client.select("Box");
    client.rehome("1:2", "Archive");
    client.append("Archive", "\\Seen", &sized_message("to be deleted", OCTETS));
    small.all_is_well(4);
    client.select("Archive");
    client.store("3", '+', "\\Deleted");
    client.ok("EXPUNGE");
    small.all_is_well(3);
}
