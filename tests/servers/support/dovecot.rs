//! A private Dovecot 2.3 or 2.4 on loopback.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::server::{
    PASSWORD, Process, USER, certify, free_address, hand_over, mail_user, open_directory, run,
};

const CAPABILITIES: &str = "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY THREAD=REFERENCES \
    THREAD=REFS THREAD=ORDEREDSUBJECT MULTIAPPEND URL-PARTIAL CATENATE UNSELECT CHILDREN NAMESPACE UIDPLUS \
    LIST-EXTENDED I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES WITHIN CONTEXT=SEARCH LIST-STATUS BINARY \
    MOVE SNIPPET=FUZZY PREVIEW=FUZZY PREVIEW STATUS=SIZE SAVEDATE LITERAL+ NOTIFY SPECIAL-USE";

/// How it keeps its mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// One file for each message, flags in the index; `/` between levels.
    Sdbox,
    /// Maildir++; `.` between levels.
    Maildir,
    /// The same, and all mailboxes lie below INBOX.
    BelowInbox,
}

/// A running Dovecot.
pub struct Dovecot {
    process: Option<Process>,
    place: tempfile::TempDir,
    /// Where it listens in plain text.
    pub plain: SocketAddr,
    /// Where it listens with TLS.
    pub tls: SocketAddr,
    /// Where it speaks POP3, with STLS.
    pub pop3: SocketAddr,
    /// Where it speaks POP3 over TLS.
    pub pop3s: SocketAddr,
}

impl Dovecot {
    /// Starts one that does not speak of the capabilities in `hidden`.
    pub fn start(storage: Storage, hidden: &[&str]) -> Self {
        Self::start_with(storage, hidden, "")
    }

    /// The same with more lines of configuration.
    pub fn start_with(storage: Storage, hidden: &[&str], more: &str) -> Self {
        // Between looking for free ports and taking them, another test's client may take one.
        for _ in 0..2 {
            if let Some(started) = Self::try_start(storage, hidden, more) {
                return started;
            }
        }
        Self::try_start(storage, hidden, more).expect("Dovecot starts")
    }

    fn try_start(storage: Storage, hidden: &[&str], more: &str) -> Option<Self> {
        let program = program();
        let place = open_directory();
        fs::create_dir(place.path().join("home")).unwrap();
        hand_over(&place.path().join("home"));
        certify(place.path());
        let (plain, tls) = (free_address(), free_address());
        let (pop3, pop3s) = (free_address(), free_address());
        let config = place.path().join("dovecot.conf");
        let text = configuration(place.path(), storage, hidden, plain, tls)
            + &pop3_configuration(pop3, pop3s)
            + more;
        fs::write(&config, text).unwrap();
        let log = place.path().join("output");
        let mut process =
            Process::start(Command::new(program).arg("-F").arg("-c").arg(&config), &log);
        let up = process.is_up(plain);
        up.then(|| Self {
            process: Some(process),
            place,
            plain,
            tls,
            pop3,
            pop3s,
        })
    }

    /// Stops it; its mail stays.
    pub fn stop(&mut self) {
        drop(self.process.take());
    }

    /// Starts it again where it was.
    pub fn start_again(&mut self) {
        let mut command = Command::new(program());
        command.arg("-F").arg("-c");
        command.arg(self.place.path().join("dovecot.conf"));
        let mut process = Process::start(&mut command, &self.place.path().join("output"));
        process.wait_for(self.plain, &self.place.path().join("log"));
        self.process = Some(process);
    }

    /// The certificate it shows.
    pub fn certificate(&self) -> PathBuf {
        self.place.path().join("cert.pem")
    }

    /// Whether it is Dovecot 2.3, whose configuration has another language than that of 2.4.
    pub fn is_old() -> bool {
        is_old()
    }

    /// Where the user's mail is.
    pub fn home(&self) -> PathBuf {
        self.place.path().join("home").join(USER)
    }

    /// Runs `doveadm` with this server's configuration.
    pub fn doveadm(&self, arguments: &[&str]) -> String {
        let config = self.place.path().join("dovecot.conf");
        run(Command::new("doveadm")
            .arg("-c")
            .arg(config)
            .args(arguments))
    }

    /// Delivers a message into a mailbox as a delivery agent would.
    pub fn save(&self, mailbox: &str, message: &[u8]) {
        let file = self.place.path().join("delivery");
        fs::write(&file, message).unwrap();
        let config = self.place.path().join("dovecot.conf");
        let mut command = Command::new("doveadm");
        command.arg("-c").arg(config);
        command.args(["save", "-u", USER, "-m", mailbox]).arg(file);
        run(&mut command);
    }

    /// Gives a mailbox another UIDVALIDITY with the same mails in it.
    pub fn renumber(&self, mailbox: &str) {
        self.doveadm(&[
            "mailbox",
            "update",
            "-u",
            USER,
            "--uid-validity",
            "1999999999",
            mailbox,
        ]);
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        drop(self.process.take());
    }
}

