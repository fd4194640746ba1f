//! POP3 against real servers: every letter comes home once, whole, and leaves the server only then.

mod daemon;
mod listeners;
mod script;
mod scripted;
mod survival;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::dovecot::{Dovecot, Storage};
use crate::support::messages::sized_message;
use crate::support::post::Post;
use crate::support::server::{PASSWORD, USER};
use crate::support::{Client, Ferry, Server, UNOPTIMISED_KIB, Variant, message, oracle};

/// What is promised of the program as it is installed.
const LIMIT_KIB: u64 = 24 * 1024 + UNOPTIMISED_KIB;

/// A server with a maildrop, and an account.
struct Drop {
    server: Server,
    ferry: Ferry,
    user: String,
}

impl Drop {
    fn new(server: Server, keys: &str) -> Self {
        let ferry = Ferry::letters(server.pop3(), &format!("tls = \"none\"\n{keys}"));
        let user = USER.to_owned();
        Self {
            server,
            ferry,
            user,
        }
    }

    fn dovecot(keys: &str) -> Self {
        Self::new(Server::start(Variant::Dovecot), keys)
    }

    fn append(&self, bodies: &[Vec<u8>]) {
        let mut client = Client::login(self.server.plain(), &self.user, PASSWORD);
        for body in bodies {
            client.append("INBOX", "", body);
        }
    }

    /// The letters that the server gives out now.
    fn there(&self) -> Vec<oracle::Digest> {
        digests(&held(self.server.pop3(), &self.user))
    }

    /// The letters in the Maildir, read as those octets where they can be.
    fn here(&self, wire: &[oracle::Digest]) -> Vec<oracle::Digest> {
        here(&self.ferry, wire)
    }
}

/// The letters in an account's Maildir, wherever they are.
fn here(ferry: &Ferry, wire: &[oracle::Digest]) -> Vec<oracle::Digest> {
    let wire: BTreeSet<_> = wire.iter().cloned().collect();
    let snapshot = ferry.maildir().snapshot(&wire);
    let mut all: Vec<_> = snapshot.into_values().flatten().map(|(it, _)| it).collect();
    all.sort();
    all
}

fn held(address: SocketAddr, user: &str) -> Vec<Vec<u8>> {
    let mut post = Post::login(address, user);
    let letters = post.letters();
    post.quit();
    letters
}

fn digests(letters: &[Vec<u8>]) -> Vec<oracle::Digest> {
    let mut all: Vec<_> = letters.iter().map(|it| oracle::digest(it)).collect();
    all.sort();
    all
}

/// Letters that clients stumble over.
fn odd() -> Vec<Vec<u8>> {
    let head = b"Subject: odd\r\nMessage-ID: <odd@example.com>\r\n\r\n".as_slice();
    let with = |body: &[u8]| [head, body].concat();
    vec![
        with(b".\r\n"),
        with(b"..\r\n.\r\n...\r\nx.\r\n.x\r\n"),
        with(b"a\r\n.\r\n\r\n.\r\n"),
        with(b"the last line does not end"),
        with(b"the last line is a dot\r\n."),
        with(b"8-bit \xe4\xf6\xfc \xff\xfe\x80\r\n"),
        with(b"bare LF\n.\nand CR\r.\r\nend\r\n"),
        with(b"\r\n\r\n\r\n"),
        with(&[b"long ".as_slice(), &[b'x'; 100_000], b"\r\n"].concat()),
        b"no header at all\r\n".to_vec(),
        b"\r\n.\r\n".to_vec(),
        with(b"+OK\r\n-ERR\r\n.\r\nQUIT\r\n"),
    ]
}

