//! Accounts of users of one server, that can be copied as they lie on disk: Maildir, state and the server's side.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::scene::Expected;
use crate::support::maildir::Maildir;
use crate::support::server::{PASSWORD, Server};
use crate::support::{Client, Snapshot, oracle};

/// An upload without an answer is believed lost only after a while, so that rest may take this long.
const LONGEST: Duration = Duration::from_secs(90);

/// What one run came to.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// What it printed, both streams.
    pub said: String,
}

/// One account: a user of a server, a Maildir, a state and a configuration.
pub struct Account {
    place: tempfile::TempDir,
    address: SocketAddr,
    homes: Option<PathBuf>,
    user: String,
}

impl Account {
    /// A fresh account of this user, which the server may not know yet.
    pub fn new(server: &Server, user: &str) -> Self {
        let homes = match server {
            Server::Dovecot(dovecot) => dovecot.home().parent().map(Path::to_owned),
            Server::Cyrus(_) => None,
        };
        let account = Self {
            place: tempfile::tempdir().unwrap(),
            address: server.plain(),
            homes,
            user: user.to_owned(),
        };
        account.configure();
        account
    }

    /// The same account once more, as it lies on disk: another user of the server with the same mail, and the same
    /// files (inodes and all: mail is never written in place).
    pub fn copy(&self, user: &str) -> Self {
        let copy = self.copy_of_server(user);
        clone_tree(&self.root(), &copy.root(), true);
        clone_tree(&self.state(), &copy.state(), false);
        copy
    }

