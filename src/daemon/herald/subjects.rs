//! Events as listeners are told of them: with names for numbers, and each message as it is now.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Batch;
use crate::engine::ports::{LetterStore, Local, Looked, Seen, Store};
use crate::engine::{Fault, Home, Reach};
use crate::mail::{Flags, LocalId, MailboxName};
use crate::sync::{
    Deletion, Entry, EntryState, FileStamp, Happened, Letter, MailboxId, News, NewsId, Occasion,
    RowId, Subject, What,
};

/// The names of mailboxes, also of those that are gone by now.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<MailboxId, MailboxName>);

impl Names {
    pub(super) async fn refresh(&mut self, store: &impl Store) -> Result<(), Fault> {
        for record in store.mailboxes().await? {
            self.0.insert(record.id, record.name);
        }
        Ok(())
    }

    pub(super) fn of(&self, mailbox: MailboxId) -> Option<&MailboxName> {
        self.0.get(&mailbox)
    }
}

/// Some events, and what is to be known of their messages.
#[derive(Debug)]
pub(super) struct Page {
    news: Vec<News>,
    names: BTreeMap<MailboxId, MailboxName>,
    entries: HashMap<RowId, Entry>,
    deleted: HashMap<RowId, Deletion>,
    seen: HashMap<RowId, (Seen, Flags)>,
    since: Option<i64>,
    /// Moves that a listener wanted.
    wanted: BTreeSet<NewsId>,
}

/// The letters of a POP3 account that events are of, as entries: their rows are the letters' numbers.
async fn letters<P: Home<Store: LetterStore>>(
    ports: &P,
    news: &[News],
) -> Result<Vec<(RowId, Entry)>, Fault> {
    let mut letters: HashMap<RowId, Letter> = HashMap::new();
    for letter in ports.store().letters().await? {
        letters.insert(RowId(letter.known.id.0), letter);
    }
    let entry = |news: &News| {
        let letter = letters.get(&news.row)?;
        let entry = Entry {
            row: news.row,
            mailbox: news.mailbox,
            uid: None,
            local: Some(letter.local.clone()),
            flags: Flags::new(),
            size: letter.octets,
            date: letter.known.since,
            message_id: None,
            digest: Some(letter.digest),
            content: None,
            raw: false,
            stamp: FileStamp::default(),
            state: EntryState::Linked,
            hold: None,
        };
        Some((news.row, entry))
    };
    Ok(news.iter().filter_map(entry).collect())
}

impl Page {
    pub(super) async fn gather<P: Home<Store: LetterStore>>(
        ports: &P,
        names: &mut Names,
        news: Vec<News>,
    ) -> Result<Self, Fault> {
        let rows: BTreeSet<RowId> = news.iter().map(|news| news.row).collect();
        let rows: Vec<RowId> = rows.into_iter().collect();
        // Each question may have to wait for a commit of the sync; three at once wait for one.
        let store = ports.store();
        let (entries, known, heard) = tokio::join!(
            biased;
            store.entries(&rows),
            names.refresh(store),
            store.heard(),
        );
        known?;
        let mut entries: HashMap<RowId, Entry> =
            entries?.into_iter().map(|it| (it.row, it)).collect();
        let unknown = |news: &&News| !entries.contains_key(&news.row);
        if news.iter().any(|it| unknown(&it)) {
            entries.extend(letters(ports, &news).await?);
        }
        let gone: Vec<RowId> = rows
            .into_iter()
            .filter(|row| !entries.contains_key(row))
            .collect();
        let deleted = match gone.is_empty() {
            true => Vec::new(),
            false => ports.store().deleted(&gone).await?,
        };
        let mut page = Self {
            news,
            names: names.0.clone(),
            entries,
            deleted: deleted.into_iter().map(|it| (it.row, it)).collect(),
            seen: HashMap::new(),
            since: heard?.since,
            wanted: BTreeSet::new(),
        };
        page.look(ports).await?;
        Ok(page)
    }

