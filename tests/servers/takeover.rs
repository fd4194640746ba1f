//! A Maildir that another tool filled: what is on both sides is linked, and no body travels.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::Setting;
use crate::support::maildir::flags;
use crate::support::mbsync::Mbsync;
use crate::support::offlineimap::OfflineImap;
use crate::support::oracle::{Digest, digest};
use crate::support::{Variant, message, messages::sized_message};

type Mails = BTreeMap<String, Vec<(Digest, BTreeSet<String>)>>;

/// What a mail is: without the header that mbsync puts into its copies, and with the wire's line ends.
fn bare(octets: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        if line.starts_with(b"X-TUID: ") {
            continue;
        }
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        wire.extend_from_slice(text);
        if text.len() < line.len() {
            wire.extend_from_slice(b"\r\n");
        }
    }
    wire
}

fn here(setting: &Setting) -> Mails {
    let maildir = setting.ferry.maildir();
    let folders = maildir.folders().into_iter();
    let mails = folders.map(|folder| {
        let files = maildir.files(&folder).into_iter();
        let mut all: Vec<_> = files
            .map(|file| (digest(&bare(&fs::read(&file).unwrap())), flags(&file)))
            .collect();
        all.sort();
        (folder, all)
    });
    mails.collect()
}

/// What the server has, each mail without what mbsync put into it when it sent it.
fn there(setting: &Setting) -> Mails {
    let mut client = setting.client();
    let mut mails = Mails::new();
    for mailbox in client.mailboxes() {
        let found = client.messages(&mailbox);
        let read = found.into_iter().map(|mail| {
            let wire = client.body(mail.uid);
            let text = String::from_utf8(wire).unwrap().replace("\r\n", "\n");
            (digest(&bare(text.as_bytes())), mail.flags)
        });
        let mut all: Vec<_> = read.collect();
        all.sort();
        mails.insert(mailbox, all);
    }
    mails
}

/// A server with mail, and a Maildir that is not there yet.
fn filled(variant: Variant) -> Setting {
    let setting = Setting::new(variant);
    let mut client = setting.client();
    client.create("Box");
    client.create("Work/2024");
    let mails = (0..300).map(|number| sized_message(&format!("mail {number}"), 2000));
    client.append_many("Box", mails);
    // Two versions of one mail, and two with nothing that tells them apart but their bodies.
    for body in ["one", "two", "six"] {
        client.append("Work/2024", "\\Seen", &message(body));
        let text = format!("Message-ID: <same@example.com>\r\nSubject: s\r\n\r\n{body}\r\n");
        client.append("Work/2024", "", text.as_bytes());
        client.append(
            "Work/2024",
            "",
            format!("Subject: nameless\r\n\r\n{body}\r\n").as_bytes(),
        );
    }
    client.select("Box");
    client.store("5:15", '+', "\\Flagged $Forwarded");
    setting
}

fn home(setting: &Setting) -> PathBuf {
    setting.ferry.config().parent().unwrap().to_owned()
}

/// What a program keeps for itself: files and what is in them.
type Notes = Vec<(PathBuf, Vec<u8>)>;

fn file_with(folder: &Path, text: &str) -> PathBuf {
    let parts = ["new", "cur"].map(|part| fs::read_dir(folder.join(part)).unwrap());
    let mut files = parts
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path());
    let has = |path: &PathBuf| {
        let octets = fs::read(path).unwrap();
        String::from_utf8_lossy(&octets).contains(&format!("Subject: {text}\n"))
    };
    files.find(has).expect("a file")
}

/// What people do after mbsync last ran: flags on both sides, taken away too, and one mail in a hundred on each side.
fn change(setting: &Setting) {
    let mut client = setting.client();
    client.select("Box");
    client.store("5:6", '-', "\\Flagged");
    client.store("7", '-', "\\Seen");
    client.store("250:251", '+', "\\Answered");
    for number in 0..3 {
        client.append("Box", "\\Flagged", &message(&format!("new there {number}")));
    }
    let maildir = setting.ferry.maildir();
    let folder = setting.ferry.root().join("Box");
    maildir.relabel(&file_with(&folder, "mail 7"), "PS");
    maildir.relabel(&file_with(&folder, "mail 8"), "FP");
    maildir.relabel(&file_with(&folder, "mail 100"), "FS");
    maildir.relabel(&file_with(&folder, "mail 4"), "FPRS");
    for number in 0..3 {
        maildir.deliver("Box", "S", &message(&format!("new here {number}")));
    }
}

