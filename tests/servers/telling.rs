//! The daemon with a listener, on a real server: what it is told, that it is told at least once, and what it wants done.
//!
//! The daemon runs in a child of this program, which puts a listener of its own into it: one that writes down what it is
//! told and wants what its rule says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use mailferry::cli::backend::{Board, Doing, Ear, Listeners, run_with};
use mailferry::config::{Config, Environment};
use mailferry::daemon::Batch;
use mailferry::engine::Acted;
use mailferry::engine::ports::Store as _;
use mailferry::mail::{Flag, Flags, MailboxName};
use mailferry::store::SqliteStore;
use mailferry::sync::{Act, Happened, Occasion, Side, Wanted};

use crate::Setting;
use crate::living::{equal, until, watching};
use crate::support::{Variant, message, oracle};
use crate::trials::{again, chance, say, seed};

const CONFIG: &str = "MAILFERRY_TELLING_CONFIG";
const LOG: &str = "MAILFERRY_TELLING_LOG";
const RULE: &str = "MAILFERRY_TELLING_RULE";

/// Writes down what it is told, a line each.
struct Recorder {
    log: PathBuf,
    rule: String,
    /// Calls until the program ends by itself.
    left: Option<u32>,
}

impl Recorder {
    fn write(&self, word: &str, batch: &Batch) {
        let mut text = String::new();
        for occasion in &batch.occasions {
            let _ = writeln!(text, "{word}\t{}", line(occasion));
        }
        let mut file = OpenOptions::new();
        let mut file = file.append(true).create(true).open(&self.log).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn step(&mut self, batch: &Batch) {
        if let Some(left) = self.left.as_mut().filter(|_| batch.mailbox.is_some()) {
            if *left == 0 {
                std::process::abort();
            }
            *left -= 1;
        }
    }

    fn wants(&self, batch: &Batch) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        for occasion in &batch.occasions {
            let Occasion::Message {
                side,
                what,
                subject,
                ..
            } = occasion
            else {
                continue;
            };
            let lists = MailboxName::parse("Lists").unwrap();
            let act = match (self.rule.as_str(), what, side) {
                ("file", Happened::New, Side::Remote) => Act::MoveTo(lists),
                ("file", Happened::Moved { .. }, _) => {
                    Act::AddFlags(Flags::new().with(Flag::Flagged))
                }
                ("delete", Happened::New, _) => Act::Delete,
                _ => continue,
            };
            if let Some(local) = &subject.local {
                wanted.push(Wanted {
                    row: subject.row,
                    mailbox: subject.mailbox.clone(),
                    local: local.clone(),
                    act,
                });
            }
        }
        wanted
    }
}

impl Ear for Recorder {
    fn wants_old(&self) -> bool {
        self.rule == "old"
    }

    fn told<'a>(&'a mut self, _: &'a str, batch: &'a Batch) -> Doing<'a, Vec<Wanted>> {
        Box::pin(async move {
            self.step(batch);
            self.write("told", batch);
            if self.rule == "hang" {
                tokio::time::sleep(Duration::from_secs(30)).await;
            }
            self.step(batch);
            self.wants(batch)
        })
    }

    fn done<'a>(
        &'a mut self,
        _: &'a str,
        batch: &'a Batch,
        _: &'a Acted,
    ) -> Doing<'a, Vec<Wanted>> {
        Box::pin(async move {
            self.step(batch);
            self.write("done", batch);
            Vec::new()
        })
    }
}

