//! Mail programs work on the Maildir while it is synced: nothing is taken for deleted or new that only has another name.
//!
//! The long form is `just readers SECONDS`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::Setting;
use crate::accounts::subject;
use crate::support::maildir::Maildir;
use crate::support::{Random, Variant, message, oracle};
use crate::trials::{chance, say, seed, setting};

const EACH: usize = 150;
/// Renames a second, one after the other.
const RATES: [usize; 3] = [20, 2000, 300];

#[test]
fn files_renamed_all_the_time_are_neither_deleted_nor_sent() {
    let (setting, seed) = (with_mail(), seed());
    let before = uids(&setting);
    let (renames, passes) = beside(&setting, |stop| {
        Renamer::new(&setting, seed, false).work(stop)
    });
    say(&format!(
        "{renames} renames beside {passes} passes, seed {seed}"
    ));
    again(seed, "files_renamed", || {
        let destroyed = setting.relay.commands_with(&[
            "APPEND",
            "EXPUNGE",
            "MOVE",
            "COPY",
            "\\Deleted",
            "DELETE ",
        ]);
        assert_eq!(destroyed, [""; 0]);
        setting.settle();
        assert_eq!(uids(&setting), before);
        assert_eq!(setting.there()["Trash"].len(), 0);
        setting.assert_quiet();
    });
}

#[test]
fn files_moved_back_and_forth_all_the_time_are_neither_lost_nor_doubled() {
    let (setting, seed) = (with_mail(), seed());
    let before = oracle::digests(&setting.there());
    let (renames, passes) = beside(&setting, |stop| {
        Renamer::new(&setting, seed, true).work(stop)
    });
    say(&format!(
        "{renames} renames beside {passes} passes, seed {seed}"
    ));
    again(seed, "files_moved_back", || {
        let appended = setting.relay.commands_with(&["APPEND"]);
        setting.settle();
        let there = setting.there();
        let told = format!("{appended:#?}, {:#?}", there["Trash"]);
        assert_eq!(oracle::digests(&there), before, "{told}");
        assert_eq!(
            (there["Trash"].len(), oracle::count(&there)),
            (0, 2 * EACH),
            "{told}"
        );
        assert_eq!(appended, [""; 0]);
        setting.assert_quiet();
    });
}

#[test]
fn neomutt_works_on_the_same_maildir() {
    let setting = with_mail();
    // In the long form it deletes most of a mailbox within minutes. That would be held, and rightly so.
    setting.hold_nothing();
    let before = oracle::digests(&setting.there());
    let rounds = setting_rounds();
    beside(&setting, |_| {
        for round in 0..rounds {
            let from = ["Box", "Archive"][round % 2];
            let to = ["Archive", "Box"][round % 2];
            let keys = format!(
                "<tag-pattern>~s {round}$<enter><tag-prefix><flag-message>\
                 <untag-pattern>.<enter><tag-pattern>~s [357]{round}$<enter><tag-prefix><save-message>{}<enter>\
                 <untag-pattern>.<enter><tag-pattern>~s 4{round}$<enter><tag-prefix><delete-message>\
                 <sync-mailbox><untag-pattern>.<enter><toggle-new><quit>",
                setting.ferry.root().join(to).display()
            );
            neomutt(&setting, from, &keys);
        }
    });
    setting.settle();
    let mut once = BTreeSet::new();
    for file in ["Box", "Archive"]
        .iter()
        .flat_map(|name| setting.ferry.maildir().files(name))
    {
        let subject = subject(&fs::read(&file).unwrap());
        assert!(once.insert(subject), "twice: {}", file.display());
    }
    let (there, deleted) = (setting.there(), 2 * EACH - once.len());
    let flagged = there
        .values()
        .flatten()
        .filter(|(_, flags)| flags.contains("\\flagged"));
    assert!(flagged.count() > 5, "neomutt has flagged");
    assert!(
        deleted > 0 && there["Trash"].len() >= deleted,
        "neomutt has deleted {deleted}"
    );
    let all = oracle::digests(&there);
    let lost: Vec<_> = before.difference(&all).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    setting.assert_quiet();
}

