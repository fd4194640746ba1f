//! What is told about mistakes: the place, the key, the remedy.

use std::path::{Path, PathBuf};

use super::super::*;
use super::{ACCOUNT, environment, parse};
use crate::auth::{Allowed, Mechanism, SecretSource};

/// `(line, column, key, message and help)` of every mistake.
fn mistakes(text: &str) -> Vec<(usize, usize, String, String)> {
    let errors = parse(text).expect_err("a mistake");
    let each = errors.mistakes.into_iter().map(|mistake| {
        let help = mistake.help.unwrap_or_default();
        let told = format!("{}; {help}", mistake.message);
        (mistake.line, mistake.column, mistake.key, told)
    });
    each.collect()
}

/// One mistake in a work account with these lines added, at this place, with this key, telling all these words.
#[track_caller]
fn assert_mistake(lines: &str, place: (usize, usize), key: &str, words: &[&str]) {
    let found = mistakes(&format!("{ACCOUNT}{lines}"));
    assert_eq!(found.len(), 1, "{found:?}");
    let (line, column, at_key, told) = &found[0];
    assert_eq!((*line, *column), place, "{told}");
    assert_eq!(at_key, key);
    for word in words {
        assert!(told.contains(word), "{word:?} is not in {told:?}");
    }
}

#[test]
fn unknown_keys_and_words_name_the_nearest() {
    assert_mistake(
        "pol = \"5m\"\n",
        (6, 1),
        "accounts.work.pol",
        &["unknown key", "did you mean `poll`?"],
    );
    assert_mistake(
        "tls = \"implict\"\n",
        (6, 7),
        "accounts.work.tls",
        &["did you mean \"implicit\"?"],
    );
    assert_mistake(
        "[accounts.work.sync]\npush = [\"new\", \"movs\"]\n",
        (7, 16),
        "accounts.work.sync.push[1]",
        &["did you mean \"moves\"?"],
    );
    assert_mistake(
        "[acounts.x]\n",
        (6, 2),
        "acounts",
        &["did you mean `accounts`?"],
    );
    assert_mistake(
        "[[hooks]]\nfile = \"a\"\naccounts = [\"wrok\"]\n",
        (8, 13),
        "hooks[0].accounts[0]",
        &["\"work\""],
    );
    assert_mistake(
        "disable_extensions = [\"QRESINC\"]\n",
        (6, 23),
        "accounts.work.disable_extensions[0]",
        &["QRESYNC"],
    );
    assert_mistake(
        "keep = \"never\"\n",
        (6, 1),
        "accounts.work.keep",
        &["pop3"],
    );
}

#[test]
fn mistakes_about_notifications_are_placed() {
    assert_mistake(
        "notify = { actions = [\"read\", \"arcive\"] }\n",
        (6, 31),
        "accounts.work.notify.actions[1]",
        &["archive"],
    );
    assert_mistake(
        "notify = { open = [] }\n",
        (6, 19),
        "accounts.work.notify.open",
        &["is empty"],
    );
    assert_mistake(
        "notify = { archive = \"inbox\" }\n",
        (6, 22),
        "accounts.work.notify.archive",
        &["archived"],
    );
}

#[test]
fn wrong_types_and_values_are_placed() {
    assert_mistake(
        "port = \"993\"\n",
        (6, 8),
        "accounts.work.port",
        &["an integer", "found a string"],
    );
    assert_mistake(
        "port = 70000\n",
        (6, 8),
        "accounts.work.port",
        &["1 to 65535"],
    );
    assert_mistake(
        "port = 99999999999999999999\n",
        (6, 8),
        "accounts.work.port",
        &["1 to 65535"],
    );
    assert_mistake(
        "poll = 5\n",
        (6, 8),
        "accounts.work.poll",
        &["a time such as \"5m\""],
    );
    assert_mistake(
        "poll = \"5\"\n",
        (6, 8),
        "accounts.work.poll",
        &["has no unit"],
    );
    assert_mistake(
        "mailboxes = [\"*\", \"a//b\"]\n",
        (6, 19),
        "accounts.work.mailboxes[1]",
        &["empty level"],
    );
    assert_mistake(
        "mailboxes = [\"!Spam\"]\n",
        (6, 13),
        "accounts.work.mailboxes",
        &["takes no mailbox in"],
    );
    assert_mistake(
        "tls_pin_sha256 = [\"AAAA\"]\n",
        (6, 19),
        "accounts.work.tls_pin_sha256[0]",
        &["3 bytes long"],
    );
    assert_mistake(
        "connections = 0\n",
        (6, 15),
        "accounts.work.connections",
        &["1 to 50"],
    );
    assert_mistake(
        "notify = { quiet_hours = \"25:00-07:00\" }\n",
        (6, 26),
        "accounts.work.notify.quiet_hours",
        &["22:00-07:00"],
    );
    assert_mistake(
        "[[hooks]]\nfile = \"a\"\nmemory = \"32mb\"\n",
        (8, 10),
        "hooks[0].memory",
        &["MiB"],
    );
    assert_mistake("[[hooks]]\n", (6, 1), "hooks[0]", &["names no script"]);
    assert_mistake(
        "protocol = \"pop3\"\nkeep = \"14\"\n",
        (7, 8),
        "accounts.work.keep",
        &["has no unit"],
    );
}

