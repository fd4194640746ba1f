//! Channels: which mailboxes, and in which directions.

use super::super::document::{Document, TableId, account_header};
use super::super::words::Words;
use super::super::{Context, ImportError, names, value};
use super::{File, Kind, Section, server, store};

/// An IMAP store and a Maildir store with the channels between them.
pub(super) struct Pair<'a> {
    far: String,
    near: String,
    channels: Vec<Channel<'a>>,
}

/// One channel.
struct Channel<'a> {
    section: &'a Section,
    /// The mailbox on the server, or what stands in front of the patterns' names there.
    far: String,
    /// The same here.
    near: String,
}

/// Reads a channel into the pair that it belongs to.
///
/// # Errors
/// A side that is missing.
pub(super) fn read<'a>(
    file: &File,
    section: &'a Section,
    pairs: &mut Vec<Pair<'a>>,
    document: &mut Document,
) -> Result<(), ImportError> {
    let side = |words: &[&str]| {
        section
            .any(words)
            .and_then(|words| place(words.first()))
            .ok_or_else(|| ImportError::Line {
                line: section.line,
                message: format!("channel {} has no {}", section.name, words.join(" or ")),
            })
    };
    let (far, far_box) = side(&["far", "master"])?;
    let (near, near_box) = side(&["near", "slave"])?;
    let is_imap = |name: &str| file.find(&[Kind::ImapStore], name).is_some();
    let is_local = |name: &str| file.find(&[Kind::MaildirStore], name).is_some();
    let channel = |far: &str, near: &str| Channel {
        section,
        far: far.to_owned(),
        near: near.to_owned(),
    };
    let (far, near, channel) = match (
        is_imap(&far),
        is_local(&near),
        is_local(&far),
        is_imap(&near),
    ) {
        (true, true, _, _) => (far, near, channel(&far_box, &near_box)),
        (_, _, true, true) => (near, far, channel(&near_box, &far_box)),
        _ => {
            let text = format!(
                "channel {} does not connect an IMAP store with a Maildir store",
                section.name
            );
            document.note(section.line, &text);
            return Ok(());
        }
    };
    match pairs
        .iter_mut()
        .find(|pair| pair.far == far && pair.near == near)
    {
        Some(pair) => pair.channels.push(channel),
        None => pairs.push(Pair {
            far,
            near,
            channels: vec![channel],
        }),
    }
    Ok(())
}

/// Takes `:store:mailbox` apart.
fn place(text: &str) -> Option<(String, String)> {
    let (store, mailbox) = text.strip_prefix(':')?.split_once(':')?;
    (!store.is_empty()).then(|| (store.to_owned(), mailbox.to_owned()))
}

/// Writes the account of a pair.
pub(super) fn write(file: &File, pair: &Pair<'_>, context: &Context<'_>, document: &mut Document) {
    let Some((remote, connection)) = store::remote(file, &pair.far) else {
        document.note(0, &format!("store {} has no account", pair.far));
        return;
    };
    let Some(local) = file.find(&[Kind::MaildirStore], &pair.near) else {
        return;
    };
    let name = match remote.get("account") {
        Some(words) => words.first(),
        None => &pair.far,
    };
    let (table, account) = document.account(name);
    server::write(document, (table, &account), connection, context);
    let mut folders = store::write(document, table, local, context);
    let prefix = prefix(remote);
    remote_options(document, table, remote, &mut folders);
    let mut rules = Vec::new();
    for channel in &pair.channels {
        mailboxes(document, table, channel, &prefix, &mut rules, &mut folders);
    }
    if !rules.is_empty() && rules != ["*"] {
        document.set(table, "mailboxes", value::list(&rules));
    }
    directions(file, pair, document, (table, &account), remote);
    write_folders(document, &account, &folders);
}

fn write_folders(document: &mut Document, account: &str, folders: &[(String, String)]) {
    let table = document.table(&format!("{}.folders", account_header(account)));
    for (there, here) in folders {
        if there != here && !document.has(table, &value::key(there)) {
            document.set(table, there, value::text(here));
        }
    }
}

