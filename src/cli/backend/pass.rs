//! One pass over an account, and what is reported of it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::account::{Parts, settings};
use super::last::{self, Last};
use super::letters;
use super::listeners::Listeners;
use crate::cli::Failure;
use crate::cli::progress::Terminal;
use crate::cli::reports::{AccountSync, Counts, LeftOnServer, MailboxSync, Problem, State};
use crate::cli::selection::{self, Selected};
use crate::config::{Account, Config, ImapAccount, Protocol};
use crate::daemon::Notice;
use crate::engine::{self, Fault, LeftThere, Mode, Report, Scope, Settings, ports::Clock as _};
use crate::mail::MailboxName;

/// One pass over an account. What goes wrong with the account is in the report.
///
/// # Errors
/// What ends the whole program.
pub async fn sync(
    config: &Config,
    selected: &Selected<'_>,
    dry_run: bool,
    terminal: &Terminal,
) -> Result<AccountSync, Failure> {
    let account = selected.account;
    let imap = match &account.protocol {
        Protocol::Imap(imap) => imap,
        Protocol::Pop3(pop3) => {
            return Ok(letters::sync(config, selected, pop3, dry_run, terminal).await);
        }
    };
    let parts = match Parts::open(config, account, imap, terminal).await {
        Ok(parts) => parts,
        Err(fault) => return Ok(failed(account, &fault)),
    };
    let scope = match &selected.mailboxes {
        None => Scope::All,
        Some(names) => Scope::Only(names.iter().cloned().collect::<BTreeSet<_>>()),
    };
    let mode = if dry_run { Mode::DryRun } else { Mode::Apply };
    let listeners = Listeners::of(config, account, &Rc::default(), None);
    let wishes = Settings {
        telling: listeners.telling(),
        ..settings(imap)
    };
    let pass = one(config, account, imap, &parts, &wishes, &scope, mode);
    let report = if mode == Mode::Apply {
        tell(account, &parts, listeners, imap, pass).await
    } else {
        pass.await
    };
    match parts.close().await {
        Ok(()) => Ok(report),
        Err(fault) => Ok(with_problem(report, &fault)),
    }
}

/// Tells listeners what the pass brings, while it goes on and after it, and syncs what they did.
async fn tell(
    account: &Account,
    parts: &Parts,
    listeners: Listeners,
    imap: &ImapAccount,
    pass: impl Future<Output = AccountSync>,
) -> AccountSync {
    let telling = listeners.telling();
    let wishes = || Settings {
        telling,
        ..settings(imap)
    };
    let mut after = Vec::new();
    let again = async || match engine::sync(parts, &wishes(), &Scope::All, Mode::Apply).await {
        Ok(more) => after.push(told(account, more)),
        Err(fault) => after.push(failed(account, &fault)),
    };
    let name = account.name.as_str();
    let told = listeners.hear_once(parts, wishes(), name, pass, ending, again);
    let (mut report, told) = told.await;
    for more in after {
        if report.state != State::Failed && more.state != State::InSync {
            report.state = more.state;
        }
        report.problems.extend(more.problems);
    }
    match told {
        Ok(()) => report,
        Err(fault) => with_problem(report, &fault),
    }
}

/// How a pass ended, for listeners.
pub(super) fn ending(report: &AccountSync) -> Notice {
    let problems = report.problems.iter();
    let problems = problems.map(|problem| engine::Problem {
        mailbox: problem.mailbox.as_deref().and_then(MailboxName::parse),
        text: problem.message.clone(),
    });
    Notice::Synced {
        complete: report.state != State::Failed,
        problems: problems.collect(),
    }
}

/// One pass with everything opened already.
pub(super) async fn one(
    config: &Config,
    account: &Account,
    imap: &ImapAccount,
    parts: &Parts,
    settings: &Settings,
    scope: &Scope,
    mode: Mode,
) -> AccountSync {
    let result = engine::sync(parts, settings, scope, mode).await;
    let now = engine::Home::clock(parts).now();
    let report = match result {
        Ok(report) => told(account, report),
        Err(fault) => failed(account, &fault),
    };
    // A pass over some mailboxes says nothing of how the account is.
    if mode == Mode::DryRun || *scope != Scope::All {
        return report;
    }
    let keep = now - i64::from(imap.trash_days) * 86_400;
    let pruned = parts.sqlite().prune(keep).await;
    remember(config, account, &report, LeftThere::default(), now);
    match pruned {
        Ok(()) => report,
        Err(error) => with_problem(report, &Fault::from(error)),
    }
}

