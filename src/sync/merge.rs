//! The three-way merge of flags: per flag, whoever differs from the base wins.

use crate::mail::{Flag, Flags, Keyword};

/// Keywords of which a message should carry one at most (RFC 9051 section 2.3.2 and what Thunderbird writes).
const EXCLUSIVE: [(&str, &str); 2] = [("$Junk", "$NotJunk"), ("Junk", "NonJunk")];

/// The flags both sides get. A flag is one bit, so two sides that both changed it changed it to the same value and
/// there is no conflict to decide; only groups of keywords that exclude each other need a rule: the one newly set
/// stays, and if both are new the server's.
#[must_use]
pub fn merge_flags(base: &Flags, local: &Flags, remote: &Flags) -> Flags {
    let mut merged = merge_each(base, local, remote);
    for (one, other) in EXCLUSIVE {
        if let (Some(one), Some(other)) = (Keyword::new(one), Keyword::new(other)) {
            settle(&mut merged, base, remote, &one, &other);
        }
    }
    merged
}

/// The merge without exclusive groups.
pub(super) fn merge_each(base: &Flags, local: &Flags, remote: &Flags) -> Flags {
    if local == base {
        return remote.clone();
    }
    if remote == base {
        return local.clone();
    }
    let removed = base.minus(local).union(&base.minus(remote));
    local.union(remote).minus(&removed)
}

fn settle(merged: &mut Flags, base: &Flags, remote: &Flags, one: &Keyword, other: &Keyword) {
    if !merged.has_keyword(one) || !merged.has_keyword(other) {
        return;
    }
    let loser = match (base.has_keyword(one), base.has_keyword(other)) {
        (true, false) => Some(one),
        (false, true) => Some(other),
        (false, false) => match (remote.has_keyword(one), remote.has_keyword(other)) {
            (true, false) => Some(other),
            (false, true) => Some(one),
            // One side set both at once: it is not for us to choose.
            _ => None,
        },
        (true, true) => None,
    };
    if let Some(keyword) = loser {
        merged.clear_keyword(keyword);
    }
}

/// The flags of a message that is new on both sides: there is no base, so nothing counts as removed, except that
/// `\Deleted` on one side alone is not believed.
pub(super) fn merge_without_base(local: &Flags, remote: &Flags) -> Flags {
    let mut merged = merge_flags(&Flags::new(), local, remote);
    if !(local.has(Flag::Deleted) && remote.has(Flag::Deleted)) {
        merged.clear(Flag::Deleted);
    }
    merged
}

/// Whether a change of flags weighs more than a deletion on the other side: it sets `\Flagged` or a keyword of
/// somebody's choice, or takes `\Deleted` back. Reading, answering and forwarding do not.
pub(super) fn is_important(base: &Flags, now: &Flags) -> bool {
    let added = now.minus(base);
    let chosen = |keyword: &Keyword| *keyword != Keyword::forwarded();
    added.has(Flag::Flagged)
        || added.keywords().any(chosen)
        || (base.has(Flag::Deleted) && !now.has(Flag::Deleted))
}

#[cfg(test)]
mod tests;
