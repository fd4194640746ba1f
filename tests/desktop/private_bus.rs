//! A session bus that nobody else is on, and that starts no servers by itself.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A bus. It ends with the test.
pub struct PrivateBus {
    pub address: String,
    process: Process,
    directory: tempfile::TempDir,
}

/// A process that ends with the test.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl PrivateBus {
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let address = format!("unix:path={}", directory.path().join("bus").display());
        let process = launch(directory.path(), &address);
        Self {
            address,
            process,
            directory,
        }
    }

    /// At this address.
    #[allow(dead_code, reason = "not every test says where")]
    pub fn listening(address: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let process = launch(directory.path(), address);
        Self {
            address: address.to_owned(),
            process,
            directory,
        }
    }

    /// The bus ends, and whoever was on it is cut off. Then there is another one at the same place.
    pub fn restart(&mut self) {
        self.stop();
        self.process = launch(self.directory.path(), &self.address);
    }

    pub fn stop(&mut self) {
        self.process.0.kill().unwrap();
        self.process.0.wait().unwrap();
        let _ = std::fs::remove_file(self.directory.path().join("bus"));
    }
}

fn launch(directory: &Path, address: &str) -> Process {
    let config = directory.join("bus.conf");
    let text = format!(
        "<busconfig><type>session</type><listen>{address}</listen><auth>EXTERNAL</auth><policy context=\"default\">\
         <allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>"
    );
    std::fs::write(&config, text).unwrap();
    let mut child = Command::new("dbus-daemon")
        .args(["--nofork", "--nopidfile", "--print-address"])
        .arg(format!("--config-file={}", config.display()))
        .stdout(Stdio::piped())
        // It says that it may not raise its limits.
        .stderr(Stdio::null())
        .spawn()
        .expect("dbus-daemon is needed: apt-get install dbus-daemon");
    let mut line = String::new();
    let read = BufReader::new(child.stdout.take().unwrap()).read_line(&mut line);
    assert!(read.unwrap() > 0, "the bus did not start");
    Process(child)
}
