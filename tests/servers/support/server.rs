//! One face for all servers under test.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::client::Client;
use super::cyrus::Cyrus;
use super::dovecot::{Dovecot, Storage};

/// The user of every test.
pub const USER: &str = "alice";
/// The user's password.
pub const PASSWORD: &str = "secret";

/// What kind of server a test runs against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Dovecot with all it has.
    Dovecot,
    /// Dovecot that keeps quiet about QRESYNC.
    DovecotWithoutQresync,
    /// Dovecot without QRESYNC and CONDSTORE, its mail in a Maildir with `.` between levels.
    DovecotWithoutCondstore,
    /// Dovecot without MOVE and UIDPLUS.
    DovecotWithoutMove,
    /// Dovecot with all mailboxes below INBOX, as Courier has them.
    DovecotBelowInbox,
    /// Cyrus.
    Cyrus,
}

impl Variant {
    /// Whether messages can only be marked, not expunged one by one.
    pub fn only_marks(self) -> bool {
        self == Self::DovecotWithoutMove
    }
}

/// A running server, stopped when dropped.
pub enum Server {
    /// Dovecot.
    Dovecot(Dovecot),
    /// Cyrus.
    Cyrus(Cyrus),
}

impl Server {
    /// Starts one, with the mailboxes that every account has.
    pub fn start(variant: Variant) -> Self {
        let dovecot = |storage, hidden: &[&str]| Self::Dovecot(Dovecot::start(storage, hidden));
        match variant {
            Variant::Dovecot => dovecot(Storage::Sdbox, &[]),
            Variant::DovecotWithoutQresync => dovecot(Storage::Sdbox, &["QRESYNC"]),
            Variant::DovecotWithoutCondstore => {
                dovecot(Storage::Maildir, &["QRESYNC", "CONDSTORE"])
            }
            Variant::DovecotBelowInbox => dovecot(Storage::BelowInbox, &[]),
            Variant::DovecotWithoutMove => dovecot(Storage::Sdbox, &["MOVE", "UIDPLUS"]),
            Variant::Cyrus => Self::Cyrus(Cyrus::start()),
        }
    }

    /// Dovecot with all it has, and more lines of configuration.
    pub fn dovecot_with(more: &str) -> Self {
        Self::Dovecot(Dovecot::start_with(Storage::Sdbox, &[], more))
    }

    /// Where it listens in plain text (with STARTTLS).
    pub fn plain(&self) -> SocketAddr {
        match self {
            Self::Dovecot(dovecot) => dovecot.plain,
            Self::Cyrus(cyrus) => cyrus.plain,
        }
    }

    /// Where it listens with TLS.
    pub fn tls(&self) -> SocketAddr {
        match self {
            Self::Dovecot(dovecot) => dovecot.tls,
            Self::Cyrus(cyrus) => cyrus.tls,
        }
    }

    /// Where it speaks POP3, with STLS.
    pub fn pop3(&self) -> SocketAddr {
        match self {
            Self::Dovecot(dovecot) => dovecot.pop3,
            Self::Cyrus(cyrus) => cyrus.pop3,
        }
    }

    /// Where it speaks POP3 over TLS.
    pub fn pop3s(&self) -> SocketAddr {
        match self {
            Self::Dovecot(dovecot) => dovecot.pop3s,
            Self::Cyrus(cyrus) => cyrus.pop3s,
        }
    }

    /// The certificate it shows.
    pub fn certificate(&self) -> PathBuf {
        match self {
            Self::Dovecot(dovecot) => dovecot.certificate(),
            Self::Cyrus(cyrus) => cyrus.certificate(),
        }
    }

    /// A client that is logged in as the tests' user.
    pub fn client(&self) -> Client {
        Client::login(self.plain(), USER, PASSWORD)
    }

    /// Gives a mailbox another UIDVALIDITY with the same mails in it.
    pub fn renumber(&self, mailbox: &str) {
        match self {
            Self::Dovecot(dovecot) => dovecot.renumber(mailbox),
            Self::Cyrus(_) => self.make_again(mailbox),
        }
    }

    fn make_again(&self, mailbox: &str) {
        let mut client = self.client();
        let messages = client.messages(mailbox);
        let keep: Vec<(String, Vec<u8>)> = messages
            .into_iter()
            .map(|message| {
                let flags: Vec<String> = message.flags.into_iter().collect();
                (flags.join(" "), client.body(message.uid))
            })
            .collect();
        client.ok("UNSELECT");
        client.ok(&format!("DELETE {}", client.quoted(mailbox)));
        // Cyrus hangs up on a CREATE of what the same connection has deleted.
        drop(client);
        std::thread::sleep(Duration::from_millis(1100));
        let mut client = self.client();
        client.create(mailbox);
        for (flags, body) in keep {
            client.append(mailbox, &flags, &body);
        }
    }
}

/// A process that is ended by its id.
pub struct Process(Child);

impl Process {
    /// Starts it with nothing on its standard input; its output goes to a file.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let log = std::fs::File::create(log).unwrap();
        // Cyrus ends its whole process group, which must not be ours or that of another test's server.
        command.process_group(0);
        command
            .stdin(Stdio::null())
            .stderr(log.try_clone().unwrap())
            .stdout(log);
        Self(command.spawn().expect("the server can be started"))
    }

    /// Whether it is there, or has ended before that: somebody else may have taken its port.
    pub fn is_up(&mut self, address: SocketAddr) -> bool {
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            let late = start.elapsed() > Duration::from_secs(30);
            if late || self.0.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        true
    }

    /// Waits until something listens there.
    pub fn wait_for(&mut self, address: SocketAddr, log: &Path) {
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = self.0.try_wait().unwrap();
            let late = start.elapsed() > Duration::from_secs(30);
            let told = || std::fs::read_to_string(log).unwrap_or_default();
            assert!(
                ended.is_none() && !late,
                "the server did not start ({ended:?}):\n{}",
                told()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let process = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A loopback address that nobody listens on.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// A fresh directory that an unprivileged user can reach.
pub fn open_directory() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::Builder::new().prefix("mf").tempdir().unwrap();
    std::fs::set_permissions(place.path(), PermissionsExt::from_mode(0o755)).unwrap();
    place
}

/// Who the server runs as, with the group: an unprivileged user if we are root, else we ourselves.
pub fn mail_user() -> (String, String) {
    if rustix::process::getuid().is_root() {
        return ("nobody".into(), "nogroup".into());
    }
    let ask = |flag| {
        let output = Command::new("id").arg(flag).output().expect("id runs");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    (ask("-un"), ask("-gn"))
}

/// Gives everything below a directory to the mail user.
pub fn hand_over(place: &Path) {
    let (user, group) = mail_user();
    run(Command::new("chown")
        .arg("-R")
        .arg(format!("{user}:{group}"))
        .arg(place));
}

/// Writes `cert.pem` and `key.pem` for 127.0.0.1 and localhost.
pub fn certify(place: &Path) {
    let arguments = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE \
        -keyout key.pem -out cert.pem";
    run(Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(place));
}

/// Runs a command that must succeed; its standard output.
pub fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output();
    let output = output
        .unwrap_or_else(|error| panic!("{command:?}: {error}; run: bash tests/servers/install.sh"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {}: {errors}",
        output.status
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
