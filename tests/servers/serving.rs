//! The daemon as a service: what the service manager and the bus hear of it, what a reload leaves alone, how it ends.

use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::Setting;
use crate::living::{alive, equal, until, watching};
use crate::support::ferry::{Outcome, Running};
use crate::support::{Variant, message};

/// Tells it to end as a service manager does.
#[track_caller]
fn terminated(mut daemon: Running) -> Outcome {
    daemon.signal_alone(Signal::TERM);
    let begun = Instant::now();
    while !daemon.ended() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
    let outcome = daemon.wait();
    outcome.exits(0);
    outcome
}

fn status(setting: &Setting) -> serde_json::Value {
    setting.ferry.run(&["status", "--json"]).json()["accounts"].take()
}

/// A service manager that listens.
struct Manager {
    socket: UnixDatagram,
    place: tempfile::TempDir,
}

impl Manager {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(place.path().join("notify")).unwrap();
        let limit = Some(Duration::from_secs(60));
        socket.set_read_timeout(limit).unwrap();
        Self { socket, place }
    }

    fn address(&self) -> String {
        self.place.path().join("notify").display().to_string()
    }

    fn next(&self) -> String {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).expect("it is told something");
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    /// What is told up to this, and it.
    fn until(&self, what: &str) -> Vec<String> {
        let mut told = Vec::new();
        loop {
            told.push(self.next());
            if told.last().unwrap().starts_with(what) {
                return told;
            }
        }
    }
}

#[test]
fn the_service_manager_is_told_of_a_whole_life() {
    let setting = Setting::with_messages(Variant::Dovecot, 3);
    let manager = Manager::new();
    let environment = [
        ("NOTIFY_SOCKET", manager.address()),
        ("WATCHDOG_USEC", "400000".to_owned()),
    ];
    let environment = environment
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let daemon = setting.ferry.start_with(&["run"], &environment);
    assert!(
        manager
            .until("READY=1")
            .iter()
            .all(|it| !it.contains("RELOAD"))
    );
    manager.until("STATUS=test: in-sync");
    let begun = Instant::now();
    for _ in 0..3 {
        manager.until("WATCHDOG=1");
    }
    assert!(begun.elapsed() > Duration::from_millis(350));
    // A reload, and one of a configuration with a mistake: both are over some time.
    setting
        .ferry
        .reconfigure(|text| format!("{text}\n# nothing\n"));
    for mistake in ["\n", "nonsense = true\n"] {
        setting.ferry.reconfigure(|text| format!("{mistake}{text}"));
        daemon.signal_alone(Signal::HUP);
        let told = manager.until("RELOADING=1");
        assert!(told.last().unwrap().contains("\nMONOTONIC_USEC="));
        manager.until("READY=1");
    }
    manager.until("WATCHDOG=1");
    terminated(daemon);
    manager.until("STOPPING=1");
}

#[test]
fn it_ends_soon_whatever_it_is_doing() {
    let setting = Setting::with_messages(Variant::Dovecot, 3);
    terminated(alive(&setting));
    // In the middle of a pass, on connections that do not answer.
    let daemon = alive(&setting);
    setting.relay.hold(true);
    setting.ferry.maildir().deliver("Box", "S", &message("new"));
    until("a pass", || status(&setting)[0]["state"] == "syncing");
    terminated(daemon);
    // While it connects.
    let daemon = setting.ferry.start(&["run"]);
    until("it is there", || status(&setting)[0]["state"] == "syncing");
    std::thread::sleep(Duration::from_millis(300));
    terminated(daemon);
    setting.relay.hold(false);
    setting.settle();
}

fn reload(daemon: &Running) {
    daemon.signal_alone(Signal::HUP);
}

#[test]
fn a_reload_keeps_the_connections_of_accounts_that_stay_as_they_are() {
    let setting = Setting::with_messages(Variant::Dovecot, 3);
    let daemon = alive(&setting);
    setting.relay.reset();
    let elsewhere = tempfile::tempdir().unwrap();
    setting.ferry.reconfigure(|text| {
        let maildir = elsewhere.path().display();
        format!(
            "{text}\n[accounts.other]\nhost = \"127.0.0.1\"\nport = 1\ntls = \"none\"\nuser = \"u\"\n\
             password = \"p\"\nmaildir = \"{maildir}\"\n"
        )
    });
    reload(&daemon);
    until("the new account", || {
        status(&setting)[1]["state"] == "failed"
    });
    setting
        .client()
        .append("Box", "", &message("after the reload"));
    until("a new mail", || {
        setting.ferry.maildir().files("Box").len() == 4
    });
    assert_eq!(setting.relay.connections(), 0);
    assert_eq!(
        setting.relay.commands_with(&["AUTHENTICATE"]),
        Vec::<String>::new()
    );
    terminated(daemon);
}

