//! OfflineIMAP: accounts that connect a remote and a local repository.

mod folders;

use super::document::{Document, TableId, account_header};
use super::ini::{Entry, Section, read};
use super::{Context, ImportError, names, secret, value};

pub(super) fn convert(text: &str, context: &Context<'_>) -> Result<Document, ImportError> {
    let sections = read(text)?;
    let mut document = Document::default();
    let general = sections.iter().find(|section| section.name == "general");
    let listed = general
        .and_then(|section| section.text("accounts"))
        .unwrap_or_default();
    for name in listed
        .split([',', '\n'])
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        let wanted = format!("Account {name}");
        match sections.iter().find(|section| section.name == wanted) {
            Some(section) => account(&sections, section, name, context, &mut document),
            None => document.note(0, &format!("there is no section [Account {name}]")),
        }
    }
    Ok(document)
}

fn account(
    sections: &[Section],
    section: &Section,
    name: &str,
    context: &Context<'_>,
    document: &mut Document,
) {
    let repository = |key: &str| {
        let name = format!("Repository {}", section.text(key)?);
        sections.iter().find(|section| section.name == name)
    };
    let (Some(remote), Some(local)) = (
        repository("remoterepository"),
        repository("localrepository"),
    ) else {
        document.note(
            section.line,
            &format!("account {name} does not name two repositories"),
        );
        return;
    };
    let kind = |section: &Section| {
        section
            .text("type")
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    if !matches!(kind(remote).as_str(), "imap" | "gmail")
        || !matches!(kind(local).as_str(), "maildir" | "gmailmaildir")
    {
        document.note(
            section.line,
            &format!("account {name} does not connect an IMAP server with a Maildir"),
        );
        return;
    }
    let (table, account) = document.account(name);
    server(
        document,
        (table, &account),
        remote,
        kind(remote) == "gmail",
        context,
    );
    let mut mapped = local_side(document, table, local, context);
    folders::filter(document, table, remote);
    folders::translate(document, table, (remote, local), &mut mapped);
    for entry in &section.entries {
        account_option(document, table, entry);
    }
    let part = document.table(&format!("{}.sync", account_header(&account)));
    directions(document, part, (remote, local));
    let part = document.table(&format!("{}.folders", account_header(&account)));
    for (there, here) in mapped.iter().filter(|(there, here)| there != here) {
        if !document.has(part, &value::key(there)) {
            document.set(part, there, value::text(here));
        }
    }
}

fn server(
    document: &mut Document,
    (table, account): (TableId, &str),
    remote: &Section,
    gmail: bool,
    context: &Context<'_>,
) {
    let text = |key: &str| remote.text(key);
    match text("remotehost") {
        Some(host) => document.set_text(table, "host", host),
        None if gmail => document.set_text(table, "host", "imap.gmail.com"),
        None => {
            document.cannot(table, remote.line, "the host has to stand here");
            document.set_text(table, "host", "imap.example.com");
        }
    }
    if let Some(port) = text("remoteport").and_then(|port| port.parse::<u16>().ok()) {
        document.set(table, "port", port.to_string());
    }
    // TLS is on unless it was switched off.
    let plain = remote.get("ssl").is_some_and(|entry| !entry.yes());
    if plain {
        document.set_text(table, "tls", "starttls");
    }
    if let Some(file) =
        text("sslcacertfile").filter(|file| !file.contains("/etc/ssl/") && *file != "OS-DEFAULT")
    {
        document.set_text(table, "tls_ca_file", &names::path(file));
    }
    match text("remoteuser") {
        Some(user) => document.set_text(table, "user", user),
        None => {
            document.cannot(table, remote.line, "the user's name has to stand here");
            document.set_text(table, "user", "name");
        }
    }
    password(document, (table, account), remote, context);
    if let Some(count) = text("maxconnections").and_then(|count| count.parse::<u32>().ok()) {
        // One more is needed to watch.
        document.set(table, "connections", count.clamp(2, 10).to_string());
    }
    if let Some(idle) = remote
        .get("idlefolders")
        .and_then(|entry| super::ini::quoted(&entry.value))
    {
        document.set(table, "idle", value::list(idle));
    }
    for entry in &remote.entries {
        remote_option(document, table, entry);
    }
}

fn password(
    document: &mut Document,
    (table, account): (TableId, &str),
    remote: &Section,
    context: &Context<'_>,
) {
    let here = (table, account);
    if let Some(entry) = remote.get("remotepassfile") {
        return document.set_text(table, "password_file", &names::path(&entry.value));
    }
    if let Some(entry) = remote.get("remotepass") {
        return secret::in_clear(document, context, here, (entry.line, &entry.value));
    }
    if let Some(entry) = remote.get("remotepasseval") {
        let why = format!(
            "remotepasseval is Python and cannot be carried over: {}",
            entry.value
        );
        return secret::unknown(document, context, here, (entry.line, &why));
    }
    if let Some(entry) = remote
        .entries
        .iter()
        .find(|entry| entry.key.starts_with("oauth2_"))
    {
        let why = "OAuth 2.0: use [accounts.NAME.oauth2] or token_command";
        return secret::unknown(document, context, here, (entry.line, why));
    }
    secret::unknown(
        document,
        context,
        here,
        (remote.line, "OfflineIMAP asks for the password"),
    );
}

fn remote_option(document: &mut Document, table: TableId, entry: &Entry) {
    let text = match entry.key.as_str() {
        "remotehosteval" | "remoteporteval" | "remoteusereval" => {
            "is Python and cannot be carried over"
        }
        "preauthtunnel" | "transporttunnel" => "mailferry makes its connections itself",
        "cert_fingerprint" => {
            "is the digest of a certificate; tls_pin_sha256 takes that of its key (`mailferry check` shows it)"
        }
        "subscribedonly" if entry.yes() => {
            "subscriptions play no part; `mailboxes` says what is synced"
        }
        "proxy" => "there is no proxy",
        "folderincludes" => "name the folders in `mailboxes`",
        "usecompression" if entry.yes() => {
            return document.set(table, "compress", "true".to_owned());
        }
        _ => return,
    };
    document.cannot(table, entry.line, &format!("{}: {text}", entry.key));
}

fn local_side(
    document: &mut Document,
    table: TableId,
    local: &Section,
    context: &Context<'_>,
) -> Vec<(String, String)> {
    let root = names::path(local.text("localfolders").unwrap_or("~/Maildir"));
    let root = root.trim_end_matches('/').to_owned();
    document.set_text(table, "maildir", &root);
    let separator = local.text("sep").unwrap_or(".");
    if separator == "/" {
        return Vec::new();
    }
    // What stands below another folder is one directory, with the separator in its name.
    let there = (context.folders)(&root);
    let flat: Vec<(String, String)> = there
        .iter()
        .filter(|name| {
            !name.contains('/') && name.contains(separator) && !name.starts_with(separator)
        })
        .map(|name| (name.replace(separator, "/"), name.clone()))
        .collect();
    let line = local.get("sep").map_or(local.line, |entry| entry.line);
    document.cannot(
        table,
        line,
        &format!(
            "sep = {separator}: the folders that exist with it in their name are in [accounts.*.folders]; new ones will be nested"
        ),
    );
    flat
}

fn account_option(document: &mut Document, table: TableId, entry: &Entry) {
    match entry.key.as_str() {
        "autorefresh" => {
            if let Some(minutes) = entry
                .value
                .parse::<f64>()
                .ok()
                .filter(|minutes| *minutes >= 0.1)
            {
                document.set(
                    table,
                    "poll",
                    value::text(&format!("{}s", (minutes * 60.0).round())),
                );
            }
        }
        "presynchook" | "postsynchook" => {
            let text = format!(
                "{}: a hook in Lua can run `{}` (docs/hooks.md)",
                entry.key, entry.value
            );
            document.cannot(table, entry.line, &text);
        }
        "maxage" | "maxsize" | "startdate" => document.cannot(
            table,
            entry.line,
            &format!("{}: mailferry keeps whole mailboxes", entry.key),
        ),
        _ => {}
    }
}

fn directions(document: &mut Document, part: TableId, (remote, local): (&Section, &Section)) {
    let says = |section: &Section, key: &str, yes: bool| {
        section.get(key).is_some_and(|entry| entry.yes() == yes)
    };
    if says(local, "readonly", true) {
        document.set(part, "pull", value::list(Vec::<&str>::new()));
    } else if says(local, "sync_deletes", false) || says(local, "createfolders", false) {
        let mut pull = vec!["new", "flags"];
        if !says(local, "sync_deletes", false) {
            pull.push("deletions");
        }
        if !says(local, "createfolders", false) {
            pull.push("mailboxes");
        }
        document.set(part, "pull", value::list(pull));
    }
    if says(remote, "readonly", true) {
        document.set(part, "push", value::list(Vec::<&str>::new()));
    } else if says(remote, "createfolders", false) {
        document.set(
            part,
            "push",
            value::list(["new", "flags", "deletions", "moves"]),
        );
    }
    if says(remote, "sync_deletes", false) {
        document.set_text(part, "deletions", "never");
    } else if says(remote, "expunge", false) {
        document.comment(
            part,
            "expunge = no: what is deleted here goes to the server's trash",
        );
    }
}
