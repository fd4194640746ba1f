//! Messages that mail programs and other tools have added headers to are still the same messages: they move on the server
//! and do not travel, and nothing of them is in a trash or held.

use std::fs;

use crate::Setting;
use crate::readers::mutt;
use crate::support::mbsync::Mbsync;
use crate::support::{Variant, message};

const MANY: usize = 50;
const FEW: usize = 4;

crate::over_every_server!(filed_messages_with_a_header_more_move_on_the_server,);

fn filled(variant: Variant) -> Setting {
    let setting = Setting::new(variant);
    let mut client = setting.client();
    client.create("Filed");
    client.append_many(
        "INBOX",
        (0..MANY).map(|number| message(&format!("mail {number}"))),
    );
    setting.settle();
    setting.relay.reset();
    setting
}

/// Saves messages of INBOX to another folder as mutt does: a copy with more headers and another name is written, and the
/// original is deleted. `change` makes the copy.
fn file(setting: &Setting, count: usize, change: impl Fn(&str) -> String) {
    let maildir = setting.ferry.maildir();
    for (number, file) in maildir.files("INBOX").into_iter().take(count).enumerate() {
        let text = fs::read_to_string(&file).unwrap();
        let copy = setting
            .ferry
            .root()
            .join(format!("Filed/cur/1700000000.{number}_1.mutt:2,S"));
        fs::write(copy, change(&text)).unwrap();
        fs::remove_file(file).unwrap();
    }
}

/// Everything is in the other folder on the server, as it was, and nothing travelled or went to the trash.
#[track_caller]
fn all_filed(setting: &Setting) {
    setting.settle();
    let there = setting.there();
    assert_eq!((there["INBOX"].len(), there["Filed"].len()), (0, MANY));
    assert!(
        there.get("Trash").is_none_or(Vec::is_empty),
        "{:?}",
        there["Trash"]
    );
    let travelled = setting.relay.commands_with(&["APPEND", "BODY.PEEK[]"]);
    assert!(travelled.is_empty(), "{travelled:?}");
}

fn filed_messages_with_a_header_more_move_on_the_server(variant: Variant) {
    let setting = filled(variant);
    file(&setting, MANY, |text| {
        let body = text.split_once("\n\n").unwrap().1;
        let notes = format!(
            "Content-Length: {}\nLines: {}\n\n",
            body.len(),
            body.lines().count()
        );
        text.replacen("\n\n", &format!("\n{notes}"), 1)
    });
    // Held deletions would end with 3.
    setting.ferry.sync().in_sync();
    all_filed(&setting);
    setting.assert_quiet();
}

#[test]
fn an_edited_copy_is_another_message() {
    let setting = filled(Variant::Dovecot);
    file(&setting, FEW, |text| {
        text.replacen("\n\n", "\nX-Mine: 1\n\n", 1)
    });
    setting.settle();
    let there = setting.there();
    assert_eq!(
        (there["INBOX"].len(), there["Filed"].len()),
        (MANY - FEW, FEW)
    );
    assert_eq!(there["Trash"].len(), FEW);
    assert_eq!(setting.relay.commands_with(&["APPEND"]).len(), FEW);
}

#[test]
fn mutt_and_neomutt_file_many_messages_at_once() {
    for program in ["mutt", "neomutt"] {
        let setting = filled(Variant::Dovecot);
        let target = setting.ferry.root().join("Filed");
        let keys = format!(
            "<tag-pattern>~A<enter><tag-prefix><save-message>{}<enter><sync-mailbox><quit>",
            target.display()
        );
        mutt(program, &setting, "INBOX", &keys);
        assert_eq!(
            setting.ferry.maildir().files("Filed").len(),
            MANY,
            "{program}"
        );
        setting.ferry.sync().in_sync();
        all_filed(&setting);
    }
}

/// Its state is lost, and its files have a header more.
#[test]
fn a_maildir_of_mbsync_without_its_notes_is_not_doubled() {
    let setting = Setting::new(Variant::Dovecot);
    let mut client = setting.client();
    client.append_many(
        "INBOX",
        (0..MANY).map(|number| message(&format!("mail {number}"))),
    );
    let home = tempfile::tempdir().unwrap();
    let root = setting.ferry.root();
    let mbsync = Mbsync::new(
        home.path(),
        setting.server.plain(),
        &root,
        "",
        "SyncState *",
    );
    mbsync.run();
    let notes = mbsync.notes(&root);
    assert!(!notes.is_empty());
    for (file, _) in notes {
        fs::remove_file(file).unwrap();
    }
    let marked = setting.ferry.maildir().files("INBOX");
    assert_eq!(marked.len(), MANY);
    let has_mark =
        |file: &std::path::PathBuf| fs::read_to_string(file).unwrap().contains("X-TUID: ");
    assert!(marked.iter().all(has_mark), "mbsync marks what it fetches");
    setting.relay.reset();
    setting.ferry.sync().in_sync();
    assert_eq!(setting.there()["INBOX"].len(), MANY);
    assert_eq!(setting.ferry.maildir().files("INBOX").len(), MANY);
    assert_eq!(
        setting.relay.commands_with(&["APPEND"]),
        Vec::<String>::new()
    );
    setting.assert_quiet();
}