#[test]
fn missing_keys_are_named_at_the_account() {
    let found = mistakes("[accounts.work]\nhost = \"h\"\npassword_file = \"x\"\n");
    let keys: Vec<_> = found
        .iter()
        .map(|(line, column, key, _)| (*line, *column, key.as_str()))
        .collect();
    assert_eq!(
        keys,
        [
            (1, 11, "accounts.work.user"),
            (1, 11, "accounts.work.maildir")
        ]
    );
    assert!(
        mistakes("")
            .iter()
            .any(|(.., told)| told.contains("no account"))
    );
}

#[test]
fn exactly_one_secret_is_wanted() {
    assert_mistake(
        "password_command = [\"pass\"]\n",
        (6, 1),
        "accounts.work.password_command",
        &["`password_file`", "conflicts", "exactly one"],
    );
    let none = ACCOUNT.replace("password_file = \"secret\"\n", "");
    assert!(
        mistakes(&none)[0]
            .3
            .contains("exactly one of password_command, password_file")
    );
    for (line, told) in [
        (
            "oauth2 = \"gmail\"",
            "OAuth2 is not supported by this version yet",
        ),
        ("password_keyring = \"x\"", "keyring is not supported"),
    ] {
        let text = ACCOUNT.replace("password_file = \"secret\"", line);
        assert!(mistakes(&text)[0].3.contains(told));
    }
}

#[test]
fn what_proves_who_one_is_fits_together() {
    let with = |lines: &str| ACCOUNT.replace("password_file = \"secret\"\n", lines);
    let certificate = "tls_client_cert = \"me.pem\"\ntls_client_key = \"me.pem\"\n";
    let fine = parse(&with(certificate)).unwrap();
    assert_eq!(fine.accounts[0].secret, SecretSource::Certificate);
    let token = "token_command = [\"oama\", \"access\"]\nauth = \"XOAuth2\"\n";
    let fine = parse(&with(token)).unwrap();
    assert!(matches!(&fine.accounts[0].secret, SecretSource::Token(argv) if argv.len() == 2));
    assert_eq!(
        fine.accounts[0].auth,
        Allowed::only(vec![Mechanism::XOAuth2])
    );
    for (lines, told) in [
        ("password = \"x\"\nauth = []\n", "is empty"),
        (
            "password = \"x\"\nauth = [\"scram-sha-265\"]\n",
            "scram-sha-256",
        ),
        ("password = \"x\"\nauth = [\"apop\"]\n", "apop"),
        (
            "password = \"x\"\nauth = [\"xoauth2\"]\n",
            "names no mechanism for a password",
        ),
        (
            "token_command = [\"x\"]\nauth = [\"plain\"]\n",
            "for an access token",
        ),
        ("token_command = [\"x\"]\npassword = \"x\"\n", "conflicts"),
        (
            "password = \"x\"\ntls_client_key = \"me.pem\"\n",
            "has no certificate",
        ),
        (
            "password = \"x\"\ntls_client_cert = \"me.pem\"\n",
            "has no key",
        ),
    ] {
        let found = mistakes(&with(lines));
        assert!(
            found.iter().any(|one| one.3.contains(told)),
            "{lines}: {found:?}"
        );
    }
}

#[test]
fn clear_text_is_for_loopback_only() {
    assert_mistake(
        "tls = \"none\"\n",
        (6, 7),
        "accounts.work.tls",
        &["in the clear", "imap.example.com"],
    );
    for host in [
        "localhost",
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "[::1]",
        "LocalHost.",
    ] {
        let text = ACCOUNT.replace("imap.example.com", host);
        parse(&format!("{text}tls = \"none\"\n")).unwrap_or_else(|errors| panic!("{errors}"));
    }
    for host in ["localhost.example.com", "10.0.0.1", "127.0.0.1.example.com"] {
        let text = ACCOUNT.replace("imap.example.com", host);
        assert!(parse(&format!("{text}tls = \"none\"\n")).is_err(), "{host}");
    }
}

#[test]
fn hosts_are_hosts() {
    for (host, told) in [
        ("imaps://h", "URL"),
        ("h:993", "port = 993"),
        ("a b", "not a host name"),
        ("a..b", "not a host name"),
        ("", "is empty"),
    ] {
        let text = ACCOUNT.replace("imap.example.com", host);
        let found = mistakes(&text);
        assert!(
            found.len() == 1 && found[0].3.contains(told),
            "{host}: {found:?}"
        );
    }
}

