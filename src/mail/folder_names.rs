//! Folders that are called otherwise than their mailboxes on the server.

use super::MailboxName;

/// One rule: this mailbox, and what lies below it, is in that folder. Both by levels.
type Pair = (Vec<String>, Vec<String>);

/// Which mailboxes lie in folders of other names. A rule for a mailbox holds for those below it as well; the longest one
/// that fits decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FolderNames {
    pairs: Vec<Pair>,
}

/// Why a rule cannot be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FolderNameError {
    /// No level, or an empty one.
    Empty,
    /// Another mailbox has this folder.
    Taken,
}

impl FolderNames {
    /// Adds a rule. `folder` has `/` between levels.
    ///
    /// # Errors
    /// See [`FolderNameError`].
    pub fn add(&mut self, mailbox: &MailboxName, folder: &str) -> Result<(), FolderNameError> {
        let folder: Vec<String> = folder.split('/').map(str::to_owned).collect();
        if folder.iter().any(String::is_empty) {
            return Err(FolderNameError::Empty);
        }
        if self.pairs.iter().any(|(_, other)| *other == folder) {
            return Err(FolderNameError::Taken);
        }
        self.pairs.push((mailbox.levels().collect(), folder));
        Ok(())
    }

    /// Whether all names are the same on both sides.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The levels of the folder for a mailbox; `None` if that folder belongs to another mailbox.
    #[must_use]
    pub fn folder(&self, mailbox: &MailboxName) -> Option<Vec<String>> {
        let levels: Vec<String> = mailbox.levels().collect();
        let folder = replaced(
            &levels,
            self.pairs.iter().map(|(there, here)| (there, here)),
        );
        let back = replaced(
            &folder,
            self.pairs.iter().map(|(there, here)| (here, there)),
        );
        (back == levels).then_some(folder)
    }

    /// The mailbox of the folder with these levels; `None` if it can be none.
    #[must_use]
    pub fn mailbox(&self, folder: &[String]) -> Option<MailboxName> {
        let levels = replaced(folder, self.pairs.iter().map(|(there, here)| (here, there)));
        let name = MailboxName::from_levels(levels.iter().map(String::as_str))?;
        (self.folder(&name)? == folder).then_some(name)
    }
}

/// The levels with the longest beginning that a rule has replaced by what the rule says.
fn replaced<'a>(
    levels: &[String],
    rules: impl Iterator<Item = (&'a Vec<String>, &'a Vec<String>)>,
) -> Vec<String> {
    let fitting = rules.filter(|(from, _)| levels.starts_with(from));
    match fitting.max_by_key(|(from, _)| from.len()) {
        Some((from, to)) => {
            let rest = levels.get(from.len()..).unwrap_or_default();
            to.iter().chain(rest).cloned().collect()
        }
        None => levels.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(pairs: &[(&str, &str)]) -> FolderNames {
        let mut names = FolderNames::default();
        for (there, here) in pairs {
            let there = MailboxName::parse(there).unwrap();
            // What is refused is refused.
            let _ = names.add(&there, here);
        }
        names
    }

    fn folder(names: &FolderNames, mailbox: &str) -> Option<String> {
        let folder = names.folder(&MailboxName::parse(mailbox).unwrap())?;
        Some(folder.join("/"))
    }

    fn mailbox(names: &FolderNames, folder: &str) -> Option<String> {
        let levels: Vec<String> = folder.split('/').map(str::to_owned).collect();
        names.mailbox(&levels).map(|name| name.as_str().to_owned())
    }

    #[test]
    fn a_rule_holds_both_ways_and_below() {
        let names = names(&[
            ("[Gmail]/Sent Mail", "Sent"),
            ("INBOX", "Inbox"),
            ("Sent", "Other"),
        ]);
        assert_eq!(folder(&names, "[Gmail]/Sent Mail").unwrap(), "Sent");
        assert_eq!(
            folder(&names, "[Gmail]/Sent Mail/2026").unwrap(),
            "Sent/2026"
        );
        assert_eq!(
            mailbox(&names, "Sent/2026").unwrap(),
            "[Gmail]/Sent Mail/2026"
        );
        assert_eq!(folder(&names, "[Gmail]/Drafts").unwrap(), "[Gmail]/Drafts");
        assert_eq!(mailbox(&names, "Inbox").unwrap(), "INBOX");
        assert_eq!(folder(&names, "Sent").unwrap(), "Other");
    }

    #[test]
    fn a_folder_has_one_mailbox() {
        let names = names(&[("[Gmail]/Sent Mail", "Sent")]);
        assert_eq!(
            folder(&names, "Sent"),
            None,
            "it belongs to another mailbox"
        );
        assert_eq!(mailbox(&names, "[Gmail]/Sent Mail"), None);
        let mut names = names.clone();
        let other = MailboxName::parse("x").unwrap();
        assert_eq!(names.add(&other, "Sent"), Err(FolderNameError::Taken));
        assert_eq!(names.add(&other, "a//b"), Err(FolderNameError::Empty));
    }

    proptest! {
        #[test]
        fn nothing_shares_a_folder(
            pairs in proptest::collection::vec(("[ab](/[ab]){0,2}", "[ab](/[ab]){0,2}"), 0..4),
            one in "[ab](/[ab]){0,3}",
            two in "[ab](/[ab]){0,3}",
        ) {
            let pairs: Vec<_> = pairs.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            let names = names(&pairs);
            if let Some(here) = folder(&names, &one) {
                let back = mailbox(&names, &here);
                prop_assert_eq!(back.as_deref(), Some(one.as_str()));
                if one != two {
                    prop_assert_ne!(Some(here), folder(&names, &two));
                }
            }
            if let Some(there) = mailbox(&names, &two) {
                let back = folder(&names, &there);
                prop_assert_eq!(back.as_deref(), Some(two.as_str()));
            }
        }
    }
}
