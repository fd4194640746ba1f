//! `sync`: one pass, by the daemon if one runs.

use std::fmt::Write as _;

use super::args::SyncArgs;
use super::output::Output;
use super::progress::Terminal;
use super::render::{self, Table, Tone, count};
use super::reports::{AccountSync, Counts, LeftOnServer, MailboxSync, Problem, State, SyncReport};
use super::selection::{self, Selected};
use super::{Failure, Outcome, backend, block_on, client};
use crate::config::Config;

/// Runs the verb.
pub(super) fn run(
    args: &SyncArgs,
    config: &Config,
    terminal: &Terminal,
    output: &mut Output,
) -> Result<Outcome, Failure> {
    let report = block_on(async {
        // The daemon knows the accounts that it runs, whatever the file says by now.
        if let Some(mut daemon) = client::find(config).await {
            return daemon.sync(args.targets.clone(), args.dry_run).await;
        }
        let selected = selection::parse(config, &args.targets)?;
        sync_all(config, &selected, args.dry_run, terminal).await
    })?
    .unless_unknown()?;
    if args.json {
        output.json(&report)?;
    } else {
        output.report(&text(&report, output.colour()))?;
    }
    complain(&report, output);
    Ok(report.outcome())
}

/// What went wrong, on standard error.
pub(super) fn complain(report: &SyncReport, output: &Output) {
    for account in &report.accounts {
        output.complain_of(&account.name, &account.problems);
    }
}

