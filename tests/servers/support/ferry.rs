//! Runs the built program with a generated configuration.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::maildir::Maildir;
use super::server::{PASSWORD, USER};

const LONGEST: Duration = Duration::from_secs(240);

/// What one run said and cost.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// Most memory it held at once, in KiB.
    pub peak_kib: u64,
    /// How long it took.
    pub took: Duration,
}

impl Outcome {
    /// Everything is in sync.
    #[track_caller]
    pub fn in_sync(&self) -> &Self {
        self.exits(0)
    }

    /// It ended with this code.
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Self {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// It did not claim that all is well.
    #[track_caller]
    pub fn complains(&self) -> &Self {
        let honest = matches!(self.code, Some(1 | 3));
        assert!(
            honest,
            "{:?}: stdout:\n{}\nstderr:\n{}",
            self.code, self.stdout, self.stderr
        );
        self
    }

    /// Its standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// One account on one machine: configuration, state and Maildir.
pub struct Ferry {
    place: tempfile::TempDir,
}

impl Ferry {
    /// An account in plain text on this address.
    pub fn plain(server: SocketAddr) -> Self {
        Self::with(server, "tls = \"none\"\n", "")
    }

    /// An account with more keys of its own, and more of `sync`.
    pub fn with(server: SocketAddr, keys: &str, sync: &str) -> Self {
        let ferry = Self {
            place: tempfile::tempdir().unwrap(),
        };
        ferry.configure(server, keys, sync);
        ferry
    }

    /// Writes the configuration anew.
    pub fn configure(&self, server: SocketAddr, keys: &str, sync: &str) {
        let text = format!(
            "state_dir = \"{}\"\n\n[accounts.test]\nhost = \"{}\"\nport = {}\nuser = \"{USER}\"\n\
             password = \"{PASSWORD}\"\nmaildir = \"{}\"\n{keys}\n[accounts.test.sync]\n{sync}\n",
            self.state().display(),
            server.ip(),
            server.port(),
            self.root().display()
        );
        fs::write(self.config(), text).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(self.config(), private).unwrap();
    }

    /// A POP3 account with more keys of its own.
    pub fn letters(server: SocketAddr, keys: &str) -> Self {
        Self::letters_with(server, keys, PASSWORD)
    }

    /// The same with this password.
    pub fn letters_with(server: SocketAddr, keys: &str, password: &str) -> Self {
        let ferry = Self {
            place: tempfile::tempdir().unwrap(),
        };
        ferry.configure_letters(server, keys, USER, password);
        ferry
    }

    /// Writes the configuration of a POP3 account anew.
    pub fn configure_letters(&self, server: SocketAddr, keys: &str, user: &str, password: &str) {
        let text = format!(
            "state_dir = \"{}\"\n\n[accounts.test]\nprotocol = \"pop3\"\nhost = \"{}\"\nport = {}\n\
             user = \"{user}\"\npassword = \"{password}\"\nmaildir = \"{}\"\n{keys}\n",
            self.state().display(),
            server.ip(),
            server.port(),
            self.root().display()
        );
        fs::write(self.config(), text).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(self.config(), private).unwrap();
    }

    /// Its Maildir.
    pub fn maildir(&self) -> Maildir {
        Maildir::at(self.root())
    }

    /// Where its Maildir is.
    pub fn root(&self) -> PathBuf {
        self.place.path().join("Mail")
    }

    /// Where its state is.
    pub fn state(&self) -> PathBuf {
        self.place.path().join("state")
    }

    /// Its configuration.
    pub fn config(&self) -> PathBuf {
        self.place.path().join("config.toml")
    }

    /// One pass.
    pub fn sync(&self) -> Outcome {
        self.run(&["sync"])
    }

    /// Runs it and waits for its end.
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        self.start(arguments).wait()
    }

    /// Starts it.
    pub fn start(&self, arguments: &[&str]) -> Running {
        self.start_with(arguments, &[])
    }

    /// Starts it with more in its environment.
    pub fn start_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Running {
        Running::start(self.place.path(), &self.config(), arguments, environment)
    }

    /// Writes the configuration anew, with this changed in it.
    pub fn reconfigure(&self, change: impl Fn(&str) -> String) {
        let text = fs::read_to_string(self.config()).unwrap();
        let changed = change(&text);
        assert_ne!(text, changed);
        fs::write(self.config(), changed).unwrap();
    }
}

/// A run that has not ended; ended when dropped.
pub struct Running {
    child: Child,
    files: tempfile::TempDir,
    since: Instant,
}

impl Running {
    fn start(home: &Path, config: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        assert!(
            Path::new("/usr/bin/time").exists(),
            "time is missing; run: bash tests/servers/install.sh"
        );
        let files = tempfile::tempdir().unwrap();
        let create = |name: &str| fs::File::create(files.path().join(name)).unwrap();
        let program = std::env::var_os("MAILFERRY_TEST_BIN")
            .unwrap_or_else(|| env!("CARGO_BIN_EXE_mailferry").into());
        let mut command = Command::new("/usr/bin/time");
        command
            .args(["-q", "-f", "%M", "-o"])
            .arg(files.path().join("peak"));
        command.arg(program).arg("-c").arg(config).args(arguments);
        command
            .env("HOME", home)
            .env("XDG_RUNTIME_DIR", home)
            .env("XDG_STATE_HOME", home.join("xdg"));
        command
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .process_group(0);
        command.envs(environment.iter().copied());
        command
            .stdin(Stdio::null())
            .stdout(create("out"))
            .stderr(create("err"));
        let child = command.spawn().unwrap();
        Self {
            child,
            files,
            since: Instant::now(),
        }
    }

    /// Whether it has ended.
    pub fn ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// The process id of the program itself.
    pub fn process(&self) -> u32 {
        let timer = self.child.id();
        let children = fs::read_to_string(format!("/proc/{timer}/task/{timer}/children"));
        children.unwrap().trim().parse().expect("one child")
    }

    /// Sends its whole group a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let group = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process_group(group, signal);
    }

    /// Sends a signal to the program alone, without the one beside it that measures.
    pub fn signal_alone(&self, signal: rustix::process::Signal) {
        let process = i32::try_from(self.process()).unwrap();
        let process = rustix::process::Pid::from_raw(process).unwrap();
        rustix::process::kill_process(process, signal).unwrap();
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Outcome {
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            let said = || fs::read_to_string(self.files.path().join("err")).unwrap_or_default();
            assert!(
                self.since.elapsed() < LONGEST,
                "it does not end:\n{}",
                said()
            );
            std::thread::sleep(Duration::from_millis(3));
        };
        let read = |name: &str| {
            String::from_utf8_lossy(&fs::read(self.files.path().join(name)).unwrap()).into_owned()
        };
        Outcome {
            code: status.code(),
            stdout: read("out"),
            stderr: read("err"),
            peak_kib: read("peak").trim().parse().unwrap_or(u64::MAX),
            took: self.since.elapsed(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(rustix::process::Signal::KILL);
            let _ = self.child.wait();
        }
        // What was killed with its group ends a little later than the one that waited for it.
        let group = rustix::process::Pid::from_child(&self.child);
        for _ in 0..1000 {
            if rustix::process::test_kill_process_group(group).is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
