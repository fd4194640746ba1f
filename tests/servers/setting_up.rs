//! From an address to a synced account, without a byte of TOML written by hand.

mod looking;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::server::{PASSWORD, USER};
use crate::support::{Server, Variant, message};

/// An empty home.
pub struct Home {
    place: tempfile::TempDir,
}

impl Home {
    /// One in which nobody has done anything yet.
    pub fn new() -> Self {
        Self {
            place: tempfile::tempdir().unwrap(),
        }
    }

    /// The configuration.
    pub fn config(&self) -> PathBuf {
        self.place.path().join(".config/mailferry/config.toml")
    }

    /// A file with the right password.
    pub fn password_file(&self) -> PathBuf {
        let file = self.place.path().join("password");
        fs::write(&file, PASSWORD).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        file
    }

    /// A command of this user.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.place.path())
            .env("TERM", "xterm")
            .current_dir(self.place.path());
        command
    }

    /// What mailferry says to these words.
    pub fn run(&self, words: &[&str]) -> Output {
        let mut command = self.command(env!("CARGO_BIN_EXE_mailferry"));
        command.args(words).output().unwrap()
    }
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

#[track_caller]
fn exits(output: &Output, code: i32) -> (String, String) {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
    (out, err)
}

fn synced(home: &Home, maildir: &str) -> usize {
    let inbox = home.place.path().join(maildir).join("INBOX");
    let count = |part: &str| fs::read_dir(inbox.join(part)).map_or(0, Iterator::count);
    count("cur") + count("new")
}

/// A server with one letter, and the flags that say where it is.
fn server() -> (Server, Vec<String>) {
    let server = Server::start(Variant::Dovecot);
    server.client().append("INBOX", "", &message("one"));
    let port = server.tls().port().to_string();
    let certificate = server.certificate().display().to_string();
    let words = [
        "--host",
        "localhost",
        "--port",
        &port,
        "--tls-ca-file",
        &certificate,
    ];
    let words = words.map(str::to_owned).to_vec();
    (server, words)
}

#[test]
fn flags_alone_lead_to_a_synced_account() {
    let (_server, place) = server();
    let home = Home::new();
    let file = home.password_file().display().to_string();
    let mut words = vec!["init", "--email", "someone@example.org", "--user", USER];
    words.extend(place.iter().map(String::as_str));
    words.extend(["--password-file", &file]);
    // Without --yes it is only shown.
    let (out, err) = exits(&home.run(&words), 0);
    assert!(
        out.starts_with("[accounts.example]\nhost = \"localhost\"\n"),
        "{out}"
    );
    assert!(err.contains("Logged in"), "{err}");
    assert!(!home.config().exists());
    words.push("--yes");
    let (out, _) = exits(&home.run(&words), 0);
    assert!(out.contains("added example"), "{out}");
    let mode = fs::metadata(home.config()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    exits(&home.run(&["sync"]), 0);
    assert_eq!(synced(&home, "Mail/example"), 1);
    // Its name is taken now; another one is added, and what was there stays.
    let before = fs::read_to_string(home.config()).unwrap();
    let (_, err) = exits(&home.run(&words), 2);
    assert!(err.contains("has an account `example` already"), "{err}");
    words.extend(["--name", "second"]);
    exits(&home.run(&words), 0);
    let after = fs::read_to_string(home.config()).unwrap();
    assert!(
        after.starts_with(&before) && after.contains("[accounts.second]"),
        "{after}"
    );
}

#[test]
fn a_refused_login_writes_nothing_and_shows_no_password() {
    let (_server, place) = server();
    let home = Home::new();
    let mut words = vec![
        "init",
        "--yes",
        "--email",
        "someone@example.org",
        "--user",
        USER,
    ];
    words.extend(place.iter().map(String::as_str));
    words.extend(["--password-command", "echo wr0ng-canary"]);
    let (out, err) = exits(&home.run(&words), 1);
    assert!(err.contains("nothing was written"), "{err}");
    // What stands on the command line may be said again; what the program printed may not.
    assert_eq!((out + &err).matches("canary").count(), 0);
    assert!(!home.config().exists());
}

#[test]
fn a_server_that_is_not_there_is_told_by_name() {
    let home = Home::new();
    let file = home.password_file().display().to_string();
    let free = crate::support::server::free_address().port().to_string();
    let (_, err) = exits(
        &home.run(&[
            "init",
            "--yes",
            "--email",
            "a@example.org",
            "--host",
            "localhost",
            "--port",
            &free,
            "--password-file",
            &file,
        ]),
        1,
    );
    assert!(err.contains(&format!("localhost:{free}")), "{err}");
    assert!(err.contains("--host"), "{err}");
    assert!(!home.config().exists());
}

/// At a terminal everything is asked for; Enter (`\r`) takes what is proposed.
#[test]
fn questions_at_a_terminal_lead_to_a_synced_account() {
    let (_server, place) = server();
    let home = Home::new();
    let answers = [
        ("mail address", "someone@example.org\r"),
        ("name for the account", "home\r"),
        ("The password", "\r"),
        ("Password", &format!("{PASSWORD}\r")),
        ("Maildir", "\r"),
        ("Add this to", "\r"),
        ("Sync it now", "y"),
    ];
    let mut words = vec!["init".to_owned(), "--user".to_owned(), USER.to_owned()];
    words.extend(place);
    let (code, shown) = at_a_terminal(&home, &words, &answers);
    assert_eq!(code, 0, "{shown}");
    assert!(!shown.contains(PASSWORD), "the password is shown: {shown}");
    assert_eq!(synced(&home, "Mail/home"), 1, "{shown}");
    let file = home.config().with_file_name("home.password");
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::read_to_string(file).unwrap(), format!("{PASSWORD}\n"));
}

/// Ctrl-C while the password is typed: nothing is written, and the terminal shows what is typed again.
#[test]
fn an_interrupted_init_leaves_nothing_behind() {
    let home = Home::new();
    let answers = [
        ("mail address", "someone@example.org\r"),
        ("name for the account", "\r"),
        ("The password", "\r"),
        ("Password", "\u{3}"),
    ];
    let words = ["init", "--host", "localhost"].map(str::to_owned);
    let (code, shown) = at_a_terminal(&home, &words, &answers);
    assert_eq!(code, 130, "{shown}");
    assert!(shown.contains("Nothing was written"), "{shown}");
    assert!(shown.contains("echo is on"), "{shown}");
    assert!(!home.place.path().join(".config").exists());
}

/// Runs the program at a terminal of its own, and answers each question once it is there; exit code, and what was
/// shown.
fn at_a_terminal(home: &Home, words: &[String], answers: &[(&str, &str)]) -> (i32, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/setting_up/terminal.py");
    let mut command = home.command("python3");
    command.arg(script);
    command.arg(serde_json::to_string(answers).unwrap());
    command.arg(env!("CARGO_BIN_EXE_mailferry")).args(words);
    let output = command.output().unwrap();
    let shown = text(&output.stdout) + &text(&output.stderr);
    (output.status.code().unwrap_or(-1), shown)
}
