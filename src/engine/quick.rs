//! The short way of a pass: known mailboxes of which somebody said that something happened in them.
//!
//! The server is not asked for its list and no other folder is looked at. What could be half of something larger (a
//! message that is gone, a new file: perhaps a move) is left to a whole pass, which sees both halves; so is a message
//! that came and turns out to be one that another mailbox has.

use std::collections::{BTreeMap, BTreeSet};

use super::context::{Mode, Pass, Ports};
use super::fault::Fault;
use super::finish::{count_held, finish_mailboxes};
use super::folders::{Mailboxes, trash_of};
use super::late;
use super::observe;
use super::pass::{carry_out, complete_input};
use super::pool::Pool;
use super::ports::{Local, Store};
use super::root;
use super::waits;
use crate::mail::MailboxName;
use crate::sync::{Intent, IntentKind, plan};

/// Syncs these mailboxes, if that can be done alone; false if a whole pass is needed. Then nothing was concluded from
/// what may be half of a move.
///
/// # Errors
/// A fault that reaches the whole account.
pub(super) async fn run<P: Ports>(
    pass: &Pass<'_, P>,
    pool: &Pool<P>,
    names: &BTreeSet<MailboxName>,
) -> Result<bool, Fault> {
    if pass.mode == Mode::DryRun {
        return Ok(false);
    }
    root::check(pass).await?;
    pass.listen().await?;
    let Some(mailboxes) = known(pass, names).await? else {
        return Ok(false);
    };
    if mailboxes.records.is_empty() {
        return Ok(true);
    }
    let mut observed = observe::all(pass, pool, &mailboxes, BTreeMap::new()).await?;
    if !observed.is_simple() || observed.input.mailboxes.len() != mailboxes.records.len() {
        return Ok(false);
    }
    late::remove_twins(pass, pool, &mut observed).await?;
    observe::learn(pass, pool, &mut observed).await?;
    observe::hold_back(pass, pool, &mailboxes, &mut observed).await?;
    complete_input(pass, &mailboxes, &mut observed).await?;
    let decided = plan(&observed.input, &observed.known, &pass.settings.policy);
    waits::report(pass, &observed, &decided.waits);
    let unfinished = carry_out(pass, pool, &mailboxes, &observed, decided).await?;
    finish_mailboxes(pass, &observed, &unfinished).await?;
    count_held(pass).await?;
    Ok(!pass.needs_all())
}

/// The records of these mailboxes, if each is known, has its folder, and nothing is left from before.
async fn known<P: Ports>(
    pass: &Pass<'_, P>,
    names: &BTreeSet<MailboxName>,
) -> Result<Option<Mailboxes>, Fault> {
    let intents = pass.store().intents().await?;
    let is_over = |intent: &Intent| matches!(intent.kind, IntentKind::Overdue { .. });
    if !intents.iter().all(is_over) {
        return Ok(None);
    }
    let folders = pass.local().folders().await?;
    let all = pass.store().mailboxes().await?;
    let mut mailboxes = Mailboxes {
        trash: trash_of(&all),
        ..Mailboxes::default()
    };
    for name in names.iter().filter(|name| pass.covers(name)) {
        let Some(record) = all.iter().find(|record| record.name == *name) else {
            return Ok(None);
        };
        let at_home = folders.iter().any(|folder| {
            let marker = folder.marker.as_ref().map(|marker| &marker.id);
            folder.name == *name && marker == Some(&record.marker)
        });
        // One that was never synced whole, or has lost its folder, needs the whole way.
        if !at_home || record.uidvalidity.is_none() {
            return Ok(None);
        }
        mailboxes.records.insert(record.id, record.clone());
    }
    Ok(Some(mailboxes))
}
