//! Collects operations by kind and puts them in order of safety.

use std::collections::BTreeMap;

use crate::sync::base::MailboxId;
use crate::sync::change::Change;
use crate::sync::guard::Doomed;
use crate::sync::plan::{Op, Plan, Wait};

/// The operations of a plan in the making.
#[derive(Debug, Default)]
pub(super) struct Steps {
    pub forget: Vec<Op>,
    pub records: BTreeMap<MailboxId, Vec<Change>>,
    pub relics: Vec<Op>,
    pub pairs: Vec<Op>,
    pub local_moves: Vec<Op>,
    pub remote_moves: Vec<Op>,
    pub copies: Vec<Op>,
    pub downloads: Vec<Op>,
    pub uploads: Vec<Op>,
    pub flags: Vec<Op>,
    pub holds: Vec<Op>,
    pub doomed: Vec<Doomed>,
    pub deletes: Vec<Op>,
    pub waits: Vec<Wait>,
}

impl Steps {
    /// Adds a change to the one transaction of its mailbox.
    pub(super) fn record(&mut self, mailbox: MailboxId, change: Change) {
        self.records.entry(mailbox).or_default().push(change);
    }

    pub(super) fn into_plan(mut self) -> Plan {
        self.downloads.sort_by_key(|op| match op {
            Op::Download { mailbox, uid, .. } => Some((*mailbox, *uid)),
            _ => None,
        });
        let mut ops = self.forget;
        ops.extend(self.records.into_values().map(Op::Record));
        for kind in [
            self.relics,
            self.pairs,
            self.local_moves,
            self.remote_moves,
            self.copies,
            self.downloads,
            self.uploads,
            self.flags,
            self.holds,
            self.deletes,
        ] {
            ops.extend(kind);
        }
        Plan {
            ops,
            waits: self.waits,
        }
    }
}
