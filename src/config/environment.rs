//! What the configuration takes from the process's surroundings, as values, so that tests can set them.

use std::env;
use std::path::PathBuf;

/// The directories of the user who runs this.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `$HOME`.
    pub home: Option<PathBuf>,
    /// `$XDG_CONFIG_HOME`.
    pub config_home: Option<PathBuf>,
    /// `$XDG_STATE_HOME`.
    pub state_home: Option<PathBuf>,
    /// `$XDG_RUNTIME_DIR`.
    pub runtime_dir: Option<PathBuf>,
}

impl Environment {
    /// The surroundings of this process. A variable that is empty or holds a relative path counts as unset, as the
    /// XDG base directory specification wants it.
    #[must_use]
    pub fn of_process() -> Self {
        let directory = |name| {
            env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        Self {
            home: directory("HOME"),
            config_home: directory("XDG_CONFIG_HOME"),
            state_home: directory("XDG_STATE_HOME"),
            runtime_dir: directory("XDG_RUNTIME_DIR"),
        }
    }

    /// Where the configuration is unless the user says otherwise; `None` without a home directory.
    #[must_use]
    pub fn config_file(&self) -> Option<PathBuf> {
        let home = || self.home.as_ref().map(|home| home.join(".config"));
        let base = self.config_home.clone().or_else(home)?;
        Some(base.join("mailferry/config.toml"))
    }

    /// Where the state is unless the configuration says otherwise; `None` without a home directory.
    #[must_use]
    pub fn state_dir(&self) -> Option<PathBuf> {
        let home = || self.home.as_ref().map(|home| home.join(".local/state"));
        let base = self.state_home.clone().or_else(home)?;
        Some(base.join("mailferry"))
    }
}
