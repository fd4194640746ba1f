//! A small typed reader over TOML's spanned tables.
//!
//! It knows the valid keys of each table and reports what is wrong instead of stopping, so that one run shows every
//! mistake. A getter returns `None` when the key is absent and also when it is wrong; the latter has been reported.

use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};

use toml::de::{DeTable, DeValue};

use super::error::Found;
use super::nearest::nearest;

/// Collects mistakes.
#[derive(Debug, Default)]
pub(super) struct Findings(RefCell<Vec<Found>>);

impl Findings {
    /// Notes a mistake.
    pub fn add(
        &self,
        at: Range<usize>,
        key: &str,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        self.0.borrow_mut().push(Found {
            at,
            key: key.to_owned(),
            message: message.into(),
            help,
        });
    }

    /// Everything noted.
    pub fn into_inner(self) -> Vec<Found> {
        self.0.into_inner()
    }
}

/// A table.
#[derive(Clone, Copy)]
pub(super) struct Section<'a> {
    table: &'a DeTable<'a>,
    path: &'a str,
    /// Where its name stands.
    name_at: (usize, usize),
    findings: &'a Findings,
}

/// A value with its key.
#[derive(Clone)]
pub(super) struct Entry<'a> {
    /// Dotted, with `[n]` for elements.
    pub path: String,
    /// The value's bytes.
    pub at: Range<usize>,
    /// The key's bytes.
    pub key_at: Range<usize>,
    /// The value.
    pub value: &'a DeValue<'a>,
    findings: &'a Findings,
}

/// What other mail programs call our keys.
fn meant(word: &str) -> Option<&'static str> {
    Some(match word.to_lowercase().as_str() {
        "username" | "login" | "email" | "remoteuser" => "user",
        "server" | "hostname" | "remotehost" | "imap_host" => "host",
        "pass" | "remotepass" => "password",
        "passcmd" | "pass_cmd" | "password_cmd" | "passwordeval" | "passwordcmd" => {
            "password_command"
        }
        "path" | "folder" | "localfolders" | "mail_dir" => "maildir",
        "patterns" | "pattern" | "boxes" | "folderfilter" => "mailboxes",
        "ssl" | "ssltype" | "tlstype" | "starttls" | "security" => "tls",
        "cafile" | "ca_file" | "certificatefile" | "sslcacertfile" => "tls_ca_file",
        "interval" | "refresh" | "autorefresh" => "poll",
        "type" => "protocol",
        "delete" | "expunge" => "deletions",
        "script" | "path_to_script" => "file",
        _ => return None,
    })
}

impl<'a> Section<'a> {
    /// The whole document.
    pub fn document(table: &'a DeTable<'a>, findings: &'a Findings) -> Self {
        Self {
            table,
            path: "",
            name_at: (0, 0),
            findings,
        }
    }

    /// Reports every key that is not among `known`; `elsewhere` explains keys that are valid, but not here.
    pub fn only(&self, known: &[&str], elsewhere: &[(&str, &str)]) {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let path = join(self.path, name);
            if let Some((_, why)) = elsewhere.iter().find(|(other, _)| *other == name) {
                self.findings.add(key.span(), &path, *why, None);
            } else {
                let meant = meant(name).filter(|word| known.contains(word));
                let help = match meant.or_else(|| nearest(name, known.iter().copied())) {
                    Some(word) => format!("did you mean `{word}`?"),
                    None => {
                        let mut known = known.to_vec();
                        known.sort_unstable();
                        format!("known here: {}", known.join(", "))
                    }
                };
                self.findings.add(
                    key.span(),
                    &path,
                    format!("unknown key `{}`", escape(name)),
                    Some(help),
                );
            }
        }
    }

    /// All entries in the order of the file.
    pub fn entries(&self) -> Vec<(&'a str, Entry<'a>)> {
        let mut entries: Vec<_> = self
            .table
            .iter()
            .map(|(key, value)| {
                let name: &'a str = key.get_ref();
                let entry = Entry {
                    path: join(self.path, name),
                    at: value.span(),
                    key_at: key.span(),
                    value: value.get_ref(),
                    findings: self.findings,
                };
                (name, entry)
            })
            .collect();
        entries.sort_by_key(|(_, entry)| entry.key_at.start);
        entries
    }

    /// A key's value, if it is there.
    pub fn entry(&self, key: &str) -> Option<Entry<'a>> {
        let (name, value) = self.table.get_key_value(key)?;
        Some(Entry {
            path: join(self.path, key),
            at: value.span(),
            key_at: name.span(),
            value: value.get_ref(),
            findings: self.findings,
        })
    }

    /// A key's value; that it is not there is a mistake.
    pub fn required(&self, key: &str, example: &str) -> Option<Entry<'a>> {
        let entry = self.entry(key);
        if entry.is_none() {
            self.wrong_with(
                key,
                format!("`{key}` is missing"),
                Some(format!("add {example}")),
            );
        }
        entry
    }

    /// Notes a mistake that is about the table as a whole, under one of its keys (or the table itself, if empty).
    pub fn wrong_with(&self, key: &str, message: impl Into<String>, help: Option<String>) {
        let path = if key.is_empty() {
            self.path.to_owned()
        } else {
            join(self.path, key)
        };
        let (start, end) = self.name_at;
        self.findings.add(start..end, &path, message, help);
    }
}

