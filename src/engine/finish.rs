//! The end of a pass: what is settled is forgotten, how far was seen is written down.

use std::collections::BTreeSet;

use super::context::{Pass, Ports};
use super::fault::{Fault, Reach};
use super::folders::{Mailboxes, marker_of};
use super::observe::{self, Observed};
use super::ports::{Clock, Local, Store};
use crate::sync::{
    Change, Deletions, EntryState, HoldKind, HoldVerdict, MailboxId, Policy, Side, Watermark,
};

/// Settled holds, watermarks, folders of mailboxes that are gone, the trash of long ago.
pub(super) async fn finish<P: Ports>(
    pass: &Pass<'_, P>,
    mailboxes: &Mailboxes,
    observed: &Observed,
    unfinished: &BTreeSet<MailboxId>,
) -> Result<(), Fault> {
    mend_markers(pass, mailboxes, observed, unfinished).await?;
    retire(pass, mailboxes, observed, unfinished).await?;
    finish_mailboxes(pass, observed, unfinished).await?;
    observe::let_rest(pass, mailboxes, observed, unfinished).await?;
    let day = pass.clock().day(pass.settings.trash_days);
    pass.local().sweep(&day).await
}

/// What concerns the mailboxes that were looked at, each for itself.
pub(super) async fn finish_mailboxes<P: Ports>(
    pass: &Pass<'_, P>,
    observed: &Observed,
    unfinished: &BTreeSet<MailboxId>,
) -> Result<(), Fault> {
    unpark(pass, observed).await?;
    hear(pass, observed, unfinished).await?;
    watermarks(pass, observed, unfinished).await?;
    report_parked(pass, observed).await
}

/// Once the user has decided about a folder that lost its marker, it gets it again.
async fn mend_markers<P: Ports>(
    pass: &Pass<'_, P>,
    mailboxes: &Mailboxes,
    observed: &Observed,
    unfinished: &BTreeSet<MailboxId>,
) -> Result<(), Fault> {
    for id in &mailboxes.marker_lost {
        let decided = observed.input.holds.iter().any(|hold| {
            hold.mailbox == *id
                && hold.kind == HoldKind::MarkerLost
                && hold.verdict != HoldVerdict::Open
        });
        let untouched = observed
            .mailbox(*id)
            .is_some_and(|input| input.local.vanished.is_empty());
        let Some(record) = mailboxes.records.get(id).filter(|_| decided || untouched) else {
            continue;
        };
        if unfinished.contains(id) || !observed.input.concerns(*id) {
            continue;
        }
        pass.announce().await?;
        pass.local()
            .create_folder(&record.name, &marker_of(record))
            .await?;
        let over = observed
            .input
            .holds
            .iter()
            .filter(|hold| hold.mailbox == *id);
        let over = over.filter(|hold| hold.kind == HoldKind::MarkerLost);
        pass.commit(over.map(|hold| Change::DropHold(hold.id)).collect())
            .await?;
    }
    Ok(())
}

/// The folder of a mailbox that is gone from the server goes too, once nothing is left in it.
async fn retire<P: Ports>(
    pass: &Pass<'_, P>,
    mailboxes: &Mailboxes,
    observed: &Observed,
    unfinished: &BTreeSet<MailboxId>,
) -> Result<(), Fault> {
    let policy = &pass.settings.policy;
    if !policy.pull.mailboxes || policy.deletions == Deletions::Never {
        return Ok(());
    }
    for id in &mailboxes.remote_gone {
        let due = !unfinished.contains(id) && observed.input.concerns(*id);
        let Some(input) = observed.mailbox(*id).filter(|_| due) else {
            continue;
        };
        let name = &input.base.mailbox.name;
        if pass.store().count(*id).await? > 0 || !pass.local().scan(name).await?.files.is_empty() {
            continue;
        }
        pass.announce().await?;
        match pass.local().retire_folder(name, &pass.clock().day(0)).await {
            Ok(()) => {
                pass.count(name, |counts| counts.mailbox += 1);
                pass.commit(vec![Change::DropMailbox(*id)]).await?;
            }
            Err(fault) if fault.reach >= Reach::Account => return Err(fault),
            Err(fault) => pass.problem(Some(name), &fault),
        }
    }
    Ok(())
}

/// Whether everything that the server reports is dealt with in each pass. If not, what was left alone must be seen
/// again next time, and a watermark would hide it.
fn takes_everything(policy: &Policy) -> bool {
    let pull = policy.pull;
    let push = policy.push;
    policy.deletions != Deletions::Never
        && pull.new
        && pull.flags
        && pull.deletions
        && push.flags
        && push.deletions
        && push.moves
        && push.new
}

