//! `pause` and `resume`. Only a daemon syncs by itself, so only a daemon can be paused.

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

fn tell(
    account: Option<&str>,
    config: &Config,
    output: &mut Output,
    done: &str,
    request: impl FnOnce(Option<String>) -> Request,
) -> Result<Outcome, Failure> {
    // A wrong name is told with or without a daemon.
    selection::accounts(config, account)?;
    let request = request(account.map(str::to_owned));
    block_on(async { client::required(config).await?.tell(request).await })?;
    let who = account.unwrap_or("all accounts");
    output.text(&format!("{who}: {done}\n"))?;
    Ok(Outcome::InSync)
}