#[test]
fn notmuch_works_on_the_same_maildir() {
    let setting = with_mail();
    let before = uids(&setting);
    let config = setting.ferry.root().with_file_name("notmuch");
    let text = format!(
        "[database]\npath={}\n[user]\nname=Alice\nprimary_email=alice@example.com\n[new]\ntags=new;\n\
         ignore=.mailferry;.mailferry-trash;\n[maildir]\nsynchronize_flags=true\n",
        setting.ferry.root().display()
    );
    fs::write(&config, text).unwrap();
    let notmuch = |words: &[&str]| {
        run(Command::new("notmuch")
            .env("NOTMUCH_CONFIG", &config)
            .args(words));
    };
    beside(&setting, |_| {
        notmuch(&["new"]);
        let mut client = setting.client();
        for round in 0..setting_rounds() {
            // Folders come, too, each with a marker.
            for number in 0..5 {
                client.create(&format!("More {round} {number}"));
            }
            let tags = [
                ["+flagged", "-unread"],
                ["-flagged", "+replied"],
                ["+flagged", "+unread"],
            ];
            let [one, other] = tags[round % tags.len()];
            notmuch(&["tag", one, other, "--", "path:Box/**"]);
            notmuch(&["tag", "-unread", "-new", "--", "path:Archive/**"]);
            notmuch(&["new"]);
        }
    });
    notmuch(&["tag", "-unread", "--", "*"]);
    setting.settle();
    assert_eq!(uids(&setting), before);
    let unseen = |(_, flags): &&(String, _)| {
        let flags: &BTreeSet<String> = flags;
        !flags.contains("\\seen")
    };
    let there = setting.there();
    assert_eq!(there.values().flatten().filter(unseen).count(), 0);
    setting.assert_quiet();
}

/// Half of the mail is unread, in `new/`.
fn with_mail() -> Setting {
    let setting = Setting::new(Variant::Dovecot);
    let mut client = setting.client();
    for name in ["Box", "Archive"] {
        let _ = client.command(&format!("CREATE {name}"));
        for number in 0..EACH {
            let flags = if number % 2 == 0 { "" } else { "\\Seen" };
            client.append(name, flags, &message(&format!("{name} {number}")));
        }
    }
    setting.settle();
    setting.relay.reset();
    setting
}

fn uids(setting: &Setting) -> Vec<(u32, String)> {
    let mut client = setting.client();
    let names = ["Box", "Archive"].into_iter();
    let all = names.flat_map(|name| client.messages(name));
    all.map(|message| (message.uid, message.digest)).collect()
}

fn setting_rounds() -> usize {
    // About a second each.
    setting("MAILFERRY_SECONDS").map_or(3, |seconds| seconds as usize)
}

/// Does something while one pass follows the other; what it returns, and how many passes there were.
fn beside<T: Send>(setting: &Setting, work: impl FnOnce(&AtomicBool) -> T + Send) -> (T, usize) {
    let (stop, ended) = (AtomicBool::new(false), AtomicBool::new(false));
    let wanted = Duration::from_secs(self::setting("MAILFERRY_SECONDS").unwrap_or(6));
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let _end = Ended(&ended);
            work(&stop)
        });
        let (begun, mut passes) = (Instant::now(), 0);
        while !ended.load(Ordering::Relaxed) {
            stop.store(begun.elapsed() > wanted, Ordering::Relaxed);
            let outcome = setting.ferry.sync();
            // A folder that never stands still is not listed, and said to be so.
            assert!(matches!(outcome.code, Some(0 | 1)), "{outcome:?}");
            let restless = outcome.stderr.contains("files keep being ");
            assert!(
                outcome.code == Some(0) || restless || changed(&outcome.stderr),
                "{}",
                outcome.stderr
            );
            passes += 1;
        }
        (worker.join().unwrap(), passes)
    })
}

/// Sets the flag even if the work panics.
struct Ended<'a>(&'a AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn changed(stderr: &str) -> bool {
    ["changed", "gone", "is not there"]
        .iter()
        .any(|word| stderr.contains(word))
}

