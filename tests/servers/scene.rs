//! A scene to fail in: changes of every kind wait on both sides, and it is known what becomes of them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;

use crate::accounts::{Account, fresh_user};
use crate::support::server::Server;
use crate::support::{Snapshot, Variant, oracle};

/// How both sides look in the end.
#[derive(Debug)]
pub struct Expected {
    /// What both sides hold.
    pub mail: Snapshot,
    /// What the local trash holds, by subject.
    pub trashed: BTreeSet<String>,
}

/// A server with an account on which changes of every kind wait on both sides, and what one pass makes of them.
pub struct Scene {
    server: Server,
    /// As it lies on disk before the pass.
    pub before: Account,
    /// How it must look in the end.
    pub expected: Expected,
}

impl Scene {
    /// Everything at once: new mail, flags, moves, deletions and mailboxes on both sides.
    pub fn of_everything() -> Self {
        Self::with(|account| {
            change_there(account);
            change_here(account);
        })
    }

    /// These changes, done on an account with some mail that is in sync.
    pub fn with(change: impl Fn(&Account)) -> Self {
        let server = Server::start(Variant::Dovecot);
        let before = Account::new(&server, &fresh_user("before"));
        let mut client = before.client();
        for name in ["Box", "Archive"] {
            let _ = client.command(&format!("CREATE {name}"));
        }
        for number in 0..16 {
            let mail = crate::support::message(&format!("message {number}"));
            client.append("Box", "\\Seen", &mail);
        }
        before.come_to_rest().unwrap();
        change(&before);
        let example = before.copy(&fresh_user("example"));
        example.come_to_rest().unwrap();
        let (there, here) = (example.there(), example.here());
        oracle::assert_equal(&there, &here);
        let expected = Expected {
            mail: there,
            trashed: example.trashed(),
        };
        Self {
            server,
            before,
            expected,
        }
    }

    /// A copy to try something on.
    pub fn copy(&self) -> Account {
        self.before.copy(&fresh_user("trial"))
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.server
    }
}

/// New mail, flags, a move, a deletion and a mailbox on the server.
pub fn change_there(account: &Account) {
    let mut client = account.client();
    client.create("Fresh");
    for number in 0..4 {
        let mail = |name: &str| crate::support::message(&format!("{name} {number} there"));
        client.append("Box", "", &mail("new"));
        client.append("Fresh", "\\Seen", &mail("fresh"));
    }
    client.select("Box");
    // Appended in order to a new mailbox: message 0 has the UID 1.
    client.store("1:2", '+', "\\Flagged");
    client.store("3", '-', "\\Seen");
    client.rehome("4:5", "Archive");
    client.store("6", '+', "\\Deleted");
    client.ok("UID EXPUNGE 6");
}

/// The same in the Maildir.
pub fn change_here(account: &Account) {
    let maildir = account.maildir();
    maildir.create("Neu");
    for number in 0..4 {
        let mail = |name: &str| crate::support::message(&format!("{name} {number} here"));
        maildir.deliver("Box", "", &mail("new"));
        maildir.deliver("Neu", "S", &mail("fresh"));
    }
    let file = |number: usize| account.file("Box", &format!("message {number}"));
    maildir.relabel(&file(8), "FS");
    maildir.relabel(&file(9), "");
    maildir.rehome(&file(10), "Archive", true);
    maildir.rehome(&file(11), "Archive", false);
    fs::remove_file(file(12)).unwrap();
}

/// How often the busiest thread makes each call, from the moment on when the configuration is read.
pub fn count_calls(
    scene: &Scene,
    calls: &[&'static str],
) -> BTreeMap<&'static str, (usize, usize)> {
    let account = scene.copy();
    let log = account.place().join("calls");
    let trace = format!("trace={}", calls.join(","));
    let ended = account.sync_under(&[
        "strace",
        "-f",
        "-qq",
        "-o",
        log.to_str().unwrap(),
        "-e",
        &trace,
    ]);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let text = fs::read_to_string(log).unwrap();
    let mut first = BTreeMap::new();
    let mut threads: BTreeMap<(&str, &'static str), usize> = BTreeMap::new();
    let mut begun = false;
    for line in text.lines() {
        let (thread, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim_start();
        let called = calls.iter().copied().find(|call| {
            rest.strip_prefix(call)
                .is_some_and(|rest| rest.starts_with('('))
        });
        let Some(call) = called else { continue };
        begun |= rest.contains("config.toml");
        let turn = threads.entry((thread, call)).or_insert(0);
        *turn += 1;
        if !begun {
            first.insert(call, *turn);
        }
    }
    assert!(begun, "the configuration is not read: {text}");
    let most = |call: &'static str| {
        let of_call = threads.iter().filter(|((_, one), _)| *one == call);
        of_call.map(|(_, turns)| *turns).max().unwrap_or(0)
    };
    let ranges = calls.iter().copied().map(|call| {
        (
            call,
            (first.get(call).map_or(1, |last| last + 1), most(call)),
        )
    });
    ranges.collect()
}
