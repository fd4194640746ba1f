//! Mail that programs stumble over arrives byte for byte, or is set aside by name while the rest goes on.

use std::os::unix::fs::PermissionsExt;

use crate::Setting;
use crate::support::messages::{hostile, sized_message};
use crate::support::{Server, UNOPTIMISED_KIB, Variant, message, oracle};

crate::over_every_server!(
    hostile_content_comes_down_byte_for_byte,
    hostile_content_goes_up_byte_for_byte,
    a_message_of_60_mb_takes_little_memory_down,
    a_message_of_60_mb_takes_little_memory_up,
);

fn hostile_content_comes_down_byte_for_byte(variant: Variant) {
    let setting = Setting::new(variant);
    let mut client = setting.client();
    for (name, body) in hostile() {
        let reply = client.try_append("INBOX", "\\Seen", &body);
        let refused = reply.starts_with("NO");
        assert!(!refused || variant == Variant::Cyrus, "{name}: {reply}");
    }
    // What the server shows is the truth: Cyrus refuses some of them, and Dovecot's Maildir stores LF.
    assert!(setting.there()["INBOX"].len() >= 8);
    setting.settle();
    setting.assert_quiet();
}

fn hostile_content_goes_up_byte_for_byte(variant: Variant) {
    let setting = Setting::new(variant);
    setting.ferry.sync().in_sync();
    let maildir = setting.ferry.maildir();
    for (_, body) in hostile() {
        maildir.deliver_raw("INBOX", "S", &body);
    }
    let before = maildir.footprint().len();
    let first = setting.ferry.sync();
    setting.ferry.sync();
    assert!(
        maildir.footprint().len() >= before,
        "a message is gone from the Maildir"
    );
    if variant == Variant::Cyrus {
        first.complains();
        assert!(setting.there()["INBOX"].len() >= 8);
        return;
    }
    first.in_sync();
    setting.settle();
    assert_eq!(setting.there()["INBOX"].len(), hostile().len());
    setting.assert_quiet();
}

const LARGE: usize = 60_000_000;
/// What is promised of the program as it is installed.
const LIMIT_KIB: u64 = 32 * 1024 + UNOPTIMISED_KIB;

fn a_message_of_60_mb_takes_little_memory_down(variant: Variant) {
    let setting = Setting::new(variant);
    setting
        .client()
        .append("INBOX", "", &sized_message("large", LARGE));
    let outcome = setting.ferry.sync();
    assert!(
        outcome.in_sync().peak_kib < LIMIT_KIB,
        "{} KiB",
        outcome.peak_kib
    );
    setting.assert_equal();
}

fn a_message_of_60_mb_takes_little_memory_up(variant: Variant) {
    let setting = Setting::new(variant);
    setting.ferry.sync().in_sync();
    setting
        .ferry
        .maildir()
        .deliver("INBOX", "", &sized_message("large", LARGE));
    let outcome = setting.ferry.sync();
    assert!(
        outcome.in_sync().peak_kib < LIMIT_KIB,
        "{} KiB",
        outcome.peak_kib
    );
    assert_eq!(setting.there()["INBOX"].len(), 1);
    setting.settle();
}

#[test]
fn a_message_with_nul_bytes_is_not_lost() {
    let setting = Setting::new(Variant::Dovecot);
    setting.ferry.sync().in_sync();
    let maildir = setting.ferry.maildir();
    let body = b"Subject: nul\n\nbefore\0after\n";
    maildir.deliver_raw("INBOX", "S", body);
    maildir.deliver_raw("INBOX", "S", b"Subject: next\n\nan ordinary one\n");
    setting.ferry.sync();
    setting.ferry.sync();
    let files = maildir.files("INBOX");
    let kept = files
        .iter()
        .filter(|file| std::fs::read(file).unwrap() == body);
    assert_eq!(kept.count(), 1, "the file changed");
    assert_eq!(files.len(), 2);
    let there = setting.there();
    let ordinary = oracle::digest(b"Subject: next\r\n\r\nan ordinary one\r\n");
    assert!(
        there["INBOX"].iter().any(|(digest, _)| *digest == ordinary),
        "the next one is held up"
    );
    assert!(there["INBOX"].len() <= 2, "doubled");
}

#[test]
fn a_poisoned_message_is_parked_and_reported() {
    let setting = Setting::new(Variant::Dovecot);
    let mut client = setting.client();
    client.create("Box");
    for number in 0..20 {
        client.append("Box", "", &message(&format!("message {number}")));
    }
    let Server::Dovecot(dovecot) = &setting.server else {
        panic!("Dovecot");
    };
    let poisoned = dovecot.home().join("mail/mailboxes/Box/dbox-Mails/u.7");
    let mode = |mode| std::fs::set_permissions(&poisoned, PermissionsExt::from_mode(mode)).unwrap();
    mode(0);
    let mut outcome = setting.ferry.sync();
    for _ in 0..3 {
        outcome = setting.ferry.sync();
    }
    assert_eq!(
        setting.ferry.maildir().files("Box").len(),
        19,
        "the others are there: {}",
        outcome.stderr
    );
    assert!(
        outcome.exits(1).stderr.contains("Box"),
        "{}",
        outcome.stderr
    );
    let status = setting.ferry.run(&["status", "--json"]).json();
    let mailboxes = status["accounts"][0]["mailboxes"].as_array().unwrap();
    let parked = mailboxes.iter().find(|mailbox| mailbox["name"] == "Box");
    assert_eq!(parked.unwrap()["parked"], 1, "{status}");
    mode(0o600);
}
