//! What is wrong with a configuration, and how it is told.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::source::{self, Snippet};

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is none.
    #[error(
        "there is no configuration yet: {} does not exist. The smallest one is:\n\n\
         [accounts.work]\nhost = \"imap.example.com\"\nuser = \"alice@example.com\"\n\
         password_command = [\"pass\", \"show\", \"mail/work\"]\nmaildir = \"~/Mail/work\"\n\n\
         `mailferry import mbsync --write` makes one from that of another program",
        .file.display()
    )]
    Absent {
        /// Where it was looked for.
        file: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}", .file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No `-c`, and no home directory to look in.
    #[error("there is no home directory to find the configuration in; set HOME or use -c FILE")]
    NoHome,
    /// Mistakes in it.
    #[error("{0}")]
    Invalid(ConfigErrors),
}

/// All mistakes in one file, by place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    /// The file.
    pub file: PathBuf,
    /// At least one.
    pub mistakes: Vec<Mistake>,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line, from one.
    pub line: usize,
    /// The column in characters, from one.
    pub column: usize,
    /// The dotted key; empty where no key is concerned, as in broken TOML.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What may have been meant, or what to do.
    pub help: Option<String>,
    snippet: Snippet,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, mistake) in self.mistakes.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            mistake.write(&self.file, f)?;
        }
        Ok(())
    }
}

impl Mistake {
    /// `file:line:column: key: what; help`, and below it the line with marks.
    fn write(&self, file: &Path, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", file.display(), self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}", self.message)?;
        if let Some(help) = &self.help {
            write!(f, "; {help}")?;
        }
        let gutter = self.line.to_string();
        let blank = " ".repeat(gutter.len());
        let Snippet {
            text,
            indent,
            marks,
        } = &self.snippet;
        writeln!(f, "\n {blank} |")?;
        writeln!(f, " {gutter} | {text}")?;
        write!(
            f,
            " {blank} | {}{}",
            " ".repeat(*indent),
            "^".repeat(*marks)
        )
    }
}

/// A mistake while the file is being read: its place is still a span of bytes.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub at: Range<usize>,
    pub key: String,
    pub message: String,
    pub help: Option<String>,
}

/// Turns what was found into what is told: in order of place, nothing twice.
pub(super) fn locate(file: &Path, text: &str, mut found: Vec<Found>) -> ConfigErrors {
    found.sort_by_key(|found| (found.at.start, found.at.end));
    let mut mistakes: Vec<Mistake> = Vec::with_capacity(found.len());
    for Found {
        at,
        key,
        message,
        help,
    } in found
    {
        let place = source::place(text, at.start);
        let mistake = Mistake {
            line: place.line,
            column: place.column,
            key,
            message,
            help,
            snippet: source::snippet(text, &at),
        };
        if !mistakes.contains(&mistake) {
            mistakes.push(mistake);
        }
    }
    ConfigErrors {
        file: file.to_owned(),
        mistakes,
    }
}
