//! The port [`Local`], as its documentation has it.

use std::collections::BTreeSet;

use super::delivery::{SimBody, SimDelivery};
use super::disk::{Dir, SimFolder, Spot};
use super::files::{Each, each};
use super::{SimLocal, disk_fault, no_file, no_folder};
use crate::engine::ports::{Barred, Folder, Inspected, Local, Looked, Marker, Root, Seen, Staged};
use crate::engine::{Fault, Reach};
use crate::mail::{Flags, LocalId, MailboxName};
use crate::sim::content;
use crate::sim::server;
use crate::sim::steps::fault;
use crate::sync::{Claims, Entry, FileStamp, FolderToken, KeywordScope, LocalView, Unsynced};

impl Local for SimLocal {
    type Delivery = SimDelivery;
    type Body = SimBody;

    async fn root(&self) -> Result<Root, Fault> {
        self.begin("root").await?;
        let mut state = self.state.borrow_mut();
        let disk = state.disk();
        Ok(match (&disk.exists, &disk.marker) {
            (false, _) => Root::Missing,
            (true, Some(marker)) => Root::Marked(marker.clone()),
            (true, None) => Root::Unmarked {
                empty: disk.folders.is_empty() && disk.trash.is_empty(),
            },
        })
    }

    async fn mark_root(&self, marker: &Marker) -> Result<(), Fault> {
        self.begin("mark_root").await?;
        let failed = self.state.borrow_mut().fails_next.take();
        self.effect(&format!("mark root {}", marker.epoch), |state| {
            let disk = state.disk();
            disk.exists = true;
            let before = disk.marker.replace(marker.clone());
            disk.synced = match failed {
                Some(_) => disk.synced.take().or(before),
                None => None,
            };
        })?;
        failed.map_or(Ok(()), |error| {
            Err(disk_fault(Reach::Account, error, "fsync"))
        })
    }

    async fn folders(&self) -> Result<Vec<Folder>, Fault> {
        self.begin("folders").await?;
        self.present()?;
        let mut state = self.state.borrow_mut();
        let all = state.disk().folders.iter().map(|(name, folder)| Folder {
            name: name.clone(),
            marker: folder.marker.clone(),
        });
        let mut all: Vec<Folder> = all.collect();
        all.retain(|folder| !state.barred.contains(&folder.name));
        Ok(all)
    }

    async fn barred(&self) -> Result<Vec<Barred>, Fault> {
        Ok(self.barred_now())
    }

    async fn create_folder(&self, name: &MailboxName, marker: &Marker) -> Result<(), Fault> {
        self.begin("create_folder").await?;
        self.present()?;
        self.effect(&format!("make folder {name}"), |state| {
            let folder = state.disk().folders.entry(name.clone()).or_default();
            folder.marker = Some(marker.clone());
        })
    }

    async fn rename_folder(&self, from: &MailboxName, to: &MailboxName) -> Result<(), Fault> {
        self.begin("rename_folder").await?;
        let renamed = self.effect(&format!("rename folder {from} to {to}"), |state| {
            server::rename_in(&mut state.disk().folders, from, to)
        })?;
        renamed.then_some(()).ok_or_else(|| no_folder(from))
    }

    async fn retire_folder(&self, name: &MailboxName, day: &str) -> Result<(), Fault> {
        let _ = day;
        self.begin("retire_folder").await?;
        let left = || {
            let text = format!("messages are left in {name}");
            fault(Reach::Mailbox, true, text)
        };
        if !self.state.borrow_mut().folder(name)?.files.is_empty() {
            return Err(left());
        }
        self.effect(&format!("retire folder {name}"), |state| {
            // What came at the last moment brings it back.
            if !state.folder(name)?.files.is_empty() {
                return Err(left());
            }
            state.disk().folders.remove(name);
            Ok(())
        })?
    }

    async fn notes(&self, name: &MailboxName, files: &[LocalId]) -> Result<Vec<Claims>, Fault> {
        self.begin("notes").await?;
        Ok(self.noted(name, files))
    }

    async fn scan(&self, name: &MailboxName) -> Result<LocalView, Fault> {
        self.begin("scan").await?;
        let mut state = self.state.borrow_mut();
        let (scope, blind) = (state.scope.clone(), state.blind);
        let folder = state.folder(name)?;
        if folder.restless {
            return Err(fault(
                Reach::Mailbox,
                true,
                format!("{name} does not hold still"),
            ));
        }
        Ok(LocalView {
            files: folder.messages(),
            scope,
            token: Some(folder.token(blind)),
        })
    }

    async fn unchanged(
        &self,
        name: &MailboxName,
        token: &FolderToken,
    ) -> Result<Option<KeywordScope>, Fault> {
        self.begin("unchanged").await?;
        let mut state = self.state.borrow_mut();
        let (scope, blind) = (state.scope.clone(), state.blind);
        let same = state.folder(name)?.token(blind) == *token;
        Ok(same.then_some(scope))
    }

