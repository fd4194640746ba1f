//! mpop: `defaults` and accounts, which may inherit from each other.

use super::document::{Document, TableId};
use super::words::{Words, split};
use super::{Context, ImportError, names, secret};

/// An account's lines, those that it inherits first.
struct Block {
    name: String,
    line: usize,
    lines: Vec<Words>,
}

impl Block {
    fn get(&self, keyword: &str) -> Option<&Words> {
        self.lines
            .iter()
            .rev()
            .find(|words| words.keyword == keyword)
    }

    fn text(&self, keyword: &str) -> Option<&str> {
        self.get(keyword)
            .map(Words::first)
            .filter(|text| !text.is_empty())
    }
}

pub(super) fn convert(text: &str, context: &Context<'_>) -> Result<Document, ImportError> {
    let mut document = Document::default();
    for block in read(text)? {
        // `account default : work` only names another one.
        if block.name != "default" || block.lines.iter().any(|words| words.line > block.line) {
            account(&block, context, &mut document);
        }
    }
    Ok(document)
}

fn read(text: &str) -> Result<Vec<Block>, ImportError> {
    let mut defaults: Vec<Words> = Vec::new();
    let mut blocks: Vec<Block> = Vec::new();
    let mut in_defaults = true;
    for (number, line) in text.lines().enumerate() {
        let Some(words) = split(number + 1, line)? else {
            continue;
        };
        match words.keyword.as_str() {
            "defaults" => {
                in_defaults = true;
                defaults.clear();
            }
            "account" => {
                in_defaults = false;
                let mut lines = defaults.clone();
                for other in inherited(&words) {
                    let from = blocks.iter().find(|block| block.name == other);
                    lines.extend(from.map(|block| block.lines.clone()).unwrap_or_default());
                }
                blocks.push(Block {
                    name: words.first().trim_end_matches(':').to_owned(),
                    line: words.line,
                    lines,
                });
            }
            _ if in_defaults => defaults.push(words),
            _ => blocks
                .last_mut()
                .map_or(&mut defaults, |block| &mut block.lines)
                .push(words),
        }
    }
    Ok(blocks)
}

/// What `account NAME : OTHER, ...` inherits from.
fn inherited(words: &Words) -> Vec<String> {
    let rest = words.arguments.join(" ");
    let others = rest.split_once(':').map_or("", |(_, others)| others);
    others
        .split([',', ' '])
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn account(block: &Block, context: &Context<'_>, document: &mut Document) {
    let Some(host) = block.text("host") else {
        document.note(block.line, &format!("account {} has no host", block.name));
        return;
    };
    let (table, name) = document.account(&block.name);
    document.set_text(table, "protocol", "pop3");
    document.set_text(table, "host", host);
    if let Some(port) = block.text("port").and_then(|port| port.parse::<u16>().ok()) {
        document.set(table, "port", port.to_string());
    }
    tls(document, table, block);
    document.set_text(table, "user", block.text("user").unwrap_or("name"));
    let here = (table, name.as_str());
    match (block.text("passwordeval"), block.get("password")) {
        (Some(command), _) => secret::by_command(document, table, command),
        (None, Some(words)) => {
            secret::in_clear(document, context, here, (words.line, words.first()));
        }
        (None, None) => secret::unknown(
            document,
            context,
            here,
            (
                block.line,
                "the password comes from a keyring, ~/.netrc or the keyboard",
            ),
        ),
    }
    delivery(document, table, block);
    // mpop keeps mail unless told otherwise, and so do we.
    if block
        .get("keep")
        .is_some_and(|words| words.first() == "off")
    {
        document.set_text(table, "keep", "never");
    }
    if let Some(kib) = block
        .text("skipsize")
        .and_then(|size| size.parse::<u64>().ok())
    {
        document.set_text(table, "max_message_size", &format!("{kib}KiB"));
    }
    for words in &block.lines {
        other(document, table, words);
    }
}

fn tls(document: &mut Document, table: TableId, block: &Block) {
    let on = block.get("tls").is_some_and(Words::yes);
    let upgraded = block.get("tls_starttls").is_none_or(Words::yes);
    if !on {
        document.comment(
            table,
            "The program spoke in the clear; TLS is asked for here.",
        );
    }
    if !on || upgraded {
        document.set_text(table, "tls", "starttls");
    }
    if let Some(file) = block
        .text("tls_trust_file")
        .filter(|file| *file != "system" && !file.starts_with("/etc/ssl/"))
    {
        document.set_text(table, "tls_ca_file", &names::path(file));
    }
}

/// mpop delivers into the Maildir itself, which `layout = "maildir++"` calls INBOX.
fn delivery(document: &mut Document, table: TableId, block: &Block) {
    let words = block.get("delivery");
    let maildir = words
        .filter(|words| words.first() == "maildir")
        .and_then(|words| words.arguments.get(1));
    match maildir {
        Some(path) => {
            document.set_text(table, "maildir", names::path(path).trim_end_matches('/'));
            document.set_text(table, "layout", "maildir++");
        }
        None => {
            let line = words.map_or(block.line, |words| words.line);
            document.cannot(table, line, "mail is delivered into a Maildir only");
            document.set_text(
                table,
                "maildir",
                &format!("~/Mail/{}", names::account(&block.name)),
            );
        }
    }
}

fn other(document: &mut Document, table: TableId, words: &Words) {
    let text = match words.keyword.as_str() {
        "killsize" => {
            "messages that are too large are never deleted unread; max_message_size leaves them on the server"
        }
        "filter" => "a hook in Lua can do it (docs/hooks.md)",
        "tls_fingerprint" => {
            "is the digest of a certificate; tls_pin_sha256 takes that of its key (`mailferry check` shows it)"
        }
        "tls_certcheck" if !words.yes() => {
            "certificates are always verified; tls_pin_sha256 takes one that nobody signed"
        }
        "proxy_host" | "socket" | "source_ip" => "mailferry makes its connections itself",
        "auth" if words.first() == "apop" => return document.set_text(table, "auth", "apop"),
        "auth" if ["on", "user", "plain"].contains(&words.first()) => return,
        "auth" => "mailferry chooses the mechanism itself",
        "only_new" if !words.yes() => "only new mail is fetched",
        "timeout" => return document.set_text(table, "timeout", &format!("{}s", words.first())),
        _ => return,
    };
    document.cannot(table, words.line, &format!("{}: {text}", words.keyword));
}
