//! Packets that are lost without a word: everything runs in a network namespace of its own, where for a while nothing is let
//! in. Who sends is told nothing, and no connection breaks.
//!
//! It wants iproute2, a kernel with XFRM, and root or user namespaces; so it is part of the long form only.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::Setting;
use crate::living::{alive, ends, equal, within};
use crate::support::{Variant, message, server::Server};
use crate::trials::say;

/// Set in there.
const INSIDE: &str = "MAILFERRY_DARK";

fn run(program: &str, words: &[&str]) {
    let ended = Command::new(program).args(words).status();
    assert!(ended.unwrap().success(), "{program} {words:?}");
}

/// Whether this is the namespace; if not, the test was run in one.
fn inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        run("ip", &["link", "set", "lo", "up"]);
        std::fs::write("/proc/sys/net/ipv4/conf/lo/disable_policy", "0").unwrap();
        return true;
    }
    let mut command = Command::new("unshare");
    command.arg("--net");
    if !rustix::process::getuid().is_root() {
        command.arg("--map-root-user");
    }
    command.arg(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--ignored"]);
    let ended = command.env(INSIDE, "1").status().expect("unshare runs");
    assert!(ended.success(), "it failed in the namespace");
    false
}

/// About what is let in.
fn policy(words: &[&str]) {
    let (act, more) = words.split_first().unwrap();
    let every = "dir in src 127.0.0.1/32 dst 127.0.0.1/32".split(' ');
    let words: Vec<&str> = ["xfrm", "policy", act].into_iter().chain(every).collect();
    run("ip", &[&words, more].concat());
}

#[test]
#[ignore = "wants iproute2 and a kernel with XFRM; `just acceptance`"]
fn mail_is_there_after_packets_were_lost_without_a_word() {
    if !inside("daemon::dark::mail_is_there_after_packets_were_lost_without_a_word") {
        return;
    }
    for seconds in [3, 30, 120] {
        let setting = Setting::with_messages(Variant::Dovecot, 3);
        let daemon = alive(&setting);
        let maildir = setting.ferry.maildir();
        let Server::Dovecot(dovecot) = &setting.server else {
            panic!("it is Dovecot");
        };
        policy(&["add", "action", "block"]);
        dovecot.save("Box", &message("nobody tells of it"));
        maildir.deliver("Box", "S", &message("written meanwhile"));
        std::thread::sleep(Duration::from_secs(seconds));
        assert_eq!(maildir.files("Box").len(), 4, "something came through");
        policy(&["delete"]);
        let limit = Duration::from_secs(360);
        let begun = Instant::now();
        let took = within(limit, "a new mail", || maildir.files("Box").len() == 5);
        equal(&setting);
        let both = begun.elapsed();
        say(&format!(
            "no packet came through for {seconds} s; mail after {took:.1?}, equal after {both:.1?}"
        ));
        assert!(both < limit, "{both:?}");
        ends(daemon);
    }
}

/// As routers do, which announce addresses again every few minutes.
#[test]
#[ignore = "wants iproute2 and a network namespace; `just acceptance`"]
fn addresses_that_come_and_go_are_noticed_and_those_announced_again_are_not() {
    if !inside(
        "daemon::dark::addresses_that_come_and_go_are_noticed_and_those_announced_again_are_not",
    ) {
        return;
    }
    let setting = Setting::with_messages(Variant::Dovecot, 3);
    let daemon = alive(&setting);
    std::thread::sleep(Duration::from_secs(3));
    let address = |words: &str| {
        setting.relay.reset();
        let words = format!("address {words} dev lo");
        run("ip", &words.split(' ').collect::<Vec<_>>());
    };
    for change in ["add 192.0.2.7/24", "del 192.0.2.7/24", "add 192.0.2.7/24"] {
        address(change);
        let asked = || !setting.relay.commands().is_empty();
        within(
            Duration::from_secs(10),
            "it asks whether it is alone",
            asked,
        );
        std::thread::sleep(Duration::from_secs(1));
    }
    let again = "change 192.0.2.7/24 valid_lft 1000 preferred_lft 500";
    for nothing in [again, "add fe80::7/64"] {
        address(nothing);
        std::thread::sleep(Duration::from_secs(4));
        assert_eq!(setting.relay.commands(), Vec::<String>::new(), "{nothing}");
    }
    ends(daemon);
}
