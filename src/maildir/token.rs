//! Whether a folder is as it was when it was listed, told by its directories alone.
//!
//! Names, flags and places of files all stand in the directories, whose ctime moves with each change. What is in the
//! files does not: whoever relies on a token has to look at the files now and then.

use super::Core;
use super::error::Error;
use super::files::FolderDirs;
use crate::mail::MailboxName;
use crate::sync::{FolderToken, KeywordScope};

impl Core {
    /// What the names in a folder can show, if nothing in it came, went or was renamed since that token.
    pub(super) fn unchanged(
        &self,
        name: &MailboxName,
        known: &FolderToken,
    ) -> Result<Option<KeywordScope>, Error> {
        let folder = self.folder(name)?;
        if token(&folder)?.as_ref() != Some(known) {
            return Ok(None);
        }
        let scope = folder.keywords()?.scope();
        // Once more: what the keywords say counts for this state of the directories.
        Ok((token(&folder)?.as_ref() == Some(known)).then_some(scope))
    }
}

/// Inode and ctime of both directories and of the file of keywords. A ctime cannot be set back, so a directory
/// that comes from a backup is never taken for the one that was listed.
pub(super) fn token(folder: &FolderDirs) -> Result<Option<FolderToken>, Error> {
    // File systems whose times are this kernel's own, and fine enough. Those of a network or of another program may
    // be old or coarse.
    const TRUSTED: [u64; 8] = [
        0xEF53,      // ext2, ext3, ext4
        0x5846_5342, // XFS
        0x9123_683E, // Btrfs
        0x0102_1994, // tmpfs
        0x2FC1_2FC1, // ZFS
        0xF2F5_2010, // F2FS
        0xCA45_1A4E, // bcachefs
        0x794C_7630, // overlayfs
    ];
    if !TRUSTED.contains(&folder.cur.file_system()?) {
        return Ok(None);
    }
    let directories = [folder.new.look_at_self()?, folder.cur.look_at_self()?];
    // A file system with whole seconds only.
    if directories
        .iter()
        .any(|look| look.ctime_ns % 1_000_000_000 == 0)
    {
        return Ok(None);
    }
    let mut token = Vec::with_capacity(3 * 16);
    for look in directories.iter().chain(&folder.look_at_keywords()?) {
        token.extend_from_slice(&look.stamp.inode.to_le_bytes());
        token.extend_from_slice(&look.ctime_ns.to_le_bytes());
    }
    Ok(Some(FolderToken(token)))
}