impl<'a> Entry<'a> {
    /// Notes a mistake in the value.
    pub fn wrong(&self, message: impl Into<String>) {
        self.findings
            .add(self.at.clone(), &self.path, message, None);
    }

    /// Notes a mistake in the value and what to do about it.
    pub fn wrong_help(&self, message: impl Into<String>, help: impl Into<String>) {
        self.findings
            .add(self.at.clone(), &self.path, message, Some(help.into()));
    }

    /// Notes a mistake with the key.
    pub fn wrong_key(&self, message: impl Into<String>, help: Option<String>) {
        self.findings
            .add(self.key_at.clone(), &self.path, message, help);
    }

    /// Reports the wrong type. The value itself is not repeated: it may be a secret.
    fn mistyped<T>(&self, wanted: &str) -> Option<T> {
        let found = match self.value {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "an array",
            DeValue::Table(_) => "a table",
        };
        self.wrong(format!("expected {wanted}, found {found}"));
        None
    }

    /// A string; `wanted` says what it is, as in `a host name in quotes`.
    pub fn text(&self, wanted: &str) -> Option<&'a str> {
        match self.value.as_str() {
            Some(text) => Some(text),
            None => self.mistyped(wanted),
        }
    }

    /// A string that is neither empty nor holds control characters.
    pub fn word(&self, wanted: &str) -> Option<&'a str> {
        let text = self.text(wanted)?;
        if text.is_empty() {
            self.wrong(format!("is empty, expected {wanted}"));
            return None;
        }
        if text.chars().any(char::is_control) {
            self.wrong("has a control character");
            return None;
        }
        Some(text)
    }

    /// An integer within limits.
    pub fn integer(&self, limits: RangeInclusive<i64>) -> Option<i64> {
        let (least, most) = (*limits.start(), *limits.end());
        let Some(integer) = self.value.as_integer() else {
            return self.mistyped(&format!("an integer from {least} to {most}"));
        };
        let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let within = number.filter(|number| limits.contains(number));
        if within.is_none() {
            self.wrong(format!("is not an integer from {least} to {most}"));
        }
        within
    }

    /// A boolean.
    pub fn truth(&self) -> Option<bool> {
        match self.value.as_bool() {
            Some(truth) => Some(truth),
            None => self.mistyped("true or false"),
        }
    }

    /// A string that `parse` understands. Its error is what is wrong with the value.
    pub fn parsed<T>(
        &self,
        wanted: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(wanted)?;
        parse(text).map_err(|why| self.wrong(why)).ok()
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let listed = listed(&words);
        let text = self.text(&listed)?;
        if let Some((_, choice)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*choice);
        }
        let message = format!("`{}` is not one of {listed}", escape(text));
        match nearest(text, words) {
            Some(word) => self.wrong_help(message, format!("did you mean \"{word}\"?")),
            None => self.wrong(message),
        }
        None
    }

    /// The elements of an array.
    pub fn elements(&self, wanted: &str) -> Option<Vec<Self>> {
        let Some(array) = self.value.as_array() else {
            return self.mistyped(wanted);
        };
        let elements = array.iter().enumerate().map(|(number, element)| Self {
            path: format!("{}[{number}]", self.path),
            at: element.span(),
            key_at: self.key_at.clone(),
            value: element.get_ref(),
            findings: self.findings,
        });
        Some(elements.collect())
    }

    /// A table; `with` gets it. (Its path lives only as long as the call.)
    pub fn table<T>(&self, wanted: &str, with: impl FnOnce(Section<'_>) -> T) -> Option<T> {
        let Some(table) = self.value.as_table() else {
            return self.mistyped(wanted);
        };
        Some(with(Section {
            table,
            path: &self.path,
            name_at: (self.key_at.start, self.key_at.end),
            findings: self.findings,
        }))
    }

    /// A table in an array of tables: mistakes about it as a whole are shown at its header.
    pub fn element_table<T>(&self, wanted: &str, with: impl FnOnce(Section<'_>) -> T) -> Option<T> {
        let at_header = Self {
            key_at: self.at.clone(),
            ..self.clone()
        };
        at_header.table(wanted, with)
    }
}

/// `"a"`, `"b"` and `"c"`.
fn listed(words: &[&str]) -> String {
    match words.split_last() {
        None => String::new(),
        Some((only, [])) => format!("\"{only}\""),
        Some((last, others)) => {
            let others: Vec<String> = others.iter().map(|word| format!("\"{word}\"")).collect();
            format!("{} or \"{last}\"", others.join(", "))
        }
    }
}

fn join(path: &str, key: &str) -> String {
    let bare = !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let key = if bare {
        key.to_owned()
    } else {
        format!("\"{}\"", escape(key))
    };
    if path.is_empty() {
        key
    } else {
        format!("{path}.{key}")
    }
}

/// A text of the user's as it may appear in a message: short, and without control characters.
pub(super) fn escape(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(80)
        .flat_map(|character| {
            let escaped = character.is_control().then(|| character.escape_debug());
            let plain = (!character.is_control()).then_some(character);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect();
    if text.chars().nth(80).is_some() {
        shown.push_str("...");
    }
    shown
}
