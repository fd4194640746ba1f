//! Moves and copies that are wanted, and the folders that they need.

use std::collections::BTreeMap;

use super::{Acts, Ready};
use crate::content::Hasher;
use crate::engine::context::Home;
use crate::engine::fault::{Fault, Reach};
use crate::engine::ports::{Local, Marker, Store};
use crate::mail::{Flags, LocalId, MailboxName};
use crate::sync::{Act, Wanted};

impl<P: Home> Acts<'_, P> {
    /// Moves and copies.
    pub(super) async fn carry(
        &mut self,
        place: &MailboxName,
        ready: &[Ready<'_>],
    ) -> Result<(), Fault> {
        let mut moves: BTreeMap<&MailboxName, Vec<&Ready<'_>>> = BTreeMap::new();
        let mut copies: BTreeMap<&MailboxName, Vec<&Ready<'_>>> = BTreeMap::new();
        for one in ready {
            match &one.0.act {
                Act::MoveTo(to) | Act::CopyTo(to) if to == place => self.acted.done += 1,
                Act::MoveTo(to) => moves.entry(to).or_default().push(one),
                Act::CopyTo(to) => copies.entry(to).or_default().push(one),
                Act::AddFlags(_) | Act::RemoveFlags(_) | Act::Delete => {}
            }
        }
        for (to, group) in copies {
            if self.has_target(to, &group).await? {
                self.copy_all(place, to, &group).await?;
            }
        }
        for (to, group) in moves {
            if self.has_target(to, &group).await? {
                self.move_all(place, to, &group).await?;
            }
        }
        Ok(())
    }

    async fn move_all(
        &mut self,
        place: &MailboxName,
        to: &MailboxName,
        group: &[&Ready<'_>],
    ) -> Result<(), Fault> {
        let wishes: Vec<&Wanted> = group.iter().map(|one| one.0).collect();
        let files: Vec<(LocalId, Flags)> = group
            .iter()
            .map(|(wish, _, flags)| (wish.local.clone(), flags.clone()))
            .collect();
        let results = self.ports.local().relocate(place, to, &files).await?;
        for (at, ()) in self.settle(place, &wishes, results)? {
            if let Some(wish) = wishes.get(at) {
                let spot = (wish.mailbox.clone(), wish.local.clone());
                self.moved.insert(spot, to.clone());
                self.acted.touched.insert(to.clone());
            }
        }
        Ok(())
    }

    async fn copy_all(
        &mut self,
        place: &MailboxName,
        to: &MailboxName,
        group: &[&Ready<'_>],
    ) -> Result<(), Fault> {
        let wishes: Vec<&Wanted> = group.iter().map(|one| one.0).collect();
        let files: Vec<(LocalId, Flags, u128)> = group
            .iter()
            .map(|(wish, _, flags)| {
                let number = number_of(&wish.local, &wish.mailbox, to);
                (wish.local.clone(), flags.clone(), number)
            })
            .collect();
        let results = self.ports.local().copy(place, to, &files).await?;
        for (at, copy) in self.settle(to, &wishes, results)? {
            if let Some(wish) = wishes.get(at) {
                self.acted.copies.push((wish.row, to.clone(), copy));
            }
        }
        Ok(())
    }

    /// Whether messages can go to a mailbox; its folder is made if there is none.
    async fn has_target(&mut self, to: &MailboxName, group: &[&Ready<'_>]) -> Result<bool, Fault> {
        if self.folders.contains(to) && (self.settings.selects)(to) {
            return Ok(true);
        }
        let why = match self.make(to).await? {
            Ok(()) => return Ok(true),
            Err(why) => why,
        };
        for one in group {
            self.refuse(one.0, &why);
        }
        Ok(false)
    }

    /// Makes a folder as the user would: the next pass makes the mailbox.
    async fn make(&mut self, to: &MailboxName) -> Result<Result<(), String>, Fault> {
        if !(self.settings.selects)(to) {
            // What goes there would look deleted.
            return Ok(Err(format!(
                "{to} is not among the mailboxes of this account"
            )));
        }
        if !self.settings.policy.push.mailboxes {
            return Ok(Err(format!("there is no {to}, and none may be made")));
        }
        let marker = Marker {
            id: self.ports.store().random_id()?,
            epoch: 0,
        };
        match self.ports.local().create_folder(to, &marker).await {
            Ok(()) => {
                self.folders.insert(to.clone());
                self.acted.folders = true;
                Ok(Ok(()))
            }
            Err(fault) if fault.reach >= Reach::Account => Err(fault),
            Err(fault) => Ok(Err(fault.to_string())),
        }
    }
}

/// The same for the same copy.
fn number_of(local: &LocalId, from: &MailboxName, to: &MailboxName) -> u128 {
    let mut hasher = Hasher::new();
    for part in [
        local.as_bytes(),
        from.as_str().as_bytes(),
        to.as_str().as_bytes(),
    ] {
        hasher.update(part);
        hasher.update(&[0]);
    }
    let digest = hasher.finish().0;
    let (first, _) = digest.split_at(16);
    first
        .iter()
        .fold(0, |number, octet| number << 8 | u128::from(*octet))
}
