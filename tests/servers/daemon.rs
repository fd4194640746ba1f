//! What `mailferry run` must reach on a real server: how soon, through which outages, and at what cost.
//!
//! Each test is small here; the long forms are `just acceptance` and `just soak`.

mod cost;
mod dark;
mod hooks;
mod notify;
mod outages;

use std::time::{Duration, Instant};

use crate::Setting;
use crate::living::{alive, ends, equal, until};
use crate::support::{Random, Variant, message, server::Server};
use crate::trials::{say, setting};

/// Whether everything is to be done at full size.
fn long() -> bool {
    setting("MAILFERRY_ACCEPTANCE").is_some()
}

/// At full size, on a machine that does nothing else, it took no longer than this. In the short form only the event is
/// waited for: a busy machine misses any bound.
#[track_caller]
fn within_at_full_size(took: Duration, limit: Duration) {
    assert!(!long() || took < limit, "{took:?}");
}

/// One of these, by the size of the run.
fn sized<T>(short: T, whole: T) -> T {
    if long() { whole } else { short }
}

/// The middle one, the hundredth from above, and the longest.
fn percentiles(mut times: Vec<Duration>) -> (Duration, Duration, Duration) {
    times.sort();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    (at(50), at(99), at(100))
}

/// Waits without a break to speak of; how long since `begun`.
#[track_caller]
fn soon(begun: Instant, mut so: impl FnMut() -> bool) -> Duration {
    while !so() {
        assert!(begun.elapsed() < Duration::from_secs(120), "not in time");
        std::thread::sleep(Duration::from_micros(200));
    }
    begun.elapsed()
}

