//! Configurations as people have them, and what becomes of them.

mod mbsync;
mod offlineimap;
mod pop3;

use std::path::Path;

use super::*;
use crate::config::{Account, Config, Environment, ImapAccount, Protocol};
use crate::setup::Note;

/// What was converted, and the configuration that it makes.
struct Made {
    document: Document,
    text: String,
    config: Config,
}

impl Made {
    fn account(&self, name: &str) -> &Account {
        self.config
            .account(name)
            .unwrap_or_else(|| panic!("no {name} in\n{}", self.text))
    }

    fn imap(&self, name: &str) -> &ImapAccount {
        match &self.account(name).protocol {
            Protocol::Imap(imap) => imap,
            Protocol::Pop3(_) => panic!("{name} is POP3"),
        }
    }

    #[track_caller]
    fn has(&self, line: &str) {
        assert!(
            self.text.lines().any(|it| it == line),
            "no `{line}` in\n{}",
            self.text
        );
    }

    #[track_caller]
    fn has_not(&self, text: &str) {
        assert!(!self.text.contains(text), "`{text}` in\n{}", self.text);
    }

    /// What could not be carried over, by line.
    fn notes(&self) -> Vec<usize> {
        self.document.notes().iter().map(|note| note.line).collect()
    }

    #[track_caller]
    fn says(&self, line: usize, text: &str) {
        let notes = self.document.notes();
        let fits = |note: &Note| note.line == line && note.text.contains(text);
        assert!(
            notes.iter().any(fits),
            "nothing of {text} on line {line}: {notes:#?}"
        );
    }

    fn folder(&self, account: &str, mailbox: &str) -> Option<String> {
        let name = crate::mail::MailboxName::parse(mailbox).unwrap();
        self.imap(account)
            .folders
            .folder(&name)
            .map(|levels| levels.join("/"))
    }
}

/// Converts a file whose Maildirs have these folders; what comes out is a configuration without a mistake.
#[track_caller]
fn made_of(tool: Tool, text: &str, folders: &[&str]) -> Made {
    let list = |_: &str| folders.iter().map(|it| (*it).to_owned()).collect();
    let context = Context {
        stem: "getmailrc-old",
        directory: "~/.config/mailferry",
        folders: &list,
    };
    let document = tool
        .convert(text, &context)
        .unwrap_or_else(|error| panic!("{error}"));
    let text = document.text();
    let environment = Environment {
        home: Some("/home/alice".into()),
        ..Environment::default()
    };
    let file = Path::new("/home/alice/.config/mailferry/config.toml");
    let config = Config::parse(text.as_bytes(), file, true, &environment);
    let config = config.unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    Made {
        document,
        text,
        config,
    }
}

#[track_caller]
fn made(tool: Tool, text: &str) -> Made {
    made_of(tool, text, &[])
}

#[test]
fn the_tools_have_the_names_that_the_manual_gives_them() {
    for (name, tool) in Tool::ALL {
        assert_eq!(tool.name(), name);
        assert!(!tool.places().is_empty());
    }
}

#[test]
fn goimapnotify_in_json_and_yaml() {
    let json = r#"{
  "host": "imap.example.com", "port": 993, "tls": true,
  "tlsOptions": { "rejectUnauthorized": false },
  "username": "alice", "passwordCMD": "pass show work | head -n1",
  "alias": "work",
  "onNewMail": "mbsync work", "onNewMailPost": "notmuch new",
  "boxes": ["INBOX", "Lists/Rust"]
}"#;
    let made = made(Tool::GoImapNotify, json);
    made.has("password_command = [\"sh\", \"-c\", \"pass show work | head -n1\"]");
    made.has("idle = [\"INBOX\", \"Lists/Rust\"]");
    made.has("plugin = \"notmuch\"");
    made.says(3, "verified");
    made.says(6, "not needed");
    let yaml = "configurations:\n  - host: imap.example.com\n    alias: home\n    username: bob\n    password: hunter2\n    \
                onNewMail: 'notify-send \"New mail\"'\n    boxes:\n      - mailbox: INBOX\n        onDeletedMail: /opt/clean now\n  \
                - host: second.example.com\n    username: bob\n    xoAuth2: true\n    passwordCMD: oama access bob\n    boxes: [INBOX]\n";
    let made = made_of(Tool::GoImapNotify, yaml, &[]);
    made.has("[accounts.home]");
    made.has("password_file = \"~/.config/mailferry/home.password\"");
    made.has_not("hunter2");
    assert_eq!(made.document.passwords()[0].secret.expose(), b"hunter2");
    made.has("options = { new = [\"sh\", \"-c\", \"notify-send \\\"New mail\\\"\"] }");
    made.has("options = { deleted = [\"/opt/clean\", \"now\"] }");
    made.says(12, "oauth2");
}

#[test]
fn what_is_no_configuration_is_an_error_with_its_line() {
    let context = Context {
        stem: "x",
        directory: "~",
        folders: &|_| Vec::new(),
    };
    for (tool, text, line) in [
        (Tool::Mbsync, "IMAPAccount x\nHost \"y\n", 2),
        (Tool::Mbsync, "Channel x\nNear :a:\n", 1),
        (Tool::OfflineImap, "accounts = x\n", 1),
        (Tool::Fetchmail, "\npoll 'x\n", 2),
        (Tool::GoImapNotify, "a: [\n", 2),
    ] {
        match tool.convert(text, &context) {
            Err(ImportError::Line { line: found, .. }) => assert_eq!(found, line, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    for (_, tool) in Tool::ALL {
        let empty = tool.convert("# nothing\n", &context);
        assert!(
            matches!(empty, Err(ImportError::Empty)),
            "{tool:?}: {empty:?}"
        );
    }
}
