//! `pause`, `resume` and `hooks enable`: what only a daemon can be told.

use super::output::Output;
use super::{Failure, Outcome, block_on, client, selection};
use crate::config::Config;
use crate::control::Request;

/// Stops syncing until [`resume`].
pub(super) fn pause(
    account: Option<&str>,
    config: &Config,
    output: &mut Output,
) -> Result<Outcome, Failure> {
    tell(account, config, output, "paused", |account| {
        Request::Pause { account }
    })
}

/// Goes on syncing.
pub(super) fn resume(
    account: Option<&str>,
    config: &Config,
    output: &mut Output,
) -> Result<Outcome, Failure> {
    tell(account, config, output, "resumed", |account| {
        Request::Resume { account }
    })
}

/// Brings back a hook that was set aside.
pub(super) fn enable_hook(
    name: &str,
    config: &Config,
    output: &mut Output,
) -> Result<Outcome, Failure> {
    let request = Request::EnableHook {
        name: name.to_owned(),
    };
    block_on(async { client::required(config).await?.tell(request).await })?;
    output.report(&format!("{name}: enabled\n"))?;
    Ok(Outcome::InSync)
}

fn tell(
    account: Option<&str>,
    config: &Config,
    output: &mut Output,
    done: &str,
    request: impl FnOnce(Option<String>) -> Request,
) -> Result<Outcome, Failure> {
    // A wrong name is told with or without a daemon. One that runs on what the file said before knows its accounts.
    if !config.accounts.is_empty() {
        selection::accounts(config, account)?;
    }
    let request = request(account.map(str::to_owned));
    block_on(async { client::required(config).await?.tell(request).await })?;
    let who = account.unwrap_or("all accounts");
    output.report(&format!("{who}: {done}\n"))?;
    Ok(Outcome::InSync)
}
