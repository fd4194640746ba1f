//! Reading files: whole, to know what they are, and as they go on the wire.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::error::Error;
use super::files::FolderDirs;
use super::find::{Finder, Refusal};
use super::lines::{self, Survey};
use super::sys::{self, Look};
use super::{Core, now_ns};
use crate::content::{ContentHasher, Hasher, message_id_hash};
use crate::engine::Fault;
use crate::engine::Reach;
use crate::engine::ports::{BodySource, Inspected};
use crate::mail::{Identity, LocalId, MailboxName};
use crate::sync::FileStamp;

/// How much is read at once; with every LF made a CRLF it is at most twice that.
const PIECE: usize = 32 * 1024;
/// How much of a message is looked at for its Message-ID.
const HEAD: usize = 64 * 1024;
/// A file that was written to this recently, and not renamed since, may be in the middle of being written.
const SETTLED_NS: i64 = 100_000_000;
/// What was last changed longer ago than this is on the disk: the system writes everything out within a minute.
const YOUNG_NS: i64 = 600_000_000_000;

/// What became of one file that was to be read.
pub(super) type Inspection = (LocalId, Result<Inspected, Error>);

impl Core {
    pub(super) fn inspect(
        &self,
        mailbox: &MailboxName,
        files: &[LocalId],
    ) -> Result<Vec<Inspection>, Error> {
        let folder = self.folder(mailbox)?;
        let wanted: Vec<&LocalId> = files.iter().collect();
        let mut finder = Finder::new(&folder, &wanted)?;
        let mut buffers = Buffers::new();
        let mut all = Vec::with_capacity(files.len());
        let mut any_young = false;
        for id in files {
            let result = open_message(&mut finder, id).and_then(|open| {
                any_young |= is_young(open.look);
                inspect_one(open, id, &mut buffers)
            });
            if !matches!(result, Err(Error::Gone(_))) {
                all.push((id.clone(), result));
            }
        }
        if any_young {
            folder.cur.sync()?;
            folder.new.sync()?;
        }
        Ok(all)
    }

    pub(super) fn open_body(
        &self,
        mailbox: &MailboxName,
        id: &LocalId,
        stamp: FileStamp,
        raw: bool,
    ) -> Result<Reader, Error> {
        let folder: FolderDirs = self.folder(mailbox)?;
        let mut finder = Finder::new(&folder, &[id])?;
        let Open { file, path, look } = open_message(&mut finder, id)?;
        if look.stamp != stamp {
            return Err(Error::Changed(id.clone()));
        }
        Ok(Reader {
            file,
            path,
            id: id.clone(),
            stamp,
            raw,
        })
    }
}

/// An open file with its path for messages, and how it looked when it was opened.
pub(super) struct Open {
    pub file: File,
    pub path: Vec<u8>,
    pub look: Look,
}

/// Opens a file that can be a message.
fn open_message(finder: &mut Finder<'_>, id: &LocalId) -> Result<Open, Error> {
    let (file, path) = finder.with(id, |folder, spot| {
        let dir = folder.place(spot.place);
        match dir.open_file(&spot.name) {
            Err(Errno::LOOP) => Err(Error::NoMessage(id.clone(), "it is a symlink").into()),
            Err(errno) => Err(Refusal::System("open", errno)),
            Ok(file) => Ok((file, dir.path_of(&spot.name))),
        }
    })?;
    let look = look(&file, &path)?;
    match look {
        Look { kind, .. } if kind != FileType::RegularFile => {
            Err(Error::NoMessage(id.clone(), "it is not a regular file"))
        }
        Look { stamp, .. } if stamp.size == 0 => Err(Error::NoMessage(id.clone(), "it is empty")),
        look => Ok(Open { file, path, look }),
    }
}

fn look(file: &File, path: &[u8]) -> Result<Look, Error> {
    sys::look_at(file).map_err(|errno| Error::io("look at", path, Reach::Message, errno))
}

/// Whether the system may not have written it to the disk by itself yet. Mail programs do not always wait for that;
/// the state must not say of a file what a power cut could take back.
fn is_young(look: Look) -> bool {
    now_ns().saturating_sub(look.ctime_ns) < YOUNG_NS
}

/// Waits a moment for a file that may still be growing. One that was renamed after it was written, as Maildir
/// wants it, is complete.
fn settle(look: Look) {
    let age = now_ns().saturating_sub(look.stamp.mtime_ns);
    if look.ctime_ns <= look.stamp.mtime_ns && (0..SETTLED_NS).contains(&age) {
        let rest = u64::try_from(SETTLED_NS - age).unwrap_or_default();
        std::thread::sleep(Duration::from_nanos(rest));
    }
}

/// Memory that is used for one file after the other.
pub(super) struct Buffers {
    disk: Vec<u8>,
    wire: Vec<u8>,
    head: Vec<u8>,
}