/// Writes down how a pass ended.
pub(super) fn remember(
    config: &Config,
    account: &Account,
    report: &AccountSync,
    left: LeftThere,
    now: i64,
) {
    let before = last::read(config, account);
    let complete = match report.state {
        State::Failed => before.and_then(|last| last.complete),
        _ => Some(now),
    };
    let last = Last {
        complete,
        ended: now,
        problems: report.problems.clone(),
        left: left_on_server(left),
    };
    if let Err(error) = last::write(config, account, &last) {
        tracing::warn!(account = %account.name, "cannot write down how the pass ended: {error}");
    }
}

pub(super) fn failed(account: &Account, what: impl ToString) -> AccountSync {
    AccountSync {
        name: account.name.to_string(),
        state: State::Failed,
        mailboxes: Vec::new(),
        operations: Vec::new(),
        problems: vec![Problem::of_account(what.to_string())],
        held: 0,
        unknown: Vec::new(),
    }
}

fn with_problem(mut report: AccountSync, fault: &Fault) -> AccountSync {
    report.state = State::Failed;
    report.problems.push(Problem::of_account(fault.to_string()));
    report
}

/// What a POP3 session has left on the server, if anything.
pub(super) fn left_on_server(left: LeftThere) -> Option<LeftOnServer> {
    let LeftThere {
        too_large, later, ..
    } = left;
    (too_large > 0 || later > 0).then_some(LeftOnServer { too_large, later })
}

/// The engine's report in the words of the command line.
pub(super) fn told(account: &Account, report: Report) -> AccountSync {
    let mut mailboxes: BTreeMap<String, MailboxSync> = BTreeMap::new();
    for (name, counts) in &report.mailboxes {
        let mailbox = mailbox(&mut mailboxes, name.as_str());
        mailbox.pulled = Counts {
            new: counts.downloaded,
            flags: counts.flags_pulled,
            moves: counts.moved_local,
            deletions: counts.deleted_local,
        };
        mailbox.pushed = Counts {
            new: counts.uploaded,
            flags: counts.flags_pushed,
            moves: counts.moved_remote,
            deletions: counts.deleted_remote,
        };
        mailbox.linked = counts.linked;
        mailbox.held = counts.held;
        mailbox.parked = counts.parked;
    }
    if let Some(left) = left_on_server(report.left_there) {
        mailbox(&mut mailboxes, "INBOX").left_on_server = Some(left);
    }
    let mut operations = Vec::new();
    for (name, line) in report.planned {
        match name {
            Some(name) => mailbox(&mut mailboxes, name.as_str()).operations.push(line),
            None => operations.push(line),
        }
    }
    let problems: Vec<Problem> = report
        .problems
        .iter()
        .map(|problem| Problem {
            mailbox: problem
                .mailbox
                .as_ref()
                .map(|name| name.as_str().to_owned()),
            message: problem.text.clone(),
        })
        .collect();
    let held = report.held + mailboxes.values().map(|it| it.held).sum::<u64>();
    let state = match (problems.is_empty(), held) {
        (false, _) => State::Failed,
        (true, 0) => State::InSync,
        (true, _) => State::Held,
    };
    AccountSync {
        name: account.name.to_string(),
        state,
        mailboxes: mailboxes.into_values().collect(),
        operations,
        problems,
        held: report.held,
        unknown: report
            .unknown
            .iter()
            .map(|unknown| selection::no_mailbox(account.name.as_str(), unknown))
            .collect(),
    }
}

fn mailbox<'a>(all: &'a mut BTreeMap<String, MailboxSync>, name: &str) -> &'a mut MailboxSync {
    all.entry(name.to_owned()).or_insert_with(|| MailboxSync {
        name: name.to_owned(),
        ..MailboxSync::default()
    })
}
