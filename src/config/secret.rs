//! Where an account's password or token comes from, and how it may be presented.

use super::paths::Places;
use super::reader::{Entry, Section};
use crate::auth::sasl::Kind;
use crate::auth::{Allowed, Mechanism, Secret, SecretSource};

pub(super) const KEYS: [&str; 8] = [
    "password",
    "password_file",
    "password_command",
    "password_keyring",
    "password_credential",
    "oauth2",
    "token_command",
    "auth",
];

/// Exactly one of these says where the password or token comes from.
const SOURCES: [&str; 7] = [
    "password",
    "password_file",
    "password_command",
    "password_keyring",
    "password_credential",
    "oauth2",
    "token_command",
];

/// Those of them that this version can do.
const USABLE: &str =
    "password_command, password_file, password_credential, password, token_command";

/// Reads the source of the password. More than one is a mistake, and none unless there is a client certificate.
pub(super) fn read(
    section: &Section<'_>,
    places: Places<'_>,
    certificate: bool,
) -> Option<SecretSource> {
    let mut given: Vec<(&str, Entry<'_>)> = SOURCES
        .iter()
        .filter_map(|key| Some((*key, section.entry(key)?)))
        .collect();
    given.sort_by_key(|(_, entry)| entry.key_at.start);
    let Some(((first, _), others)) = given.split_first() else {
        if certificate {
            return Some(SecretSource::Certificate);
        }
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
        "token_command" => command(entry, places).map(SecretSource::Token),
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

/// What `auth` allows. One name may stand without brackets.
pub(super) fn auth(
    section: &Section<'_>,
    pop3: bool,
    secret: Option<&SecretSource>,
    certificate: bool,
) -> Option<Allowed> {
    let Some(entry) = section.entry("auth") else {
        return Some(Allowed::default());
    };
    // What POP3 accounts could say before there was a list.
    if pop3 && entry.value.as_str() == Some("password") {
        return Some(Allowed::default());
    }
    let elements = if entry.value.is_str() {
        vec![entry.clone()]
    } else {
        entry.elements("an array of mechanisms, such as [\"scram-sha-256\", \"plain\"]")?
    };
    if elements.is_empty() {
        entry.wrong("is empty: there would be no way to log in");
        return None;
    }
    let named: Vec<Option<Mechanism>> = elements.iter().map(|one| mechanism(one, pop3)).collect();
    let named: Vec<Mechanism> = named.into_iter().collect::<Option<_>>()?;
    let kind = secret?.kind();
    let usable = |mechanism: &Mechanism| match mechanism.kind() {
        Kind::Certificate => certificate,
        needed => Some(needed) == kind,
    };
    if !named.iter().any(usable) {
        let has = match kind {
            Some(Kind::Token) => "an access token",
            Some(_) => "a password",
            None => "a client certificate",
        };
        entry.wrong(format!(
            "names no mechanism for {has}, which is what the account has"
        ));
        return None;
    }
    Some(Allowed::only(named))
}

fn mechanism(entry: &Entry<'_>, pop3: bool) -> Option<Mechanism> {
    let names: Vec<(String, Mechanism)> = Mechanism::ALL
        .into_iter()
        .filter(|mechanism| pop3 || *mechanism != Mechanism::Apop)
        .map(|mechanism| (mechanism.name().to_lowercase(), mechanism))
        .collect();
    let written = entry.value.as_str().and_then(Mechanism::parse);
    if let Some(known) = written.filter(|mechanism| pop3 || *mechanism != Mechanism::Apop) {
        return Some(known);
    }
    let choices: Vec<(&str, Mechanism)> = names
        .iter()
        .map(|(name, mechanism)| (name.as_str(), *mechanism))
        .collect();
    entry.choice(&choices)
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
