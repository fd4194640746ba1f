//! What users and other clients might do, at random.

use super::World;
use crate::mail::{Flag, FlagDelta, Flags, LocalId, MailboxName, SpecialUse, Uid};
use crate::sim::content::{self, Body};
use crate::sim::local::NameOnMove;
use crate::sim::rng::Rng;

/// What may happen.
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    /// Deletions.
    pub deletions: bool,
    /// Copies within a side.
    pub copies: bool,
    /// Editing files in place.
    pub edits: bool,
    /// Making and renaming mailboxes, UIDVALIDITY changes.
    pub structure: bool,
    /// Mails that the engine is sending or moving at the moment are left alone: with those, twins cannot always be
    /// told from copies.
    pub gentle: bool,
}

impl Mix {
    /// Everything that can happen to single messages.
    pub const MESSAGES: Self = Self {
        deletions: true,
        copies: true,
        edits: true,
        structure: false,
        gentle: false,
    };
    /// Everything.
    pub const ALL: Self = Self {
        structure: true,
        ..Self::MESSAGES
    };
    /// What may happen in the middle of a pass without making twins.
    pub const GENTLE: Self = Self {
        gentle: true,
        copies: false,
        ..Self::MESSAGES
    };
}

impl World {
    /// Somebody does something. What cannot be done in this world is left.
    pub fn random_action(&self, rng: &mut Rng, mix: Mix) {
        if mix.structure && rng.one_in(12) {
            self.random_structure(rng);
        } else if rng.one_in(2) {
            self.random_remote(rng, mix);
        } else {
            self.random_local(rng, mix);
        }
    }

    fn random_remote(&self, rng: &mut Rng, mix: Mix) {
        let mailboxes: Vec<MailboxName> = self.server.mailboxes().into_keys().collect();
        let Some(to) = rng.pick(&mailboxes) else {
            return;
        };
        let picked = self.pick_remote(rng, mix);
        match (rng.below(7), picked) {
            (0 | 1, _) | (_, None) => {
                self.server.append(&to, &self.new_mail(), random_flags(rng));
            }
            (2 | 3, Some((at, uid))) => self.server.set_flags(&at, uid, &random_delta(rng)),
            (4, Some((at, uid))) if mix.deletions => self.server.delete(&at, uid),
            (5, Some((at, uid))) if mix.copies => {
                self.server.transfer(&at, uid, &to, true);
            }
            (_, Some((at, uid))) if at != to => {
                self.server.transfer(&at, uid, &to, false);
            }
            _ => {}
        }
    }

    fn random_local(&self, rng: &mut Rng, mix: Mix) {
        let folders: Vec<MailboxName> = self.local.folders_now().into_keys().collect();
        let Some(to) = rng.pick(&folders) else { return };
        let picked = self.pick_local(rng, mix);
        match (rng.below(8), picked) {
            (0 | 1, _) | (_, None) => {
                self.local
                    .deliver_file(&to, &self.new_mail(), &random_flags(rng));
            }
            (2 | 3, Some((at, file, _))) => {
                self.local.set_flags(&at, &file, &random_flags(rng));
            }
            (4, Some((at, file, _))) if mix.deletions => self.local.delete(&at, &file),
            (5, Some((at, file, _))) if mix.copies => {
                self.local.copy_file(&at, &file, &to);
            }
            (6, Some((at, file, body))) if mix.edits => {
                let body = content::edited(&body, rng.number() % 1000);
                self.local.edit(&at, &file, &body);
            }
            (_, Some((at, file, _))) if at != to => {
                let ways = [NameOnMove::Kept, NameOnMove::New, NameOnMove::Rewritten];
                let how = ways[rng.below(ways.len())];
                self.local.move_file(&at, &file, &to, how);
            }
            _ => {}
        }
    }

    fn random_structure(&self, rng: &mut Rng) {
        let number = rng.below(6);
        let made = MailboxName::parse(&format!("Box{number}")).expect("a name");
        let plain = |name: &MailboxName| name.as_str().starts_with("Box");
        let mailboxes = self.server.mailboxes();
        let mailboxes: Vec<MailboxName> = mailboxes.into_keys().collect();
        let boxes: Vec<MailboxName> = mailboxes
            .iter()
            .filter(|name| plain(name))
            .cloned()
            .collect();
        let there = mailboxes.contains(&made);
        match (rng.below(5), rng.pick(&boxes)) {
            (0, _) if !there => self.server.create(&made, None),
            (1, _) if !there => self.local.make_folder(&made),
            (2, Some(from)) if !there => self.server.rename(&from, &made),
            (3, Some(from)) if !there => self.local.rename_by_hand(&from, &made),
            _ => {
                if let Some(name) = rng.pick(&mailboxes) {
                    self.server.renumber(&name);
                }
            }
        }
    }

    fn pick_remote(&self, rng: &mut Rng, mix: Mix) -> Option<(MailboxName, Uid)> {
        let busy = if mix.gentle {
            self.busy()
        } else {
            Default::default()
        };
        let mut all = Vec::new();
        for (name, found) in self.server.mailboxes() {
            // Out of the trash things go for good; that is tested by name, not by chance.
            if found.role == Some(SpecialUse::Trash) {
                continue;
            }
            let messages = found.messages.into_iter();
            let free =
                messages.filter(|(_, message)| !busy.contains(&content::digest(&message.body)));
            all.extend(free.map(|(uid, _)| (name.clone(), uid)));
        }
        rng.pick(&all)
    }

    fn pick_local(&self, rng: &mut Rng, mix: Mix) -> Option<(MailboxName, LocalId, Body)> {
        let busy = if mix.gentle {
            self.busy()
        } else {
            Default::default()
        };
        let mut all = Vec::new();
        for (name, folder) in self.local.folders_now() {
            if name.as_str() == "Trash" {
                continue;
            }
            let files = folder.files.into_iter();
            let free = files.filter(|(_, file)| !busy.contains(&content::digest(&file.body)));
            all.extend(free.map(|(id, file)| (name.clone(), id, file.body)));
        }
        rng.pick(&all)
    }
}

fn random_flags(rng: &mut Rng) -> Flags {
    // Never \Deleted: other clients' expunges would then be part of what has to be foreseen.
    [Flag::Seen, Flag::Answered, Flag::Flagged]
        .into_iter()
        .filter(|_| rng.one_in(3))
        .fold(Flags::new(), Flags::with)
}

fn random_delta(rng: &mut Rng) -> FlagDelta {
    let add = random_flags(rng);
    let remove = random_flags(rng).minus(&add);
    FlagDelta { add, remove }
}
