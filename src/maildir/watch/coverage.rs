//! What cannot be watched, why, and what people can do about it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::engine::ports::LocalCoverage;
use crate::mail::MailboxName;

/// As many names as a warning spells out.
const SPELLED_OUT: usize = 3;

/// Why something is not watched, or not enough.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    /// The user has as many watches as the system allows.
    Watches,
    /// The user has as many watchers as the system allows, or the process as many open files.
    Instances,
    /// Other machines can change it, and no kernel tells this one.
    Remote(&'static str),
    /// Something else, in the system's words.
    Other(String),
}

impl Why {
    /// Of folders on this file system (by its magic number); `None` when the kernel sees every change.
    pub fn of_file_system(magic: u64) -> Option<Self> {
        let name = match magic {
            0x6969 => "NFS",
            0x517B | 0xFE53_4D42 | 0xFF53_4D42 => "SMB",
            0x6573_5546 => "FUSE",
            0x0102_1997 => "9P",
            0x00C3_6400 => "Ceph",
            0x5346_414F | 0x6B41_4653 => "AFS",
            0x7375_7245 => "Coda",
            0x0BD0_0BD0 => "Lustre",
            0x4750_4653 => "GPFS",
            0x0116_1970 => "GFS2",
            0x7461_636F => "OCFS2",
            0x786F_4256 => "the shared folders of VirtualBox",
            _ => return None,
        };
        Some(Self::Remote(name))
    }

    /// Whether trying again can help.
    pub fn may_pass(&self) -> bool {
        !matches!(self, Self::Remote(_))
    }

    fn explain(&self) -> String {
        match self {
            Self::Watches => format!(
                "the system allows no more watches; raise the sysctl {}",
                lowest("fs.inotify.max_user_watches", "user.max_inotify_watches")
            ),
            Self::Instances => format!(
                "the system allows no more watchers; raise the sysctl {} or the limit of open files",
                lowest(
                    "fs.inotify.max_user_instances",
                    "user.max_inotify_instances"
                )
            ),
            Self::Remote(system) => {
                format!("changes that other machines make on {system} are not told")
            }
            Self::Other(text) => text.clone(),
        }
    }
}

/// The sysctl that counts, with what it stands at: in a user namespace the second may be lower than the first.
fn lowest(global: &str, own: &str) -> String {
    let values = [global, own].map(|name| (value(name), name));
    match values
        .iter()
        .filter(|(value, _)| value.is_some())
        .min_by_key(|(value, _)| value)
    {
        Some((Some(value), name)) => format!("{name} (now {value})"),
        _ => global.to_owned(),
    }
}

fn value(sysctl: &str) -> Option<u64> {
    let path = Path::new("/proc/sys").join(sysctl.replace('.', "/"));
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Something that is not watched.
#[derive(Clone, Debug)]
pub(super) struct Gap {
    /// The mailbox that it belongs to; `None`: a directory that has none, which is the root.
    pub mailbox: Option<MailboxName>,
    /// Why.
    pub why: Why,
}

/// Says all gaps, one line for each reason.
pub(super) fn coverage<'a>(gaps: impl Iterator<Item = &'a Gap>) -> LocalCoverage {
    let mut by_reason: BTreeMap<&Why, Vec<Option<&MailboxName>>> = BTreeMap::new();
    for gap in gaps {
        let names = by_reason.entry(&gap.why).or_default();
        if !names.contains(&gap.mailbox.as_ref()) {
            names.push(gap.mailbox.as_ref());
        }
    }
    let mut unwatched: Vec<MailboxName> = by_reason
        .values()
        .flatten()
        .copied()
        .flatten()
        .cloned()
        .collect();
    unwatched.sort_unstable();
    unwatched.dedup();
    let warnings = by_reason
        .iter()
        .map(|(why, names)| {
            let polled = "looked at from time to time only";
            format!("{}: {polled}: {}", list(names), why.explain())
        })
        .collect();
    LocalCoverage {
        unwatched,
        warnings,
    }
}

/// Says that the root is not there.
pub(super) fn without_root(root: &Path) -> LocalCoverage {
    LocalCoverage {
        unwatched: Vec::new(),
        warnings: vec![format!(
            "{}: not there, so nothing in it is watched until it is back",
            root.as_os_str().as_encoded_bytes().escape_ascii()
        )],
    }
}

fn list(names: &[Option<&MailboxName>]) -> String {
    let spelled: Vec<String> = names
        .iter()
        .take(SPELLED_OUT)
        .map(|name| {
            name.map_or_else(
                || "the root of the Maildir".to_owned(),
                |name| format!("mailbox {name}"),
            )
        })
        .collect();
    let more = names.len() - spelled.len();
    let mut text = spelled.join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(name: &str, why: Why) -> Gap {
        Gap {
            mailbox: MailboxName::parse(name),
            why,
        }
    }

    #[test]
    fn a_warning_names_folders_and_the_sysctl() {
        let names = ["a", "a", "b", "c", "d", "e"];
        let mut gaps: Vec<Gap> = names.iter().map(|name| gap(name, Why::Watches)).collect();
        gaps.push(gap("a", Why::Remote("NFS")));
        gaps.push(gap("", Why::Instances));
        let said = coverage(gaps.iter());
        let unwatched: Vec<&str> = said.unwatched.iter().map(MailboxName::as_str).collect();
        assert_eq!(unwatched, ["a", "b", "c", "d", "e"]);
        let [watches, instances, remote] = said.warnings.as_slice() else {
            panic!("{:?}", said.warnings);
        };
        assert!(
            watches.starts_with("mailbox a, mailbox b, mailbox c and 2 more: "),
            "{watches}"
        );
        assert!(
            watches.contains("fs.inotify.max_user_watches (now "),
            "{watches}"
        );
        assert!(
            instances.starts_with("the root of the Maildir: "),
            "{instances}"
        );
        assert!(
            instances.contains("fs.inotify.max_user_instances"),
            "{instances}"
        );
        assert!(remote.contains("NFS"), "{remote}");
    }

    #[test]
    fn only_file_systems_that_others_can_change_are_remote() {
        assert_eq!(Why::of_file_system(0x6969), Some(Why::Remote("NFS")));
        assert_eq!(Why::of_file_system(0xFE53_4D42), Some(Why::Remote("SMB")));
        for local in [0xEF53, 0x0102_1994, 0x794C_7630, 0x9123_683E] {
            assert_eq!(Why::of_file_system(local), None);
        }
    }
}
