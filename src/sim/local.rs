//! A Maildir in memory, with what is durable and what is not yet, and what mail programs do to it.

mod actor;
mod delivery;
mod disk;
mod files;
mod port;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

pub use actor::NameOnMove;
pub use delivery::{SimBatch, SimBody, SimDelivery};
pub use disk::{SimFile, SimFolder, Trashed};

use super::SimClock;
use super::content::Body;
use super::ledger::Ledger;
use super::rng::Rng;
use super::steps::{DiskError, Place, SimError, Steps, Trouble, When, fault};
use crate::engine::ports::{Barred, Clock};
use crate::engine::{Fault, Reach};
use crate::mail::{LocalId, MailboxName};
use crate::sync::{Claims, FolderToken, KeywordScope};
use disk::{Dir, Disk, Undo};

#[derive(Debug)]
struct LocalState {
    disk: Disk,
    /// What is seen while the real disk is not mounted: the empty directory below it.
    mount_point: Disk,
    mounted: bool,
    /// Whether mail programs leave it to the system when their files come to the disk.
    careless: bool,
    /// What the next directory sync fails with.
    fails_next: Option<DiskError>,
    scope: KeywordScope,
    /// What another program has noted of its folders.
    notes: BTreeMap<MailboxName, Vec<Claims>>,
    /// Folders that cannot be used.
    barred: Vec<MailboxName>,
    blind: bool,
    inodes: u64,
    rng: Rng,
    /// Renames that no directory sync has made durable yet.
    undo: Vec<Undo>,
}

impl LocalState {
    fn disk(&mut self) -> &mut Disk {
        if self.mounted {
            &mut self.disk
        } else {
            &mut self.mount_point
        }
    }

    fn inode(&mut self) -> u64 {
        self.inodes += 1;
        self.inodes
    }

    fn unique(&mut self, now: i64) -> LocalId {
        let name = format!("{now}.R{}.sim", self.rng.hex128());
        LocalId::new(name.as_bytes()).expect("a name")
    }
}

/// The Maildir; clones are the same one.
#[derive(Clone)]
pub struct SimLocal {
    state: Rc<RefCell<LocalState>>,
    steps: Steps,
    clock: SimClock,
    ledger: Ledger,
}

impl SimLocal {
    /// A disk on which no root has been made yet.
    #[must_use]
    pub fn new(seed: u64, steps: Steps, clock: SimClock, ledger: Ledger) -> Self {
        let state = LocalState {
            disk: Disk::default(),
            mount_point: Disk {
                exists: true,
                ..Disk::default()
            },
            mounted: true,
            careless: false,
            fails_next: None,
            scope: KeywordScope::default(),
            notes: BTreeMap::new(),
            barred: Vec::new(),
            blind: false,
            inodes: 100,
            rng: Rng::new(seed ^ 0x10ca1),
            undo: Vec::new(),
        };
        Self {
            state: Rc::new(RefCell::new(state)),
            steps,
            clock,
            ledger,
        }
    }

    /// What file names can show.
    #[must_use]
    pub fn scope(&self) -> KeywordScope {
        self.state.borrow().scope.clone()
    }

    /// Changes what file names can show.
    pub fn set_scope(&self, scope: KeywordScope) {
        self.state.borrow_mut().scope = scope;
    }

    /// From now on the directories do not tell of what is edited in place, as on a real disk.
    pub fn set_blind(&self) {
        self.state.borrow_mut().blind = true;
    }

    fn barred_now(&self) -> Vec<Barred> {
        let barred = self.state.borrow().barred.clone();
        let barred = barred.into_iter().map(|name| Barred {
            name,
            reason: "it leads nowhere".to_owned(),
            quiet: true,
        });
        barred.collect()
    }

    /// From now on these folders cannot be used.
    pub fn bar(&self, folders: &[MailboxName]) {
        self.state.borrow_mut().barred = folders.to_vec();
    }

    /// All folders, on the real disk whether it is mounted or not.
    #[must_use]
    pub fn folders_now(&self) -> BTreeMap<MailboxName, SimFolder> {
        self.state.borrow().disk.folders.clone()
    }

