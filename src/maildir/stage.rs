//! Writing one message into `tmp/`.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use super::Core;
use super::error::Error;
use super::lines::{self, ToDisk};
use super::sys::{self, Dir};
use crate::content::{ContentHasher, message_id_hash};
use crate::engine::Reach;
use crate::engine::ports::Staged;
use crate::mail::{Flags, Identity, LocalId, MessageIdHash, Uid};
use crate::sync::RawHeader;

/// How much of a message is looked at for its Message-ID.
const HEAD: usize = 64 * 1024;
/// How much is read at once when a file is written anew.
const PIECE: usize = 64 * 1024;

/// What is known of a message when it begins.
#[derive(Debug)]
pub(super) struct Meta {
    pub uid: Uid,
    /// Octets, where they were announced.
    pub octets: Option<u64>,
    pub date: i64,
    pub flags: Option<Flags>,
}

/// A file in `tmp/` that goes away unless it is kept.
#[derive(Debug)]
struct TmpFile {
    dir: Arc<Dir>,
    id: LocalId,
    file: File,
    keep: bool,
}

impl TmpFile {
    fn create(core: &Core, dir: &Arc<Dir>) -> Result<Self, Error> {
        let id = core.fresh_id()?;
        Ok(Self {
            file: dir.create_file(id.as_bytes())?,
            dir: Arc::clone(dir),
            id,
            keep: false,
        })
    }

    fn error(&self, act: &'static str, error: io::Error) -> Error {
        let path = self.dir.path_of(self.id.as_bytes());
        Error::io(act, &path, Reach::Message, error)
    }
}

impl Drop for TmpFile {
    fn drop(&mut self) {
        if !self.keep {
            // What cannot be removed now is swept later: the name is one of ours.
            let _ = self.dir.remove(self.id.as_bytes());
        }
    }
}

/// A message that is being written.
#[derive(Debug)]
pub(super) struct Stage {
    tmp: TmpFile,
    meta: Meta,
    lines: ToDisk,
    raw: bool,
    hasher: ContentHasher,
    head: Head,
    /// For those who are told of the message.
    header: Option<RawHeader>,
    came: u64,
}

/// The beginning of a message, until its Message-ID is known.
#[derive(Debug)]
enum Head {
    Collecting(Vec<u8>),
    Known(Option<MessageIdHash>),
}

impl Head {
    fn push(&mut self, wire: &[u8], last: bool) {
        let Self::Collecting(head) = self else {
            return;
        };
        if head.is_empty() && (last || wire.len() >= HEAD) {
            *self = Self::Known(message_id_hash(wire));
            return;
        }
        let room = HEAD - head.len().min(HEAD);
        head.extend_from_slice(wire.get(..room).unwrap_or(wire));
        if last || head.len() >= HEAD {
            *self = Self::Known(message_id_hash(head));
        }
    }

    fn finish(self) -> Option<MessageIdHash> {
        match self {
            Self::Collecting(head) => message_id_hash(&head),
            Self::Known(hash) => hash,
        }
    }
}

impl Stage {
    /// Makes the file.
    pub fn begin(core: &Core, dir: &Arc<Dir>, meta: Meta) -> Result<Self, Error> {
        Ok(Self {
            tmp: TmpFile::create(core, dir)?,
            meta,
            lines: ToDisk::default(),
            raw: false,
            hasher: ContentHasher::new(),
            head: Head::Collecting(Vec::new()),
            header: None,
            came: 0,
        })
    }

    /// Writes some more octets. `buffer` is only there to be used again.
    pub fn write(&mut self, core: &Core, wire: &[u8], buffer: &mut Vec<u8>) -> Result<(), Error> {
        let earlier = self.came;
        self.came += wire.len() as u64;
        self.hasher.update(wire);
        let all = self.meta.octets.is_some_and(|octets| self.came >= octets);
        self.head.push(wire, all);
        if !self.raw {
            buffer.clear();
            if self.lines.push(wire, buffer).is_ok() {
                if earlier == 0 {
                    self.header = core.heads.of(buffer);
                }
                return self.put(buffer);
            }
            self.rewrite(core, earlier, buffer)?;
        }
        self.put(wire)
    }

    fn put(&mut self, disk: &[u8]) -> Result<(), Error> {
        self.tmp
            .file
            .write_all(disk)
            .map_err(|error| self.tmp.error("write", error))
    }

    /// The message turned out to be irregular: writes what is there so far anew, with the wire's line ends.
    fn rewrite(&mut self, core: &Core, earlier: u64, buffer: &mut Vec<u8>) -> Result<(), Error> {
        self.raw = true;
        self.header = None;
        if earlier > 0 {
            let fresh = TmpFile::create(core, &self.tmp.dir)?;
            let mut old = std::mem::replace(&mut self.tmp, fresh);
            let copied = copy_expanded(&mut old.file, &mut self.tmp.file, buffer);
            copied.map_err(|error| self.tmp.error("write", error))?;
        }
        self.put(self.lines.held())
    }

    /// Ends the message; its file is not on disk for sure yet.
    pub fn end(mut self, core: &Core) -> Result<Written, Error> {
        if let Some(announced) = self.meta.octets.filter(|octets| *octets != self.came) {
            return Err(Error::Incomplete {
                announced,
                came: self.came,
            });
        }
        if self.came == 0 {
            return Err(Error::NoMessage(self.tmp.id.clone(), "it is empty"));
        }
        if !self.raw {
            self.put(self.lines.held())?;
        }
        let failed = |act| {
            let tmp = &self.tmp;
            move |errno: rustix::io::Errno| tmp.error(act, errno.into())
        };
        sys::set_date(&self.tmp.file, self.meta.date).map_err(failed("date"))?;
        let look = sys::look_at(&self.tmp.file).map_err(failed("look at"))?;
        sys::begin_writing(&self.tmp.file);
        if let Some(header) = self.header.take() {
            core.heads.keep(&self.tmp.id, look.stamp, header);
        }
        let (digest, content) = self.hasher.finish();
        let staged = Staged {
            uid: self.meta.uid,
            local: self.tmp.id.clone(),
            identity: Identity {
                size: self.came,
                message_id: self.head.finish(),
                date: self.meta.date,
                digest: Some(digest),
            },
            content,
            raw: self.raw,
            stamp: look.stamp,
            flags: self.meta.flags,
        };
        Ok(Written {
            tmp: self.tmp,
            staged,
        })
    }
}

fn copy_expanded(old: &mut File, new: &mut File, buffer: &mut Vec<u8>) -> io::Result<()> {
    old.seek(SeekFrom::Start(0))?;
    let mut piece = vec![0; PIECE];
    loop {
        let read = old.read(&mut piece)?;
        if read == 0 {
            return Ok(());
        }
        buffer.clear();
        lines::expand(piece.get(..read).unwrap_or_default(), buffer);
        new.write_all(buffer)?;
    }
}

/// A message that is written, but not durable yet.
#[derive(Debug)]
pub(super) struct Written {
    tmp: TmpFile,
    staged: Staged,
}

impl Written {
    /// Whose it is.
    pub fn uid(&self) -> Uid {
        self.staged.uid
    }

    /// Makes it durable. An fsync that fails is never tried again: what it could not write is lost to the kernel too.
    pub fn sync(mut self) -> Result<Staged, Error> {
        let synced = self.tmp.file.sync_all();
        synced.map_err(|error| self.tmp.error("sync", error))?;
        self.tmp.keep = true;
        Ok(self.staged)
    }
}