    /// Looks for the files, folder by folder.
    async fn look<P: Home<Store: LetterStore>>(&mut self, ports: &P) -> Result<(), Fault> {
        let mut folders: BTreeMap<MailboxId, (Vec<RowId>, Vec<LocalId>)> = BTreeMap::new();
        for entry in self.entries.values() {
            if let Some(local) = &entry.local {
                let (rows, files) = folders.entry(entry.mailbox).or_default();
                rows.push(entry.row);
                files.push(local.clone());
            }
        }
        for (mailbox, (rows, files)) in folders {
            let Some(name) = self.names.get(&mailbox) else {
                continue;
            };
            let looked = match ports.local().look(name, &files).await {
                Ok(looked) => looked,
                Err(fault) if fault.reach >= Reach::Account => return Err(fault),
                // The folder is gone: so are its files.
                Err(_) => Looked::default(),
            };
            for (row, seen) in rows.into_iter().zip(looked.files) {
                let base = self.entries.get(&row);
                if let (Some(seen), Some(entry)) = (seen, base) {
                    let flags = looked.scope.complete(&seen.flags, &entry.flags);
                    self.seen.insert(row, (seen, flags));
                }
            }
        }
        Ok(())
    }

    /// Looks which moves a listener wanted: those to a place for which `wanted` holds.
    pub(super) fn note_wanted(&mut self, mut wanted: impl FnMut(&MailboxName, &LocalId) -> bool) {
        for news in &self.news {
            let What::Moved { .. } = news.what else {
                continue;
            };
            let local = self.entries.get(&news.row).and_then(|it| it.local.as_ref());
            if let (Some(name), Some(local)) = (self.names.get(&news.mailbox), local)
                && wanted(name, local)
            {
                self.wanted.insert(news.id);
            }
        }
    }

    /// Where messages are.
    pub(super) fn places(&self) -> impl Iterator<Item = (RowId, &MailboxName, &LocalId)> {
        self.entries.values().filter_map(|entry| {
            let name = self.names.get(&entry.mailbox)?;
            Some((entry.row, name, entry.local.as_ref()?))
        })
    }

    /// In the order of each mailbox; each with the numbers of its events. Unless somebody wants to know which `files` changed
    /// they are not listed.
    pub(super) fn batches(&self, files: bool) -> Vec<(Batch, Vec<NewsId>)> {
        let mut groups: Vec<((MailboxId, bool), Vec<&News>)> = Vec::new();
        for news in &self.news {
            let key = (news.mailbox, news.old);
            // Where old mail and fresh alternate, so do the batches: what comes later must not be told before.
            let last = groups.iter_mut().rfind(|(known, _)| known.0 == key.0);
            match last {
                Some((known, group)) if *known == key => group.push(news),
                _ => groups.push((key, vec![news])),
            }
        }
        groups
            .into_iter()
            .map(|((mailbox, old), group)| {
                let ids = group.iter().map(|news| news.id).collect();
                (self.batch(mailbox, (old, files), &group), ids)
            })
            .collect()
    }

    fn batch(&self, mailbox: MailboxId, (old, files): (bool, bool), group: &[&News]) -> Batch {
        let Some(name) = self.names.get(&mailbox) else {
            // A mailbox that was gone before this process began has no name any more: there is nothing to tell.
            return Batch {
                mailbox: None,
                old,
                since: self.since,
                occasions: Vec::new(),
            };
        };
        let mut occasions: Vec<Occasion> = group
            .iter()
            .filter_map(|news| self.occasion(name, news))
            .collect();
        let changed = match files {
            true => self.changed(group),
            false => Vec::new(),
        };
        occasions.extend(self.summaries(name, group, changed));
        Batch {
            mailbox: Some(name.clone()),
            old,
            since: self.since,
            occasions,
        }
    }

    fn occasion(&self, name: &MailboxName, news: &News) -> Option<Occasion> {
        let what = match &news.what {
            What::New => Happened::New,
            What::Flags { added, removed } => Happened::Flags {
                added: added.clone(),
                removed: removed.clone(),
            },
            What::Moved { from } => Happened::Moved {
                from: self.names.get(from)?.clone(),
            },
            What::Deleted => Happened::Deleted,
        };
        Some(Occasion::Message {
            id: news.id,
            side: news.side,
            by_listener: self.wanted.contains(&news.id),
            what,
            subject: Arc::new(self.subject(name, news)),
        })
    }

