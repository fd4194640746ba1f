//! Whatever breaks, all mail is there a few seconds after it is whole again.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{anything, long, sized, still, within_at_full_size};
use crate::Setting;
use crate::living::{alive, ends, equal, until, within};
use crate::support::{Variant, message, oracle, server::Server};
use crate::trials::{again, chance, say, seed, setting as number};

/// So soon everything is equal after the trouble is over.
const LIMIT: Duration = Duration::from_secs(5);

#[test]
fn mail_of_an_outage_is_there_soon_after_the_server_is_back() {
    let mut setting = Setting::with_messages(Variant::Dovecot, 3);
    let daemon = alive(&setting);
    let maildir = setting.ferry.maildir();
    let Server::Dovecot(dovecot) = &mut setting.server else {
        panic!("it is Dovecot");
    };
    dovecot.stop();
    maildir.deliver("Box", "S", &message("written during the outage"));
    std::thread::sleep(Duration::from_secs(sized(3, 30)));
    dovecot.start_again();
    let begun = Instant::now();
    setting.client().append("Box", "", &message("at once"));
    until("mail of both sides", || {
        maildir.files("Box").len() == 5
            && oracle::count(&oracle::server(&mut setting.client(), true)) == 5
    });
    let took = begun.elapsed();
    say(&format!("the server is back; equal after {took:.1?}"));
    within_at_full_size(took, LIMIT);
    equal(&setting);
    ends(daemon);
}

#[test]
fn mail_is_there_soon_after_every_connection_was_reset() {
    let setting = Setting::with_messages(Variant::Dovecot, 3);
    let daemon = alive(&setting);
    let (maildir, mut client) = (setting.ferry.maildir(), setting.client());
    still(&setting, Duration::from_millis(700));
    let broken = setting.relay.break_all();
    assert!(broken > 0, "there was no connection");
    client.append("Box", "", &message("meanwhile"));
    maildir.deliver("Box", "S", &message("here"));
    let begun = Instant::now();
    until("mail of both sides", || {
        maildir.files("Box").len() == 5
            && oracle::count(&oracle::server(&mut setting.client(), true)) == 5
    });
    let took = begun.elapsed();
    say(&format!(
        "{broken} connections reset; equal after {took:.1?}"
    ));
    within_at_full_size(took, LIMIT);
    equal(&setting);
    ends(daemon);
}

/// Nobody says anything any more, as behind a router that has forgotten a connection. In the long form nothing else
/// happens, and the next renewal of the watch finds out; in the short one somebody changes something here.
#[test]
fn connections_that_die_in_silence_are_found_out() {
    let setting = Setting::with_messages(Variant::Dovecot, 3);
    let keys = format!("tls = \"none\"\ntimeout = \"{}s\"\n", sized(3, 60));
    setting.ferry.configure(setting.relay.address, &keys, "");
    let daemon = alive(&setting);
    let (maildir, mut client) = (setting.ferry.maildir(), setting.client());
    still(&setting, Duration::from_millis(700));
    setting.relay.strand();
    client.append("Box", "", &message("meanwhile"));
    if !long() {
        maildir.relabel(&maildir.files("Box")[0], "FS");
    }
    let limit = Duration::from_secs(sized(40, 360));
    let took = within(limit, "a new mail", || maildir.files("Box").len() == 4);
    say(&format!(
        "all connections died in silence; mail after {took:.1?}"
    ));
    equal(&setting);
    ends(daemon);
}

#[test]
fn stopped_and_continued_it_catches_up() {
    let setting = Setting::with_messages(Variant::Dovecot, 5);
    let daemon = alive(&setting);
    let maildir = setting.ferry.maildir();
    daemon.signal(Signal::STOP);
    setting.client().append("Box", "", &message("there"));
    maildir.deliver("Box", "S", &message("here"));
    maildir.relabel(&maildir.files("Box")[0], "FS");
    std::thread::sleep(Duration::from_secs(sized(5, 60)));
    daemon.signal(Signal::CONT);
    let begun = Instant::now();
    until("mail of both sides", || maildir.files("Box").len() == 7);
    equal(&setting);
    let took = begun.elapsed();
    say(&format!("continued; equal after {took:.1?}"));
    within_at_full_size(took, LIMIT);
    ends(daemon);
}

#[test]
fn killed_at_any_time_and_started_again_at_once_it_loses_and_doubles_nothing() {
    let seed = seed();
    let test = "killed_at_any_time_and_started_again_at_once";
    say(&format!("again: {}", again(seed, test)));
    let setting = Setting::with_messages(Variant::Dovecot, 3);
    let maildir = setting.ferry.maildir();
    let mut random = chance(seed, 0);
    let kills = number("MAILFERRY_KILLS").unwrap_or_else(|| sized(6, 100)) as usize;
    let mut client = setting.client();
    let mut hits = 0;
    for round in 0..kills {
        let mut daemon = setting.ferry.start(&["run"]);
        for at in 0..6 {
            let name = format!("{round} {at}");
            client.append("Box", "", &message(&format!("there {name}")));
            maildir.deliver("Box", "", &message(&format!("here {name}")));
            std::thread::sleep(Duration::from_millis(random.below(150) as u64));
        }
        hits += usize::from(!daemon.ended());
        daemon.signal(Signal::KILL);
    }
    assert_eq!(hits, kills, "it ended by itself");
    let daemon = alive(&setting);
    let all = 3 + kills * 12;
    until("all mail", || {
        maildir.files("Box").len() >= all
            && oracle::count(&oracle::server(&mut setting.client(), true)) >= all
    });
    equal(&setting);
    ends(daemon);
    let there = setting.there();
    assert_eq!(oracle::count(&there), all, "something was doubled");
    assert_eq!(oracle::digests(&there).len(), all, "something was lost");
}

/// Random use of both sides until then.
pub fn use_it(setting: &Setting, seed: u64, time: Duration) -> usize {
    let (mut random, mut client) = (chance(seed, 1), setting.client());
    let begun = Instant::now();
    let mut changes = 0;
    while begun.elapsed() < time {
        anything(setting, &mut client, &mut random, changes);
        changes += 1;
        std::thread::sleep(Duration::from_millis(random.below(60) as u64));
    }
    changes
}