/// What stands in front of all names of a store on the server; INBOX. and the like are found by NAMESPACE.
fn prefix(remote: &Section) -> String {
    let path = remote.get("path").map_or("", |words| words.first());
    let bare = path.trim_end_matches(['/', '.']);
    if names::is_inbox(bare) {
        String::new()
    } else {
        path.to_owned()
    }
}

fn remote_options(
    document: &mut Document,
    table: TableId,
    remote: &Section,
    folders: &mut Vec<(String, String)>,
) {
    for words in &remote.lines {
        match words.keyword.as_str() {
            "mapinbox" => folders.push(("INBOX".to_owned(), words.first().to_owned())),
            "usenamespace" if words.yes() => {}
            "usenamespace" => document.cannot(
                table,
                words.line,
                "mailferry goes by the server's NAMESPACE; disable_extensions = [\"NAMESPACE\"] ignores it",
            ),
            "subscribedonly" if words.yes() => document.cannot(
                table,
                words.line,
                "subscriptions play no part; `mailboxes` says what is synced",
            ),
            "trashremotenew" | "trashnewonly" => document.cannot(
                table,
                words.line,
                "what is deleted here goes to the server's trash",
            ),
            "flatten" => document.cannot(
                table,
                words.line,
                "Flatten of an IMAP store cannot be carried over: name the folders in [accounts.*.folders]",
            ),
            "maxsize" => document.cannot(table, words.line, &store::unknown("maxsize")),
            _ => {}
        }
    }
}

fn mailboxes(
    document: &mut Document,
    table: TableId,
    channel: &Channel<'_>,
    prefix: &str,
    rules: &mut Vec<String>,
    folders: &mut Vec<(String, String)>,
) {
    let patterns: Vec<&Words> = channel
        .section
        .lines
        .iter()
        .filter(|words| ["pattern", "patterns"].contains(&words.keyword.as_str()))
        .collect();
    if patterns.is_empty() {
        let there = match channel.far.as_str() {
            "" => "INBOX".to_owned(),
            name if names::is_inbox(name) => "INBOX".to_owned(),
            name => format!("{prefix}{name}"),
        };
        let here = if channel.near.is_empty() {
            "INBOX"
        } else {
            &channel.near
        };
        if names::is_pattern(&there) {
            document.cannot(
                table,
                channel.section.line,
                &format!("{there} reads as a pattern in `mailboxes`"),
            );
        }
        push(rules, there.clone());
        let same = there == here || (names::is_inbox(&there) && names::is_inbox(here));
        if !same {
            folders.push((there, here.to_owned()));
        }
        return;
    }
    let front = format!("{prefix}{}", channel.far);
    if front != channel.near {
        document.cannot(
            table,
            channel.section.line,
            &format!(
                "channel {}: names begin with \"{front}\" there and with \"{}\" here; name each folder in [accounts.*.folders]",
                channel.section.name, channel.near
            ),
        );
    }
    for pattern in patterns.iter().flat_map(|words| &words.arguments) {
        let rule = match pattern.strip_prefix('!') {
            Some(rest) => format!("!{front}{rest}"),
            None if names::is_inbox(pattern) => "INBOX".to_owned(),
            None => format!("{front}{pattern}"),
        };
        push(rules, rule);
    }
}

/// The last rule that matches decides there as here, so a rule that comes again moves to the end.
fn push(rules: &mut Vec<String>, rule: String) {
    rules.retain(|other| *other != rule);
    rules.push(rule);
}

