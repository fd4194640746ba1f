//! Plugins with the programs that they are for, as people have them installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Setting;
use crate::living::{alive, ends, until};
use crate::support::server::run;
use crate::support::{Variant, message};

/// An account with this plugin, and a home for its program.
fn with_plugin(plugin: &str) -> (Setting, PathBuf) {
    let setting = Setting::with_messages(Variant::Dovecot, 2);
    let more = format!("[[hooks]]\nallow = [\"exec\"]\n{plugin}\n");
    let address = setting.relay.address;
    setting.ferry.configure(address, "tls = \"none\"\n", &more);
    let home = setting.ferry.root().parent().unwrap().to_owned();
    (setting, home)
}

/// Runs a program in that home; what it prints.
fn at_home(home: &Path, words: &[&str]) -> String {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env("HOME", home);
    for name in [
        "NOTMUCH_CONFIG",
        "XDG_CACHE_HOME",
        "XDG_DATA_HOME",
        "XDG_CONFIG_HOME",
    ] {
        command.env_remove(name);
    }
    run(&mut command)
}

#[test]
fn notmuch_knows_new_mail_by_its_tags_and_forgets_what_is_gone() {
    let (setting, home) =
        with_plugin("plugin = \"notmuch\"\noptions = { tags = { Box = \"+boxed -inbox\" } }");
    let root = setting.ferry.root();
    let config = format!(
        "[database]\npath={}\n[user]\nname=A\nprimary_email=a@example.org\n[new]\ntags=unread;inbox;\nignore=.mailferry;.mailferry-trash;\n",
        root.display()
    );
    fs::write(home.join(".notmuch-config"), config).unwrap();
    at_home(&home, &["notmuch", "new", "--quiet"]);
    let count = |query: &str| {
        at_home(&home, &["notmuch", "count", "--", query])
            .trim()
            .to_owned()
    };
    assert_eq!(count("*"), "2");
    let daemon = alive(&setting);
    let mut client = setting.client();
    client.append("Box", "", &message("for notmuch"));
    until("it is tagged", || {
        count("tag:boxed and subject:notmuch and not tag:inbox") == "1"
    });
    client.select("Box");
    client.store("1", '+', "\\Deleted");
    client.ok("EXPUNGE");
    until("it is forgotten", || count("*") == "2");
    ends(daemon);
}

#[test]
fn mu_finds_new_mail() {
    let (setting, home) = with_plugin("plugin = \"mu\"");
    let root = setting.ferry.root();
    at_home(
        &home,
        &[
            "mu",
            "init",
            "--quiet",
            &format!("--maildir={}", root.display()),
        ],
    );
    at_home(&home, &["mu", "index", "--quiet"]);
    let found = |subject: &str| {
        let mut command = Command::new("mu");
        command
            .args(["find", "--fields", "s", subject])
            .env("HOME", &home)
            .env_remove("XDG_CACHE_HOME");
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert_eq!(found("zebra"), "");
    let daemon = alive(&setting);
    setting
        .client()
        .append("Box", "", &message("a zebra for mu"));
    until("it is found", || found("zebra").contains("a zebra for mu"));
    ends(daemon);
}

#[test]
fn bogofilter_judges_new_mail_and_learns_from_moves() {
    let (setting, home) = with_plugin("plugin = \"spam\"");
    let letter = |number: usize, words: &str| {
        format!(
            "From: x{number}@example.org\r\nSubject: {words}\r\n\r\n{words} {words} number{number}\r\n"
        )
    };
    let (bad, good) = (
        "cheap pills casino winner",
        "meeting minutes project schedule",
    );
    for number in 0..30 {
        for (words, flag) in [(bad, "-s"), (good, "-n")] {
            let file = home.join("lesson");
            fs::write(&file, letter(number, words)).unwrap();
            at_home(&home, &["bogofilter", flag, "-B", file.to_str().unwrap()]);
        }
    }
    let words = home.join(".bogofilter/wordlist.db");
    // While somebody else writes it cannot be read.
    let learned = || loop {
        let mut command = Command::new("bogoutil");
        command.arg("-w").arg(&words).arg(".MSG_COUNT");
        let output = command.env("HOME", &home).output().unwrap();
        if output.status.success() {
            break output.stdout;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    let before = learned();
    let daemon = alive(&setting);
    let mut client = setting.client();
    client.append("INBOX", "", letter(100, bad).as_bytes());
    client.append("INBOX", "", letter(101, good).as_bytes());
    let count = |mailbox: &str| setting.there().get(mailbox).map_or(0, Vec::len);
    until("one is spam and one is not", || {
        count("Junk") == 1 && count("INBOX") == 1
    });
    assert_eq!(learned(), before, "what it judged it was not taught");
    let maildir = setting.ferry.maildir();
    let file = maildir.files("INBOX")[0].clone();
    maildir.rehome(&file, "Junk", false);
    until("it has learned", || learned() != before);
    until("it is Junk on the server", || count("Junk") == 2);
    ends(daemon);
}
