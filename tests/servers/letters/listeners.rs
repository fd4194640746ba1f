//! What hooks and the desktop do with letters that came by POP3: the server has no mailboxes, the Maildir has.

use std::fs;
use std::time::Duration;

use super::{Drop, here};
use crate::living::{ends, until};
use crate::showing::{Screen, Told};
use crate::support::server::{PASSWORD, USER};
use crate::support::{Ferry, message};

/// An account with this below its settings.
fn with(keys: &str, more: &str) -> Drop {
    let drop = Drop::dovecot(keys);
    let config = drop.ferry.config();
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{text}\n{more}\n")).unwrap();
    drop
}

fn with_hook(keys: &str, script: &str) -> Drop {
    let drop = with(keys, "");
    let file = drop.ferry.state().with_file_name("hook.lua");
    fs::write(&file, script).unwrap();
    let config = drop.ferry.config();
    let text = fs::read_to_string(&config).unwrap();
    let hook = format!("[[hooks]]\nfile = \"{}\"\n", file.display());
    fs::write(&config, format!("{text}\n{hook}")).unwrap();
    drop
}

fn count(ferry: &Ferry, folder: &str) -> usize {
    let there = ferry.maildir().folders().iter().any(|it| it == folder);
    if there {
        ferry.maildir().files(folder).len()
    } else {
        0
    }
}

fn is_settled(ferry: &Ferry) -> bool {
    ferry.run(&["status", "--json"]).json()["accounts"][0]["state"] == "in-sync"
}

const FILES: &str = r#"
mailferry.on("message.new", function(msg)
    if msg.subject:find("list") then
        msg:add_flags("flagged")
        msg:move_to("Lists/Dev")
    elseif msg.subject:find("twice") then
        msg:copy_to("Copies")
    end
end)
"#;

#[test]
fn a_letter_that_a_hook_files_comes_no_second_time_and_leaves_the_server_when_it_is_due() {
    for keep in ["forever", "never"] {
        let keys = format!("poll = \"1s\"\nkeep = \"{keep}\"\n");
        let drop = with_hook(&keys, FILES);
        drop.append(&[message("before the first sync of a list")]);
        let daemon = drop.ferry.start(&["run"]);
        until("the first letter", || count(&drop.ferry, "INBOX") == 1);
        until("all is done", || is_settled(&drop.ferry));
        drop.append(&[message("of a list"), message("twice"), message("plain")]);
        until("it is filed", || {
            count(&drop.ferry, "Lists/Dev") == 1 && count(&drop.ferry, "Copies") == 1
        });
        let filed = drop.ferry.maildir().files("Lists/Dev")[0].clone();
        assert!(filed.to_string_lossy().ends_with(":2,F"), "{filed:?}");
        // Some more sessions.
        std::thread::sleep(Duration::from_secs(3));
        drop.append(&[message("the last one")]);
        until("the last one", || count(&drop.ferry, "INBOX") == 4);
        until("all is done", || is_settled(&drop.ferry));
        assert_eq!(here(&drop.ferry, &[]).len(), 6, "five letters and a copy");
        assert!(filed.exists());
        let left = if keep == "never" { 0 } else { 5 };
        until("what is due has left", || drop.there().len() == left);
        ends(daemon);
        drop.ferry.sync().in_sync();
        assert_eq!(here(&drop.ferry, &[]).len(), 6);
    }
}

/// Without a daemon, too.
#[test]
fn a_single_sync_files_letters_as_the_daemon_does() {
    let drop = with_hook("", FILES);
    drop.append(&[message("one")]);
    drop.ferry.sync().in_sync();
    drop.append(&[message("of a list")]);
    drop.ferry.sync().in_sync();
    assert_eq!(count(&drop.ferry, "Lists/Dev"), 1);
    drop.ferry.sync().in_sync();
    assert_eq!(here(&drop.ferry, &[]).len(), 2);
    assert_eq!(drop.there().len(), 2);
}

#[test]
fn hooks_find_letters_and_whatever_else_is_in_the_maildir() {
    const SEARCHES: &str = r#"
mailferry.every("1s", function()
    local letters = mailferry.search { subject = "letter" }
    local read = mailferry.search { mailbox = "Old", flags = "seen" }
    if #letters == 2 and #read == 1 then
        (letters + read):move_to("Found")
    end
end)
"#;
    let drop = with_hook("poll = \"1s\"\n", SEARCHES);
    drop.append(&[message("letter one"), message("letter two")]);
    let maildir = drop.ferry.maildir();
    let daemon = drop.ferry.start(&["run"]);
    until("the letters", || count(&drop.ferry, "INBOX") == 2);
    maildir.create("Old");
    maildir.deliver("Old", "S", &message("something read"));
    maildir.deliver("Old", "", &message("something unread"));
    until("all three are found", || count(&drop.ferry, "Found") == 3);
    assert_eq!(count(&drop.ferry, "Old"), 1);
    ends(daemon);
}

/// One bubble each; muting sets no keyword, since nobody would keep it.
#[test]
fn letters_are_announced_and_their_buttons_do_what_they_say() {
    let drop = with("poll = \"1s\"\n", "[accounts.test.notify]\nburst = 1000\n");
    drop.append(&[message("old")]);
    let screen = Screen::at(&drop.ferry);
    let daemon = drop.ferry.start(&["run"]);
    until("the first letter", || count(&drop.ferry, "INBOX") == 1);
    until("all is done", || is_settled(&drop.ferry));
    let labels = ["Mark as read", "Archive", "Delete", "Mute thread"];
    drop.append(&labels.map(message));
    for _ in labels {
        let shown = screen.shows();
        let label = labels.iter().find(|it| shown.body.starts_with(**it));
        screen.press(&shown, label.unwrap());
    }
    until("all of it is done", || {
        let inbox = drop.ferry.maildir().files("INBOX");
        let read = inbox
            .iter()
            .filter(|it| it.to_string_lossy().ends_with(":2,S"));
        inbox.len() == 3 && read.count() == 1 && count(&drop.ferry, "Archive") == 1
    });
    let muted = drop.ferry.state().join("muted-threads");
    until("the thread is muted", || {
        fs::metadata(&muted).is_ok_and(|it| it.len() > 0)
    });
    ends(daemon);
    let failed = screen
        .told
        .try_iter()
        .find(|told| matches!(told, Told::Notify(shown) if shown.summary.starts_with("Could not")));
    assert_eq!(failed.map(|it| format!("{it:?}")), None);
    drop.ferry
        .configure_letters(drop.server.pop3(), "tls = \"none\"\n", USER, PASSWORD);
    drop.ferry.sync().in_sync();
    assert_eq!(here(&drop.ferry, &[]).len(), 4, "none comes again");
}
