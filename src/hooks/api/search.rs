//! `mailferry.search{mailbox = ..., from = ..., older_than = ..., flags = {...}}` and `mailferry.mailboxes()`.

use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use mlua::{Error, Lua, Result, Table, Value};

use super::super::query::{Field, Query};
use super::super::shelf::ShelfError;
use super::message::{Message, mailbox};
use super::sets::Set;
use super::{Desk, time_of, values};
use crate::mail::{Flags, MailboxName};

/// The most messages that are looked at.
const MOST: usize = 500_000;
/// How long listing a mailbox may take; it does not count as the handler's time.
const LISTING: Duration = Duration::from_secs(30);

const KEYS: [&str; 14] = [
    "mailbox",
    "from",
    "to",
    "cc",
    "subject",
    "list_id",
    "message_id",
    "header",
    "older_than",
    "newer_than",
    "larger",
    "smaller",
    "flags",
    "without_flags",
];

pub(super) fn install(lua: &Lua, desk: &Rc<Desk>, table: &Table) -> Result<()> {
    let shared = Rc::clone(desk);
    let search = move |_: &Lua, what: Option<Table>| {
        let Some(what) = what else {
            return find(&shared, &Query::default(), all(&shared)?);
        };
        let query = query(&what)?;
        let mailboxes = mailboxes(&shared, &what.get("mailbox")?)?;
        find(&shared, &query, mailboxes)
    };
    table.set("search", lua.create_function(search)?)?;
    let shared = Rc::clone(desk);
    let names = move |_: &Lua, ()| {
        let names = all(&shared)?;
        Ok(names
            .iter()
            .map(|name| name.as_str().to_owned())
            .collect::<Vec<_>>())
    };
    table.set("mailboxes", lua.create_function(names)?)
}

fn find(desk: &Rc<Desk>, query: &Query, mailboxes: Vec<MailboxName>) -> Result<Set> {
    let mut found = Vec::new();
    let mut seen = 0;
    for name in mailboxes {
        let list = desk.clock.pause(LISTING, || match &desk.shelf {
            Some(shelf) => shelf.messages(&name),
            None => Ok(Vec::new()),
        });
        for subject in list.map_err(unlisted)? {
            seen += 1;
            if seen > MOST {
                return Err(Error::runtime("a search looks at too many messages"));
            }
            desk.in_time()?;
            if subject.local.is_none() || !query.takes_stored(&subject) {
                continue;
            }
            let message = Message::new(desk, subject);
            if query.takes_written(|| message.letter()) {
                found.push(message);
            }
        }
    }
    Ok(Set(found))
}

fn all(desk: &Desk) -> Result<Vec<MailboxName>> {
    desk.clock.pause(LISTING, || match &desk.shelf {
        Some(shelf) => shelf.mailboxes().map_err(unlisted),
        None => Ok(Vec::new()),
    })
}

fn unlisted(error: ShelfError) -> Error {
    Error::runtime(format!("stored mail cannot be listed: {error}"))
}

/// The mailboxes that a name, a pattern with `*`, or a list of these means; all without one.
fn mailboxes(desk: &Desk, value: &Value) -> Result<Vec<MailboxName>> {
    let patterns: Vec<String> = match value {
        Value::Nil => return all(desk),
        Value::String(name) => vec![name.to_string_lossy()],
        Value::Table(list) => list.sequence_values().collect::<Result<_>>()?,
        _ => {
            return Err(Error::runtime(
                "mailferry.search: mailbox is a name or a list",
            ));
        }
    };
    let mut wanted = Vec::new();
    for pattern in patterns {
        if pattern.contains('*') {
            let known = all(desk)?;
            wanted.extend(
                known
                    .into_iter()
                    .filter(|name| fits(&pattern, name.as_str())),
            );
        } else {
            wanted.push(mailbox(&pattern)?);
        }
    }
    wanted.sort();
    wanted.dedup();
    Ok(wanted)
}

/// Whether a name fits a pattern in which `*` stands for anything.
fn fits(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut last = None;
    for piece in pieces {
        if let Some(before) = last.replace(piece) {
            match rest.split_once(before) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}

fn query(what: &Table) -> Result<Query> {
    values::only(what, "mailferry.search", &KEYS)?;
    let now = Timestamp::now().as_second();
    let mut query = Query {
        before: age(what, "older_than")?.map(|age| now.saturating_sub(age)),
        after: age(what, "newer_than")?.map(|age| now.saturating_sub(age)),
        larger: what.get("larger")?,
        smaller: what.get("smaller")?,
        flags: words(what, "flags")?,
        without: words(what, "without_flags")?,
        written: Vec::new(),
    };
    let headers = ["From", "To", "Cc", "Subject", "Message-ID"];
    for (key, name) in ["from", "to", "cc", "subject", "message_id"]
        .iter()
        .zip(headers)
    {
        if let Some(text) = what.get::<Option<String>>(*key)? {
            query.ask(Field::Header(name.to_owned()), &text);
        }
    }
    if let Some(text) = what.get::<Option<String>>("list_id")? {
        query.ask(Field::ListId, &text);
    }
    if let Some(headers) = what.get::<Option<Table>>("header")? {
        for pair in headers.pairs::<String, String>() {
            let (name, text) = pair?;
            query.ask(Field::Header(name), &text);
        }
    }
    Ok(query)
}

fn age(what: &Table, key: &str) -> Result<Option<i64>> {
    match what.get(key)? {
        Value::Nil => Ok(None),
        value => Ok(i64::try_from(time_of(&value)?.as_secs()).ok()),
    }
}

/// `"seen"` or `{"seen", "work"}`.
fn words(what: &Table, key: &str) -> Result<Flags> {
    match what.get(key)? {
        Value::Nil => Ok(Flags::new()),
        Value::String(word) => values::flags([word.to_string_lossy()]),
        Value::Table(list) => {
            let words: Vec<String> = list.sequence_values().collect::<Result<_>>()?;
            values::flags(words)
        }
        _ => Err(Error::runtime(format!(
            "mailferry.search: {key} is a word or a list"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, name) in [
            ("*", "a/b"),
            ("a/*", "a/b"),
            ("*b", "a/b"),
            ("a*b*c", "a12b3c"),
        ] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("a/*", "a"), ("*b", "a/c"), ("a*b*c", "ac"), ("a*a", "a")] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }
}
