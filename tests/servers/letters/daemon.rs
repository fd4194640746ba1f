//! POP3 accounts in the daemon: sessions now and then, and at once when asked for.

use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use serde_json::Value;

use super::script::{Script, Told};
use super::{Drop, here};
use crate::living::{ends, until, within};
use crate::support::Ferry;
use crate::support::message;
use crate::support::server::{PASSWORD, USER};

fn account(ferry: &Ferry) -> Value {
    ferry.run(&["status", "--json"]).json()["accounts"][0].clone()
}

fn is(ferry: &Ferry, state: &str) -> bool {
    account(ferry)["state"] == state
}

#[test]
fn letters_come_by_themselves_at_once_when_asked_for_and_not_while_paused() {
    let drop = Drop::dovecot("poll = \"1s\"\nkeep = \"never\"\n");
    drop.append(&[message("one")]);
    let daemon = drop.ferry.start(&["run"]);
    until("the first letter", || drop.here(&[]).len() == 1);
    drop.append(&[message("two")]);
    until("the second letter", || drop.here(&[]).len() == 2);
    until("it has left the server", || drop.there().is_empty());
    until("all is done", || is(&drop.ferry, "in-sync"));
    assert_eq!(account(&drop.ferry)["watch"], "poll");

    drop.ferry.run(&["pause", "test"]).in_sync();
    until("it is paused", || is(&drop.ferry, "paused"));
    drop.append(&[message("three")]);
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(drop.here(&[]).len(), 2);
    drop.ferry.run(&["sync"]).exits(1);
    drop.ferry.run(&["resume", "test"]).in_sync();
    until("the third letter", || drop.here(&[]).len() == 3);
    ends(daemon);

    drop.ferry.configure_letters(
        drop.server.pop3(),
        "tls = \"none\"\npoll = \"1h\"\n",
        USER,
        PASSWORD,
    );
    let daemon = drop.ferry.start(&["run"]);
    // Without a daemon the state on disk would be shown.
    until("it has looked", || {
        let account = account(&drop.ferry);
        account["watch"] == "poll" && account["state"] == "in-sync"
    });
    drop.append(&[message("four")]);
    let report = drop.ferry.run(&["sync", "--json"]).in_sync().json();
    assert_eq!(report["accounts"][0]["mailboxes"][0]["pulled"]["new"], 1);
    assert_eq!(drop.here(&[]).len(), 4);
    drop.ferry.run(&["sync", "test:Archive"]).exits(2);
    ends(daemon);
}

#[test]
fn a_wrong_password_is_tried_once_and_then_waited_for() {
    let script = Script::able();
    script.add("u", &message("one"));
    script.tell(Some(Arc::new(|command, stream| {
        if command != "PASS wrong" {
            return Told::Truth;
        }
        let _ = std::io::Write::write_all(stream, b"-ERR [AUTH] no\r\n");
        Told::Said
    })));
    let keys = "tls = \"none\"\npoll = \"1s\"\n";
    let ferry = Ferry::letters_with(script.address, keys, "wrong");
    let daemon = ferry.start(&["run"]);
    until("it was refused", || is(&ferry, "failed"));
    std::thread::sleep(Duration::from_secs(3));
    let tried = script.commands();
    let tries = tried.iter().filter(|it| *it == "PASS wrong").count();
    assert_eq!(tries, 1, "{tried:?}");
    ferry.configure_letters(script.address, keys, USER, PASSWORD);
    // Not its group: the program beside it that measures would end.
    let process = Pid::from_raw(i32::try_from(daemon.process()).unwrap()).unwrap();
    rustix::process::kill_process(process, Signal::HUP).unwrap();
    until("the letter", || here(&ferry, &[]).len() == 1);
    ends(daemon);
}

#[test]
fn a_server_that_wants_to_be_left_alone_is() {
    let script = Script::start(&["UIDL", "TOP", "USER", "LOGIN-DELAY 3600"]);
    script.add("u", &message("one"));
    let ferry = Ferry::letters(script.address, "tls = \"none\"\npoll = \"1s\"\n");
    let daemon = ferry.start(&["run"]);
    until("the letter", || here(&ferry, &[]).len() == 1);
    until("it rests", || is(&ferry, "in-sync"));
    script.commands();
    std::thread::sleep(Duration::from_millis(2500));
    let refused = ferry.run(&["sync"]);
    assert!(
        refused.exits(1).stderr.contains("LOGIN-DELAY"),
        "{}",
        refused.stderr
    );
    assert_eq!(script.commands(), Vec::<String>::new());
    ends(daemon);
}

#[test]
fn a_maildrop_that_somebody_else_has_is_waited_for_without_a_storm() {
    let script = Script::able();
    script.add("u", &message("one"));
    script.tell(Some(Arc::new(|command, stream| {
        if !command.starts_with("PASS") {
            return Told::Truth;
        }
        let _ = std::io::Write::write_all(stream, b"-ERR [IN-USE] somebody has it\r\n");
        Told::Said
    })));
    let ferry = Ferry::letters(script.address, "tls = \"none\"\npoll = \"2s\"\n");
    let daemon = ferry.start(&["run"]);
    until("it was refused", || is(&ferry, "failed"));
    script.commands();
    std::thread::sleep(Duration::from_secs(5));
    let tries = script
        .commands()
        .iter()
        .filter(|it| it.starts_with("PASS"))
        .count();
    assert!((1..=3).contains(&tries), "{tries} tries in five seconds");
    script.tell(None);
    until("the letter", || here(&ferry, &[]).len() == 1);
    until("all is well", || is(&ferry, "in-sync"));
    ends(daemon);
}

