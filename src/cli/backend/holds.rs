//! Held deletions, and deletions that were carried out and can be undone.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::account::{Parts, settings};
use super::listeners::Listeners;
use super::pass;
use crate::cli::Failure;
use crate::cli::progress::Terminal;
use crate::cli::reports::{AccountSync, HeldSide, HoldReport, Problem, State, timestamp};
use crate::config::{Account, Config, ImapAccount, Protocol};
use crate::engine::{self, Fault, Mode, Scope};
use crate::store::{SqliteReader, database_path};
use crate::sync::{HoldId, HoldVerdict, Side};

/// What the user says of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The deletions go on.
    Approve,
    /// The messages come back.
    Restore,
}

fn side(side: Side) -> HeldSide {
    match side {
        Side::Local => HeldSide::Maildir,
        Side::Remote => HeldSide::Server,
    }
}

fn reader(config: &Config, account: &Account) -> Result<Option<SqliteReader>, Fault> {
    let path = database_path(&config.state_dir, account.name.as_str());
    Ok(SqliteReader::open(&path)?)
}

/// The open holds of one account.
pub(super) fn of_account(
    reader: &SqliteReader,
    account: &Account,
) -> Result<Vec<HoldReport>, Fault> {
    let names: BTreeMap<_, _> = reader
        .mailboxes()?
        .into_iter()
        .map(|record| (record.id, record.name))
        .collect();
    let open = reader
        .holds()?
        .into_iter()
        .filter(|(hold, _)| hold.verdict == HoldVerdict::Open);
    Ok(open
        .map(|(hold, count)| HoldReport {
            id: format!("{}:{}", account.name, hold.id.0),
            account: account.name.to_string(),
            mailbox: names
                .get(&hold.mailbox)
                .map_or_else(String::new, |name| name.as_str().to_owned()),
            side: side(hold.side),
            count,
            since: timestamp(hold.since),
            reason: hold.reason,
        })
        .collect())
}

/// All holds of all accounts.
///
/// # Errors
/// The state cannot be read.
pub fn holds(config: &Config) -> Result<Vec<HoldReport>, Failure> {
    let mut all = Vec::new();
    for account in &config.accounts {
        if let Some(reader) = reader(config, account)? {
            all.extend(of_account(&reader, account)?);
        }
    }
    Ok(all)
}

/// All deletions that were carried out and are remembered; `restore` takes their ids too.
///
/// # Errors
/// The state cannot be read.
pub fn done(config: &Config) -> Result<Vec<HoldReport>, Failure> {
    let mut all = Vec::new();
    for account in &config.accounts {
        let Some(reader) = reader(config, account)? else {
            continue;
        };
        for batch in reader.batches().map_err(Fault::from)? {
            all.push(HoldReport {
                id: format!("{}:d{}", account.name, batch.batch),
                account: account.name.to_string(),
                mailbox: batch.name,
                side: side(batch.side),
                count: batch.count,
                since: timestamp(batch.at),
                reason: done_reason(batch.side).to_owned(),
            });
        }
    }
    Ok(all)
}

/// Why a deletion that was carried out was made.
fn done_reason(side: Side) -> &'static str {
    match side {
        Side::Local => "deleted on the server",
        Side::Remote => "deleted in the Maildir",
    }
}

/// Writes a verdict down and syncs the account, so that it takes effect.
///
/// # Errors
/// There is no such hold ([`Failure::Usage`]), or the state cannot be written.
pub async fn decide(
    config: &Config,
    hold: &HoldReport,
    verdict: Verdict,
    terminal: &Terminal,
) -> Result<AccountSync, Failure> {
    let (account, imap) = imap_account(config, &hold.account)?;
    let number = hold
        .id
        .rsplit_once(':')
        .and_then(|(_, number)| number.parse().ok());
    let Some(number) = number else {
        return Err(no_such(&hold.id));
    };
    let parts = Parts::open(config, account, imap, terminal).await?;
    let verdict = match verdict {
        Verdict::Approve => HoldVerdict::Approved,
        Verdict::Restore => HoldVerdict::Restore,
    };
    let known = parts
        .sqlite()
        .set_verdict(HoldId(number), verdict)
        .await
        .map_err(Fault::from)?;
    if !known {
        parts.close().await?;
        return Err(no_such(&hold.id));
    }
    let settings = wishes(config, account, imap);
    let report = pass::one(
        config,
        account,
        imap,
        &parts,
        &settings,
        &Scope::All,
        Mode::Apply,
    )
    .await;
    parts.close().await?;
    Ok(report)
}

/// Brings back messages whose deletion was carried out, and syncs the account.
///
/// # Errors
/// There is no such deletion ([`Failure::Usage`]), or the state or the server cannot be reached.
pub async fn undo(
    config: &Config,
    deletion: &HoldReport,
    terminal: &Terminal,
) -> Result<AccountSync, Failure> {
    let (account, imap) = imap_account(config, &deletion.account)?;
    let number = deletion
        .id
        .rsplit_once(":d")
        .and_then(|(_, number)| number.parse().ok());
    let Some(batch) = number else {
        return Err(no_such(&deletion.id));
    };
    let parts = Parts::open(config, account, imap, terminal).await?;
    let problems = undo_batch(&parts, &settings(imap), batch).await?;
    let settings = wishes(config, account, imap);
    let mut report = pass::one(
        config,
        account,
        imap,
        &parts,
        &settings,
        &Scope::All,
        Mode::Apply,
    )
    .await;
    for problem in problems {
        report.state = State::Failed;
        report.problems.push(Problem {
            mailbox: problem.mailbox.map(|name| name.as_str().to_owned()),
            message: problem.text,
        });
    }
    parts.close().await?;
    Ok(report)
}

/// Brings back what was deleted together; returns what could not be.
pub(super) async fn undo_batch(
    parts: &Parts,
    settings: &engine::Settings,
    batch: i64,
) -> Result<Vec<engine::Problem>, Failure> {
    let state = parts.sqlite();
    let deletions = state.deletions_of(batch).await.map_err(Fault::from)?;
    let (_, undone) = engine::undo(parts, settings, &deletions).await?;
    if undone.problems.is_empty() {
        state.forget_batch(batch).await.map_err(Fault::from)?;
    }
    Ok(undone.problems)
}

fn no_such(id: &str) -> Failure {
    Failure::Usage(format!("there is no hold `{id}`; see `mailferry holds`"))
}

fn imap_account<'a>(
    config: &'a Config,
    name: &str,
) -> Result<(&'a Account, &'a ImapAccount), Failure> {
    let account = config.account(name);
    match account.map(|account| (account, &account.protocol)) {
        Some((account, Protocol::Imap(imap))) => Ok((account, imap)),
        _ => Err(Failure::Usage(format!("there is no IMAP account `{name}`"))),
    }
}

/// What listeners are told of later, by whoever has time for that.
fn wishes(config: &Config, account: &Account, imap: &ImapAccount) -> engine::Settings {
    engine::Settings {
        telling: Listeners::of(config, account, &Rc::default(), None).telling(),
        ..settings(imap)
    }
}