/// Tells the seed when a check fails.
fn again(seed: u64, test: &str, check: impl FnOnce()) {
    struct Tell<'a>(u64, &'a str);
    impl Drop for Tell<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                say(&format!("again: {}", crate::trials::again(self.0, self.1)));
            }
        }
    }
    let _tell = Tell(seed, test);
    check();
}

/// Somebody who renames files at many paces.
struct Renamer<'a> {
    maildir: Maildir,
    root: &'a Path,
    random: Random,
    files: Vec<PathBuf>,
    across: bool,
}

impl<'a> Renamer<'a> {
    fn new(setting: &'a Setting, seed: u64, across: bool) -> Self {
        let root = Box::leak(setting.ferry.root().into_boxed_path());
        Self {
            maildir: Maildir::at(&*root),
            root,
            random: chance(seed, 0),
            files: Vec::new(),
            across,
        }
    }

    /// Works until told to stop; how many renames it were.
    fn work(mut self, stop: &AtomicBool) -> usize {
        let (mut renames, begun) = (0, Instant::now());
        while !stop.load(Ordering::Relaxed) {
            let pace = RATES[begun.elapsed().as_millis() as usize / 700 % RATES.len()];
            let each = Duration::from_secs(1) / u32::try_from(pace).unwrap();
            let next = Instant::now() + each;
            renames += usize::from(self.rename_one());
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        renames
    }

    fn rename_one(&mut self) -> bool {
        if self.files.is_empty() {
            for name in ["Box", "Archive"] {
                self.files.extend(self.maildir.files(name));
            }
        }
        let at = self.random.below(self.files.len());
        let file = self.files[at].clone();
        let to = self.new_path(&file);
        match fs::rename(&file, &to) {
            Ok(()) => self.files[at] = to,
            // The sync was faster: it is called something else by now.
            Err(_) => self.files.clear(),
        }
        !self.files.is_empty()
    }

    fn new_path(&mut self, file: &Path) -> PathBuf {
        let name = file.file_name().unwrap().to_str().unwrap();
        let unique = name.split(":2,").next().unwrap();
        if self.across && self.random.below(2) == 0 {
            let to = *self.random.pick(&["Box", "Archive"]);
            let part = file.parent().unwrap().file_name().unwrap();
            return self.root.join(to).join(part).join(name);
        }
        let letters = *self.random.pick(&["", "S", "F", "FS", "RS", "FRS"]);
        file.parent()
            .unwrap()
            .parent()
            .unwrap()
            .join("cur")
            .join(format!("{unique}:2,{letters}"))
    }
}

fn neomutt(setting: &Setting, folder: &str, keys: &str) {
    mutt("neomutt", setting, folder, keys);
}

/// Has mutt or neomutt press these keys in a folder.
pub fn mutt(program: &str, setting: &Setting, folder: &str, keys: &str) {
    let home = setting.ferry.root().with_file_name("mutt");
    fs::create_dir_all(&home).unwrap();
    let rc = home.join("rc");
    let root = setting.ferry.root();
    let text = format!(
        "set folder=\"{}\"\nset mbox_type=Maildir\nset sleep_time=0\nset quit=yes\nset delete=yes\nset move=no\n\
         set confirmappend=no\nset confirmcreate=no\nset wait_key=no\nset auto_tag=no\nset resolve=no\n\
         set maildir_trash=no\nset mark_old=no\npush \"{keys}\"\n",
        root.display()
    );
    fs::write(&rc, text).unwrap();
    let line = format!(
        "{program} -n -F {} -f {}",
        rc.display(),
        root.join(folder).display()
    );
    // It wants a terminal.
    let mut command = Command::new("timeout");
    command.args(["30", "script", "-qec", &line, "/dev/null"]);
    run(command
        .env("HOME", &home)
        .env("TERM", "xterm")
        .env("LC_ALL", "C.UTF-8"));
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output();
    let output = output
        .unwrap_or_else(|error| panic!("{command:?}: {error}; tests/run installs what is missing"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {}: {said}",
        output.status
    );
}
