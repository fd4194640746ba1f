//! Short ways to say what users do with mail number so and so, and what must have become of it.

use super::{Check, World, fine};
use crate::mail::{Flag, FlagDelta, Flags, Keyword, LocalId, MailboxName, Uid};
use crate::sim::content::{self, Body};
use crate::sim::local::NameOnMove;

/// A mailbox name.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn name(text: &str) -> MailboxName {
    MailboxName::parse(text).expect("a mailbox name")
}

/// Flags from their letters: `S`, `F`, `R`, `D`, `T`, `P` as in Maildir; anything after a space is a keyword.
#[must_use]
pub fn flags(text: &str) -> Flags {
    let mut words = text.split(' ');
    let mut flags = Flags::new();
    for letter in words.next().unwrap_or_default().chars() {
        match letter {
            'S' => flags.set(Flag::Seen),
            'F' => flags.set(Flag::Flagged),
            'R' => flags.set(Flag::Answered),
            'D' => flags.set(Flag::Draft),
            'T' => flags.set(Flag::Deleted),
            'P' => flags.set_keyword(Keyword::forwarded()),
            _ => {}
        }
    }
    for keyword in words.filter_map(Keyword::new) {
        flags.set_keyword(keyword);
    }
    flags
}

impl World {
    /// Mail `number` arrives on the server.
    pub fn arrives(&self, mailbox: &str, number: u64, letters: &str) {
        let body = content::mail(number);
        self.server.append(&name(mailbox), &body, flags(letters));
    }

    /// Mail `number` is put into a folder.
    pub fn filed(&self, folder: &str, number: u64, letters: &str) {
        let body = content::mail(number);
        self.local
            .deliver_file(&name(folder), &body, &flags(letters));
    }

    fn remote(&self, body: &Body) -> (MailboxName, Uid) {
        let place = self.remote_places(body).into_iter().next();
        place.unwrap_or_else(|| {
            panic!(
                "{} is not on the server\n{}",
                content::title(body),
                self.text()
            )
        })
    }

    fn file(&self, body: &Body) -> (MailboxName, LocalId) {
        let place = self.local_places(body).into_iter().next();
        place.unwrap_or_else(|| {
            panic!(
                "{} is not in the Maildir\n{}",
                content::title(body),
                self.text()
            )
        })
    }

    /// Another client adds and removes flags of mail `number`.
    pub fn remote_flags(&self, number: u64, add: &str, remove: &str) {
        let (mailbox, uid) = self.remote(&content::mail(number));
        let delta = FlagDelta {
            add: flags(add),
            remove: flags(remove),
        };
        self.server.set_flags(&mailbox, uid, &delta);
    }

    /// A mail program gives mail `number` these flags.
    pub fn local_flags(&self, number: u64, letters: &str) {
        let (folder, file) = self.file(&content::mail(number));
        self.local.set_flags(&folder, &file, &flags(letters));
    }

    /// Another client expunges mail `number`.
    pub fn remote_delete(&self, number: u64) {
        let (mailbox, uid) = self.remote(&content::mail(number));
        self.server.delete(&mailbox, uid);
    }

    /// A mail program removes the file of mail `number`.
    pub fn local_delete(&self, number: u64) {
        let (folder, file) = self.file(&content::mail(number));
        self.local.delete(&folder, &file);
    }

    /// Another client moves mail `number`.
    pub fn remote_move(&self, number: u64, to: &str) {
        let (mailbox, uid) = self.remote(&content::mail(number));
        self.server.transfer(&mailbox, uid, &name(to), false);
    }

    /// Another client copies mail `number`.
    pub fn remote_copy(&self, number: u64, to: &str) {
        let (mailbox, uid) = self.remote(&content::mail(number));
        self.server.transfer(&mailbox, uid, &name(to), true);
    }

    /// A mail program moves mail `number`.
    pub fn local_move(&self, number: u64, to: &str, how: NameOnMove) {
        let (folder, file) = self.file(&content::mail(number));
        self.local.move_file(&folder, &file, &name(to), how);
    }

    /// A mail program copies mail `number`.
    pub fn local_copy(&self, number: u64, to: &str) {
        let (folder, file) = self.file(&content::mail(number));
        self.local.copy_file(&folder, &file, &name(to));
    }

    /// Somebody edits the file of mail `number`; the new content.
    pub fn local_edit(&self, number: u64) -> Body {
        let (folder, file) = self.file(&content::mail(number));
        let body = content::edited(&content::mail(number), 1);
        self.local.edit(&folder, &file, &body);
        body
    }

    /// Mail `number` is in these mailboxes and no others, on both sides.
    ///
    /// # Errors
    /// Where it is instead.
    pub fn is_in(&self, number: u64, mailboxes: &[&str]) -> Check {
        self.body_is_in(&content::mail(number), mailboxes)
    }

    /// The same for any content.
    ///
    /// # Errors
    /// Where it is instead.
    pub fn body_is_in(&self, body: &Body, mailboxes: &[&str]) -> Check {
        let mut wanted: Vec<MailboxName> = mailboxes.iter().map(|text| name(text)).collect();
        wanted.sort();
        let remote: Vec<MailboxName> = self
            .remote_places(body)
            .into_iter()
            .map(|at| at.0)
            .collect();
        let local: Vec<MailboxName> = self.local_places(body).into_iter().map(|at| at.0).collect();
        let title = content::title(body);
        fine(remote == wanted, || {
            format!("{title} is in {remote:?} on the server, not in {wanted:?}")
        })?;
        fine(local == wanted, || {
            format!("{title} is in {local:?} here, not in {wanted:?}")
        })
    }

    /// Mail `number` has these flags on the server (and so, both sides being equal, here).
    ///
    /// # Errors
    /// What it has instead.
    pub fn has_flags(&self, number: u64, letters: &str) -> Check {
        let body = content::mail(number);
        let wanted = flags(letters);
        for (mailbox, uid) in self.remote_places(&body) {
            let all = self.server.mailboxes();
            let found = all.get(&mailbox).and_then(|found| found.messages.get(&uid));
            let is = found
                .map(|message| message.flags.clone())
                .unwrap_or_default();
            fine(is == wanted, || {
                format!("{number} has ({is}), not ({wanted})")
            })?;
        }
        Ok(())
    }

    /// Mail `number` is in `.mailferry-trash`.
    ///
    /// # Errors
    /// It is not.
    pub fn is_in_local_trash(&self, number: u64) -> Check {
        let body = content::mail(number);
        let mut trash = self.local.trash_now().into_iter();
        let there = trash.any(|(_, trashed)| trashed.file.body == body);
        fine(there, || format!("{number} is not in the local trash"))
    }
}
