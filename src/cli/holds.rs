//! `holds`, `approve` and `restore`.

use super::args::HoldsArgs;
use super::backend::Verdict;
use super::client::Daemon;
use super::output::Output;
use super::progress::Terminal;
use super::render::{self, Table, Tone};
use super::reports::{AccountSync, HeldSide, HoldReport, SyncReport};
use super::{Failure, Outcome, backend, block_on, client, sync};
use crate::config::Config;
use crate::control::Request;

/// Shows what is held, or what was deleted and can be brought back.
pub(super) fn list(
    args: &HoldsArgs,
    config: &Config,
    output: &mut Output,
) -> Result<Outcome, Failure> {
    let holds = if args.done {
        backend::done(config)?
    } else {
        block_on(async {
            match client::find(config).await {
                Some(mut daemon) => daemon.holds().await,
                None => backend::holds(config),
            }
        })?
    };
    if args.json {
        output.json(&holds)?;
    } else if args.done {
        output.text(&done_text(&holds, output.colour()))?;
    } else {
        output.text(&text(&holds, output.colour()))?;
    }
    Ok(Outcome::of(false, !args.done && !holds.is_empty()))
}

/// Lets held deletions go on.
pub(super) fn approve(
    id: &str,
    config: &Config,
    terminal: &Terminal,
    output: &mut Output,
) -> Result<Outcome, Failure> {
    let decided = decide(id, Verdict::Approve, config, terminal);
    tell(block_on(decided)?, output)
}

/// Brings held (or deleted) messages back.
pub(super) fn restore(
    id: &str,
    config: &Config,
    terminal: &Terminal,
    output: &mut Output,
) -> Result<Outcome, Failure> {
    let deleted = backend::done(config)?;
    let Some(deletion) = deleted.iter().find(|deletion| deletion.id == id) else {
        let decided = decide(id, Verdict::Restore, config, terminal);
        return tell(block_on(decided)?, output);
    };
    let undone = async {
        match client::find(config).await {
            Some(daemon) => by_daemon(daemon, Verdict::Restore, deletion).await,
            None => Ok(alone(backend::undo(config, deletion, terminal).await?)),
        }
    };
    tell(block_on(undone)?, output)
}

/// Writes a verdict down, here or in the daemon; what the sync did that followed.
async fn decide(
    id: &str,
    verdict: Verdict,
    config: &Config,
    terminal: &Terminal,
) -> Result<SyncReport, Failure> {
    if let Some(mut daemon) = client::find(config).await {
        let hold = find(&daemon.holds().await?, id)?;
        return by_daemon(daemon, verdict, &hold).await;
    }
    let hold = find(&backend::holds(config)?, id)?;
    let report = backend::decide(config, &hold, verdict, terminal).await?;
    Ok(alone(report))
}

async fn by_daemon(
    mut daemon: Daemon,
    verdict: Verdict,
    hold: &HoldReport,
) -> Result<SyncReport, Failure> {
    let id = hold.id.clone();
    let request = match verdict {
        Verdict::Approve => Request::Approve { id },
        Verdict::Restore => Request::Restore { id },
    };
    daemon.tell(request).await?;
    daemon.sync(vec![hold.account.clone()], false).await
}

fn alone(report: AccountSync) -> SyncReport {
    SyncReport {
        dry_run: false,
        accounts: vec![report],
    }
}

/// What the sync did that followed the decision.
fn tell(report: SyncReport, output: &mut Output) -> Result<Outcome, Failure> {
    output.report(&sync::text(&report, output.colour()))?;
    sync::complain(&report, output);
    Ok(report.outcome())
}

/// The hold with that id. The number alone is enough where only one account has it.
fn find(holds: &[HoldReport], id: &str) -> Result<HoldReport, Failure> {
    if let Some(hold) = holds.iter().find(|hold| hold.id == id) {
        return Ok(hold.clone());
    }
    let number = |hold: &&HoldReport| {
        hold.id
            .rsplit_once(':')
            .is_some_and(|(_, number)| number == id)
    };
    let mut alike = holds.iter().filter(number);
    match (alike.next(), alike.next()) {
        (Some(hold), None) => Ok(hold.clone()),
        (Some(one), Some(other)) => Err(Failure::Usage(format!(
            "`{}` may be {} or {}",
            render::plain(id),
            one.id,
            other.id
        ))),
        _ => Err(Failure::Usage(format!(
            "there is no hold `{}`; see `mailferry holds`",
            render::plain(id)
        ))),
    }
}

fn text(holds: &[HoldReport], colour: bool) -> String {
    if holds.is_empty() {
        return "nothing is held\n".to_owned();
    }
    let mut text = table(holds, "WOULD BE DELETED", colour).render();
    text.push_str(
        "`mailferry approve ID` lets them go on, `mailferry restore ID` brings the messages back\n",
    );
    text
}

fn done_text(deletions: &[HoldReport], colour: bool) -> String {
    if deletions.is_empty() {
        return "nothing was deleted that could be brought back\n".to_owned();
    }
    let mut text = table(deletions, "DELETED", colour).render();
    text.push_str("`mailferry restore ID` brings the messages back\n");
    text
}

fn table(holds: &[HoldReport], deleted: &str, colour: bool) -> Table {
    let heads = ["ID", "MAILBOX", "MESSAGES", deleted, "SINCE", "WHY"];
    let mut table = Table::new(&heads, &[2], colour);
    for hold in holds {
        let side = match hold.side {
            HeldSide::Server => "on the server",
            HeldSide::Maildir => "in the Maildir",
        };
        table.row([
            (&hold.id, Tone::Warn),
            (&hold.mailbox, Tone::Plain),
            (&hold.count.to_string(), Tone::Plain),
            (side, Tone::Plain),
            (&hold.since, Tone::Plain),
            (&hold.reason, Tone::Plain),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(id: &str) -> HoldReport {
        HoldReport {
            id: id.to_owned(),
            account: "work".to_owned(),
            mailbox: "INBOX".to_owned(),
            side: HeldSide::Server,
            count: 21,
            since: super::super::reports::timestamp(0),
            reason: "21 of 40 messages".to_owned(),
        }
    }

    #[test]
    fn a_hold_is_found_by_id_or_by_a_number_that_is_clear() {
        let holds = [hold("work:1"), hold("home:1"), hold("home:2")];
        assert_eq!(find(&holds, "home:1").unwrap().id, "home:1");
        assert_eq!(find(&holds, "2").unwrap().id, "home:2");
        assert!(
            find(&holds, "1")
                .unwrap_err()
                .to_string()
                .contains("work:1 or home:1")
        );
        assert_eq!(find(&holds, "3").unwrap_err().outcome(), Outcome::Usage);
    }

    #[test]
    fn the_json_has_the_promised_fields() {
        let json = serde_json::to_value(hold("work:1")).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "id": "work:1", "account": "work", "mailbox": "INBOX", "side": "server", "count": 21,
                "since": "1970-01-01T00:00:00Z", "reason": "21 of 40 messages",
            })
        );
    }

    #[test]
    fn people_see_what_to_do() {
        let text = text(&[hold("work:1")], false);
        assert!(
            text.contains("work:1  INBOX          21  on the server"),
            "{text}"
        );
        assert!(text.contains("approve ID"));
    }
}
