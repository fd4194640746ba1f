//! Server, Maildir, state and clock together, and the promises that have to hold for them.

mod actions;
pub mod hand;
mod story;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::rc::Rc;

pub use actions::Mix;

use super::content::{self, Body};
use super::ledger::Ledger;
use super::server::{ServerState, SimConnector, SimMailbox, SimMessage};
use super::steps::Steps;
use super::store::StoreState;
use super::{SimClock, SimLocal, SimServer, SimStore};
use crate::mail::{Flag, Flags, LocalId, MailboxName, Uid};
use crate::sync::{Entry, EntryState, IntentKind};

/// Whether something is as it should be, and if not, what is wrong.
pub type Check = Result<(), String>;

/// Mails with their flags, per mailbox; each as often as it is there.
type Multiset = BTreeMap<MailboxName, Vec<(String, String)>>;

/// Everything outside the engine; clones are the same one.
#[derive(Clone)]
pub struct World {
    /// The server.
    pub server: SimServer,
    /// The Maildir.
    pub local: SimLocal,
    /// The state.
    pub store: SimStore,
    /// The time.
    pub clock: SimClock,
    /// What was done, and what is to go wrong.
    pub steps: Steps,
    /// Every mail there ever was.
    pub ledger: Ledger,
    mails: Rc<Cell<u64>>,
    backup: Rc<RefCell<Option<(StoreState, ServerState)>>>,
}

