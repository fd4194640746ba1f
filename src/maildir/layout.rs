//! Mailbox names and the directories they live in. Pure.
//!
//! Every level of a name is escaped by itself, reversibly, into one directory name that can neither leave the root nor
//! be taken for `cur`, `new`, `tmp` or a hidden file. A directory whose name is not exactly what its mailbox
//! would be written as is no mailbox.

use super::error::Error;
use crate::mail::{FolderNames, MailboxName};

/// How folders lie on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `<root>/INBOX`, `<root>/Archive/2026`.
    Nested,
    /// The root is INBOX, the others are `<root>/.Archive.2026`.
    MaildirPlusPlus,
}

/// Deeper than any mailbox is.
const DEEPEST: usize = 100;

/// The longest directory name that is made, in bytes: file systems end at 255, and suffixes need room.
const LONGEST: usize = 240;

impl Layout {
    /// The directories from the root to a folder, outermost first; empty for the root itself.
    ///
    /// # Errors
    /// A level is too long for a directory name, or the folder belongs to another mailbox.
    pub(super) fn path(
        self,
        name: &MailboxName,
        names: &FolderNames,
    ) -> Result<Vec<String>, Error> {
        let taken = || Error::FolderTaken(name.clone());
        let levels = names.folder(name).ok_or_else(taken)?;
        let is_inbox = name.is_inbox() && levels == [name.as_str()];
        let levels: Vec<String> = levels.iter().map(|level| self.escape(level)).collect();
        let path = match self {
            Self::Nested => levels,
            Self::MaildirPlusPlus if is_inbox => Vec::new(),
            Self::MaildirPlusPlus => vec![format!(".{}", levels.join("."))],
        };
        if path.iter().any(|directory| directory.len() > LONGEST) {
            return Err(Error::NameTooLong(name.clone()));
        }
        Ok(path)
    }

    /// The mailbox that lives in this directory, outermost part first; `None` if none can.
    pub(super) fn mailbox(self, path: &[String], names: &FolderNames) -> Option<MailboxName> {
        let levels: Option<Vec<String>> = match (self, path) {
            (Self::MaildirPlusPlus, []) => Some(vec![MailboxName::inbox().as_str().to_owned()]),
            (Self::MaildirPlusPlus, [one]) => {
                one.strip_prefix('.')?.split('.').map(unescape).collect()
            }
            (Self::MaildirPlusPlus, _) => None,
            (Self::Nested, path) => path.iter().map(|level| unescape(level)).collect(),
        };
        let name = names.mailbox(&levels?)?;
        let same = self
            .path(&name, names)
            .is_ok_and(|canonical| canonical == path);
        same.then_some(name)
    }

    /// Whether a directory of this name, below `depth` others, is looked into for folders.
    pub(super) fn may_hold(self, depth: usize, name: &str) -> bool {
        let plus = self == Self::MaildirPlusPlus;
        // What a file system keeps for itself at the top of a volume is not ours to read.
        let foreign = depth == 0 && name == "lost+found";
        let too_deep = depth >= if plus { 1 } else { DEEPEST };
        name.starts_with('.') == plus && !foreign && !too_deep
    }

    fn escape(self, level: &str) -> String {
        let mut text = String::with_capacity(level.len());
        let reserved = matches!(level, "cur" | "new" | "tmp")
            || (self == Self::MaildirPlusPlus && matches!(level, "mailferry" | "mailferry-trash"));
        for (at, character) in level.char_indices() {
            let rest = level.as_bytes().get(at + 1..).unwrap_or_default();
            let escaped = match character {
                '/' => true,
                '.' => at == 0 || self == Self::MaildirPlusPlus,
                '%' => reads_as_escape(rest),
                other => other.is_control() || (reserved && at == 0),
            };
            if escaped {
                push_escaped(&mut text, character);
            } else {
                text.push(character);
            }
        }
        text
    }
}