fn odd_letters_come_home_once(server: Server) {
    let drop = Drop::new(server, "");
    let mut client = Client::login(drop.server.plain(), USER, PASSWORD);
    for body in odd() {
        // Cyrus takes no bare line ends and no letters without headers.
        let reply = client.try_append("INBOX", "", &body);
        assert!(
            reply.starts_with("OK") || matches!(drop.server, Server::Cyrus(_)),
            "{reply}"
        );
    }
    drop.ferry.sync().in_sync();
    let there = drop.there();
    assert!(there.len() >= 8);
    assert_eq!(drop.here(&there), there);
    let before = drop.ferry.maildir().footprint();
    drop.ferry.sync().in_sync();
    assert_eq!(drop.ferry.maildir().footprint(), before);
}

#[test]
fn odd_letters_come_home_once_from_dovecot() {
    odd_letters_come_home_once(Server::start(Variant::Dovecot));
}

#[test]
fn odd_letters_come_home_once_from_dovecot_s_maildir() {
    let server = Server::Dovecot(Dovecot::start(Storage::Maildir, &[]));
    odd_letters_come_home_once(server);
}

#[test]
fn odd_letters_come_home_once_from_cyrus() {
    odd_letters_come_home_once(Server::start(Variant::Cyrus));
}

#[test]
fn octets_that_no_letter_should_have_come_home_as_the_server_gives_them() {
    let server = Dovecot::start(Storage::Maildir, &[]);
    server.save("INBOX", b"Subject: nul\n\na\0b\n\0\n.\0\n");
    server.save("INBOX", b"Subject: \xe4\n\n\xff\n.\n");
    let drop = Drop::new(Server::Dovecot(server), "");
    drop.ferry.sync().in_sync();
    let there = drop.there();
    assert_eq!((there.len(), drop.here(&there)), (2, there));
}

fn letters_leave_the_server_once_they_are_here(server: Server) {
    let drop = Drop::new(server, "keep = \"never\"\n");
    drop.append(&[message("one"), message("two"), message("three")]);
    let there = drop.there();
    let json = drop.ferry.run(&["sync", "--json"]).in_sync().json();
    let mailbox = &json["accounts"][0]["mailboxes"][0];
    assert_eq!(
        (&mailbox["pulled"]["new"], &mailbox["pushed"]["deletions"]),
        (&3.into(), &3.into())
    );
    assert_eq!(drop.there(), Vec::<String>::new());
    assert_eq!(drop.here(&there), there);
    drop.append(&[message("four")]);
    drop.ferry.sync().in_sync();
    assert_eq!(drop.here(&there).len(), 4);
    assert_eq!(drop.there().len(), 0);
}

#[test]
fn letters_leave_dovecot_once_they_are_here() {
    letters_leave_the_server_once_they_are_here(Server::start(Variant::Dovecot));
}

#[test]
fn letters_leave_cyrus_once_they_are_here() {
    letters_leave_the_server_once_they_are_here(Server::start(Variant::Cyrus));
}

#[test]
fn letters_leave_the_server_when_they_are_old_enough() {
    let drop = Drop::dovecot("keep = \"2s\"\n");
    drop.append(&[message("one"), message("two")]);
    drop.ferry.sync().in_sync();
    assert_eq!(drop.there().len(), 2);
    std::thread::sleep(std::time::Duration::from_secs(3));
    drop.append(&[message("three")]);
    drop.ferry.sync().in_sync();
    assert_eq!(drop.there().len(), 1);
    assert_eq!(drop.here(&[]).len(), 3);
}