fn program() -> &'static Path {
    let places = ["/usr/sbin/dovecot", "/usr/local/sbin/dovecot"].map(Path::new);
    let found = places.into_iter().find(|path| path.exists());
    found.expect("Dovecot is missing; run: bash tests/servers/install.sh")
}

/// Whether it is Dovecot 2.3, whose configuration has another language than that of 2.4.
fn is_old() -> bool {
    static OLD: OnceLock<bool> = OnceLock::new();
    *OLD.get_or_init(|| run(Command::new(program()).arg("--version")).starts_with("2.3."))
}

fn configuration(
    place: &Path,
    storage: Storage,
    hidden: &[&str],
    plain: SocketAddr,
    tls: SocketAddr,
) -> String {
    let offered: Vec<&str> = CAPABILITIES
        .split_whitespace()
        .filter(|one| !hidden.contains(one))
        .collect();
    let separator = match storage {
        Storage::Sdbox => "/",
        Storage::Maildir | Storage::BelowInbox => ".",
    };
    let prefix = match storage {
        Storage::BelowInbox => "INBOX.",
        Storage::Sdbox | Storage::Maildir => "",
    };
    let special: String = ["Trash", "Drafts", "Sent", "Junk", "Archive"]
        .map(|name| {
            format!("  mailbox {name} {{\n    auto = create\n    special_use = \\{name}\n  }}\n")
        })
        .concat();
    let language = if is_old() {
        old_language(place, storage)
    } else {
        new_language(place, storage)
    };
    let place = place.display();
    format!(
        "{language}base_dir = {place}/run\nstate_dir = {place}/state\nlog_path = {place}/log\ninstance_name = mailferry-test\n\
         protocols = imap pop3\nauth_mechanisms = plain login apop\nlisten = 127.0.0.1\n\
         ssl = yes\nmail_fsync = never\nmail_max_userip_connections = 100\n\
         first_valid_uid = 1\nfirst_valid_gid = 1\nimap_capability = {offered}\n\
         namespace inbox {{\n  inbox = yes\n  separator = {separator}\n  prefix = {prefix}\n{special}}}\n\
         service imap-login {{\n  {all}\n  chroot =\n  inet_listener imap {{\n    port = {plain}\n  }}\n  \
         inet_listener imaps {{\n    port = {tls}\n    ssl = yes\n  }}\n}}\n{unprivileged}",
        all = serves_all(),
        offered = offered.join(" "),
        plain = plain.port(),
        tls = tls.port(),
        unprivileged = unprivileged(),
    )
}

/// One process for all logins, which saves the start of one for each.
fn serves_all() -> &'static str {
    if is_old() {
        "service_count = 0"
    } else {
        "restart_request_count = unlimited"
    }
}

fn unprivileged() -> String {
    if rustix::process::getuid().is_root() {
        return String::new();
    }
    let (user, group) = mail_user();
    format!(
        "default_internal_user = {user}\ndefault_login_user = {user}\ndefault_internal_group = {group}\n\
         service anvil {{\n  chroot =\n}}\n"
    )
}

/// What Dovecot 2.3 says otherwise than 2.4.
fn old_language(place: &Path, storage: Storage) -> String {
    let (user, group) = mail_user();
    let place = place.display();
    let driver = driver(storage);
    format!(
        "ssl_cert = <{place}/cert.pem\nssl_key = <{place}/key.pem\ndisable_plaintext_auth = no\n\
         mail_location = {driver}:~/mail\n\
         passdb {{\n  driver = static\n  args = password={PASSWORD}\n}}\n\
         userdb {{\n  driver = static\n  args = uid={user} gid={group} home={place}/home/%u\n}}\n"
    )
}

/// What Dovecot 2.4 says otherwise than 2.3. The versions stand first in the file.
fn new_language(place: &Path, storage: Storage) -> String {
    let (user, group) = mail_user();
    let place = place.display();
    let driver = driver(storage);
    format!(
        "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n\
         ssl_server_cert_file = {place}/cert.pem\nssl_server_key_file = {place}/key.pem\nauth_allow_cleartext = yes\n\
         mail_driver = {driver}\nmail_path = ~/mail\n\
         passdb static {{\n  password = {PASSWORD}\n}}\n\
         userdb static {{\n  fields {{\n    uid = {user}\n    gid = {group}\n    home = {place}/home/%{{user}}\n  }}\n}}\n"
    )
}

fn driver(storage: Storage) -> &'static str {
    match storage {
        Storage::Sdbox => "sdbox",
        Storage::Maildir | Storage::BelowInbox => "maildir",
    }
}

fn pop3_configuration(plain: SocketAddr, tls: SocketAddr) -> String {
    format!(
        "service pop3-login {{\n  {}\n  chroot =\n  inet_listener pop3 {{\n    port = {}\n  }}\n  \
         inet_listener pop3s {{\n    port = {}\n    ssl = yes\n  }}\n}}\n",
        serves_all(),
        plain.port(),
        tls.port()
    )
}
