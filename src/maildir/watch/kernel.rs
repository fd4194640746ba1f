//! The way to inotify, through `notify`: what is asked for, and what is made of what comes.
//!
//! Opening and reading files is not asked for, so that no reader wakes anybody: neither a mail program nor our own
//! listings. Nor are changes of mode and times alone, which are no edit (the
//! kernel calls a new mtime without a new atime a write); a file that is written to is told of when it is written and
//! when it is closed.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RemoveKind, RenameMode};
use notify::{
    Config, ErrorKind, Event, EventHandler, EventKind, EventKindMask, RecommendedWatcher,
    RecursiveMode, WatchPathConfig, Watcher,
};
use rustix::io::Errno;

use super::coverage::Why;
use super::pending::{Act, Shared, Thing};

/// Opens a watcher that tells this handler.
pub(in super::super) type Opener =
    Box<dyn Fn(Handler) -> notify::Result<Box<dyn Watcher + Send>> + Send>;

/// The system's own watcher.
pub(in super::super) fn inotify(
    handler: impl EventHandler,
) -> notify::Result<Box<dyn Watcher + Send>> {
    let kinds = EventKindMask::CREATE
        | EventKindMask::REMOVE
        | EventKindMask::MODIFY_DATA
        | EventKindMask::MODIFY_NAME
        | EventKindMask::ACCESS_CLOSE;
    let config = Config::default()
        .with_event_kinds(kinds)
        .with_follow_symlinks(false);
    Ok(Box::new(RecommendedWatcher::new(handler, config)?))
}

/// Whether a watcher is wanted and well.
#[derive(Debug, Default)]
struct Life {
    /// It is ours no more: what it says does not count.
    closing: AtomicBool,
    /// Its thread is gone.
    dead: AtomicBool,
}

/// Lives on the watcher's thread and does no more than put things into the set.
#[derive(Debug)]
pub(in super::super) struct Handler {
    shared: Arc<Shared>,
    life: Arc<Life>,
}

impl EventHandler for Handler {
    fn handle_event(&mut self, event: notify::Result<Event>) {
        if self.life.closing.load(Ordering::Acquire) {
            return;
        }
        match event {
            Ok(event) if !event.need_rescan() => {
                let Some(act) = act(event.kind) else {
                    return;
                };
                for path in &event.paths {
                    self.shared.note(act, path);
                }
            }
            // Events were lost.
            Ok(_) | Err(_) => self.shared.lose(),
        }
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        self.life.dead.store(true, Ordering::Release);
        if !self.life.closing.load(Ordering::Acquire) {
            self.shared.lose();
        }
    }
}

/// What an event means to us; `None`: nothing.
fn act(kind: EventKind) -> Option<Act> {
    Some(match kind {
        EventKind::Create(CreateKind::Folder) => Act::Came(Thing::Directory),
        EventKind::Create(CreateKind::File) => Act::Came(Thing::File),
        EventKind::Create(_) | EventKind::Modify(ModifyKind::Name(RenameMode::To)) => {
            Act::Came(Thing::Either)
        }
        EventKind::Remove(RemoveKind::Folder) => Act::Went(Thing::Directory),
        EventKind::Remove(RemoveKind::File) => Act::Went(Thing::File),
        EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => {
            Act::Went(Thing::Either)
        }
        EventKind::Modify(ModifyKind::Data(_))
        | EventKind::Access(AccessKind::Close(AccessMode::Write)) => Act::Written,
        // Both sides of a rename come by themselves, too.
        _ => return None,
    })
}

/// A watcher with its thread.
pub(super) struct Kernel {
    watcher: Option<Box<dyn Watcher + Send>>,
    life: Arc<Life>,
}

impl Kernel {
    /// Opens one.
    ///
    /// # Errors
    /// Why there is none.
    pub fn open(opener: &Opener, shared: &Arc<Shared>) -> Result<Self, Why> {
        let life = Arc::new(Life::default());
        let handler = Handler {
            shared: Arc::clone(shared),
            life: Arc::clone(&life),
        };
        match opener(handler) {
            Ok(watcher) => Ok(Self {
                watcher: Some(watcher),
                life,
            }),
            Err(error) => {
                life.closing.store(true, Ordering::Release);
                Err(why(error.kind))
            }
        }
    }

    /// Watches a directory, through a symlink only where `follow` says so. False: it is not there any more.
    ///
    /// # Errors
    /// Why it cannot be watched.
    pub fn watch(&mut self, path: &Path, follow: bool) -> Result<bool, Why> {
        let Some(watcher) = self.alive() else {
            return Err(Why::Other("the watcher ended".to_owned()));
        };
        let config =
            WatchPathConfig::new(RecursiveMode::NonRecursive).with_dereference_symlinks(follow);
        match watcher.watch_with(path, config) {
            Ok(()) => Ok(true),
            Err(error) if is_absent(&error.kind) => Ok(false),
            Err(error) => Err(why(error.kind)),
        }
    }

    /// Ends a watch, if there is one.
    pub fn unwatch(&mut self, path: &Path) {
        if let Some(watcher) = self.alive() {
            // Gone with its directory, as a rule.
            let _ = watcher.unwatch(path);
        }
    }

    /// Waits until the handler has been told everything that has happened so far.
    pub fn catch_up(&mut self) {
        if let Some(watcher) = self.alive() {
            // The first call has the thread read all events and tell them right after its answer; the second one is
            // answered after that. A thread that has died says so through the handler.
            let _ = watcher.update_paths(Vec::new());
            let _ = watcher.configure(Config::default());
        }
    }

    fn alive(&mut self) -> Option<&mut Box<dyn Watcher + Send>> {
        let dead = self.life.dead.load(Ordering::Acquire);
        self.watcher.as_mut().filter(|_| !dead)
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        self.life.closing.store(true, Ordering::Release);
        if self.life.dead.load(Ordering::Acquire) {
            // Its own drop panics when there is no thread to talk to.
            std::mem::forget(self.watcher.take());
        }
    }
}

fn errno(kind: &ErrorKind) -> Option<Errno> {
    match kind {
        ErrorKind::Io(error) => Errno::from_io_error(error),
        _ => None,
    }
}

fn is_absent(kind: &ErrorKind) -> bool {
    matches!(kind, ErrorKind::PathNotFound)
        || matches!(
            errno(kind),
            Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP)
        )
}

fn why(kind: ErrorKind) -> Why {
    match (errno(&kind), kind) {
        (_, ErrorKind::MaxFilesWatch) | (Some(Errno::NOSPC), _) => Why::Watches,
        (Some(Errno::MFILE | Errno::NFILE), _) => Why::Instances,
        (_, ErrorKind::Io(error)) => Why::Other(error.to_string()),
        (_, other) => Why::Other(notify::Error::new(other).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_limit_that_was_met() {
        let io = |errno: Errno| ErrorKind::Io(errno.into());
        assert_eq!(why(ErrorKind::MaxFilesWatch), Why::Watches);
        assert_eq!(why(io(Errno::MFILE)), Why::Instances);
        assert!(matches!(why(io(Errno::ACCESS)), Why::Other(_)));
        assert!(is_absent(&io(Errno::NOENT)) && !is_absent(&io(Errno::ACCESS)));
    }
}