impl Buffers {
    pub fn new() -> Self {
        Self {
            disk: vec![0; PIECE],
            wire: Vec::with_capacity(2 * PIECE),
            head: Vec::new(),
        }
    }
}

/// Reads an open file whole; fails if it changes meanwhile.
pub(super) fn inspect_one(
    open: Open,
    id: &LocalId,
    buffers: &mut Buffers,
) -> Result<Inspected, Error> {
    let (mut file, path, before) = (open.file, open.path, open.look);
    settle(before);
    buffers.head.clear();
    let mut verbatim = Reading::default();
    let mut expanded = Whole::default();
    let mut survey = Survey::default();
    loop {
        let piece = read_piece(&mut file, &path, &mut buffers.disk)?;
        if piece.is_empty() {
            break;
        }
        survey.push(piece);
        verbatim.push(piece);
        buffers.wire.clear();
        if survey.crlf {
            // The canonical form is the same whichever way the line ends are read.
            expanded.push(piece);
        } else {
            lines::expand(piece, &mut buffers.wire);
            expanded.push(&buffers.wire);
        }
        let room = HEAD.saturating_sub(buffers.head.len());
        buffers
            .head
            .extend_from_slice(piece.get(..room).unwrap_or(piece));
    }
    if is_young(before) {
        let synced = file.sync_all();
        synced.map_err(|error| Error::io("sync", &path, Reach::Message, error))?;
    }
    if look(&file, &path)?.stamp != before.stamp || verbatim.size != before.stamp.size {
        return Err(Error::Changed(id.clone()));
    }
    let raw = survey.crlf;
    let (wire, content) = expanded.finish();
    let verbatim = verbatim.finish();
    let other = (!raw && survey.lf).then_some(verbatim);
    let (size, digest) = if raw { verbatim } else { wire };
    Ok(Inspected {
        identity: Identity {
            size,
            message_id: message_id_hash(&buffers.head),
            date: before.stamp.mtime_ns.div_euclid(1_000_000_000),
            digest: Some(digest),
        },
        raw,
        stamp: before.stamp,
        verbatim: other,
        content,
    })
}

/// One way of reading a file's line ends.
#[derive(Default)]
struct Reading {
    hasher: Hasher,
    size: u64,
}

/// A file as it would go on the wire, and what its content is.
#[derive(Default)]
struct Whole {
    hasher: ContentHasher,
    size: u64,
}

impl Whole {
    fn push(&mut self, octets: &[u8]) {
        self.hasher.update(octets);
        self.size += octets.len() as u64;
    }

    fn finish(self) -> ((u64, crate::mail::Digest), crate::mail::Content) {
        let (digest, content) = self.hasher.finish();
        ((self.size, digest), content)
    }
}

impl Reading {
    fn push(&mut self, octets: &[u8]) {
        self.hasher.update(octets);
        self.size += octets.len() as u64;
    }

    fn finish(self) -> (u64, crate::mail::Digest) {
        (self.size, self.hasher.finish())
    }
}

fn read_piece<'a>(file: &mut File, path: &[u8], buffer: &'a mut [u8]) -> Result<&'a [u8], Error> {
    loop {
        match file.read(buffer) {
            Ok(read) => return Ok(buffer.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("read", path, Reach::Message, error)),
        }
    }
}

/// A file that is being sent.
#[derive(Debug)]
pub(super) struct Reader {
    file: File,
    path: Vec<u8>,
    id: LocalId,
    stamp: FileStamp,
    raw: bool,
}

impl Reader {
    /// The next octets for the wire; at the end, makes sure that the file was the same all the time.
    fn next(&mut self) -> Result<Vec<u8>, Error> {
        let mut disk = vec![0; PIECE];
        let read = read_piece(&mut self.file, &self.path, &mut disk)?.len();
        disk.truncate(read);
        if disk.is_empty() && look(&self.file, &self.path)?.stamp != self.stamp {
            return Err(Error::Changed(self.id.clone()));
        }
        if self.raw {
            return Ok(disk);
        }
        let mut wire = Vec::with_capacity(read + read / 16);
        lines::expand(&disk, &mut wire);
        Ok(wire)
    }
}

/// One message's octets on their way to the server.
#[derive(Debug)]
pub struct MaildirBody {
    core: Arc<Core>,
    reader: Option<Reader>,
}

impl MaildirBody {
    pub(super) fn new(core: Arc<Core>, reader: Reader) -> Self {
        Self {
            core,
            reader: Some(reader),
        }
    }
}

impl BodySource for MaildirBody {
    async fn next(&mut self) -> Result<Vec<u8>, Fault> {
        // A call that failed or was cancelled took the reader with it.
        let mut reader = self.reader.take().ok_or(Error::Worker)?;
        let read = move || {
            let octets = reader.next()?;
            Ok((reader, octets))
        };
        let (reader, octets) = self.core.workers.run(read).await?;
        self.reader = Some(reader);
        Ok(octets)
    }
}
