//! The daemon on a real server: changes travel by themselves, in both directions, whatever happens to it.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::Setting;
use crate::support::dovecot::{Dovecot, Storage};
use crate::support::ferry::Running;
use crate::support::server::Server;
use crate::support::{Variant, message, oracle};

/// Dovecot tells of a change half a second after it; the rest is for slow machines.
const SOON: Duration = Duration::from_secs(60);

/// Waits until something is so.
#[track_caller]
pub fn until(what: &str, so: impl Fn() -> bool) -> Duration {
    within(SOON, what, so)
}

/// Waits for so long at most until something is so.
#[track_caller]
pub fn within(limit: Duration, what: &str, so: impl Fn() -> bool) -> Duration {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < limit, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
    begun.elapsed()
}

/// A daemon that has said that everything is in sync.
pub fn alive(setting: &Setting) -> Running {
    let daemon = setting.ferry.start(&["run"]);
    watching(setting);
    daemon
}

#[track_caller]
pub fn watching(setting: &Setting) {
    until("it watches", || {
        let status = setting.ferry.run(&["status", "--json"]).json();
        status["accounts"][0]["state"] == "in-sync" && status["accounts"][0]["watch"] != "none"
    });
}

#[track_caller]
pub fn equal(setting: &Setting) {
    until("both sides are equal", || {
        oracle::differences(&setting.there(), &setting.here()).is_empty()
    });
}

#[track_caller]
pub fn ends(mut daemon: Running) {
    daemon.signal(Signal::INT);
    let begun = Instant::now();
    while !daemon.ended() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
    daemon.wait().exits(0);
}

#[test]
fn everything_travels_by_itself() {
    let setting = Setting::with_messages(Variant::Dovecot, 5);
    let daemon = alive(&setting);
    let maildir = setting.ferry.maildir();
    let mut client = setting.client();
    client.append("Box", "", &message("new on the server"));
    until("a new mail", || maildir.files("Box").len() == 6);
    let read = maildir.relabel(&maildir.files("Box")[0], "FS");
    equal(&setting);
    maildir.rehome(&read, "Box", true);
    maildir.deliver("Box", "S", &message("new in the Maildir"));
    until("a file goes up", || {
        oracle::count(&oracle::server(&mut setting.client(), true)) == 7
    });
    client.select("Box");
    client.store("1", '+', "\\Answered");
    client.create("Later");
    equal(&setting);
    ends(daemon);
    setting.assert_quiet();
}

#[test]
fn new_mail_comes_by_idle_where_there_is_no_notify() {
    let setting = Setting::with_messages(Variant::DovecotWithoutCondstore, 3);
    let daemon = alive(&setting);
    setting.client().append("INBOX", "", &message("new"));
    let maildir = setting.ferry.maildir();
    until("a new mail", || maildir.files("INBOX").len() == 1);
    maildir.relabel(&maildir.files("INBOX")[0], "FS");
    equal(&setting);
    ends(daemon);
}

#[test]
fn after_a_change_it_falls_silent() {
    let setting = Setting::with_messages(Variant::Dovecot, 5);
    let daemon = alive(&setting);
    let maildir = setting.ferry.maildir();
    setting.client().append("Box", "", &message("new"));
    until("a new mail", || maildir.files("Box").len() == 6);
    maildir.relabel(&maildir.files("Box")[0], "FS");
    equal(&setting);
    // Dovecot tells of what we did as it does of anything else; then there is nothing more to say.
    std::thread::sleep(Duration::from_secs(3));
    let before = maildir.footprint();
    setting.relay.reset();
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(setting.relay.commands(), Vec::<String>::new());
    assert_eq!(setting.relay.down() + setting.relay.up(), 0);
    assert_eq!(maildir.footprint(), before);
    ends(daemon);
}

