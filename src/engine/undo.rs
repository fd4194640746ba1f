//! Bringing back what was deleted: from the local trash into its folder, from the server's trash into its mailbox.
//! The next pass carries it to the other side like anything new.

use std::collections::BTreeMap;

use thiserror::Error;

use super::context::{Announced, Mode, Pass, Ports, Scope, Settings};
use super::fault::{Fault, Reach};
use super::folders::trash_name;
use super::pool::Pool;
use super::ports::{Local, Remote, Store};
use super::report::Report;
use crate::mail::{Identity, MailboxName, Uid, UidSet};
use crate::sync::{Deletion, Deletions, Side};

/// Why deleted messages cannot be brought back.
#[derive(Debug, Error)]
enum UndoError {
    #[error("the mailbox it was in is not known any more")]
    MailboxGone,
    #[error("it was expunged on the server, not moved to a trash")]
    Expunged,
    #[error("the server has no mailbox for deleted mail")]
    NoTrash,
    #[error("{missing} of {wanted} messages are not in {trash} any more")]
    NotInTrash {
        missing: usize,
        wanted: usize,
        trash: MailboxName,
    },
}

/// Undoes deletions; returns how many messages came back, and what did not.
///
/// # Errors
/// Faults that reach the whole account.
pub async fn undo<P: Ports>(
    ports: &P,
    settings: &Settings,
    deletions: &[Deletion],
) -> Result<(u64, Report), Fault> {
    let announced = Announced::default();
    let pass = Pass::new(ports, settings, &Scope::All, Mode::Apply, &announced);
    let names: BTreeMap<_, _> = pass
        .store()
        .mailboxes()
        .await?
        .into_iter()
        .map(|record| (record.id, record.name))
        .collect();
    let mut restored = 0;
    let mut on_server: BTreeMap<MailboxName, Vec<Identity>> = BTreeMap::new();
    for deletion in deletions {
        let Some(name) = names.get(&deletion.mailbox) else {
            pass.problem(None, &UndoError::MailboxGone);
            continue;
        };
        match (deletion.side, &deletion.trash_path) {
            (Side::Local, Some(path)) => {
                pass.announce().await?;
                match pass.local().untrash(path, name, &deletion.flags).await {
                    Ok(_) => restored += 1,
                    Err(fault) if fault.reach >= Reach::Account => return Err(fault),
                    Err(fault) => pass.problem(Some(name), &fault),
                }
            }
            (Side::Local, None) => {}
            (Side::Remote, _) if settings.policy.deletions != Deletions::Trash => {
                pass.problem(Some(name), &UndoError::Expunged);
            }
            (Side::Remote, _) => on_server
                .entry(name.clone())
                .or_default()
                .push(deletion.identity),
        }
    }
    if !on_server.is_empty() {
        let pool = Pool::new(1);
        let moved = from_trash(&pass, &pool, on_server).await;
        pool.close().await;
        restored += moved?;
    }
    Ok((restored, pass.take_report()))
}

/// Finds messages in the server's trash by what is known of their content and moves them back.
async fn from_trash<P: Ports>(
    pass: &Pass<'_, P>,
    pool: &Pool<P>,
    wanted: BTreeMap<MailboxName, Vec<Identity>>,
) -> Result<u64, Fault> {
    let mut remote = pool.take(pass).await?;
    let listed = remote.list().await?;
    let Some(trash) = trash_name(&listed) else {
        return Err(Fault::new(Reach::Account, false, UndoError::NoTrash));
    };
    remote.select(&trash).await?;
    let there = remote
        .existing(&UidSet::from_range(Uid::MIN, Uid::MAX))
        .await?;
    let mut there = remote.identify(&there).await?;
    let mut restored = 0;
    for (name, identities) in wanted {
        let count = identities.len();
        let found: UidSet = identities
            .iter()
            .filter_map(|sought| take(&mut there, sought))
            .collect();
        let moved = usize::try_from(found.len()).unwrap_or(usize::MAX);
        if moved < count {
            let error = UndoError::NotInTrash {
                missing: count - moved,
                wanted: count,
                trash: trash.clone(),
            };
            pass.problem(Some(&name), &error);
        }
        if !found.is_empty() {
            pass.announce().await?;
            remote.select(&trash).await?;
            remote.transfer(&found, &name, false).await?;
            restored += found.len();
        }
    }
    pool.give(remote);
    Ok(restored)
}

/// The newest message in the trash that has this content; each is taken once.
fn take(there: &mut Vec<(Uid, Identity)>, sought: &Identity) -> Option<Uid> {
    let at = there.iter().rposition(|(_, found)| {
        found.size == sought.size
            && found.message_id == sought.message_id
            && found.date == sought.date
    })?;
    Some(there.remove(at).0)
}
