//! The session bus: a private one that comes, goes and comes back under a daemon that lives on.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mailferry::control::{Awakenings, Call, NAME, PATH, Place, Request, connect, serve};
use tokio::sync::mpsc;

/// Where the child process finds its runtime directory.
const ROOM: &str = "MAILFERRY_TEST_ROOM";

const SOON: Duration = Duration::from_secs(30);

fn place(room: &Path) -> Place {
    Place::new(Some(room), Path::new("/nowhere"), Path::new("/c.toml"))
}

/// The daemon's side, in a process of its own: the bus's address is the environment's, and threads can be counted.
#[test]
#[ignore = "is the other process of the test below"]
fn a_daemon_until_it_is_killed() {
    let room = std::env::var_os(ROOM).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (calls, mut called) = mpsc::channel::<Call>(8);
        let _server = serve(&place(Path::new(&room)), calls).await.unwrap();
        while let Some(call) = called.recv().await {
            let answer = match call.request {
                Request::Status => Ok(threads()),
                _ => Ok("null".to_owned()),
            };
            call.answer.send(answer).unwrap();
        }
    });
}

/// The names of this process's threads, as JSON.
fn threads() -> String {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.map(|task| {
        let name = std::fs::read_to_string(task.unwrap().path().join("comm")).unwrap();
        name.trim().to_owned()
    });
    serde_json::to_string(&names.collect::<Vec<_>>()).unwrap()
}

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn daemon(room: &Path, bus: &str) -> Process {
    Process(
        Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "bus::a_daemon_until_it_is_killed"])
            .env(ROOM, room)
            .env("DBUS_SESSION_BUS_ADDRESS", bus)
            .stdout(Stdio::null())
            .spawn()
            .unwrap(),
    )
}

fn session_bus(address: &str) -> Process {
    Process(
        Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--nopidfile"])
            .arg(format!("--address={address}"))
            .stdout(Stdio::null())
            // It says that it may not raise its limits.
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    )
}

