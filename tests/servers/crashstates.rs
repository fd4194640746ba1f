//! The power fails in the middle of a sync: every state that it may leave on the disk comes to rest as if nothing had
//! happened.
//!
//! A run is recorded and killed at some system call, so that the server is as it would be. From the record follows what
//! of its writes was not yet durable; states without some of that are laid out and synced. The long form is
//! `just crashstates`.

mod cut;
mod disk;
mod trace;

use std::time::{Duration, Instant};

use crate::accounts::{Account, fresh_user};
use crate::scene::{Scene, change_here, change_there, count_calls};
use crate::support::Random;
use crate::support::server::Server;
use crate::trials::{chance, run_all, say, seed, setting};
use disk::Disk;
use trace::Call;

/// Where the run is killed.
const CALLS: [&str; 13] = [
    "openat",
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "mkdirat",
    "utimensat",
    "sendto",
];
const PARTS: [&str; 2] = ["Mail", "state"];

/// One place to cut the power at.
#[derive(Clone, Copy, Debug)]
struct Cut {
    trial: usize,
    call: &'static str,
    turn: usize,
}

#[test]
fn a_power_cut_in_any_sync_loses_and_doubles_nothing() {
    sweep("a_power_cut_in_any_sync", Scene::of_everything());
}

#[test]
fn a_power_cut_in_a_download_loses_and_doubles_nothing() {
    sweep("a_power_cut_in_a_download", Scene::with(change_there));
}

#[test]
fn a_power_cut_in_an_upload_loses_and_doubles_nothing() {
    sweep("a_power_cut_in_an_upload", Scene::with(change_here));
}

fn sweep(test: &str, scene: Scene) {
    let counts = count_calls(&scene, &CALLS);
    let mut all = Vec::new();
    for (call, (first, last)) in counts {
        all.extend((first..=last).map(|turn| Cut {
            trial: 0,
            call,
            turn,
        }));
    }
    let seed = seed();
    let mut random = chance(seed, 0);
    let count = setting("MAILFERRY_CUTS").map_or(4, |count| count as usize);
    let states = setting("MAILFERRY_STATES").map_or(3, |count| count as usize);
    let mut cuts: Vec<Cut> = match count {
        0 => all.clone(),
        count => (0..count).map(|_| *random.pick(&all)).collect(),
    };
    for (trial, cut) in cuts.iter_mut().enumerate() {
        cut.trial = trial + 1;
    }
    say(&format!(
        "{} cuts of {} possible ones, {states} states each",
        cuts.len(),
        all.len()
    ));
    run_all(test, seed, &cuts, |cut| {
        let mut random = chance(seed, cut.trial);
        one(&scene, cut, states, &mut random).map_err(|why| format!("{cut:?}: {why}"))
    });
}

fn one(scene: &Scene, cut: &Cut, states: usize, random: &mut Random) -> Result<(), String> {
    let (account, disk, _kept) = cut_run(scene, cut)?;
    quiet(scene.server(), &account);
    for state in 0..states {
        if state > 0 && disk.is_settled() {
            break;
        }
        let left = disk.cut(random, state == 0);
        let copy = account.copy_of_server(&fresh_user("cut"));
        left.lay_out(copy.place());
        copy.must_become(&scene.expected).map_err(|why| {
            let waiting = disk.waiting();
            format!("state {state}: {why}\nwaiting when the power went:\n{waiting}")
        })?;
    }
    Ok(())
}

/// A run that was killed there, and the disk at that moment. Once in a few hundred runs a thread dies within a call that
/// strace never gets to see; such a run tells nothing and is done again.
fn cut_run(scene: &Scene, cut: &Cut) -> Result<(Account, Disk, tempfile::TempDir), String> {
    let mut why = String::new();
    for _ in 0..3 {
        let account = scene.copy();
        let mut disk = Disk::load(account.place(), &PARTS);
        // The originals keep their names: what the run removes can still be laid out with its inode.
        let kept = scene.before.copy_of_files();
        disk.keep_in(kept.path());
        let calls = record(&account, cut);
        let (seen, unseen): (Vec<Call>, Vec<Call>) =
            calls.into_iter().partition(|call| call.result.is_some());
        seen.iter().for_each(|call| disk.replay(call));
        match with_unseen(&disk, &unseen, account.place()) {
            Ok(disk) => return Ok((account, disk, kept)),
            Err(differs) => why = differs,
        }
    }
    Err(why)
}

fn record(account: &Account, cut: &Cut) -> Vec<Call> {
    let prefix = account.place().join("trace");
    let traced = format!("--trace={},{}", trace::RECORDED, cut.call);
    let inject = format!("--inject={}:signal=KILL:when={}", cut.call, cut.turn);
    let mut before = vec!["strace"];
    before.extend(trace::OPTIONS);
    before.extend(["-o", prefix.to_str().unwrap(), &traced, &inject]);
    account.sync_under(&before);
    trace::read(&prefix)
}

/// A call whose end nobody saw was done or was not: the disk as it lies tells.
fn with_unseen(disk: &Disk, unseen: &[Call], place: &std::path::Path) -> Result<Disk, String> {
    for set in 0..1_u32 << unseen.len().min(6) {
        let mut disk = disk.clone();
        for (bit, call) in unseen.iter().enumerate() {
            // An fsync that nobody saw end promises nothing.
            if set >> bit & 1 == 1 && !call.name.ends_with("sync") {
                disk.replay(call);
            }
        }
        if disk.compare(place, &PARTS).is_empty() {
            return Ok(disk);
        }
    }
    let differs = disk.compare(place, &PARTS);
    Err(format!(
        "the record does not lead to what lies on the disk: {differs:#?}\nunseen: {unseen:#?}"
    ))
}

/// Waits until the server has done what the dead connections had asked for.
fn quiet(server: &Server, account: &Account) {
    let Server::Dovecot(dovecot) = server else {
        return;
    };
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(10) {
        if !dovecot
            .doveadm(&["who", account.user()])
            .contains(account.user())
        {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("the server does not end the sessions of {}", account.user());
}
