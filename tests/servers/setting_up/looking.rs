//! Servers that are found by the domain's own settings and by DNS, in a network of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::{Home, at_a_terminal, exits, server, synced};
use crate::support::server::{PASSWORD, USER, run};

/// Where the zone is, for the part inside.
const PLACE: &str = "MAILFERRY_TEST_ZONE";

/// Runs one of the ignored tests below in a network of its own.
#[track_caller]
fn in_a_network_of_its_own(test: &str) {
    let place = tempfile::tempdir().unwrap();
    let zone = place.path().join("zone.json");
    authority(place.path());
    fs::write(&zone, base(place.path()).to_string()).unwrap();
    let user: &[&str] = if rustix::process::getuid().is_root() {
        &[]
    } else {
        &["--map-current-user", "--keep-caps"]
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/setting_up/network.py");
    let output = Command::new("unshare")
        .args(user)
        .args(["--net", "--mount", "--propagation", "private", "python3"])
        .arg(script)
        .arg(&zone)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("setting_up::looking::{test}")])
        .args(["--ignored", "--nocapture"])
        .env(PLACE, place.path())
        .output()
        .expect("unshare runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = said + &String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

/// An authority, and a certificate for the pages of the domains.
fn authority(place: &Path) {
    let names = "DNS:autoconfig.published.test,DNS:autoconfig.thunderbird.net";
    fs::write(place.join("names"), format!("subjectAltName={names}\n")).unwrap();
    for step in [
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=authority -keyout ca.key -out ca.pem",
        "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=pages -keyout web.key -out web.csr",
        "x509 -req -in web.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile names -out web.pem",
    ] {
        run(Command::new("openssl")
            .args(step.split_whitespace())
            .current_dir(place));
    }
}

fn base(place: &Path) -> serde_json::Value {
    json!({
        "certificate": place.join("web.pem"),
        "key": place.join("web.key"),
        "hosts": ["autoconfig.published.test"],
    })
}

/// Says more in the zone.
fn say(more: serde_json::Value) -> PathBuf {
    let place = PathBuf::from(std::env::var_os(PLACE).unwrap());
    let mut zone = base(&place);
    for (key, value) in more.as_object().unwrap() {
        zone[key] = value.clone();
    }
    fs::write(place.join("zone.json"), zone.to_string()).unwrap();
    place
}

#[test]
fn an_address_is_enough_where_the_domain_publishes_its_settings() {
    in_a_network_of_its_own("published");
}

#[test]
fn a_host_that_dns_names_elsewhere_is_agreed_to_first() {
    in_a_network_of_its_own("named");
}

#[test]
#[ignore = "only run by the others, in a network of its own"]
fn published() {
    let (server, words) = server();
    let settings = format!(
        "<clientConfig><emailProvider><incomingServer type=\"imap\"><hostname>localhost</hostname><port>{}</port>\
         <socketType>SSL</socketType><username>{USER}</username></incomingServer></emailProvider></clientConfig>",
        server.tls().port()
    );
    let place = say(json!({
        "pages": { "autoconfig.published.test/mail/config-v1.1.xml": settings },
        "srv": { "_imaps._tcp.published.test": [[0, 1, 993, "wrong.published.test"]] },
    }));
    let home = Home::new();
    let file = home.password_file().display().to_string();
    let mut command = home.command(env!("CARGO_BIN_EXE_mailferry"));
    command.env("SSL_CERT_FILE", place.join("ca.pem"));
    command.args(["init", "--yes", "--email", "someone@published.test"]);
    command.args(["--password-file", &file, "--tls-ca-file", &words[5]]);
    let (_, err) = exits(&command.output().unwrap(), 0);
    assert!(err.contains("the domain's own settings"), "{err}");
    exits(&home.run(&["sync"]), 0);
    assert_eq!(synced(&home, "Mail/published"), 1);
}

#[test]
#[ignore = "only run by the others, in a network of its own"]
fn named() {
    let (server, words) = server();
    say(json!({
        "srv": { "_imaps._tcp.named.test": [
            [1, 0, server.tls().port(), "LOCALHOST."],
            [0, 0, 993, "gone.named.test."],
        ] },
    }));
    let home = Home::new();
    let file = home.password_file().display().to_string();
    let flags = [
        "--email",
        "someone@named.test",
        "--user",
        USER,
        "--password-file",
        &file,
        "--tls-ca-file",
        &words[5],
    ];
    // Without anybody to agree the password goes nowhere.
    let (_, err) = exits(&home.run(&[&["init", "--yes"], &flags[..]].concat()), 1);
    assert!(err.contains("`--host localhost` agrees to it"), "{err}");
    assert!(!home.config().exists());
    let answers = [
        ("name for the account", "\r"),
        ("Is it right?", "y"),
        ("Maildir", "\r"),
        ("Add this to", "\r"),
        ("Sync it now", "y"),
    ];
    let words: Vec<String> = [&["init"], &flags[..]]
        .concat()
        .iter()
        .map(|word| (*word).to_owned())
        .collect();
    let (code, shown) = at_a_terminal(&home, &words, &answers);
    assert_eq!(code, 0, "{shown}");
    // The better one was tried first and is not there.
    assert!(shown.contains("gone.named.test:993"), "{shown}");
    assert!(!shown.contains(PASSWORD), "{shown}");
    assert_eq!(synced(&home, "Mail/named"), 1, "{shown}");
}
