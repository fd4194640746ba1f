//! Folders at rest: those that were found just as their rows say, so that the same directories need no second look.
//!
//! A folder's directories tell of every file that came, went or was renamed, at the price of one look at each. They do
//! not tell of a file that was edited in place, which no mail program does; so this is for large folders only, and
//! each file is still looked at once an hour, and whenever anything else changed in its folder or on the server.

use std::collections::{BTreeMap, BTreeSet};

use super::{LocalSide, Observed, is_whole, local_side};
use crate::engine::context::{Mode, Pass, Ports};
use crate::engine::fault::Fault;
use crate::engine::folders::Mailboxes;
use crate::engine::ports::{Clock, Local, Store};
use crate::sync::{
    Change, FolderToken, KeywordScope, LocalChanges, MailboxId, MailboxRecord, Rest,
};

/// After so many seconds each file is looked at again.
const FULL_LOOK: i64 = 3600;

/// With more messages than this a second comparison in one pass would take too much memory; the next pass makes it.
const MOST: u64 = 50_000;

/// What is known of a folder.
#[derive(Debug)]
pub(in crate::engine) enum FolderSide {
    /// It is as it was when it was last compared with its rows.
    Resting(Rest, KeywordScope),
    /// It was compared with its rows just now.
    Looked(Box<LocalSide>),
}

impl FolderSide {
    /// How many rows the mailbox has that are on the server.
    pub(super) fn uids(&self) -> u64 {
        match self {
            Self::Resting(rest, _) => rest.uids,
            Self::Looked(side) => side.uids(),
        }
    }

    /// Whether it was not looked at.
    pub(super) fn is_resting(&self) -> bool {
        matches!(self, Self::Resting(..))
    }

    /// Whether the folder is just as its rows say.
    pub(super) fn is_at_rest(&self) -> bool {
        match self {
            Self::Resting(..) => true,
            Self::Looked(side) => side.is_at_rest(),
        }
    }
}

impl LocalSide {
    fn uids(&self) -> u64 {
        let known = self.base.entries.iter().filter(|row| row.uid.is_some());
        u64::try_from(known.count()).unwrap_or(u64::MAX)
    }

    pub(super) fn is_at_rest(&self) -> bool {
        self.changes == LocalChanges::default()
            && is_whole(&self.base)
            && self.base.labels.is_empty()
    }
}

/// A folder that has not changed since it was found at rest. Anything in the way of knowing is left to the full look.
pub(in crate::engine) async fn resting<P: Ports>(
    pass: &Pass<'_, P>,
    record: &MailboxRecord,
    rest: Rest,
) -> Option<FolderSide> {
    let age = pass.clock().now().checked_sub(rest.since)?;
    if pass.settings.thorough || rest.uids < pass.settings.large || !(0..FULL_LOOK).contains(&age) {
        return None;
    }
    let unchanged = pass.local().unchanged(&record.name, &rest.token).await;
    let scope = unchanged.ok().flatten()?;
    Some(FolderSide::Resting(rest, scope))
}

/// Notes the folders that a full look found at rest, before anything is done to any row.
pub(in crate::engine) async fn remember_resting<P: Ports>(
    pass: &Pass<'_, P>,
    observed: &Observed,
) -> Result<(), Fault> {
    if pass.mode == Mode::DryRun || observed.at_rest.is_empty() {
        return Ok(());
    }
    let known = pass.store().rests().await?;
    let now = pass.clock().now();
    let inputs: BTreeMap<MailboxId, u64> = observed
        .input
        .mailboxes
        .iter()
        .filter_map(|input| {
            let rows = u64::try_from(input.base.entries.len()).ok()?;
            Some((input.base.mailbox.id, rows))
        })
        .collect();
    let fresh = observed.at_rest.iter().filter_map(|(id, token)| {
        let uids = *inputs
            .get(id)
            .filter(|uids| **uids >= pass.settings.large)?;
        put(*id, token, uids, now, known.get(id))
    });
    pass.commit(fresh.collect()).await
}

/// What is written down, unless it is known already and was not too long ago.
fn put(
    id: MailboxId,
    token: &FolderToken,
    uids: u64,
    now: i64,
    known: Option<&Rest>,
) -> Option<Change> {
    let recent = |rest: &Rest| (0..FULL_LOOK).contains(&now.saturating_sub(rest.since));
    let stays = known.is_some_and(|rest| rest.token == *token && rest.uids == uids && recent(rest));
    let rest = Rest {
        token: token.clone(),
        uids,
        since: now,
    };
    (!stays).then_some(Change::PutRest(id, rest))
}

/// After a pass that did something, compares the folders that are not at rest with their rows once more. Otherwise the
/// next pass would have something to write down, though nothing changed.
pub(in crate::engine) async fn let_rest<P: Ports>(
    pass: &Pass<'_, P>,
    mailboxes: &Mailboxes,
    observed: &Observed,
    unfinished: &BTreeSet<MailboxId>,
) -> Result<(), Fault> {
    if !pass.has_acted() {
        return Ok(());
    }
    let known = pass.store().rests().await?;
    let now = pass.clock().now();
    let mut changes = Vec::new();
    for record in mailboxes.records.values() {
        let open = unfinished.contains(&record.id) || observed.doubtful.contains(&record.id);
        if open || known.contains_key(&record.id) {
            continue;
        }
        let count = pass.store().count(record.id).await?;
        if count < pass.settings.large || count > MOST {
            continue;
        }
        // A folder that is gone or does not hold still is the next pass's business.
        let Ok(side) = local_side(pass, record).await else {
            continue;
        };
        if let Some(token) = side.token.as_ref().filter(|_| side.is_at_rest()) {
            changes.extend(put(record.id, token, side.uids(), now, None));
        }
    }
    pass.commit(changes).await
}
