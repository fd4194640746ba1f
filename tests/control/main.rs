//! The command line and a daemon: what is asked, what comes out, and how it exits. The daemon is a stand-in.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bus;
mod fake;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use fake::Fake;
use mailferry::control::{Answer, Refusal, Request, Signal};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A user with a configuration and a runtime directory.
struct User(TempDir);

impl User {
    fn new() -> Self {
        let user = Self(tempfile::tempdir().unwrap());
        fs::create_dir(user.runtime_dir()).unwrap();
        fs::create_dir_all(user.config().parent().unwrap()).unwrap();
        write_config(&user.config());
        user
    }

    fn runtime_dir(&self) -> PathBuf {
        self.0.path().join("run")
    }

    fn config(&self) -> PathBuf {
        self.0.path().join(".config/mailferry/config.toml")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mailferry"));
        command
            .env_clear()
            .env("HOME", self.0.path())
            .env("XDG_RUNTIME_DIR", self.runtime_dir())
            .args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn daemon(&self, answer: impl Fn(&Request) -> Option<Answer> + Send + 'static) -> Fake {
        Fake::start(&self.runtime_dir(), &self.config(), answer)
    }

    /// A daemon that answers everything with this document.
    fn daemon_saying(&self, document: &Value) -> Fake {
        let text = document.to_string();
        self.daemon(move |_| Some(Ok(text.clone())))
    }
}

fn write_config(path: &Path) {
    let account = |name: &str| {
        format!(
            "[accounts.{name}]\nhost = \"127.0.0.1\"\nport = 1\nuser = \"u\"\npassword = \"p\"\nmaildir = \"{name}\"\n"
        )
    };
    fs::write(path, account("work") + &account("home")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn sync_document(state: &str) -> Value {
    let counts = json!({"new": 2, "flags": 0, "moves": 0, "deletions": 0});
    let held = u64::from(state == "held");
    let problems = match state {
        "failed" => json!([{"mailbox": null, "message": "no answer"}]),
        _ => json!([]),
    };
    json!({"dry_run": false, "accounts": [{
        "name": "work", "state": state, "held": held, "operations": [], "problems": problems,
        "mailboxes": [{"name": "INBOX", "pulled": counts, "pushed": counts, "held": held, "parked": 0, "operations": []}],
    }]})
}

fn status_document(messages: u64) -> Value {
    json!({"accounts": [{
        "name": "work", "protocol": "imap", "state": "in-sync", "watch": "notify", "last_sync": null, "in_flight": 0,
        "mailboxes": [{"name": "INBOX", "state": "in-sync", "messages": messages, "parked": 0, "last_sync": null}],
        "holds": [], "problems": [],
    }], "hooks": []})
}

fn hold_document(id: &str, account: &str) -> Value {
    json!({
        "id": id, "account": account, "mailbox": "INBOX", "side": "server", "count": 21,
        "since": "2026-05-01T12:00:00Z", "reason": "21 of 40",
    })
}

#[test]
fn sync_is_done_by_the_daemon_and_exits_as_without() {
    for (state, code) in [("in-sync", 0), ("held", 3), ("failed", 1)] {
        let user = User::new();
        let document = sync_document(state);
        let daemon = user.daemon_saying(&document);
        let output = user.run(&["sync", "work:INBOX", "home", "--json"]);
        assert_eq!(output.status.code(), Some(code), "{}", err(&output));
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(told, document);
        assert_eq!(
            daemon.seen(),
            [Request::Sync {
                targets: vec!["work:INBOX".to_owned(), "home".to_owned()],
                dry_run: false
            }]
        );
        let output = user.run(&["sync", "--dry-run"]);
        assert_eq!(output.status.code(), Some(code));
        assert!(out(&output).contains("2 new"), "{}", out(&output));
        assert_eq!(err(&output).contains("work: no answer"), state == "failed");
    }
}

#[test]
fn status_and_holds_are_the_daemons() {
    let user = User::new();
    let _daemon = user.daemon(|request| {
        Some(Ok(match request {
            Request::Status => status_document(12).to_string(),
            _ => json!([hold_document("work:1", "work")]).to_string(),
        }))
    });
    let output = user.run(&["status", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told, status_document(12));
    let told = out(&user.run(&["status"]));
    assert!(told.contains("watched with NOTIFY"), "{told}");
    let output = user.run(&["holds", "--json"]);
    assert_eq!(output.status.code(), Some(3));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told, json!([hold_document("work:1", "work")]));
}

#[test]
fn a_verdict_goes_to_the_daemon_and_the_sync_after_it_is_told() {
    for (verb, request) in [
        (
            "approve",
            Request::Approve {
                id: "home:2".to_owned(),
            },
        ),
        (
            "restore",
            Request::Restore {
                id: "home:2".to_owned(),
            },
        ),
    ] {
        let user = User::new();
        let holds = json!([
            hold_document("work:1", "work"),
            hold_document("home:2", "home")
        ]);
        let daemon = user.daemon(move |request| {
            Some(Ok(match request {
                Request::Holds => holds.to_string(),
                Request::Sync { .. } => sync_document("in-sync").to_string(),
                _ => "null".to_owned(),
            }))
        });
        let output = user.run(&[verb, "2"]);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        assert!(out(&output).contains("in sync"), "{}", out(&output));
        let synced = Request::Sync {
            targets: vec!["home".to_owned()],
            dry_run: false,
        };
        assert_eq!(daemon.seen(), [Request::Holds, request, synced]);
        assert_eq!(user.run(&[verb, "7"]).status.code(), Some(2));
    }
}

#[test]
fn pause_and_resume_need_a_daemon() {
    let user = User::new();
    for verb in ["pause", "resume"] {
        let output = user.run(&[verb]);
        assert_eq!(output.status.code(), Some(1));
        let told = err(&output);
        assert!(told.contains("no daemon runs"), "{told}");
    }
    let daemon = user.daemon_saying(&Value::Null);
    for arguments in [&["pause"][..], &["pause", "work"], &["resume", "home"]] {
        let output = user.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    }
    assert_eq!(user.run(&["pause", "wrok"]).status.code(), Some(2));
    let named = |name: &str| Some(name.to_owned());
    assert_eq!(
        daemon.seen(),
        [
            Request::Pause { account: None },
            Request::Pause {
                account: named("work")
            },
            Request::Resume {
                account: named("home")
            },
        ]
    );
}

#[test]
fn what_the_daemon_refuses_is_told_and_nothing_is_printed() {
    for (refusal, code) in [
        (Refusal::usage("there is no account `work` any more"), 2),
        (Refusal::failed("the disk is full\u{1b}[2J"), 1),
    ] {
        let user = User::new();
        let _daemon = user.daemon(move |_| Some(Err(refusal.clone())));
        for arguments in [&["sync", "--json"][..], &["status"], &["holds"], &["pause"]] {
            let output = user.run(arguments);
            assert_eq!(output.status.code(), Some(code), "{arguments:?}");
            assert_eq!(out(&output), "");
            let told = err(&output);
            assert!(told.starts_with("mailferry: the"), "{told}");
            assert!(!told.contains('\u{1b}'), "{told:?}");
        }
    }
}

#[test]
fn a_daemon_that_dies_before_it_answers_is_a_failure() {
    let user = User::new();
    let _daemon = user.daemon(|_| None);
    let output = user.run(&["sync", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(out(&output), "");
    assert!(err(&output).contains("went away"), "{}", err(&output));
}

#[test]
fn an_answer_that_makes_no_sense_is_a_failure() {
    let user = User::new();
    let _daemon = user.daemon(|_| Some(Ok("{\"accounts\": 7}".to_owned())));
    let output = user.run(&["status", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(out(&output), "");
    assert!(err(&output).contains("cannot be read"), "{}", err(&output));
}

#[test]
fn the_daemon_of_another_configuration_does_not_answer_for_this_one() {
    let user = User::new();
    let other = user.0.path().join("other.toml");
    write_config(&other);
    let theirs = Fake::start(&user.runtime_dir(), &other, |_| {
        Some(Ok(status_document(12).to_string()))
    });
    let output = user.run(&["status", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["accounts"][0]["watch"], "none");
    assert_eq!(told["accounts"][1]["name"], "home");
    assert_eq!(user.run(&["pause"]).status.code(), Some(1));
    assert_eq!(theirs.seen(), []);

    // By another name it is the same configuration.
    let link = user.0.path().join("link.toml");
    std::os::unix::fs::symlink(&other, &link).unwrap();
    let output = user.run(&["-c", link.to_str().unwrap(), "status", "--json"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told, status_document(12));
}

#[test]
fn watching_follows_what_the_daemon_tells() {
    let user = User::new();
    let count = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(1));
    let counted = std::sync::Arc::clone(&count);
    let daemon = user.daemon(move |_| {
        let messages = counted.load(std::sync::atomic::Ordering::SeqCst);
        Some(Ok(status_document(messages).to_string()))
    });
    let mut watching = user
        .command(&["status", "--watch", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next(), status_document(1));
    let mut quickest = std::time::Duration::MAX;
    for messages in 2..5 {
        count.store(messages, std::sync::atomic::Ordering::SeqCst);
        let begun = std::time::Instant::now();
        daemon.emit(Signal::NewMail {
            account: "work".to_owned(),
            mailbox: "INBOX".to_owned(),
            count: 1,
        });
        assert_eq!(next(), status_document(messages));
        quickest = quickest.min(begun.elapsed());
    }
    // Well below the time after which it would have asked by itself.
    assert!(quickest.as_secs() < 4, "{quickest:?}");
    // Without the daemon the state on disk is followed.
    drop(daemon);
    assert_eq!(next()["accounts"][1]["name"], "home");
    let _daemon = user.daemon_saying(&status_document(9));
    assert_eq!(next(), status_document(9));
    watching.kill().unwrap();
    watching.wait().unwrap();
}
