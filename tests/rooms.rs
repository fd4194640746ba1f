//! The rooms of docs/architecture.md: who may look at whom, which crate lives where, and how long files are.
//!
//! Reads src/ as text: comments, literals and whatever is behind `#[cfg(test)]` are taken out, then every path
//! (in `use` trees and in code) is resolved to a room or a crate and compared with the rules below.

#![allow(clippy::unwrap_used, reason = "helpers of a test")]
#![allow(
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "helpers of a test"
)]

#[path = "rooms/source.rs"]
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use source::{code, code_lines, paths, test_modules};

/// What a room may use.
struct Room {
    name: &'static str,
    /// Rooms, or parts of rooms (`engine::ports`).
    rooms: &'static [&'static str],
    /// Crates, or parts of crates (`tokio::sync`); `None`: all that no fence keeps out.
    crates: Option<&'static [&'static str]>,
    /// Whether files, sockets, threads, processes and clocks of the standard library are out of reach.
    pure: bool,
}

/// What adapters may see of the engine.
const PORTS: [&str; 6] = [
    "engine::Advice",
    "engine::Fault",
    "engine::Pace",
    "engine::Reach",
    "engine::fault",
    "engine::ports",
];

#[rustfmt::skip]
const ROOMS: &[Room] = &[
    Room { name: "mail", rooms: &[], crates: Some(&[]), pure: true },
    Room { name: "sync", rooms: &["mail"], crates: Some(&[]), pure: true },
    Room { name: "engine", rooms: &["mail", "sync", "content"], crates: Some(&["thiserror", "futures_util", "tokio::sync"]), pure: true },
    Room { name: "content", rooms: &["mail"], crates: Some(&["memchr", "sha2"]), pure: true },
    Room { name: "hooks", rooms: &["mail", "sync", "letter"], crates: None, pure: false },
    Room { name: "letter", rooms: &[], crates: Some(&["mail_parser", "rustix::fs", "rustix::io"]), pure: false },
    Room { name: "net", rooms: &["engine::Fault", "engine::Reach", "engine::fault"], crates: None, pure: false },
    Room { name: "auth", rooms: &["engine::Fault", "engine::Reach", "engine::fault"], crates: None, pure: false },
    Room { name: "imap", rooms: &["PORTS", "mail", "sync", "content", "net", "auth"], crates: None, pure: false },
    Room { name: "pop3", rooms: &["PORTS", "mail", "sync", "content", "net", "auth"], crates: None, pure: false },
    Room { name: "maildir", rooms: &["PORTS", "mail", "sync", "content"], crates: None, pure: false },
    Room { name: "store", rooms: &["PORTS", "mail", "sync", "content"], crates: None, pure: false },
    Room { name: "config", rooms: &["mail", "sync", "auth"], crates: None, pure: false },
    Room { name: "daemon", rooms: &["engine", "mail", "sync"], crates: Some(&["tokio", "tracing"]), pure: false },
    Room { name: "bus", rooms: &[], crates: Some(&["tokio::net", "zbus"]), pure: false },
    Room { name: "desktop", rooms: &["mail", "sync", "bus"], crates: None, pure: false },
    Room { name: "control", rooms: &["bus"], crates: None, pure: false },
    Room { name: "setup", rooms: &["auth", "config"], crates: Some(&["roxmltree", "serde", "thiserror", "toml", "yaml_rust2"]), pure: false },
    Room { name: "systemd", rooms: &[], crates: Some(&["rustix::time", "tracing"]), pure: false },
    Room { name: "sim", rooms: &["engine", "mail", "sync", "content"], crates: None, pure: false },
    Room { name: "fuzz", rooms: &["config::fuzz", "imap::fuzz", "imap::connect::fuzz", "letter::fuzz", "maildir::fuzz", "net::compress::fuzz", "pop3::fuzz", "store::fuzz"], crates: Some(&[]), pure: true },
    Room { name: "cli", rooms: &["auth", "config", "content", "control", "daemon", "desktop", "engine", "hooks", "imap", "letter", "mail", "maildir", "net", "pop3", "setup", "store", "sync", "systemd"], crates: None, pure: false },
    Room { name: "lib", rooms: &[], crates: Some(&[]), pure: true },
    Room { name: "main", rooms: &[], crates: Some(&["mailferry::cli", "tikv_jemallocator"]), pure: false },
];

