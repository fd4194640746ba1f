//! Killed at any moment, cut at any octet: no letter is lost, doubled, or deleted on the server before it is here.
//!
//! The long form is `just kill-letters ROUNDS`.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use super::{digests, fresh_user, held, here};
use crate::support::messages::sized_message;
use crate::support::server::PASSWORD;
use crate::support::{Client, Ferry, Random, Server, Variant, oracle};
use crate::trials::{chance, run_all, say, seed, setting};

const LETTERS: usize = 60;

/// A maildrop full of letters of a fresh user, and an account whose letters leave the server.
struct Trial {
    server: SocketAddr,
    user: String,
    ferry: Ferry,
    all: Vec<oracle::Digest>,
}

impl Trial {
    fn new(server: &Server, test: &str, random: &mut Random) -> Self {
        let user = fresh_user(test);
        let mut client = Client::login(server.plain(), &user, PASSWORD);
        let bodies: Vec<Vec<u8>> = (0..LETTERS)
            .map(|at| sized_message(&format!("{test} {at}"), random.below(20_000)))
            .collect();
        client.append_many("INBOX", bodies.into_iter());
        let ferry = Ferry::letters(server.pop3(), "");
        let all = digests(&held(server.pop3(), &user));
        Self {
            server: server.pop3(),
            user,
            ferry,
            all,
        }
    }

    fn through(&self, address: SocketAddr, keep: &str) {
        let keys = format!("tls = \"none\"\ntimeout = \"20s\"\nkeep = \"{keep}\"\n");
        self.ferry
            .configure_letters(address, &keys, &self.user, PASSWORD);
    }

    /// What must hold at every moment: each letter is on the server or here, and here at most once.
    fn nothing_is_lost(&self) -> Result<(), String> {
        let there = digests(&held(self.server, &self.user));
        let here = here(&self.ferry, &self.all);
        for letter in &self.all {
            let copies = here.iter().filter(|it| *it == letter).count();
            let kept = there.contains(letter);
            if copies > 1 || (copies == 0 && !kept) {
                return Err(format!(
                    "{letter}: {copies} copies here, on the server: {kept}"
                ));
            }
        }
        match here.iter().find(|it| !self.all.contains(it)) {
            Some(half) => Err(format!("{half} is no letter that was sent")),
            None => Ok(()),
        }
    }

    /// In the end all are here, once, and gone from the server if they were to go.
    fn comes_home(&self, keep: &str) -> Result<(), String> {
        self.nothing_is_lost()?;
        self.through(self.server, keep);
        for _ in 0..2 {
            let outcome = self.ferry.sync();
            if outcome.code != Some(0) {
                return Err(format!("{outcome:?}"));
            }
        }
        let here = here(&self.ferry, &self.all);
        let there = held(self.server, &self.user).len();
        let expected = if keep == "never" { 0 } else { LETTERS };
        if here != self.all || there != expected {
            return Err(format!("{} here, {there} on the server", here.len()));
        }
        Ok(())
    }
}

#[test]
fn killed_at_random_times_and_started_again_at_once_letters_are_neither_lost_nor_doubled() {
    killed("killed_at_random_times_and", Variant::Dovecot, 8, "sync");
}

#[test]
fn killed_with_cyrus_letters_are_neither_lost_nor_doubled() {
    killed("killed_with_cyrus", Variant::Cyrus, 3, "sync");
}

#[test]
fn a_daemon_that_is_killed_neither_loses_nor_doubles_letters() {
    killed("a_daemon_that_is_killed", Variant::Dovecot, 4, "run");
}

fn killed(test: &str, variant: Variant, rounds: usize, verb: &str) {
    let seed = seed();
    let rounds = setting("MAILFERRY_KILLS").map_or(rounds, |rounds| rounds as usize);
    let server = Server::start(variant);
    let trials: Vec<usize> = (0..rounds).collect();
    let busy = {
        let trial = Trial::new(&server, "span", &mut chance(seed, 0));
        trial.through(trial.server, "never");
        trial.ferry.sync().in_sync().took
    };
    let hits = AtomicUsize::new(0);
    run_all(test, seed, &trials, |number| {
        let mut random = chance(seed, *number);
        let trial = Trial::new(&server, "killed", &mut random);
        let keep = if number % 3 == 0 { "forever" } else { "never" };
        trial.through(trial.server, keep);
        for _ in 0..4 {
            let wait = busy * u32::try_from(random.below(1100)).unwrap() / 1000;
            let mut running = trial.ferry.start(&[verb]);
            std::thread::sleep(wait);
            hits.fetch_add(usize::from(!running.ended()), Ordering::Relaxed);
            running.signal(rustix::process::Signal::KILL);
            drop(running);
            trial.nothing_is_lost()?;
        }
        trial.comes_home(keep)
    });
    let hits = hits.into_inner();
    say(&format!(
        "{hits} of {} kills hit a running session of {busy:?}",
        rounds * 4
    ));
    assert!(hits >= rounds, "only {hits} kills hit");
}

