//! POP3's decision: what the maildrop holds + what came home before -> what to fetch, to delete and to forget.
//!
//! A server's name for a letter is believed as far as it agrees with what is known: the same name with other sizes, or a
//! name that had gone and is back, is fetched again and compared by content, and nothing is deleted by it.

use std::collections::BTreeMap;

use crate::mail::{Digest, LocalId, Uidl};

#[cfg(test)]
mod tests;

/// How long a name stays known that the server has stopped listing, in seconds: a maildrop that looks empty for a day
/// must not come home again.
const GRACE: i64 = 30 * 24 * 60 * 60;

/// The number of a known letter in the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LetterId(pub i64);

/// How far a known letter has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LetterState {
    /// On its way into the Maildir: it is not known to be durable.
    Delivering,
    /// Durable in the Maildir.
    Linked,
    /// Durable, and the server was told to delete it; whether it did is not known.
    Deleting,
}

/// A letter that came home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownLetter {
    /// Its number in the state.
    pub id: LetterId,
    /// The server's name for it.
    pub uidl: Uidl,
    /// Its size as the server listed it, in octets.
    pub size: u64,
    /// When it came home, in seconds since 1970.
    pub since: i64,
    /// Since when the server does not list it, in seconds since 1970; `None` while it does.
    pub missing: Option<i64>,
    /// How far it has come.
    pub state: LetterState,
}

/// A known letter with what tells it from others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// What the decision looks at.
    pub known: KnownLetter,
    /// The octets that came. Servers are known that list other sizes.
    pub octets: u64,
    /// The unique name its file was given. What became of the file since is the user's business.
    pub local: LocalId,
    /// Its content as it came.
    pub digest: Digest,
    /// Its header as it came, without lines that servers add or change.
    pub header: Digest,
}

impl Letter {
    /// Whether less came of it than was listed: it may not be whole.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.octets < self.known.size
    }
}

/// A letter as the server lists it. Its number holds for one session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedLetter {
    /// The number it is asked for by.
    pub number: u32,
    /// Its size in octets, as the server says.
    pub size: u64,
    /// Its name; `None` where the server gave none that can be used.
    pub uidl: Option<Uidl>,
}

/// How long letters that came home stay on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepLetters {
    /// Until somebody else deletes them.
    Forever,
    /// Not at all.
    Never,
    /// So many seconds from when they came home.
    Seconds(u64),
}

impl KeepLetters {
    /// Whether a letter that came home then is due to leave the server. Both in seconds since 1970; a clock that
    /// went back makes nothing due.
    #[must_use]
    pub fn due(self, since: i64, now: i64) -> bool {
        match self {
            Self::Forever => false,
            Self::Never => true,
            Self::Seconds(age) => {
                u64::try_from(now.saturating_sub(since)).is_ok_and(|passed| passed >= age)
            }
        }
    }
}

/// What the user wants of a maildrop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LettersPolicy {
    /// How long letters stay on the server.
    pub keep: KeepLetters,
    /// Larger ones are left on the server, in octets.
    pub max_size: Option<u64>,
    /// So many are fetched in one session.
    pub max_letters: Option<u32>,
}

/// Everything the decision needs.
#[derive(Clone, Copy, Debug)]
pub struct LettersInput<'a> {
    /// All that is known.
    pub known: &'a [KnownLetter],
    /// All that the server lists. The list is complete, or there is no input.
    pub listed: &'a [ListedLetter],
    /// The user's wishes.
    pub policy: LettersPolicy,
    /// Seconds since 1970.
    pub now: i64,
}

/// A letter to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchLetter {
    /// Its number in this session.
    pub number: u32,
    /// Its name.
    pub uidl: Uidl,
    /// Its size as listed.
    pub size: u64,
    /// Known letters that it may be: if one has the same content, the letter is that one and is not
    /// kept twice. Each stands for one letter of a session only.
    pub compare: Vec<LetterId>,
}

/// What is to be done in one session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LettersPlan {
    /// To be fetched, in the order of the server's list.
    pub fetch: Vec<FetchLetter>,
    /// To be deleted on the server: number in this session, number in the state.
    pub delete: Vec<(u32, LetterId)>,
    /// Not listed any more from now on.
    pub missing: Vec<LetterId>,
    /// Not listed for so long that they need not be known any more.
    pub forget: Vec<LetterId>,
    /// Left on the server because they are too large.
    pub too_large: Vec<ListedLetter>,
    /// Left on the server because they have no name to remember them by.
    pub nameless: Vec<ListedLetter>,
    /// How many are left to later sessions.
    pub later: usize,
}

