//! Values on their way into Lua and out of it.

use mlua::{Error, Lua, LuaString, Result, Table, Value};

use super::super::describe;
use super::super::notification::{Notification, Urgency};
use crate::mail::{Flag, Flags, Keyword, MailboxName};

/// The longest text of a notification, in bytes.
const LONGEST: usize = 4096;

/// The most characters of a value that an error shows.
const LONGEST_QUOTED: usize = 100;
/// The most words in a list of flags, of headers and the like.
pub(super) const MOST_WORDS: usize = 100;
/// The longest keyword, in bytes.
const LONGEST_KEYWORD: usize = 255;

/// A value of the configuration.
pub(super) fn of_toml(lua: &Lua, value: &toml::Value) -> Result<Value> {
    Ok(match value {
        toml::Value::String(text) => Value::String(lua.create_string(text)?),
        toml::Value::Integer(number) => Value::Integer(*number),
        toml::Value::Float(number) => Value::Number(*number),
        toml::Value::Boolean(truth) => Value::Boolean(*truth),
        toml::Value::Datetime(date) => Value::String(lua.create_string(date.to_string())?),
        toml::Value::Array(elements) => {
            let table = lua.create_table()?;
            for element in elements {
                table.raw_push(of_toml(lua, element)?)?;
            }
            Value::Table(table)
        }
        toml::Value::Table(entries) => {
            let table = lua.create_table()?;
            for (key, value) in entries {
                table.raw_set(key.as_str(), of_toml(lua, value)?)?;
            }
            Value::Table(table)
        }
    })
}

/// Octets as a Lua string.
pub(in super::super) fn to_lua(lua: &Lua, octets: &[u8]) -> Result<Value> {
    Ok(Value::String(lua.create_string(octets)?))
}

/// Keys of an argument that nobody knows are an error: a misspelt one would be silent otherwise.
pub(super) fn only(table: &Table, whose: &str, known: &[&str]) -> Result<()> {
    for pair in table.pairs::<Value, Value>() {
        let key = pair?.0;
        if !known.contains(&shown(&key).as_str()) {
            let key = quoted(&key);
            return Err(Error::runtime(format!("{whose}: there is no key `{key}`")));
        }
    }
    Ok(())
}

/// A text of a notification, cut where it is too long.
pub(super) fn text(table: &Table, key: &str) -> Result<Option<String>> {
    let text: Option<LuaString> = table.get(key)?;
    Ok(text.map(|text| cut(&text)))
}

/// The beginning of a string: no more of it is copied. Octets that are no text are replaced.
fn cut(text: &LuaString) -> String {
    let octets = text.as_bytes();
    let shown = octets.get(..LONGEST).unwrap_or(&octets);
    let mut text = String::from_utf8_lossy(shown).into_owned();
    text.truncate(text.floor_char_boundary(LONGEST));
    text
}

/// A value as it is shown in a message, or compared with words of ours.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => cut(text),
        Value::Integer(number) => number.to_string(),
        Value::Number(number) => number.to_string(),
        other => other.type_name().to_owned(),
    }
}

/// A value that is none of those that are wanted, as an error shows it.
pub(super) fn quoted(value: &Value) -> String {
    let text = describe::plain(&shown(value));
    match text.char_indices().nth(LONGEST_QUOTED) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// A text that has to be whole, no longer than `most`; `None` if it is, or is no text.
pub(super) fn whole(value: &Value, most: usize) -> Option<String> {
    match value {
        Value::String(text) if text.as_bytes().len() > most => None,
        Value::String(text) => Some(text.to_str().ok()?.to_owned()),
        Value::Integer(_) | Value::Number(_) => Some(shown(value)),
        _ => None,
    }
}

/// The elements of a list that may have so many.
pub(super) fn elements(list: &Table, most: usize, what: &str) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    for value in list.sequence_values::<Value>() {
        if all.len() >= most {
            return Err(Error::runtime(format!("more than {most} {what}")));
        }
        all.push(value?);
    }
    Ok(all)
}

/// How much a notification matters.
pub(super) fn urgency(word: &str) -> Result<Urgency> {
    Urgency::parse(word).ok_or_else(|| {
        let word = describe::plain(word);
        Error::runtime(format!("\"{word}\" is no urgency: low, normal or critical"))
    })
}

/// The word of scripts for a system flag.
pub(super) fn word(flag: Flag) -> &'static str {
    match flag {
        Flag::Answered => "answered",
        Flag::Deleted => "deleted",
        Flag::Draft => "draft",
        Flag::Flagged => "flagged",
        Flag::Seen => "seen",
    }
}

/// A set of words: each is a key whose value is `true`.
pub(in super::super) fn word_set(lua: &Lua, flags: &Flags) -> Result<Table> {
    let table = lua.create_table()?;
    for flag in flags.system() {
        table.raw_set(word(flag), true)?;
    }
    for keyword in flags.keywords() {
        table.raw_set(keyword.as_str(), true)?;
    }
    Ok(table)
}

/// Flags from the words of a script; `deleted` is none that it may set, as it has `delete()`.
pub(super) fn flags(words: impl IntoIterator<Item = Value>) -> Result<Flags> {
    let mut flags = Flags::new();
    for (place, value) in words.into_iter().enumerate() {
        if place >= MOST_WORDS {
            return Err(Error::runtime(format!("more than {MOST_WORDS} flags")));
        }
        let text = whole(&value, LONGEST_KEYWORD).ok_or_else(|| no_flag(&value))?;
        let known = Flag::ALL
            .into_iter()
            .find(|flag| word(*flag).eq_ignore_ascii_case(&text));
        match known {
            Some(Flag::Deleted) => {
                return Err(Error::runtime("to delete a message there is msg:delete()"));
            }
            Some(flag) => flags.set(flag),
            None => flags.set_keyword(Keyword::new(&text).ok_or_else(|| no_flag(&value))?),
        }
    }
    Ok(flags)
}

fn no_flag(value: &Value) -> Error {
    let text = quoted(value);
    Error::runtime(format!(
        "\"{text}\" can be no flag: seen, flagged, answered, draft, or a keyword without spaces"
    ))
}

/// A notification as handlers get it; `messages` is set by the caller.
pub(in super::super) fn notification_table(
    lua: &Lua,
    account: &str,
    notification: &Notification,
) -> Result<Table> {
    let table = lua.create_table()?;
    table.set("account", account)?;
    let mailbox = notification.mailbox.as_ref().map(MailboxName::as_str);
    table.set("mailbox", mailbox)?;
    table.set("title", notification.title.as_str())?;
    table.set("body", notification.body.as_str())?;
    table.set("urgency", notification.urgency.word())?;
    table.set("copy", notification.copy.as_deref())?;
    table.set("silent", false)?;
    let silence = lua.create_function(|_, table: Table| table.set("silent", true))?;
    table.set("silence", silence)?;
    Ok(table)
}

/// What handlers have made of a notification; `None` if it is not to be shown.
pub(in super::super) fn fill_notification(
    table: &Table,
    before: &Notification,
) -> Result<Option<Notification>> {
    if table.get::<bool>("silent")? {
        return Ok(None);
    }
    let title = text(table, "title")?.unwrap_or_default();
    Ok(Some(Notification {
        title: if title.is_empty() {
            before.title.clone()
        } else {
            title
        },
        body: text(table, "body")?.unwrap_or_default(),
        urgency: urgency(&table.get::<String>("urgency")?)?,
        copy: text(table, "copy")?,
        ..before.clone()
    }))
}
