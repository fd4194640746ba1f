//! What a server grants: fewer connections than the user allows, more mailboxes to idle on than connections, nobody let in.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::living::{ends, until};
use crate::support::dovecot::{Dovecot, Storage};
use crate::support::{Ferry, Relay, message};

/// A Dovecot with some mail, and an account with these keys on it.
fn crowded(hidden: &[&str], most: u32, keys: &str) -> (Dovecot, Relay, Ferry) {
    let more = format!("mail_max_userip_connections = {most}\n");
    let server = Dovecot::start_with(Storage::Sdbox, hidden, &more);
    for name in ["A", "B", "C", "D"] {
        server.doveadm(&["mailbox", "create", "-u", "alice", name]);
        server.save(name, &message(name));
    }
    let relay = Relay::to(server.plain);
    let ferry = Ferry::with(relay.address, &format!("tls = \"none\"\n{keys}"), "");
    (server, relay, ferry)
}

fn account(ferry: &Ferry) -> Value {
    let mut status = ferry.run(&["status", "--json"]).json();
    status["accounts"][0].take()
}

#[track_caller]
fn in_sync(ferry: &Ferry, watch: &str) -> Value {
    until("it is in sync", || {
        let account = account(ferry);
        account["state"] == "in-sync" && account["watch"] == watch
    });
    account(ferry)
}

fn has_all(ferry: &Ferry) -> bool {
    let maildir = ferry.maildir();
    ["A", "B", "C", "D"]
        .iter()
        .all(|name| !maildir.files(name).is_empty())
}

#[test]
fn with_fewer_connections_than_allowed_it_watches_and_works_all_the_same() {
    let (server, relay, ferry) = crowded(&[], 2, "connections = 5\n");
    let daemon = ferry.start(&["run"]);
    let account = in_sync(&ferry, "notify");
    assert!(has_all(&ferry));
    // The server counts a connection a moment after it has let it in: on a busy machine there may be one more.
    let granted = account["limited"]["connections"].as_u64();
    assert!(granted == Some(2) || granted == Some(3), "{account}");
    assert_eq!(account["limited"]["allowed"], 5);
    let reason = account["limited"]["reason"].as_str().unwrap();
    assert!(reason.contains("Maximum number of connections"), "{reason}");
    server.save("C", &message("later"));
    until("new mail", || ferry.maildir().files("C").len() == 2);
    assert!(relay.connections() <= 8, "{} logins", relay.connections());
    ends(daemon);
}

#[test]
fn with_one_connection_it_polls() {
    let (server, _relay, ferry) = crowded(&[], 1, "connections = 3\npoll = \"10s\"\n");
    let daemon = ferry.start(&["run"]);
    let account = in_sync(&ferry, "poll");
    assert!(has_all(&ferry));
    assert_eq!(account["limited"]["connections"], 1, "{account}");
    server.save("B", &message("later"));
    until("new mail", || ferry.maildir().files("B").len() == 2);
    ends(daemon);
}

/// As Courier does: it hangs up before it greets.
#[test]
fn one_that_hangs_up_on_one_connection_too_many_is_got_along_with() {
    for room in [1, 2] {
        let keys = "connections = 3\npoll = \"5s\"\n";
        let (server, relay, ferry) = crowded(&[], 20, keys);
        relay.make_room(room);
        ferry.sync().in_sync();
        assert!(has_all(&ferry) && relay.turned_away() > 0);
        let daemon = ferry.start(&["run"]);
        until("it is in sync", || account(&ferry)["state"] == "in-sync");
        for name in ["A", "B", "C", "D"] {
            server.save(name, &message("later"));
        }
        let maildir = ferry.maildir();
        until("new mail", || {
            let all = ["A", "B", "C", "D"].iter();
            all.into_iter().all(|name| maildir.files(name).len() == 2)
        });
        until("all is well", || account(&ferry)["state"] == "in-sync");
        let (before, made) = (relay.turned_away(), relay.connections());
        std::thread::sleep(std::time::Duration::from_secs(6));
        assert_eq!(relay.turned_away(), before, "it knocks again and again");
        assert!(relay.connections() <= made + 4, "a storm of logins");
        ends(daemon);
    }
}

#[test]
fn idle_covers_the_mailboxes_that_are_named_as_far_as_connections_go() {
    let keys = "connections = 3\npoll = \"1h\"\nidle = [\"B\", \"INBOX\", \"D\"]\n";
    let (server, _relay, ferry) = crowded(&["NOTIFY"], 20, keys);
    let daemon = ferry.start(&["run"]);
    let account = in_sync(&ferry, "idle");
    let reason = account["watch_reason"].as_str().unwrap();
    assert!(reason.contains("1 mailbox goes without"), "{reason}");
    server.save("B", &message("later"));
    until("new mail", || ferry.maildir().files("B").len() == 2);
    ends(daemon);
}

#[test]
fn whoever_is_not_let_in_waits_for_another_password() {
    let server = Dovecot::start(Storage::Sdbox, &[]);
    server.save("INBOX", &message("one"));
    let relay = Relay::to(server.plain);
    let ferry = Ferry::with(relay.address, "tls = \"none\"\n", "");
    let secret = ferry.root().with_file_name("password");
    fs::write(&secret, "wrong\n").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let config = ferry.root().with_file_name("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    let file = format!("password_file = \"{}\"", secret.display());
    fs::write(&config, text.replace("password = \"secret\"", &file)).unwrap();
    let daemon = ferry.start(&["run"]);
    until("it fails", || account(&ferry)["state"] == "failed");
    let tries = relay.connections();
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(relay.connections(), tries, "it knocks again and again");
    fs::write(&secret, "secret\n").unwrap();
    in_sync(&ferry, "notify");
    assert_eq!(ferry.maildir().files("INBOX").len(), 1);
    ends(daemon);
}
