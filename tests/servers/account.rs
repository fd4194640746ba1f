//! One account at a time, and the commands around it.

use crate::Setting;
use crate::living::until;
use crate::support::ferry::Running;
use crate::support::{Ferry, Variant, message};

/// A run that has locked its account and waits for a server that says nothing.
fn waiting(setting: &Setting) -> Running {
    setting.relay.reset();
    setting.relay.hold(true);
    let run = setting.ferry.start(&["sync"]);
    until("it has called the server", || {
        setting.relay.connections() > 0
    });
    run
}

#[test]
fn a_second_run_on_the_same_account_ends_at_once_with_a_clear_error() {
    let setting = Setting::with_messages(Variant::Dovecot, 3);
    let mut first = waiting(&setting);
    assert!(!first.ended(), "the first one waits for the server");
    let second = setting.ferry.sync();
    second.exits(1);
    assert!(!first.ended(), "the first one waits for the server still");
    let said = second.stderr.to_lowercase();
    let clear = ["another", "already", "running", "in use"]
        .iter()
        .any(|word| said.contains(word));
    assert!(clear, "{}", second.stderr);
    setting.relay.hold(false);
    first.wait().in_sync();
    setting.assert_equal();
}

#[test]
fn a_lock_does_not_outlive_its_process() {
    let setting = Setting::with_messages(Variant::Dovecot, 3);
    let first = waiting(&setting);
    first.signal(rustix::process::Signal::KILL);
    drop(first);
    setting.relay.hold(false);
    setting.settle();
}

#[test]
fn a_dry_run_writes_nothing_anywhere() {
    let setting = Setting::with_messages(Variant::Dovecot, 3);
    let maildir = setting.ferry.maildir();
    maildir.deliver("Box", "S", &message("from here"));
    setting.client().append("INBOX", "", &message("from there"));
    let (before, there) = (maildir.footprint(), setting.there());
    setting.relay.reset();
    setting.ferry.run(&["sync", "--dry-run"]);
    setting.relay.assert_nothing_written();
    assert_eq!((maildir.footprint(), setting.there()), (before, there));
    setting.settle();
}

#[test]
fn two_maildirs_of_one_account_meet_on_the_server() {
    let setting = Setting::with_messages(Variant::Dovecot, 5);
    let other = Ferry::plain(setting.server.plain());
    other.sync().in_sync();
    let files = other.maildir().files("Box");
    other.maildir().relabel(&files[0], "FS");
    other.maildir().rehome(&files[1], "Archive", true);
    other.sync().in_sync();
    setting.settle();
    let here = setting.here();
    assert_eq!((here["Box"].len(), here["Archive"].len()), (4, 1));
    assert!(
        here["Box"]
            .iter()
            .any(|(_, flags)| flags.contains("\\flagged"))
    );
}

#[test]
fn a_server_that_is_away_is_an_error_and_changes_nothing() {
    let setting = Setting::with_messages(Variant::Dovecot, 5);
    let before = setting.ferry.maildir().footprint();
    let nobody = crate::support::server::free_address();
    setting.ferry.configure(nobody, "tls = \"none\"\n", "");
    setting.ferry.sync().exits(1);
    assert_eq!(setting.ferry.maildir().footprint(), before);
}
