//! folderfilter and nametrans, where they say something simple.

use super::super::document::{Document, TableId};
use super::super::ini::{Section, quoted};
use super::super::{names, value};

/// Rules for mailboxes out of `folderfilter = lambda f: f in [...]` and `f not in [...]`.
pub(super) fn filter(document: &mut Document, table: TableId, remote: &Section) {
    let Some(entry) = remote.get("folderfilter") else {
        return;
    };
    let parsed = body(&entry.value).and_then(|(name, body)| {
        let rest = body.strip_prefix(name)?.trim_start();
        let (leave_out, rest) = match rest.strip_prefix("not in") {
            Some(rest) => (true, rest),
            None => (false, rest.strip_prefix("in")?),
        };
        let rest = rest.trim();
        let inner = rest
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .or_else(|| {
                rest.strip_prefix('(')
                    .and_then(|rest| rest.strip_suffix(')'))
            })?;
        let plain = without_quoted(inner)
            .chars()
            .all(|it| it.is_whitespace() || it == ',');
        let texts = quoted(inner)?;
        (plain && !texts.iter().any(|text| names::is_pattern(text))).then_some((leave_out, texts))
    });
    match parsed {
        Some((true, texts)) => {
            let rules =
                std::iter::once("*".to_owned()).chain(texts.iter().map(|text| format!("!{text}")));
            document.set(table, "mailboxes", value::list(rules));
        }
        Some((false, texts)) => document.set(table, "mailboxes", value::list(texts)),
        None => document.cannot(
            table,
            entry.line,
            &format!(
                "folderfilter is Python; say it in `mailboxes`: {}",
                one_line(&entry.value)
            ),
        ),
    }
}

/// Names that differ, out of `nametrans = lambda f: {...}.get(f, f)`.
pub(super) fn translate(
    document: &mut Document,
    table: TableId,
    (remote, local): (&Section, &Section),
    folders: &mut Vec<(String, String)>,
) {
    for (section, from_server) in [(remote, true), (local, false)] {
        let Some(entry) = section.get("nametrans") else {
            continue;
        };
        let pairs = pairs(&entry.value);
        match pairs {
            Some(pairs) => folders.extend(pairs.into_iter().map(|(from, to)| {
                if from_server { (from, to) } else { (to, from) }
            })),
            None if is_namespace(&entry.value) => {}
            None => document.cannot(
                table,
                entry.line,
                &format!(
                    "nametrans is Python; name the folders that differ in [accounts.*.folders]: {}",
                    one_line(&entry.value)
                ),
            ),
        }
    }
}

/// Whether it only takes `INBOX.` away or puts it in front, which NAMESPACE does for us.
fn is_namespace(python: &str) -> bool {
    let Some(texts) = quoted(python) else {
        return false;
    };
    let bare = |text: &String| {
        text.trim_matches(['^', '/', '.', '\\'])
            .to_ascii_uppercase()
    };
    python.contains("re.sub")
        && texts
            .iter()
            .all(|text| matches!(bare(text).as_str(), "" | "INBOX"))
}

fn pairs(python: &str) -> Option<Vec<(String, String)>> {
    let (name, body) = body(python)?;
    let (dictionary, rest) = body.strip_prefix('{')?.split_once('}')?;
    let arguments = rest.trim().strip_prefix(".get(")?.strip_suffix(')')?;
    let same = arguments.split(',').map(str::trim).eq([name, name]);
    let plain = without_quoted(dictionary)
        .chars()
        .all(|it| it.is_whitespace() || it == ',' || it == ':');
    let texts = quoted(dictionary)?;
    if !same || !plain || texts.len() % 2 != 0 {
        return None;
    }
    let mut texts = texts.into_iter();
    let mut pairs = Vec::new();
    while let (Some(from), Some(to)) = (texts.next(), texts.next()) {
        pairs.push((from, to));
    }
    Some(pairs)
}

/// The argument of a lambda, and what it gives.
fn body(python: &str) -> Option<(&str, &str)> {
    let (name, body) = python.trim().strip_prefix("lambda")?.split_once(':')?;
    Some((name.trim(), body.trim()))
}

/// What is left without the texts in quotes.
fn without_quoted(python: &str) -> String {
    let mut left = String::new();
    let mut inside = None;
    for character in python.chars() {
        match (inside, character) {
            (None, '\'' | '"') => inside = Some(character),
            (None, other) => left.push(other),
            (Some(quote), other) if quote == other => inside = None,
            (Some(_), _) => {}
        }
    }
    left
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