#[test]
fn an_account_that_a_reload_changes_is_never_in_its_own_way() {
    let setting = Setting::with_messages(Variant::Dovecot, 3);
    let daemon = alive(&setting);
    for minutes in [7, 8, 9] {
        setting.relay.reset();
        let poll = format!("\npoll = \"{minutes}m\"\nport =");
        setting.ferry.reconfigure(|text| {
            let bare: Vec<&str> = text.lines().filter(|it| !it.starts_with("poll")).collect();
            bare.join("\n").replace("\nport =", &poll)
        });
        reload(&daemon);
        until("it connects anew", || setting.relay.connections() > 0);
        watching(&setting);
    }
    let said = terminated(daemon).stderr;
    assert!(!said.contains("WARN"), "{said}");
}

#[test]
fn a_reload_moves_the_state_where_it_is_to_be() {
    let setting = Setting::with_messages(Variant::Dovecot, 3);
    let daemon = alive(&setting);
    let place = tempfile::tempdir().unwrap();
    let (before, after) = (setting.ferry.state(), place.path().join("moved"));
    let (old, new) = (before.display().to_string(), after.display().to_string());
    setting.ferry.reconfigure(|text| text.replace(&old, &new));
    reload(&daemon);
    until("the new state", || {
        std::fs::read_dir(&after).is_ok_and(|mut entries| {
            entries.any(|it| {
                it.unwrap()
                    .file_name()
                    .to_string_lossy()
                    .starts_with("test")
            })
        })
    });
    terminated(daemon);
}

#[test]
fn what_is_ordered_while_somebody_else_has_the_account_holds() {
    let setting = Setting::with_messages(Variant::Dovecot, 3);
    setting.relay.hold(true);
    let other = setting.ferry.start(&["sync"]);
    std::thread::sleep(Duration::from_millis(500));
    let daemon = setting.ferry.start(&["run"]);
    until("it has to wait", || {
        status(&setting)[0]["state"] == "failed"
    });
    setting.ferry.run(&["pause"]).exits(0);
    until("it pauses", || status(&setting)[0]["state"] == "paused");
    std::thread::sleep(Duration::from_secs(5));
    setting.relay.hold(false);
    other.wait().exits(0);
    setting.client().append("Box", "", &message("while paused"));
    std::thread::sleep(Duration::from_secs(10));
    assert_eq!(status(&setting)[0]["state"], "paused");
    assert_eq!(setting.ferry.maildir().files("Box").len(), 3);
    setting.ferry.run(&["resume"]).exits(0);
    equal(&setting);
    let said = terminated(daemon).stderr;
    assert_eq!(said.matches("WARN").count(), 1, "{said}");
}

/// A session bus that ends with the test.
struct Bus(Child);

impl Bus {
    fn start(address: &str) -> Self {
        let mut command = Command::new("dbus-daemon");
        command
            .args(["--session", "--nofork", "--nopidfile"])
            .arg(format!("--address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self(command.spawn().expect("dbus-daemon is needed"))
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Hears the daemon's signals on a bus, as lines of its name and what it carries.
async fn signals(address: &str) -> zbus::MessageStream {
    let connection = loop {
        match zbus::connection::Builder::address(address)
            .unwrap()
            .build()
            .await
        {
            Ok(connection) => break connection,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let rule = "type='signal',interface='org.mailferry.Mailferry1'";
    zbus::MessageStream::for_match_rule(rule, &connection, Some(64))
        .await
        .unwrap()
}

async fn heard(stream: &mut zbus::MessageStream, wanted: &str) {
    let waiting = async {
        loop {
            let message = futures_util::StreamExt::next(stream)
                .await
                .unwrap()
                .unwrap();
            let name = message.header().member().unwrap().to_string();
            let body = message.body();
            let line = match name.as_str() {
                "NewMail" => {
                    let (account, mailbox, count): (String, String, u64) =
                        body.deserialize().unwrap();
                    format!("{name} {account} {mailbox} {count}")
                }
                "AccountChanged" => {
                    let (account, state): (String, String) = body.deserialize().unwrap();
                    format!("{name} {account} {state}")
                }
                _ => name,
            };
            if line == wanted {
                return;
            }
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), waiting).await;
    assert!(waited.is_ok(), "nobody said: {wanted}");
}

#[test]
fn the_bus_hears_of_new_mail_and_of_each_change_of_state() {
    let setting = Setting::with_messages(Variant::Dovecot, 3);
    let place = tempfile::tempdir().unwrap();
    let address = format!("unix:path={}", place.path().join("bus").display());
    let _bus = Bus::start(&address);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut stream = signals(&address).await;
        let environment = [("DBUS_SESSION_BUS_ADDRESS", address.as_str())];
        let daemon = setting.ferry.start_with(&["run"], &environment);
        heard(&mut stream, "AccountChanged test in-sync").await;
        setting.client().append("Box", "", &message("new"));
        heard(&mut stream, "NewMail test Box 1").await;
        setting.ferry.run(&["pause"]).exits(0);
        heard(&mut stream, "AccountChanged test paused").await;
        terminated(daemon);
    });
}
