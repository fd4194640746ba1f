//! What listeners want done to messages, done as if the user had done it in the Maildir: the ordinary sync finds it
//! there and takes it to the server, with its guard and its trash. Nothing is sent from here. The state is only read, but for
//! keywords that no file name can show.

mod carry;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::context::{Home, Settings};
use super::fault::{Fault, Reach};
use super::ports::{Clock, Local, Root, Seen, Store};
use crate::mail::{FlagDelta, Flags, LocalId, MailboxName};
use crate::sync::{Act, Change, KeywordScope, RowId, Wanted};

/// What became of wishes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acted {
    /// So many were carried out, or had nothing left to do.
    pub done: u64,
    /// So many were not: the message was not there any more as it had been seen.
    pub skipped: u64,
    /// Those that could not be, with the reason for people.
    pub refused: Vec<(Wanted, String)>,
    /// Copies that were made: of which message, where, under which name.
    pub copies: Vec<(RowId, MailboxName, LocalId)>,
    /// Where something changed.
    pub touched: BTreeSet<MailboxName>,
    /// Whether a folder was made.
    pub folders: bool,
}

impl Acted {
    /// Adds what became of others.
    pub fn absorb(&mut self, more: Self) {
        self.done += more.done;
        self.skipped += more.skipped;
        self.refused.extend(more.refused);
        self.copies.extend(more.copies);
        self.touched.extend(more.touched);
        self.folders |= more.folders;
    }
}

/// Where a message was seen.
type Spot = (MailboxName, LocalId);

/// Carries out wishes: those for one message in their order, those for different messages side by side.
///
/// # Errors
/// The Maildir is not there, or not the one that the state speaks of; or a fault that reaches the whole account. What
/// had been done by then stays done, and doing it again does nothing.
pub async fn act<P: Home>(
    ports: &P,
    settings: &Settings,
    wanted: &[Wanted],
) -> Result<Acted, Fault> {
    let mut acts = Acts {
        ports,
        settings,
        folders: folders(ports).await?,
        moved: BTreeMap::new(),
        base: base_flags(ports, wanted).await?,
        labels: Vec::new(),
        acted: Acted::default(),
    };
    let mut queues: BTreeMap<Spot, VecDeque<&Wanted>> = BTreeMap::new();
    for wish in wanted {
        let spot = (wish.mailbox.clone(), wish.local.clone());
        queues.entry(spot).or_default().push_back(wish);
    }
    loop {
        let round: Vec<&Wanted> = queues
            .values_mut()
            .filter_map(VecDeque::pop_front)
            .collect();
        if round.is_empty() {
            return Ok(acts.acted);
        }
        acts.round(&round).await?;
    }
}

/// The folders there are, if the Maildir is ours.
async fn folders<P: Home>(ports: &P) -> Result<BTreeSet<MailboxName>, Fault> {
    let state = ports.store().id().await?;
    let ours = match ports.local().root().await? {
        Root::Marked(marker) => marker.id == state.id,
        Root::Missing | Root::Unmarked { .. } => false,
    };
    if !ours {
        let text = "the Maildir is not there as the state knows it";
        return Err(Fault::new(Reach::Account, true, text));
    }
    let all = ports.local().folders().await?;
    Ok(all.into_iter().map(|folder| folder.name).collect())
}

/// What file names need not show.
async fn base_flags<P: Home>(
    ports: &P,
    wanted: &[Wanted],
) -> Result<BTreeMap<RowId, Flags>, Fault> {
    let rows: BTreeSet<RowId> = wanted.iter().map(|wish| wish.row).collect();
    let rows: Vec<RowId> = rows.into_iter().collect();
    let entries = ports.store().entries(&rows).await?;
    Ok(entries
        .into_iter()
        .map(|entry| (entry.row, entry.flags))
        .collect())
}

struct Acts<'a, P: Home> {
    ports: &'a P,
    settings: &'a Settings,
    folders: BTreeSet<MailboxName>,
    /// Where messages are that an earlier wish moved.
    moved: BTreeMap<Spot, MailboxName>,
    base: BTreeMap<RowId, Flags>,
    /// Keywords that names in the folder at hand cannot show.
    labels: Vec<(Wanted, FlagDelta)>,
    acted: Acted,
}

/// A wish and the file it is about.
type Ready<'w> = (&'w Wanted, Seen, Flags);

