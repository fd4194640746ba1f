//! The account in the making, and its tables.

use crate::config::Tls;
use crate::setup::document::Document;
use crate::setup::{names, value};

use super::{Protocol, Server};

/// Where the password comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// A program prints it.
    Command(Vec<String>),
    /// It stands in a file.
    File(String),
    /// A program prints an access token instead.
    Token(Vec<String>),
}

/// A mailbox of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its role, as `mailferry mailboxes` calls it.
    pub role: Option<String>,
}

/// An account in the making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Its name.
    pub name: String,
    /// Its server.
    pub server: Server,
    /// A certificate that is trusted as well.
    pub ca_file: Option<String>,
    /// Who logs in.
    pub user: String,
    /// With what.
    pub password: Password,
    /// The root of its Maildir.
    pub maildir: String,
    /// Which mailboxes are synced; those that are usual if it is empty.
    pub rules: Vec<String>,
}

impl Draft {
    /// Its tables.
    #[must_use]
    pub fn document(&self) -> Document {
        let mut document = Document::default();
        let (table, _) = document.account(&self.name);
        let server = &self.server;
        if server.protocol == Protocol::Pop3 {
            document.set_text(table, "protocol", server.protocol.name());
        }
        document.set_text(table, "host", &server.host);
        if server.port != server.protocol.port(server.tls) {
            document.set(table, "port", server.port.to_string());
        }
        if server.tls != Tls::Implicit {
            document.set_text(table, "tls", server.tls.name());
        }
        if let Some(file) = &self.ca_file {
            document.set_text(table, "tls_ca_file", file);
        }
        document.set_text(table, "user", &self.user);
        match &self.password {
            Password::Command(words) => {
                document.set(table, "password_command", value::list(words));
            }
            Password::File(file) => document.set_text(table, "password_file", file),
            Password::Token(words) => {
                document.set(table, "token_command", value::list(words));
            }
        }
        document.set_text(table, "maildir", &self.maildir);
        if !self.rules.is_empty() {
            document.set(table, "mailboxes", value::list(&self.rules));
        }
        document
    }
}

/// Rules that take in each message once: what shows messages of other mailboxes again stays out. Empty: all that there
/// are.
#[must_use]
pub fn rules(listed: &[Listed]) -> Vec<String> {
    let again = |mailbox: &&Listed| {
        let role = mailbox.role.as_deref();
        matches!(role, Some("all" | "flagged")) && !names::is_pattern(&mailbox.name)
    };
    let left_out: Vec<String> = listed
        .iter()
        .filter(again)
        .map(|mailbox| format!("!{}", mailbox.name))
        .collect();
    if left_out.is_empty() {
        return left_out;
    }
    [vec!["*".to_owned()], left_out].concat()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Config, Environment};

    fn draft() -> Draft {
        Draft {
            name: "work".into(),
            server: Server {
                protocol: Protocol::Imap,
                host: "imap.example.org".into(),
                port: 993,
                tls: Tls::Implicit,
            },
            ca_file: None,
            user: "alice@example.org".into(),
            password: Password::Command(vec!["pass".into(), "show".into(), "work".into()]),
            maildir: "~/Mail/work".into(),
            rules: Vec::new(),
        }
    }

    #[test]
    fn what_goes_without_saying_is_not_said() {
        assert_eq!(
            draft().document().text(),
            "[accounts.work]\nhost = \"imap.example.org\"\nuser = \"alice@example.org\"\n\
             password_command = [\"pass\", \"show\", \"work\"]\nmaildir = \"~/Mail/work\"\n"
        );
        let other = Draft {
            server: Server {
                protocol: Protocol::Pop3,
                host: "127.0.0.1".into(),
                port: 1110,
                tls: Tls::None,
            },
            ca_file: Some("/c.pem".into()),
            password: Password::File("~/.p\"w".into()),
            ..draft()
        };
        assert_eq!(
            other.document().text(),
            "[accounts.work]\nprotocol = \"pop3\"\nhost = \"127.0.0.1\"\nport = 1110\ntls = \"none\"\n\
             tls_ca_file = \"/c.pem\"\nuser = \"alice@example.org\"\npassword_file = \"~/.p\\\"w\"\n\
             maildir = \"~/Mail/work\"\n"
        );
    }

    #[test]
    fn it_is_a_configuration() {
        let environment = Environment {
            home: Some("/home/alice".into()),
            ..Environment::default()
        };
        let draft = Draft {
            rules: vec!["*".into(), "![Gmail]/All Mail".into()],
            ..draft()
        };
        let text = draft.document().text();
        let config = Config::parse(text.as_bytes(), Path::new("/c.toml"), false, &environment);
        let config = config.unwrap();
        assert_eq!(config.accounts[0].endpoint.port, 993);
    }

    #[test]
    fn what_shows_messages_again_stays_out() {
        let listed = |name: &str, role: Option<&str>| Listed {
            name: name.into(),
            role: role.map(str::to_owned),
        };
        let plain = [listed("INBOX", None), listed("Trash", Some("trash"))];
        assert!(rules(&plain).is_empty());
        let gmail = [
            listed("INBOX", None),
            listed("[Google Mail]/Alle Nachrichten", Some("all")),
            listed("[Google Mail]/Markiert", Some("flagged")),
            listed("Lists", None),
        ];
        assert_eq!(
            rules(&gmail),
            [
                "*",
                "![Google Mail]/Alle Nachrichten",
                "![Google Mail]/Markiert"
            ]
        );
    }
}