impl World {
    /// A server with INBOX and Trash, no Maildir and no state yet.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let clock = SimClock::default();
        let steps = Steps::new(clock.clone());
        let ledger = Ledger::default();
        Self {
            server: SimServer::new(seed, steps.clone(), clock.clone(), ledger.clone()),
            local: SimLocal::new(seed, steps.clone(), clock.clone(), ledger.clone()),
            store: SimStore::new(seed, steps.clone()),
            clock,
            steps,
            ledger,
            mails: Rc::new(Cell::new(1000)),
            backup: Rc::default(),
        }
    }

    /// What opens connections to the server.
    #[must_use]
    pub fn connector(&self) -> SimConnector {
        self.server.connector()
    }

    /// The program starts again; with `crash`, the machine does.
    pub fn restart(&self, crash: bool) {
        self.steps.restart();
        self.local.restart(crash);
        self.store.restart();
        if crash {
            let folders = self.local.folders_now();
            let files = folders.values().flat_map(|folder| folder.files.values());
            let trash = self.local.trash_now().into_iter();
            let trash = trash.map(|(_, trashed)| trashed.file.body);
            let durable = files.map(|file| Rc::clone(&file.body)).chain(trash);
            self.ledger.crashed(&durable.collect());
        }
    }

    /// Keeps a copy of the state and of the server.
    pub fn back_up(&self) {
        *self.backup.borrow_mut() = Some((self.store.snapshot(), self.server.snapshot()));
    }

    /// The state is as old as the backup.
    pub fn restore_state(&self) {
        if let Some((state, _)) = self.backup.borrow().clone() {
            self.store.restore(state);
        }
    }

    /// The server is as old as the backup.
    pub fn restore_server(&self) {
        if let Some((_, server)) = self.backup.borrow().clone() {
            self.server.restore(server);
        }
    }

    /// A mail that was never there before.
    #[must_use]
    pub fn new_mail(&self) -> Body {
        self.mails.set(self.mails.get() + 1);
        content::mail(self.mails.get())
    }

    /// Every content that is anywhere durable: mailboxes, folders and both trashes.
    #[must_use]
    pub fn contents_everywhere(&self) -> BTreeSet<Body> {
        let mailboxes = self.server.mailboxes();
        let remote = mailboxes.values().flat_map(|found| found.messages.values());
        let folders = self.local.folders_now();
        let local = folders.values().flat_map(|folder| folder.files.values());
        let trash = self.local.trash_now();
        let mut all: BTreeSet<Body> = remote.map(|message| Rc::clone(&message.body)).collect();
        all.extend(local.map(|file| Rc::clone(&file.body)));
        all.extend(trash.into_iter().map(|(_, trashed)| trashed.file.body));
        all
    }

    /// No mail is lost.
    ///
    /// # Errors
    /// Which ones are.
    pub fn nothing_lost(&self) -> Check {
        let there = self.contents_everywhere();
        let must = self.ledger.must_exist();
        let lost = must.iter().filter(|body| !there.contains(*body));
        let lost: Vec<String> = lost.map(|body| content::title(body)).collect();
        fine(lost.is_empty(), || format!("lost: {}", lost.join(", ")))
    }

    /// Nothing was deleted on the server that is in a folder here of which it has no mailbox.
    ///
    /// # Errors
    /// What was.
    pub fn kept_there(&self) -> Check {
        let mailboxes = self.server.mailboxes();
        let folders = self.local.folders_now();
        let unsynced = folders
            .iter()
            .filter(|(name, _)| !mailboxes.contains_key(*name));
        for file in unsynced.flat_map(|(_, folder)| folder.files.values()) {
            let body = &file.body;
            let kept = !self.ledger.was_kept_remote(body) || !self.remote_places(body).is_empty();
            fine(kept, || {
                let title = content::title(body);
                format!("{title} was moved to where nothing is synced, and deleted on the server")
            })?;
        }
        Ok(())
    }

    /// No mail is on a side more often than users and other clients made it.
    ///
    /// # Errors
    /// Which ones are.
    pub fn nothing_doubled(&self) -> Check {
        let (remote, local) = self.copies();
        let mut doubled = Vec::new();
        for (side, counts) in [("server", remote), ("local", local)] {
            for (body, count) in counts {
                let births = self.ledger.births(&body);
                if count > births {
                    let title = content::title(&body);
                    doubled.push(format!("{title}: {count} on {side}, made {births}"));
                }
            }
        }
        fine(doubled.is_empty(), || {
            format!("doubled: {}", doubled.join(", "))
        })
    }

    fn copies(&self) -> (BTreeMap<Body, u32>, BTreeMap<Body, u32>) {
        let (mut remote, mut local) = (BTreeMap::new(), BTreeMap::new());
        let uidplus = self.server.switches().uidplus;
        for message in self
            .server
            .mailboxes()
            .values()
            .flat_map(|found| found.messages.values())
        {
            if uidplus || !message.flags.has(Flag::Deleted) {
                *remote.entry(Rc::clone(&message.body)).or_default() += 1;
            }
        }
        for file in self
            .local
            .folders_now()
            .values()
            .flat_map(|folder| folder.files.values())
        {
            *local.entry(Rc::clone(&file.body)).or_default() += 1;
        }
        (remote, local)
    }

    /// Both sides have the same mailboxes with the same mails and flags, as far as each side can show them.
    /// Messages that cannot be fetched, files that cannot be read, and (without UIDPLUS) messages marked deleted that
    /// nobody can expunge, do not count.
    ///
    /// # Errors
    /// What differs.
    pub fn equal(&self) -> Check {
        let (remote, local) = (self.remote_multiset(), self.local_multiset());
        let names: BTreeSet<&MailboxName> = remote.keys().chain(local.keys()).collect();
        let mut text = String::new();
        for name in names {
            let (there, here) = (remote.get(name), local.get(name));
            if there != here {
                let _ = writeln!(text, "{name}: server {there:?}\n  local {here:?}");
            }
        }
        fine(text.is_empty(), || text)
    }

    fn shown(&self, found: Option<&SimMailbox>, flags: &Flags) -> String {
        let shown = self.local.scope().visible(flags);
        found.map_or_else(
            || shown.to_string(),
            |found| found.permanent.kept(&shown).to_string(),
        )
    }

    fn remote_multiset(&self) -> Multiset {
        let uidplus = self.server.switches().uidplus;
        let mut all = Multiset::new();
        for (name, found) in self.server.mailboxes() {
            let counts = |message: &&SimMessage| {
                message.poison.is_none() && (uidplus || !message.flags.has(Flag::Deleted))
            };
            let messages = found.messages.values().filter(counts);
            let mut mails: Vec<(String, String)> = messages
                .map(|message| (key(&message.body), self.shown(Some(&found), &message.flags)))
                .collect();
            mails.sort();
            if found.selectable {
                all.insert(name, mails);
            }
        }
        all
    }

    fn local_multiset(&self) -> Multiset {
        let mailboxes = self.server.mailboxes();
        let uidplus = self.server.switches().uidplus;
        let mut all = Multiset::new();
        for (name, folder) in self.local.folders_now() {
            let found = mailboxes.get(&name);
            let files = folder.files.values().filter(|file| !file.unreadable);
            let files = files.filter(|file| uidplus || !file.flags.has(Flag::Deleted));
            let mut mails: Vec<(String, String)> = files
                .map(|file| (key(&file.body), self.shown(found, &file.flags)))
                .collect();
            mails.sort();
            all.insert(name, mails);
        }
        all
    }

    /// Every row joins one message and one file with the same content, and no intent is left. Without UIDPLUS rows of
    /// messages marked deleted, which nobody can expunge, do not count.
    ///
    /// # Errors
    /// The first one that does not.
    pub fn base_agrees(&self) -> Check {
        let mailboxes = self.server.mailboxes();
        let folders = self.local.folders_now();
        let uidplus = self.server.switches().uidplus;
        let names: BTreeMap<_, _> = self
            .store
            .mailboxes_now()
            .into_iter()
            .map(|record| (record.id, record.name))
            .collect();
        for entry in self.store.entries_now() {
            let name = names.get(&entry.mailbox).ok_or("a row without mailbox")?;
            let message = entry
                .uid
                .and_then(|uid| mailboxes.get(name)?.messages.get(&uid));
            let marked = message.is_some_and(|message| message.flags.has(Flag::Deleted));
            if marked && !uidplus {
                continue;
            }
            let file = entry.local.as_ref();
            let file = file.and_then(|local| folders.get(name)?.files.get(local));
            let same = match (message, file) {
                (Some(message), Some(file)) => message.body == file.body,
                _ => false,
            };
            let linked = entry.state == EntryState::Linked;
            fine(same && linked, || {
                format!("{name}: the row {entry:?} joins no two equals")
            })?;
        }
        let left = self.store.open_intents();
        fine(left.is_empty(), || format!("intents are left: {left:?}"))
    }

    /// Contents that the engine is about to send or move at the moment.
    fn busy(&self) -> BTreeSet<crate::mail::Digest> {
        let rows = self.store.entries_now();
        let digest_of = |kind: &IntentKind| match kind {
            IntentKind::Upload { identity, .. } | IntentKind::Overdue { identity, .. } => {
                identity.digest
            }
            IntentKind::Transfer { row, .. } => {
                let mut found = rows.iter().filter(|entry: &&Entry| entry.row == *row);
                found.next().and_then(|entry| entry.digest)
            }
        };
        let intents = self.store.intents_now();
        intents
            .iter()
            .filter_map(|intent| digest_of(&intent.kind))
            .collect()
    }

    /// Where a content is on the server, every copy.
    #[must_use]
    pub fn remote_places(&self, body: &Body) -> Vec<(MailboxName, Uid)> {
        let mut places = Vec::new();
        for (name, found) in self.server.mailboxes() {
            let mut messages = found.messages.into_iter();
            places.extend(
                messages
                    .by_ref()
                    .filter(|(_, message)| message.body == *body)
                    .map(|(uid, _)| (name.clone(), uid)),
            );
        }
        places
    }

    /// Where a content is in the Maildir, every copy.
    #[must_use]
    pub fn local_places(&self, body: &Body) -> Vec<(MailboxName, LocalId)> {
        let mut places = Vec::new();
        for (name, folder) in self.local.folders_now() {
            let files = folder
                .files
                .into_iter()
                .filter(|(_, file)| file.body == *body);
            places.extend(files.map(|(id, _)| (name.clone(), id)));
        }
        places
    }

    /// Everything, for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::from("server:\n");
        for (name, found) in self.server.mailboxes() {
            let validity = found.uidvalidity;
            let _ = writeln!(
                text,
                "  {name} uv {validity} next {} modseq {}",
                found.uidnext, found.modseq
            );
            for (uid, message) in &found.messages {
                let title = content::title(&message.body);
                let _ = writeln!(text, "    {uid} {title} ({})", message.flags);
            }
        }
        text.push_str("local:\n");
        for (name, folder) in self.local.folders_now() {
            let _ = writeln!(text, "  {name} marker {}", folder.marker.is_some());
            for (id, file) in &folder.files {
                let _ = writeln!(
                    text,
                    "    {id} {} ({})",
                    content::title(&file.body),
                    file.flags
                );
            }
        }
        for (path, trashed) in self.local.trash_now() {
            let title = content::title(&trashed.file.body);
            let _ = writeln!(text, "  trash {} {title}", path.escape_ascii());
        }
        text.push_str("state:\n");
        for record in self.store.mailboxes_now() {
            let _ = writeln!(text, "  {record:?}");
        }
        for entry in self.store.entries_now() {
            let _ = writeln!(text, "  {entry:?}");
        }
        for intent in self.store.intents_now() {
            let _ = writeln!(text, "  {intent:?}");
        }
        for hold in self.store.holds_now() {
            let _ = writeln!(text, "  {hold:?}");
        }
        text
    }
}

fn key(body: &[u8]) -> String {
    format!("{} {:?}", content::title(body), content::digest(body))
}

/// `Ok` if it is so, else what is wrong.
pub(super) fn fine(so: bool, wrong: impl FnOnce() -> String) -> Check {
    if so { Ok(()) } else { Err(wrong()) }
}