/// Crates that shape a design, and the only modules that may name them.
const FENCES: &[(&str, &[&str])] = &[
    ("async_imap", &["imap::connect"]),
    ("rusqlite", &["store", "maildir::notes"]),
    ("flate2", &["net"]),
    ("hyper", &["net::web"]),
    ("http_body_util", &["net::web"]),
    ("hyper_util", &["net::web"]),
    ("simple_dns", &["net::lookup"]),
    ("resolv_conf", &["net::lookup"]),
    ("md5", &["auth::sasl"]),
    ("ring", &["auth::sasl::scram"]),
    ("stringprep", &["auth::sasl::scram"]),
    ("mail_parser", &["letter"]),
    ("notify", &["maildir::watch"]),
    ("mlua", &["hooks"]),
    (
        "rustix",
        &[
            "maildir",
            "net",
            "control",
            "systemd",
            "hooks::process",
            "hooks::clock",
            "letter::file",
            "cli::init::ask",
        ],
    ),
    ("zbus", &["bus", "control", "desktop"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("indicatif", &["cli"]),
    ("dialoguer", &["cli::init::ask"]),
    ("roxmltree", &["setup::init::autoconfig"]),
    ("unicode_width", &["cli"]),
    ("tikv_jemallocator", &["main"]),
    ("yaml_rust2", &["setup::import::goimapnotify"]),
];

/// Parts of the standard library that a pure room does without.
const IMPURE: &[&str] = &[
    "std::env",
    "std::fs",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
];

/// The most lines of code in one file, tests, comments and blank lines not counted.
const LONGEST: usize = 400;

/// Whether a path is one of these or lies below one.
fn below(path: &str, roots: &[&str]) -> bool {
    roots.iter().any(|root| {
        path == *root
            || path
                .strip_prefix(root)
                .is_some_and(|rest| rest.starts_with("::"))
    })
}

/// A source file: its module (`imap::connect::gate`) and its text.
struct File {
    module: Vec<String>,
    text: String,
}

impl File {
    fn new(module: &str, text: &str) -> Self {
        Self {
            module: module.split("::").map(str::to_owned).collect(),
            text: text.to_owned(),
        }
    }

    /// Everything in this file that the rules forbid.
    fn violations(&self, rooms: &BTreeSet<String>, crates: &BTreeSet<String>) -> Vec<String> {
        let module = self.module.join("::");
        let Some(room) = ROOMS.iter().find(|room| room.name == self.module[0]) else {
            return vec![format!("{module}: no rule says what this room may use")];
        };
        let code = code(&self.text);
        let mut found: Vec<String> = paths(&code, &self.module)
            .into_iter()
            .filter_map(|path| {
                let why = forbidden(room, &module, &path, rooms, crates)?;
                Some(format!("{module}: {path}: {why}"))
            })
            .collect();
        let lines = code_lines(&code);
        if lines > LONGEST {
            found.push(format!(
                "{module}: {lines} lines of code, {LONGEST} are the limit"
            ));
        }
        found
    }
}

/// Why a room may not use a path; paths into this crate start with `crate::`.
fn forbidden(
    room: &Room,
    module: &str,
    path: &str,
    rooms: &BTreeSet<String>,
    crates: &BTreeSet<String>,
) -> Option<&'static str> {
    if path == "crate" || path == "crate::*" {
        return Some("the whole crate at once hides what is used");
    }
    if let Some(inner) = path.strip_prefix("crate::") {
        let first = inner.split("::").next().unwrap_or(inner);
        let known = rooms.contains(first) && first != room.name;
        let allowed = below(inner, room.rooms)
            || (room.rooms.contains(&"PORTS") && below(inner, &PORTS))
            || (room.name == "lib");
        return (known && !allowed).then_some("this room may not look there");
    }
    let first = path.split("::").next().unwrap_or(path);
    if first == "std" {
        return (room.pure && below(path, IMPURE)).then_some("this room is pure");
    }
    if !crates.contains(first) {
        return None;
    }
    if room.crates.is_some_and(|allowed| !below(path, allowed)) {
        return Some("this room does without this crate");
    }
    let fence = FENCES.iter().find(|(name, _)| *name == first);
    fence
        .is_some_and(|(_, inside)| !below(module, inside))
        .then_some("this crate is fenced to another module")
}

/// Every crate in Cargo.toml, as `use` writes it, and this one.
fn crates() -> BTreeSet<String> {
    let manifest: toml::Table = include_str!("../Cargo.toml").parse().unwrap();
    ["dependencies", "dev-dependencies"]
        .iter()
        .flat_map(|section| manifest[*section].as_table().unwrap().keys())
        .map(|name| name.replace('-', "_"))
        .chain(["mailferry".to_owned(), "core".to_owned()])
        .collect()
}

/// All files of src/ by module, without those that only tests are made of, and without files below a `tests` directory.
fn files() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeMap::new();
    read(&root, &mut Vec::new(), &mut found);
    let tests: Vec<String> = found
        .iter()
        .flat_map(|(module, text)| test_modules(&code_with_tests(text), module))
        .collect();
    found
        .into_iter()
        .filter(|(module, _)| !tests.iter().any(|test| below(module, &[test.as_str()])))
        .map(|(module, text)| File::new(&module, &text))
        .collect()
}