    /// Its files alone, the very same ones.
    pub fn copy_of_files(&self) -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        clone_tree(&self.root(), &place.path().join("Mail"), true);
        place
    }

    /// The server's side alone.
    pub fn copy_of_server(&self, user: &str) -> Self {
        let homes = self
            .homes
            .as_deref()
            .expect("only Dovecot's mail can be copied");
        let copy = Self {
            place: tempfile::tempdir().unwrap(),
            address: self.address,
            homes: Some(homes.to_owned()),
            user: user.to_owned(),
        };
        clone_tree(&homes.join(&self.user), &homes.join(user), false);
        copy.configure();
        copy
    }

    fn configure(&self) {
        let text = format!(
            "state_dir = \"{}\"\n\n[accounts.test]\nhost = \"{}\"\nport = {}\ntls = \"none\"\nuser = \"{}\"\n\
             password = \"{PASSWORD}\"\nmaildir = \"{}\"\n",
            self.state().display(),
            self.address.ip(),
            self.address.port(),
            self.user,
            self.root().display()
        );
        fs::write(self.config(), text).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(self.config(), private).unwrap();
    }

    /// Its user on the server.
    pub fn user(&self) -> &str {
        &self.user
    }

    fn config(&self) -> PathBuf {
        self.place.path().join("config.toml")
    }

    /// A directory of its own.
    pub fn place(&self) -> &Path {
        self.place.path()
    }

    /// Where its Maildir is.
    pub fn root(&self) -> PathBuf {
        self.place.path().join("Mail")
    }

    /// Where its state is.
    pub fn state(&self) -> PathBuf {
        self.place.path().join("state")
    }

    /// Its Maildir.
    pub fn maildir(&self) -> Maildir {
        Maildir::at(self.root())
    }

    /// A client that is logged in as its user.
    pub fn client(&self) -> Client {
        Client::login(self.address, &self.user, PASSWORD)
    }

    /// `sync`, with these words before the program's name.
    pub fn command(&self, before: &[&str]) -> Command {
        let program = std::env::var_os("MAILFERRY_TEST_BIN")
            .unwrap_or_else(|| env!("CARGO_BIN_EXE_mailferry").into());
        let mut command = match before.split_first() {
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.arg("-c").arg(self.config()).arg("sync");
        let home = self.place.path();
        command
            .env("HOME", home)
            .env("XDG_RUNTIME_DIR", home)
            .env("XDG_STATE_HOME", home.join("xdg"))
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .stdin(Stdio::null());
        command
    }

    /// One pass; two minutes at most.
    pub fn sync(&self) -> Ended {
        self.sync_under(&[])
    }

    /// One pass with these words before the program's name.
    pub fn sync_under(&self, before: &[&str]) -> Ended {
        let mut words = vec!["timeout", "--signal=ABRT", "--kill-after=5", "120"];
        words.extend(before);
        let output = self.command(&words).output().unwrap();
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        Ended {
            code: output.status.code(),
            said: text(&output.stdout) + &text(&output.stderr),
        }
    }

    /// Passes until one finds all in sync, and one more. How many it took.
    pub fn come_to_rest(&self) -> Result<usize, String> {
        let begun = Instant::now();
        let mut passes = 1;
        loop {
            let last = self.sync();
            if last.code == Some(0) {
                break;
            }
            if begun.elapsed() > LONGEST || last.code != Some(1) {
                return Err(format!(
                    "it does not come to rest: {:?}: {}",
                    last.code, last.said
                ));
            }
            passes += 1;
            std::thread::sleep(Duration::from_millis(500));
        }
        let last = self.sync();
        match last.code {
            Some(0) => Ok(passes),
            code => Err(format!("one more pass fails: {code:?}: {}", last.said)),
        }
    }

    /// What the server has.
    pub fn there(&self) -> Snapshot {
        oracle::server(&mut self.client(), false)
    }

    /// What the Maildir has.
    pub fn here(&self) -> Snapshot {
        let wire = oracle::digests(&self.there());
        self.maildir().snapshot(&wire)
    }

    /// The contents in the local trash.
    pub fn trashed(&self) -> BTreeSet<String> {
        let mut subjects = BTreeSet::new();
        let mut left = vec![self.root().join(".mailferry-trash")];
        while let Some(path) = left.pop() {
            if path.is_dir() {
                left.extend(fs::read_dir(&path).unwrap().map(|it| it.unwrap().path()));
            } else if let Ok(text) = fs::read(&path) {
                subjects.insert(subject(&text));
            }
        }
        subjects
    }

    /// Both sides are at rest, equal to each other and to what is expected.
    pub fn must_become(&self, expected: &Expected) -> Result<(), String> {
        self.come_to_rest()?;
        let (there, here) = (self.there(), self.here());
        let compare = |what: &str, one: &Snapshot, other: &Snapshot| {
            let lines = oracle::differences(&oracle::visible(one), &oracle::visible(other));
            match lines.is_empty() {
                true => Ok(()),
                false => Err(format!("{what}:\n  {}", lines.join("\n  "))),
            }
        };
        compare("the sides differ", &there, &here)?;
        compare(
            "other than expected (as server) is what came about (as Maildir)",
            &expected.mail,
            &there,
        )?;
        match self.trashed() {
            same if same == expected.trashed => Ok(()),
            other => Err(format!(
                "the local trash holds {other:?} instead of {:?}",
                expected.trashed
            )),
        }
    }

    /// The file of a message with this subject.
    pub fn file(&self, folder: &str, name: &str) -> PathBuf {
        let mut files = self.maildir().files(folder).into_iter();
        let found = files.find(|file| subject(&fs::read(file).unwrap()) == name);
        found.unwrap_or_else(|| panic!("no {name:?} in {folder}"))
    }
}

/// The subject of a message as it lies on disk.
pub fn subject(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut lines = text.lines();
    let found = lines.find_map(|line| line.strip_prefix("Subject: "));
    found.unwrap_or("no subject").to_owned()
}

/// Copies a directory; files are the very same ones if `linked`.
pub fn clone_tree(from: &Path, to: &Path, linked: bool) {
    let how = if linked { "-al" } else { "-a" };
    crate::support::server::run(Command::new("cp").arg(how).arg("--").arg(from).arg(to));
}

/// Numbers for users that nobody else has.
pub fn fresh_user(what: &str) -> String {
    static USERS: AtomicU32 = AtomicU32::new(0);
    format!("{what}{}", USERS.fetch_add(1, Ordering::Relaxed))
}
