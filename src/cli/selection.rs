//! What the user named on the command line: accounts, and mailboxes of accounts.

use super::Failure;
use super::render;
use crate::config::{Account, AccountName, Config, nearest};
use crate::engine::Unknown;
use crate::mail::MailboxName;

/// One account and what of it was asked for.
#[derive(Clone, Debug)]
pub struct Selected<'a> {
    /// The account.
    pub account: &'a Account,
    /// Only these mailboxes; `None` means all of them.
    pub mailboxes: Option<Vec<MailboxName>>,
}

/// Reads `ACCOUNT[:MAILBOX]...`; nothing means everything. Each account comes once, in the order of the
/// configuration.
///
/// # Errors
/// [`Failure::Usage`]: there is no such account, or a name is empty.
pub fn parse<'a>(config: &'a Config, targets: &[String]) -> Result<Vec<Selected<'a>>, Failure> {
    let mut asked: Vec<(&AccountName, Option<MailboxName>)> = Vec::new();
    for target in targets {
        let (name, mailbox) = match target.split_once(':') {
            Some((name, mailbox)) => (name, Some(mailbox)),
            None => (target.as_str(), None),
        };
        let account = account(config, name)?;
        let mailbox = mailbox.map(|text| mailbox_name(target, text)).transpose()?;
        asked.push((&account.name, mailbox));
    }
    let selected = config.accounts.iter().filter_map(|account| {
        let mut of_account = asked
            .iter()
            .filter(|(name, _)| **name == account.name)
            .peekable();
        if targets.is_empty() {
            return Some(Selected {
                account,
                mailboxes: None,
            });
        }
        of_account.peek()?;
        let mailboxes: Option<Vec<MailboxName>> =
            of_account.map(|(_, mailbox)| mailbox.clone()).collect();
        let mailboxes = mailboxes.map(|mut names| {
            names.sort();
            names.dedup();
            names
        });
        Some(Selected { account, mailboxes })
    });
    Ok(selected.collect())
}

/// One account by name, or all of them.
///
/// # Errors
/// [`Failure::Usage`]: there is no such account.
pub fn accounts<'a>(config: &'a Config, name: Option<&str>) -> Result<Vec<&'a Account>, Failure> {
    match name {
        Some(name) => Ok(vec![account(config, name)?]),
        None => Ok(config.accounts.iter().collect()),
    }
}

/// The account of that name.
///
/// # Errors
/// [`Failure::Usage`], with the nearest name.
pub fn account<'a>(config: &'a Config, name: &str) -> Result<&'a Account, Failure> {
    if let Some(account) = config.account(name) {
        return Ok(account);
    }
    let names: Vec<&str> = config
        .accounts
        .iter()
        .map(|account| account.name.as_str())
        .collect();
    let help = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there is {}", names.join(", ")),
    };
    let name = render::plain(name);
    Err(Failure::Usage(format!(
        "there is no account `{name}`; {help}"
    )))
}

/// What to say of a mailbox that cannot be synced.
pub(super) fn no_mailbox(account: &str, unknown: &Unknown) -> String {
    let name = render::plain(unknown.name.as_str());
    if unknown.left_out {
        return format!(
            "the mailbox {account}:{name} is not synced: `mailboxes` of the configuration leaves it out"
        );
    }
    let others = unknown.others.iter().map(MailboxName::as_str);
    let help = match nearest(unknown.name.as_str(), others) {
        Some(near) => format!("did you mean `{account}:{}`?", render::plain(near)),
        None => format!("`mailferry mailboxes {account}` lists them"),
    };
    format!(
        "there is no mailbox `{name}` in {account}, neither on the server nor in the Maildir; {help}"
    )
}

fn mailbox_name(target: &str, text: &str) -> Result<MailboxName, Failure> {
    MailboxName::parse(text).ok_or_else(|| {
        let target = render::plain(target);
        Failure::Usage(format!(
            "`{target}` names no mailbox; write ACCOUNT:MAILBOX, as in work:Archive/2026"
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Environment;

    fn config() -> Config {
        let account = |name: &str| {
            format!(
                "[accounts.{name}]\nhost = \"h\"\nuser = \"u\"\npassword_file = \"p\"\nmaildir = \"{name}\"\n"
            )
        };
        let text = format!("state_dir = \"/s\"\n{}{}", account("work"), account("home"));
        Config::parse(
            text.as_bytes(),
            Path::new("/c"),
            false,
            &Environment::default(),
        )
        .unwrap()
    }

    fn select(targets: &[&str]) -> Vec<(String, Option<Vec<String>>)> {
        let targets: Vec<String> = targets.iter().map(|text| (*text).to_owned()).collect();
        let config = config();
        let selected = parse(&config, &targets).unwrap();
        let names = |names: Vec<MailboxName>| names.iter().map(ToString::to_string).collect();
        selected
            .into_iter()
            .map(|part| (part.account.name.to_string(), part.mailboxes.map(names)))
            .collect()
    }

    #[test]
    fn nothing_means_everything() {
        assert_eq!(
            select(&[]),
            [("work".to_owned(), None), ("home".to_owned(), None)]
        );
    }

    #[test]
    fn mailboxes_are_gathered_and_a_bare_account_means_all() {
        let boxes = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(
            select(&["home:b", "home:inbox", "home:b"]),
            [("home".to_owned(), boxes(&["INBOX", "b"]))]
        );
        assert_eq!(select(&["home:b", "home"]), [("home".to_owned(), None)]);
        assert_eq!(
            select(&["work:a:b"]),
            [("work".to_owned(), boxes(&["a:b"]))]
        );
    }

    #[test]
    fn a_mailbox_that_cannot_be_synced_is_told_with_what_was_meant() {
        let name = |text: &str| MailboxName::parse(text).unwrap();
        let told = |wrong: &str, left_out| {
            let unknown = Unknown {
                name: name(wrong),
                left_out,
                others: vec![name("INBOX"), name("Archive/2026")],
            };
            no_mailbox("work", &unknown)
        };
        assert!(told("Archiv/2026", false).ends_with("did you mean `work:Archive/2026`?"));
        assert!(told("Zebra", false).ends_with("`mailferry mailboxes work` lists them"));
        assert!(told("Spam", true).contains("leaves it out"));
    }

    #[test]
    fn unknown_names_are_usage_errors() {
        for (target, told) in [
            ("wrok", "did you mean `work`?"),
            ("zzz", "there is work, home"),
            ("work:", "no mailbox"),
            (":a", "no account"),
        ] {
            let failure = parse(&config(), &[target.to_owned()]).unwrap_err();
            assert!(failure.to_string().contains(told), "{failure}");
            assert_eq!(failure.outcome().code(), 2);
        }
    }
}