#[test]
fn check_foretells_the_way_that_status_shows() {
    for (variant, way) in [
        (Variant::Dovecot, "notify"),
        (Variant::DovecotWithoutCondstore, "idle"),
    ] {
        let setting = Setting::with_messages(variant, 1);
        let check = setting.ferry.run(&["check", "--json"]).json();
        let server = &check["accounts"][0]["server"];
        assert_eq!(server["watch"], way);
        assert!(server["watch_reason"].as_str().unwrap().contains("NOTIFY"));
        for feature in server["features"].as_array().unwrap() {
            if ["NOTIFY", "IDLE"].contains(&feature["name"].as_str().unwrap()) {
                let used = feature["name"].as_str().unwrap().eq_ignore_ascii_case(way);
                assert_eq!(feature["used"], used, "{feature}");
            }
        }
        let daemon = alive(&setting);
        until("it watches", || {
            let status = setting.ferry.run(&["status", "--json"]).json();
            status["accounts"][0]["watch"] == way
        });
        ends(daemon);
    }
}

#[test]
fn it_comes_back_after_every_connection_was_closed() {
    let setting = Setting::with_messages(Variant::Dovecot, 3);
    let daemon = alive(&setting);
    if let Server::Dovecot(dovecot) = &setting.server {
        dovecot.doveadm(&["kick", crate::support::server::USER]);
    }
    setting.client().append("Box", "", &message("meanwhile"));
    let maildir = setting.ferry.maildir();
    until("mail that came meanwhile", || {
        maildir.files("Box").len() == 4
    });
    equal(&setting);
    ends(daemon);
}

#[test]
fn the_command_line_goes_through_it() {
    let setting = Setting::with_messages(Variant::Dovecot, 3);
    let daemon = alive(&setting);
    setting.ferry.run(&["pause"]).exits(0);
    let status = || setting.ferry.run(&["status", "--json"]).json();
    until("it pauses", || status()["accounts"][0]["state"] == "paused");
    setting.client().append("Box", "", &message("while paused"));
    setting.ferry.run(&["sync"]).exits(1);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(setting.ferry.maildir().files("Box").len(), 3);
    setting.ferry.run(&["resume"]).exits(0);
    setting.ferry.run(&["sync", "test:Box"]).exits(0);
    assert_eq!(setting.ferry.maildir().files("Box").len(), 4);
    let report = setting.ferry.run(&["sync", "--json"]).json();
    assert_eq!(report["accounts"][0]["state"], "in-sync");
    assert_eq!(status()["accounts"][0]["watch"], "notify");
    ends(daemon);
}

#[test]
fn a_killed_one_leaves_nothing_in_the_way_of_the_next() {
    let setting = Setting::with_messages(Variant::Dovecot, 3);
    let maildir = setting.ferry.maildir();
    for round in 0..3 {
        let daemon = alive(&setting);
        for number in 0..10 {
            let name = format!("{round} {number}");
            setting.client().append("Box", "", &message(&name));
            maildir.deliver("Box", "", &message(&format!("here {name}")));
        }
        std::thread::sleep(Duration::from_millis(450 + 150 * round));
        daemon.signal(Signal::KILL);
        drop(daemon);
    }
    let daemon = alive(&setting);
    until("all mail", || {
        oracle::count(&oracle::server(&mut setting.client(), true)) == 63
    });
    equal(&setting);
    ends(daemon);
    assert_eq!(maildir.files("Box").len(), 63);
}

/// Dovecot 2.3 tells what STATUS a mailbox had when the connection last looked at it, if it is the one that is open there.
#[test]
fn what_is_open_in_a_connection_is_not_overlooked_there() {
    let dovecot = Dovecot::start(Storage::Sdbox, &["NOTIFY"]);
    let setting = Setting::on(Variant::Dovecot, Server::Dovecot(dovecot)).filled(3);
    let daemon = alive(&setting);
    let maildir = setting.ferry.maildir();
    for number in 4..7 {
        let name = format!("mail {number}");
        setting.client().append("Box", "", &message(&name));
        // IDLE is on INBOX alone: only this look finds it.
        setting.ferry.run(&["sync"]).exits(0);
        assert_eq!(maildir.files("Box").len(), number);
    }
    ends(daemon);
}