    /// Every folder with something that changes whenever its `new` or `cur` do, or a file in them.
    #[must_use]
    pub fn marks(&self) -> BTreeMap<MailboxName, FolderToken> {
        let state = self.state.borrow();
        let all = state.disk.folders.iter();
        all.map(|(name, folder)| (name.clone(), folder.token(false)))
            .collect()
    }

    /// What is in `.mailferry-trash`, retired folders' messages included.
    #[must_use]
    pub fn trash_now(&self) -> Vec<(Vec<u8>, Trashed)> {
        let state = self.state.borrow();
        let trash = state.disk.trash.iter();
        trash
            .map(|(path, file)| (path.clone(), file.clone()))
            .collect()
    }

    /// The files of a folder.
    #[must_use]
    pub fn files(&self, folder: &MailboxName) -> Vec<LocalId> {
        let state = self.state.borrow();
        let found = state.disk.folders.get(folder);
        found.map_or_else(Vec::new, |found| found.files.keys().cloned().collect())
    }

    /// The first file with this content in a folder.
    #[must_use]
    pub fn find(&self, folder: &MailboxName, body: &Body) -> Option<LocalId> {
        let state = self.state.borrow();
        let files = &state.disk.folders.get(folder)?.files;
        let mut found = files.iter().filter(|(_, file)| file.body == *body);
        found.next().map(|(id, _)| id.clone())
    }

    /// The program starts again. With `crash` the power was cut: what was not synced may be gone, data and every
    /// directory entry for itself. A program that was only killed leaves behind what a later power cut may take.
    pub fn restart(&self, crash: bool) {
        if !crash {
            return;
        }
        let mut state = self.state.borrow_mut();
        let undo = std::mem::take(&mut state.undo);
        let state = &mut *state;
        for mut rename in undo.into_iter().rev() {
            rename.draw(&mut state.rng);
            if let Some(body) = state.disk.take_back(&rename) {
                self.ledger.torn(&body);
            }
        }
        // Nothing ever syncs `tmp`: a file may be written to the disk and its name there not.
        for folder in state.disk.folders.values_mut() {
            folder
                .staged
                .retain(|_, staged| staged.durable && !state.rng.one_in(4));
        }
        if let Some(marker) = state.disk.synced.take() {
            state.disk.marker = Some(marker);
        }
        state.disk.lose_unwritten(self.clock.now(), &mut state.rng);
    }

    async fn begin(&self, what: &str) -> Result<Option<DiskError>, Fault> {
        self.steps.pause().await;
        match self.steps.call(Place::Local, what)? {
            Some(Trouble::Disk(error, When::Middle)) => Ok(Some(error)),
            Some(Trouble::Disk(error, When::Before)) => {
                Err(disk_fault(Reach::Mailbox, error, what))
            }
            Some(Trouble::Disk(error, When::After)) => {
                self.state.borrow_mut().fails_next = Some(error);
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    fn effect<T>(&self, what: &str, act: impl FnOnce(&mut LocalState) -> T) -> Result<T, Fault> {
        self.steps
            .effect(Place::Local, what, || act(&mut self.state.borrow_mut()))
    }

    /// A directory is synced: what came into it and went from it so far stays so.
    fn sync_dir(&self, dir: &Dir) -> Result<(), Fault> {
        if let Some(error) = self.state.borrow_mut().fails_next.take() {
            return Err(disk_fault(Reach::Account, error, "fsync"));
        }
        self.effect(&format!("fsync {dir}"), |state| {
            state.undo.retain_mut(|rename| !rename.sync(dir));
        })
    }
}

/// As the Maildir's own errors weigh: a broken or full disk concerns the account, whatever met it first.
fn disk_fault(reach: Reach, error: DiskError, what: &str) -> Fault {
    let reach = match error {
        DiskError::Io | DiskError::Full | DiskError::Quota => Reach::Account,
        DiskError::Denied => reach,
    };
    Fault::new(reach, true, SimError::Disk(error, what.to_owned()))
}

fn no_folder(name: &MailboxName) -> Fault {
    fault(Reach::Mailbox, true, format!("no folder {name}"))
}

fn no_file(file: &LocalId) -> Fault {
    fault(
        Reach::Message,
        true,
        format!("{file} is not there as it was"),
    )
}
