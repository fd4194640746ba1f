//! goimapnotify: JSON up to 2.3, YAML since. It syncs nothing by itself: its commands say what does.

use yaml_rust2::{Yaml, YamlLoader};

use super::document::{Document, TableId};
use super::{Context, ImportError, names, secret, value};

/// What runs when mail comes, changes or goes.
const COMMANDS: [(&str, &str); 6] = [
    ("onNewMail", "new"),
    ("onNewMailPost", "new"),
    ("onChangedMail", "changed"),
    ("onChangedMailPost", "changed"),
    ("onDeletedMail", "deleted"),
    ("onDeletedMailPost", "deleted"),
];
/// Programs that bring the mail, which we do.
const SYNCING: [&str; 6] = [
    "mbsync",
    "offlineimap",
    "isync",
    "getmail",
    "mpop",
    "fetchmail",
];

pub(super) fn convert(text: &str, context: &Context<'_>) -> Result<Document, ImportError> {
    let documents = YamlLoader::load_from_str(text).map_err(|error| ImportError::Line {
        line: error.marker().line(),
        message: "is neither JSON nor YAML".to_owned(),
    })?;
    let mut document = Document::default();
    for root in &documents {
        let listed = root["configurations"].as_vec().or_else(|| root.as_vec());
        let alone = std::slice::from_ref(root);
        for one in listed.map_or(alone, Vec::as_slice) {
            account(one, text, context, &mut document);
        }
    }
    Ok(document)
}

/// The line on which a key first stands.
fn line_of(text: &str, key: &str) -> usize {
    let has = |line: &str| {
        line.match_indices(key).any(|(at, _)| {
            let rest = line.get(at + key.len()..).unwrap_or_default();
            rest.trim_start_matches(['"', '\''])
                .trim_start()
                .starts_with(':')
        })
    };
    text.lines().position(has).map_or(1, |at| at + 1)
}

fn account(one: &Yaml, text: &str, context: &Context<'_>, document: &mut Document) {
    let Some(host) = one["host"].as_str() else {
        let what = if one["hostCMD"].is_badvalue() {
            "an entry has no host"
        } else {
            "hostCMD: the host has to stand in the file"
        };
        return document.note(line_of(text, "hostCMD"), what);
    };
    let name = one["alias"]
        .as_str()
        .filter(|alias| !alias.is_empty())
        .unwrap_or(context.stem);
    let (table, name) = document.account(name);
    document.set_text(table, "host", host);
    if let Some(port) = one["port"].as_i64() {
        document.set(table, "port", port.to_string());
    }
    let starttls = one["tlsOptions"]["starttls"].as_bool() == Some(true);
    if starttls || one["tls"].as_bool() == Some(false) {
        document.set_text(table, "tls", "starttls");
    }
    if one["tlsOptions"]["rejectUnauthorized"].as_bool() == Some(false) {
        document.cannot(
            table,
            line_of(text, "rejectUnauthorized"),
            "certificates are always verified; tls_pin_sha256 takes one that nobody signed",
        );
    }
    document.set_text(table, "user", one["username"].as_str().unwrap_or("name"));
    login(one, text, context, (table, &name), document);
    document.cannot(
        table,
        line_of(text, "boxes"),
        "goimapnotify keeps no mail; this has to be the Maildir that its commands fill",
    );
    document.set_text(table, "maildir", &format!("~/Mail/{name}"));
    boxes(&one["boxes"], table, document);
    commands(one, &name, text, document);
}

fn login(
    one: &Yaml,
    text: &str,
    context: &Context<'_>,
    (table, name): (TableId, &str),
    document: &mut Document,
) {
    let here = (table, name);
    if one["xoAuth2"].as_bool() == Some(true) {
        let why = "xoAuth2: use [accounts.NAME.oauth2] or token_command";
        return secret::unknown(document, context, here, (line_of(text, "xoAuth2"), why));
    }
    match (one["passwordCMD"].as_str(), one["password"].as_str()) {
        (Some(command), _) => secret::by_command(document, table, command),
        (None, Some(password)) => {
            secret::in_clear(
                document,
                context,
                here,
                (line_of(text, "password"), password),
            );
        }
        (None, None) => {
            let why = "there is no password";
            secret::unknown(document, context, here, (line_of(text, "username"), why));
        }
    }
}

/// The mailboxes that it watched are those that IDLE is for, where there is no NOTIFY; all of them are synced.
fn boxes(boxes: &Yaml, table: TableId, document: &mut Document) {
    let name = |one: &Yaml| {
        one.as_str()
            .or_else(|| one["mailbox"].as_str())
            .map(str::to_owned)
    };
    let watched: Vec<String> = boxes
        .as_vec()
        .map(|boxes| boxes.iter().filter_map(name).collect())
        .unwrap_or_default();
    let usual = watched.iter().all(|name| names::is_inbox(name));
    if !usual {
        document.set(table, "idle", value::list(&watched));
        document.set(
            table,
            "connections",
            (watched.len() + 1).clamp(3, 10).to_string(),
        );
    }
}

fn commands(one: &Yaml, account: &str, text: &str, document: &mut Document) {
    let in_boxes = one["boxes"].as_vec().map_or(&[][..], Vec::as_slice);
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for place in std::iter::once(one).chain(in_boxes) {
        for (key, event) in COMMANDS {
            let Some(command) = place[key]
                .as_str()
                .filter(|it| !it.is_empty() && *it != "SKIP")
            else {
                continue;
            };
            if !seen.contains(&(event, command)) {
                seen.push((event, command));
                hook(document, account, (key, event, line_of(text, key)), command);
            }
        }
    }
}

fn hook(
    document: &mut Document,
    account: &str,
    (key, event, line): (&str, &str, usize),
    command: &str,
) {
    let first = command.split_whitespace().next().unwrap_or_default();
    let program = first.rsplit('/').next().unwrap_or_default();
    if SYNCING.contains(&program) {
        let text = format!("{key} `{command}` is not needed: mailferry brings the mail itself");
        return document.note(line, &text);
    }
    let table = document.table("[hooks]");
    let plugin = match program {
        "notmuch" => "notmuch",
        "mu" => "mu",
        _ => "command",
    };
    document.set_text(table, "plugin", plugin);
    document.set(table, "accounts", value::list([account]));
    document.set(table, "allow", value::list(["exec"]));
    if plugin == "command" {
        let command = value::list(secret::command(command));
        document.set(table, "options", format!("{{ {event} = {command} }}"));
    }
}