/// What has one name, here and there.
#[derive(Default)]
struct Group<'a> {
    known: Vec<&'a KnownLetter>,
    listed: Vec<&'a ListedLetter>,
    /// Whether one with this name was left out because of its size.
    too_large: bool,
}

/// Decides what is to be done with a maildrop.
#[must_use]
pub fn plan_letters(input: &LettersInput<'_>) -> LettersPlan {
    let mut plan = LettersPlan::default();
    let mut wanted = Vec::new();
    for (uidl, group) in groups(input, &mut plan) {
        if group.in_doubt() {
            wanted.push((uidl, group));
        } else {
            group.settle(input, &mut plan);
        }
    }
    // A name's letters come together or not at all: which of them had come could not be told next time.
    wanted.sort_by_key(|(_, group)| group.listed.first().map(|letter| letter.number));
    let limit = input.policy.max_letters.map_or(usize::MAX, |most| {
        usize::try_from(most).unwrap_or(usize::MAX)
    });
    for (uidl, group) in wanted {
        if plan.fetch.len() < limit {
            group.fetch(uidl, &mut plan);
        } else {
            plan.later += group.listed.len();
        }
    }
    plan.delete.sort_unstable();
    plan
}

/// Everything by name; what cannot be fetched goes into the plan.
fn groups<'a>(input: &LettersInput<'a>, plan: &mut LettersPlan) -> BTreeMap<&'a Uidl, Group<'a>> {
    let mut groups: BTreeMap<&Uidl, Group<'_>> = BTreeMap::new();
    for known in input.known {
        groups.entry(&known.uidl).or_default().known.push(known);
    }
    for listed in input.listed {
        let Some(uidl) = &listed.uidl else {
            plan.nameless.push(listed.clone());
            continue;
        };
        let group = groups.entry(uidl).or_default();
        let came_home = group.known.iter().any(|known| known.size == listed.size);
        let allowed = input.policy.max_size.is_none_or(|most| listed.size <= most);
        if came_home || allowed {
            group.listed.push(listed);
        } else {
            group.too_large = true;
            plan.too_large.push(listed.clone());
        }
    }
    groups
}

impl Group<'_> {
    /// Whether something is listed that no known letter accounts for.
    fn in_doubt(&self) -> bool {
        let mut there: Vec<u64> = self
            .known
            .iter()
            .filter(|known| known.missing.is_none() && known.state != LetterState::Delivering)
            .map(|known| known.size)
            .collect();
        !self.listed.iter().all(|listed| {
            let found = there.iter().position(|size| *size == listed.size);
            found.map(|at| there.swap_remove(at)).is_some()
        })
    }

    /// All that is listed is known: it may be due, and what is not listed is missing.
    fn settle(mut self, input: &LettersInput<'_>, plan: &mut LettersPlan) {
        // Of letters that cannot be told apart the younger ones are taken to be there: they are due later.
        self.known
            .sort_by_key(|known| std::cmp::Reverse((known.since, known.id)));
        let unsure = self.too_large || self.half_way();
        for listed in &self.listed {
            let same = |known: &&KnownLetter| {
                known.size == listed.size
                    && known.missing.is_none()
                    && known.state != LetterState::Delivering
            };
            let Some(at) = self.known.iter().position(same) else {
                continue;
            };
            let known = self.known.remove(at);
            if !unsure && input.policy.keep.due(known.since, input.now) {
                plan.delete.push((listed.number, known.id));
            }
        }
        if unsure {
            return;
        }
        for known in self.known {
            match known.missing {
                None => plan.missing.push(known.id),
                Some(since) if input.now.saturating_sub(since) >= GRACE => {
                    plan.forget.push(known.id);
                }
                Some(_) => {}
            }
        }
    }

    /// Everything with this name, to be compared with all that had it.
    fn fetch(&self, uidl: &Uidl, plan: &mut LettersPlan) {
        // Whether what is half way arrives is for recovery to find out; a second copy could come of it until then.
        if self.half_way() {
            plan.later += self.listed.len();
            return;
        }
        let compare: Vec<LetterId> = self.known.iter().map(|known| known.id).collect();
        plan.fetch
            .extend(self.listed.iter().map(|listed| FetchLetter {
                number: listed.number,
                uidl: uidl.clone(),
                size: listed.size,
                compare: compare.clone(),
            }));
    }

    fn half_way(&self) -> bool {
        let mut known = self.known.iter();
        known.any(|known| known.state == LetterState::Delivering)
    }
}
