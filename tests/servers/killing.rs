//! Killed at any moment and started again at once: nothing is lost, nothing is doubled.
//!
//! The long form is `just kill ITERATIONS`.

use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::accounts::{Account, fresh_user};
use crate::support::{Variant, message, oracle, server::Server};
use crate::trials::{chance, run_all, say, seed, setting};

const EACH: usize = 60;
const KILLS: usize = 3;

#[test]
fn killed_three_times_and_started_again_at_once_loses_and_doubles_nothing() {
    let seed = seed();
    let iterations = setting("MAILFERRY_KILLS").unwrap_or(10) as usize;
    let servers = [
        Variant::Dovecot,
        Variant::DovecotWithoutQresync,
        Variant::DovecotWithoutMove,
    ]
    .map(Server::start);
    let busy = span(&servers[0]);
    say(&format!("a whole sync takes {busy:?}"));
    let trials: Vec<usize> = (0..iterations).collect();
    let hits = AtomicUsize::new(0);
    run_all("killed_three_times", seed, &trials, |trial| {
        let server = &servers[trial % servers.len()];
        let account = waiting(server, trial % 2 == 0);
        let mut random = chance(seed, *trial);
        let mut told = format!("iteration {trial} of seed {seed}:");
        for _ in 0..KILLS {
            let after = busy * u32::try_from(random.below(1000)).unwrap() / 1000;
            let still = kill_after(&account, after);
            hits.fetch_add(usize::from(still), Ordering::Relaxed);
            told += &format!(" {after:?} {}", if still { "killed" } else { "was done" });
        }
        both_sides_are_whole(&account).map_err(|why| format!("{told}\n{why}"))
    });
    let (hits, kills) = (hits.into_inner(), iterations * KILLS);
    say(&format!("{hits} of {kills} kills hit a running sync"));
    assert!(
        hits * 3 >= kills,
        "only {hits} of {kills} kills hit a running sync"
    );
}

/// Sixty messages wait on each side, in one mailbox or in two.
fn waiting(server: &Server, in_one: bool) -> Account {
    let account = Account::new(server, &fresh_user("killed"));
    let mut client = account.client();
    client.create("Box");
    account.come_to_rest().unwrap();
    let up = if in_one { "Box" } else { "Archive" };
    client.append_many("Box", (0..EACH).map(|at| message(&format!("down {at}"))));
    for at in 0..EACH {
        let letters = ["S", "", "FS"][at % 3];
        account
            .maildir()
            .deliver(up, letters, &message(&format!("up {at}")));
    }
    account
}

/// How long a sync takes that nobody interrupts.
fn span(server: &Server) -> Duration {
    let account = waiting(server, true);
    let begun = Instant::now();
    assert_eq!(account.sync().code, Some(0));
    begun.elapsed()
}

/// Whether it was still running.
fn kill_after(account: &Account, wait: Duration) -> bool {
    let mut command = account.command(&[]);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(wait);
    let running = child.try_wait().unwrap().is_none();
    let _ = child.kill();
    child.wait().unwrap();
    running
}

fn both_sides_are_whole(account: &Account) -> Result<(), String> {
    account.come_to_rest()?;
    let (there, here) = (account.there(), account.here());
    let differences = oracle::differences(&oracle::visible(&there), &oracle::visible(&here));
    let contents = oracle::digests(&there).len();
    if !differences.is_empty() {
        return Err(format!("the sides differ:\n  {}", differences.join("\n  ")));
    }
    match (contents, oracle::count(&there), account.trashed().len()) {
        (120, 120, 0) => Ok(()),
        (kinds, all, trashed) => Err(format!(
            "{kinds} of 120 contents in {all} messages, {trashed} in the local trash"
        )),
    }
}
