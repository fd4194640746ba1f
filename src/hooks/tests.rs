//! Scripts, good and hostile.

mod acting;
mod greedy;
mod hostile;
mod listening;
mod lost;
mod plugins;
mod programs;
mod sandbox;
mod searching;
mod speed;

use std::path::{Path, PathBuf};

use super::*;
use crate::mail::{Flags, LocalId, MailboxName};
use crate::sync::{Act, Happened, NewsId, Occasion, RowId, Side, Subject};

/// A folder with messages in it.
pub(super) struct Maildir(tempfile::TempDir);

impl Maildir {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// A message in a mailbox; its row is the number in its name.
    pub fn put(&self, mailbox: &str, number: u64, flags: Flags, text: &str) -> Subject {
        let folder = self.path().join(mailbox).join("cur");
        std::fs::create_dir_all(&folder).unwrap();
        let local = format!("{number}.R1.host");
        let path: PathBuf = folder.join(format!("{local}:2,"));
        std::fs::write(&path, text).unwrap();
        Subject {
            row: RowId(i64::try_from(number).unwrap()),
            mailbox: MailboxName::parse(mailbox).unwrap(),
            local: LocalId::new(local.as_bytes()),
            path: Some(path),
            uid: None,
            size: text.len() as u64,
            flags,
            date: 1_700_000_000,
            header: None,
        }
    }
}

pub(super) const MAIL: &str = "From: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>\nTo: alice@example.com\n\
    Subject: Hello\nMessage-ID: <1@example.org>\nList-Id: The list <dev.example.org>\nX-Spam: yes\n\nDear Alice,\nyours\n";

pub(super) fn script(text: &str) -> Spec {
    let script = Script::Text {
        name: "test.lua".to_owned(),
        text: text.to_owned(),
    };
    Spec {
        timeout: std::time::Duration::from_millis(300),
        ..Spec::new(script, "work")
    }
}

pub(super) async fn start(text: &str) -> Host {
    Host::start(script(text), None)
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

pub(super) fn happened(subject: Subject, what: Happened) -> Occasion {
    Occasion::Message {
        id: NewsId(17),
        side: Side::Remote,
        by_listener: false,
        what,
        subject: subject.into(),
    }
}

pub(super) fn arrived(subject: Subject) -> Occasion {
    happened(subject, Happened::New)
}

pub(super) fn acts(reply: &Reply) -> Vec<(i64, Act)> {
    let acts = reply.wanted.iter();
    acts.map(|one| (one.row.0, one.act.clone())).collect()
}

pub(super) fn to(name: &str) -> Act {
    Act::MoveTo(MailboxName::parse(name).unwrap())
}

/// What a handler of `account.synced` with this body logs.
pub(super) async fn logged(body: &str) -> Vec<String> {
    let text = format!("mailferry.on(\"account.synced\", function(event)\n{body}\nend)");
    let reply = start(&text).await.tell(&[SYNCED], false).await;
    assert_eq!(reply.failures, [], "{body}");
    reply.log
}

pub(super) const SYNCED: Occasion = Occasion::AccountSynced { complete: true };