    async fn settle(&self, name: &MailboxName, days: &[String]) -> Result<(), Fault> {
        let what = format!("settle {name}");
        if let Some(error) = self.begin(&what).await? {
            return Err(disk_fault(Reach::Account, error, &what));
        }
        let mut state = self.state.borrow_mut();
        if let Some(error) = state.fails_next.take() {
            return Err(disk_fault(Reach::Account, error, &what));
        }
        state.folder(name)?;
        if !days.is_empty() {
            state.undo.retain_mut(|rename| !rename.sync(&Dir::Trash));
        }
        let dir = Dir::Folder(name.clone());
        state.undo.retain_mut(|rename| !rename.sync(&dir));
        Ok(())
    }

    async fn inspect(
        &self,
        name: &MailboxName,
        files: &[LocalId],
    ) -> Result<Vec<(LocalId, Result<Inspected, Fault>)>, Fault> {
        let mut broken = self.begin("inspect").await?;
        let mut state = self.state.borrow_mut();
        let inodes = |folder: &SimFolder| -> BTreeSet<u64> {
            let found = files.iter().filter_map(|id| folder.files.get(id));
            found.map(|file| file.inode).collect()
        };
        // Only what was written or renamed lately has the directory synced.
        let inodes = inodes(state.folder(name)?);
        if state
            .undo
            .iter()
            .any(|rename| inodes.contains(&rename.inode))
        {
            let dir = Dir::Folder(name.clone());
            state.undo.retain_mut(|rename| !rename.sync(&dir));
        }
        let folder = state.folder(name)?;
        let mut seen = Vec::new();
        for id in files {
            let Some(file) = folder.files.get_mut(id) else {
                continue;
            };
            let result = match broken.take() {
                Some(error) => Err(disk_fault(Reach::Message, error, "a file")),
                None if file.unreadable => Err(fault(Reach::Message, true, "cannot be read")),
                None => Ok(Inspected {
                    identity: content::identity(
                        &file.body,
                        file.mtime_ns.div_euclid(1_000_000_000),
                        true,
                    ),
                    raw: true,
                    stamp: file.stamp(),
                    verbatim: None,
                    content: content::content(&file.body),
                }),
            };
            if result.is_ok() {
                // Read whole means synced, with its name.
                file.written = 0;
            }
            seen.push((id.clone(), result));
        }
        Ok(seen)
    }

    async fn find_unsynced(
        &self,
        synced: &[MailboxName],
        gone: &[Entry],
    ) -> Result<Vec<Option<Unsynced>>, Fault> {
        if let Some(error) = self.begin("find_unsynced").await? {
            return Err(disk_fault(Reach::Mailbox, error, "a directory"));
        }
        Ok(self.unsynced(synced, gone))
    }

    async fn open(
        &self,
        name: &MailboxName,
        file: &LocalId,
        stamp: FileStamp,
        raw: bool,
    ) -> Result<SimBody, Fault> {
        let _ = raw;
        self.begin("open").await?;
        let mut state = self.state.borrow_mut();
        let found = state.file(name, file)?;
        if found.stamp() != stamp || found.unreadable {
            return Err(no_file(file));
        }
        Ok(SimBody {
            body: found.body.clone(),
            local: self.clone(),
            folder: name.clone(),
            file: file.clone(),
            stamp,
            at: 0,
        })
    }

    fn deliver(&self, name: &MailboxName) -> SimDelivery {
        SimDelivery::new(self.clone(), name.clone())
    }

    async fn publish(
        &self,
        name: &MailboxName,
        staged: &[(Staged, Flags)],
    ) -> Result<Each<()>, Fault> {
        let broken = self.begin("publish").await?;
        let done = each(staged, broken, |(staged, flags)| {
            self.publish_one(name, staged, flags)
        })?;
        self.sync_dir(&Dir::Folder(name.clone()))?;
        Ok(done)
    }

    async fn staged(
        &self,
        name: &MailboxName,
        files: &[LocalId],
    ) -> Result<BTreeSet<LocalId>, Fault> {
        self.begin("staged").await?;
        let mut state = self.state.borrow_mut();
        let staged = &state.folder(name)?.staged;
        let there = files.iter().filter(|file| staged.contains_key(*file));
        Ok(there.cloned().collect())
    }

    async fn discard(&self, name: &MailboxName, staged: &[Staged]) -> Result<(), Fault> {
        self.begin("discard").await?;
        for staged in staged {
            self.effect(&format!("discard {name} {}", staged.uid), |state| {
                if let Ok(folder) = state.folder(name) {
                    folder.staged.remove(&staged.local);
                }
            })?;
        }
        Ok(())
    }