impl<P: Home> Acts<'_, P> {
    /// At most one wish for each message.
    async fn round(&mut self, round: &[&Wanted]) -> Result<(), Fault> {
        let mut groups: BTreeMap<MailboxName, Vec<&Wanted>> = BTreeMap::new();
        for wish in round {
            let spot = (wish.mailbox.clone(), wish.local.clone());
            let place = self.moved.get(&spot).unwrap_or(&wish.mailbox).clone();
            groups.entry(place).or_default().push(wish);
        }
        for (place, wishes) in groups {
            let (scope, ready) = self.look(&place, &wishes).await?;
            self.put_labels(&place).await?;
            self.label(&place, &scope, &ready).await?;
            self.carry(&place, &ready).await?;
            self.delete(&place, &ready).await?;
        }
        Ok(())
    }

    /// What names in a folder can show, and the wishes whose file is there, with its flags as they are now.
    async fn look<'w>(
        &mut self,
        place: &MailboxName,
        wishes: &[&'w Wanted],
    ) -> Result<(KeywordScope, Vec<Ready<'w>>), Fault> {
        let files: Vec<LocalId> = wishes.iter().map(|wish| wish.local.clone()).collect();
        let looked = match self.ports.local().look(place, &files).await {
            Ok(looked) => looked,
            Err(fault) if fault.reach >= Reach::Account => return Err(fault),
            Err(fault) => {
                for wish in wishes {
                    self.refuse(wish, &fault);
                }
                return Ok(Default::default());
            }
        };
        let mut ready = Vec::new();
        for (wish, seen) in wishes.iter().copied().zip(looked.files) {
            match seen {
                Some(seen) => {
                    self.note_labels(&looked.scope, wish);
                    let flags = self.whole(&looked.scope, wish.row, &seen.flags);
                    ready.push((wish, seen, flags));
                }
                None => self.skip(1),
            }
        }
        Ok((looked.scope, ready))
    }

    /// Keywords for which the folder has no letter are wished for in the state; the next pass takes them to the server.
    fn note_labels(&mut self, scope: &KeywordScope, wish: &Wanted) {
        let hidden = |flags: &Flags| flags.minus(&scope.visible(flags));
        let delta = match &wish.act {
            Act::AddFlags(more) => FlagDelta {
                add: hidden(more),
                remove: Flags::new(),
            },
            Act::RemoveFlags(less) => FlagDelta {
                add: Flags::new(),
                remove: hidden(less),
            },
            Act::MoveTo(_) | Act::CopyTo(_) | Act::Delete => return,
        };
        match self.base.get(&wish.row) {
            _ if delta.is_empty() => {}
            Some(_) => self.labels.push((wish.clone(), delta)),
            // A letter that came by POP3: there is no server that keeps it.
            None => {
                let why = "keywords can be kept on an IMAP server only, or where file names have letters for them";
                self.refuse(wish, why);
            }
        }
    }

    /// Written down once for all wishes of a folder.
    async fn put_labels(&mut self, place: &MailboxName) -> Result<(), Fault> {
        let labels = std::mem::take(&mut self.labels);
        if labels.is_empty() {
            return Ok(());
        }
        let puts = labels
            .iter()
            .map(|(wish, delta)| Change::PutLabels(wish.row, delta.clone()));
        self.ports.store().commit(puts.collect()).await?;
        self.acted.touched.insert(place.clone());
        Ok(())
    }

    fn whole(&self, scope: &KeywordScope, row: RowId, shown: &Flags) -> Flags {
        match self.base.get(&row) {
            Some(base) => scope.complete(shown, base),
            None => shown.clone(),
        }
    }

    fn skip(&mut self, count: usize) {
        self.acted.skipped += u64::try_from(count).unwrap_or(u64::MAX);
    }

    fn refuse(&mut self, wish: &Wanted, why: impl ToString) {
        self.acted.refused.push((wish.clone(), why.to_string()));
    }

    /// One result for each wish that was tried in `place`.
    fn settle<T>(
        &mut self,
        place: &MailboxName,
        tried: &[&Wanted],
        results: Vec<Result<T, Fault>>,
    ) -> Result<Vec<(usize, T)>, Fault> {
        let mut done = Vec::new();
        for (at, (wish, result)) in tried.iter().zip(results).enumerate() {
            match result {
                Ok(value) => {
                    self.acted.done += 1;
                    self.acted.touched.insert(place.clone());
                    done.push((at, value));
                }
                Err(fault) if fault.reach >= Reach::Account => return Err(fault),
                Err(fault) => self.refuse(wish, fault),
            }
        }
        Ok(done)
    }

    async fn label(
        &mut self,
        place: &MailboxName,
        scope: &KeywordScope,
        ready: &[Ready<'_>],
    ) -> Result<(), Fault> {
        let mut wishes = Vec::new();
        let mut files = Vec::new();
        for (wish, _, flags) in ready {
            let wanted = match &wish.act {
                Act::AddFlags(more) => flags.union(more),
                Act::RemoveFlags(less) => flags.minus(less),
                Act::MoveTo(_) | Act::CopyTo(_) | Act::Delete => continue,
            };
            // What names cannot show is in the state by now.
            if scope.visible(&wanted) == scope.visible(flags) {
                self.acted.done += 1;
                continue;
            }
            wishes.push(*wish);
            files.push((wish.local.clone(), wanted));
        }
        if files.is_empty() {
            return Ok(());
        }
        let results = self.ports.local().relabel(place, &files).await?;
        self.settle(place, &wishes, results).map(drop)
    }

    /// To the local trash: even should the message be gone from the server, none is lost by a listener.
    async fn delete(&mut self, place: &MailboxName, ready: &[Ready<'_>]) -> Result<(), Fault> {
        let doomed = ready.iter().filter(|one| one.0.act == Act::Delete);
        let doomed: Vec<&Ready<'_>> = doomed.collect();
        if doomed.is_empty() {
            return Ok(());
        }
        let wishes: Vec<&Wanted> = doomed.iter().map(|one| one.0).collect();
        let files: Vec<_> = doomed
            .iter()
            .map(|(wish, seen, _)| (wish.local.clone(), seen.stamp))
            .collect();
        let day = self.ports.clock().day(0);
        let results = self.ports.local().trash(place, &files, &day).await?;
        self.settle(place, &wishes, results).map(drop)
    }
}
