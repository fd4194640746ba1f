//! Running a program for a script: no shell, a clean environment, an end for it and its children.

mod keeper;
mod runner;

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

pub use keeper::{KEEPER, keep};
pub(super) use runner::{Runner, gone};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// The most that is kept of each output, in bytes.
pub(super) const KEPT: usize = 1 << 20;
/// How long outputs may stay open after the program has ended: something that it started may hold them.
const GRACE: Duration = Duration::from_millis(300);

/// How long after the deadline a keeper may take.
const LATE: Duration = Duration::from_secs(3);

/// What of our own environment programs get to see.
const PASSED_ON: &[&str] = &[
    "HOME",
    "USER",
    "LOGNAME",
    "PATH",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "LC_MESSAGES",
    "LC_TIME",
    "TZ",
    "TMPDIR",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "MAILDIR",
    "NOTMUCH_CONFIG",
    "NOTMUCH_PROFILE",
    "MU_HOME",
];

/// A program to run.
#[derive(Clone, Debug, Default)]
pub(super) struct Program {
    /// Its name, looked up in `PATH`, and its arguments.
    pub argv: Vec<OsString>,
    /// What it reads.
    pub stdin: Vec<u8>,
    /// Variables beside those of `PASSED_ON`.
    pub env: Vec<(OsString, OsString)>,
    /// How long it may take.
    pub timeout: Duration,
    /// Whether it runs below a [keeper], which needs our own program to be at hand.
    pub kept: bool,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    /// Its exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Whether it was killed because it took too long.
    pub timed_out: bool,
    /// The beginning of what it printed.
    pub stdout: Vec<u8>,
    /// The beginning of what it complained.
    pub stderr: Vec<u8>,
}

/// Something that happened while the program ran.
enum Sign {
    Exited,
    Closed,
}

/// Runs a program to its end, or to its deadline: then it is killed, and all that it has started with it.
fn run(program: Program) -> io::Result<Ended> {
    let begun = Instant::now();
    let mut command = command(&program)?;
    let passed_on = PASSED_ON
        .iter()
        .filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?)));
    let mut child = command
        .env_clear()
        .envs(passed_on)
        .envs(program.env)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (signs, seen) = mpsc::channel();
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read ends with its pipe; what it was to read is lost then, as in a shell.
        spawn("stdin", move || drop(stdin.write_all(&program.stdin)));
    }
    let stdout = collect(child.stdout.take(), signs.clone());
    let stderr = collect(child.stderr.take(), signs.clone());
    spawn("wait", move || {
        if let Some(group) = group {
            // It stays a zombie until all is over, so that its number means nobody else.
            let _ = waitid(
                WaitId::Pid(group),
                WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
            );
        }
        let _ = signs.send(Sign::Exited);
    });
    // A keeper ends by itself.
    let more = if program.kept { LATE } else { Duration::ZERO };
    let late = wait(&seen, program.timeout + more);
    if late && let Some(group) = group {
        // Who stands still starts nothing, and its children stay its children.
        let _ = kill_process_group(group, Signal::STOP);
        keeper::kill_below(group);
        let _ = kill_process_group(group, Signal::KILL);
    }
    let mut ended = finish(&mut child, &stdout, &stderr)?;
    let killed = ended.signal == Some(Signal::KILL.as_raw());
    ended.timed_out = late || (program.kept && killed && begun.elapsed() >= program.timeout);
    Ok(ended)
}

/// What is started for a program.
fn command(program: &Program) -> io::Result<Command> {
    let (name, arguments) = program
        .argv
        .split_first()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "argv is empty"))?;
    if !program.kept {
        let mut command = Command::new(name);
        command.args(arguments);
        return Ok(command);
    }
    find(name)?;
    // Also where an update has put another file in its place.
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0("mailferry")
        .args(keeper::arguments(program.timeout, &program.argv));
    Ok(command)
}

/// Whether there is such a program: the keeper cannot tell its own failures from the program's.
fn find(name: &OsStr) -> io::Result<()> {
    let is_program = |file: &Path| {
        let access = rustix::fs::Access::EXEC_OK;
        file.is_file() && rustix::fs::access(file, access).is_ok()
    };
    let found = if name.as_encoded_bytes().contains(&b'/') {
        is_program(&Path::new("/").join(name))
    } else {
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
        std::env::split_paths(&path).any(|place| is_program(&place.join(name)))
    };
    found
        .then_some(())
        .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
}

/// Waits until the program has ended and its outputs are closed; whether it took too long.
fn wait(seen: &mpsc::Receiver<Sign>, timeout: Duration) -> bool {
    let mut until = Instant::now() + timeout;
    let (mut exited, mut open) = (false, 2);
    while !exited || open > 0 {
        match seen.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Sign::Exited) => {
                exited = true;
                until = until.min(Instant::now() + GRACE);
            }
            Ok(Sign::Closed) => open -= 1,
            Err(RecvTimeoutError::Timeout) => return !exited,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
    false
}

type Kept = Arc<Mutex<Vec<u8>>>;

fn finish(child: &mut Child, stdout: &Kept, stderr: &Kept) -> io::Result<Ended> {
    let status = child.wait()?;
    let take =
        |kept: &Kept| std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Ended {
        code: status.code(),
        signal: status.signal(),
        timed_out: false,
        stdout: take(stdout),
        stderr: take(stderr),
    })
}

/// Keeps the beginning of an output, and reads the rest so that the writer does not wait.
fn collect(from: Option<impl Read + Send + 'static>, signs: Sender<Sign>) -> Kept {
    let kept = Kept::default();
    let shared = Arc::clone(&kept);
    spawn("output", move || {
        let mut piece = [0; 8192];
        let mut from = from;
        while let Some(count) = from.as_mut().and_then(|from| from.read(&mut piece).ok()) {
            if count == 0 {
                break;
            }
            let mut kept = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let room = KEPT.saturating_sub(kept.len());
            kept.extend(piece.iter().take(count.min(room)));
        }
        let _ = signs.send(Sign::Closed);
    });
    kept
}

/// A thread that ends with the program. Without one (none to be had) the wait ends at the deadline.
fn spawn(name: &str, work: impl FnOnce() + Send + 'static) {
    let _ = thread::Builder::new()
        .name(format!("hook-{name}"))
        .stack_size(128 * 1024)
        .spawn(work);
}
