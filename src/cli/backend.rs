//! The seam between the verbs and the rest of the program: one function per verb, plain reports out.
//!
//! This is where config, auth, net, imap, maildir, store and engine are put together.
#![allow(
    clippy::unused_async,
    reason = "each of these awaits as soon as the engine is behind it"
)]

use super::Failure;
use super::progress::Terminal;
use super::reports::{
    AccountMailboxes, AccountStatus, AccountSync, HoldReport, Problem, ServerCheck, State,
    StatusReport, Watch,
};
use super::selection::Selected;
use crate::config::{Account, Config, Protocol};

const ENGINE: &str = "the engine behind this command";

/// What POP3 accounts say wherever they are used.
pub const POP3_LATER: &str = "POP3 comes with a later version";

/// One pass over an IMAP account. What goes wrong with the account is in the report.
///
/// # Errors
/// What ends the whole program.
pub async fn sync(
    _config: &Config,
    _selected: &Selected<'_>,
    _dry_run: bool,
    _terminal: &Terminal,
) -> Result<AccountSync, Failure> {
    Err(Failure::NotYet(ENGINE))
}

/// How everything is, as far as the state on disk (or the running daemon) knows.
///
/// # Errors
/// The state cannot be read.
pub async fn status(config: &Config) -> Result<StatusReport, Failure> {
    let mut report = StatusReport::default();
    for account in &config.accounts {
        report.accounts.push(match account.protocol {
            Protocol::Imap(_) => account_status(config, account).await?,
            Protocol::Pop3(_) => AccountStatus {
                name: account.name.to_string(),
                protocol: account.protocol.name().to_owned(),
                state: State::Never,
                watch: Watch::None,
                last_sync: None,
                in_flight: 0,
                mailboxes: Vec::new(),
                holds: Vec::new(),
                problems: vec![Problem::of_account(POP3_LATER)],
            },
        });
    }
    Ok(report)
}

/// How one IMAP account is.
async fn account_status(_config: &Config, _account: &Account) -> Result<AccountStatus, Failure> {
    Err(Failure::NotYet(ENGINE))
}

/// Connects to an IMAP account, logs in, and tells what the server can do.
///
/// # Errors
/// What went wrong; it becomes a problem of the account.
pub async fn check(_account: &Account) -> Result<ServerCheck, Failure> {
    Err(Failure::NotYet(ENGINE))
}

/// Asks an IMAP account's server for its mailboxes and decides on each.
///
/// # Errors
/// What ends the whole program; what goes wrong with the account is in the report.
pub async fn mailboxes(_account: &Account) -> Result<AccountMailboxes, Failure> {
    Err(Failure::NotYet(ENGINE))
}

/// All holds of all accounts.
///
/// # Errors
/// The state cannot be read.
pub async fn holds(_config: &Config) -> Result<Vec<HoldReport>, Failure> {
    Err(Failure::NotYet(ENGINE))
}

/// Lets a hold's deletions go on with the next pass. `id` is [`HoldReport::id`].
///
/// # Errors
/// There is no such hold ([`Failure::Usage`]), or the state cannot be written.
pub async fn approve(_config: &Config, _hold: &HoldReport) -> Result<(), Failure> {
    Err(Failure::NotYet(ENGINE))
}

/// Brings a hold's messages back with the next pass.
///
/// # Errors
/// As for [`approve`].
pub async fn restore(_config: &Config, _hold: &HoldReport) -> Result<(), Failure> {
    Err(Failure::NotYet(ENGINE))
}
