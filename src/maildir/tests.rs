//! Tests over real directories.

mod delivering;
mod folders;
mod links;
mod moving;
mod reading;
mod scanning;
mod unsynced;
mod watching;

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::engine::ports::{Batch, Delivery};
use crate::mail::{Flag, FolderNames, Uid};

/// An account in a directory that goes away with it.
struct Fixture {
    home: TempDir,
    account: MaildirAccount,
}

fn marker(id: &str) -> Marker {
    Marker {
        id: id.to_owned(),
        epoch: 0,
    }
}

fn mailbox(name: &str) -> MailboxName {
    MailboxName::parse(name).unwrap()
}

fn id(name: &str) -> LocalId {
    LocalId::new(name.as_bytes()).unwrap()
}

fn uid(value: u32) -> Uid {
    Uid::new(value).unwrap()
}

fn seen() -> Flags {
    Flags::new().with(Flag::Seen)
}

impl Fixture {
    async fn new(layout: Layout, folders: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let account = MaildirAccount::open(Settings {
            root: home.path().join("mail"),
            layout,
            follow: FollowLinks::default(),
            names: FolderNames::default(),
            host: "test".to_owned(),
            notes: NotePlaces::default(),
        })
        .unwrap();
        account.mark_root(&marker("00ff")).await.unwrap();
        for name in folders {
            account
                .create_folder(&mailbox(name), &marker("0a"))
                .await
                .unwrap();
        }
        Self { home, account }
    }

    async fn nested() -> Self {
        Self::new(Layout::Nested, &["INBOX", "Archive/2026"]).await
    }

    fn path(&self, path: &str) -> PathBuf {
        self.home.path().join("mail").join(path)
    }

    /// Puts a file there the way a mail program would.
    fn put(&self, path: &str, content: &[u8]) {
        fs::write(self.path(path), content).unwrap();
    }

    fn names(&self, path: &str) -> Vec<Vec<u8>> {
        let entries = fs::read_dir(self.path(path)).unwrap();
        let mut names: Vec<Vec<u8>> = entries
            .map(|entry| entry.unwrap().file_name().as_bytes().to_vec())
            .collect();
        names.sort();
        names
    }

    async fn stamp(&self, name: &str, file: &LocalId) -> FileStamp {
        let view = self.account.scan(&mailbox(name)).await.unwrap();
        let found = view.files.iter().find(|message| message.id == *file);
        found.unwrap().stamp
    }

    /// Delivers messages in one batch, in pieces of `piece` octets.
    async fn stage(&self, name: &str, messages: &[Vec<u8>], piece: usize) -> Vec<Staged> {
        let mut delivery = self.account.deliver(&mailbox(name));
        for (number, message) in messages.iter().enumerate() {
            let number = u32::try_from(number).unwrap() + 1;
            let octets = message.len() as u64;
            delivery
                .begin(uid(number), octets, 1_000_000_000, None)
                .await
                .unwrap();
            for piece in message.chunks(piece) {
                delivery.write(piece).await.unwrap();
            }
            delivery.end().await.unwrap();
        }
        let results = delivery.cut().durable().await.unwrap();
        results
            .into_iter()
            .map(|(_, result)| result.unwrap())
            .collect()
    }

    async fn wire(&self, name: &str, file: &LocalId, stamp: FileStamp, raw: bool) -> Vec<u8> {
        use crate::engine::ports::BodySource;
        let mut body = self
            .account
            .open(&mailbox(name), file, stamp, raw)
            .await
            .unwrap();
        let mut all = Vec::new();
        loop {
            let octets = body.next().await.unwrap();
            if octets.is_empty() {
                return all;
            }
            assert!(octets.len() <= 64 * 1024);
            all.extend(octets);
        }
    }
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}