/// The operations of a channel, as its own lines or the global ones say.
fn directions(
    file: &File,
    pair: &Pair<'_>,
    document: &mut Document,
    (table, account): (TableId, &str),
    remote: &Section,
) {
    let Some(first) = pair.channels.first() else {
        return;
    };
    let lines = |keyword: &str| {
        let own = first.section.get(keyword);
        own.or_else(|| file.global.get(keyword))
    };
    for other in pair.channels.iter().skip(1) {
        for words in &other.section.lines {
            let matters = ["sync", "create", "remove", "expunge"].contains(&words.keyword.as_str());
            let same = lines(&words.keyword).is_some_and(|own| own.arguments == words.arguments);
            if matters && !same {
                document.cannot(
                    table,
                    words.line,
                    &format!(
                        "channel {}: `{}` holds for the whole account; that of channel {} was taken",
                        other.section.name, words.keyword, first.section.name
                    ),
                );
            }
        }
    }
    for channel in &pair.channels {
        for words in &channel.section.lines {
            if ["maxsize", "maxmessages", "expireunread"].contains(&words.keyword.as_str()) {
                document.cannot(table, words.line, &store::unknown(&words.keyword));
            }
        }
    }
    let part = document.table(&format!("{}.sync", account_header(account)));
    let (pull, push) = operations(lines("sync"), lines("create"), lines("remove"));
    let all_pull = ["new", "flags", "deletions", "mailboxes"];
    let all_push = ["new", "flags", "deletions", "moves", "mailboxes"];
    if pull != all_pull {
        document.set(part, "pull", value::list(&pull));
    }
    if push != all_push {
        document.set(part, "push", value::list(&push));
    }
    let expunge = lines("expunge");
    let far = expunge.is_some_and(|words| says(words, &["far", "both", "master"]));
    if !far {
        let line = expunge.map_or(first.section.line, |words| words.line);
        document.cannot(
            part,
            line,
            "mbsync was told to expunge nothing on the server; deletions = \"trash\" would move what is deleted here to its trash",
        );
        document.set_text(part, "deletions", "never");
    } else if remote.get("trash").is_none() {
        document.set_text(part, "deletions", "expunge");
    }
}

fn says(words: &Words, wanted: &[&str]) -> bool {
    words
        .arguments
        .iter()
        .any(|word| wanted.iter().any(|it| word.eq_ignore_ascii_case(it)))
}

/// What goes here and what goes there.
fn operations<'s>(
    sync: Option<&Words>,
    create: Option<&Words>,
    remove: Option<&Words>,
) -> (Vec<&'s str>, Vec<&'s str>) {
    let flags: Vec<String> = sync.map_or_else(Vec::new, |words| {
        words
            .arguments
            .iter()
            .map(|word| word.to_ascii_lowercase())
            .collect()
    });
    let types = [
        ("new", &["new"][..]),
        ("flags", &["flags"][..]),
        ("deletions", &["delete", "gone"][..]),
    ];
    let directions = |name: &str| flags.iter().any(|flag| flag == name);
    let everything = sync.is_none() || directions("all") || directions("full");
    let none = directions("none");
    let is_compound = |flag: &&String| {
        ["pull", "push"]
            .iter()
            .any(|way| flag.starts_with(way) && flag.len() > way.len())
    };
    let compound = flags.iter().any(|flag| is_compound(&flag));
    let any_way = directions("pull") || directions("push");
    let any_type = types
        .iter()
        .any(|(_, names)| names.iter().any(|name| directions(name)))
        || ["renew", "old", "upgrade"]
            .iter()
            .any(|name| directions(name));
    let cell = |way: &str, names: &[&str]| {
        if everything {
            return true;
        }
        let own = names.iter().any(|name| directions(&format!("{way}{name}")));
        let by_type = names.iter().any(|name| directions(name));
        if none {
            false
        } else if compound {
            own || by_type || directions(way)
        } else {
            (by_type || !any_type) && (directions(way) || !any_way)
        }
    };
    let makes =
        |words: Option<&Words>, wanted: &[&str]| words.is_some_and(|words| says(words, wanted));
    let of = |way: &str| -> Vec<&'s str> {
        types
            .iter()
            .filter(|(_, names)| cell(way, names))
            .map(|(ours, _)| *ours)
            .collect()
    };
    let (mut pull, mut push) = (of("pull"), of("push"));
    if push.len() == types.len() {
        push.push("moves");
    }
    if makes(create, &["near", "both", "slave"]) || makes(remove, &["near", "both", "slave"]) {
        pull.push("mailboxes");
    }
    if makes(create, &["far", "both", "master"]) || makes(remove, &["far", "both", "master"]) {
        push.push("mailboxes");
    }
    (pull, push)
}
