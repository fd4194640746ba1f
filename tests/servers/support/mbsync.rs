//! mbsync, as whoever comes from it has it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::server::{PASSWORD, USER, run};

/// mbsync with a configuration and a home of its own.
pub struct Mbsync {
    home: PathBuf,
}

impl Mbsync {
    /// Between this server and the Maildir at `root`, with more lines for the Maildir's store and for the channel.
    pub fn new(home: &Path, server: SocketAddr, root: &Path, store: &str, channel: &str) -> Self {
        let text = format!(
            "IMAPStore far\nHost {}\nPort {}\nUser {USER}\nPass {PASSWORD}\nSSLType None\nAuthMechs LOGIN\n\n\
             MaildirStore near\nPath {root}/\nInbox {root}/INBOX\nSubFolders Verbatim\n{store}\n\n\
             Channel all\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\n{channel}\n",
            server.ip(),
            server.port(),
            root = root.display(),
        );
        fs::create_dir_all(root).unwrap();
        fs::create_dir_all(home.join(".mbsync")).unwrap();
        fs::write(home.join(".mbsyncrc"), text).unwrap();
        Self {
            home: home.to_owned(),
        }
    }

    /// One run over everything.
    pub fn run(&self) {
        run(Command::new("mbsync").arg("-a").env("HOME", &self.home));
    }

    /// The files in which it keeps its notes, and what is in them.
    pub fn notes(&self, root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let mut places = vec![root.to_owned(), self.home.clone()];
        let mut found = Vec::new();
        while let Some(place) = places.pop() {
            for entry in fs::read_dir(place).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                let inside = path
                    .parent()
                    .is_some_and(|parent| parent.ends_with(".mbsync"));
                if path.is_dir() {
                    places.push(path);
                } else if inside
                    || name.starts_with(".mbsync")
                    || name.starts_with(".isync")
                    || name == ".uidvalidity"
                {
                    let octets = fs::read(&path).unwrap();
                    found.push((path, octets));
                }
            }
        }
        found.sort();
        found.dedup();
        found
    }
}
