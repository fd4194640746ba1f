//! `mailferry.search{mailbox = ..., from = ..., older_than = ..., flags = {...}}` and `mailferry.mailboxes()`.

use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use mlua::{Error, Lua, Result, Table, Value};

use super::super::clock::Pause;
use super::super::heads::{Post, head_of};
use super::super::query::{Field, Query};
use super::super::shelf::{Shelf, ShelfError};
use super::message::{LONGEST_NAME, Message, mailbox};
use super::sets::Set;
use super::values::{MOST_WORDS, elements, whole};
use super::{Desk, time_of, values};
use crate::mail::{Flags, MailboxName};

/// The most messages that are looked at.
const MOST: usize = 500_000;
/// How long listing a mailbox may take; it does not count as the handler's time.
const LISTING: Duration = Duration::from_secs(30);
/// How long all of it may take in one handler.
const LISTINGS: Duration = Duration::from_secs(60);
/// The most mailboxes that a search can name.
const MOST_NAMES: usize = 10_000;
/// The longest text that is looked for in a header, in bytes.
const LONGEST: usize = 1000;

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
            return find(&shared, &Query::default(), &all(&shared)?);
        };
        let query = query(&what)?;
        let mailboxes = mailboxes(&shared, &what.get("mailbox")?)?;
        find(&shared, &query, &mailboxes)
    };
    table.set("search", lua.create_function(search)?)?;
    let shared = Rc::clone(desk);
    let names = move |lua: &Lua, ()| {
        let names = all(&shared)?;
        lua.create_sequence_from(names.iter().map(MailboxName::as_str))
    };
    table.set("mailboxes", lua.create_function(names)?)
}

fn find(desk: &Rc<Desk>, query: &Query, mailboxes: &[MailboxName]) -> Result<Set> {
    let mut found = Vec::new();
    let mut seen = 0;
    for name in mailboxes {
        for subject in listed(desk, Vec::new(), |shelf| shelf.messages(name))? {
            seen += 1;
            if seen > MOST {
                return Err(Error::runtime("a search looks at too many messages"));
            }
            desk.in_time()?;
            if subject.local.is_none() || !query.takes_stored(&subject) {
                continue;
            }
            // Of thousands that were looked at nothing is to stay.
            let head = || {
                let path = subject.path.as_deref();
                path.map(head_of).unwrap_or_default().letter
            };
            if query.takes_written(head) {
                found.push(Message::new(desk, Post::alone(subject))?);
            }
        }
    }
    Set::new(desk, found)
}

/// All mailboxes; looked up once for each handler.
fn all(desk: &Desk) -> Result<Rc<[MailboxName]>> {
    if let Some(known) = &*desk.mailboxes.borrow() {
        return Ok(Rc::clone(known));
    }
    let listed: Rc<[MailboxName]> = listed(desk, Vec::new(), |shelf| shelf.mailboxes())?.into();
    desk.mailboxes.replace(Some(Rc::clone(&listed)));
    Ok(listed)
}

/// What the shelf says; without one, `nothing`.
fn listed<T>(
    desk: &Desk,
    nothing: T,
    ask: impl FnOnce(&dyn Shelf) -> std::result::Result<T, ShelfError>,
) -> Result<T> {
    desk.in_time()?;
    let Some(shelf) = &desk.shelf else {
        return Ok(nothing);
    };
    let pause = Pause::listings(LISTINGS);
    let listed = desk.clock.pause(pause, LISTING, || ask(shelf.as_ref()));
    listed.map_err(unlisted)
}

fn unlisted(error: ShelfError) -> Error {
    Error::runtime(format!("stored mail cannot be listed: {error}"))
}

/// The mailboxes that a name, a pattern with `*`, or a list of these means; all without one.
fn mailboxes(desk: &Desk, value: &Value) -> Result<Vec<MailboxName>> {
    let patterns = match value {
        Value::Nil => return Ok(all(desk)?.to_vec()),
        Value::String(_) => vec![value.clone()],
        Value::Table(list) => elements(list, MOST_NAMES, "mailboxes")?,
        _ => {
            return Err(Error::runtime(
                "mailferry.search: mailbox is a name or a list",
            ));
        }
    };
    let mut wanted = Vec::new();
    for value in patterns {
        desk.in_time()?;
        match whole(&value, LONGEST_NAME) {
            Some(pattern) if pattern.contains('*') => {
                let known = all(desk)?;
                let fitting = known.iter().filter(|name| fits(&pattern, name.as_str()));
                wanted.extend(fitting.cloned());
            }
            _ => wanted.push(mailbox(&value)?),
        }
        if wanted.len() > MOST_NAMES {
            // Patterns mean the same mailboxes, mostly.
            wanted.sort();
            wanted.dedup();
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
        if let Some(text) = text(what, key)? {
            query.ask(Field::Header(name.to_owned()), &text);
        }
    }
    if let Some(text) = text(what, "list_id")? {
        query.ask(Field::ListId, &text);
    }
    if let Some(headers) = what.get::<Option<Table>>("header")? {
        for (count, pair) in headers.pairs::<Value, Value>().enumerate() {
            if count >= MOST_WORDS {
                let text = format!("more than {MOST_WORDS} headers");
                return Err(Error::runtime(text));
            }
            let (name, text) = pair?;
            let long = || too_long("header");
            let name = whole(&name, LONGEST).ok_or_else(long)?;
            query.ask(
                Field::Header(name),
                &whole(&text, LONGEST).ok_or_else(long)?,
            );
        }
    }
    Ok(query)
}

/// What a header is to contain.
fn text(what: &Table, key: &str) -> Result<Option<String>> {
    match what.get(key)? {
        Value::Nil => Ok(None),
        value => whole(&value, LONGEST)
            .map(Some)
            .ok_or_else(|| too_long(key)),
    }
}

fn too_long(key: &str) -> Error {
    Error::runtime(format!(
        "mailferry.search: {key} is no text, or longer than {LONGEST} octets"
    ))
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
        Value::Table(list) => values::flags(elements(&list, MOST_WORDS, "flags")?),
        word @ Value::String(_) => values::flags([word]),
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
