//! One pass over an account, from the look at the root to the plan that was carried out.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::rc::Rc;

use futures_util::future::{Either, select};

use super::context::{Mode, Pass, Ports, Scope, Settings};
use super::execute::{Executor, describe_op, is_silent};
use super::fault::{Advice, Fault, Reach};
use super::finish::{count_held, finish};
use super::folders::{self, Mailboxes};
use super::late;
use super::link::Link;
use super::observe::{self, FolderSide, Observed};
use super::pool::{Pool, RemoteOf};
use super::ports::{Barred, Clock, Folder, Local, Remote, RemoteMailbox, Root, Store};
use super::quick;
use super::recover;
use super::report::Report;
use super::root;
use super::waits;
use crate::mail::MailboxName;
use crate::sync::{MailboxId, Plan, plan};

/// The guard counts deletions within this time, in seconds.
const GUARD_WINDOW: i64 = 600;

/// The first connection, and what the server lists.
type Greeted<P> = (RemoteOf<P>, Vec<RemoteMailbox>);
/// The folders there are, and what the known ones of them hold.
type Found = (Vec<Folder>, Vec<Barred>, BTreeMap<MailboxId, FolderSide>);

/// Syncs one account once.
///
/// # Errors
/// A fault that reaches the whole account. What concerns single mailboxes or messages is in the report.
pub async fn sync<P: Ports>(
    ports: &P,
    settings: &Settings,
    scope: &Scope,
    mode: Mode,
) -> Result<Report, Fault> {
    let link = Link::new(settings.connections);
    let result = sync_over(ports, &link, settings, scope, mode).await;
    link.close().await;
    result
}

/// As [`sync`], over connections that may be open already and stay open.
///
/// # Errors
/// As [`sync`].
pub async fn sync_over<P: Ports>(
    ports: &P,
    link: &Link<P>,
    settings: &Settings,
    scope: &Scope,
    mode: Mode,
) -> Result<Report, Fault> {
    let report = once(ports, link, settings, scope, mode).await?;
    if report.unsettled.is_empty() {
        return Ok(report);
    }
    settle(ports, link, settings, scope, report).await
}

/// Uploads whose fate is open are looked for again once every earlier connection is certainly dead.
async fn settle<P: Ports>(
    ports: &P,
    link: &Link<P>,
    settings: &Settings,
    scope: &Scope,
    mut report: Report,
) -> Result<Report, Fault> {
    ports.clock().sleep(settings.settle).await;
    report.unsettled.clear();
    // What was being sent may have gone on to any mailbox, and whatever looks like it has waited.
    let scope = match scope {
        Scope::Only(names) => Scope::Only(names.clone()),
        Scope::All | Scope::Touched(_) => Scope::All,
    };
    let patient = Settings {
        selects: Rc::clone(&settings.selects),
        settle: std::time::Duration::ZERO,
        ..*settings
    };
    let more = once(ports, link, &patient, &scope, Mode::Apply).await?;
    report.absorb(more);
    Ok(report)
}

async fn once<P: Ports>(
    ports: &P,
    link: &Link<P>,
    settings: &Settings,
    scope: &Scope,
    mode: Mode,
) -> Result<Report, Fault> {
    let pass = Pass::new(ports, settings, scope, mode, &link.announced);
    let whole = Pass::new(ports, settings, &Scope::All, mode, &link.announced);
    let (alone, whole) = match scope {
        Scope::Touched(names) => (quick::run(&pass, &link.pool, names).await, whole),
        Scope::Only(names) => (run(&pass, &link.pool).await, whole.focused(names)),
        Scope::All => (run(&pass, &link.pool).await, whole),
    };
    let result = match alone {
        Ok(false) => run(&whole, &link.pool).await.map(|_| &whole),
        other => other.map(|_| &pass),
    };
    match result {
        Ok(done) => {
            let mut report = done.take_report();
            report.add_counts(pass.take_report());
            Ok(report)
        }
        Err(fault) => {
            // Whatever it was: a connection in the middle of something is of no use to anybody.
            link.pool.lost();
            Err(fault)
        }
    }
}

/// One pass; false if it has to be made again over all mailboxes. Then nothing was concluded from what may be half of
/// a move.
async fn run<P: Ports>(pass: &Pass<'_, P>, pool: &Pool<P>) -> Result<bool, Fault> {
    let (greeted, found) = begin(pass, pool).await?;
    pass.listen().await?;
    let (mut remote, listed) = greeted;
    let (listed_folders, barred, mut scanned) = found;
    let listed = folders::decide_naming(pass, &mut remote, listed, &listed_folders).await?;
    if folders::unknown(pass, &listed, &listed_folders, &barred).await? {
        pool.give(remote);
        return Ok(true);
    }
    let mailboxes = folders::settle(pass, &mut remote, listed, &listed_folders, &barred).await?;
    if pass.mode == Mode::Apply {
        for mailbox in recover::run(pass, pool, &mut remote, &mailboxes).await? {
            scanned.remove(&mailbox);
        }
    }
    pool.give(remote);
    let mut observed = observe::all(pass, pool, &mailboxes, scanned).await?;
    if pass.is_narrow() && !observed.is_simple() {
        return Ok(false);
    }
    observed.focus(pass);
    observe::remember_resting(pass, &observed).await?;
    late::remove_twins(pass, pool, &mut observed).await?;
    observe::learn(pass, pool, &mut observed).await?;
    observe::tell_apart(pass, pool, &mut observed).await?;
    observe::hold_back(pass, pool, &mailboxes, &mut observed).await?;
    complete_input(pass, &mailboxes, &mut observed).await?;
    let decided = plan(&observed.input, &observed.known, &pass.settings.policy);
    waits::report(pass, &observed, &decided.waits);
    if pass.mode == Mode::DryRun {
        foretell(pass, &decided, &observed);
        count_held(pass).await?;
        return Ok(true);
    }
    let unfinished = carry_out(pass, pool, &mailboxes, &observed, decided).await?;
    finish(pass, &mailboxes, &observed, &unfinished).await?;
    count_held(pass).await?;
    Ok(!pass.needs_all())
}

