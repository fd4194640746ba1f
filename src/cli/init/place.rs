//! Where the configuration is, and what is there already.

use std::fs;
use std::path::{Path, PathBuf};

use crate::auth::Secret;
use crate::cli::Failure;
use crate::cli::import::{expand, refused, shown};
use crate::config::{AccountName, ConfigError, Environment};
use crate::setup::file;
use crate::setup::init::{Draft, Password};

/// The configuration that an account is added to.
pub(super) struct Place {
    /// Its file.
    pub(super) target: PathBuf,
    /// What paths in it begin with.
    pub(super) environment: Environment,
    /// The home directory.
    pub(super) home: PathBuf,
}

impl Place {
    /// The one that is named, else the usual one.
    pub(super) fn of(config: Option<&Path>) -> Result<Self, Failure> {
        let environment = Environment::of_process();
        let home = environment.home.clone().ok_or(ConfigError::NoHome)?;
        let target = match config {
            Some(file) => std::path::absolute(file).unwrap_or_else(|_| file.to_owned()),
            None => environment.config_file().ok_or(ConfigError::NoHome)?,
        };
        Ok(Self {
            target,
            environment,
            home,
        })
    }

    /// Whether an account may be called that; an error says why not.
    pub(super) fn is_free(&self, name: &str) -> Result<(), String> {
        if AccountName::parse(name).is_none() {
            return Err(format!(
                "`{}` cannot be the name of an account: letters, digits, `_`, `.` and `-` can",
                crate::cli::render::plain(name)
            ));
        }
        let text = fs::read_to_string(&self.target).unwrap_or_default();
        let there: toml::Table = text.parse().unwrap_or_default();
        let accounts = there.get("accounts").and_then(toml::Value::as_table);
        if accounts.is_some_and(|accounts| accounts.contains_key(name)) {
            return Err(format!(
                "{} has an account `{name}` already; give this one another name (--name)",
                self.target.display()
            ));
        }
        Ok(())
    }

    /// A file for the account's password that is not there yet, as the configuration writes it.
    pub(super) fn password_file(&self, name: &str) -> Result<String, Failure> {
        let directory = self.target.parent().unwrap_or_else(|| Path::new("."));
        let file = directory.join(format!("{name}.password"));
        if file.exists() {
            return Err(Failure::Usage(format!(
                "{} is there already; move it away, or say --password-file to use it",
                file.display()
            )));
        }
        Ok(shown(&file, &self.home))
    }

    /// Adds the account, and writes the password that was typed into its file.
    pub(super) fn write(
        &self,
        draft: &Draft,
        text: &str,
        typed: Option<&Secret>,
    ) -> Result<(), Failure> {
        file::add(&self.target, text, &[&draft.name], &self.environment).map_err(refused)?;
        if let (Password::File(file), Some(secret)) = (&draft.password, typed) {
            file::put_secret(&expand(file, &self.home), secret).map_err(refused)?;
        }
        Ok(())
    }
}
