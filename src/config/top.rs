//! The file as a whole: reading it, its top level, and what accounts must not do to each other.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use toml::de::DeTable;
use zeroize::Zeroizing;

use super::account;
use super::environment::Environment;
use super::error::{self, ConfigError, ConfigErrors, Found};
use super::hooks;
use super::model::{Account, AccountName, Config};
use super::paths::{self, Overlap, Places};
use super::reader::{Entry, Findings, Section, escape};
use super::source;

pub(super) const KEYS: [&str; 3] = ["state_dir", "accounts", "hooks"];

/// No configuration that people write is larger; a larger file is something else.
const LARGEST: u64 = 1 << 20;

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// The file cannot be read, or every mistake in it.
    pub fn load(file: &Path, environment: &Environment) -> Result<Self, ConfigError> {
        let unreadable = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::NotFound => ConfigError::Absent {
                file: file.to_owned(),
            },
            _ => ConfigError::Unreadable {
                file: file.to_owned(),
                source,
            },
        };
        let mut opened = File::open(file).map_err(unreadable)?;
        let metadata = opened.metadata().map_err(unreadable)?;
        if metadata.len() > LARGEST {
            let why = "it is larger than 1 MiB, which is no configuration";
            return Err(unreadable(std::io::Error::other(why)));
        }
        let mut bytes = Zeroizing::new(Vec::new());
        let limit = LARGEST;
        std::io::Read::by_ref(&mut opened)
            .take(limit)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        let others_can_read = metadata.permissions().mode() & 0o044 != 0;
        Self::parse(&bytes, file, others_can_read, environment).map_err(ConfigError::Invalid)
    }

    /// What stands in for a file that cannot be used now, to find the daemon that runs on what it said before: no accounts.
    /// `None` without a home directory.
    #[must_use]
    pub fn stand_in(file: &Path, environment: &Environment) -> Option<Self> {
        Some(Self {
            file: std::path::absolute(file).unwrap_or_else(|_| file.to_owned()),
            state_dir: environment.state_dir()?,
            accounts: Vec::new(),
            hooks: Vec::new(),
        })
    }

    /// Reads a configuration from its bytes. `others_can_read` says whether the file is open to other users, which
    /// it must not be if a password stands in it.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn parse(
        bytes: &[u8],
        file: &Path,
        others_can_read: bool,
        environment: &Environment,
    ) -> Result<Self, ConfigErrors> {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => return Err(not_text(file, bytes, error.valid_up_to())),
        };
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            let found = errors.iter().map(|error| {
                let at = error.span().unwrap_or(text.len()..text.len());
                Found {
                    key: source::key_at(text, at.start),
                    at,
                    message: format!("not valid TOML: {}", error.message()),
                    help: None,
                }
            });
            // What follows a broken line is often an echo of it.
            let mut all = error::locate(file, text, found.collect());
            all.mistakes.truncate(5);
            return Err(all);
        }
        let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        let places = Places {
            base: absolute.parent().unwrap_or_else(|| Path::new("/")),
            environment,
        };
        let findings = Findings::default();
        let document = Section::document(table.get_ref(), &findings);
        let config = read(&document, places, others_can_read, &absolute);
        let found = findings.into_inner();
        match config {
            Some(config) if found.is_empty() => Ok(config),
            _ if found.is_empty() => Err(single(file, text, 0, "cannot be used")),
            _ => Err(error::locate(file, text, found)),
        }
    }
}

fn single(file: &Path, text: &str, at: usize, message: &str) -> ConfigErrors {
    let found = Found {
        at: at..at,
        key: String::new(),
        message: message.to_owned(),
        help: None,
    };
    error::locate(file, text, vec![found])
}

fn not_text(file: &Path, bytes: &[u8], valid: usize) -> ConfigErrors {
    let text = String::from_utf8_lossy(bytes.get(..valid).unwrap_or_default());
    single(
        file,
        &text,
        valid,
        "not valid TOML: a byte that is not UTF-8",
    )
}

