//! `status`: how everything is.

use std::fmt::Write as _;
use std::time::Duration;

use super::args::StatusArgs;
use super::client::{self, Daemon};
use super::output::Output;
use super::render::{self, Table, Tone, count};
use super::reports::{AccountStatus, State, StatusReport, Watch};
use super::{Failure, Outcome, backend, block_on, sync};
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
        show(&report, args, output)?;
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
    let mut shown: Option<StatusReport> = None;
    let mut signals: Option<Signals> = None;
    loop {
        if let Some(daemon) = daemon.as_ref().filter(|_| signals.is_none()) {
            signals = daemon.signals().await.ok();
        }
        let report = look(&mut daemon, config).await?;
        if shown.as_ref() != Some(&report) {
            if !args.json {
                output.clear()?;
            }
            show(&report, args, output)?;
        }
        if output.closed() {
            return Ok(report.outcome());
        }
        shown = Some(report);
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

fn show(report: &StatusReport, args: &StatusArgs, output: &mut Output) -> Result<(), Failure> {
    match (args.json, args.watch) {
        (true, true) => output.json_line(report)?,
        (true, false) => output.json(report)?,
        (false, _) => output.text(&text(report, output.colour()))?,
    }
    output.finish()
}

fn text(report: &StatusReport, colour: bool) -> String {
    let mut text = String::new();
    for account in &report.accounts {
        head(account, colour, &mut text);
        let heads = ["MAILBOX", "STATE", "MESSAGES", "LAST SYNC"];
        let mut table = Table::new(&heads, &[2], colour);
        for mailbox in &account.mailboxes {
            let (state, tone) = state(mailbox.state);
            let mut messages = mailbox.messages.to_string();
            if mailbox.parked > 0 {
                let _ = write!(messages, " (+{} to try again)", mailbox.parked);
            }
            if let Some(left) = mailbox.left_on_server {
                let _ = write!(messages, " ({})", sync::left_words(left));
            }
            table.row([
                (&mailbox.name, Tone::Plain),
                (state, tone),
                (&messages, Tone::Plain),
                (mailbox.last_sync.as_deref().unwrap_or("never"), Tone::Plain),
            ]);
        }
        if !table.is_empty() {
            text.push_str(&table.render());
        }
        for hold in &account.holds {
            let what = count(hold.count, "deletion");
            let (mailbox, reason) = (render::plain(&hold.mailbox), render::plain(&hold.reason));
            let _ = writeln!(text, "  held: {}: {what} in {mailbox}: {reason}", hold.id);
        }
        text.push_str(&sync::problems(&account.problems, colour));
    }
    for hook in &report.hooks {
        let (file, state) = (render::plain(&hook.file), render::plain(&hook.state));
        let _ = write!(text, "hook {file}: {state}");
        if let Some(error) = &hook.last_error {
            let _ = write!(
                text,
                ", {}: {}",
                count(hook.failures, "failure"),
                render::plain(error)
            );
        }
        for (number, what) in [
            (hook.abandoned, "thread abandoned"),
            (hook.killed, "program killed"),
        ] {
            if number > 0 {
                let _ = write!(text, "; {number} {what}");
            }
        }
        text.push('\n');
        if hook.state == "set-aside" {
            let _ = writeln!(text, "  back with: mailferry hooks enable {file}");
        }
    }
    // That all is well, or that nobody asked yet, is nothing to be told.
    let shown = report.notifications.as_ref();
    if let Some(shown) = shown.filter(|shown| !["idle", "ready"].contains(&shown.state.as_str())) {
        let (state, detail) = (render::plain(&shown.state), render::plain(&shown.detail));
        let _ = writeln!(text, "notifications: {state}: {detail}");
    }
    text
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

fn head(account: &AccountStatus, colour: bool, text: &mut String) {
    let (state, tone) = state(account.state);
    let watch = watch_words(account.watch);
    let reason = account.watch_reason.as_deref();
    let reason = reason.map(|reason| format!(" ({})", render::plain(reason)));
    let reason = reason.unwrap_or_default();
    let last = account.last_sync.as_deref().unwrap_or("never");
    let _ = write!(
        text,
        "{}: {}, {watch}{reason}, last sync {last}",
        render::plain(&account.name),
        render::paint(state, tone, colour)
    );
    if account.in_flight > 0 {
        let _ = write!(text, ", {} on the way", count(account.in_flight, "message"));
    }
    text.push('\n');
    if let Some(limited) = &account.limited {
        let _ = writeln!(
            text,
            "  only {} of {}: {}",
            limited.connections,
            count(limited.allowed.try_into().unwrap_or(u64::MAX), "connection"),
            render::plain(&limited.reason)
        );
    }
}

fn state(state: State) -> (&'static str, Tone) {
    match state {
        State::Never => ("never synced", Tone::Plain),
        State::InSync => ("in sync", Tone::Good),
        State::Syncing => ("syncing", Tone::Plain),
        State::Held => ("deletions held", Tone::Warn),
        State::Failed => ("failed", Tone::Bad),
        State::Paused => ("paused", Tone::Warn),
    }
}

#[cfg(test)]
mod tests {
    use super::super::reports::{HookStatus, MailboxStatus, NotificationStatus, Problem};
    use super::*;

    fn report() -> StatusReport {
        StatusReport {
            accounts: vec![AccountStatus {
                name: "work".to_owned(),
                protocol: "imap".to_owned(),
                state: State::Failed,
                watch: Watch::None,
                watch_reason: None,
                limited: None,
                last_sync: Some(super::super::reports::timestamp(0)),
                in_flight: 0,
                mailboxes: vec![MailboxStatus {
                    name: "INBOX".to_owned(),
                    state: State::InSync,
                    messages: 12,
                    parked: 1,
                    last_sync: None,
                    left_on_server: None,
                }],
                holds: Vec::new(),
                problems: vec![Problem {
                    mailbox: Some("Spam".to_owned()),
                    message: "NO \u{7}".to_owned(),
                }],
            }],
            hooks: vec![HookStatus {
                file: "a.lua".to_owned(),
                state: "set-aside".to_owned(),
                failures: 3,
                last_error: Some("boom".to_owned()),
                abandoned: 1,
                killed: 0,
            }],
            notifications: None,
        }
    }

    #[test]
    fn people_see_why_they_see_no_notifications() {
        use crate::desktop::State;

        let told = |state| {
            let notifications = Some(NotificationStatus::of(&state));
            let report = StatusReport {
                notifications,
                ..StatusReport::default()
            };
            (
                text(&report, false),
                serde_json::to_value(&report).unwrap()["notifications"].clone(),
            )
        };
        let (text, json) = told(State::Unavailable {
            reason: "there is no session bus: \u{1b}[1m".to_owned(),
        });
        let line = "notifications: unavailable: there is no session bus: \\u{1b}[1m\n";
        assert_eq!(text, line);
        assert_eq!(json["state"], "unavailable");
        let server = "dunst 1.9.0".to_owned();
        let (text, json) = told(State::Ready { server });
        assert_eq!(text, "");
        assert_eq!(json["detail"], "shown by dunst 1.9.0");
        assert_eq!(told(State::Idle).0, "");
    }

    #[test]
    fn people_see_state_counts_and_problems() {
        assert_eq!(
            text(&report(), false),
            "work: failed, not watched, last sync 1970-01-01T00:00:00Z\n\
             MAILBOX  STATE                MESSAGES  LAST SYNC\n\
             INBOX    in sync  12 (+1 to try again)  never\n\
             \u{20} problem: Spam: NO \\u{7}\n\
             hook a.lua: set-aside, 3 failures: boom; 1 thread abandoned\n\
             \u{20} back with: mailferry hooks enable a.lua\n"
        );
    }

    #[test]
    fn people_see_how_an_account_is_watched_and_why() {
        let mut report = report();
        report.accounts[0].watch = Watch::Idle;
        report.accounts[0].watch_reason = Some("it has no NOTIFY \u{7}".to_owned());
        let told = text(&report, false);
        let line = "work: failed, watched with IDLE (it has no NOTIFY \\u{7}), last sync";
        assert!(told.starts_with(line), "{told}");
    }

    #[test]
    fn people_see_that_a_server_grants_fewer_connections() {
        let mut report = report();
        report.accounts[0].limited = Some(crate::cli::reports::LimitedReport {
            connections: 1,
            allowed: 3,
            reason: "NO [LIMIT] \u{7}".to_owned(),
        });
        let told = text(&report, false);
        assert!(
            told.contains("\n  only 1 of 3 connections: NO [LIMIT] \\u{7}\n"),
            "{told}"
        );
    }

    #[test]
    fn the_json_has_the_promised_fields() {
        let json = serde_json::to_value(report()).unwrap();
        for field in ["name", "state", "watch", "mailboxes", "holds", "problems"] {
            assert!(json["accounts"][0].get(field).is_some(), "{field}");
        }
        for field in [
            "file",
            "state",
            "failures",
            "last_error",
            "abandoned",
            "killed",
        ] {
            assert!(json["hooks"][0].get(field).is_some(), "{field}");
        }
        assert_eq!(json["accounts"][0]["mailboxes"][0]["state"], "in-sync");
        assert_eq!(report().outcome(), Outcome::Failed);
    }
}
