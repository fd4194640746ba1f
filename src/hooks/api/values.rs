//! Values on their way into Lua and out of it.

use mlua::{Error, Lua, Result, Table, Value};

use super::super::describe;
use super::super::notification::{Notification, Urgency};
use crate::mail::{Flag, Flags, Keyword, MailboxName};

/// The longest text of a notification, in bytes.
const LONGEST: usize = 4096;

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
        let key = pair?.0.to_string()?;
        if !known.contains(&key.as_str()) {
            let key = describe::plain(&key);
            return Err(Error::runtime(format!("{whose}: there is no key `{key}`")));
        }
    }
    Ok(())
}

/// A text of a notification, cut where it is too long.
pub(super) fn text(table: &Table, key: &str) -> Result<Option<String>> {
    let text: Option<mlua::LuaString> = table.get(key)?;
    Ok(text.map(|text| {
        let mut text = text.to_string_lossy();
        text.truncate(text.floor_char_boundary(LONGEST));
        text
    }))
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
pub(super) fn flags(words: impl IntoIterator<Item = String>) -> Result<Flags> {
    let mut flags = Flags::new();
    for text in words {
        let known = Flag::ALL
            .into_iter()
            .find(|flag| word(*flag).eq_ignore_ascii_case(&text));
        match known {
            Some(Flag::Deleted) => {
                return Err(Error::runtime("to delete a message there is msg:delete()"));
            }
            Some(flag) => flags.set(flag),
            None => flags.set_keyword(keyword(&text)?),
        }
    }
    Ok(flags)
}

fn keyword(text: &str) -> Result<Keyword> {
    Keyword::new(text).ok_or_else(|| {
        let text = describe::plain(text);
        Error::runtime(format!(
            "\"{text}\" can be no flag: seen, flagged, answered, draft, or a keyword without spaces"
        ))
    })
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
