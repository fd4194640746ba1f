//! What the loops share: seeds that are told, trials side by side, and accounts that can be copied as they lie on disk.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::support::maildir::Maildir;
use crate::support::server::{PASSWORD, Server};
use crate::support::{Client, Random, Snapshot, Variant, oracle};

/// An upload without an answer is believed lost only after a while, so that rest may take this long.
const LONGEST: Duration = Duration::from_secs(90);

/// A number from the environment.
pub fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} must be a number: {text}")),
    )
}

/// The seed of this run, from `MAILFERRY_SEED` or fresh.
pub fn seed() -> u64 {
    setting("MAILFERRY_SEED").unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        u64::from(now.subsec_nanos()) ^ now.as_secs() << 10
    })
}

/// The chance of one trial, whatever the others do.
pub fn chance(seed: u64, trial: usize) -> Random {
    Random::new(seed.wrapping_add(1 + trial as u64 * 0x1_0000_0001))
}

/// Runs all trials, some at once. Panics at the end with all that failed, the seed, and how to run it again; returns
/// how many there were.
pub fn run_all<T: Sync>(
    test: &str,
    seed: u64,
    trials: &[T],
    trial: impl Fn(&T) -> Result<(), String> + Sync,
) -> usize {
    let at_once = setting("MAILFERRY_AT_ONCE").unwrap_or(5) as usize;
    let next = AtomicU32::new(0);
    let failed = Mutex::new(Vec::new());
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..at_once.min(trials.len()) {
            scope.spawn(|| {
                while let Some(one) = trials.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                    if let Err(why) = trial(one) {
                        failed
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push(why);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    let took = begun.elapsed().as_secs();
    say(&format!(
        "{test}: {} of {} trials passed in {took} s, seed {seed}",
        trials.len() - failed.len(),
        trials.len()
    ));
    assert!(
        failed.is_empty(),
        "{} of {} trials failed; again: MAILFERRY_SEED={seed} cargo test --test servers {test}\n\n{}",
        failed.len(),
        trials.len(),
        failed.join("\n\n")
    );
    trials.len()
}

/// Tells the one who runs a long form how it goes.
#[allow(
    clippy::print_stdout,
    reason = "shown by cargo test when it fails, or with --nocapture"
)]
pub fn say(text: &str) {
    println!("{text}");
}

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

/// How both sides look in the end.
#[derive(Debug)]
pub struct Expected {
    /// What both sides hold.
    pub mail: Snapshot,
    /// What the local trash holds, by subject.
    pub trashed: BTreeSet<String>,
}

/// The subject of a message as it lies on disk.
fn subject(text: &[u8]) -> String {
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

/// A server with an account on which changes of every kind wait on both sides, and what one pass makes of them.
pub struct Scene {
    server: Server,
    /// As it lies on disk before the pass.
    pub before: Account,
    /// How it must look in the end.
    pub expected: Expected,
}

impl Scene {
    /// Everything at once: new mail, flags, moves, deletions and mailboxes on both sides.
    pub fn of_everything() -> Self {
        Self::with(|account| {
            change_there(account);
            change_here(account);
        })
    }

    /// These changes, done on an account with some mail that is in sync.
    pub fn with(change: impl Fn(&Account)) -> Self {
        let server = Server::start(Variant::Dovecot);
        let before = Account::new(&server, &fresh_user("before"));
        let mut client = before.client();
        for name in ["Box", "Archive"] {
            let _ = client.command(&format!("CREATE {name}"));
        }
        for number in 0..16 {
            let mail = crate::support::message(&format!("message {number}"));
            client.append("Box", "\\Seen", &mail);
        }
        before.come_to_rest().unwrap();
        change(&before);
        let example = before.copy(&fresh_user("example"));
        example.come_to_rest().unwrap();
        let (there, here) = (example.there(), example.here());
        oracle::assert_equal(&there, &here);
        let expected = Expected {
            mail: there,
            trashed: example.trashed(),
        };
        Self {
            server,
            before,
            expected,
        }
    }

    /// A copy to try something on.
    pub fn copy(&self) -> Account {
        self.before.copy(&fresh_user("trial"))
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.server
    }
}

/// New mail, flags, a move, a deletion and a mailbox on the server.
pub fn change_there(account: &Account) {
    let mut client = account.client();
    client.create("Fresh");
    for number in 0..4 {
        let mail = |name: &str| crate::support::message(&format!("{name} {number} there"));
        client.append("Box", "", &mail("new"));
        client.append("Fresh", "\\Seen", &mail("fresh"));
    }
    client.select("Box");
    // Appended in order to a new mailbox: message 0 has the UID 1.
    client.store("1:2", '+', "\\Flagged");
    client.store("3", '-', "\\Seen");
    client.rehome("4:5", "Archive");
    client.store("6", '+', "\\Deleted");
    client.ok("UID EXPUNGE 6");
}

/// The same in the Maildir.
pub fn change_here(account: &Account) {
    let maildir = account.maildir();
    maildir.create("Neu");
    for number in 0..4 {
        let mail = |name: &str| crate::support::message(&format!("{name} {number} here"));
        maildir.deliver("Box", "", &mail("new"));
        maildir.deliver("Neu", "S", &mail("fresh"));
    }
    let file = |number: usize| account.file("Box", &format!("message {number}"));
    maildir.relabel(&file(8), "FS");
    maildir.relabel(&file(9), "");
    maildir.rehome(&file(10), "Archive", true);
    maildir.rehome(&file(11), "Archive", false);
    fs::remove_file(file(12)).unwrap();
}
