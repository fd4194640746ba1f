//! A configuration from that of another mail program.
//!
//! A converter reads one program's file and fills a [`Document`]: the tables of our TOML, in which whatever could not be
//! carried over is a comment at its place and a [`Note`]. Converters know nothing of the disk but what [`Context`] tells them.

mod fetchmail;
mod getmail;
mod goimapnotify;
mod ini;
mod mbsync;
mod mpop;
mod offlineimap;
mod secret;
mod words;

use std::path::Path;

use super::document::{self, Document};
use super::{names, value};

/// A program whose configuration can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// isync's mbsync.
    Mbsync,
    /// OfflineIMAP.
    OfflineImap,
    /// goimapnotify.
    GoImapNotify,
    /// getmail 6.
    Getmail,
    /// mpop.
    Mpop,
    /// fetchmail.
    Fetchmail,
}

/// What a converter may know beside the file.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The file's name without its directory and ending, for programs whose files do not name the account.
    pub stem: &'a str,
    /// Our own configuration's directory as the user writes it: where files with passwords are meant to go.
    pub directory: &'a str,
    /// The directories below this one (written as in the file, `~/` included) that have a `cur`, relative to it.
    pub folders: &'a dyn Fn(&str) -> Vec<String>,
}

/// Why a file cannot be converted at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// A line that the program itself would refuse.
    #[error("line {line}: {message}")]
    Line {
        /// The line, from one.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// Nothing in it is an account.
    #[error("there is no account in it")]
    Empty,
}

impl Tool {
    /// Every tool with the name that the command line uses.
    pub const ALL: [(&'static str, Self); 6] = [
        ("mbsync", Self::Mbsync),
        ("offlineimap", Self::OfflineImap),
        ("goimapnotify", Self::GoImapNotify),
        ("getmail", Self::Getmail),
        ("mpop", Self::Mpop),
        ("fetchmail", Self::Fetchmail),
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, tool)| *tool == self);
        found.map_or("", |(name, _)| *name)
    }

    /// Where its configuration usually is, the most likely place first; relative to the home directory.
    #[must_use]
    pub fn places(self) -> &'static [&'static str] {
        match self {
            Self::Mbsync => &[".config/isyncrc", ".mbsyncrc"],
            Self::OfflineImap => &[".config/offlineimap/config", ".offlineimaprc"],
            Self::GoImapNotify => &[
                ".config/goimapnotify/goimapnotify.yaml",
                ".config/goimapnotify/goimapnotify.conf",
            ],
            Self::Getmail => &[".config/getmail/getmailrc", ".getmail/getmailrc"],
            Self::Mpop => &[".mpoprc", ".config/mpop/config"],
            Self::Fetchmail => &[".fetchmailrc"],
        }
    }

    /// Converts the text of its configuration.
    ///
    /// # Errors
    /// A line that makes no sense, or a file without any account.
    pub fn convert(self, text: &str, context: &Context<'_>) -> Result<Document, ImportError> {
        let document = match self {
            Self::Mbsync => mbsync::convert(text, context),
            Self::OfflineImap => offlineimap::convert(text, context),
            Self::GoImapNotify => goimapnotify::convert(text, context),
            Self::Getmail => getmail::convert(text, context),
            Self::Mpop => mpop::convert(text, context),
            Self::Fetchmail => fetchmail::convert(text, context),
        }?;
        if document.accounts().next().is_none() {
            return Err(ImportError::Empty);
        }
        Ok(document)
    }
}

/// The stem of a file's name, for [`Context::stem`].
#[must_use]
pub fn stem(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    stem.trim_start_matches('.').to_owned()
}

#[cfg(test)]
mod tests;