#[test]
fn every_way_of_being_private_and_of_logging_in_is_gone() {
    for variant in [Variant::Dovecot, Variant::Cyrus] {
        let mut drop = Drop::new(Server::start(variant), "");
        drop.append(&[message("one")]);
        let trust = format!(
            "tls_ca_file = \"{}\"\n",
            drop.server.certificate().display()
        );
        let ways = [
            (drop.server.pop3s(), "tls = \"implicit\"\n"),
            (drop.server.pop3(), "tls = \"starttls\"\n"),
            (drop.server.pop3s(), "auth = \"apop\"\n"),
        ];
        for (address, keys) in ways {
            if keys.contains("apop") && variant == Variant::Cyrus {
                continue;
            }
            drop.ferry = Ferry::letters(address, &format!("{trust}{keys}"));
            drop.ferry.sync().in_sync();
            assert_eq!(drop.here(&[]).len(), 1, "{keys}");
            let check = drop.ferry.run(&["check", "--json"]).in_sync().json();
            let features = check["accounts"][0]["server"]["features"]
                .as_array()
                .unwrap();
            let used = |name: &str| {
                features
                    .iter()
                    .any(|it| it["name"] == name && it["used"] == true)
            };
            assert!(used("UIDL") && used("TOP") && used("PIPELINING"), "{check}");
            assert_eq!(used("APOP"), keys.contains("apop"), "{check}");
        }
        // Without the certificate nobody is trusted, and nothing is sent.
        let stranger = Ferry::letters(drop.server.pop3(), "tls = \"starttls\"\n");
        stranger.sync().exits(1);
    }
}

#[test]
fn a_wrong_password_is_said_to_be_wrong_and_shown_nowhere() {
    let drop = Drop::dovecot("");
    let ferry = Ferry::letters_with(drop.server.pop3(), "tls = \"none\"\n", "wrong-secret");
    let outcome = ferry.run(&["-vv", "sync"]);
    outcome.exits(1);
    let all = format!("{}{}", outcome.stdout, outcome.stderr);
    assert!(all.contains("refused the login"), "{all}");
    assert!(!all.contains("wrong-secret"), "{all}");
}

#[test]
fn five_thousand_letters_come_home_once_byte_for_byte() {
    many_letters_come_home(Variant::Dovecot, 5000);
}

#[test]
fn thousands_of_letters_come_home_from_cyrus() {
    // Cyrus takes a while to be given as many.
    let acceptance = crate::trials::setting("MAILFERRY_ACCEPTANCE").is_some();
    many_letters_come_home(Variant::Cyrus, if acceptance { 5000 } else { 1200 });
}

fn many_letters_come_home(variant: Variant, many: usize) {
    let drop = Drop::new(Server::start(variant), "keep = \"never\"\n");
    let mut client = drop.server.client();
    client.append_many(
        "INBOX",
        (0..many).map(|at| sized_message(&format!("letter {at}"), at % 7000)),
    );
    let there = drop.there();
    let outcome = drop.ferry.sync();
    let most = LIMIT_KIB + 8 * 1024;
    assert!(
        outcome.in_sync().peak_kib < most,
        "{} KiB",
        outcome.peak_kib
    );
    assert_eq!(there.len(), many);
    assert!(drop.here(&there) == there, "the letters differ");
    assert_eq!(drop.there().len(), 0);
    crate::trials::say(&format!(
        "{many} letters: {} KiB, {:?}",
        outcome.peak_kib, outcome.took
    ));
}

#[test]
fn a_letter_of_60_mb_takes_little_memory() {
    let drop = Drop::dovecot("");
    drop.append(&[sized_message("large", 60_000_000), message("small")]);
    let there = drop.there();
    let outcome = drop.ferry.sync();
    assert!(
        outcome.in_sync().peak_kib < LIMIT_KIB,
        "{} KiB",
        outcome.peak_kib
    );
    assert_eq!(drop.here(&there), there);
    crate::trials::say(&format!("60 MB letter: {} KiB", outcome.peak_kib));
}

#[test]
fn what_is_done_in_the_maildir_stays_there() {
    let drop = Drop::dovecot("");
    drop.append(&[
        message("kept"),
        message("deleted"),
        message("moved"),
        message("read"),
    ]);
    drop.ferry.sync().in_sync();
    let there = drop.there();
    let maildir = drop.ferry.maildir();
    let files = maildir.files("INBOX");
    std::fs::remove_file(&files[0]).unwrap();
    maildir.create("Else");
    maildir.deliver_raw("Else", "S", &std::fs::read(&files[1]).unwrap());
    std::fs::remove_file(&files[1]).unwrap();
    maildir.relabel(&files[2], "FS");
    let before = maildir.footprint();
    drop.ferry.sync().in_sync();
    assert_eq!(maildir.footprint(), before);
    assert_eq!(drop.there(), there);
}

