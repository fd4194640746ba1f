//! Where a password comes from, and the one type that holds it.
//!
//! A secret is read when it is needed and wiped when it is dropped. It is in no `Debug` output and in no error; errors
//! name the file or the program, and of a program's arguments none.

use std::env;
use std::fmt;
use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use super::command;
use super::sasl::Kind;

/// No secret is longer, whatever it comes from.
pub(super) const LIMIT: usize = 8 * 1024;

/// A password or token.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the octets over.
    #[must_use]
    pub fn new(octets: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(octets.into()))
    }

    /// The octets. Whoever asks must not let them get into a log, an error or a file.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Where a secret comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// It is here.
    Plain(Secret),
    /// The first line of a file that only its owner may read.
    File(PathBuf),
    /// The first line that a program prints. The program and its arguments; no shell is involved.
    Command(Vec<String>),
    /// An access token that a program prints, in the same way. It is asked at every login.
    Token(Vec<String>),
    /// There is none: the client certificate is enough.
    Certificate,
    /// A credential that systemd handed over, by name.
    Credential(String),
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(secret) => f.debug_tuple("Plain").field(secret).finish(),
            Self::File(file) => f.debug_tuple("File").field(file).finish(),
            // Arguments can hold secrets.
            Self::Command(argv) => f.debug_tuple("Command").field(&argv.first()).finish(),
            Self::Token(argv) => f.debug_tuple("Token").field(&argv.first()).finish(),
            Self::Certificate => f.write_str("Certificate"),
            Self::Credential(name) => f.debug_tuple("Credential").field(name).finish(),
        }
    }
}

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the secret in {}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is a directory, a pipe or a device.
    #[error("{} is not a regular file", .file.display())]
    NotAFile {
        /// The file.
        file: PathBuf,
    },
    /// Others than its owner may read or change it.
    #[error("others can get at {} (mode {mode:04o}): chmod 600 it", .file.display())]
    Exposed {
        /// The file.
        file: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// There is nothing in it.
    #[error("{origin} has no secret in it")]
    Empty {
        /// The file or program.
        origin: String,
    },
    /// More than a secret can be.
    #[error("{origin} gives more than {LIMIT} octets")]
    TooLong {
        /// The file or program.
        origin: String,
    },
    /// A credential was asked for, and systemd handed over none.
    #[error("no credentials directory: this was not started by systemd with LoadCredential=")]
    NoCredentials,
    /// A credential's name is a path.
    #[error("{name:?} is not the name of a credential")]
    CredentialName {
        /// The name.
        name: String,
    },
    /// The program cannot be started, or waited for.
    #[error("cannot run {program:?}")]
    Run {
        /// The program, without its arguments.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The program failed.
    #[error("{program:?} failed ({status}){said}")]
    Failed {
        /// The program, without its arguments.
        program: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// `: ` and the first line of its standard error, escaped; empty if it said nothing.
        said: String,
    },
    /// The program did not end, and was killed.
    #[error("{program:?} did not end within {} s", .limit.as_secs())]
    Timeout {
        /// The program, without its arguments.
        program: String,
        /// The limit.
        limit: Duration,
    },
    /// There is no program.
    #[error("the command is empty")]
    NoProgram,
}

impl Error {
    /// Whether the same may work later with the configuration as it is: a locked key ring, an unmounted disk.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::File { .. } | Self::Run { .. } | Self::Failed { .. } | Self::Timeout { .. }
        )
    }

    /// Whether somebody may be asked for a passphrase when it is tried again.
    #[must_use]
    pub fn asks(&self) -> bool {
        matches!(
            self,
            Self::Run { .. } | Self::Failed { .. } | Self::Timeout { .. }
        )
    }
}

