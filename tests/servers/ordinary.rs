//! An ordinary day: new mail, flags, moves, copies, deletions and mailboxes, one kind of change at a time.

use crate::Setting;
use crate::support::{Variant, message, oracle};

crate::over_every_server!(
    the_first_sync_brings_everything,
    nothing_changed_writes_nothing,
    new_mail_goes_both_ways,
    flags_go_both_ways,
    keywords_on_the_server_survive,
    a_letter_for_forwarded_is_a_keyword,
    a_local_move_of_a_thousand_messages_uploads_no_body,
    a_move_on_the_server_downloads_no_body,
    a_local_copy_arrives_once,
    deletions_go_both_ways_and_end_in_a_trash,
    new_mailboxes_go_both_ways,
    renamed_mailboxes_go_both_ways,
);

pub fn the_first_sync_brings_everything(variant: Variant) {
    let setting = Setting::new(variant);
    let mut client = setting.client();
    for name in [
        "Reisen",
        "Reisen/Zürich",
        "日本語",
        "a & b",
        "Reisen/Zürich/2024",
    ] {
        client.create(name);
        client.append(name, "\\Flagged \\Seen", &message(name));
    }
    client.append("INBOX", "", &message("unread"));
    setting.settle();
    let maildir = setting.ferry.maildir();
    let [unread] = &maildir.files("INBOX")[..] else {
        panic!("one message in INBOX");
    };
    assert_eq!(
        unread.parent(),
        Some(maildir.root().join("INBOX/new").as_path())
    );
    let [seen] = &maildir.files("日本語")[..] else {
        panic!("one message");
    };
    assert!(seen.to_str().unwrap().ends_with(":2,FS"), "{seen:?}");
    let octets = std::fs::read(seen).unwrap();
    assert!(!octets.contains(&b'\r'), "CRLF on disk");
}

pub fn nothing_changed_writes_nothing(variant: Variant) {
    let setting = Setting::with_messages(variant, 20);
    setting.assert_quiet();
    setting.assert_quiet();
}

pub fn new_mail_goes_both_ways(variant: Variant) {
    let setting = Setting::with_messages(variant, 3);
    setting
        .client()
        .append("INBOX", "\\Answered", &message("from the server"));
    setting
        .ferry
        .maildir()
        .deliver("Box", "DS", &message("from here"));
    setting
        .ferry
        .maildir()
        .deliver("Box", "", &message("from here, unread"));
    setting.settle();
    assert_eq!(setting.here()["Box"].len(), 5);
    setting.assert_quiet();
}

pub fn flags_go_both_ways(variant: Variant) {
    let setting = Setting::with_messages(variant, 4);
    let maildir = setting.ferry.maildir();
    let mut client = setting.client();
    client.select("Box");
    client.store("1:4", '+', "\\Answered");
    let files = maildir.files("Box");
    maildir.relabel(&files[2], "FS");
    maildir.relabel(&files[3], "");
    setting.relay.reset();
    setting.settle();
    setting.relay.assert_no_body();
    let there = &setting.there()["Box"];
    let with = |flag: &str| {
        there
            .iter()
            .filter(|(_, flags)| flags.contains(flag))
            .count()
    };
    assert_eq!((with("\\answered"), with("\\flagged")), (4, 1), "{there:?}");
    setting.assert_quiet();
}

pub fn keywords_on_the_server_survive(variant: Variant) {
    let setting = Setting::with_messages(variant, 2);
    let mut client = setting.client();
    client.select("Box");
    client.store("1:2", '+', "work $Label1");
    setting.settle();
    let maildir = setting.ferry.maildir();
    for file in maildir.files("Box") {
        maildir.relabel(&file, "F");
    }
    setting.settle();
    for (_, flags) in &setting.there()["Box"] {
        assert!(
            flags.contains("work") && flags.contains("$label1") && flags.contains("\\flagged"),
            "{flags:?}"
        );
    }
    setting.assert_quiet();
}

pub fn a_letter_for_forwarded_is_a_keyword(variant: Variant) {
    let setting = Setting::with_messages(variant, 1);
    let maildir = setting.ferry.maildir();
    maildir.relabel(&maildir.files("Box")[0], "PS");
    setting.settle();
    assert!(setting.there()["Box"][0].1.contains("$forwarded"));
}

