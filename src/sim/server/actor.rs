//! What other clients do to the server.

use std::rc::Rc;

use super::{SimMailbox, SimMessage, SimServer, rename_in};
use crate::engine::ports::Clock;
use crate::mail::{FlagDelta, Flags, MailboxName, SpecialUse, Uid, UidValidity};
use crate::sim::content::{self, Body};
use crate::sync::Side;

/// What other clients do. Nothing of it counts as an effect.
impl SimServer {
    /// A message arrives.
    ///
    /// # Panics
    /// When there is no such mailbox.
    pub fn append(&self, mailbox: &MailboxName, body: &Body, flags: Flags) -> Uid {
        let title = content::title(body);
        self.steps
            .note(format!("ext: server append {mailbox} {title} ({flags})"));
        self.ledger.born(body, Side::Remote);
        let date = self.clock.now();
        let mut state = self.open();
        let found = state.mailboxes.get_mut(mailbox).expect("a mailbox");
        found.add(Rc::clone(body), &flags, date, None)
    }

    /// Its flags change.
    pub fn set_flags(&self, mailbox: &MailboxName, uid: Uid, delta: &FlagDelta) {
        let (add, remove) = (&delta.add, &delta.remove);
        self.steps.note(format!(
            "ext: server flags {mailbox} {uid} +({add}) -({remove})"
        ));
        self.wants(mailbox, uid);
        if let Some(found) = self.open().mailboxes.get_mut(mailbox) {
            found.change(uid, delta);
        }
    }

    /// Whoever does something to a twin that came late may want it: from then on it is a mail of its own.
    fn wants(&self, mailbox: &MailboxName, uid: Uid) {
        let mut state = self.open();
        let found = state.mailboxes.get_mut(mailbox);
        let message = found.and_then(|found| found.messages.get_mut(&uid));
        let Some(message) = message.filter(|message| message.late) else {
            return;
        };
        message.late = false;
        let body = Rc::clone(&message.body);
        let all = state.mailboxes.values();
        let messages = all.flat_map(|found| found.messages.values());
        if messages.filter(|other| other.body == body).count() > 1 {
            self.ledger.born(&body, Side::Remote);
        }
    }

    /// It is expunged.
    pub fn delete(&self, mailbox: &MailboxName, uid: Uid) {
        let gone = self
            .open()
            .mailboxes
            .get_mut(mailbox)
            .and_then(|found| found.remove(uid));
        let Some(gone) = gone else { return };
        let title = content::title(&gone.body);
        self.steps
            .note(format!("ext: server delete {mailbox} {uid} {title}"));
        self.account_for(&gone.body, mailbox);
    }

    fn account_for(&self, body: &Body, mailbox: &MailboxName) {
        let state = self.state.borrow();
        let mut all = state
            .mailboxes
            .values()
            .flat_map(|found| found.messages.values());
        let last = !all.any(|other| other.body == *body);
        let role = state.mailboxes.get(mailbox).and_then(|found| found.role);
        let from_trash = role == Some(SpecialUse::Trash);
        self.ledger.deleted(body, Side::Remote, last, from_trash);
    }

    /// It is moved (to the trash, too: as other clients delete).
    pub fn transfer(
        &self,
        from: &MailboxName,
        uid: Uid,
        to: &MailboxName,
        copy: bool,
    ) -> Option<Uid> {
        if !copy && self.open().mailboxes.contains_key(to) {
            self.wants(from, uid);
        }
        let mut state = self.open();
        let message = state.mailboxes.get(from)?.messages.get(&uid)?.clone();
        state.mailboxes.get(to)?;
        let verb = if copy { "copy" } else { "move" };
        let title = content::title(&message.body);
        self.steps
            .note(format!("ext: server {verb} {from} {uid} {title} to {to}"));
        if copy {
            self.ledger.born(&message.body, Side::Remote);
        } else {
            state.mailboxes.get_mut(from)?.remove(uid);
        }
        let SimMessage {
            body,
            flags,
            date,
            poison,
            ..
        } = message;
        Some(state.mailboxes.get_mut(to)?.add(body, &flags, date, poison))
    }

    /// A mailbox is made.
    pub fn create(&self, name: &MailboxName, role: Option<SpecialUse>) {
        self.steps.note(format!("ext: server create {name}"));
        self.settle();
        self.make(name, role);
    }

    /// A mailbox and what is below it get another name.
    pub fn rename(&self, from: &MailboxName, to: &MailboxName) {
        self.steps
            .note(format!("ext: server rename {from} to {to}"));
        rename_in(&mut self.open().mailboxes, from, to);
    }

    /// A mailbox goes, with all that is in it.
    pub fn delete_mailbox(&self, name: &MailboxName) {
        self.steps
            .note(format!("ext: server delete mailbox {name}"));
        let gone = self.open().mailboxes.remove(name);
        for message in gone
            .into_iter()
            .flat_map(|gone| gone.messages.into_values())
        {
            self.account_for(&message.body, name);
        }
    }

    /// All UIDs of a mailbox change, and its UIDVALIDITY.
    pub fn renumber(&self, name: &MailboxName) {
        self.steps.note(format!("ext: server renumber {name}"));
        let mut state = self.open();
        state.generations += 1;
        let generation = UidValidity::new(state.generations).expect("not zero");
        let Some(found) = state.mailboxes.get_mut(name) else {
            return;
        };
        found.uidvalidity = generation;
        found.uidnext = 1;
        found.modseq = 1;
        let all = std::mem::take(&mut found.messages);
        // The other way round, so that no message keeps its UID by chance.
        for message in all.into_values().rev() {
            let SimMessage {
                body,
                flags,
                date,
                poison,
                ..
            } = message;
            found.add(body, &flags, date, poison);
        }
    }

    /// Anything else: poison a message, make a mailbox read-only, take flags away.
    pub fn change(&self, mailbox: &MailboxName, change: impl FnOnce(&mut SimMailbox)) {
        self.steps.note(format!("ext: server change {mailbox}"));
        if let Some(found) = self.open().mailboxes.get_mut(mailbox) {
            change(found);
        }
    }
}
