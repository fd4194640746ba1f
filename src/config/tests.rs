//! The reader as a whole: what it takes, what it says about what it does not take, and that nothing breaks it.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::auth::SecretSource;
use crate::sync::{Deletions, Guard, Policy};

mod arbitrary;
mod mistakes;

const EXAMPLE: &str = include_str!("../../config.example.toml");

const ACCOUNT: &str = "[accounts.work]\nhost = \"imap.example.com\"\nuser = \"alice\"\n\
                       password_file = \"secret\"\nmaildir = \"/mail/work\"\n";

fn environment() -> Environment {
    Environment {
        home: Some("/home/alice".into()),
        ..Environment::default()
    }
}

fn parse(text: &str) -> Result<Config, ConfigErrors> {
    Config::parse(
        text.as_bytes(),
        Path::new("/etc/mf/config.toml"),
        false,
        &environment(),
    )
}

#[test]
fn the_example_is_valid_and_shows_every_key() {
    let config = parse(EXAMPLE).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(config.accounts.len(), 2);
    assert_eq!(config.hooks.len(), 2);
    let body: Vec<&str> = EXAMPLE
        .lines()
        .map(|line| line.trim_start_matches(['#', ' ']))
        .collect();
    for (table, keys) in known_keys() {
        for key in keys {
            let shown = body.iter().any(|line| {
                line.starts_with(&format!("{key} ="))
                    || line.contains(&format!("{{ {key} ="))
                    || line.contains(&format!(", {key} ="))
                    || line.starts_with(&format!("[{key}."))
                    || line.starts_with(&format!("[accounts.work.{key}]"))
                    || line.starts_with(&format!("[[{key}]]"))
            });
            assert!(shown, "`{key}` of [{table}] is not in config.example.toml");
        }
    }
}

#[test]
fn the_examples_values_arrive() {
    let config = parse(EXAMPLE).unwrap();
    assert_eq!(
        config.state_dir,
        Path::new("/home/alice/.local/state/mailferry")
    );
    let work = config.account("work").unwrap();
    assert_eq!(work.endpoint.pins.len(), 1);
    assert_eq!(work.endpoint.pins[0][..3], [0xe3, 0xb0, 0xc4]);
    assert_eq!(work.maildir, Path::new("/home/alice/Mail/work"));
    assert!(matches!(&work.secret, SecretSource::Command(arguments) if arguments[0] == "pass"));
    let quiet = QuietHours {
        from: 1_320,
        to: 420,
    };
    assert_eq!(work.notify.quiet_hours, Some(quiet));
    assert_eq!(work.notify.open, ["foot", "neomutt", "-f", "{folder}"]);
    // The example shows the defaults of the others.
    let other = &config.account("old").unwrap().notify;
    assert_eq!(work.notify.actions, other.actions);
    assert_eq!(work.notify.actions.len(), 5);
    assert_eq!(work.notify.archive, other.archive);
    assert_eq!(other.archive.as_str(), "Archive");
    assert!(other.sound && other.open.is_empty());
    let Protocol::Imap(imap) = &work.protocol else {
        panic!("not imap")
    };
    assert_eq!(imap.policy, Policy::default());
    assert_eq!(imap.disable_extensions, ["QRESYNC"]);
    let old = config.account("old").unwrap();
    assert_eq!(
        (old.endpoint.port, old.poll),
        (995, Duration::from_secs(900))
    );
    let Protocol::Pop3(pop3) = &old.protocol else {
        panic!("not pop3")
    };
    assert_eq!(pop3.max_message_size, Some(32 << 20));
    let hook = &config.hooks[0];
    assert_eq!(hook.allow, ["exec"]);
    assert_eq!(hook.options["folder"].as_str(), Some("Lists"));
    assert_eq!(
        config.hooks[1].script,
        HookScript::Plugin("notmuch".to_owned())
    );
}

#[test]
fn defaults_follow_protocol_and_tls() {
    for (lines, port) in [
        ("", 993),
        ("tls = \"starttls\"\n", 143),
        ("protocol = \"pop3\"\n", 995),
        ("protocol = \"pop3\"\ntls = \"starttls\"\n", 110),
        ("tls = \"starttls\"\nport = 1143\n", 1143),
    ] {
        let config = parse(&format!("{ACCOUNT}{lines}")).unwrap();
        assert_eq!(config.accounts[0].endpoint.port, port, "{lines}");
    }
    let config = parse(ACCOUNT).unwrap();
    let work = &config.accounts[0];
    assert!(
        matches!(&work.secret, SecretSource::File(path) if path == Path::new("/etc/mf/secret"))
    );
    assert_eq!(work.poll, Duration::from_secs(300));
    let Protocol::Imap(imap) = &work.protocol else {
        panic!("not imap")
    };
    assert_eq!(
        (imap.connections, imap.trash_days, imap.compress),
        (3, 30, false)
    );
    assert_eq!(imap.mailboxes, Patterns::all());
}

#[test]
fn sync_options_arrive() {
    let lines = "[accounts.work.sync]\npull = [\"new\"]\npush = []\ndeletions = \"never\"\n\
                 hold = { messages = 5 }\n";
    let config = parse(&format!("{ACCOUNT}{lines}")).unwrap();
    let Protocol::Imap(imap) = &config.accounts[0].protocol else {
        panic!("not imap")
    };
    let policy = imap.policy;
    assert!(policy.pull.new && !policy.pull.flags && !policy.push.new && !policy.push.moves);
    assert_eq!(policy.deletions, Deletions::Never);
    assert_eq!(
        policy.guard,
        Guard {
            messages: 5,
            percent: 25
        }
    );
}

#[test]
fn accounts_keep_the_order_of_the_file() {
    let text = format!("{ACCOUNT}{}", ACCOUNT.replace("work", "alpha"));
    let config = parse(&text).unwrap();
    let names: Vec<&str> = config
        .accounts
        .iter()
        .map(|account| account.name.as_str())
        .collect();
    assert_eq!(names, ["work", "alpha"]);
}