#[test]
fn a_server_that_wants_to_be_left_alone_for_ever_ends_nothing() {
    let script = Script::start(&["UIDL", "TOP", "USER", "LOGIN-DELAY 18446744073709551615"]);
    script.add("u", &message("one"));
    // The sum with the time since the start is too large only then.
    script.tell(Some(Arc::new(|command, _| {
        if command.is_empty() {
            std::thread::sleep(Duration::from_millis(1500));
        }
        Told::Truth
    })));
    let ferry = Ferry::letters(script.address, "tls = \"none\"\npoll = \"1s\"\n");
    let daemon = ferry.start(&["run"]);
    until("the letter", || here(&ferry, &[]).len() == 1);
    until("it rests", || is(&ferry, "in-sync"));
    let refused = ferry.run(&["sync"]);
    assert!(
        refused.exits(1).stderr.contains("LOGIN-DELAY"),
        "{}",
        refused.stderr
    );
    ends(daemon);
}

/// PASS is refused with these words.
fn shut(script: &Script, words: &'static str) {
    script.tell(Some(Arc::new(move |command, stream| {
        if !command.starts_with("PASS") {
            return Told::Truth;
        }
        let _ = std::io::Write::write_all(stream, words.as_bytes());
        Told::Said
    })));
}

fn tries(script: &Script) -> usize {
    let said = script.commands();
    said.iter().filter(|it| it.starts_with("PASS")).count()
}

const QUICK: &str = "tls = \"none\"\npoll = \"1s\"\n";
/// RFC 1939 section 7, and what hMailServer says, while our own last session is not over there.
const LOCKED: &str = "-ERR Your mailbox is already locked\r\n";

#[test]
fn a_password_that_was_never_good_is_tried_once_where_the_server_does_not_say_why() {
    let script = Script::able();
    script.add("u", &message("one"));
    shut(&script, LOCKED);
    let ferry = Ferry::letters(script.address, QUICK);
    let daemon = ferry.start(&["run"]);
    until("it was refused", || is(&ferry, "failed"));
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(tries(&script), 1);
    script.tell(None);
    ferry.run(&["resume", "test"]).in_sync();
    until("the letter", || here(&ferry, &[]).len() == 1);
    ends(daemon);
}

/// The same after a password that was good, also in the process before; and where the server would have said that it is
/// the password (AUTH-RESP-CODE). Both wait for some time.
#[test]
fn a_password_that_was_good_or_is_not_called_wrong_is_tried_again_by_itself() {
    let known = Script::able();
    let telling = Script::start(&["UIDL", "TOP", "USER", "AUTH-RESP-CODE"]);
    let good = Ferry::letters(known.address, QUICK);
    good.sync().in_sync();
    let fresh = Ferry::letters(telling.address, QUICK);
    let all = [(&known, &good), (&telling, &fresh)];
    for (script, _) in all {
        script.add("u", &message("one"));
        shut(script, LOCKED);
        script.commands();
    }
    let daemons = all.map(|(_, ferry)| ferry.start(&["run"]));
    for (script, ferry) in all {
        until("it was refused", || is(ferry, "failed"));
        std::thread::sleep(Duration::from_secs(2));
        assert_eq!(tries(script), 1);
    }
    let shown = account(&good)["problems"].to_string();
    assert!(shown.contains("accepted this password before"), "{shown}");
    for (script, _) in all {
        script.tell(None);
    }
    for (_, ferry) in all {
        let soon = Duration::from_secs(90);
        within(soon, "the letter", || here(ferry, &[]).len() == 1);
        until("all is well", || is(ferry, "in-sync"));
    }
    for daemon in daemons {
        ends(daemon);
    }
}

#[test]
fn where_the_server_says_that_it_is_the_password_it_is_not_tried_again() {
    let script = Script::start(&["UIDL", "TOP", "USER", "AUTH-RESP-CODE"]);
    let ferry = Ferry::letters(script.address, QUICK);
    ferry.sync().in_sync();
    shut(&script, "-ERR [AUTH] no\r\n");
    script.commands();
    let daemon = ferry.start(&["run"]);
    until("it was refused", || is(&ferry, "failed"));
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(tries(&script), 1);
    ends(daemon);
}

/// What hooks do to letters stays here.
#[test]
fn a_hook_marks_letters_and_the_server_does_not_hear_of_it() {
    let drop = Drop::dovecot("");
    let file = drop.ferry.state().with_file_name("hook.lua");
    let script = r#"
mailferry.on("message.new", function(msg)
    if msg.subject:find("list") then
        msg:add_flags("flagged", "seen")
    end
end)
"#;
    std::fs::write(&file, script).unwrap();
    let keys = format!(
        "tls = \"none\"\npoll = \"1s\"\n\n[[hooks]]\nfile = \"{}\"\n",
        file.display()
    );
    let address = drop.server.pop3();
    drop.ferry.configure_letters(address, &keys, USER, PASSWORD);
    drop.append(&[message("of a friend")]);
    let daemon = drop.ferry.start(&["run"]);
    until("the first letter", || drop.here(&[]).len() == 1);
    until("all is done", || is(&drop.ferry, "in-sync"));
    drop.append(&[message("of a list")]);
    let marked = || {
        let files = drop.ferry.maildir().files("INBOX");
        let names = files.iter().map(|file| file.to_string_lossy());
        names.filter(|name| name.ends_with(":2,FS")).count()
    };
    until("it is marked", || marked() == 1);
    assert_eq!(drop.there().len(), 2);
    ends(daemon);
    drop.ferry.sync().in_sync();
    assert_eq!((drop.here(&[]).len(), marked()), (2, 1));
}