    /// The message as it is now, wherever that is.
    fn subject(&self, name: &MailboxName, news: &News) -> Subject {
        let gone = news.what == What::Deleted;
        let entry = self.entries.get(&news.row).filter(|_| !gone);
        let Some(entry) = entry else {
            return self.gone(name, news);
        };
        let place = self.names.get(&entry.mailbox).unwrap_or(name);
        let seen = self.seen.get(&news.row);
        Subject {
            row: news.row,
            mailbox: place.clone(),
            local: seen.and_then(|_| entry.local.clone()),
            path: seen.map(|(seen, _)| seen.path.clone()),
            uid: entry.uid,
            size: seen.map_or(entry.size, |(seen, _)| seen.stamp.size),
            flags: seen.map_or_else(|| entry.flags.clone(), |(_, flags)| flags.clone()),
            date: entry.date,
            header: seen.and_then(|(seen, _)| seen.header.clone()),
        }
    }

    fn gone(&self, name: &MailboxName, news: &News) -> Subject {
        let known = self.deleted.get(&news.row);
        Subject {
            row: news.row,
            mailbox: name.clone(),
            local: None,
            path: None,
            uid: None,
            size: known.map_or(0, |it| it.identity.size),
            flags: known.map_or_else(Flags::new, |it| it.flags.clone()),
            date: known.map_or(news.at, |it| it.identity.date),
            header: None,
        }
    }

    /// The files of these events, each once. Compared as octets: part by part takes many times as long.
    fn changed(&self, group: &[&News]) -> Vec<PathBuf> {
        let seen = group
            .iter()
            .filter(|news| news.what != What::Deleted)
            .filter_map(|news| self.seen.get(&news.row));
        let mut files: Vec<&Path> = seen.map(|(seen, _)| seen.path.as_path()).collect();
        files.sort_unstable_by_key(|path| path.as_os_str().as_encoded_bytes());
        files.dedup_by_key(|path| path.as_os_str());
        files.into_iter().map(Path::to_path_buf).collect()
    }

    /// That the mailbox is synced, and those from which messages moved to it.
    fn summaries(
        &self,
        name: &MailboxName,
        group: &[&News],
        changed: Vec<PathBuf>,
    ) -> Vec<Occasion> {
        let count = |test: &dyn Fn(&What) -> bool| {
            let found = group.iter().filter(|news| test(&news.what)).count();
            u64::try_from(found).unwrap_or(u64::MAX)
        };
        let mut left: BTreeMap<&MailboxName, u64> = BTreeMap::new();
        for news in group {
            if let What::Moved { from } = &news.what
                && let Some(from) = self.names.get(from)
            {
                *left.entry(from).or_default() += 1;
            }
        }
        let own = Occasion::MailboxSynced {
            mailbox: name.clone(),
            changed,
            new: count(&|what| *what == What::New),
            gone: count(&|what| *what == What::Deleted),
        };
        let others = left
            .into_iter()
            .map(|(from, gone)| Occasion::MailboxSynced {
                mailbox: from.clone(),
                changed: Vec::new(),
                new: 0,
                gone,
            });
        std::iter::once(own).chain(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Side;

    fn page(news: &[(i64, bool)]) -> Page {
        let one = |(id, &(mailbox, old)): (usize, &(i64, bool))| News {
            id: NewsId(i64::try_from(id).unwrap()),
            row: RowId(1),
            mailbox: MailboxId(mailbox),
            side: Side::Remote,
            at: 0,
            old,
            what: What::New,
        };
        Page {
            news: news.iter().enumerate().map(one).collect(),
            names: BTreeMap::new(),
            entries: HashMap::new(),
            deleted: HashMap::new(),
            seen: HashMap::new(),
            since: None,
            wanted: BTreeSet::new(),
        }
    }

    #[test]
    fn events_of_a_mailbox_keep_their_order_where_old_mail_and_fresh_mix() {
        let page = page(&[
            (1, true),
            (1, false),
            (2, true),
            (1, true),
            (2, true),
            (1, true),
        ]);
        let batches = page.batches(true).into_iter();
        let told: Vec<(bool, Vec<i64>)> = batches
            .map(|(batch, ids)| (batch.old, ids.iter().map(|id| id.0).collect()))
            .collect();
        let wanted = [
            (true, vec![0]),
            (false, vec![1]),
            (true, vec![2, 4]),
            (true, vec![3, 5]),
        ];
        assert_eq!(told, wanted);
    }
}
