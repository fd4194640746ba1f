//! One `[accounts.NAME]` table.

use std::time::Duration;

use super::model::{Account, AccountName, ImapAccount, Keep, Layout, Pop3Account, Protocol};
use super::options;
use super::paths::Places;
use super::patterns::Patterns;
use super::reader::{Entry, Section};
use super::secret;
use super::server::{self, Ports};
use super::units::{parse_duration, parse_size};
use crate::mail::{FolderNames, MailboxName};

pub(super) use super::options::{HOLD_KEYS, NOTIFY_KEYS, SYNC_KEYS};

const COMMON_KEYS: [&str; 8] = [
    "protocol",
    "user",
    "maildir",
    "layout",
    "follow_links",
    "poll",
    "timeout",
    "notify",
];
const IMAP_KEYS: [&str; 7] = [
    "mailboxes",
    "folders",
    "connections",
    "idle",
    "sync",
    "disable_extensions",
    "compress",
];
const POP3_KEYS: [&str; 3] = ["keep", "max_message_size", "max_per_session"];

/// Extensions that can be switched off, each with the capability atoms that it stands for.
const EXTENSIONS: [(&str, &[&str]); 22] = [
    ("APPENDLIMIT", &["APPENDLIMIT"]),
    ("COMPRESS", &["COMPRESS=DEFLATE"]),
    ("CONDSTORE", &["CONDSTORE", "QRESYNC"]),
    ("ENABLE", &["ENABLE", "QRESYNC", "UTF8=ACCEPT"]),
    ("ESEARCH", &["ESEARCH"]),
    ("ID", &["ID"]),
    ("IDLE", &["IDLE"]),
    ("IMAP4REV2", &["IMAP4REV2"]),
    ("LIST-EXTENDED", &["LIST-EXTENDED"]),
    ("LIST-STATUS", &["LIST-STATUS"]),
    ("LITERAL+", &["LITERAL+"]),
    ("LITERAL-", &["LITERAL-"]),
    ("MOVE", &["MOVE"]),
    ("MULTIAPPEND", &["MULTIAPPEND"]),
    ("NAMESPACE", &["NAMESPACE"]),
    ("NOTIFY", &["NOTIFY"]),
    ("OBJECTID", &["OBJECTID"]),
    ("QRESYNC", &["QRESYNC"]),
    ("SASL-IR", &["SASL-IR"]),
    ("SPECIAL-USE", &["SPECIAL-USE"]),
    ("UIDPLUS", &["UIDPLUS"]),
    ("UTF8=ACCEPT", &["UTF8=ACCEPT", "UTF8=ONLY"]),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Imap,
    Pop3,
}

/// Every key an account may have, whatever its protocol.
pub(super) fn all_keys() -> Vec<&'static str> {
    [
        &COMMON_KEYS[..],
        &server::KEYS,
        &secret::KEYS,
        &IMAP_KEYS,
        &POP3_KEYS,
    ]
    .concat()
}

/// Reads one account.
pub(super) fn read(
    name: AccountName,
    section: &Section<'_>,
    places: Places<'_>,
) -> Option<Account> {
    let kind = match section.entry("protocol") {
        None => Some(Kind::Imap),
        Some(entry) => entry.choice(&[("imap", Kind::Imap), ("pop3", Kind::Pop3)]),
    };
    check_keys(section, kind);
    let ports = match kind {
        Some(Kind::Pop3) => Ports {
            implicit: 995,
            plain: 110,
        },
        _ => Ports {
            implicit: 993,
            plain: 143,
        },
    };
    let endpoint = server::read(section, ports, places);
    let user = section
        .required("user", "user = \"alice@example.com\"")
        .and_then(|entry| entry.word("a user name in quotes"));
    let certificate = section.entry("tls_client_cert").is_some();
    let secret = secret::read(section, places, certificate);
    let auth = secret::auth(
        section,
        kind == Some(Kind::Pop3),
        secret.as_ref(),
        certificate,
    );
    let maildir = section
        .required("maildir", "maildir = \"~/Mail/work\"")
        .and_then(|entry| {
            entry.parsed("the path of a directory in quotes", |text| {
                places.resolve(text)
            })
        });
    let layout = section.entry("layout").and_then(|entry| {
        entry.choice(&[
            ("nested", Layout::Nested),
            ("maildir++", Layout::MaildirPlusPlus),
        ])
    });
    let follow_links = section.entry("follow_links");
    let poll = time(section, "poll", 1, 300);
    let timeout = time(section, "timeout", 1, 60);
    let notify = options::notify(section.entry("notify").as_ref(), places);
    let protocol = match kind {
        Some(Kind::Pop3) => Protocol::Pop3(pop3(section)),
        _ => Protocol::Imap(imap(section)),
    };
    Some(Account {
        name,
        endpoint: endpoint?,
        user: user?.to_owned(),
        secret: secret?,
        auth: auth?,
        maildir: maildir?,
        layout: layout.unwrap_or(Layout::Nested),
        follow_links: follow_links.and_then(|entry| entry.truth()),
        poll,
        timeout,
        notify,
        protocol,
    })
}

