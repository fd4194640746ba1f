//! One folder: how it differs from what the state has of it, and that what was seen there will stay.

use std::collections::BTreeSet;

use futures_util::future::join;

use crate::engine::context::{Pass, Ports};
use crate::engine::fault::{Fault, Reach};
use crate::engine::folders::base_of;
use crate::engine::ports::{Clock, Local};
use crate::mail::LocalId;
use crate::sync::{
    Base, FolderToken, KeywordScope, LocalChanges, MailboxRecord, RowId, diff_local,
};

/// A mailbox's base and how its folder differs from it.
#[derive(Debug)]
pub(in crate::engine) struct LocalSide {
    pub(in crate::engine) base: Base,
    pub(in crate::engine) changes: LocalChanges,
    pub(in crate::engine) scope: KeywordScope,
    pub(in crate::engine) token: Option<FolderToken>,
}

/// Scans one folder and compares it with the base.
pub(in crate::engine) async fn local_side<P: Ports>(
    pass: &Pass<'_, P>,
    record: &MailboxRecord,
) -> Result<LocalSide, Fault> {
    // The state is read and the folder listed at the same time, on threads of their own.
    let (base, view) = join(base_of(pass, record), pass.local().scan(&record.name)).await;
    let (base, view) = (base?, view?);
    let mut changes = diff_local(&base, &view);
    changes.published = published(pass, &base, &changes).await?;
    make_durable(pass, record, &changes).await?;
    Ok(LocalSide {
        base,
        changes,
        scope: view.scope,
        token: view.token,
    })
}

/// What changed in the folder is made durable before the state or the server hears of it: somebody who was killed, or
/// whose sync failed, may have left behind what a power cut takes back.
async fn make_durable<P: Ports>(
    pass: &Pass<'_, P>,
    record: &MailboxRecord,
    changes: &LocalChanges,
) -> Result<(), Fault> {
    if *changes == LocalChanges::default() {
        return Ok(());
    }
    let mut days = Vec::new();
    if !changes.vanished.is_empty() {
        days.extend([0, 1].map(|ago| pass.clock().day(ago)));
    }
    pass.local().settle(&record.name, &days).await
}

/// The deliveries that were not finished although their file had got its name: it is not in the folder any more, and
/// not staged either.
async fn published<P: Ports>(
    pass: &Pass<'_, P>,
    base: &Base,
    changes: &LocalChanges,
) -> Result<Vec<RowId>, Fault> {
    if changes.undelivered.is_empty() {
        return Ok(Vec::new());
    }
    let unfinished: BTreeSet<RowId> = changes.undelivered.iter().copied().collect();
    let begun = base.entries.iter().filter_map(|entry| {
        let file = entry.local.clone();
        Some((entry.row, file.filter(|_| unfinished.contains(&entry.row))?))
    });
    let (rows, files): (Vec<RowId>, Vec<LocalId>) = begun.unzip();
    let staged = pass.local().staged(&base.mailbox.name, &files).await?;
    let named = rows.into_iter().zip(files);
    Ok(named
        .filter(|(_, file)| !staged.contains(file))
        .map(|(row, _)| row)
        .collect())
}

/// Scans a folder; one that cannot be scanned is reported and left out.
pub(super) async fn scan<P: Ports>(
    pass: &Pass<'_, P>,
    record: &MailboxRecord,
) -> Result<Option<LocalSide>, Fault> {
    match local_side(pass, record).await {
        Ok(side) => Ok(Some(side)),
        Err(fault) if fault.reach >= Reach::Account => Err(fault),
        Err(fault) => {
            pass.problem(Some(&record.name), &fault);
            Ok(None)
        }
    }
}
