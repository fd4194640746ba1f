//! Messages on their way into and out of files.

use std::rc::Rc;

use super::disk::{InTmp, SimFile};
use super::{SimLocal, disk_fault, no_file, no_folder};
use crate::engine::ports::{Batch, BodySource, Clock, Delivery, Staged};
use crate::engine::{Fault, Reach};
use crate::mail::{Flags, LocalId, MailboxName, Uid};
use crate::sim::content::{self, Body};
use crate::sim::steps::fault;
use crate::sync::FileStamp;

#[derive(Debug)]
struct Arriving {
    uid: Uid,
    octets: Option<u64>,
    date: i64,
    flags: Option<Flags>,
    body: Vec<u8>,
}

#[derive(Debug)]
struct Arrived {
    uid: Uid,
    date: i64,
    flags: Option<Flags>,
    local: LocalId,
}

/// Takes one stream of messages.
pub struct SimDelivery {
    local: SimLocal,
    folder: MailboxName,
    arriving: Option<Arriving>,
    arrived: Vec<Arrived>,
}

impl SimDelivery {
    pub(super) fn new(local: SimLocal, folder: MailboxName) -> Self {
        Self {
            local,
            folder,
            arriving: None,
            arrived: Vec::new(),
        }
    }

    fn write_tmp(&self, arriving: &Arriving) -> Result<LocalId, Fault> {
        let now = self.local.clock.now();
        let title = content::title(&arriving.body);
        let what = format!("write tmp {} {title}", self.folder);
        let made = self.local.effect(&what, |state| {
            let local = state.unique(now);
            let file = SimFile {
                body: Rc::from(arriving.body.as_slice()),
                flags: Flags::new(),
                letters: String::new(),
                fresh: true,
                mtime_ns: arriving.date.saturating_mul(1_000_000_000),
                inode: state.inode(),
                unreadable: false,
                written: 0,
            };
            let folder = state.disk().folders.get_mut(&self.folder)?;
            let staged = InTmp {
                file,
                durable: false,
                since: now,
            };
            folder.staged.insert(local.clone(), staged);
            Some(local)
        })?;
        made.ok_or_else(|| no_folder(&self.folder))
    }
}

impl Delivery for SimDelivery {
    type Batch = SimBatch;

    async fn begin(
        &mut self,
        uid: Uid,
        octets: u64,
        date: i64,
        flags: Option<Flags>,
    ) -> Result<(), Fault> {
        // A message that was cut off in the middle is forgotten here.
        self.arriving = Some(Arriving {
            uid,
            octets: Some(octets),
            date,
            flags,
            body: Vec::new(),
        });
        Ok(())
    }

    async fn begin_letter(&mut self, uid: Uid, date: i64) -> Result<(), Fault> {
        self.arriving = Some(Arriving {
            uid,
            octets: None,
            date,
            flags: None,
            body: Vec::new(),
        });
        Ok(())
    }

    async fn write(&mut self, octets: &[u8]) -> Result<(), Fault> {
        self.local.steps.pause().await;
        let arriving = self.arriving.as_mut();
        let arriving =
            arriving.ok_or_else(|| fault(Reach::Process, false, "write before begin"))?;
        arriving.body.extend_from_slice(octets);
        Ok(())
    }

    async fn end(&mut self) -> Result<(), Fault> {
        let arriving = self.arriving.take();
        let arriving = arriving.ok_or_else(|| fault(Reach::Process, false, "end before begin"))?;
        let size = content::size(&arriving.body);
        if arriving.octets.is_some_and(|octets| octets != size) {
            return Err(fault(Reach::Message, true, "not the announced octets"));
        }
        let local = self.write_tmp(&arriving)?;
        let Arriving {
            uid, date, flags, ..
        } = arriving;
        self.arrived.push(Arrived {
            uid,
            date,
            flags,
            local,
        });
        Ok(())
    }

    fn cut(&mut self) -> SimBatch {
        SimBatch {
            local: self.local.clone(),
            folder: self.folder.clone(),
            arrived: std::mem::take(&mut self.arrived),
        }
    }
}

/// Messages in `tmp` that are not synced yet.
pub struct SimBatch {
    local: SimLocal,
    folder: MailboxName,
    arrived: Vec<Arrived>,
}

impl SimBatch {
    fn sync(&self, arrived: Arrived) -> Result<Result<Staged, Fault>, Fault> {
        let what = format!("fsync tmp {} {}", self.folder, arrived.uid);
        let file = self.local.effect(&what, |state| {
            let folder = state.disk().folders.get_mut(&self.folder)?;
            let staged = folder.staged.get_mut(&arrived.local)?;
            staged.durable = true;
            Some(staged.file.clone())
        })?;
        let Some(file) = file else {
            return Ok(Err(no_file(&arrived.local)));
        };
        Ok(Ok(Staged {
            uid: arrived.uid,
            identity: content::identity(&file.body, arrived.date, true),
            content: content::content(&file.body),
            raw: true,
            stamp: file.stamp(),
            flags: arrived.flags,
            local: arrived.local,
        }))
    }

    fn remove(&self, arrived: &Arrived) {
        let mut state = self.local.state.borrow_mut();
        if let Some(folder) = state.disk().folders.get_mut(&self.folder) {
            folder.staged.remove(&arrived.local);
        }
    }
}

impl Batch for SimBatch {
    async fn durable(mut self) -> Result<Vec<(Uid, Result<Staged, Fault>)>, Fault> {
        let mut broken = self
            .local
            .begin(&format!("durable {}", self.folder))
            .await?;
        let mut done = Vec::new();
        for arrived in std::mem::take(&mut self.arrived) {
            let uid = arrived.uid;
            if let Some(error) = broken.take() {
                self.remove(&arrived);
                done.push((uid, Err(disk_fault(Reach::Message, error, "fsync"))));
                continue;
            }
            done.push((uid, self.sync(arrived)?));
        }
        Ok(done)
    }
}

/// Reads one message, and looks at its end whether it is still the same.
pub struct SimBody {
    pub(super) local: SimLocal,
    pub(super) folder: MailboxName,
    pub(super) file: LocalId,
    pub(super) stamp: FileStamp,
    pub(super) body: Body,
    pub(super) at: usize,
}

impl BodySource for SimBody {
    async fn next(&mut self) -> Result<Vec<u8>, Fault> {
        self.local.steps.pause().await;
        let half = self.body.len().div_ceil(2).max(1);
        let rest = self.body.get(self.at..).unwrap_or_default();
        let chunk: Vec<u8> = rest.iter().copied().take(half).collect();
        self.at += chunk.len();
        if chunk.is_empty() {
            let mut state = self.local.state.borrow_mut();
            let folder = state.disk().folders.get(&self.folder);
            let file = folder.and_then(|folder| folder.files.get(&self.file));
            // An open file can still be read when its name is gone; only other content matters.
            if file.is_some_and(|file| file.stamp() != self.stamp) {
                return Err(no_file(&self.file));
            }
        }
        Ok(chunk)
    }
}
