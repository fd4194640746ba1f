//! Listing a folder so that absence means absence.
//!
//! A directory that is listed while its files are renamed may show a file twice or not at all. A listing counts only
//! if the nanosecond mtimes of `new` and `cur` are the same before and after.

use std::time::Duration;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::error::Error;
use super::files::{FolderDirs, Place};
use super::keywords::Keywords;
use super::name::FileName;
use super::sys::{Dir, Listed};
use super::token::token;
use super::{Core, now_ns};
use crate::engine::Reach;
use crate::mail::MailboxName;
use crate::sync::{FileStamp, LocalMessage, LocalView};

/// How often a restless folder is tried.
const TRIES: u32 = 50;
/// The longest tick of a kernel whose file times come from the timer interrupt, with some room.
const TICK_NS: i64 = 20_000_000;

/// What identifies the state of the two directories.
type Stamps = (FileStamp, FileStamp);

/// A file as it was found.
struct Found {
    message: LocalMessage,
    place: Place,
}

impl Core {
    /// Lists a folder, completely and stably.
    pub(super) fn scan(&self, name: &MailboxName) -> Result<LocalView, Error> {
        let folder = self.folder(name)?;
        let fine = has_fine_times(&folder.cur)?;
        for attempt in 0..TRIES {
            let before = stamps(&folder)?;
            let token = token(&folder)?;
            if !fine && wait_for_tick(before) {
                continue;
            }
            let keywords = folder.keywords()?;
            if let Some(found) = list(&folder, &keywords)?
                && stamps(&folder)? == before
            {
                return Ok(LocalView {
                    files: settle(name, found),
                    scope: keywords.scope(),
                    token,
                });
            }
            std::thread::sleep(Duration::from_micros(u64::from(attempt) * 400));
        }
        Err(Error::Restless(name.clone()))
    }
}

fn stamps(folder: &FolderDirs) -> Result<Stamps, Error> {
    Ok((
        folder.new.look_at_self()?.stamp,
        folder.cur.look_at_self()?.stamp,
    ))
}

/// Waits when a directory changed so recently that one more change could leave its mtime as it is.
fn wait_for_tick((new, cur): Stamps) -> bool {
    let age = now_ns().saturating_sub(new.mtime_ns.max(cur.mtime_ns));
    // A directory from the future gets no older by waiting; its mtime still moves with each change.
    let young = (0..TICK_NS).contains(&age);
    if young {
        let rest = u64::try_from(TICK_NS - age).unwrap_or_default();
        std::thread::sleep(Duration::from_nanos(rest));
    }
    young
}

/// Whether two changes never leave the same mtime when somebody looked in between: Linux 6.13 and later, on the file
/// systems that take part (ext4, XFS, Btrfs, tmpfs).
fn has_fine_times(dir: &Dir) -> Result<bool, Error> {
    const FINE: [u64; 4] = [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994];
    let release = rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned();
    let mut numbers = release.split(|character: char| !character.is_ascii_digit());
    let mut number = || numbers.next().and_then(|text| text.parse::<u32>().ok());
    let kernel = (number().unwrap_or_default(), number().unwrap_or_default());
    Ok(kernel >= (6, 13) && FINE.contains(&dir.file_system()?))
}

/// Both directories; `None` when a file went away meanwhile.
fn list(folder: &FolderDirs, keywords: &Keywords) -> Result<Option<Vec<Found>>, Error> {
    let mut found = Vec::new();
    for place in [Place::New, Place::Cur] {
        let dir = folder.place(place);
        let mut complete = true;
        dir.entries(|entry| {
            if complete {
                complete = take(dir, entry, place, keywords, &mut found)?;
            }
            Ok(())
        })?;
        if !complete {
            return Ok(None);
        }
    }
    Ok(Some(found))
}

/// Takes in one entry; false when it is gone already.
fn take(
    dir: &Dir,
    entry: Listed<'_>,
    place: Place,
    keywords: &Keywords,
    found: &mut Vec<Found>,
) -> Result<bool, Error> {
    if !matches!(entry.kind, FileType::RegularFile | FileType::Unknown) {
        return Ok(true);
    }
    let parsed = FileName::parse(entry.name);
    let Some((name, id)) = parsed.and_then(|name| Some((name, name.id()?))) else {
        return Ok(true);
    };
    let look = match dir.look(entry.name) {
        Ok(look) => look,
        Err(Errno::NOENT) => return Ok(false),
        Err(errno) => return Err(dir.error("look at", entry.name, Reach::Mailbox, errno)),
    };
    if look.kind == FileType::RegularFile {
        found.push(Found {
            message: LocalMessage {
                id,
                flags: name.flags(keywords),
                stamp: look.stamp,
            },
            place,
        });
    }
    Ok(true)
}

/// Sorts, and leaves one file for each unique name.
fn settle(mailbox: &MailboxName, mut found: Vec<Found>) -> Vec<LocalMessage> {
    let key = |found: &Found| (found.place, found.message.stamp);
    found.sort_unstable_by(|a, b| {
        let by_id = a.message.id.cmp(&b.message.id);
        by_id.then_with(|| key(a).cmp(&key(b)))
    });
    found.dedup_by(|later, kept| {
        let same_name = later.message.id == kept.message.id;
        // A link that was cut off between link and unlink shows one file twice; anything else is two messages.
        if same_name && later.message.stamp.inode != kept.message.stamp.inode {
            tracing::warn!(%mailbox, file = %later.message.id, "two files have this name; one of them is not synced");
        }
        same_name
    });
    let empty = found
        .iter()
        .filter(|found| found.message.stamp.size == 0)
        .count();
    if empty > 0 {
        tracing::warn!(%mailbox, files = empty, "empty files are no messages; they are left alone");
    }
    found.into_iter().map(|found| found.message).collect()
}
