//! getmail 6: one retriever and one destination for each file.

use super::document::{Document, TableId, account_header};
use super::ini::{Entry, Section, quoted, read};
use super::{Context, ImportError, names, secret, value};

pub(super) fn convert(text: &str, context: &Context<'_>) -> Result<Document, ImportError> {
    let sections = read(text)?;
    let find = |name: &str| sections.iter().find(|section| section.name == name);
    let mut document = Document::default();
    let Some(retriever) = find("retriever") else {
        return Err(ImportError::Empty);
    };
    let kind = retriever.text("type").unwrap_or_default();
    let (table, account) = document.account(name(context.stem));
    let imap = kind.contains("IMAP");
    if kind.contains("Multidrop") || kind.contains("SDPS") {
        document.cannot(
            table,
            retriever.line,
            &format!("{kind}: mail of many users in one mailbox is not sorted"),
        );
    }
    if !imap {
        document.set_text(table, "protocol", "pop3");
    }
    server(&mut document, (table, &account), retriever, kind, context);
    destination(&mut document, table, find("destination"), imap);
    let part = options(&mut document, (table, &account), find("options"), imap);
    if let Some(part) = part {
        document.set(part, "push", value::list(Vec::<&str>::new()));
    }
    for section in sections
        .iter()
        .filter(|section| section.name.starts_with("filter"))
    {
        document.cannot(
            table,
            section.line,
            &format!(
                "[{}]: a hook in Lua can do it (docs/hooks.md)",
                section.name
            ),
        );
    }
    Ok(document)
}

/// What the file's name says of the account: `getmailrc-old` is "old".
fn name(stem: &str) -> &str {
    let rest = stem.strip_prefix("getmailrc").unwrap_or(stem);
    match rest.trim_matches(['-', '_', '.']) {
        "" => "getmail",
        name => name,
    }
}

fn server(
    document: &mut Document,
    (table, account): (TableId, &str),
    retriever: &Section,
    kind: &str,
    context: &Context<'_>,
) {
    document.set_text(
        table,
        "host",
        retriever.text("server").unwrap_or("mail.example.com"),
    );
    if let Some(port) = retriever
        .text("port")
        .and_then(|port| port.parse::<u16>().ok())
    {
        document.set(table, "port", port.to_string());
    }
    if !kind.contains("SSL") {
        document.comment(
            table,
            "The program spoke in the clear; TLS is asked for here.",
        );
        document.set_text(table, "tls", "starttls");
    }
    if let Some(file) = retriever.text("ca_certs") {
        document.set_text(table, "tls_ca_file", &names::path(file));
    }
    document.set_text(table, "user", retriever.text("username").unwrap_or("name"));
    let here = (table, account);
    let command = retriever
        .get("password_command")
        .and_then(|entry| quoted(&entry.value));
    match (command, retriever.get("password")) {
        (Some(words), _) => document.set(table, "password_command", value::list(words)),
        (None, Some(entry)) => {
            secret::in_clear(document, context, here, (entry.line, &entry.value));
        }
        (None, None) => {
            secret::unknown(
                document,
                context,
                here,
                (retriever.line, "getmail asks for the password"),
            );
        }
    }
    let odd = [
        "use_xoauth2",
        "use_kerberos",
        "use_apop",
        "keyfile",
        "certfile",
        "record_mailbox",
        "move_on_delete",
    ];
    for entry in retriever
        .entries
        .iter()
        .filter(|entry| odd.contains(&entry.key.as_str()))
    {
        other(document, table, entry);
    }
    if let Some(entry) = retriever.get("mailboxes") {
        match quoted(&entry.value) {
            Some(texts) if !texts.is_empty() => {
                document.set(table, "mailboxes", value::list(texts));
            }
            _ => document.comment(table, "All mailboxes, as before."),
        }
    } else if kind.contains("IMAP") {
        document.set(table, "mailboxes", value::list(["INBOX"]));
    }
}

fn other(document: &mut Document, table: TableId, entry: &Entry) {
    match entry.key.as_str() {
        "use_apop" if entry.yes() => document.set_text(table, "auth", "apop"),
        "use_apop" => {}
        "use_xoauth2" if !entry.yes() => {}
        "use_xoauth2" => document.cannot(
            table,
            entry.line,
            "OAuth 2.0: use [accounts.NAME.oauth2] or token_command",
        ),
        key => document.cannot(table, entry.line, &format!("{key} has nothing like it")),
    }
}

/// getmail delivers into the Maildir itself, which `layout = "maildir++"` calls INBOX.
fn destination(document: &mut Document, table: TableId, section: Option<&Section>, imap: bool) {
    let maildir = section.filter(|section| section.text("type") == Some("Maildir"));
    match maildir.and_then(|section| section.text("path")) {
        Some(path) => {
            document.set_text(table, "maildir", names::path(path).trim_end_matches('/'));
            document.set_text(table, "layout", "maildir++");
        }
        None => {
            let line = section.map_or(0, |section| section.line);
            document.cannot(table, line, "mail is delivered into a Maildir only");
            document.set_text(
                table,
                "maildir",
                if imap { "~/Mail/imap" } else { "~/Mail/pop3" },
            );
        }
    }
}

/// Writes the options; the table of directions for IMAP, from which getmail only fetches.
fn options(
    document: &mut Document,
    (table, account): (TableId, &str),
    section: Option<&Section>,
    imap: bool,
) -> Option<TableId> {
    let entries = section.map_or(&[][..], |section| &section.entries);
    let text = |key: &str| section.and_then(|section| section.text(key));
    let number = |key: &str| {
        text(key)
            .and_then(|text| text.parse::<u64>().ok())
            .filter(|number| *number > 0)
    };
    if imap {
        if let Some(entry) = entries.iter().find(|entry| entry.key.starts_with("delete")) {
            document.cannot(
                table,
                entry.line,
                "mail is not deleted from an IMAP server after it was fetched",
            );
        }
        return Some(document.table(&format!("{}.sync", account_header(account))));
    }
    if let Some(days) = number("delete_after") {
        document.set_text(table, "keep", &format!("{days}d"));
    } else if section
        .and_then(|section| section.get("delete"))
        .is_some_and(Entry::yes)
    {
        document.set_text(table, "keep", "never");
    }
    if let Some(size) = number("max_message_size") {
        document.set_text(table, "max_message_size", &format!("{size}B"));
    }
    if let Some(count) = number("max_messages_per_session") {
        document.set(table, "max_per_session", count.to_string());
    }
    for entry in entries.iter().filter(|entry| {
        ["max_bytes_per_session", "delete_bigger_than", "message_log"].contains(&entry.key.as_str())
    }) {
        document.cannot(
            table,
            entry.line,
            &format!("{} has nothing like it", entry.key),
        );
    }
    None
}
