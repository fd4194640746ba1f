//! OfflineIMAP, as whoever comes from it has it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::server::{PASSWORD, USER, run};

/// OfflineIMAP with a configuration and a home of its own.
pub struct OfflineImap {
    home: PathBuf,
}

impl OfflineImap {
    /// Between this server and the Maildir at `root`.
    pub fn new(home: &Path, server: SocketAddr, root: &Path) -> Self {
        let text = format!(
            "[general]\naccounts = work\nui = quiet\nsocktimeout = 60\n\n\
             [Account work]\nlocalrepository = local\nremoterepository = remote\n\n\
             [Repository local]\ntype = Maildir\nlocalfolders = {}\nsep = /\n\n\
             [Repository remote]\ntype = IMAP\nremotehost = {}\nremoteport = {}\nremoteuser = {USER}\n\
             remotepass = {PASSWORD}\nssl = no\nstarttls = no\nauth_mechanisms = LOGIN\n",
            root.display(),
            server.ip(),
            server.port(),
        );
        fs::create_dir_all(root).unwrap();
        fs::write(home.join(".offlineimaprc"), text).unwrap();
        Self {
            home: home.to_owned(),
        }
    }

    /// One run over everything.
    pub fn run(&self) {
        run(Command::new("offlineimap")
            .arg("-o")
            .env("HOME", &self.home)
            .env_remove("XDG_CONFIG_HOME"));
    }

    /// The files in which it keeps its notes, and what is in them.
    pub fn notes(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut places = vec![self.home.join(".offlineimap")];
        let mut found = Vec::new();
        while let Some(place) = places.pop() {
            for entry in fs::read_dir(place).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    places.push(path);
                } else {
                    let octets = fs::read(&path).unwrap();
                    found.push((path, octets));
                }
            }
        }
        found.sort();
        found
    }
}