pub fn a_local_move_of_a_thousand_messages_uploads_no_body(variant: Variant) {
    let setting = Setting::new(variant);
    let mut client = setting.client();
    client.create("Box");
    client.append_many(
        "Box",
        (0..1000).map(|number| message(&format!("message {number}"))),
    );
    setting.settle();
    let maildir = setting.ferry.maildir();
    for (number, file) in maildir.files("Box").iter().enumerate() {
        maildir.rehome(file, "Archive", number % 2 == 0);
    }
    setting.relay.reset();
    setting.ferry.sync().in_sync();
    setting.relay.assert_no_body();
    setting.settle();
    setting.relay.assert_no_body();
    let there = setting.there();
    assert_eq!(
        (
            there["Box"].len(),
            there["Archive"].len(),
            there["Trash"].len()
        ),
        (0, 1000, 0)
    );
    setting.assert_quiet();
}

pub fn a_move_on_the_server_downloads_no_body(variant: Variant) {
    let setting = Setting::with_messages(variant, 60);
    let mut client = setting.client();
    client.select("Box");
    client.rehome("1:15", "Archive");
    setting.relay.reset();
    setting.settle();
    setting.relay.assert_no_body();
    let here = setting.here();
    assert_eq!((here["Box"].len(), here["Archive"].len()), (45, 15));
    setting.assert_quiet();
}

pub fn a_local_copy_arrives_once(variant: Variant) {
    let setting = Setting::with_messages(variant, 3);
    let maildir = setting.ferry.maildir();
    maildir.copy(&maildir.files("Box")[0], "Archive");
    setting.settle();
    let there = setting.there();
    assert_eq!((there["Box"].len(), there["Archive"].len()), (3, 1));
    setting.assert_quiet();
}

pub fn deletions_go_both_ways_and_end_in_a_trash(variant: Variant) {
    let setting = Setting::with_messages(variant, 12);
    let maildir = setting.ferry.maildir();
    std::fs::remove_file(&maildir.files("Box")[0]).unwrap();
    let all = oracle::count(&setting.there());
    setting.settle();
    let there = setting.there();
    assert_eq!((there["Box"].len(), there["Trash"].len()), (11, 1));
    assert_eq!(oracle::count(&there), all);
    let mut client = setting.client();
    let mut mails = client.messages("Box");
    // Where a mark is all that could be made, the message removed here is there still, and names of files say nothing of which.
    mails.retain(|mail| !mail.flags.contains("\\deleted"));
    client.store(&mails[5].uid.to_string(), '+', "\\Deleted");
    client.ok("EXPUNGE");
    setting.settle();
    assert_eq!(setting.here()["Box"].len(), 10);
    let trashed = setting.ferry.root().join(".mailferry-trash");
    let files = walk(&trashed).len();
    assert!(files >= 1, "the local trash is empty");
    setting.assert_quiet();
}

fn walk(place: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(place).into_iter().flatten();
    let below = entries.flat_map(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path)
        } else {
            vec![path]
        }
    });
    below.collect()
}

pub fn new_mailboxes_go_both_ways(variant: Variant) {
    let setting = Setting::with_messages(variant, 1);
    let maildir = setting.ferry.maildir();
    maildir.create("Here/Üben");
    maildir.deliver("Here/Üben", "S", &message("in a new folder"));
    let mut client = setting.client();
    client.create("There");
    client.create("There/日本");
    client.append("There/日本", "", &message("in a new mailbox"));
    setting.settle();
    assert_eq!(setting.there()["Here/Üben"].len(), 1);
    assert_eq!(setting.here()["There/日本"].len(), 1);
    setting.assert_quiet();
}

pub fn renamed_mailboxes_go_both_ways(variant: Variant) {
    let setting = Setting::with_messages(variant, 4);
    let mut client = setting.client();
    client.create("Old");
    client.append("Old", "\\Seen", &message("in the renamed one"));
    setting.settle();
    let all = oracle::count(&setting.there());
    let (old, new) = (client.quoted("Old"), client.quoted("New"));
    client.ok(&format!("RENAME {old} {new}"));
    let root = setting.ferry.root();
    std::fs::rename(root.join("Box"), root.join("Kiste")).unwrap();
    setting.relay.reset();
    setting.settle();
    setting.relay.assert_no_body();
    let there = setting.there();
    assert_eq!(
        (
            there["Kiste"].len(),
            there["New"].len(),
            oracle::count(&there)
        ),
        (4, 1, all)
    );
    assert!(
        !there.contains_key("Box") && !there.contains_key("Old"),
        "{:?}",
        there.keys()
    );
    setting.assert_quiet();
}