fn read(
    document: &Section<'_>,
    places: Places<'_>,
    others_can_read: bool,
    file: &Path,
) -> Option<Config> {
    document.only(&KEYS, &[]);
    let state_dir = state_dir(document, places);
    let mut names = Vec::new();
    let mut accounts: Vec<Account> = Vec::new();
    match document.entry("accounts") {
        None => document.wrong_with(
            "accounts",
            "there is no account",
            Some("add [accounts.NAME]".to_owned()),
        ),
        Some(entry) => {
            entry.table("tables: [accounts.NAME]", |section| {
                if section.entries().is_empty() {
                    entry.wrong_key(
                        "there is no account",
                        Some("add [accounts.NAME]".to_owned()),
                    );
                }
                for (text, entry) in section.entries() {
                    let name = account_name(text, &entry);
                    names.extend(name.clone());
                    // A bad name is no reason to leave the rest unchecked.
                    let name = name.or_else(|| AccountName::parse("unnamed"));
                    let account = entry.table("a table: [accounts.NAME]", |table| {
                        account::read(name?, &table, places)
                    });
                    accounts.extend(account.flatten());
                    if others_can_read {
                        check_openness(&entry, file);
                    }
                }
                check_directories(&section, &accounts, state_dir.as_deref());
            });
        }
    }
    let hooks = document
        .entry("hooks")
        .map_or_else(Vec::new, |entry| hooks::read(&entry, &names, places));
    Some(Config {
        file: file.to_owned(),
        state_dir: state_dir?,
        accounts,
        hooks,
    })
}

fn state_dir(document: &Section<'_>, places: Places<'_>) -> Option<PathBuf> {
    if let Some(entry) = document.entry("state_dir") {
        return entry.parsed("the path of a directory in quotes", |text| {
            places.resolve(text)
        });
    }
    let default = places.environment.state_dir();
    if default.is_none() {
        document.wrong_with(
            "state_dir",
            "there is no home directory to keep the state in",
            Some("set HOME, or add state_dir = \"...\"".to_owned()),
        );
    }
    default
}

fn account_name(text: &str, entry: &Entry<'_>) -> Option<AccountName> {
    let name = AccountName::parse(text);
    if name.is_none() {
        entry.wrong_key(
            format!("`{}` cannot be the name of an account", escape(text)),
            Some("use up to 64 letters, digits, `_`, `-` and `.`, the first not a dot".to_owned()),
        );
    }
    name
}

/// A password in a file that others can read is no secret.
fn check_openness(account: &Entry<'_>, file: &Path) {
    account.table("a table", |table| {
        if let Some(password) = table.entry("password") {
            password.wrong_key(
                format!("stands in {}, which other users can read", file.display()),
                Some(format!("run: chmod 600 {}", file.display())),
            );
        }
    });
}

/// No two accounts share a Maildir, none lies inside another, and the state lies in none.
fn check_directories(section: &Section<'_>, accounts: &[Account], state_dir: Option<&Path>) {
    let state_dir = state_dir.map(paths::real);
    let mut before: Vec<(&AccountName, PathBuf)> = Vec::new();
    for account in accounts {
        let Some(entry) = section.entry(account.name.as_str()) else {
            continue;
        };
        let real = paths::real(&account.maildir);
        let clash = before
            .iter()
            .find_map(|(name, other)| Some((paths::overlap(&real, other)?, *name)));
        let message = match clash {
            Some((Overlap::Same, other)) => {
                Some(format!("is the Maildir of account `{other}` too"))
            }
            Some((Overlap::Inside, other)) => {
                Some(format!("lies inside the Maildir of account `{other}`"))
            }
            Some((Overlap::Around, other)) => {
                Some(format!("holds the Maildir of account `{other}`"))
            }
            None => state_dir
                .as_deref()
                .and_then(|state| paths::overlap(state, &real))
                .filter(|overlap| *overlap != Overlap::Around)
                .map(|_| "holds state_dir, which would look like a mailbox".to_owned()),
        };
        if let Some(message) = message {
            entry.table("a table", |table| {
                if let Some(maildir) = table.entry("maildir") {
                    maildir.wrong_help(message, "every account needs a directory of its own");
                }
            });
        }
        before.push((&account.name, real));
    }
}
