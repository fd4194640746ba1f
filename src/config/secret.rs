//! Where an account's password comes from: exactly one of six keys.

use super::paths::Places;
use super::reader::{Entry, Section};
use crate::auth::{Secret, SecretSource};

pub(super) const KEYS: [&str; 6] = [
    "password",
    "password_file",
    "password_command",
    "password_keyring",
    "password_credential",
    "oauth2",
];

/// Those of them that this version can do.
const USABLE: &str = "password_command, password_file, password_credential, password";

/// Reads the source of the password. More than one, or none, is a mistake.
pub(super) fn read(section: &Section<'_>, places: Places<'_>) -> Option<SecretSource> {
    let mut given: Vec<(&str, Entry<'_>)> = KEYS
        .iter()
        .filter_map(|key| Some((*key, section.entry(key)?)))
        .collect();
    given.sort_by_key(|(_, entry)| entry.key_at.start);
    let Some(((first, _), others)) = given.split_first() else {
        section.wrong_with(
            "",
            "says nothing of where the password comes from",
            Some(format!("add exactly one of {USABLE}")),
        );
        return None;
    };
    for (other, entry) in others {
        entry.wrong_key(
            format!("there is `{first}` already, and `{other}` conflicts with it"),
            Some("exactly one says where the password comes from".to_owned()),
        );
    }
    let mut source = None;
    for (key, entry) in &given {
        let read = read_one(key, entry, places);
        source = source.or(read);
    }
    source.filter(|_| others.is_empty())
}

fn read_one(key: &str, entry: &Entry<'_>, places: Places<'_>) -> Option<SecretSource> {
    match key {
        "password" => plain(entry),
        "password_file" => entry
            .parsed("the path of a file in quotes", |text| places.resolve(text))
            .map(SecretSource::File),
        "password_command" => command(entry, places).map(SecretSource::Command),
        "password_credential" => credential(entry),
        "password_keyring" => {
            // What it will hold is a name; a table leaves room for more.
            if !entry.value.is_table() {
                entry.word("the name of a keyring entry in quotes")?;
            }
            not_yet(entry, "the desktop's keyring is");
            None
        }
        _ => {
            if !entry.value.is_table() {
                entry.word("the name of a provider in quotes, or a table")?;
            }
            not_yet(entry, "OAuth2 is");
            None
        }
    }
}

fn plain(entry: &Entry<'_>) -> Option<SecretSource> {
    let password = entry.text("a password in quotes")?;
    if password.is_empty() {
        entry.wrong("is empty");
        return None;
    }
    if password.contains(['\0', '\r', '\n']) {
        entry.wrong("has a line break or a NUL in it, which no server takes");
        return None;
    }
    Some(SecretSource::Plain(Secret::new(password)))
}

/// Reads a program and its arguments. Only the program may begin with `~/`.
pub(super) fn command(entry: &Entry<'_>, places: Places<'_>) -> Option<Vec<String>> {
    const WANTED: &str =
        "an array of program and arguments, such as [\"pass\", \"show\", \"mail/work\"]";
    let mut arguments = Vec::new();
    for (number, element) in entry.elements(WANTED)?.iter().enumerate() {
        let argument = element.text("a string")?;
        if argument.contains('\0') || (number == 0 && argument.is_empty()) {
            element.wrong("is not something that can be run");
            return None;
        }
        arguments.push(if number == 0 && argument.starts_with('~') {
            let program = element.parsed("a program", |text| places.resolve(text))?;
            program.to_str()?.to_owned()
        } else {
            argument.to_owned()
        });
    }
    if arguments.is_empty() {
        entry.wrong(format!("is empty, expected {WANTED}"));
        return None;
    }
    Some(arguments)
}

fn credential(entry: &Entry<'_>) -> Option<SecretSource> {
    let name = entry.word("the name of a systemd credential in quotes")?;
    if name.contains('/') || name == "." || name == ".." {
        entry.wrong_help(
            "is not the name of a systemd credential",
            "it is the name in LoadCredential=NAME:PATH",
        );
        return None;
    }
    Some(SecretSource::Credential(name.to_owned()))
}

fn not_yet(entry: &Entry<'_>, what: &str) {
    entry.wrong_key(
        format!("{what} not supported by this version yet"),
        Some(format!("until then use one of {USABLE}")),
    );
}
