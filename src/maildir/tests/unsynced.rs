//! Files that moved to where nothing is synced are found, wherever that is.

use std::os::unix::fs::symlink;

use super::*;
use crate::content;
use crate::mail::{Digest, Identity};
use crate::sync::{Entry, EntryState, MailboxId, RowId};

const MAIL: &[u8] = b"Message-ID: <a@b>\nSubject: x\n\nbody\n";
const NAME: &str = "1700000000.R1.host:2,S";

/// The row of a file with this content.
fn row(octets: &[u8]) -> Entry {
    let wire: Vec<u8> = octets
        .iter()
        .flat_map(|byte| match byte {
            b'\n' => vec![b'\r', b'\n'],
            byte => vec![*byte],
        })
        .collect();
    let mut hasher = content::Hasher::default();
    hasher.update(&wire);
    let digest: Digest = hasher.finish();
    let identity = Identity {
        size: wire.len() as u64,
        message_id: None,
        date: 0,
        digest: Some(digest),
    };
    Entry {
        row: RowId(1),
        mailbox: MailboxId(1),
        uid: None,
        local: Some(id("1700000000.R9.host")),
        flags: Flags::new(),
        size: identity.size,
        date: 0,
        message_id: None,
        digest: identity.digest,
        content: None,
        raw: false,
        stamp: FileStamp {
            inode: 1,
            size: octets.len() as u64,
            mtime_ns: 0,
        },
        state: EntryState::Linked,
        hold: None,
    }
}

impl Fixture {
    /// Where the mail is found with these mailboxes synced.
    async fn search(&self, synced: &[&str]) -> Option<String> {
        let synced: Vec<MailboxName> = synced.iter().map(|name| mailbox(name)).collect();
        let found = self.account.find_unsynced(&synced, &[row(MAIL)]).await;
        let found = found.unwrap().into_iter().next().unwrap();
        found.map(|place| place.directory)
    }

    fn mkdir(&self, directory: &str) {
        fs::create_dir_all(self.path(directory)).unwrap();
    }
}

#[tokio::test]
async fn a_file_is_found_wherever_nothing_is_synced() {
    for (directory, place) in [
        ("Neu/cur", "Neu"),
        ("Neu/new", "Neu"),
        ("only/cur", "only"),
        ("inbox/cur", "inbox"),
        ("INBOX/Sub/cur", "INBOX/Sub"),
        ("INBOX", "INBOX"),
        ("INBOX/cur/deeper", "INBOX"),
        ("stray", "stray"),
        ("stray/tmp", "stray/tmp"),
        (".hidden/a/b", ".hidden/a/b"),
        ("a%2fb/cur", "a%2fb"),
        (".", "."),
    ] {
        let fixture = Fixture::nested().await;
        fixture.mkdir(directory);
        fixture.put(&format!("{directory}/{NAME}"), MAIL);
        let found = fixture.search(&["INBOX", "Archive/2026"]).await;
        match directory {
            // What lies below a folder's own directories is nobody's folder.
            "INBOX/cur/deeper" => assert_eq!(found, None),
            _ => assert_eq!(found.as_deref(), Some(place), "{directory}"),
        }
    }
}

#[tokio::test]
async fn what_is_synced_staged_or_thrown_away_is_no_place_to_find_it() {
    for directory in [
        "INBOX/cur",
        "INBOX/new",
        "INBOX/tmp",
        "Archive/2026/tmp",
        ".mailferry-trash/2026-01-01/INBOX",
    ] {
        let fixture = Fixture::nested().await;
        fixture.mkdir(directory);
        fixture.put(&format!("{directory}/{NAME}"), MAIL);
        let found = fixture.search(&["INBOX"]).await;
        assert_eq!(found, None, "{directory}");
    }
}

#[tokio::test]
async fn another_mail_of_the_same_size_is_another_mail() {
    let fixture = Fixture::nested().await;
    fixture.mkdir("Neu/cur");
    let other = MAIL.to_ascii_uppercase();
    fixture.put(&format!("Neu/cur/{NAME}"), &other);
    fixture.put("Neu/cur/empty", b"");
    assert_eq!(fixture.search(&["INBOX"]).await, None);
    // With other line ends it is the same.
    let crlf = row(MAIL);
    let wire = String::from_utf8_lossy(MAIL).replace('\n', "\r\n");
    assert_eq!(crlf.size, wire.len() as u64);
    fixture.put("Neu/cur/crlf", wire.as_bytes());
    assert_eq!(fixture.search(&["INBOX"]).await.as_deref(), Some("Neu"));
}

#[tokio::test]
async fn links_are_followed_and_lead_nowhere_twice() {
    let fixture = Fixture::nested().await;
    let away = fixture.home.path().join("elsewhere");
    fs::create_dir_all(away.join("cur")).unwrap();
    fs::create_dir_all(away.join("plain/deep")).unwrap();
    fs::write(away.join("plain").join(NAME), MAIL).unwrap();
    for (target, link) in [
        ("elsewhere", "Linked"),
        ("mail", "Loop"),
        ("", "Above"),
        ("mail/INBOX", "Again"),
        ("nowhere", "Dangling"),
    ] {
        symlink(fixture.home.path().join(target), fixture.path(link)).unwrap();
    }
    fixture.put(&format!("INBOX/cur/{NAME}"), MAIL);
    // Beyond a link only what looks like folders is looked into.
    assert_eq!(fixture.search(&["INBOX"]).await, None);
    fs::write(away.join("cur").join(NAME), MAIL).unwrap();
    assert_eq!(fixture.search(&["INBOX"]).await.as_deref(), Some("Linked"));
}

#[tokio::test]
async fn in_the_flat_layout_too() {
    let fixture = Fixture::new(Layout::MaildirPlusPlus, &["INBOX", "Old"]).await;
    fixture.put(&format!("cur/{NAME}"), MAIL);
    fixture.put(&format!(".Old/new/{NAME}"), MAIL);
    assert_eq!(fixture.search(&["INBOX", "Old"]).await, None);
    fixture.mkdir("plain/cur");
    fixture.put(&format!("plain/cur/{NAME}"), MAIL);
    assert_eq!(
        fixture.search(&["INBOX", "Old"]).await.as_deref(),
        Some("plain")
    );
    assert_eq!(
        fixture.search(&["INBOX"]).await.as_deref(),
        Some(".Old"),
        "a folder that is not synced"
    );
}
