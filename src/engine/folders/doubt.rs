//! A list that lacks many mailboxes at once may be wrong. What it lacks is left alone until lists have said the same for
//! long enough; everything else goes on.

use std::collections::BTreeSet;

use crate::engine::context::{Mode, Pass, Ports};
use crate::engine::fault::{Fault, Reach};
use crate::sync::{
    Absent, Change, ListRefused, MailboxId, MailboxOp, MailboxesInput, plan_mailboxes,
};

/// What is to be done about mailboxes, and those that nothing is to be done about.
pub(super) async fn plan<P: Ports>(
    pass: &Pass<'_, P>,
    input: &mut MailboxesInput,
) -> Result<(Vec<MailboxOp>, BTreeSet<MailboxId>), Fault> {
    let policy = &pass.settings.policy;
    match plan_mailboxes(input, policy) {
        Ok(ops) => {
            if input.absent.as_ref().is_some_and(|it| is_over(input, it)) {
                note(pass, None).await?;
            }
            Ok((ops, BTreeSet::new()))
        }
        Err(ListRefused::TooManyGone { gone, known }) => {
            report(pass, input, &gone, known);
            let before = input.absent.as_ref();
            if before.is_none_or(|absent| !gone.is_subset(&absent.mailboxes)) {
                let since = input.now;
                let mailboxes = gone.clone();
                note(pass, Some(Absent { since, mailboxes })).await?;
            }
            leave_alone(input, &gone);
            let ops = plan_mailboxes(input, policy).map_err(|_| no_inbox())?;
            Ok((ops, gone))
        }
        Err(ListRefused::NoInbox) => Err(no_inbox()),
    }
}

fn no_inbox() -> Fault {
    let why = "the server lists no INBOX; nothing was concluded from that list";
    Fault::new(Reach::Account, true, why)
}

/// Whether none of them is missing any more, or known.
fn is_over(input: &MailboxesInput, absent: &Absent) -> bool {
    let mut known = input.known.iter();
    !known.any(|record| {
        let listed = input.remote.iter().any(|seen| seen.name == record.name);
        absent.mailboxes.contains(&record.id) && !listed
    })
}

async fn note<P: Ports>(pass: &Pass<'_, P>, absent: Option<Absent>) -> Result<(), Fault> {
    match pass.mode {
        Mode::Apply => pass.commit(vec![Change::SetAbsent(absent)]).await,
        Mode::DryRun => Ok(()),
    }
}

fn report<P: Ports>(
    pass: &Pass<'_, P>,
    input: &MailboxesInput,
    gone: &BTreeSet<MailboxId>,
    known: usize,
) {
    let missing = input.known.iter();
    let missing = missing.filter(|record| gone.contains(&record.id));
    let names: Vec<&str> = missing.map(|record| record.name.as_str()).collect();
    let text = format!(
        "{} of {known} known mailboxes are missing from the server's list: {}; nothing is done about them before lists \
         have said so for ten minutes",
        gone.len(),
        names.join(", ")
    );
    pass.problem(None, &text);
}

/// As if there were neither their records nor their folders.
fn leave_alone(input: &mut MailboxesInput, gone: &BTreeSet<MailboxId>) {
    let known = std::mem::take(&mut input.known);
    let (missing, known): (Vec<_>, Vec<_>) =
        known.into_iter().partition(|it| gone.contains(&it.id));
    input.known = known;
    input.folders.retain(|folder| {
        let marked = |marker: &String| folder.marker.as_ref() == Some(marker);
        let mut missing = missing.iter();
        !missing.any(|record| record.name == folder.name || marked(&record.marker))
    });
}
