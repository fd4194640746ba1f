//! `mailboxes`: what the server has, and what becomes of it.

use std::fmt::Write as _;

use super::args::MailboxesArgs;
use super::output::Output;
use super::render::{self, Table, Tone};
use super::reports::MailboxesReport;
use super::{Failure, Outcome, backend, block_on, selection};
use crate::config::Config;

/// Runs the verb.
pub(super) fn run(
    args: &MailboxesArgs,
    config: &Config,
    output: &mut Output,
) -> Result<Outcome, Failure> {
    let accounts = selection::accounts(config, args.account.as_deref())?;
    let report = block_on(async {
        let mut report = MailboxesReport::default();
        for account in accounts {
            report
                .accounts
                .push(backend::mailboxes(config, account).await?);
        }
        Ok(report)
    })?;
    if args.json {
        output.json(&report)?;
    } else {
        output.text(&text(&report, output.colour()))?;
    }
    let accounts = report.accounts.iter();
    let problems = accounts.map(|account| (account.name.as_str(), account.problems.as_slice()));
    Ok(output.complain_of_all(problems))
}

fn text(report: &MailboxesReport, colour: bool) -> String {
    let mut text = String::new();
    for account in &report.accounts {
        let _ = writeln!(text, "{}:", render::plain(&account.name));
        let mut table = Table::new(&["MAILBOX", "SYNCED", "RULE", "FOLDER"], &[], colour);
        for mailbox in &account.mailboxes {
            let (synced, tone) = match (mailbox.selectable, mailbox.included) {
                (false, _) => ("holds no mail", Tone::Plain),
                (true, true) => ("yes", Tone::Good),
                (true, false) => ("no", Tone::Warn),
            };
            table.row([
                (&mailbox.name, Tone::Plain),
                (synced, tone),
                (
                    mailbox.rule.as_deref().unwrap_or("(none matches)"),
                    Tone::Plain,
                ),
                (mailbox.folder.as_deref().unwrap_or("-"), Tone::Plain),
            ]);
        }
        if !table.is_empty() {
            text.push_str(&table.render());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::reports::{AccountMailboxes, MailboxChoice};
    use super::*;

    #[test]
    fn people_see_the_rule_that_decided() {
        let choice = |name: &str, included: bool, rule: Option<&str>| MailboxChoice {
            name: name.to_owned(),
            folder: included.then(|| format!("/m/{name}")),
            role: None,
            selectable: true,
            included,
            rule: rule.map(str::to_owned),
        };
        let report = MailboxesReport {
            accounts: vec![AccountMailboxes {
                name: "work".to_owned(),
                mailboxes: vec![
                    choice("INBOX", true, Some("*")),
                    choice("Spam", false, Some("!Spam")),
                    choice("Odd", false, None),
                ],
                problems: Vec::new(),
            }],
        };
        assert_eq!(
            text(&report, false),
            "work:\nMAILBOX  SYNCED  RULE            FOLDER\n\
             INBOX    yes     *               /m/INBOX\n\
             Spam     no      !Spam           -\n\
             Odd      no      (none matches)  -\n"
        );
    }
}