fn reads_as_escape(rest: &[u8]) -> bool {
    matches!(rest, [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

fn push_escaped(text: &mut String, character: char) {
    let mut utf8 = [0; 4];
    for byte in character.encode_utf8(&mut utf8).bytes() {
        text.push_str(&format!("%{byte:02X}"));
    }
}

/// Undoes every escape; `None` if the result is no UTF-8. What was no escape comes out as another name than went in,
/// which [`Layout::mailbox`] notices.
fn unescape(level: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(level.len());
    let mut rest = level.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' && reads_as_escape(after) {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = after.get(2..)?;
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All names are the same on both sides.
    fn same() -> FolderNames {
        FolderNames::default()
    }

    fn nested(name: &str) -> String {
        let name = MailboxName::parse(name).unwrap();
        Layout::Nested.path(&name, &same()).unwrap().join("/")
    }

    fn plus(name: &str) -> String {
        let name = MailboxName::parse(name).unwrap();
        Layout::MaildirPlusPlus
            .path(&name, &same())
            .unwrap()
            .join("/")
    }

    #[test]
    fn ordinary_names_are_written_as_they_are() {
        assert_eq!(nested("Archive/2026"), "Archive/2026");
        assert_eq!(nested("inbox"), "INBOX");
        assert_eq!(nested("Entw\u{fc}rfe (1)"), "Entw\u{fc}rfe (1)");
        assert_eq!(nested("100%"), "100%");
        assert_eq!(nested("trailing. "), "trailing. ");
        assert_eq!(plus("INBOX"), "");
        assert_eq!(plus("Archive/2026"), ".Archive.2026");
        assert_eq!(plus("INBOX/Sub"), ".INBOX.Sub");
    }

    #[test]
    fn names_that_would_mean_something_to_the_disk_are_escaped() {
        assert_eq!(nested("../../.ssh"), "%2E./%2E./%2Essh");
        assert_eq!(nested("a/cur"), "a/%63ur");
        assert_eq!(nested("tmp"), "%74mp");
        assert_eq!(nested(".mailferry"), "%2Emailferry");
        assert_eq!(nested("a%2Fb"), "a%2Fb");
        assert_eq!(nested("%41"), "%2541");
        assert_eq!(nested("a\u{0}\n\u{7f}"), "a%00%0A%7F");
        assert_eq!(plus("v1.2"), ".v1%2E2");
        assert_eq!(plus("mailferry-trash"), ".%6Dailferry-trash");
    }

    #[test]
    fn what_is_no_canonical_directory_is_no_mailbox() {
        for directory in ["inbox", "a%2fb", "%zz%41", ".x", "cur", "%FF", "foo%20bar"] {
            let path = [directory.to_owned()];
            assert_eq!(Layout::Nested.mailbox(&path, &same()), None, "{directory}");
        }
        for directory in [".INBOX", ".a..b", "plain", ".mailferry-trash/x"] {
            let path = [directory.to_owned()];
            assert_eq!(
                Layout::MaildirPlusPlus.mailbox(&path, &same()),
                None,
                "{directory}"
            );
        }
        assert_eq!(Layout::Nested.mailbox(&[], &same()), None);
    }

    #[test]
    fn a_level_that_no_file_system_takes_is_an_error() {
        let name = MailboxName::parse(&"x".repeat(241)).unwrap();
        assert!(Layout::Nested.path(&name, &same()).is_err());
        let name = MailboxName::parse(&"\u{1}".repeat(81)).unwrap();
        assert!(Layout::Nested.path(&name, &same()).is_err());
    }

    fn any_name() -> impl Strategy<Value = MailboxName> {
        let level = prop_oneof![
            "[%./a-fA-F0-9]{1,6}",
            "cur|new|tmp|INBOX|\\.\\.|\\.",
            "\\PC{1,8}",
            "[\\x00-\\x20\\x7f%]{1,4}"
        ];
        proptest::collection::vec(level, 1..4)
            .prop_map(|levels| MailboxName::from_levels(levels.iter().map(String::as_str)).unwrap())
    }

    proptest! {
        #[test]
        fn directories_read_back_and_stay_inside(name in any_name(), other in any_name()) {
            for layout in [Layout::Nested, Layout::MaildirPlusPlus] {
                let path = layout.path(&name, &same()).unwrap();
                prop_assert_eq!(layout.mailbox(&path, &same()), Some(name.clone()));
                for part in &path {
                    prop_assert!(!part.is_empty() && !part.contains(['/', '\0']));
                    prop_assert!(!["cur", "new", "tmp", ".", "..", ".mailferry"].contains(&part.as_str()));
                    prop_assert!(layout != Layout::Nested || !part.starts_with('.'));
                }
                if name != other {
                    prop_assert_ne!(path, layout.path(&other, &same()).unwrap());
                }
            }
        }

        #[test]
        fn any_directory_is_one_mailbox_or_none(parts in proptest::collection::vec("[%.a-fA-F0-9/]{0,8}", 0..3)) {
            for layout in [Layout::Nested, Layout::MaildirPlusPlus] {
                if let Some(name) = layout.mailbox(&parts, &same()) {
                    prop_assert_eq!(layout.path(&name, &same()).unwrap(), parts.clone());
                }
            }
        }
    }
}