fn check_keys(section: &Section<'_>, kind: Option<Kind>) {
    let (own, other): (Vec<&str>, Vec<(&str, &str)>) = match kind {
        // Which keys are right cannot be said when the protocol is wrong.
        None => (all_keys(), Vec::new()),
        Some(Kind::Imap) => (
            [&COMMON_KEYS[..], &server::KEYS, &secret::KEYS, &IMAP_KEYS].concat(),
            POP3_KEYS
                .map(|key| (key, "is a key of protocol = \"pop3\" accounts only"))
                .to_vec(),
        ),
        Some(Kind::Pop3) => (
            [&COMMON_KEYS[..], &server::KEYS, &secret::KEYS, &POP3_KEYS].concat(),
            IMAP_KEYS
                .map(|key| (key, "is a key of protocol = \"imap\" accounts only"))
                .to_vec(),
        ),
    };
    section.only(&own, &other);
}

fn imap(section: &Section<'_>) -> ImapAccount {
    let mailboxes = section
        .entry("mailboxes")
        .and_then(|entry| options::patterns(&entry));
    let connections = section
        .entry("connections")
        .and_then(|entry| entry.integer(1..=50));
    let idle = section.entry("idle").map(|entry| idle(&entry));
    let sync = options::sync(section.entry("sync").as_ref());
    let disable_extensions = section
        .entry("disable_extensions")
        .map_or_else(Vec::new, |entry| extensions(&entry));
    let compress = section.entry("compress").and_then(|entry| entry.truth());
    let folders = section.entry("folders");
    ImapAccount {
        mailboxes: mailboxes.unwrap_or_else(Patterns::all),
        folders: folders.map_or_else(FolderNames::default, |entry| options::folders(&entry)),
        connections: connections.and_then(|n| u32::try_from(n).ok()).unwrap_or(3),
        idle: idle.unwrap_or_else(|| vec![MailboxName::inbox()]),
        policy: sync.policy,
        trash_days: sync.trash_days,
        disable_extensions,
        compress: compress.unwrap_or(false),
    }
}

/// Names of mailboxes, not patterns: each takes a connection.
fn idle(entry: &Entry<'_>) -> Vec<MailboxName> {
    let elements = entry.elements("an array of mailboxes, such as [\"INBOX\", \"Lists/rust\"]");
    let name = |element: &Entry<'_>| {
        element.parsed("a mailbox's name in quotes", |text| {
            let name = MailboxName::parse(text).ok_or("is not the name of a mailbox")?;
            if text.contains(['*', '%']) {
                return Err("is a pattern, and each mailbox has to be named here".to_owned());
            }
            Ok(name)
        })
    };
    elements
        .unwrap_or_default()
        .iter()
        .filter_map(name)
        .collect()
}

fn pop3(section: &Section<'_>) -> Pop3Account {
    let keep = section
        .entry("keep")
        .and_then(|entry| entry.parsed("\"forever\", \"never\" or an age such as \"14d\"", keep));
    let max_message_size = section
        .entry("max_message_size")
        .and_then(|entry| entry.parsed("a size such as \"32MiB\"", positive_size));
    let max_per_session = section
        .entry("max_per_session")
        .and_then(|entry| entry.integer(1..=1_000_000))
        .and_then(|number| u32::try_from(number).ok());
    Pop3Account {
        keep: keep.unwrap_or(Keep::Forever),
        max_message_size,
        max_per_session,
    }
}

fn keep(text: &str) -> Result<Keep, String> {
    match text {
        "forever" => Ok(Keep::Forever),
        "never" => Ok(Keep::Never),
        age => match parse_duration(age) {
            Ok(age) if age.is_zero() => Err(
                "is no time at all; \"never\" deletes mail as soon as it is safe here".to_owned(),
            ),
            Ok(age) => Ok(Keep::Age(age)),
            Err(why) => Err(match super::nearest(age, ["forever", "never"]) {
                Some(word) => format!("{why}; did you mean \"{word}\"?"),
                None => format!("{why}; \"forever\" and \"never\" are the other values"),
            }),
        },
    }
}

pub(super) fn positive_size(text: &str) -> Result<u64, String> {
    match parse_size(text)? {
        0 => Err("is nothing at all".to_owned()),
        size => Ok(size),
    }
}

/// A time of at least `least` seconds; `default` when it is not given or wrong.
fn time(section: &Section<'_>, key: &str, least: u64, default: u64) -> Duration {
    section
        .entry(key)
        .and_then(|entry| {
            entry.parsed("a time such as \"5m\"", |text| {
                let time = parse_duration(text)?;
                if time < Duration::from_secs(least) {
                    return Err(format!("is too short: at least {least}s"));
                }
                Ok(time)
            })
        })
        .unwrap_or_else(|| Duration::from_secs(default))
}

fn extensions(entry: &Entry<'_>) -> Vec<String> {
    let choices: Vec<(&str, &[&str])> = EXTENSIONS.to_vec();
    let mut hidden: Vec<String> = Vec::new();
    let elements = entry.elements("an array of IMAP extensions, such as [\"QRESYNC\"]");
    for element in elements.unwrap_or_default() {
        let written = element.value.as_str().map(str::to_ascii_uppercase);
        let known = choices.iter().find(|(name, atoms)| {
            let written = written.as_deref();
            written == Some(name) || written == atoms.first().copied()
        });
        let atoms = match known {
            Some((_, atoms)) => Some(*atoms),
            None => element.choice(&choices),
        };
        hidden.extend(
            atoms
                .unwrap_or_default()
                .iter()
                .map(|atom| (*atom).to_owned()),
        );
    }
    hidden.sort();
    hidden.dedup();
    hidden
}
