//! Which script runs, for whom, and what it may do.

use std::fs;
use std::io::Read as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::plugins;
use super::reply::HookError;

/// The largest script, in bytes.
const LARGEST: u64 = 1 << 20;

/// One hook for one account.
#[derive(Clone, Debug)]
pub struct Spec {
    /// What runs.
    pub script: Script,
    /// For which account.
    pub account: String,
    /// What it is granted.
    pub grants: Grants,
    /// How long one handler may take.
    pub timeout: Duration,
    /// How long all programs of one handler may take; that does not count as the handler's own time.
    pub programs: Duration,
    /// How much memory it may use, in bytes.
    pub memory: usize,
    /// Whether it is told of mail of the first sync, too.
    pub old_mail: bool,
    /// Whether programs are only noted instead of run.
    pub dry: bool,
    /// Whether programs run below a keeper, which is our own program: [`keep`](super::keep) has to be called by it.
    pub kept: bool,
    /// Handed to the script as `mailferry.options`.
    pub options: toml::Table,
}

impl Spec {
    /// A script with the limits that the configuration has by default, and no grants.
    #[must_use]
    pub fn new(script: Script, account: &str) -> Self {
        Self {
            script,
            account: account.to_owned(),
            grants: Grants::default(),
            timeout: Duration::from_secs(2),
            programs: Duration::from_secs(15 * 60),
            memory: 32 << 20,
            old_mail: false,
            dry: false,
            kept: false,
            options: toml::Table::new(),
        }
    }
}

/// A script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Script {
    /// A file.
    File(PathBuf),
    /// A plugin that is shipped.
    Plugin(String),
    /// A text, with a name for messages.
    Text {
        /// As in `test.lua`.
        name: String,
        /// Lua.
        text: String,
    },
}

impl Script {
    /// As `status` shows it, and `hooks enable` takes it: the path, or the plugin's name.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Plugin(name) | Self::Text { name, .. } => name.clone(),
        }
    }

    /// What messages call it: a file's name without its directory.
    pub(super) fn short_name(&self) -> String {
        match self {
            Self::File(path) => path.file_name().map_or_else(
                || path.display().to_string(),
                |name| name.to_string_lossy().into_owned(),
            ),
            Self::Plugin(name) => format!("{name}.lua"),
            Self::Text { name, .. } => name.clone(),
        }
    }

    /// The text of the script.
    pub(super) fn source(&self) -> Result<Vec<u8>, HookError> {
        match self {
            Self::Text { text, .. } => Ok(text.clone().into_bytes()),
            Self::Plugin(name) => plugins::shipped(name)
                .map(|text| text.as_bytes().to_vec())
                .ok_or_else(|| HookError::NoSuchPlugin(name.clone())),
            Self::File(path) => {
                let failed = |source| HookError::Read {
                    path: path.clone(),
                    source,
                };
                let mut text = Vec::new();
                fs::File::open(path)
                    .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut text))
                    .map_err(failed)?;
                if text.len() as u64 > LARGEST {
                    return Err(HookError::TooLarge(path.clone()));
                }
                Ok(text)
            }
        }
    }

    /// What changes when the file is edited.
    pub(super) fn stamp(&self) -> Option<(SystemTime, u64)> {
        let Self::File(path) = self else { return None };
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    }
}

/// Something that a hook can be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    /// `exec`: running programs.
    Exec,
    /// `read_body`: the text of messages and the content of attachments.
    ReadBody,
    /// `notify`: notifications of its own.
    Notify,
}

impl Capability {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Exec, Self::ReadBody, Self::Notify];

    /// As the configuration writes it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Exec => "exec",
            Self::ReadBody => "read_body",
            Self::Notify => "notify",
        }
    }

    /// Reads what the configuration writes.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.word() == word)
    }
}

/// What a hook is granted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    exec: bool,
    read_body: bool,
    notify: bool,
}

impl Grants {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Capability::ALL
            .into_iter()
            .fold(Self::default(), Self::with)
    }

    /// The same with one more.
    #[must_use]
    pub fn with(mut self, more: Capability) -> Self {
        match more {
            Capability::Exec => self.exec = true,
            Capability::ReadBody => self.read_body = true,
            Capability::Notify => self.notify = true,
        }
        self
    }

    /// The words of the configuration; those that nobody knows are left out.
    #[must_use]
    pub fn of_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        words
            .into_iter()
            .filter_map(Capability::parse)
            .fold(Self::default(), Self::with)
    }

    /// Whether it is granted.
    #[must_use]
    pub fn has(self, what: Capability) -> bool {
        match what {
            Capability::Exec => self.exec,
            Capability::ReadBody => self.read_body,
            Capability::Notify => self.notify,
        }
    }
}
