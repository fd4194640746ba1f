//! Remembers every mail there ever was and who deleted it: what the promise "no mail is lost" is checked against.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::content::Body;
use crate::sync::Side;

/// What became of one content.
#[derive(Clone, Copy, Debug, Default)]
struct Fate {
    /// How many of it were made by users and other clients.
    born: u32,
    seen_local: bool,
    seen_remote: bool,
    deleted_local: bool,
    deleted_remote: bool,
    /// Somebody deleted it for good: out of the trash, or before it was anywhere else.
    gone: bool,
    /// A power cut left a file of it in two folders.
    torn: bool,
    /// Where the only one of it was made, if the ledger was open by then.
    late: Option<Side>,
    /// It was made from another one in the same file, or another one from it.
    edited: bool,
}

/// All contents there ever were; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Ledger(
    Rc<RefCell<BTreeMap<Body, Fate>>>,
    Rc<Cell<bool>>,
    Rc<Cell<bool>>,
);

impl Ledger {
    /// Somebody made one more of this mail.
    pub fn born(&self, body: &Body, side: Side) {
        let open = self.1.get();
        self.with(body, |fate| {
            fate.late = Some(side).filter(|_| open && fate.born == 0);
            fate.born += 1;
            fate.gone = false;
        });
        self.seen(body, side);
    }

    /// The first sync is over.
    pub fn open(&self) {
        self.1.set(true);
    }

    /// What is deleted here is expunged on the server: a deletion on this side is for good.
    pub fn expunge(&self) {
        self.2.set(true);
    }

    /// Somebody made one of the other in its file.
    pub fn edited(&self, before: &Body, after: &Body) {
        self.with(before, |fate| fate.edited = true);
        self.with(after, |fate| fate.edited = true);
    }

    /// Mails of which the only one was made since then, and where; without those that were edited: of two versions that
    /// both stay one has to be another message.
    #[must_use]
    pub fn late_births(&self) -> Vec<(Body, Side)> {
        let all = self.0.borrow();
        all.iter()
            .filter(|(_, fate)| fate.born == 1 && !fate.torn && !fate.edited)
            .filter_map(|(body, fate)| Some((Rc::clone(body), fate.late?)))
            .collect()
    }

    /// It is on this side now.
    pub fn seen(&self, body: &Body, side: Side) {
        self.with(body, |fate| match side {
            Side::Local => {
                fate.seen_local = true;
                fate.deleted_local = false;
            }
            Side::Remote => {
                fate.seen_remote = true;
                fate.deleted_remote = false;
            }
        });
    }

    /// The machine crashed: what had not become durable in the Maildir was never there.
    pub fn crashed(&self, durable: &BTreeSet<Body>) {
        for (body, fate) in self.0.borrow_mut().iter_mut() {
            if fate.seen_local && !fate.deleted_local && !durable.contains(body) {
                fate.seen_local = false;
                fate.gone |= fate.deleted_remote || !fate.seen_remote;
            }
        }
    }

    /// A power cut left one file in two folders: the file system made a copy.
    pub fn torn(&self, body: &Body) {
        self.with(body, |fate| {
            fate.born += 1;
            fate.torn = true;
        });
    }

    /// Whether a power cut ever did.
    #[must_use]
    pub fn any_torn(&self) -> bool {
        self.0.borrow().values().any(|fate| fate.torn)
    }

    /// Somebody (not us) deleted one of it on this side; `last` if the side has no other.
    pub fn deleted(&self, body: &Body, side: Side, last: bool, from_trash: bool) {
        self.with(body, |fate| {
            let elsewhere = match side {
                Side::Local => fate.seen_remote,
                Side::Remote => fate.seen_local,
            };
            match side {
                Side::Local => fate.deleted_local = true,
                Side::Remote => fate.deleted_remote = true,
            }
            fate.gone |= from_trash || (last && !elsewhere);
        });
    }

    /// Its time in the trash is over.
    pub fn purged(&self, body: &Body) {
        self.with(body, |fate| fate.gone = true);
    }

    /// Contents that have to exist somewhere.
    #[must_use]
    pub fn must_exist(&self) -> Vec<Body> {
        let all = self.0.borrow();
        let for_good = self.2.get();
        let kept = all.iter().filter(|(_, fate)| {
            let deleted = fate.deleted_local && (fate.deleted_remote || for_good);
            fate.born > 0 && !fate.gone && !deleted
        });
        kept.map(|(body, _)| Rc::clone(body)).collect()
    }

    /// Whether it was on the server, and nobody else deleted one of it there.
    #[must_use]
    pub fn was_kept_remote(&self, body: &Body) -> bool {
        let all = self.0.borrow();
        all.get(body)
            .is_some_and(|fate| fate.seen_remote && !fate.deleted_remote)
    }

    /// How many of it users and other clients made.
    #[must_use]
    pub fn births(&self, body: &Body) -> u32 {
        self.0.borrow().get(body).map_or(0, |fate| fate.born)
    }

    fn with(&self, body: &Body, change: impl FnOnce(&mut Fate)) {
        let mut all = self.0.borrow_mut();
        change(all.entry(Rc::clone(body)).or_default());
    }
}
