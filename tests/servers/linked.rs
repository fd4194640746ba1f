//! Folders that are symbolic links to directories.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::Setting;
use crate::living::{alive, ends, until};
use crate::support::{Variant, message};

fn make_folder(path: &Path) {
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(path.join(part)).unwrap();
    }
}

#[test]
fn a_folder_behind_a_link_is_synced_and_waits_while_its_disk_is_away() {
    let setting = Setting::new(Variant::Dovecot);
    let maildir = setting.ferry.maildir();
    let root = maildir.root();
    let disk = root.with_file_name("disk");
    make_folder(&disk.join("Far"));
    fs::create_dir_all(root).unwrap();
    symlink(disk.join("Far"), root.join("Far")).unwrap();
    let mut client = setting.client();
    client.create("Far");
    for mailbox in ["INBOX", "Far"] {
        client.append(mailbox, "\\Seen", &message(mailbox));
    }
    setting.ferry.sync().in_sync();
    let behind = |part: &str| fs::read_dir(disk.join("Far").join(part)).unwrap().count();
    assert_eq!(behind("cur"), 1);
    maildir.deliver("Far", "S", &message("from here"));
    setting.ferry.sync().in_sync();
    assert_eq!(client.messages("Far").len(), 2);

    // The daemon hears of what happens behind the link.
    let daemon = alive(&setting);
    maildir.deliver("Far", "S", &message("while the daemon runs"));
    until("a mail behind a link", || setting.there()["Far"].len() == 3);
    ends(daemon);

    // Unmounted, first with and then without the directory that it is mounted on.
    fs::rename(&disk, root.with_file_name("away")).unwrap();
    for mount_point in [false, true] {
        if mount_point {
            fs::create_dir_all(disk.join("Far")).unwrap();
        }
        client.append(
            "Far",
            "\\Seen",
            &message(&format!("meanwhile {mount_point}")),
        );
        client.append("INBOX", "\\Seen", &message(&format!("inbox {mount_point}")));
        let ended = setting.ferry.sync();
        ended.exits(1);
        let said = ended.stderr.contains("Far") && ended.stderr.contains("mounted");
        assert!(said, "{}", ended.stderr);
        assert_eq!(client.messages("Far").len(), 4 + usize::from(mount_point));
        assert_eq!(maildir.files("INBOX").len(), 2 + usize::from(mount_point));
        assert_eq!(fs::read_dir(disk.join("Far")).map_or(0, Iterator::count), 0);
    }
    fs::remove_dir_all(&disk).unwrap();
    fs::rename(root.with_file_name("away"), &disk).unwrap();
    setting.ferry.sync().in_sync();
    assert_eq!((behind("cur"), client.messages("Far").len()), (5, 5));
    setting.assert_quiet();
}

#[test]
fn a_link_that_is_not_followed_stops_nothing_else() {
    let setting = Setting::with_messages(Variant::Dovecot, 1);
    let maildir = setting.ferry.maildir();
    let root = maildir.root();
    let other = root.with_file_name("other");
    make_folder(&other.join("INBOX"));
    fs::write(other.join(".mailferry"), "id = \"00ff\"\nepoch = 2\n").unwrap();
    make_folder(&root.with_file_name("late"));
    symlink(&other, root.join("Other")).unwrap();
    symlink(root.join("Loop"), root.join("Loop")).unwrap();
    symlink(root.join("Box"), root.join("Twice")).unwrap();
    symlink(root.with_file_name("late"), root.join("Late")).unwrap();
    maildir.deliver("INBOX", "S", &message("goes on"));
    let ended = setting.ferry.sync();
    ended.exits(1);
    for words in [
        "Other",
        "another account",
        "Loop",
        "Twice",
        "looked at already",
        "Late",
        "follow_links",
    ] {
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
    }
    let there = setting.there();
    assert_eq!(there["INBOX"].len(), 1);
    assert!(
        !["Other", "Loop", "Twice", "Late"]
            .iter()
            .any(|name| there.contains_key(*name))
    );
    for link in ["Other", "Loop", "Twice"] {
        fs::remove_file(root.join(link)).unwrap();
    }
    setting
        .ferry
        .reconfigure(|text| text.replace("tls = ", "follow_links = true\ntls = "));
    setting.ferry.sync().in_sync();
    assert!(setting.there().contains_key("Late"));
    setting.assert_quiet();
}
