//! Collects what a mailbox's listing says, message by message, by UID.

use crate::imap::response::{Code, Fetch, Untagged};
use crate::mail::{Flags, Uid, UidSet};
use crate::sync::RemoteMessage;

/// What came so far.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Sequence numbers beside `messages`, for flags that come later without a UID.
    sequence: Vec<u32>,
    messages: Vec<RemoteMessage>,
    /// UIDs that came without flags that could be read.
    flagless: Vec<Uid>,
    /// VANISHED: these went away meanwhile.
    gone: UidSet,
    /// VANISHED (EARLIER): these had gone before.
    earlier: UidSet,
    /// SEARCH or ESEARCH; `Some(None)` if it could not be read.
    pub found: Option<Option<UidSet>>,
    /// The SELECT was one with QRESYNC.
    pub resynced: bool,
    /// How many messages there are, as far as EXISTS has told.
    exists: usize,
}

/// Responses for messages beyond EXISTS that are kept: flags that change meanwhile, and messages that come.
const SLACK: usize = 10_000;

impl Listing {
    /// An empty listing of a mailbox with so many messages.
    pub fn of(exists: u32) -> Self {
        let mut listing = Self::default();
        listing.expect(exists);
        listing
    }

    /// There are at least so many messages.
    pub fn expect(&mut self, exists: u32) {
        self.exists = self
            .exists
            .max(usize::try_from(exists).unwrap_or(usize::MAX));
    }

    /// Takes one response.
    pub fn take(&mut self, untagged: Untagged) {
        match untagged {
            Untagged::Exists(count) => self.expect(count),
            // What comes beyond all measure is dropped; the count will not be right then.
            Untagged::Fetch(_) | Untagged::BrokenFetch(_) if self.is_full() => {}
            Untagged::Fetch(fetch) => self.take_fetch(fetch),
            Untagged::BrokenFetch(Some(uid)) => self.flagless.push(uid),
            Untagged::Vanished(uids, earlier) => {
                let set = if earlier {
                    &mut self.earlier
                } else {
                    &mut self.gone
                };
                uids.ranges()
                    .for_each(|(low, high)| set.insert_range(low, high));
            }
            Untagged::Search(uids) => self.take_search(uids),
            // What came before belongs to the mailbox that was selected before (RFC 7162 section 3.2.11).
            Untagged::Status(status) if status.code == Code::Closed => {
                let resynced = self.resynced;
                *self = Self {
                    resynced,
                    ..Self::default()
                };
            }
            _ => {}
        }
    }

    fn is_full(&self) -> bool {
        self.messages.len() + self.flagless.len()
            > self.exists.saturating_mul(2).saturating_add(SLACK)
    }

    fn take_fetch(&mut self, fetch: Fetch) {
        match (fetch.uid, fetch.flags) {
            (Some(uid), Some(flags)) => {
                self.sequence.push(fetch.seq);
                self.messages.push(RemoteMessage {
                    uid,
                    flags,
                    size: fetch.size,
                });
            }
            (Some(uid), None) => self.flagless.push(uid),
            (None, Some(flags)) => self.update(fetch.seq, flags),
            (None, None) => {}
        }
    }

    /// Flags by sequence number: a change while the listing comes. What is not listed yet will come with them.
    fn update(&mut self, seq: u32, flags: Flags) {
        if let Ok(at) = self.sequence.binary_search(&seq)
            && let Some(message) = self.messages.get_mut(at)
        {
            message.flags = flags;
        }
    }

    fn take_search(&mut self, uids: Option<UidSet>) {
        let before = self.found.take();
        self.found = Some(match (before, uids) {
            (None, uids) => uids,
            (Some(Some(mut all)), Some(uids)) => {
                uids.ranges()
                    .for_each(|(low, high)| all.insert_range(low, high));
                Some(all)
            }
            _ => None,
        });
    }

    /// What went away while it came.
    pub fn gone(&self) -> &UidSet {
        &self.gone
    }

    /// What went away, then or before.
    pub fn all_gone(&self) -> UidSet {
        let mut all = self.earlier.clone();
        self.gone
            .ranges()
            .for_each(|(low, high)| all.insert_range(low, high));
        all
    }

    /// UIDs that came without flags.
    pub fn flagless(&self) -> impl Iterator<Item = Uid> + '_ {
        self.flagless.iter().copied()
    }

    /// UIDs that came with flags.
    pub fn flagged(&self) -> impl Iterator<Item = Uid> + '_ {
        self.messages.iter().map(|message| message.uid)
    }

    /// Every UID that came and did not go.
    pub fn present(&self) -> UidSet {
        let mut all: UidSet = self.flagged().chain(self.flagless()).collect();
        for uid in intersection(&self.gone, &all).iter() {
            all.remove(uid);
        }
        all
    }

    /// The messages by UID, each once with the flags that came last.
    pub fn into_messages(self) -> Vec<RemoteMessage> {
        let gone = self.gone;
        drop(self.sequence);
        let mut messages = self.messages;
        messages.retain(|message| !gone.contains(message.uid));
        messages.sort_by_key(|message| message.uid);
        messages.dedup_by(|later, earlier| {
            let same = later.uid == earlier.uid;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
        messages
    }
}

/// What is in both sets; costs as much as the sets have ranges.
pub(in crate::imap) fn intersection(one: &UidSet, other: &UidSet) -> UidSet {
    let mut both = UidSet::new();
    let (mut left, mut right) = (one.ranges().peekable(), other.ranges().peekable());
    while let (Some((low, high)), Some((other_low, other_high))) = (left.peek(), right.peek()) {
        let (low, high, other_low, other_high) = (*low, *high, *other_low, *other_high);
        both.insert_range(low.max(other_low), high.min(other_high));
        if high < other_high {
            left.next();
        } else {
            right.next();
        }
    }
    both
}