#[test]
fn cut_anywhere_letters_are_neither_lost_nor_doubled() {
    cut("cut_anywhere_letters", Variant::Dovecot, 16);
}

#[test]
fn cut_anywhere_from_cyrus_letters_are_neither_lost_nor_doubled() {
    cut("cut_anywhere_from_cyrus", Variant::Cyrus, 6);
}

fn cut(test: &str, variant: Variant, rounds: usize) {
    let seed = seed();
    let rounds = setting("MAILFERRY_CUTS").map_or(rounds, |rounds| rounds as usize);
    let server = Server::start(variant);
    let trials: Vec<usize> = (0..rounds).collect();
    run_all(test, seed, &trials, |number| {
        let mut random = chance(seed, *number);
        let trial = Trial::new(&server, "cut", &mut random);
        let keep = if number % 3 == 0 { "forever" } else { "never" };
        let (up, down) = {
            let whole = Trial::new(&server, "whole", &mut chance(seed, *number));
            let relay = Cutter::to(trial.server, i64::MAX, i64::MAX);
            whole.through(relay.address, keep);
            whole.ferry.sync().in_sync();
            relay.passed()
        };
        // Every third cut is among what the client says, the last octets of it above all: DELE and QUIT.
        for cut in 0..4 {
            let relay = match (number + cut) % 3 {
                0 => {
                    let last = up.min(40);
                    let at = if cut % 2 == 0 {
                        up - random.below(last)
                    } else {
                        random.below(up)
                    };
                    Cutter::to(trial.server, at as i64, i64::MAX)
                }
                1 => Cutter::to(trial.server, i64::MAX, (down - random.below(200)) as i64),
                _ => Cutter::to(trial.server, i64::MAX, random.below(down) as i64),
            };
            trial.through(relay.address, keep);
            trial.ferry.sync();
            // The server may still be busy with what it got before the cut.
            std::thread::sleep(Duration::from_millis(20));
            trial.nothing_is_lost()?;
        }
        trial.comes_home(keep)
    });
}

/// A relay that closes both connections after so many octets in one direction.
struct Cutter {
    address: SocketAddr,
    passed: Arc<[AtomicUsize; 2]>,
}

impl Cutter {
    fn to(server: SocketAddr, up: i64, down: i64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let passed = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let counts = Arc::clone(&passed);
        std::thread::spawn(move || {
            let Ok((client, _)) = listener.accept() else {
                return;
            };
            let Ok(server) = TcpStream::connect(server) else {
                return;
            };
            let halves = [(&client, &server, up), (&server, &client, down)];
            std::thread::scope(|scope| {
                for (at, (from, to, limit)) in halves.into_iter().enumerate() {
                    let count = &counts[at];
                    scope.spawn(move || {
                        pass(from, to, limit, count);
                        let _ = from.shutdown(Shutdown::Both);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            });
        });
        Self { address, passed }
    }

    fn passed(&self) -> (usize, usize) {
        let count = |at: usize| self.passed[at].load(Ordering::Relaxed);
        (count(0), count(1))
    }
}

fn pass(mut from: &TcpStream, mut to: &TcpStream, limit: i64, count: &AtomicUsize) {
    let left = AtomicI64::new(limit);
    let mut buffer = [0; 8192];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let may = usize::try_from(left.load(Ordering::Relaxed))
            .unwrap_or(0)
            .min(read);
        left.fetch_sub(may as i64, Ordering::Relaxed);
        count.fetch_add(may, Ordering::Relaxed);
        if to.write_all(&buffer[..may]).is_err() || may < read || left.load(Ordering::Relaxed) == 0
        {
            return;
        }
    }
}

#[test]
fn a_relay_that_cuts_nothing_changes_nothing() {
    let server = Server::start(Variant::Dovecot);
    let trial = Trial::new(&server, "plain", &mut Random::new(1));
    let relay = Cutter::to(trial.server, i64::MAX, i64::MAX);
    trial.through(relay.address, "never");
    trial.ferry.sync().in_sync();
    let here: BTreeMap<_, usize> =
        here(&trial.ferry, &trial.all)
            .into_iter()
            .fold(BTreeMap::new(), |mut all, it| {
                *all.entry(it).or_default() += 1;
                all
            });
    assert!(here.len() == LETTERS && here.values().all(|copies| *copies == 1));
    assert!(relay.passed().0 > 0 && relay.passed().1 > 0);
}