/// Whatever happens from now on in mailboxes in which all was done is news.
async fn hear<P: Ports>(
    pass: &Pass<'_, P>,
    observed: &Observed,
    unfinished: &BTreeSet<MailboxId>,
) -> Result<(), Fault> {
    let seen = observed
        .in_focus()
        .map(|input| input.base.mailbox.id)
        .filter(|id| observed.facts.contains_key(id) && !unfinished.contains(id));
    let begun = pass.heard.borrow().since.is_some();
    let mut seen = seen.peekable();
    let begin = seen.peek().filter(|_| !begun);
    let begin = begin.map(|_| Change::Begin(pass.clock().now()));
    let first = seen.filter(|id| !pass.has_heard(*id)).map(Change::Hear);
    pass.commit(begin.into_iter().chain(first).collect()).await
}

/// Moves watermarks on where everything was done; takes them back where not. Writes only what differs.
async fn watermarks<P: Ports>(
    pass: &Pass<'_, P>,
    observed: &Observed,
    unfinished: &BTreeSet<MailboxId>,
) -> Result<(), Fault> {
    let all = takes_everything(&pass.settings.policy);
    let parked = pass.store().parked().await?;
    let holds = pass.store().holds().await?;
    let mut changes = Vec::new();
    for input in &observed.input.mailboxes {
        let record = &input.base.mailbox;
        let Some(facts) = observed.facts.get(&record.id) else {
            continue;
        };
        let kept_back = parked.iter().any(|message| message.mailbox == record.id)
            || holds.iter().any(|hold| hold.mailbox == record.id);
        let complete = !kept_back
            && !unfinished.contains(&record.id)
            && !observed.doubtful.contains(&record.id);
        let done = all && complete;
        let before = Watermark {
            uidvalidity: record.uidvalidity,
            uidnext: record.uidnext,
            modseq: record.modseq,
        };
        let watermark = if observed.input.concerns(record.id) {
            Watermark {
                uidvalidity: facts.uidvalidity,
                uidnext: facts.uidnext.filter(|_| done),
                modseq: facts.modseq.filter(|_| done),
            }
        } else {
            // Nothing was done about it, except that messages may have come and gone.
            Watermark {
                uidvalidity: before.uidvalidity.or(facts.uidvalidity),
                uidnext: before.uidnext.filter(|_| done),
                modseq: before.modseq.filter(|_| done),
            }
        };
        if watermark != before {
            changes.push(Change::SetWatermark(record.id, watermark));
        }
        if complete && observed.input.concerns(record.id) && record.last_sync.is_none() {
            changes.push(Change::SetOutcome {
                mailbox: record.id,
                at: Some(pass.clock().now()),
                problem: None,
            });
        }
    }
    pass.commit(changes).await
}

/// What was parked and is gone, or has been joined some other way, waits for nothing any more.
async fn unpark<P: Ports>(pass: &Pass<'_, P>, observed: &Observed) -> Result<(), Fault> {
    let mut over = Vec::new();
    for parked in &observed.all_parked {
        let mut inputs = observed.in_focus();
        let input = inputs.find(|input| input.base.mailbox.id == parked.mailbox);
        let Some(input) = input else {
            continue;
        };
        let base = pass.store().base(parked.mailbox).await?;
        let row = base.entries.iter().find(|entry| match parked.uid {
            Some(uid) => entry.uid == Some(uid),
            None => entry.local == parked.local,
        });
        let waits = match (row, parked.uid, &parked.local) {
            (Some(row), Some(_), _) => row.local.is_none() || row.state != EntryState::Linked,
            (Some(row), None, Some(file)) => {
                row.uid.is_none() || input.local.edited.iter().any(|(_, it)| it.id == *file)
            }
            (None, Some(uid), _) => input.remote.appeared.iter().any(|it| it.uid == uid),
            (None, None, Some(file)) => input.local.appeared.iter().any(|it| it.id == *file),
            (_, None, None) => false,
        };
        if !waits {
            over.push(Change::Unpark {
                mailbox: parked.mailbox,
                uid: parked.uid,
                local: parked.local.clone(),
            });
        }
    }
    pass.commit(over).await
}

/// Messages that wait for their next try are still a problem.
async fn report_parked<P: Ports>(pass: &Pass<'_, P>, observed: &Observed) -> Result<(), Fault> {
    for parked in &observed.input.parked {
        if let Some(name) = observed.name(parked.mailbox) {
            pass.problem(
                Some(name),
                &format_args!("waiting for another try: {}", parked.reason),
            );
        }
    }
    Ok(())
}

pub(super) async fn count_held<P: Ports>(pass: &Pass<'_, P>) -> Result<(), Fault> {
    let holds = pass.store().holds().await?;
    let open: BTreeSet<_> = holds
        .iter()
        .filter(|hold| hold.verdict == HoldVerdict::Open)
        .map(|hold| (hold.mailbox, hold.side == Side::Local))
        .collect();
    pass.with_report(|report| report.held = u64::try_from(open.len()).unwrap_or(u64::MAX));
    Ok(())
}