fn code_with_tests(text: &str) -> String {
    source::without_comments_and_literals(text)
}

fn read(directory: &Path, module: &mut Vec<String>, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        module.push(stem);
        if path.is_dir() {
            read(&path, module, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            assert!(
                !path.ends_with("mod.rs"),
                "{}: mod.rs is not the house's way",
                path.display()
            );
            found.insert(module.join("::"), fs::read_to_string(&path).unwrap());
        }
        module.pop();
    }
}

fn rooms(files: &[File]) -> BTreeSet<String> {
    files.iter().map(|file| file.module[0].clone()).collect()
}

#[test]
fn every_file_keeps_the_rules() {
    let files = files();
    assert!(files.len() > 100, "only {} files were found", files.len());
    let (rooms, crates) = (rooms(&files), crates());
    let found: Vec<String> = files
        .iter()
        .flat_map(|file| file.violations(&rooms, &crates))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_room_and_every_fence_is_in_use() {
    let files = files();
    let crates = crates();
    for room in ROOMS {
        assert!(
            files.iter().any(|file| file.module[0] == room.name),
            "no room {}",
            room.name
        );
    }
    for (name, inside) in FENCES {
        assert!(crates.contains(*name), "{name} is not in Cargo.toml");
        let used = files.iter().any(|file| {
            let module = file.module.join("::");
            below(&module, inside)
                && paths(&code(&file.text), &file.module)
                    .iter()
                    .any(|path| below(path, &[name]))
        });
        assert!(used, "{name} is fenced and used nowhere, or not seen");
    }
}

/// The violations in one file with this text.
fn judged(module: &str, text: &str) -> Vec<String> {
    let rooms = ROOMS.iter().map(|room| room.name.to_owned()).collect();
    File::new(module, text).violations(&rooms, &crates())
}

#[test]
fn violations_are_caught() {
    for (module, text) in [
        ("mail::flags", "use crate::sync::Plan;"),
        ("mail", "fn now() { tracing::info!(\"x\") }"),
        ("sync::plan", "use std::{fmt, fs};"),
        ("sync::plan", "fn f() -> std::time::SystemTime {}"),
        ("sync", "#[derive(thiserror::Error)] enum E {}"),
        ("engine::pass", "use tokio::{sync::mpsc, net::TcpStream};"),
        ("engine::pass", "use crate::{mail::Uid, imap};"),
        ("engine", "use crate::store;"),
        ("imap::open", "use crate::maildir::Layout;"),
        ("imap::open", "use super::super::maildir;"),
        (
            "imap::open",
            "use super::super::{content, store::{SqliteStore as S}};",
        ),
        ("imap::open", "use crate::engine::{Fault, sync};"),
        ("imap::session", "use async_imap::Client;"),
        ("imap::connector", "use async_imap::Client;"),
        (
            "maildir",
            "fn f() { let x = r#\"\"\"#; crate::store::open() }",
        ),
        (
            "maildir::sys",
            "/* /* */ */ use crate::config::Config; // fine",
        ),
        (
            "store::rows",
            "fn f(a: &'static str) -> char { let _ = '\"'; crate::imap::f() }",
        ),
        ("store", "use rustix::fs::open;"),
        ("net::tls", "use crate::mail::Uid;"),
        ("auth", "use crate::engine::ports::Store;"),
        ("config", "use crate::imap;"),
        ("config", "use ::rusqlite::Connection;"),
        ("content", "use clap::Parser;"),
        ("config", "pub(crate) use clap::Parser;"),
        ("cli::status", "use zbus::Connection;"),
        ("control::server", "use crate::config::Config;"),
        ("cli::backend", "use crate::*;"),
        ("cli::backend", "use crate as everything;"),
        ("sim::world", "use crate::imap::Session;"),
        ("main", "use mailferry::engine;"),
        ("hall", "use crate::mail;"),
        (
            "mail",
            "#[cfg(test)] mod tests { } use crate::engine::Fault;",
        ),
        ("mail", "#[cfg(not(test))] use crate::engine::Fault;"),
    ] {
        assert_eq!(
            judged(module, text).len(),
            1,
            "{module}: {text}: {:?}",
            judged(module, text)
        );
    }
    let long = "fn f() {}\n".repeat(LONGEST + 1);
    assert_eq!(judged("mail", &long).len(), 1);
}

#[test]
fn what_is_allowed_passes() {
    for (module, text) in [
        (
            "mail",
            "use std::collections::BTreeSet; use self::flags::Flag; mod flags;",
        ),
        ("mail::flags", "use super::{Uid, uid::ModSeq};"),
        (
            "sync::plan",
            "use crate::mail::*; use crate::sync::view; use std::time::Duration;",
        ),
        ("engine", "use tokio::sync::mpsc; use crate::sync;"),
        (
            "imap::connect::gate",
            "use async_imap::Client; use crate::engine::{Fault, ports::{Named, Remote}};",
        ),
        (
            "mail",
            "// use crate::imap;\n/* crate::store::x */ const A: &str = \"crate::imap::x\";",
        ),
        (
            "mail",
            "const A: &[u8] = br##\"\"# crate::imap::x\"##; const B: &str = \"\\\" crate::imap::x\";",
        ),
        (
            "mail",
            "#[cfg(test)]\nmod tests { use proptest::prelude::*; fn f() { crate::imap::x() } }",
        ),
        (
            "mail",
            "#[cfg(test)] use crate::sim::World; #[cfg(test)] #[allow(x)] fn f() { crate::imap::x() }",
        ),
        ("sync", "#[cfg(test)]\nmod model_tests;"),
    ] {
        assert_eq!(
            judged(module, text),
            Vec::<String>::new(),
            "{module}: {text}"
        );
    }
    let padded = "fn f() {}\n\n// why\n".repeat(LONGEST);
    assert_eq!(judged("mail", &padded), Vec::<String>::new());
}

#[test]
fn modules_of_tests_are_known_by_their_declaration() {
    let text = "mod one; #[cfg(test)]\nmod tests; #[cfg(test)] pub(crate) mod fixture; mod two;";
    assert_eq!(
        test_modules(text, "net::tls"),
        ["net::tls::tests", "net::tls::fixture"]
    );
}