/// Since when nothing went over the wire for so long.
fn still(setting: &Setting, time: Duration) {
    let (mut seen, mut since) = (u64::MAX, Instant::now());
    while since.elapsed() < time {
        let now = setting.relay.up() + setting.relay.down();
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// How long each of some deliveries takes: until Dovecot says so, and from then on until the file is there.
fn deliveries(variant: Variant, mailbox: &str) -> (Vec<Duration>, Vec<Duration>) {
    let setting = Setting::with_messages(variant, 3);
    let daemon = alive(&setting);
    let (maildir, mut client) = (setting.ferry.maildir(), setting.client());
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    let before = maildir.files(mailbox).len();
    for number in 0..sized(15, 200) {
        // Dovecot tells of our own doings, too, half a second later.
        still(&setting, Duration::from_millis(700));
        setting.relay.reset();
        let mail = message(&format!("delivery {number}"));
        match &setting.server {
            Server::Dovecot(dovecot) if number % 2 == 0 => dovecot.save(mailbox, &mail),
            _ => client.append(mailbox, "", &mail),
        }
        let begun = Instant::now();
        let told = soon(begun, || setting.relay.down() > 0);
        let there = soon(begun, || {
            maildir.files(mailbox).len() == before + 1 + number
        });
        theirs.push(told);
        ours.push(there.saturating_sub(told));
    }
    equal(&setting);
    ends(daemon);
    (theirs, ours)
}

fn tell(what: &str, times: &[Duration]) -> (Duration, Duration, Duration) {
    let figures = percentiles(times.to_vec());
    let (half, most, longest) = figures;
    say(&format!(
        "{what}: p50 {half:.1?}, p99 {most:.1?}, longest {longest:.1?} of {}",
        times.len()
    ));
    figures
}

#[test]
fn new_mail_is_there_soon_after_the_server_tells_of_it() {
    for (way, variant, mailbox) in [
        ("NOTIFY", Variant::Dovecot, "Box"),
        ("IDLE", Variant::DovecotWithoutCondstore, "INBOX"),
    ] {
        let (theirs, ours) = deliveries(variant, mailbox);
        let total: Vec<Duration> = theirs.iter().zip(&ours).map(|(a, b)| *a + *b).collect();
        tell(&format!("{way}: delivered until told by Dovecot"), &theirs);
        let (half, most, _) = tell(&format!("{way}: told until the file is there"), &ours);
        tell(&format!("{way}: delivered until the file is there"), &total);
        within_at_full_size(half, Duration::from_millis(30));
        within_at_full_size(most, Duration::from_millis(200));
    }
}

/// Dovecot waits half a second before it tells of anything; Cyrus does not.
#[test]
fn where_the_server_tells_at_once_new_mail_is_there_at_once() {
    let (theirs, ours) = deliveries(Variant::Cyrus, "INBOX");
    let total: Vec<Duration> = theirs.iter().zip(&ours).map(|(a, b)| *a + *b).collect();
    tell("Cyrus: delivered until told", &theirs);
    tell("Cyrus: told until the file is there", &ours);
    let (half, most, _) = tell("Cyrus: delivered until the file is there", &total);
    within_at_full_size(half, Duration::from_millis(30));
    within_at_full_size(most, Duration::from_millis(200));
}

#[test]
fn mail_after_mail_does_not_wait_until_the_server_tells_of_it() {
    let setting = Setting::with_messages(Variant::Dovecot, 3);
    let daemon = alive(&setting);
    let (maildir, mut client) = (setting.ferry.maildir(), setting.client());
    let before = maildir.files("Box").len();
    let mut times = Vec::new();
    for number in 0..sized(20, 200) {
        let mail = message(&format!("one after the other {number}"));
        match &setting.server {
            Server::Dovecot(dovecot) if number % 2 == 0 => dovecot.save("Box", &mail),
            _ => client.append("Box", "", &mail),
        }
        let begun = Instant::now();
        times.push(soon(begun, || {
            maildir.files("Box").len() == before + 1 + number
        }));
    }
    // Of the first one somebody has to tell.
    let (half, most, _) = tell("one mail after the other", &times[1..]);
    within_at_full_size(half, Duration::from_millis(30));
    within_at_full_size(most, Duration::from_millis(600));
    equal(&setting);
    ends(daemon);
}

#[test]
fn a_local_flag_is_soon_on_the_server() {
    let setting = Setting::with_messages(Variant::Dovecot, 5);
    let daemon = alive(&setting);
    let (maildir, mut client) = (setting.ferry.maildir(), setting.client());
    client.select("Box");
    let mut times = Vec::new();
    for number in 0..sized(15, 200) {
        still(&setting, Duration::from_millis(700));
        let flagged = number % 2 == 0;
        let file = maildir.files("Box")[0].clone();
        let begun = Instant::now();
        maildir.relabel(&file, if flagged { "FS" } else { "S" });
        times.push(soon(begun, || {
            let found = client.ok("UID SEARCH FLAGGED");
            let line = found.iter().find(|line| line.text.starts_with("* SEARCH"));
            line.is_some_and(|line| line.text.len() > "* SEARCH".len()) == flagged
        }));
    }
    let (half, most, _) = tell("local flag until it is on the server", &times);
    within_at_full_size(half, Duration::from_millis(80));
    within_at_full_size(most, Duration::from_millis(300));
    equal(&setting);
    ends(daemon);
}

#[test]
fn a_burst_is_no_storm() {
    let setting = Setting::with_messages(Variant::Dovecot, 3);
    let daemon = alive(&setting);
    let (maildir, mut client) = (setting.ferry.maildir(), setting.client());
    still(&setting, Duration::from_millis(700));
    setting.relay.reset();
    let count = sized(1000, 10_000);
    let begun = Instant::now();
    for number in 0..count {
        client.append("Box", "", &message(&format!("burst {number}")));
    }
    let sent = begun.elapsed();
    until("the burst", || maildir.files("Box").len() == count + 3);
    let took = begun.elapsed();
    still(&setting, Duration::from_millis(1500));
    let commands = setting.relay.commands().len();
    say(&format!(
        "{count} deliveries in {sent:.1?}, all there after {took:.1?}, {commands} commands"
    ));
    // Dovecot speaks twice a second at most; each time a few commands, and some for the mail itself.
    let allowed = 60 + count / 20 + took.as_secs() as usize * 40;
    assert!(commands < allowed, "{commands} commands, {allowed} allowed");
    equal(&setting);
    ends(daemon);
}

/// A change of any kind on either side.
fn anything(
    setting: &Setting,
    client: &mut crate::support::Client,
    random: &mut Random,
    at: usize,
) {
    let maildir = setting.ferry.maildir();
    let name = format!("change {at}");
    let files = maildir.files("Box");
    match random.below(6) {
        0 => client.append("Box", "", &message(&name)),
        1 => drop(maildir.deliver("Box", "S", &message(&name))),
        2 if !files.is_empty() => {
            // Whoever renames a file may find that it has just been renamed.
            let file = random.pick(&files).clone();
            if file.exists() {
                let letters = *random.pick(&["", "S", "FS", "RS"]);
                let name = file.file_name().unwrap().to_str().unwrap();
                let unique = name.split(":2,").next().unwrap();
                let to = maildir
                    .root()
                    .join("Box/cur")
                    .join(format!("{unique}:2,{letters}"));
                let _ = std::fs::rename(&file, to);
            }
        }
        3 => {
            client.select("Box");
            client.store("1:*", random.pick(&['+', '-']).to_owned(), "\\Flagged");
        }
        4 if files.len() > 20 => drop(std::fs::remove_file(random.pick(&files))),
        5 if files.len() > 20 => {
            client.select("Box");
            client.store("*", '+', "\\Deleted");
            client.ok("EXPUNGE");
        }
        _ => {}
    }
}
