//! The keeper: our own program, started between us and a program of a hook, so that nothing which that starts can leave.
//!
//! Whatever becomes an orphan below the keeper becomes the keeper's child (`PR_SET_CHILD_SUBREAPER`), also what has left
//! the process group or the session. So all of it can be found, and killed, at the deadline. Keeps no state and reads no
//! configuration.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitCode};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, wait};

/// The first argument that makes our program a keeper.
pub const KEEPER: &str = "__keep";
/// How long it may take until everything that was killed has gone.
const PATIENCE: Duration = Duration::from_secs(2);
/// The exit code when the program cannot be started.
const NOT_STARTED: u8 = 127;

/// The arguments of a keeper.
pub(super) fn arguments(timeout: Duration, argv: &[OsString]) -> Vec<OsString> {
    let millis = timeout.as_millis().to_string();
    let own = [OsString::from(KEEPER), OsString::from(millis)];
    own.into_iter().chain(argv.iter().cloned()).collect()
}

/// Runs what [`arguments`] says (without its first word), ends as the program does, or kills everything at the deadline.
#[must_use]
pub fn keep(mut words: impl Iterator<Item = OsString>) -> ExitCode {
    let timeout = words
        .next()
        .and_then(|text| text.to_str()?.parse().ok())
        .map(Duration::from_millis);
    let (Some(timeout), Some(name)) = (timeout, words.next()) else {
        return ExitCode::from(2);
    };
    let until = Instant::now() + timeout;
    // Where this is not to be had, all that stays below us is found nevertheless.
    let _ = set_child_subreaper(Some(getpid()));
    let mut command = Command::new(name);
    let Ok(mut child) = command.args(words).process_group(0).spawn() else {
        return ExitCode::from(NOT_STARTED);
    };
    let (tell, told) = mpsc::channel();
    let waiting = thread::Builder::new().stack_size(64 * 1024).spawn(move || {
        let _ = tell.send(child.wait());
    });
    if waiting.is_err() {
        return end_all();
    }
    match told.recv_timeout(until.saturating_duration_since(Instant::now())) {
        Ok(Ok(status)) => {
            if let Some(signal) = status.signal().and_then(Signal::from_named_raw) {
                let _ = kill_process(getpid(), signal);
            }
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            ExitCode::from(code.unwrap_or(NOT_STARTED))
        }
        _ => end_all(),
    }
}

/// Kills everything, and then itself, which says that time was up.
fn end_all() -> ExitCode {
    kill_below(getpid());
    let _ = kill_process(getpid(), Signal::KILL);
    ExitCode::from(NOT_STARTED)
}

/// Kills all that lives below a process of ours, also what is started meanwhile.
pub(super) fn kill_below(root: Pid) {
    let begun = Instant::now();
    loop {
        let alive = below(root);
        for process in &alive {
            let _ = kill_process(*process, Signal::KILL);
        }
        if root == getpid() {
            while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
        }
        if alive.is_empty() || begun.elapsed() > PATIENCE {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// The processes below another one that have not ended.
fn below(root: Pid) -> Vec<Pid> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(process) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // The name, in parentheses, is whatever the process likes.
        let mut words = stat
            .rsplit_once(')')
            .map_or("", |(_, rest)| rest)
            .split_whitespace();
        let (state, parent) = (words.next(), words.next());
        let ended = matches!(state, Some("Z" | "X") | None);
        if let Some(parent) = parent.and_then(|text| text.parse().ok())
            && !ended
        {
            children.entry(parent).or_default().push(process);
        }
    }
    let mut found: Vec<i32> = Vec::new();
    let mut next = vec![root.as_raw_nonzero().get()];
    while let Some(parent) = next.pop() {
        for child in children.remove(&parent).into_iter().flatten() {
            found.push(child);
            next.push(child);
        }
    }
    found.into_iter().filter_map(Pid::from_raw).collect()
}
