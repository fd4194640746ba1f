//! fetchmail: `poll` entries of words in nearly any order. Only POP3 entries can be carried over.

use super::document::{Document, TableId};
use super::{Context, ImportError, names, secret};

/// A word or a text in quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    line: usize,
    text: String,
}

/// What is said of one user of one server.
#[derive(Clone, Debug, Default)]
struct User {
    line: usize,
    options: Vec<(String, Token)>,
}

/// A server with its users.
#[derive(Clone, Debug, Default)]
struct Server {
    name: String,
    line: usize,
    options: Vec<(String, Token)>,
    users: Vec<User>,
}

/// Words that mean nothing and stand there for people.
const NOISE: [&str; 12] = [
    "and", "with", "has", "wants", "options", "here", "there", "is", "to", "are", "aka", "*",
];
/// Words that are followed by a value.
const WITH_VALUE: [&str; 38] = [
    "proto",
    "protocol",
    "port",
    "service",
    "via",
    "interval",
    "timeout",
    "auth",
    "authenticate",
    "plugin",
    "plugout",
    "interface",
    "monitor",
    "principal",
    "esmtpname",
    "esmtppassword",
    "pass",
    "password",
    "remote",
    "folder",
    "smtphost",
    "fetchdomains",
    "smtpaddress",
    "smtpname",
    "antispam",
    "mda",
    "bsmtp",
    "preconnect",
    "postconnect",
    "limit",
    "warnings",
    "fetchlimit",
    "fetchsizelimit",
    "batchlimit",
    "expunge",
    "sslcertfile",
    "sslcertpath",
    "sslfingerprint",
];
/// And of those that concern TLS.
const WITH_VALUE_TLS: [&str; 5] = [
    "sslproto",
    "sslkey",
    "sslcert",
    "sslcommonname",
    "properties",
];

pub(super) fn convert(text: &str, context: &Context<'_>) -> Result<Document, ImportError> {
    let (defaults, servers) = read(&tokens(text)?);
    let mut document = Document::default();
    for server in &servers {
        for user in &server.users {
            account(&defaults, server, user, context, &mut document);
        }
        if server.users.is_empty() {
            document.note(server.line, &format!("{} has no user", server.name));
        }
    }
    Ok(document)
}

fn tokens(text: &str) -> Result<Vec<Token>, ImportError> {
    let mut tokens = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line_number = number + 1;
        let mut word = String::new();
        let mut quote = None;
        let mut was_quoted = false;
        for character in line.chars() {
            match (quote, character) {
                (Some(open), other) if other == open => quote = None,
                (Some(_), other) => word.push(other),
                (None, '"' | '\'') => {
                    quote = Some(character);
                    was_quoted = true;
                }
                (None, '#') if word.is_empty() => break,
                (None, other) if other.is_whitespace() || ",;:".contains(other) => {
                    end_word(&mut tokens, line_number, &mut word, &mut was_quoted);
                }
                (None, other) => word.push(other),
            }
        }
        if quote.is_some() {
            return Err(ImportError::Line {
                line: line_number,
                message: "a quote is not closed".to_owned(),
            });
        }
        end_word(&mut tokens, line_number, &mut word, &mut was_quoted);
    }
    Ok(tokens)
}

fn end_word(tokens: &mut Vec<Token>, line: usize, word: &mut String, was_quoted: &mut bool) {
    let text = std::mem::take(word);
    if !text.is_empty() || *was_quoted {
        tokens.push(Token { line, text });
    }
    *was_quoted = false;
}

fn read(tokens: &[Token]) -> (Server, Vec<Server>) {
    let mut defaults = Server::default();
    let mut servers: Vec<Server> = Vec::new();
    let mut in_defaults = false;
    let mut negated = false;
    let mut tokens = tokens.iter();
    while let Some(token) = tokens.next() {
        let word = token.text.to_ascii_lowercase();
        if word == "no" {
            negated = true;
            continue;
        }
        let word = if std::mem::take(&mut negated) {
            format!("no{word}")
        } else {
            word
        };
        let has_value =
            WITH_VALUE.contains(&word.as_str()) || WITH_VALUE_TLS.contains(&word.as_str());
        match word.as_str() {
            // Options of the whole program.
            "set" => {
                tokens.next();
                tokens.next();
            }
            "defaults" => in_defaults = true,
            "poll" | "skip" | "server" => {
                in_defaults = false;
                servers.push(Server {
                    name: tokens
                        .next()
                        .map(|name| name.text.clone())
                        .unwrap_or_default(),
                    line: token.line,
                    ..Server::default()
                });
            }
            noise if NOISE.contains(&noise) => {}
            other => {
                let value = if has_value || ["user", "username"].contains(&other) {
                    tokens.next().unwrap_or(token)
                } else {
                    token
                };
                let server = if in_defaults {
                    Some(&mut defaults)
                } else {
                    servers.last_mut()
                };
                let Some(server) = server else {
                    continue;
                };
                if ["user", "username"].contains(&other) && !in_defaults {
                    server.users.push(User {
                        line: token.line,
                        ..User::default()
                    });
                }
                let options = server
                    .users
                    .last_mut()
                    .map_or(&mut server.options, |user| &mut user.options);
                options.push((other.to_owned(), value.clone()));
            }
        }
    }
    (defaults, servers)
}

