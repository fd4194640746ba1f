//! What the daemon costs: memory, descriptors, threads, time and wake-ups.

use std::fs;
use std::time::Duration;

use super::outages::use_it;
use super::{sized, still};
use crate::Setting;
use crate::living::{alive, ends, equal, until};
use crate::support::ferry::Running;
use crate::support::server::PASSWORD;
use crate::support::{Client, Ferry, Relay, Server, Variant, message};
use crate::trials::{again, say, seed, setting as number};

/// What the system knows of a process.
#[derive(Clone, Copy, Debug)]
struct Cost {
    kib: u64,
    descriptors: usize,
    threads: usize,
    /// In hundredths of a second.
    ticks: u64,
    /// How often a thread went to sleep, each time to be woken.
    sleeps: u64,
}

impl Cost {
    fn of(daemon: &Running) -> Self {
        let place = format!("/proc/{}", daemon.process());
        let count = |name: &str| fs::read_dir(format!("{place}/{name}")).unwrap().count();
        let stat = fs::read_to_string(format!("{place}/stat")).unwrap();
        let (_, words) = stat.rsplit_once(") ").unwrap();
        let ticks = words.split(' ').skip(11).take(2);
        let threads = fs::read_dir(format!("{place}/task")).unwrap();
        let sleeps = threads.map(|thread| {
            let status = fs::read_to_string(thread.unwrap().path().join("status"));
            field(&status.unwrap_or_default(), "voluntary_ctxt_switches:")
        });
        Self {
            kib: field(
                &fs::read_to_string(format!("{place}/status")).unwrap(),
                "VmRSS:",
            ),
            descriptors: count("fd"),
            threads: count("task"),
            ticks: ticks.map(|word| word.parse::<u64>().unwrap()).sum(),
            sleeps: sleeps.sum(),
        }
    }
}

fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let word = line.and_then(|line| line.split_whitespace().next());
    word.and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// In how many seconds of this time some thread woke up, and how often in all.
fn awake(daemon: &Running, time: Duration) -> (u64, u64) {
    let (mut seconds, mut all) = (0, 0);
    let mut last = Cost::of(daemon).sleeps;
    for _ in 0..time.as_secs() {
        std::thread::sleep(Duration::from_secs(1));
        let now = Cost::of(daemon).sleeps;
        seconds += u64::from(now != last);
        all += now.abs_diff(last);
        last = now;
    }
    (seconds, all)
}

#[test]
fn ten_accounts_of_fifty_mailboxes_are_small() {
    let server = Server::start(Variant::Dovecot);
    let relay = Relay::to(server.plain());
    let place = tempfile::tempdir().unwrap();
    let mut more = String::new();
    for account in 0..10 {
        let user = format!("user{account}");
        let mut client = Client::login(server.plain(), &user, PASSWORD);
        for mailbox in 0..sized(20, 50) {
            client.create(&format!("Box{mailbox}"));
        }
        client.append("Box1", "", &message(&user));
        let (ip, port) = (relay.address.ip(), relay.address.port());
        let root = place.path().join(&user);
        more += &format!(
            "\n[accounts.{user}]\nhost = \"{ip}\"\nport = {port}\ntls = \"none\"\nuser = \"{user}\"\n\
             password = \"{PASSWORD}\"\nmaildir = \"{}\"\n",
            root.display()
        );
    }
    let ferry = Ferry::with(relay.address, "tls = \"none\"\n", &more);
    let daemon = ferry.start(&["run"]);
    until("all accounts are in sync", || {
        let status = ferry.run(&["status", "--json"]);
        let Ok(status) = serde_json::from_str::<serde_json::Value>(&status.stdout) else {
            return false;
        };
        let accounts = status["accounts"].as_array().unwrap();
        accounts.len() == 11 && accounts.iter().all(|one| one["state"] == "in-sync")
    });
    let cost = Cost::of(&daemon);
    say(&format!(
        "ten accounts: {cost:?}, {} connections were made, {} at a time",
        relay.connections(),
        relay.most()
    ));
    // Three for each account is what the configuration grants where it says nothing.
    assert!(relay.most() <= 33, "{} connections at a time", relay.most());
    assert!(cost.kib < sized(120, 60) * 1024, "{cost:?}");
    ends(daemon);
}

#[test]
fn at_rest_it_rests() {
    let setting = Setting::new(Variant::Dovecot);
    let mut client = setting.client();
    client.create("Box");
    let count = sized(2000, 100_000);
    client.append_many(
        "Box",
        (0..count).map(|at| message(&format!("message {at}"))),
    );
    setting.ferry.sync().in_sync();
    let daemon = alive(&setting);
    still(&setting, Duration::from_secs(2));
    let before = Cost::of(&daemon);
    let time = Duration::from_secs(sized(5, 300));
    let (seconds, sleeps) = awake(&daemon, time);
    let after = Cost::of(&daemon);
    let ticks = after.ticks - before.ticks;
    say(&format!(
        "{count} messages at rest for {time:?}: {} KiB, {ticks} ticks, {sleeps} wake-ups in {seconds} of the seconds",
        after.kib
    ));
    assert!(after.kib < sized(60, 25) * 1024, "{after:?}");
    assert!(after.kib <= before.kib + 2048, "{before:?}, then {after:?}");
    assert!(ticks <= sized(5, 30), "{ticks} ticks in {time:?}");
    // In five minutes the watch is renewed once, which is followed by a look at the server, and a session bus that is
    // not there is looked for every two minutes. For each timer it wakes a few times: the runtime sorts timers by ever
    // shorter distances.
    assert!(
        seconds <= sized(5, 12),
        "awake in {seconds} seconds of {time:?}"
    );
    assert!(sleeps <= sized(40, 400), "{sleeps} wake-ups in {time:?}");
    ends(daemon);
}

#[test]
fn a_soak_leaves_no_trace() {
    let seed = seed();
    say(&format!("again: {}", again(seed, "a_soak_leaves_no_trace")));
    let setting = Setting::with_messages(Variant::Dovecot, 30);
    // Deletions without end would be held, and rightly so; here they are to go through.
    setting.hold_nothing();
    let daemon = alive(&setting);
    let seconds = number("MAILFERRY_SOAK").unwrap_or(12);
    let warm = use_it(&setting, seed, Duration::from_secs(seconds / 3));
    equal(&setting);
    still(&setting, Duration::from_secs(1));
    let before = Cost::of(&daemon);
    let changes = warm + use_it(&setting, seed ^ 1, Duration::from_secs(seconds * 2 / 3));
    equal(&setting);
    still(&setting, Duration::from_secs(1));
    let after = Cost::of(&daemon);
    say(&format!(
        "{changes} changes in {seconds} s: {before:?}, then {after:?}"
    ));
    assert!(after.kib < before.kib + 8 * 1024, "memory grew");
    assert!(after.descriptors <= before.descriptors + 4, "descriptors");
    assert!(after.threads <= before.threads + 4, "threads");
    ends(daemon);
}
