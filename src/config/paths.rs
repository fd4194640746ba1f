//! Paths as users write them, and whether two of them are in each other's way.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use super::Environment;

/// What relative paths and `~/` stand for.
#[derive(Clone, Copy)]
pub(super) struct Places<'a> {
    /// The configuration file's directory, absolute.
    pub base: &'a Path,
    /// The user's directories.
    pub environment: &'a Environment,
}

impl Places<'_> {
    /// An absolute path: `~/` is the home directory, and a relative path starts at the configuration file's directory.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn resolve(&self, text: &str) -> Result<PathBuf, String> {
        if text.is_empty() {
            return Err("is empty, expected a path".to_owned());
        }
        if text.chars().any(char::is_control) {
            return Err("has a control character".to_owned());
        }
        if text.starts_with("$HOME") || text.starts_with("${") {
            return Err(
                "names a variable, and none is looked up here; `~/` is the home directory"
                    .to_owned(),
            );
        }
        let Some(after_tilde) = text.strip_prefix('~') else {
            return Ok(tidy(&self.base.join(text)));
        };
        if !(after_tilde.is_empty() || after_tilde.starts_with('/')) {
            return Err("only `~/` is understood, not the home of another user".to_owned());
        }
        let home = self.environment.home.as_ref();
        let home = home.ok_or("starts with `~/`, but HOME is not set to an absolute path")?;
        Ok(tidy(&home.join(after_tilde.trim_start_matches('/'))))
    }
}

/// The same path without `.` and doubled or trailing slashes. `..` stays: what it means depends on symbolic links.
fn tidy(path: &Path) -> PathBuf {
    path.components()
        .filter(|component| *component != Component::CurDir)
        .collect()
}

/// How two directories lie to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overlap {
    /// They are one.
    Same,
    /// The first is inside the second.
    Inside,
    /// The second is inside the first.
    Around,
}

/// Whether two directories are in each other's way; both as [`real`] gives them.
pub(super) fn overlap(one: &Path, other: &Path) -> Option<Overlap> {
    match (one.starts_with(other), other.starts_with(one)) {
        (true, true) => Some(Overlap::Same),
        (true, false) => Some(Overlap::Inside),
        (false, true) => Some(Overlap::Around),
        (false, false) => None,
    }
}

/// The path with symbolic links followed as far as it exists.
pub(super) fn real(path: &Path) -> PathBuf {
    let mut missing: Vec<OsString> = Vec::new();
    let mut there = path.to_owned();
    loop {
        if let Ok(mut found) = there.canonicalize() {
            for name in missing.iter().rev() {
                if name == ".." {
                    found.pop();
                } else {
                    found.push(name);
                }
            }
            return found;
        }
        match there.components().next_back() {
            Some(Component::Normal(name)) => missing.push(name.to_owned()),
            Some(Component::ParentDir) => missing.push("..".into()),
            _ => return path.to_owned(),
        }
        there = match there.parent() {
            Some(parent) => parent.to_owned(),
            None => return path.to_owned(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tilde_and_relative_paths_are_resolved() {
        let environment = Environment {
            home: Some("/home/alice".into()),
            ..Environment::default()
        };
        let places = Places {
            base: Path::new("/etc/mf"),
            environment: &environment,
        };
        assert_eq!(
            places.resolve("~/Mail/").unwrap(),
            Path::new("/home/alice/Mail")
        );
        assert_eq!(places.resolve("~").unwrap(), Path::new("/home/alice"));
        assert_eq!(
            places.resolve("./ca.pem").unwrap(),
            Path::new("/etc/mf/ca.pem")
        );
        assert_eq!(places.resolve("/a//b/.").unwrap(), Path::new("/a/b"));
        assert_eq!(places.resolve("a$b").unwrap(), Path::new("/etc/mf/a$b"));
        for bad in ["", "~bob/Mail", "a\0b", "$HOME/x", "${XDG_DATA_HOME}/x"] {
            assert!(places.resolve(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn overlaps_are_seen_through_links_and_missing_directories() {
        let root = tempfile::tempdir().unwrap();
        let mail = root.path().join("Mail");
        std::fs::create_dir(&mail).unwrap();
        let link = root.path().join("link");
        std::os::unix::fs::symlink(&mail, &link).unwrap();
        let at = |path: &str| real(&root.path().join(path));
        assert_eq!(overlap(&at("Mail"), &at("link")), Some(Overlap::Same));
        assert_eq!(
            overlap(&at("link/a/b"), &at("Mail/a")),
            Some(Overlap::Inside)
        );
        assert_eq!(
            overlap(&at("Mail"), &at("nowhere/../Mail/x")),
            Some(Overlap::Around)
        );
        assert_eq!(overlap(&at("Mail"), &at("Mail2")), None);
    }
}