async fn sync_all(
    config: &Config,
    selected: &[Selected<'_>],
    dry_run: bool,
    terminal: &Terminal,
) -> Result<SyncReport, Failure> {
    // All accounts at once: each waits for its own server most of the time.
    let passes = selected
        .iter()
        .map(|part| async move { backend::sync(config, part, dry_run, terminal).await });
    let accounts = futures_util::future::join_all(passes).await;
    Ok(SyncReport {
        dry_run,
        accounts: accounts.into_iter().collect::<Result<_, _>>()?,
    })
}

/// The report for people.
pub(super) fn text(report: &SyncReport, colour: bool) -> String {
    let mut text = String::new();
    for account in &report.accounts {
        let (state, tone) = match account.state {
            State::Held => ("deletions are held; see `mailferry holds`", Tone::Warn),
            State::Failed => ("failed", Tone::Bad),
            State::Paused => ("paused; see `mailferry resume`", Tone::Warn),
            _ if report.dry_run => ("dry run, nothing was done", Tone::Plain),
            _ => ("in sync", Tone::Good),
        };
        let state = render::paint(state, tone, colour);
        let joined = joined(account, report.dry_run).unwrap_or_default();
        let _ = writeln!(text, "{}: {state}{joined}", render::plain(&account.name));
        let table = table(account, colour);
        if !table.is_empty() {
            text.push_str(&table.render());
        }
        let of_mailboxes = account.mailboxes.iter().flat_map(|mailbox| {
            let name = render::plain(&mailbox.name);
            let lines = mailbox.operations.iter();
            lines.map(move |line| format!("{name}: {}", render::plain(line)))
        });
        let of_account = account.operations.iter().map(|line| render::plain(line));
        for line in of_account.chain(of_mailboxes) {
            let _ = writeln!(text, "  {line}");
        }
    }
    if !report.accounts.is_empty() {
        let _ = writeln!(text, "{}", summary(report));
    }
    text
}

/// What changed, over all accounts, in one line.
fn summary(report: &SyncReport) -> String {
    let mailboxes = || report.accounts.iter().flat_map(|it| &it.mailboxes);
    let sum = |number: fn(&MailboxSync) -> u64| mailboxes().map(number).sum::<u64>();
    let both = |number: fn(&Counts) -> u64| -> u64 {
        mailboxes()
            .map(|it| number(&it.pulled) + number(&it.pushed))
            .sum()
    };
    let parts = [
        (sum(|it| it.pulled.new), "fetched"),
        (sum(|it| it.pushed.new), "sent"),
        (sum(|it| it.linked), "linked"),
        (both(|it| it.flags), "flagged"),
        (both(|it| it.moves), "moved"),
        (both(|it| it.deletions), "deleted"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{} {what}", render::grouped(*number)))
        .collect();
    match (parts.is_empty(), report.dry_run) {
        (true, true) => "no message would change".to_owned(),
        (true, false) => "no message changed".to_owned(),
        (false, true) => format!("messages to change: {}", parts.join(", ")),
        (false, false) => format!("messages changed: {}", parts.join(", ")),
    }
}

/// What became of mail that both sides had already, where there was any: whoever brings a filled Maildir wants to see
/// that it is not transferred again.
fn joined(account: &AccountSync, dry_run: bool) -> Option<String> {
    let sum = |number: fn(&MailboxSync) -> u64| account.mailboxes.iter().map(number).sum::<u64>();
    let linked = sum(|it| it.linked);
    if linked == 0 {
        return None;
    }
    let [linked, new, sent] =
        [linked, sum(|it| it.pulled.new), sum(|it| it.pushed.new)].map(render::grouped);
    Some(match dry_run {
        true => format!(": {linked} linked, {new} to fetch, {sent} to send"),
        false => format!(": {linked} linked, {new} fetched, {sent} sent"),
    })
}

fn table(account: &AccountSync, colour: bool) -> Table {
    let heads = ["MAILBOX", "FROM SERVER", "TO SERVER", "WAITING"];
    let mut table = Table::new(&heads, &[], colour);
    for mailbox in &account.mailboxes {
        let waiting = waiting(mailbox);
        let tone = if waiting.is_empty() {
            Tone::Plain
        } else {
            Tone::Warn
        };
        table.row([
            (&mailbox.name, Tone::Plain),
            (&counts(mailbox.pulled), Tone::Plain),
            (&counts(mailbox.pushed), Tone::Plain),
            (&waiting, tone),
        ]);
    }
    table
}

fn counts(counts: Counts) -> String {
    let parts = [
        (counts.new, "new"),
        (counts.flags, "flagged"),
        (counts.moves, "moved"),
        (counts.deletions, "deleted"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
    if parts.is_empty() {
        "-".to_owned()
    } else {
        parts.join(", ")
    }
}

fn waiting(mailbox: &MailboxSync) -> String {
    let mut parts = Vec::new();
    if mailbox.held > 0 {
        parts.push(format!("{} held", count(mailbox.held, "deletion")));
    }
    if mailbox.parked > 0 {
        parts.push(format!("{} to try again", count(mailbox.parked, "message")));
    }
    parts.extend(mailbox.left_on_server.map(left_words));
    parts.join(", ")
}

/// What was left on a POP3 server, in words.
pub(super) fn left_words(left: LeftOnServer) -> String {
    let parts = [(left.too_large, "too large"), (left.later, "for later")];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
    format!("left there: {}", parts.join(", "))
}

/// Problems, one line each.
pub(super) fn problems(problems: &[Problem], colour: bool) -> String {
    let mut text = String::new();
    for problem in problems {
        let label = render::paint("problem", Tone::Bad, colour);
        let message = render::plain(&problem.message);
        let _ = match &problem.mailbox {
            Some(mailbox) => writeln!(text, "  {label}: {}: {message}", render::plain(mailbox)),
            None => writeln!(text, "  {label}: {message}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> SyncReport {
        SyncReport {
            dry_run: false,
            accounts: vec![AccountSync {
                name: "work".to_owned(),
                state: State::Held,
                mailboxes: vec![MailboxSync {
                    name: "INBOX".to_owned(),
                    pulled: Counts {
                        new: 3,
                        flags: 1,
                        ..Counts::default()
                    },
                    held: 21,
                    ..MailboxSync::default()
                }],
                operations: vec!["create Archive\u{1b}".to_owned()],
                problems: Vec::new(),
                unknown: Vec::new(),
                held: 1,
            }],
        }
    }

    #[test]
    fn whoever_brings_a_filled_maildir_sees_that_it_is_linked() {
        let mut report = report();
        report.accounts[0].state = State::InSync;
        report.accounts[0].mailboxes[0].linked = 1_987;
        let first = |report: &SyncReport| text(report, false).lines().next().map(str::to_owned);
        let done = "work: in sync: 1,987 linked, 3 fetched, 0 sent";
        assert_eq!(first(&report).as_deref(), Some(done));
        report.dry_run = true;
        let foretold = "work: dry run, nothing was done: 1,987 linked, 3 to fetch, 0 to send";
        assert_eq!(first(&report).as_deref(), Some(foretold));
    }

    #[test]
    fn people_see_what_happened_and_what_waits() {
        assert_eq!(
            text(&report(), false),
            "work: deletions are held; see `mailferry holds`\n\
             MAILBOX  FROM SERVER       TO SERVER  WAITING\n\
             INBOX    3 new, 1 flagged  -          21 deletions held\n\
             \u{20} create Archive\\u{1b}\n\
             messages changed: 3 fetched, 1 flagged\n"
        );
    }

    #[test]
    fn the_last_line_says_what_changed() {
        let last = |report: &SyncReport| text(report, false).lines().last().unwrap().to_owned();
        let mut report = report();
        report.dry_run = true;
        assert_eq!(last(&report), "messages to change: 3 fetched, 1 flagged");
        report.accounts[0].mailboxes.clear();
        assert_eq!(last(&report), "no message would change");
        report.dry_run = false;
        assert_eq!(last(&report), "no message changed");
        assert_eq!(text(&SyncReport::default(), false), "");
    }

    #[test]
    fn holds_and_problems_decide_the_exit_code() {
        let mut report = report();
        assert_eq!(report.outcome(), Outcome::Held);
        report.accounts[0].problems.push(Problem::of_account("x"));
        assert_eq!(report.outcome(), Outcome::Failed);
        assert_eq!(SyncReport::default().outcome(), Outcome::InSync);
    }
}
