//! Adding tables to a configuration file: what stands there stays as it is, comments and order included.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::auth::Secret;
use crate::config::{Config, ConfigErrors, Environment};

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// A file or directory cannot be read or written.
    #[error("{}: {source}", .file.display())]
    Io {
        /// Which.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The configuration has an account of this name.
    #[error("{} has an account `{name}` already; nothing was written", .file.display())]
    Taken {
        /// The configuration.
        file: PathBuf,
        /// The account.
        name: String,
    },
    /// The configuration has a mistake, or would have one.
    #[error("{0}\nnothing was written")]
    Invalid(ConfigErrors),
}

/// Adds tables to the end of a configuration file, which is made (readable by its owner only) where there is none.
///
/// The new file takes the old one's place at once, durably. A symbolic link stays one.
///
/// # Errors
/// An account that is there already, a configuration that is or becomes wrong, or a disk that refuses.
pub fn add(
    file: &Path,
    addition: &str,
    accounts: &[&str],
    environment: &Environment,
) -> Result<(), FileError> {
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let failed = |source| FileError::Io {
        file: file.clone(),
        source,
    };
    let (before, mode) = match fs::read_to_string(&file) {
        Ok(text) => (
            text,
            fs::metadata(&file).map_err(failed)?.permissions().mode(),
        ),
        Err(error) if error.kind() == io::ErrorKind::NotFound => (String::new(), 0o600),
        Err(error) => return Err(failed(error)),
    };
    let there: toml::Table = before.parse().unwrap_or_default();
    let names = there.get("accounts").and_then(toml::Value::as_table);
    for name in accounts {
        if names.is_some_and(|names| names.contains_key(*name)) {
            return Err(FileError::Taken {
                file,
                name: (*name).to_owned(),
            });
        }
    }
    let whole = match before.trim_end() {
        "" => addition.to_owned(),
        text => format!("{text}\n\n{addition}"),
    };
    let others_can_read = mode & 0o044 != 0;
    Config::parse(whole.as_bytes(), &file, others_can_read, environment)
        .map_err(FileError::Invalid)?;
    make_directory(&file)
        .and_then(|()| replace(&file, whole.as_bytes(), mode & 0o777))
        .map_err(failed)
}

/// Puts a secret into a file that only its owner can read.
///
/// # Errors
/// The file is there already, or the disk refuses.
pub fn put_secret(file: &Path, secret: &Secret) -> Result<(), FileError> {
    let write = || {
        make_directory(file)?;
        let mut opened = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(file)?;
        opened.write_all(secret.expose())?;
        opened.write_all(b"\n")?;
        opened.sync_all()
    };
    write().map_err(|source| FileError::Io {
        file: file.to_owned(),
        source,
    })
}

fn make_directory(file: &Path) -> io::Result<()> {
    let directory = file.parent().unwrap_or_else(|| Path::new("."));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
}

fn replace(file: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let fresh = file.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = || {
        let mut opened = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&fresh)?;
        opened.write_all(bytes)?;
        opened.sync_all()?;
        fs::rename(&fresh, file)?;
        File::open(file.parent().unwrap_or_else(|| Path::new(".")))?.sync_all()
    };
    written().inspect_err(|_| {
        let _ = fs::remove_file(&fresh);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str) -> String {
        format!(
            "[accounts.{name}]\nhost = \"h\"\nuser = \"u\"\npassword_file = \"p\"\nmaildir = \"/m/{name}\"\n"
        )
    }

    fn environment() -> Environment {
        Environment {
            home: Some("/home/nobody".into()),
            ..Environment::default()
        }
    }

    #[test]
    fn what_is_there_stays() {
        let directory = tempfile::tempdir().unwrap();
        let real = directory.path().join("dotfiles.toml");
        let file = directory.path().join("a/b/config.toml");
        add(&file, &account("one"), &["one"], &environment()).unwrap();
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );

        fs::write(&real, format!("# mine\n{}", account("two"))).unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o644)).unwrap();
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink(&real, &file).unwrap();
        add(&file, &account("one"), &["one"], &environment()).unwrap();
        assert!(fs::symlink_metadata(&file).unwrap().is_symlink());
        let text = fs::read_to_string(&real).unwrap();
        assert_eq!(
            text,
            format!("# mine\n{}\n{}", account("two"), account("one"))
        );
        assert_eq!(
            fs::metadata(&real).unwrap().permissions().mode() & 0o777,
            0o644
        );

        let refused = add(&file, &account("two"), &["two"], &environment()).unwrap_err();
        assert!(matches!(refused, FileError::Taken { .. }));
        let refused = add(&file, "[accounts.x]\n", &["x"], &environment()).unwrap_err();
        assert!(
            refused.to_string().contains("`host` is missing"),
            "{refused}"
        );
        assert_eq!(fs::read_to_string(&real).unwrap(), text);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_secret_never_takes_a_files_place() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("x/work.password");
        put_secret(&file, &Secret::new("hunter2")).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "hunter2\n");
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert!(put_secret(&file, &Secret::new("other")).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "hunter2\n");
    }
}