/// The options of a user, those of the server and the defaults behind them.
struct Options<'a>(Vec<&'a (String, Token)>);

impl Options<'_> {
    /// Which of these was said.
    fn name(&self, names: &[&str]) -> Option<&str> {
        let mut options = self.0.iter().map(|option| option.0.as_str());
        options.find(|name| names.contains(name))
    }

    fn get(&self, names: &[&str]) -> Option<&Token> {
        let wanted = |option: &&&(String, Token)| names.contains(&option.0.as_str());
        self.0.iter().find(wanted).map(|option| &option.1)
    }

    fn text(&self, names: &[&str]) -> Option<&str> {
        self.get(names).map(|token| token.text.as_str())
    }
}

fn account(
    defaults: &Server,
    server: &Server,
    user: &User,
    context: &Context<'_>,
    document: &mut Document,
) {
    let all = user
        .options
        .iter()
        .rev()
        .chain(server.options.iter().rev())
        .chain(defaults.options.iter().rev());
    let options = Options(all.collect());
    let protocol = options
        .text(&["proto", "protocol"])
        .unwrap_or("auto")
        .to_ascii_lowercase();
    if protocol.starts_with("imap") {
        let text = format!(
            "{}: fetchmail empties an IMAP mailbox; write an IMAP account by hand",
            server.name
        );
        return document.note(server.line, &text);
    }
    let (table, name) = document.account(&server.name);
    if !["pop3", "apop", "auto"].contains(&protocol.as_str()) {
        document.cannot(
            table,
            server.line,
            &format!("protocol {protocol}: POP3 is tried in its place"),
        );
    }
    document.set_text(table, "protocol", "pop3");
    document.set_text(
        table,
        "host",
        options.text(&["via"]).unwrap_or(&server.name),
    );
    if let Some(port) = options
        .text(&["port", "service"])
        .and_then(|port| port.parse::<u16>().ok())
    {
        document.set(table, "port", port.to_string());
    }
    if options.get(&["ssl"]).is_none() {
        document.set_text(table, "tls", "starttls");
    }
    if let Some(file) = options.text(&["sslcertfile"]) {
        document.set_text(table, "tls_ca_file", &names::path(file));
    }
    document.set_text(
        table,
        "user",
        options.text(&["user", "username"]).unwrap_or("name"),
    );
    let here = (table, name.as_str());
    match options.get(&["pass", "password"]) {
        Some(token) => secret::in_clear(document, context, here, (token.line, &token.text)),
        None => secret::unknown(
            document,
            context,
            here,
            (
                user.line,
                "the password comes from ~/.netrc or the keyboard",
            ),
        ),
    }
    if protocol == "apop" {
        document.set_text(table, "auth", "apop");
    }
    document.cannot(
        table,
        user.line,
        "fetchmail hands mail to another program; mailferry delivers it into this Maildir, and hooks in Lua sort it (docs/hooks.md)",
    );
    document.set_text(
        table,
        "maildir",
        &format!("~/Mail/{}", names::account(&name)),
    );
    // fetchmail deletes what it has fetched unless told otherwise.
    if options.name(&["keep", "nokeep"]) != Some("keep") {
        document.set_text(table, "keep", "never");
    }
    limits(document, table, &options);
}

fn limits(document: &mut Document, table: TableId, options: &Options<'_>) {
    let number = |name: &str| {
        options
            .text(&[name])
            .and_then(|text| text.parse::<u64>().ok())
            .filter(|it| *it > 0)
    };
    if let Some(octets) = number("limit") {
        document.set_text(table, "max_message_size", &format!("{octets}B"));
    }
    if let Some(count) = number("fetchlimit") {
        document.set(table, "max_per_session", count.to_string());
    }
    for (name, text) in [
        ("fetchall", "only new mail is fetched"),
        (
            "flush",
            "mail that was read elsewhere is not deleted for that",
        ),
        ("preconnect", "commands around a session are not run"),
        ("postconnect", "commands around a session are not run"),
        ("plugin", "mailferry makes its connections itself"),
        (
            "sslfingerprint",
            "is the digest of a certificate; tls_pin_sha256 takes that of its key (`mailferry check` shows it)",
        ),
        (
            "nosslcertck",
            "certificates are always verified; tls_pin_sha256 takes one that nobody signed",
        ),
    ] {
        if let Some(token) = options.get(&[name]) {
            document.cannot(table, token.line, &format!("{name}: {text}"));
        }
    }
}