/// What the daemon answers over the bus, as soon as it is there.
async fn over_bus(address: &str) -> String {
    let begun = Instant::now();
    loop {
        match ask(address).await {
            Ok(answer) => return answer,
            Err(error) => assert!(begun.elapsed() < SOON, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Everything docs/control.md promises is in what the object says of itself.
async fn assert_introspection(address: &str) {
    let connection = zbus::connection::Builder::address(address)
        .unwrap()
        .build()
        .await
        .unwrap();
    let introspectable = Some("org.freedesktop.DBus.Introspectable");
    let reply = connection
        .call_method(Some(NAME), PATH, introspectable, "Introspect", &())
        .await
        .unwrap();
    let text: String = reply.body().deserialize().unwrap();
    let (_, ours) = text
        .split_once(&format!("<interface name=\"{NAME}\">"))
        .unwrap();
    let ours = ours.split_once("</interface>").unwrap().0;
    // Each member with the types of its arguments, in order.
    let mut members: Vec<String> = Vec::new();
    for line in ours.lines().map(str::trim) {
        let value = |key: &str| {
            let (_, rest) = line.split_once(&format!("{key}=\""))?;
            Some(rest.split_once('"')?.0)
        };
        if line.starts_with("<arg") {
            let out = value("direction") == Some("out");
            let last = members.last_mut().unwrap();
            last.push_str(if out { ">" } else { "" });
            last.push_str(value("type").unwrap());
        } else if let Some(name) = value("<method name").or_else(|| value("<signal name")) {
            members.push(format!("{name} "));
        } else if let Some(name) = value("<property name") {
            members.push(format!("{name} {}", value("access").unwrap()));
        }
    }
    members.sort();
    let promised = [
        "AccountChanged ss",
        "Approve s",
        "Config read",
        "EnableHook s",
        "HoldRaised sst",
        "Holds >s",
        "NewMail sst",
        "Pause s",
        "Reload ",
        "Restore s",
        "Resume s",
        "Status >s",
        "Sync asb>s",
        "Version read",
    ];
    assert_eq!(members, promised, "{text}");
}

async fn ask(address: &str) -> zbus::Result<String> {
    let connection = zbus::connection::Builder::address(address)?.build().await?;
    let reply = connection
        .call_method(Some(NAME), PATH, Some(NAME), "Status", &())
        .await?;
    reply.body().deserialize()
}

async fn over_socket(room: &Path) -> String {
    let begun = Instant::now();
    loop {
        if let Some(mut client) = connect(&place(room)).await.unwrap() {
            return client.call(Request::Status).await.unwrap().unwrap();
        }
        assert!(begun.elapsed() < SOON);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn the_session_bus_may_be_missing_die_and_come_back() {
    let room = tempfile::tempdir().unwrap();
    let address = format!("unix:path={}/bus", room.path().display());
    let daemon = daemon(room.path(), &address);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        over_socket(room.path()).await;
        for _ in 0..2 {
            let bus = session_bus(&address);
            over_bus(&address).await;
            assert_introspection(&address).await;
            over_socket(room.path()).await;
            drop(bus);
            over_socket(room.path()).await;
        }
        // The main thread and the one of the test; neither zbus nor tokio made more.
        let threads = over_socket(room.path()).await;
        let threads: Vec<String> = serde_json::from_str(&threads).unwrap();
        assert_eq!(threads.len(), 2, "{threads:?}");
        // After kill -9 the socket's file is still there, and no obstacle.
        drop(daemon);
        assert!(room.path().join("mailferry/control.sock").exists());
        assert!(connect(&place(room.path())).await.unwrap().is_none());
        let _another = self::daemon(room.path(), &address);
        over_socket(room.path()).await;
    });
}

/// Listens to logind, in a process of its own: the bus's address is the environment's. Says when it heard something.
#[test]
#[ignore = "is the other process of the test below"]
fn somebody_who_waits_for_an_awakening() {
    let room = std::path::PathBuf::from(std::env::var_os(ROOM).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        Awakenings::listen().next().await;
        std::fs::write(room.join("awake"), "").unwrap();
    });
}

#[test]
fn logind_and_nobody_else_says_that_the_machine_has_slept() {
    const MANAGER: &str = "org.freedesktop.login1.Manager";
    let room = tempfile::tempdir().unwrap();
    let address = format!("unix:path={}/bus", room.path().display());
    let _bus = session_bus(&address);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let logind = joined(&address).await;
        logind.request_name("org.freedesktop.login1").await.unwrap();
        let stranger = joined(&address).await;
        let _waits = Process(
            Command::new(std::env::current_exe().unwrap())
                .args(["--ignored", "--exact"])
                .arg("bus::somebody_who_waits_for_an_awakening")
                .env(ROOM, room.path())
                .env("DBUS_SYSTEM_BUS_ADDRESS", &address)
                .stdout(Stdio::null())
                .spawn()
                .unwrap(),
        );
        let say = async |bus: &zbus::Connection, sleeps: bool| {
            let path = "/org/freedesktop/login1";
            let sent = bus.emit_signal(None::<&str>, path, MANAGER, "PrepareForSleep", &sleeps);
            sent.await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        for _ in 0..50 {
            say(&stranger, false).await;
            say(&logind, true).await;
        }
        assert!(!room.path().join("awake").exists());
        let begun = Instant::now();
        while !room.path().join("awake").exists() {
            assert!(begun.elapsed() < SOON, "it was not heard");
            say(&logind, false).await;
        }
    });
}

async fn joined(address: &str) -> zbus::Connection {
    let begun = Instant::now();
    loop {
        let connecting = zbus::connection::Builder::address(address).unwrap().build();
        match connecting.await {
            Ok(connection) => return connection,
            Err(error) => assert!(begun.elapsed() < SOON, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
