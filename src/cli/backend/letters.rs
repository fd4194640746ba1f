//! One POP3 account put together, and what the verbs do with it.

use std::rc::Rc;

use super::account::{bound, local, local_told, tls};
use super::clock::SystemClock;
use super::last;
use super::listeners::Listeners;
use super::pass::{ending, failed, remember, told};
use crate::auth::Accepted;
use crate::cli::Failure;
use crate::cli::progress::{AccountProgress, Terminal};
use crate::cli::reports::{
    AccountMailboxes, AccountSync, Feature, MailboxChoice, Problem, ServerCheck, State, Watch,
};
use crate::cli::selection::Selected;
use crate::config::{Account, Config, Keep, Pop3Account};
use crate::daemon::Collected;
use crate::engine::ports::{Clock as _, Maildrop as _, Postbox as _};
use crate::engine::{Fault, Home, LetterPorts, Mode, carry_home, letter_acts};
use crate::mail::MailboxName;
use crate::maildir::MaildirAccount;
use crate::pop3::{self, Pop3Postbox};
use crate::store::SqliteStore;
use crate::sync::{KeepLetters, LettersPolicy};

/// What servers may offer, and what it is used for.
const FEATURES: [(&str, &str); 6] = [
    ("UIDL", "names by which letters are known again"),
    ("TOP", "comparing headers before anything is deleted"),
    ("PIPELINING", "asking for many letters at once"),
    ("UTF8", "letters as they are, not downgraded"),
    (
        "RESP-CODES",
        "telling a busy maildrop from a wrong password",
    ),
    (
        "AUTH-RESP-CODE",
        "telling a wrong password from other trouble",
    ),
];

/// Everything outside the engine, for one account.
#[derive(Debug)]
pub(super) struct LetterParts {
    postbox: Pop3Postbox,
    local: MaildirAccount,
    store: SqliteStore,
    clock: SystemClock,
    progress: AccountProgress,
}

impl LetterParts {
    /// Takes the account's lock and opens its state; touches neither the server nor the Maildir.
    pub(super) async fn open(
        config: &Config,
        account: &Account,
        terminal: &Terminal,
    ) -> Result<Self, Fault> {
        let opened = SqliteStore::open(&config.state_dir, account.name.as_str()).await?;
        if let Some(aside) = opened.damaged {
            let aside = aside.display();
            tracing::warn!(account = %account.name, "the state was damaged and set aside as {aside}");
        }
        let mut postbox = postbox(config, account);
        postbox.settings.accepted = Accepted::new(last::went_well(config, account));
        Ok(Self {
            postbox,
            local: local_told(config, account)?,
            store: opened.store,
            clock: SystemClock::new(),
            progress: terminal.account(account.name.as_str()),
        })
    }

    /// Closes the state properly.
    pub(super) async fn close(self) -> Result<(), Fault> {
        Ok(self.store.close().await?)
    }
}

impl Home for LetterParts {
    type Local = MaildirAccount;
    type Store = SqliteStore;
    type Clock = SystemClock;
    type Observer = AccountProgress;

    fn local(&self) -> &MaildirAccount {
        &self.local
    }

    fn store(&self) -> &SqliteStore {
        &self.store
    }

    fn clock(&self) -> &SystemClock {
        &self.clock
    }

    fn observer(&self) -> &AccountProgress {
        &self.progress
    }
}

impl LetterPorts for LetterParts {
    type Postbox = Pop3Postbox;

    fn postbox(&self) -> &Pop3Postbox {
        &self.postbox
    }
}

impl Collected for LetterParts {
    fn secret_mark(&self) -> Option<u64> {
        self.postbox.settings.secret.mark()
    }

    fn chance(&self) -> u16 {
        super::account::chance()
    }
}

/// How the account's server is reached.
fn postbox(config: &Config, account: &Account) -> Pop3Postbox {
    let endpoint = &account.endpoint;
    Pop3Postbox {
        settings: pop3::Settings {
            account: account.name.to_string(),
            host: endpoint.host.clone(),
            port: endpoint.port,
            tls: tls(endpoint),
            user: account.user.clone(),
            secret: account.secret.clone(),
            accepted: Accepted::default(),
            allowed: account.auth.clone(),
            bound: bound(config, account),
            timeout: account.timeout,
        },
    }
}

