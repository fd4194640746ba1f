//! The tables of a configuration that is being written, with comments at their places.

use super::value;
use crate::auth::Secret;

/// A configuration in the making.
#[derive(Clone, Debug, Default)]
pub struct Document {
    tables: Vec<Table>,
    notes: Vec<Note>,
    passwords: Vec<Password>,
}

/// Something that could not be carried over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The line of the other program's file that it is about, from one.
    pub line: usize,
    /// What it is about and what to do.
    pub text: String,
}

/// A password that stands in the other program's file. It is not part of the text.
#[derive(Clone, Debug)]
pub struct Password {
    /// The file that the configuration names for it.
    pub file: String,
    /// The password.
    pub secret: Secret,
}

/// One table.
#[derive(Clone, Debug)]
struct Table {
    header: String,
    /// The account whose own table it is.
    account: Option<String>,
    lines: Vec<Line>,
}

#[derive(Clone, Debug)]
enum Line {
    Comment(String),
    Entry(String, String),
}

/// Names one table of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TableId(usize);

impl Document {
    /// Begins a table: `accounts.work`, or `[hooks]` for an element of an array.
    pub(super) fn table(&mut self, header: &str) -> TableId {
        self.begin(header.to_owned(), None)
    }

    fn begin(&mut self, header: String, account: Option<String>) -> TableId {
        self.tables.push(Table {
            header,
            account,
            lines: Vec::new(),
        });
        TableId(self.tables.len() - 1)
    }

    /// Begins an account's table under a name that no other one has.
    pub(super) fn account(&mut self, name: &str) -> (TableId, String) {
        let wanted = super::names::account(name);
        let mut name = wanted.clone();
        let mut number = 2;
        while self.accounts().any(|other| other == name) {
            name = format!("{wanted}-{number}");
            number += 1;
        }
        (self.begin(account_header(&name), Some(name.clone())), name)
    }

    /// Sets a key; the value is TOML.
    pub(super) fn set(&mut self, table: TableId, key: &str, value: String) {
        if let Some(table) = self.tables.get_mut(table.0) {
            table.lines.push(Line::Entry(value::key(key), value));
        }
    }

    /// Sets a key to a text.
    pub(super) fn set_text(&mut self, table: TableId, key: &str, text: &str) {
        self.set(table, key, value::text(text));
    }

    /// Whether a key of a table is set.
    pub(super) fn has(&self, table: TableId, key: &str) -> bool {
        let lines = self.tables.get(table.0).map(|table| &table.lines);
        let is_key = |line: &Line| matches!(line, Line::Entry(it, _) if it == key);
        lines.is_some_and(|lines| lines.iter().any(is_key))
    }

    /// Adds a comment that needs nobody's attention.
    pub(super) fn comment(&mut self, table: TableId, text: &str) {
        if let Some(table) = self.tables.get_mut(table.0) {
            table.lines.push(Line::Comment(text.to_owned()));
        }
    }

    /// Something that cannot be carried over: a comment at its place, and a note.
    pub(super) fn cannot(&mut self, table: TableId, line: usize, text: &str) {
        self.comment(table, &format!("line {line}: {text}"));
        self.note(line, text);
    }

    /// A note that has no place in the text.
    pub(super) fn note(&mut self, line: usize, text: &str) {
        let note = Note {
            line,
            text: text.to_owned(),
        };
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// A password that was found.
    pub(super) fn password(&mut self, password: Password) {
        self.passwords.push(password);
    }

    /// The names of the accounts, in order.
    pub fn accounts(&self) -> impl Iterator<Item = &str> {
        self.tables
            .iter()
            .filter_map(|table| table.account.as_deref())
    }

    /// Everything that could not be carried over, in the order of the file.
    #[must_use]
    pub fn notes(&self) -> Vec<Note> {
        let mut notes = self.notes.clone();
        notes.sort_by_key(|note| note.line);
        notes
    }

    /// The passwords that were found.
    #[must_use]
    pub fn passwords(&self) -> &[Password] {
        &self.passwords
    }

    /// The TOML. An account's parts are left out where they say nothing.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for table in &self.tables {
            if table.lines.is_empty() && table.account.is_none() {
                continue;
            }
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&format!("[{}]\n", table.header));
            for line in &table.lines {
                match line {
                    Line::Comment(comment) => text.push_str(&format!("# {}\n", plain(comment))),
                    Line::Entry(key, value) => text.push_str(&format!("{key} = {value}\n")),
                }
            }
        }
        text
    }
}

/// The header of an account's table, or of one of its parts.
pub(super) fn account_header(name: &str) -> String {
    format!("accounts.{}", value::key(name))
}

/// What comes out of somebody's file cannot end a comment.
fn plain(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect()
}
