//! What was written to the outbox, read as a story: each message comes once, moves on from where it was, and ends once.

use std::collections::{BTreeMap, BTreeSet};

use super::{Check, World, fine};
use crate::mail::{Digest, Flags};
use crate::sim::content;
use crate::sync::{EntryState, MailboxId, News, RowId, Side, What};

/// One message's part of it so far.
#[derive(Debug, Default)]
struct Life {
    came: bool,
    at: Option<MailboxId>,
    set: Flags,
    unset: Flags,
    gone: bool,
}

impl Life {
    fn goes_on(&mut self, news: &News) -> Check {
        fine(!self.gone, || "it was gone".to_owned())?;
        let place = match &news.what {
            What::Moved { from } => *from,
            _ => news.mailbox,
        };
        fine(self.at.is_none_or(|at| at == place), || {
            format!("it was in {:?}", self.at)
        })?;
        self.at = Some(news.mailbox);
        match &news.what {
            What::New => {
                fine(!self.came, || "it had come".to_owned())?;
                self.came = true;
            }
            What::Moved { from } => fine(*from != news.mailbox, || "nowhere".to_owned())?,
            What::Flags { added, removed } => {
                let twice = added.intersection(&self.set);
                let never = removed.intersection(&self.unset);
                fine(twice.is_empty() && never.is_empty(), || {
                    format!("({twice}) were set, ({never}) were not")
                })?;
                fine(!added.is_empty() || !removed.is_empty(), || {
                    "no flag".to_owned()
                })?;
                self.set = self.set.minus(removed).union(added);
                self.unset = self.unset.minus(added).union(removed);
            }
            What::Deleted => self.gone = true,
        }
        Ok(())
    }
}

impl World {
    /// The story holds together, and ends with what is.
    ///
    /// # Errors
    /// What does not.
    pub fn told_well(&self) -> Check {
        let told = self.store.news_now();
        let mut lives: BTreeMap<RowId, Life> = BTreeMap::new();
        for news in &told {
            let life = lives.entry(news.row).or_default();
            life.goes_on(news)
                .map_err(|wrong| format!("told {news:?}, though {wrong}\n{told:#?}"))?;
        }
        let uidplus = self.server.switches().uidplus;
        for entry in self.store.entries_now() {
            let Some(life) = lives.remove(&entry.row) else {
                continue;
            };
            let there = !life.gone || !uidplus;
            fine(there && life.at == Some(entry.mailbox), || {
                format!("told {life:?} of {entry:?}\n{told:#?}")
            })?;
        }
        Ok(())
    }

    /// Every mail that came into being since the ledger was opened, once only, and that reached the other side, was
    /// told of as new exactly once, by the side it came from. Unless `strict`, it may be told
    /// more often: who moves it on both sides in the middle of a pass makes two of it.
    ///
    /// # Errors
    /// Which one was not.
    pub fn told_once(&self, strict: bool) -> Check {
        let rows = self.store.digests_ever();
        let mut told: BTreeMap<(Digest, Side), u32> = BTreeMap::new();
        let mut deleted: BTreeMap<Digest, u32> = BTreeMap::new();
        for news in self.store.news_now() {
            match (&news.what, rows.get(&news.row)) {
                (What::New, Some(digest)) => {
                    *told.entry((*digest, news.side)).or_default() += 1;
                }
                (What::Deleted, Some(digest)) => *deleted.entry(*digest).or_default() += 1,
                _ => {}
            }
        }
        // A row that was sent again with another content stays what it was.
        let linked = self.store.entries_now().into_iter().filter(|entry| {
            entry.state == EntryState::Linked && rows.get(&entry.row) == entry.digest.as_ref()
        });
        let linked: BTreeSet<Digest> = linked.filter_map(|entry| entry.digest).collect();
        for (body, side) in self.ledger.late_births() {
            let digest = content::digest(&body);
            let count = told.get(&(digest, side)).copied().unwrap_or(0);
            let carried = linked.contains(&digest);
            // Deleted there and moved here it goes up as another message.
            let again = match side {
                Side::Local => deleted.get(&digest).copied().unwrap_or(0),
                Side::Remote => 0,
            };
            let once = count > 0 && (!strict || count <= 1 + again);
            // What was never known to have arrived from one side comes from the other.
            let other = if side == Side::Local {
                Side::Remote
            } else {
                Side::Local
            };
            let turned = told.get(&(digest, other)) == Some(&1);
            fine(once || (count == 0 && (turned || !carried)), || {
                let title = content::title(&body);
                format!(
                    "{title}, born on the side {side:?}, was told {count} times; known: {carried}\n{:#?}",
                    self.store.news_now()
                )
            })?;
        }
        Ok(())
    }
}
