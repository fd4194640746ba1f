//! Every system call that touches the disk fails once, or from then on: a clear error, no loss, no double.
//!
//! The long form is `just syscalls`.

use std::collections::BTreeMap;
use std::fs;

use crate::accounts::{Account, Ended};
use crate::scene::{Scene, count_calls};
use crate::trials::{chance, run_all, say, seed, setting};

/// What fails, with the name strace knows it by.
const CALLS: [&str; 18] = [
    "openat",
    "write",
    "pwrite64",
    "read",
    "pread64",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "getdents64",
    "close",
    "ftruncate",
    "mkdirat",
    "statx",
    "utimensat",
];
const ERRORS: [&str; 5] = ["EIO", "ENOSPC", "EDQUOT", "EROFS", "EMFILE"];

/// One call that fails.
#[derive(Clone, Debug)]
struct Fault {
    call: &'static str,
    error: &'static str,
    /// Counted in each thread, from 1.
    turn: usize,
    /// Whether all later ones fail, too.
    on: bool,
}

impl Fault {
    fn inject(&self) -> String {
        let on = if self.on { "+" } else { "" };
        format!(
            "inject={}:error={}:when={}{on}",
            self.call, self.error, self.turn
        )
    }
}

#[test]
fn a_read_of_the_state_that_fails_is_no_damage() {
    let scene = Scene::of_everything();
    let seed = seed();
    let mut random = chance(seed, 1);
    let faults: Vec<Fault> = (0..6)
        .map(|at| Fault {
            call: "pread64",
            error: "EIO",
            turn: 3 + random.below(20),
            on: at % 2 == 0,
        })
        .collect();
    run_all("a_read_of_the_state_that_fails", seed, &faults, |fault| {
        one(&scene, fault).map_err(|why| format!("{fault:?}: {why}"))
    });
}

#[test]
fn a_system_call_that_fails_loses_and_doubles_nothing() {
    let scene = Scene::of_everything();
    let counts = count_calls(&scene, &CALLS);
    say(&format!("calls of the busiest thread: {counts:?}"));
    let seed = seed();
    let mut faults = all_faults(&counts);
    let trials = setting("MAILFERRY_SYSCALLS").map_or(CALLS.len(), |count| count as usize);
    // 0 is all of them.
    if trials > 0 {
        faults = sample(faults, trials, seed);
    }
    run_all("a_system_call_that_fails", seed, &faults, |fault| {
        one(&scene, fault).map_err(|why| format!("{fault:?}: {why}"))
    });
}

fn all_faults(counts: &BTreeMap<&'static str, (usize, usize)>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (call, (first, last)) in counts {
        for turn in *first..=*last {
            for error in ERRORS {
                // Writes also wake threads and talk on sockets, which cannot go on failing while the program lives.
                let ways: &[bool] = if *call == "write" {
                    &[false]
                } else {
                    &[false, true]
                };
                faults.extend(ways.iter().map(|on| Fault {
                    call,
                    error,
                    turn,
                    on: *on,
                }));
            }
        }
    }
    faults
}

/// As many of each call, so that the rare ones are among them.
fn sample(faults: Vec<Fault>, count: usize, seed: u64) -> Vec<Fault> {
    let mut random = chance(seed, 0);
    let calls: Vec<&str> = CALLS
        .into_iter()
        .filter(|call| faults.iter().any(|fault| fault.call == *call))
        .collect();
    let picked = (0..count).map(|at| {
        let call = calls[at % calls.len()];
        let of_call: Vec<&Fault> = faults.iter().filter(|fault| fault.call == call).collect();
        (*random.pick(&of_call)).clone()
    });
    picked.collect()
}

fn one(scene: &Scene, fault: &Fault) -> Result<(), String> {
    let account = scene.copy();
    let log = account.place().join("calls");
    let trace = format!("trace={}", fault.call);
    let inject = fault.inject();
    let ended = account.sync_under(&[
        "strace",
        "-f",
        "-qq",
        "-o",
        log.to_str().unwrap(),
        "-e",
        &trace,
        "-e",
        &inject,
    ]);
    // No disk can make the write fail that wakes a thread (an eventfd's 8 octets): the runtime gives up there.
    let woken = injected(&log).contains("\\1\\0\\0\\0\\0\\0\\0\\0");
    if !woken {
        honest(&account, &ended, &injected(&log))?;
    }
    account.must_become(&scene.expected).map_err(|why| {
        format!(
            "{why}\nthe pass with the fault: {:?}: {}\n{}",
            ended.code,
            ended.said,
            injected(&log)
        )
    })
}

fn injected(log: &std::path::Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("(INJECTED)"))
        .take(5)
        .collect();
    lines.join("\n")
}

/// It did not crash, and where something failed it says what and where.
fn honest(account: &Account, ended: &Ended, hit: &str) -> Result<(), String> {
    let said = &ended.said;
    let complain = |what: &str| Err(format!("{what}: {:?}: {said}\n{hit}", ended.code));
    if said.contains("panicked") {
        return complain("a panic");
    }
    let place = account.place().display().to_string();
    let mailboxes = [
        "Box", "Archive", "INBOX", "Neu", "Fresh", "Trash", "Drafts", "Junk", "Sent",
    ];
    let named = said.contains(&place) || mailboxes.iter().any(|name| said.contains(name));
    match ended.code {
        Some(0) => Ok(()),
        Some(1 | 2) if named => Ok(()),
        Some(1 | 2) => complain("the error names neither a path nor a mailbox"),
        _ => complain("a bad end"),
    }
}
