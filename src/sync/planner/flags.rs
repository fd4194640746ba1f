//! Merged flags, and what of them has to be written where.

use crate::mail::{FlagDelta, Flags};
use crate::sync::merge::{merge_each, merge_flags, merge_without_base};
use crate::sync::plan::FlagPlan;
use crate::sync::view::{KeywordScope, PermanentFlags};

/// Which ways flags go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flow {
    pub pull: bool,
    pub push: bool,
}

/// What each side gets.
#[derive(Clone, Debug)]
pub(super) struct Agreement {
    pub agreed: Flags,
    local: Flags,
    remote: Flags,
    push: bool,
}

/// Merges by base. Where a way is closed, changes from there do not count and stay visible against the new base, so
/// that they are carried over when the way is opened.
pub(super) fn agree(base: &Flags, local: &Flags, remote: &Flags, flow: Flow) -> Agreement {
    let agreed = match (flow.pull, flow.push) {
        (true, true) => merge_flags(base, local, remote),
        (true, false) => merge_each(base, base, remote),
        (false, true) => merge_each(base, local, base),
        (false, false) => base.clone(),
    };
    let change = base.delta_to(&agreed);
    Agreement {
        local: if flow.push {
            agreed.clone()
        } else {
            change.apply(local)
        },
        remote: if flow.pull {
            agreed.clone()
        } else {
            change.apply(remote)
        },
        agreed,
        push: flow.push,
    }
}

/// Merges without a base: everything that is set on either side stays. The new base is what has really been agreed
/// on, so that what a closed way keeps back can follow later.
pub(super) fn agree_on_new(local: &Flags, remote: &Flags, flow: Flow) -> Agreement {
    let merged = merge_without_base(local, remote);
    let (local_target, remote_target) = (
        if flow.pull { &merged } else { local },
        if flow.push { &merged } else { remote },
    );
    Agreement {
        agreed: match (flow.pull, flow.push) {
            (true, true) => merged.clone(),
            (true, false) => remote.clone(),
            (false, true) => local.clone(),
            (false, false) => local.intersection(remote),
        },
        local: local_target.clone(),
        remote: remote_target.clone(),
        push: flow.push,
    }
}

impl Agreement {
    /// The acts that lead there. `shown` is what the file's name says now; without a file there is nothing to rename.
    pub(super) fn plan(
        self,
        shown: Option<&Flags>,
        scope: &KeywordScope,
        remote: &Flags,
        permanent: &PermanentFlags,
    ) -> FlagPlan {
        let wanted = scope.visible(&self.local);
        let local = match shown {
            Some(shown) if *shown != wanted => Some(wanted),
            _ => None,
        };
        let delta = remote.delta_to(&self.remote);
        let delta = if self.push {
            FlagDelta {
                add: permanent.kept(&delta.add),
                remove: permanent.kept(&delta.remove),
            }
        } else {
            FlagDelta::default()
        };
        FlagPlan {
            agreed: self.agreed,
            local,
            remote: delta,
        }
    }
}
