//! `[[hooks]]`.

use std::time::Duration;

use toml::de::DeValue;

use super::account::positive_size;
use super::model::{AccountName, Hook, HookScript};
use super::nearest::nearest;
use super::paths::Places;
use super::reader::{Entry, Section, escape};
use super::units::parse_duration;

pub(super) const KEYS: [&str; 8] = [
    "file", "plugin", "accounts", "allow", "timeout", "memory", "old_mail", "options",
];

/// What a hook can be granted.
const CAPABILITIES: [&str; 3] = ["exec", "read_body", "notify"];

/// The plugins that are shipped.
pub const PLUGINS: [&str; 11] = [
    "attachments",
    "autoarchive",
    "command",
    "list-filter",
    "mu",
    "notmuch",
    "otp",
    "quiet-hours",
    "rules",
    "spam",
    "vip",
];

/// How deep a hook's options may be nested.
const DEEPEST: usize = 16;

/// Reads all hooks. `accounts` are the names that exist.
pub(super) fn read(entry: &Entry<'_>, accounts: &[AccountName], places: Places<'_>) -> Vec<Hook> {
    if entry.value.is_table() {
        entry.wrong("is one table; write `[[hooks]]`, with two brackets");
        return Vec::new();
    }
    entry
        .elements("tables: [[hooks]]")
        .unwrap_or_default()
        .iter()
        .filter_map(|element| {
            element
                .element_table("a table: [[hooks]]", |table| hook(&table, accounts, places))
                .flatten()
        })
        .collect()
}

fn hook(table: &Section<'_>, accounts: &[AccountName], places: Places<'_>) -> Option<Hook> {
    table.only(&KEYS, &[]);
    let script = script(table, places);
    let accounts = table
        .entry("accounts")
        .map_or_else(Vec::new, |entry| names(&entry, accounts));
    let capabilities = CAPABILITIES.map(|word| (word, word));
    let allow = table
        .entry("allow")
        .and_then(|entry| entry.elements("an array, such as [\"exec\"]"))
        .unwrap_or_default();
    let allow = allow
        .iter()
        .filter_map(|element| element.choice(&capabilities))
        .map(str::to_owned)
        .collect();
    let timeout = table.entry("timeout").and_then(|entry| {
        entry.parsed("a time such as \"2s\"", |text| {
            match parse_duration(text)? {
                time if time.is_zero() => Err("is no time at all".to_owned()),
                time => Ok(time),
            }
        })
    });
    let memory = table
        .entry("memory")
        .and_then(|entry| entry.parsed("a size such as \"32MiB\"", positive_size));
    let old_mail = table.entry("old_mail").and_then(|entry| entry.truth());
    let options = table
        .entry("options")
        .and_then(|entry| match plain(entry.value, 0) {
            Ok(toml::Value::Table(options)) => Some(options),
            Ok(_) => {
                entry.wrong("expected a table: { key = \"value\" }");
                None
            }
            Err(why) => {
                entry.wrong(why);
                None
            }
        });
    Some(Hook {
        script: script?,
        accounts,
        allow,
        timeout: timeout.unwrap_or(Duration::from_secs(2)),
        memory: memory.unwrap_or(32 << 20),
        old_mail: old_mail.unwrap_or(false),
        options: options.unwrap_or_default(),
    })
}

fn script(table: &Section<'_>, places: Places<'_>) -> Option<HookScript> {
    match (table.entry("file"), table.entry("plugin")) {
        (Some(file), None) => file
            .parsed("the path of a Lua file in quotes", |text| {
                places.resolve(text)
            })
            .map(HookScript::File),
        (None, Some(plugin)) => {
            let name = plugin.word("the name of a plugin in quotes")?;
            if !PLUGINS.contains(&name) {
                let help = nearest(name, PLUGINS).map_or_else(
                    || {
                        format!(
                            "there are {}; a script of your own goes under `file`",
                            PLUGINS.join(", ")
                        )
                    },
                    |near| format!("did you mean \"{near}\"?"),
                );
                let message = format!("no plugin `{}` is shipped", escape(name));
                plugin.wrong_help(message, help);
                return None;
            }
            Some(HookScript::Plugin(name.to_owned()))
        }
        (Some(_), Some(plugin)) => {
            plugin.wrong_key(
                "conflicts with `file`",
                Some("a hook is one file or one plugin".to_owned()),
            );
            None
        }
        (None, None) => {
            table.wrong_with(
                "",
                "names no script",
                Some("add file = \"...\" or plugin = \"...\"".to_owned()),
            );
            None
        }
    }
}

fn names(entry: &Entry<'_>, accounts: &[AccountName]) -> Vec<AccountName> {
    let elements = entry
        .elements("an array of accounts, such as [\"work\"]")
        .unwrap_or_default();
    let mut names = Vec::new();
    for element in elements {
        let Some(text) = element.text("the name of an account in quotes") else {
            continue;
        };
        if let Some(name) = accounts.iter().find(|name| name.as_str() == text) {
            names.push(name.clone());
            continue;
        }
        let message = format!("there is no account `{}`", escape(text));
        match nearest(text, accounts.iter().map(AccountName::as_str)) {
            Some(name) => element.wrong_help(message, format!("did you mean \"{name}\"?")),
            None => element.wrong(message),
        }
    }
    names
}

/// The value without its spans.
fn plain(value: &DeValue<'_>, depth: usize) -> Result<toml::Value, String> {
    if depth > DEEPEST {
        return Err(format!("is nested deeper than {DEEPEST} levels"));
    }
    Ok(match value {
        DeValue::String(text) => toml::Value::String(text.clone().into_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(toml::Value::Integer)
            .map_err(|_| "has an integer that is too large".to_owned())?,
        DeValue::Float(number) => number
            .as_str()
            .parse()
            .map(toml::Value::Float)
            .map_err(|_| "has a number that cannot be read".to_owned())?,
        DeValue::Boolean(truth) => toml::Value::Boolean(*truth),
        DeValue::Datetime(date) => toml::Value::Datetime(*date),
        DeValue::Array(array) => toml::Value::Array(
            array
                .iter()
                .map(|element| plain(element.get_ref(), depth + 1))
                .collect::<Result<_, _>>()?,
        ),
        DeValue::Table(table) => toml::Value::Table(
            table
                .iter()
                .map(|(key, value)| {
                    Ok((
                        key.get_ref().clone().into_owned(),
                        plain(value.get_ref(), depth + 1)?,
                    ))
                })
                .collect::<Result<_, String>>()?,
        ),
    })
}