#[test]
fn maildirs_do_not_overlap() {
    for (maildir, told) in [
        ("/mail/work", "is the Maildir of account `work` too"),
        ("/mail/./work//", "is the Maildir of account `work` too"),
        ("/mail/work/sub", "lies inside"),
        ("/mail", "holds the Maildir"),
        ("/home/alice/.local", "holds state_dir"),
    ] {
        let other = ACCOUNT
            .replace("accounts.work", "accounts.other")
            .replace("/mail/work", maildir);
        let found = mistakes(&format!("{ACCOUNT}{other}"));
        assert_eq!(found.len(), 1, "{maildir}: {found:?}");
        assert_eq!(found[0].2, "accounts.other.maildir");
        assert!(found[0].3.contains(told), "{found:?}");
    }
    let other = ACCOUNT
        .replace("accounts.work", "accounts.other")
        .replace("/mail/work", "/mail/work2");
    assert!(parse(&format!("{ACCOUNT}{other}")).is_ok());
}

#[test]
fn many_mistakes_are_told_at_once_and_in_order() {
    let found = mistakes(&format!(
        "stat_dir = \"x\"\n{ACCOUNT}port = 0\ntls = 1\nbogus = 1\n[[hooks]]\n"
    ));
    let lines: Vec<usize> = found.iter().map(|(line, ..)| *line).collect();
    assert_eq!(lines, [1, 7, 8, 9, 10]);
}

#[test]
fn account_names_are_plain() {
    let text = ACCOUNT.replace("accounts.work", "accounts.\"a:b\"");
    let found = mistakes(&text);
    assert_eq!((found.len(), found[0].0, found[0].1), (1, 1, 11));
    assert!(found[0].3.contains("cannot be the name"));
    assert!(AccountName::parse("..").is_none());
    assert!(AccountName::parse("a/b").is_none());
}

#[test]
fn a_password_in_an_open_file_is_refused() {
    let text = ACCOUNT.replace("password_file = \"secret\"", "password = \"hunter2\"");
    let file = Path::new("/etc/mf/config.toml");
    let open = Config::parse(text.as_bytes(), file, true, &environment()).unwrap_err();
    let told = open.to_string();
    assert!(told.contains("chmod 600 /etc/mf/config.toml"), "{told}");
    assert!(
        told.contains("config.toml:4:1: accounts.work.password"),
        "{told}"
    );
    assert!(!told.contains("hunter2"));
    let config = Config::parse(text.as_bytes(), file, false, &environment()).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
    let SecretSource::Plain(plain) = &config.accounts[0].secret else {
        panic!("no password")
    };
    assert_eq!(plain.expose(), b"hunter2");
}

#[test]
fn broken_toml_is_placed_and_marked() {
    let errors = parse("state_dir = \"/x\"\n[accounts.work\nhost = \"h\"\n").unwrap_err();
    let told = errors.to_string();
    assert!(told.contains("config.toml:2:"), "{told}");
    assert!(told.contains(" 2 | [accounts.work\n"), "{told}");
    assert!(told.contains('^'), "{told}");
    let bytes = b"state_dir = \"\xff\"\n";
    let errors = Config::parse(bytes, Path::new("c"), false, &environment()).unwrap_err();
    assert!(
        errors
            .to_string()
            .starts_with("c:1:14: not valid TOML: a byte"),
        "{errors}"
    );
}

#[test]
fn the_whole_message_looks_like_this() {
    let errors = parse(&format!("{ACCOUNT}tls = \"implict\"\n")).unwrap_err();
    let wanted = "/etc/mf/config.toml:6:7: accounts.work.tls: `implict` is not one of \"implicit\", \"starttls\" \
                  or \"none\"; did you mean \"implicit\"?\n   |\n 6 | tls = \"implict\"\n   |       ^^^^^^^^^";
    assert_eq!(errors.to_string(), wanted);
}

#[test]
fn deep_nesting_is_no_danger() {
    let keys = "a.".repeat(200_000) + "a = 1\n";
    assert!(parse(&keys).is_err());
    let arrays = format!("a = {}{}\n", "[".repeat(100_000), "]".repeat(100_000));
    assert!(parse(&arrays).is_err());
    let inline = format!(
        "[[hooks]]\nfile = \"x\"\noptions = {{ {}a = 1 }}\n",
        "a.".repeat(100_000)
    );
    assert!(parse(&inline).is_err());
}

#[test]
fn without_a_home_the_state_needs_a_place() {
    let file = PathBuf::from("/c.toml");
    let nowhere = Environment::default();
    let errors = Config::parse(ACCOUNT.as_bytes(), &file, false, &nowhere).unwrap_err();
    assert_eq!(errors.mistakes[0].key, "state_dir");
    let text = format!("state_dir = \"/s\"\n{ACCOUNT}");
    assert!(Config::parse(text.as_bytes(), &file, false, &nowhere).is_ok());
}
