//! Servers that keep all mailboxes below INBOX (RFC 2342), as Courier and many hosts with cPanel do.

use crate::Setting;
use crate::living::{alive, ends, until};
use crate::ordinary;
use crate::support::dovecot::{Dovecot, Storage};
use crate::support::server::Server;
use crate::support::{Variant, message, oracle};

const BELOW: Variant = Variant::DovecotBelowInbox;

/// What every server has to do, on one with a prefix.
macro_rules! as_on_every_server {
    ($($name:ident),* $(,)?) => {
        $(#[test] fn $name() { ordinary::$name(BELOW); })*
    };
}

as_on_every_server!(
    the_first_sync_brings_everything,
    a_move_on_the_server_downloads_no_body,
    a_local_copy_arrives_once,
    deletions_go_both_ways_and_end_in_a_trash,
    new_mailboxes_go_both_ways,
    renamed_mailboxes_go_both_ways,
);

#[test]
fn a_daemon_hears_of_mailboxes_below_inbox() {
    let setting = Setting::with_messages(BELOW, 2);
    let daemon = alive(&setting);
    let maildir = setting.ferry.maildir();
    let mut client = setting.client();
    client.append("Box", "", &message("new on the server"));
    until("a new mail", || maildir.files("Box").len() == 3);
    maildir.create("Archive");
    maildir.rehome(&maildir.files("Box")[0], "Archive", true);
    until("a mail in a new mailbox", || {
        let there = setting.there();
        there["Box"].len() == 2 && there.get("Archive").is_some_and(|mails| mails.len() == 1)
    });
    ends(daemon);
    setting.settle();
}

/// A server that does not speak of namespaces, and a mailbox beside INBOX that comes later.
#[test]
fn a_prefix_shows_without_namespace_as_well() {
    let dovecot = Dovecot::start(Storage::BelowInbox, &["NAMESPACE"]);
    let setting = Setting::on(BELOW, Server::Dovecot(dovecot)).filled(2);
    let maildir = setting.ferry.maildir();
    maildir.create("New");
    maildir.deliver("New", "S", &message("in a new folder"));
    setting.settle();
    assert_eq!(setting.there()["New"].len(), 1);
    setting.assert_quiet();
}

#[test]
fn a_folder_below_inbox_is_named_and_stops_nothing() {
    let setting = Setting::with_messages(BELOW, 1);
    let maildir = setting.ferry.maildir();
    maildir.create("INBOX/Sub");
    maildir.deliver("INBOX/Sub", "S", &message("below INBOX"));
    maildir.deliver("Box", "S", &message("elsewhere"));
    let ended = setting.ferry.sync();
    ended.exits(1);
    assert!(
        ended.stderr.contains("INBOX/Sub") && ended.stderr.contains("prefix"),
        "{}",
        ended.stderr
    );
    assert_eq!(setting.there()["Box"].len(), 2);
    assert_eq!(maildir.files("INBOX/Sub").len(), 1);
    maildir.create("Sub");
    maildir.rehome(&maildir.files("INBOX/Sub")[0], "Sub", false);
    std::fs::remove_dir_all(maildir.root().join("INBOX/Sub")).unwrap();
    setting.settle();
    setting.assert_quiet();
}

/// An account of a version that knew of no namespaces, or a Maildir that such a program filled: the folders are called
/// `INBOX/Box`, and that stays.
#[test]
fn folders_that_have_the_full_names_keep_them() {
    let setting = Setting::new(BELOW);
    let mut client = setting.client();
    client.create("Box");
    let maildir = setting.ferry.maildir();
    maildir.create("INBOX/Box");
    for number in 0..5 {
        let mail = message(&format!("message {number}"));
        client.append("Box", "\\Seen", &mail);
        maildir.deliver("INBOX/Box", "S", &mail);
    }
    let same = |count: usize| {
        let (there, here) = (oracle::count(&setting.there()), maildir.files("INBOX/Box"));
        assert_eq!((there, here.len()), (count, count));
        assert!(!maildir.root().join("Box").exists());
    };
    setting.ferry.sync().in_sync();
    same(5);
    setting.assert_quiet();
    // What a version before wrote says nothing of names.
    let state = setting.ferry.state().join("test.sqlite");
    let state = rusqlite::Connection::open(state).unwrap();
    let forgotten = state.execute("DELETE FROM fact WHERE key = 'naming'", []);
    assert_eq!(forgotten.unwrap(), 1);
    drop(state);
    let before = maildir.footprint();
    setting.relay.reset();
    setting.ferry.sync().in_sync();
    setting.relay.assert_nothing_written();
    setting.relay.assert_no_body();
    assert_eq!(maildir.footprint(), before);
    setting.assert_quiet();
    maildir.create("INBOX/New");
    maildir.rehome(&maildir.files("INBOX/Box")[0], "INBOX/New", true);
    std::fs::remove_file(&maildir.files("INBOX/Box")[0]).unwrap();
    setting.ferry.sync().in_sync();
    setting.ferry.sync().in_sync();
    let there = setting.there();
    assert_eq!(
        (there["Box"].len(), there["New"].len(), there["Trash"].len(),),
        (3, 1, 1)
    );
    setting.assert_quiet();
}
