//! `status`: how everything is.

mod text;

use std::time::Duration;

use self::text::View;
use super::args::StatusArgs;
use super::client::{self, Daemon};
use super::output::Output;
use super::reports::{StatusReport, Watch};
use super::times::Now;
use super::{Failure, Outcome, backend, block_on};
use crate::config::Config;
use crate::control::{ControlError, Signals};

/// How often `--watch` looks at the state while no daemon tells of changes, and for a daemon.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often `--watch` asks a daemon that tells of nothing.
const ASK_EVERY: Duration = Duration::from_secs(5);

/// How long `--watch` gathers what the daemon tells before it asks: there may be much of it at once.
const GATHER: Duration = Duration::from_millis(200);

/// Runs the verb.
pub(super) fn run(
    args: &StatusArgs,
    config: &Config,
    output: &mut Output,
) -> Result<Outcome, Failure> {
    block_on(async {
        let mut daemon = client::find(config).await;
        if args.watch {
            return watch(daemon, args, config, output).await;
        }
        let report = look(&mut daemon, config).await?;
        output.text(&picture(&report, args, output)?)?;
        Ok(report.outcome())
    })
}

/// How everything is, by the daemon; by the state on disk if there is none, or none any more.
async fn look(daemon: &mut Option<Daemon>, config: &Config) -> Result<StatusReport, Failure> {
    if let Some(running) = daemon {
        match running.status().await {
            Err(Failure::Control(ControlError::Gone)) => *daemon = None,
            other => return other,
        }
    }
    Ok(backend::status(config))
}

async fn watch(
    mut daemon: Option<Daemon>,
    args: &StatusArgs,
    config: &Config,
    output: &mut Output,
) -> Result<Outcome, Failure> {
    let mut shown: Option<String> = None;
    let mut signals: Option<Signals> = None;
    loop {
        if let Some(daemon) = daemon.as_ref().filter(|_| signals.is_none()) {
            signals = daemon.signals().await.ok();
        }
        let report = look(&mut daemon, config).await?;
        // Ages grow while nothing happens.
        let picture = picture(&report, args, output)?;
        if shown.as_ref() != Some(&picture) {
            if args.json {
                output.text(&picture)?;
            } else {
                output.redraw(&picture, shown.is_none())?;
            }
            output.finish()?;
        }
        if output.closed() {
            return Ok(report.outcome());
        }
        shown = Some(picture);
        match signals.as_mut().filter(|_| daemon.is_some()) {
            Some(signals) => hear(signals).await,
            None => {
                signals = None;
                tokio::time::sleep(LOOK_EVERY).await;
                daemon = client::look(config).await.unwrap_or_default();
            }
        }
    }
}

/// Waits until the daemon has told of something, or for a while.
async fn hear(signals: &mut Signals) {
    if let Ok(Some(_)) = tokio::time::timeout(ASK_EVERY, signals.next()).await {
        tokio::time::sleep(GATHER).await;
        while signals.ready().is_some() {}
    }
}

/// The report as it is written.
fn picture(report: &StatusReport, args: &StatusArgs, output: &Output) -> Result<String, Failure> {
    if !args.json {
        let view = View {
            colour: output.colour(),
            all: args.all,
            now: Now::here(),
        };
        return Ok(text::text(report, &view));
    }
    let mut line = if args.watch {
        serde_json::to_string(report)?
    } else {
        serde_json::to_string_pretty(report)?
    };
    line.push('\n');
    Ok(line)
}

/// How changes are noticed, in words.
pub(super) fn watch_words(watch: Watch) -> &'static str {
    match watch {
        Watch::None => "not watched",
        Watch::Notify => "watched with NOTIFY",
        Watch::Idle => "watched with IDLE",
        Watch::Poll => "polled",
    }
}