    async fn relabel(
        &self,
        name: &MailboxName,
        files: &[(LocalId, Flags)],
    ) -> Result<Each<()>, Fault> {
        let broken = self.begin("relabel").await?;
        let done = each(files, broken, |(file, flags)| {
            self.move_one(name, name, file, flags)
        })?;
        self.sync_dir(&Dir::Folder(name.clone()))?;
        Ok(done)
    }

    async fn relocate(
        &self,
        from: &MailboxName,
        to: &MailboxName,
        files: &[(LocalId, Flags)],
    ) -> Result<Each<()>, Fault> {
        let broken = self.begin("relocate").await?;
        self.state.borrow_mut().folder(to)?;
        let done = each(files, broken, |(file, flags)| {
            self.move_one(from, to, file, flags)
        })?;
        self.sync_dir(&Dir::Folder(to.clone()))?;
        self.sync_dir(&Dir::Folder(from.clone()))?;
        Ok(done)
    }

    async fn look(&self, name: &MailboxName, files: &[LocalId]) -> Result<Looked, Fault> {
        self.begin("look").await?;
        let mut state = self.state.borrow_mut();
        let scope = state.scope.clone();
        let folder = state.folder(name)?;
        let seen = |id: &LocalId| {
            let file = folder.files.get(id)?;
            Some(Seen {
                path: format!("/mail/{name}/{id}").into(),
                flags: file.flags.clone(),
                stamp: file.stamp(),
                header: None,
            })
        };
        Ok(Looked {
            files: files.iter().map(seen).collect(),
            scope,
        })
    }

    async fn copy(
        &self,
        from: &MailboxName,
        to: &MailboxName,
        files: &[(LocalId, Flags, u128)],
    ) -> Result<Each<LocalId>, Fault> {
        let broken = self.begin("copy").await?;
        self.state.borrow_mut().folder(to)?;
        let done = each(files, broken, |(file, flags, number)| {
            self.copy_one(from, to, file, flags, *number)
        })?;
        self.sync_dir(&Dir::Folder(to.clone()))?;
        Ok(done)
    }

    async fn trash(
        &self,
        name: &MailboxName,
        files: &[(LocalId, FileStamp)],
        day: &str,
    ) -> Result<Each<Vec<u8>>, Fault> {
        let broken = self.begin("trash").await?;
        let done = each(files, broken, |(file, stamp)| {
            self.trash_one(name, file, *stamp, day)
        })?;
        self.sync_dir(&Dir::Trash)?;
        self.sync_dir(&Dir::Folder(name.clone()))?;
        Ok(done)
    }

    async fn untrash(
        &self,
        path: &[u8],
        to: &MailboxName,
        flags: &Flags,
    ) -> Result<LocalId, Fault> {
        self.begin("untrash").await?;
        let now = self.now();
        let local = self.effect(&format!("untrash to {to}"), |state| {
            let shown = state.scope.visible(flags);
            let found = state.disk().trash.get(path).cloned();
            let gone = || fault(Reach::Message, false, "not in the trash");
            let found = found.ok_or_else(gone)?;
            let taken = state.folder(to)?.files.contains_key(&found.local);
            let local = if taken {
                state.unique(now)
            } else {
                found.local.clone()
            };
            let before = Spot::Trash(path.to_vec(), found.local, found.day);
            let after = Spot::Folder(to.clone(), local.clone());
            let old = (found.file.flags, found.file.fresh);
            let fresh = shown.is_empty();
            let done = state.rename(before, after, found.file.inode, old, (shown, fresh));
            done.then_some(local).ok_or_else(gone)
        })??;
        self.sync_dir(&Dir::Folder(to.clone()))?;
        self.sync_dir(&Dir::Trash)?;
        Ok(local)
    }

    async fn sweep(&self, day: &str) -> Result<(), Fault> {
        self.begin("sweep").await?;
        let now = self.now();
        let stale = |since: i64| now - since > 36 * 3600;
        let mut state = self.state.borrow_mut();
        let disk = state.disk();
        let old = disk
            .trash
            .values()
            .any(|trashed| trashed.day.as_str() < day);
        let mut tmp = disk
            .folders
            .values()
            .flat_map(|folder| folder.staged.values());
        if !old && !tmp.any(|staged| stale(staged.since)) {
            return Ok(());
        }
        drop(state);
        self.effect("sweep", |state| {
            let disk = state.disk();
            for trashed in disk
                .trash
                .values()
                .filter(|trashed| trashed.day.as_str() < day)
            {
                self.ledger.purged(&trashed.file.body);
            }
            disk.trash.retain(|_, trashed| trashed.day.as_str() >= day);
            for folder in disk.folders.values_mut() {
                folder.staged.retain(|_, staged| !stale(staged.since));
            }
        })
    }
}