/// The user's wishes as the engine takes them.
pub(super) fn policy(pop3: &Pop3Account) -> LettersPolicy {
    LettersPolicy {
        keep: match pop3.keep {
            Keep::Forever => KeepLetters::Forever,
            Keep::Never => KeepLetters::Never,
            Keep::Age(age) => KeepLetters::Seconds(age.as_secs()),
        },
        max_size: pop3.max_message_size,
        max_letters: pop3.max_per_session,
    }
}

/// One session with a POP3 account. What goes wrong with the account is in the report.
pub(super) async fn sync(
    config: &Config,
    selected: &Selected<'_>,
    pop3: &Pop3Account,
    dry_run: bool,
    terminal: &Terminal,
) -> AccountSync {
    let account = selected.account;
    if let Some(refused) = elsewhere(selected) {
        return refused;
    }
    let parts = match LetterParts::open(config, account, terminal).await {
        Ok(parts) => parts,
        Err(fault) => return failed(account, &fault),
    };
    let mode = if dry_run { Mode::DryRun } else { Mode::Apply };
    let listeners = Listeners::of(config, account, &Rc::default(), None);
    let telling = listeners.telling();
    let (report, result) = carry_home(&parts, policy(pop3), telling, mode).await;
    let left = report.left_there;
    let mut report = told(account, report);
    if let Err(fault) = result {
        report = with_fault(report, &fault);
    }
    if mode == Mode::Apply {
        remember(config, account, &report, left, parts.clock.now());
        // What listeners do stays here: there is nothing to be synced after it.
        let name = account.name.as_str();
        let none = std::future::ready(());
        let ended = |(): &()| ending(&report);
        let told = listeners.hear_once(&parts, letter_acts(), name, none, ended, async || {});
        let ((), told) = told.await;
        if let Err(fault) = told {
            report = with_fault(report, &fault);
        }
    }
    match parts.close().await {
        Ok(()) => report,
        Err(fault) => with_fault(report, &fault),
    }
}

/// A POP3 account has one mailbox; what is asked of others is refused.
pub(super) fn elsewhere(selected: &Selected<'_>) -> Option<AccountSync> {
    let names = selected.mailboxes.as_ref()?;
    let inbox = MailboxName::inbox();
    let other = names.iter().find(|name| **name != inbox)?;
    let text = format!("a POP3 account has no mailbox but INBOX, so not {other}");
    let mut refused = failed(selected.account, &text);
    refused.unknown.push(text);
    Some(refused)
}

fn with_fault(mut report: AccountSync, fault: &Fault) -> AccountSync {
    report.state = State::Failed;
    report.problems.push(Problem::of_account(fault.to_string()));
    report
}

/// Logs in and tells what the server can do.
pub(super) async fn check(config: &Config, account: &Account) -> Result<ServerCheck, Fault> {
    let mut session = postbox(config, account).open().await?;
    let offered = session.capabilities();
    let listed = session.list().await?;
    let utf8 = session.speaks_utf8();
    let feature = |(name, purpose): &(&str, &str)| {
        // UIDL shows by being answered; many do not announce it.
        let there = match *name {
            "UIDL" => listed.named,
            name => offered.has(name),
        };
        Feature {
            name: (*name).to_owned(),
            used: there && (*name != "UTF8" || utf8),
            note: if there {
                (*purpose).to_owned()
            } else {
                "not offered".to_owned()
            },
        }
    };
    let mut features: Vec<Feature> = FEATURES.iter().map(feature).collect();
    features.push(Feature {
        name: session.way().to_owned(),
        used: true,
        note: "logging in".to_owned(),
    });
    let check = ServerCheck {
        software: Some(session.greeting().to_owned()).filter(|text| !text.is_empty()),
        capabilities: offered.iter().map(str::to_owned).collect(),
        features,
        watch: Watch::Poll,
        watch_reason: "POP3 tells of nothing by itself".to_owned(),
    };
    // Nothing was marked: how it ends makes no difference.
    let _ = session.quit().await;
    Ok(check)
}

/// The one mailbox there is, without asking the server.
pub(super) fn mailboxes(account: &Account) -> Result<AccountMailboxes, Failure> {
    let inbox = MailboxName::inbox();
    let folder = local(account)?.path_of(&inbox);
    Ok(AccountMailboxes {
        name: account.name.to_string(),
        mailboxes: vec![MailboxChoice {
            name: inbox.as_str().to_owned(),
            folder: folder.map(|path| path.display().to_string()),
            role: None,
            selectable: true,
            included: true,
            rule: None,
        }],
        problems: Vec::new(),
    })
}