/// What is compared: kind, number, side, mailbox, whether there is a file of that name.
fn line(occasion: &Occasion) -> String {
    match occasion {
        Occasion::Message {
            id,
            side,
            what,
            subject,
            ..
        } => {
            let what = match what {
                Happened::New => "new".to_owned(),
                Happened::Flags { added, removed } => format!("flags +({added}) -({removed})"),
                Happened::Moved { from } => format!("moved {from}"),
                Happened::Deleted => "deleted".to_owned(),
            };
            let exists = subject.path.as_ref().is_some_and(|path| path.exists());
            let (row, mailbox) = (subject.row.0, &subject.mailbox);
            format!("{what}\t{}\t{side:?}\t{mailbox}\t{row}\t{exists}", id.0)
        }
        Occasion::MailboxSynced {
            mailbox,
            changed,
            new,
            gone,
        } => format!("synced\t0\t{mailbox}\t{}\t{new}\t{gone}", changed.len()),
        Occasion::AccountSynced { .. } => "account synced\t0".to_owned(),
        Occasion::AccountState { state } => format!("account {state}\t0"),
        other => format!("{other:?}\t0"),
    }
}

/// Not a test: the daemon of the tests below.
#[test]
#[ignore = "only run by the others, as the daemon"]
fn as_a_daemon() {
    let Ok(config) = std::env::var(CONFIG) else {
        return;
    };
    let environment = Environment::of_process();
    let load = || Config::load(config.as_ref(), &environment);
    let make = move |_: &Config, _: &mailferry::config::Account, _: &Rc<Board>| {
        let rule = std::env::var(RULE).unwrap();
        let (rule, left) = match rule.split_once(':') {
            Some((rule, left)) => (rule.to_owned(), left.parse().ok()),
            None => (rule, None),
        };
        Listeners::default().with(Recorder {
            log: std::env::var(LOG).unwrap().into(),
            rule,
            left,
        })
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let running = run_with(load().unwrap(), &load, Rc::new(make));
    tokio::task::LocalSet::new()
        .block_on(&runtime, running)
        .unwrap();
}

/// A daemon with a listener; killed when dropped.
struct Daemon(Child);

impl Daemon {
    fn start(setting: &Setting, rule: &str) -> Self {
        let home = setting.ferry.state();
        let home = home.parent().unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args([
                "--exact",
                "telling::as_a_daemon",
                "--ignored",
                "--nocapture",
            ])
            .env(CONFIG, setting.ferry.config())
            .env(LOG, log(setting))
            .env(RULE, rule)
            .env("HOME", home)
            .env("XDG_RUNTIME_DIR", home)
            .env("XDG_STATE_HOME", home.join("xdg"))
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    fn alive(setting: &Setting, rule: &str) -> Self {
        let daemon = Self::start(setting, rule);
        watching(setting);
        daemon
    }

    fn ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn log(setting: &Setting) -> PathBuf {
    setting.ferry.state().with_file_name("told.log")
}

/// The lines of one word.
fn lines(setting: &Setting, word: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(log(setting)).unwrap_or_default();
    let all = text.lines().map(|line| line.split('\t').map(str::to_owned));
    let all = all.map(Iterator::collect::<Vec<String>>);
    all.filter(|parts| parts[0] == word).collect()
}

/// Message events that were told: kind and number.
fn messages(setting: &Setting) -> Vec<(String, i64)> {
    let all = lines(setting, "told").into_iter();
    let all = all.map(|parts| (parts[1].clone(), parts[2].parse().unwrap_or(0)));
    all.filter(|(_, number)| *number > 0).collect()
}

fn news(setting: &Setting) -> BTreeSet<i64> {
    let all = messages(setting).into_iter();
    all.filter(|(what, _)| what == "new")
        .map(|(_, number)| number)
        .collect()
}

#[test]
fn mail_that_was_there_is_not_told_and_mail_that_comes_is() {
    let setting = Setting::new(Variant::Dovecot);
    let mut client = setting.client();
    client.create("Box");
    for number in 0..3 {
        client.append("Box", "", &message(&format!("old {number}")));
    }
    let daemon = Daemon::alive(&setting, "");
    equal(&setting);
    assert_eq!(messages(&setting), []);
    client.append("Box", "", &message("new"));
    until("it is told", || !messages(&setting).is_empty());
    until("and done with", || !lines(&setting, "done").is_empty());
    let told = lines(&setting, "told");
    let first = told.iter().position(|parts| parts[1] == "new").unwrap();
    assert_eq!(told[first][3..5], ["Remote", "Box"]);
    assert_eq!(told[first][6], "true", "its file is there");
    assert_eq!(told[first + 1][1..], ["synced", "0", "Box", "1", "1", "0"]);
    drop(daemon);
}

#[test]
fn who_asks_for_old_mail_is_told_of_all_of_it() {
    let setting = Setting::new(Variant::Dovecot);
    let mut client = setting.client();
    client.append_many("INBOX", (0..300).map(|at| message(&format!("old {at}"))));
    let _daemon = Daemon::alive(&setting, "old");
    until("all are told", || news(&setting).len() == 300);
}

#[test]
fn where_nobody_listens_nothing_is_written_down() {
    let setting = Setting::with_messages(Variant::Dovecot, 3);
    setting.client().append("Box", "", &message("new"));
    setting.settle();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let left = runtime.block_on(async {
        let opened = SqliteStore::open(&setting.ferry.state(), "test").await;
        opened.unwrap().store.news(10).await.unwrap()
    });
    assert_eq!(left, []);
}

#[test]
fn what_is_done_here_is_told_as_done_here() {
    let setting = Setting::with_messages(Variant::Dovecot, 4);
    let _daemon = Daemon::alive(&setting, "");
    let maildir = setting.ferry.maildir();
    maildir.relabel(&maildir.files("Box")[0], "FS");
    until("flags", || messages(&setting).len() == 1);
    maildir.create("Junk");
    maildir.rehome(&maildir.files("Box")[1], "Junk", true);
    until("a move", || messages(&setting).len() == 2);
    maildir.deliver("Box", "S", &message("written here"));
    until("a new one", || messages(&setting).len() == 3);
    let told = lines(&setting, "told").into_iter();
    let told: Vec<_> = told.filter(|parts| parts[2] != "0").collect();
    assert_eq!(told[0][1], "flags +(\\Flagged) -()");
    assert_eq!(told[1][1], "moved Box");
    assert_eq!(told[1][4], "Junk");
    assert_eq!(told[2][1], "new");
    assert!(told.iter().all(|parts| parts[3] == "Local"), "{told:?}");
}

#[test]
fn what_a_listener_wants_arrives_on_the_server() {
    let setting = Setting::with_messages(Variant::Dovecot, 3);
    let daemon = Daemon::alive(&setting, "file");
    setting.client().append("Box", "", &message("to be filed"));
    until("it is filed and flagged", || {
        let there = setting.there();
        let lists = there.get("Lists");
        lists.is_some_and(|all| all.len() == 1 && all[0].1.contains("\\flagged"))
    });
    equal(&setting);
    until("all of it is told", || messages(&setting).len() == 3);
    let kinds: Vec<String> = messages(&setting).into_iter().map(|it| it.0).collect();
    assert_eq!(kinds, ["new", "moved Box", "flags +(\\Flagged) -()"]);
    drop(daemon);
    setting.ferry.sync().in_sync();
    setting.assert_quiet();
}

#[test]
fn what_a_listener_deletes_is_in_the_trash_of_the_server() {
    let setting = Setting::with_messages(Variant::Dovecot, 3);
    let _daemon = Daemon::alive(&setting, "delete");
    setting
        .client()
        .append("Box", "", &message("to be deleted"));
    until("it is in the trash", || {
        let there = setting.there();
        there.get("Trash").is_some_and(|all| all.len() == 1) && there["Box"].len() == 3
    });
    equal(&setting);
}

#[test]
fn a_listener_that_hangs_delays_no_mail() {
    let setting = Setting::with_messages(Variant::Dovecot, 3);
    let _daemon = Daemon::alive(&setting, "hang");
    let maildir = setting.ferry.maildir();
    let mut client = setting.client();
    client.append("Box", "", &message("first"));
    until("it hangs", || !messages(&setting).is_empty());
    let begun = Instant::now();
    for number in 0..5 {
        client.append("Box", "", &message(&format!("more {number}")));
        until("more mail", || maildir.files("Box").len() == 5 + number);
    }
    maildir.relabel(&maildir.files("Box")[0], "FS");
    equal(&setting);
    say(&format!(
        "beside a listener that hangs: {:?}",
        begun.elapsed()
    ));
    assert_eq!(messages(&setting).len(), 1, "it hangs still");
}

/// The daemon runs on, and in the end each message was told and filed.
fn all_is_filed(setting: &Setting, count: usize) -> Result<(), String> {
    let daemon = Daemon::alive(setting, "file");
    let filed = || {
        let there = setting.there();
        let lists = there.get("Lists").cloned().unwrap_or_default();
        let flagged = |flags: &BTreeSet<String>| flags.contains("\\flagged");
        lists.len() == count && lists.iter().all(|(_, flags)| flagged(flags))
    };
    let begun = Instant::now();
    while !filed() {
        if begun.elapsed() > Duration::from_secs(60) {
            let there = setting.there();
            return Err(format!(
                "not filed: {there:?}\n{:?}",
                lines(setting, "told")
            ));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    equal(setting);
    drop(daemon);
    let (told, new) = (messages(setting), news(setting));
    if new.len() != count {
        return Err(format!("{} of {count} told: {told:?}", new.len()));
    }
    // One number means one event, however often it is told.
    let mut kinds: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
    for (what, number) in &told {
        kinds.entry(*number).or_default().insert(what.clone());
    }
    if kinds.values().any(|kinds| kinds.len() > 1) {
        return Err(format!("a number was used twice: {told:?}"));
    }
    let done = lines(setting, "done").into_iter();
    let done: Vec<i64> = done
        .filter_map(|parts| parts[2].parse().ok())
        .filter(|number| *number > 0)
        .collect();
    let once: BTreeSet<i64> = done.iter().copied().collect();
    if once.len() < done.len() {
        return Err(format!("done with more than once: {done:?}"));
    }
    let here = oracle::count(&setting.here());
    let there = oracle::count(&setting.there());
    (here == there && there == count + 2)
        .then_some(())
        .ok_or_else(|| format!("{here} here and {there} there"))
}

/// Ends at each step of the listener in turn: when it begins to be told, when it has been, when all is done.
#[test]
fn each_event_is_told_wherever_the_daemon_ends_between_two_steps() {
    let setting = Setting::with_messages(Variant::Dovecot, 2);
    for step in 0..9 {
        let mut daemon = Daemon::alive(&setting, &format!("file:{step}"));
        let mut client = setting.client();
        client.append("Box", "", &message(&format!("one at {step}")));
        client.append("Box", "", &message(&format!("two at {step}")));
        let begun = Instant::now();
        while !daemon.ended() && begun.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(daemon);
        let all = all_is_filed(&setting, 2 * (step + 1));
        all.unwrap_or_else(|why| panic!("step {step}: {why}"));
    }
}

/// `MAILFERRY_KILLS` (4) lives, each with three kills at any moment.
#[test]
fn each_event_is_told_though_the_daemon_is_killed_at_any_moment() {
    let seed = seed();
    let count = crate::trials::setting("MAILFERRY_KILLS").unwrap_or(4) as usize;
    let setting = Setting::with_messages(Variant::Dovecot, 2);
    let mut sent = 0;
    for trial in 0..count {
        let mut random = chance(seed, trial);
        for _ in 0..3 {
            let daemon = Daemon::alive(&setting, "file");
            let mut client = setting.client();
            for _ in 0..3 {
                client.append("Box", "", &message(&format!("mail {sent}")));
                sent += 1;
            }
            std::thread::sleep(Duration::from_millis(random.below(900) as u64));
            drop(daemon);
        }
        let again = again(seed, "though_the_daemon_is_killed");
        let all = all_is_filed(&setting, sent);
        all.unwrap_or_else(|why| panic!("life {trial}, again: {again}: {why}"));
    }
}