/// Puts into the report what would be done.
fn foretell<P: Ports>(pass: &Pass<'_, P>, decided: &Plan, observed: &Observed) {
    for op in &decided.ops {
        let Some((mailbox, line, counts)) = describe_op(op, observed) else {
            continue;
        };
        pass.count(&mailbox, |so_far| so_far.add(counts));
        if !is_silent(op) {
            pass.with_report(|report| report.planned.push((Some(mailbox), line)));
        }
    }
}

/// Both sides at once. A Maildir that is not to be touched ends the pass without waiting for the server, and matters
/// more than a server that cannot be reached.
async fn begin<P: Ports>(pass: &Pass<'_, P>, pool: &Pool<P>) -> Result<(Greeted<P>, Found), Fault> {
    let here = pin!(async {
        root::check(pass).await?;
        look_around(pass).await
    });
    let there = pin!(greet(pass, pool));
    let (here, there) = match select(here, there).await {
        Either::Left((here, there)) => (here?, there.await),
        Either::Right((there, here)) => (
            here.await.map_err(|fault| with_advice(fault, &there))?,
            there,
        ),
    };
    let there = there.map_err(|fault| fault.at_least(Reach::Account))?;
    Ok((there, here))
}

/// Whatever ends the pass, what the server said to a login is not forgotten: else it would be asked again too soon.
fn with_advice<T>(fault: Fault, there: &Result<T, Fault>) -> Fault {
    match there {
        Err(refusal) if refusal.advice != Advice::default() => {
            let text = format!("{fault}; besides: {refusal}");
            Fault::new(fault.reach, fault.retry, text).advised(refusal.advice)
        }
        _ => fault,
    }
}

/// The first connection, and what the server lists.
async fn greet<P: Ports>(pass: &Pass<'_, P>, pool: &Pool<P>) -> Result<Greeted<P>, Fault> {
    let reused = pool.has_idle();
    let mut remote = pool.take(pass).await?;
    match remote.list().await {
        Ok(listed) => Ok((remote, listed)),
        // Servers close connections that say nothing for a while.
        Err(fault) if reused && fault.reach == Reach::Connection => {
            pool.lost();
            // The server may count it until it is closed, and grant no other one.
            drop(remote);
            let mut remote = pool.take(pass).await?;
            let listed = remote.list().await?;
            Ok((remote, listed))
        }
        Err(fault) => Err(fault),
    }
}

/// Scans the known folders while the connection is being made.
async fn look_around<P: Ports>(pass: &Pass<'_, P>) -> Result<Found, Fault> {
    if pass.mode == Mode::DryRun && matches!(pass.local().root().await?, Root::Missing) {
        // The account's first pass would make it.
        return Ok((Vec::new(), Vec::new(), BTreeMap::new()));
    }
    let folders = pass.local().folders().await?;
    let barred = pass.local().barred().await?;
    let present: BTreeSet<&MailboxName> = folders.iter().map(|folder| &folder.name).collect();
    let mut scanned = BTreeMap::new();
    let mut rests = pass.store().rests().await?;
    for record in pass.store().mailboxes().await? {
        if !pass.covers(&record.name) || !present.contains(&record.name) {
            continue;
        }
        if let Some(rest) = rests.remove(&record.id)
            && let Some(side) = observe::resting(pass, &record, rest).await
        {
            scanned.insert(record.id, side);
            continue;
        }
        match observe::local_side(pass, &record).await {
            Ok(side) => {
                scanned.insert(record.id, FolderSide::Looked(Box::new(side)));
            }
            Err(fault) if fault.reach >= Reach::Account => return Err(fault),
            // Tried once more when its turn comes, and reported then.
            Err(_) => {}
        }
    }
    Ok((folders, barred, scanned))
}

/// What the planner has to know beyond the mailboxes themselves.
pub(super) async fn complete_input<P: Ports>(
    pass: &Pass<'_, P>,
    mailboxes: &Mailboxes,
    observed: &mut Observed,
) -> Result<(), Fault> {
    let since = pass.clock().now() - GUARD_WINDOW;
    for deletion in pass.store().deletions(since).await? {
        *observed
            .input
            .recent
            .entry((deletion.mailbox, deletion.side))
            .or_default() += 1;
    }
    let trash = |name: &MailboxName| {
        let record = mailboxes
            .records
            .values()
            .find(|record| record.name == *name)?;
        Some(record.id)
    };
    observed.input.trash = mailboxes.trash.as_ref().and_then(trash);
    Ok(())
}

pub(super) async fn carry_out<P: Ports>(
    pass: &Pass<'_, P>,
    pool: &Pool<P>,
    mailboxes: &Mailboxes,
    observed: &Observed,
    decided: Plan,
) -> Result<BTreeSet<MailboxId>, Fault> {
    let executor = Executor::new(pass, pool, observed, mailboxes);
    executor.park_unread().await?;
    executor.run(decided).await
}