impl SecretSource {
    /// Fetches the secret. A program gets 60 seconds, for somebody to type a passphrase in.
    ///
    /// # Errors
    /// See [`Error`]; none of them holds any part of the secret.
    pub async fn load(&self) -> Result<Secret, Error> {
        match self {
            Self::Plain(secret) => Ok(secret.clone()),
            Self::File(file) => read(file, Guard::OwnerOnly),
            Self::Command(argv) | Self::Token(argv) => command::run(argv, command::LIMIT).await,
            Self::Certificate => Ok(Secret::new("")),
            Self::Credential(name) => credential(name, env::var_os("CREDENTIALS_DIRECTORY")),
        }
    }

    /// What the account proves itself with; `None`: with the client certificate alone.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        match self {
            Self::Token(_) => Some(Kind::Token),
            Self::Certificate => None,
            Self::Plain(_) | Self::File(_) | Self::Command(_) | Self::Credential(_) => {
                Some(Kind::Password)
            }
        }
    }

    /// A number that is another one once the file has changed that the secret comes from; `None` where there is no
    /// file, and what a program would say is not found out without asking somebody for a passphrase, perhaps.
    #[must_use]
    pub fn mark(&self) -> Option<u64> {
        let path = match self {
            Self::File(file) => file.clone(),
            Self::Credential(name) => Path::new(&env::var_os("CREDENTIALS_DIRECTORY")?).join(name),
            Self::Plain(_) | Self::Command(_) | Self::Token(_) | Self::Certificate => return None,
        };
        let mut hasher = DefaultHasher::new();
        if let Ok(seen) = path.metadata() {
            (seen.dev(), seen.ino(), seen.size()).hash(&mut hasher);
            (seen.mtime(), seen.mtime_nsec(), seen.mode()).hash(&mut hasher);
        }
        Some(hasher.finish())
    }
}

/// Who looks after a file's permissions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Guard {
    /// We do.
    OwnerOnly,
    /// systemd does, with access lists whose mask looks like group permissions.
    Systemd,
}

fn credential(name: &str, directory: Option<std::ffi::OsString>) -> Result<Secret, Error> {
    let mut parts = Path::new(name).components();
    let (Some(Component::Normal(only)), None) = (parts.next(), parts.next()) else {
        return Err(Error::CredentialName {
            name: name.to_owned(),
        });
    };
    if only != name {
        return Err(Error::CredentialName {
            name: name.to_owned(),
        });
    }
    let directory = directory.ok_or(Error::NoCredentials)?;
    read(&Path::new(&directory).join(only), Guard::Systemd)
}

fn read(path: &Path, guard: Guard) -> Result<Secret, Error> {
    let failed = |source| Error::File {
        file: path.to_owned(),
        source,
    };
    // A pipe would block when it is opened, so this is asked before; the mode only counts once it is open.
    if !path.metadata().map_err(failed)?.is_file() {
        return Err(Error::NotAFile {
            file: path.to_owned(),
        });
    }
    let mut file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.mode() & 0o7777;
    if guard == Guard::OwnerOnly && mode & 0o077 != 0 {
        return Err(Error::Exposed {
            file: path.to_owned(),
            mode,
        });
    }
    let mut octets = Zeroizing::new(Vec::with_capacity(LIMIT + 64));
    let limit = u64::try_from(LIMIT + 3).unwrap_or(u64::MAX);
    file.by_ref()
        .take(limit)
        .read_to_end(&mut octets)
        .map_err(failed)?;
    checked(first_line(&octets), || path.display().to_string())
}

/// The first line that is not empty. What password managers keep with a password stands below it.
pub(super) fn first_line(octets: &[u8]) -> &[u8] {
    octets
        .split(|&octet| octet == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .find(|line| !line.is_empty())
        .unwrap_or_default()
}

/// A secret that is neither empty nor too long.
pub(super) fn checked(octets: &[u8], origin: impl Fn() -> String) -> Result<Secret, Error> {
    if octets.is_empty() {
        return Err(Error::Empty { origin: origin() });
    }
    if octets.len() > LIMIT {
        return Err(Error::TooLong { origin: origin() });
    }
    Ok(Secret::new(octets))
}

#[cfg(test)]
mod tests;
