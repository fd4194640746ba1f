//! How everything is, as far as the state on disk knows.

use super::holds;
use super::hooks::script;
use super::last;
use crate::cli::reports::{
    AccountStatus, HookStatus, MailboxStatus, Problem, State, StatusReport, Watch, timestamp,
};
use crate::config::{Account, Config, Protocol};
use crate::engine::Fault;
use crate::engine::ports::RemoteWay;
use crate::store::{SqliteReader, database_path};

/// How everything is, as far as the state on disk (or the running daemon) knows.
#[must_use]
pub fn status(config: &Config) -> StatusReport {
    let mut report = StatusReport::default();
    for account in &config.accounts {
        report.accounts.push(of_account(config, account));
    }
    for hook in &config.hooks {
        report.hooks.push(HookStatus {
            file: script(hook).name(),
            state: "not-loaded".to_owned(),
            failures: 0,
            last_error: None,
            abandoned: 0,
            killed: 0,
        });
    }
    report
}

/// A way of watching, as it is reported.
pub(super) fn watch(way: &RemoteWay) -> Watch {
    match way {
        RemoteWay::Notify => Watch::Notify,
        RemoteWay::Idle(_) => Watch::Idle,
        RemoteWay::Poll => Watch::Poll,
    }
}

fn nothing_known(account: &Account) -> AccountStatus {
    AccountStatus {
        name: account.name.to_string(),
        protocol: account.protocol.name().to_owned(),
        state: State::Never,
        watch: Watch::None,
        watch_reason: None,
        limited: None,
        last_sync: None,
        in_flight: 0,
        mailboxes: Vec::new(),
        holds: Vec::new(),
        problems: Vec::new(),
    }
}

fn of_account(config: &Config, account: &Account) -> AccountStatus {
    let mut status = nothing_known(account);
    let mut left = None;
    if let Some(last) = last::read(config, account) {
        left = last.left;
        status.last_sync = last.complete.map(timestamp);
        status.problems = last.problems;
        status.state = State::InSync;
    }
    if let Err(fault) = fill(config, account, &mut status) {
        status.problems.push(Problem::of_account(fault.to_string()));
    }
    for mailbox in &mut status.mailboxes {
        mailbox.left_on_server = left;
    }
    if !status.holds.is_empty() {
        status.state = State::Held;
    }
    if !status.problems.is_empty() {
        status.state = State::Failed;
    }
    status
}

fn fill(config: &Config, account: &Account, status: &mut AccountStatus) -> Result<(), Fault> {
    let path = database_path(&config.state_dir, account.name.as_str());
    let Some(reader) = SqliteReader::open(&path)? else {
        return Ok(());
    };
    let counts = reader.counts()?;
    let parked = reader.parked()?;
    let letters = match account.protocol {
        Protocol::Imap(_) => None,
        Protocol::Pop3(_) => Some(reader.letters()?),
    };
    status.holds = holds::of_account(&reader, account)?;
    for record in reader.mailboxes()? {
        let parked = parked
            .iter()
            .filter(|message| message.mailbox == record.id)
            .count();
        let held = status
            .holds
            .iter()
            .any(|hold| hold.mailbox == record.name.as_str());
        let state = match (record.last_sync, parked, held) {
            (_, 1.., _) => State::Failed,
            (_, 0, true) => State::Held,
            (Some(_), 0, false) => State::InSync,
            (None, 0, false) => State::Never,
        };
        status.mailboxes.push(MailboxStatus {
            name: record.name.as_str().to_owned(),
            state,
            messages: letters
                .or_else(|| counts.get(&record.id).copied())
                .unwrap_or(0),
            parked: u64::try_from(parked).unwrap_or(u64::MAX),
            last_sync: status
                .last_sync
                .clone()
                .filter(|_| record.last_sync.is_some()),
            left_on_server: None,
        });
    }
    Ok(())
}