/// The first sync after a program has filled the Maildir, and people have gone on.
fn taken_over(setting: &Setting, read_notes: impl Fn() -> Notes) {
    change(setting);
    let notes = read_notes();
    assert!(notes.len() >= 6, "{notes:?}");
    let footprint = setting.ferry.maildir().footprint();
    let plan = setting.ferry.run(&["sync", "--dry-run"]);
    plan.in_sync();
    assert!(
        plan.stdout.contains("309 linked, 3 to fetch, 3 to send"),
        "{}",
        plan.stdout
    );
    // What is linked as it is needs no line of its own.
    let lines = plan
        .stdout
        .lines()
        .filter(|line| line.contains("link message"));
    let lines: Vec<&str> = lines.collect();
    assert!(
        lines.len() < 20 && lines.iter().all(|line| line.contains(": ")),
        "{lines:#?}"
    );
    let taken_away = lines
        .iter()
        .any(|line| line.contains("-(\\Seen) on the server"));
    assert!(taken_away, "{lines:#?}");
    assert_eq!(setting.ferry.maildir().footprint(), footprint);

    setting.relay.reset();
    setting.ferry.sync().in_sync();
    let bodies = setting
        .relay
        .commands_with(&["BODY.PEEK[]", "BODY[]", "APPEND "]);
    let sent = bodies.iter().filter(|line| line.contains("APPEND")).count();
    assert_eq!((sent, bodies.len() - sent), (3, 1), "{bodies:#?}");
    let down = setting.relay.down();
    assert!(down < 400 * 315, "{down} octets came");
    setting.ferry.sync().in_sync();
    let (here, there) = (here(setting), there(setting));
    assert_eq!(here, there);
    assert_eq!((here["Box"].len(), here["Work/2024"].len()), (306, 9));
    let with = |flag: &str| here["Box"].iter().filter(|it| it.1.contains(flag)).count();
    // Of eleven two lost it there and one here, one got it here, and three came with it.
    assert_eq!(with("\\flagged"), 11 - 3 + 1 + 3);
    // Of three hundred one lost it there and one here, and three came with it.
    assert_eq!((with("\\seen"), with("\\answered")), (300 - 2 + 3, 3));
    assert_eq!(with("$forwarded"), 11);
    assert_eq!(read_notes(), notes, "the program's notes were changed");
    setting.relay.reset();
    setting.ferry.sync().in_sync();
    setting.relay.assert_no_body();
    setting.relay.assert_nothing_written();
}

fn after_mbsync(variant: Variant, store: &str, channel: &str) {
    let setting = filled(variant);
    let (home, root) = (home(&setting), setting.ferry.root());
    let mbsync = Mbsync::new(&home, setting.server.plain(), &root, store, channel);
    mbsync.run();
    taken_over(&setting, || mbsync.notes(&root));
}

#[test]
fn what_mbsync_filled_is_taken_over_without_a_body() {
    after_mbsync(Variant::Dovecot, "", "SyncState *");
}

#[test]
fn what_mbsync_filled_is_taken_over_where_it_keeps_its_state_elsewhere() {
    after_mbsync(Variant::Dovecot, "", "");
}

#[test]
fn what_mbsync_filled_with_names_as_they_are_is_taken_over() {
    after_mbsync(Variant::Dovecot, "AltMap yes", "SyncState ~/states/of-");
}

#[test]
fn what_mbsync_filled_from_cyrus_is_taken_over() {
    after_mbsync(Variant::Cyrus, "", "SyncState *");
}

#[test]
fn what_offlineimap_filled_is_taken_over_without_a_body() {
    let setting = filled(Variant::Dovecot);
    let (home, root) = (home(&setting), setting.ferry.root());
    let offlineimap = OfflineImap::new(&home, setting.server.plain(), &root);
    offlineimap.run();
    taken_over(&setting, || offlineimap.notes());
}
