//! Half a move is no deletion: a message whose file went to where it cannot be synced stays on the server.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Setting;
use crate::support::{Variant, message};

/// Three messages in `Box`, in sync; what is deleted is expunged.
fn expunging(keys: &str, sync: &str) -> Setting {
    let setting = Setting::with_messages(Variant::Dovecot, 3);
    let keys = format!("tls = \"none\"\n{keys}");
    let sync = format!("deletions = \"expunge\"\n{sync}");
    setting.ferry.configure(setting.relay.address, &keys, &sync);
    setting
}

/// Moves the first file of `Box` to a directory.
fn move_to(setting: &Setting, directory: &Path) -> PathBuf {
    fs::create_dir_all(directory).unwrap();
    let file = setting.ferry.maildir().files("Box").swap_remove(0);
    let to = directory.join(file.file_name().unwrap());
    fs::rename(&file, &to).unwrap();
    to
}

/// Two passes complain with these words, `status` has them as well, and the message is still in its mailbox.
#[track_caller]
fn waits(setting: &Setting, words: &str) {
    for _ in 0..2 {
        let outcome = setting.ferry.sync();
        outcome.exits(1);
        assert!(outcome.stderr.contains(words), "{}", outcome.stderr);
        assert_eq!(setting.there()["Box"].len(), 3, "{}", outcome.stderr);
    }
    let dry = setting.ferry.run(&["sync", "--dry-run"]);
    assert!(!dry.stdout.contains("delete on the server"), "{dry:?}");
}

/// Back in its folder it is as if nothing had happened.
fn comes_back(setting: &Setting, file: &Path) {
    let name = file.file_name().unwrap();
    fs::rename(file, setting.ferry.root().join("Box/cur").join(name)).unwrap();
    fs::remove_dir_all(file.ancestors().nth(2).unwrap()).unwrap();
    setting.ferry.sync().in_sync();
    assert_eq!(setting.here()["Box"].len(), 3);
    setting.assert_quiet();
}

#[test]
fn what_moved_to_a_mailbox_that_the_server_refuses_waits() {
    let setting = expunging("", "");
    // Dovecot takes no control characters in names of mailboxes.
    setting.ferry.maildir().create("Neu%07");
    let file = move_to(&setting, &setting.ferry.root().join("Neu%07/cur"));
    waits(&setting, "the folder Neu%07 has the same mail");
    comes_back(&setting, &file);
}

#[test]
fn what_moved_to_what_is_no_folder_waits() {
    let setting = expunging("", "");
    let root = setting.ferry.root();
    for (directory, shown) in [
        ("Only/cur", "Only has the same mail"),
        ("inbox/cur", "inbox has the same mail"),
        ("Box/Sub/cur", "Box/Sub has the same mail"),
        ("stray/deep", "stray/deep has the same mail"),
    ] {
        let file = move_to(&setting, &root.join(directory));
        waits(&setting, shown);
        comes_back(&setting, &file);
    }
}

#[test]
fn what_moved_to_a_folder_that_is_left_out_waits() {
    let setting = expunging("mailboxes = [\"*\", \"!Out\"]\n", "");
    setting.ferry.maildir().create("Out");
    let file = move_to(&setting, &setting.ferry.root().join("Out/cur"));
    waits(&setting, "left out by `mailboxes`");
    comes_back(&setting, &file);
}

#[test]
fn what_moved_where_push_forbids_it_waits() {
    for (push, words) in [
        (
            "\"new\", \"flags\", \"deletions\", \"moves\"",
            "`push` lacks \"mailboxes\"",
        ),
        ("\"deletions\", \"mailboxes\"", "`push` allows neither"),
    ] {
        let setting = expunging("", &format!("push = [{push}]"));
        setting.ferry.maildir().create("Neu");
        let file = move_to(&setting, &setting.ferry.root().join("Neu/cur"));
        waits(&setting, words);
        assert!(file.exists());
    }
}

/// Deleted is deleted: nothing waits for what is nowhere.
#[test]
fn what_is_nowhere_is_deleted() {
    let setting = expunging("mailboxes = [\"*\", \"!Out\"]\n", "");
    let maildir = setting.ferry.maildir();
    maildir.create("Out");
    maildir.deliver("Out", "S", &message("another one"));
    fs::remove_file(&maildir.files("Box")[0]).unwrap();
    setting.ferry.sync().in_sync();
    assert_eq!(setting.there()["Box"].len(), 2);
}