#[test]
fn nothing_is_fetched_into_an_empty_mount_point_and_nothing_deleted() {
    for inbox in [false, true] {
        let drop = Drop::dovecot("keep = \"never\"\n");
        drop.append(&[message("one")]);
        drop.ferry.sync().in_sync();
        drop.append(&[message("two")]);
        let root = drop.ferry.root();
        let place = if inbox {
            root.join("INBOX")
        } else {
            root.clone()
        };
        let aside = drop.ferry.state().join("aside");
        std::fs::rename(&place, &aside).unwrap();
        drop.ferry.sync().exits(1);
        std::fs::create_dir(&place).unwrap();
        drop.ferry.sync().exits(1);
        assert_eq!(std::fs::read_dir(&place).unwrap().count(), 0);
        for part in ["cur", "new", "tmp"] {
            std::fs::create_dir(place.join(part)).unwrap();
        }
        drop.ferry.sync().exits(1);
        assert_eq!(drop.there().len(), 1);
        std::fs::remove_dir_all(&place).unwrap();
        std::fs::rename(&aside, &place).unwrap();
        drop.ferry.sync().in_sync();
        assert_eq!((drop.there().len(), drop.here(&[]).len()), (0, 2));
    }
}

#[test]
fn a_lost_state_brings_no_letter_twice() {
    let drop = Drop::dovecot("");
    drop.append(&odd());
    drop.ferry.sync().in_sync();
    let there = drop.there();
    let maildir = drop.ferry.maildir();
    maildir.create("Else");
    let files = maildir.files("INBOX");
    maildir.deliver_raw("Else", "S", &std::fs::read(&files[0]).unwrap());
    std::fs::remove_file(&files[0]).unwrap();
    std::fs::remove_dir_all(drop.ferry.state()).unwrap();
    // The root says that it belongs to another state, as it does for IMAP accounts.
    std::fs::remove_file(drop.ferry.root().join(".mailferry")).unwrap();
    drop.append(&[message("new")]);
    drop.ferry.sync().in_sync();
    assert_eq!(drop.here(&there).len(), there.len() + 1);
    drop.ferry.sync().in_sync();
    assert_eq!(drop.here(&there).len(), there.len() + 1);
}

#[test]
fn limits_are_kept_and_told() {
    let drop = Drop::dovecot("max_message_size = \"10KiB\"\nmax_per_session = 2\n");
    let large = sized_message("large", 20_000);
    drop.append(&[message("one"), large, message("two"), message("three")]);
    let dry = drop
        .ferry
        .run(&["sync", "--dry-run", "--json"])
        .in_sync()
        .json();
    assert_eq!(dry["accounts"][0]["mailboxes"][0]["pulled"]["new"], 2);
    assert_eq!(drop.here(&[]).len(), 0);
    drop.ferry.sync().in_sync();
    assert_eq!(drop.here(&[]).len(), 2);
    let left =
        |json: serde_json::Value| json["accounts"][0]["mailboxes"][0]["left_on_server"].clone();
    let status = || drop.ferry.run(&["status", "--json"]).in_sync().json();
    assert_eq!(
        left(status()),
        serde_json::json!({"too_large": 1, "later": 1})
    );
    drop.ferry.sync().in_sync();
    assert_eq!(
        left(status()),
        serde_json::json!({"too_large": 1, "later": 0})
    );
    let text = drop.ferry.run(&["status"]).in_sync().stdout.clone();
    assert!(text.contains("1 too large"), "{text}");
    assert_eq!(drop.here(&[]).len(), 3);
}

/// A user whom nobody else has.
fn fresh_user(test: &str) -> String {
    static USERS: AtomicU32 = AtomicU32::new(0);
    format!("{test}{}", USERS.fetch_add(1, Ordering::Relaxed))
}
