//! What a server is and has: `check` and `mailboxes`.

use super::account::{connection, connector, local};
use super::{letters, status};
use crate::cli::Failure;
use crate::cli::reports::{AccountMailboxes, Feature, MailboxChoice, Problem, ServerCheck, Watch};
use crate::config::{Account, Config, ImapAccount, Protocol};
use crate::engine::Fault;
use crate::engine::ports::{Connector as _, Remote as _, RemoteMailbox};
use crate::imap::capabilities::Capabilities;
use crate::imap::connect;
use crate::imap::watch::foretell;
use crate::mail::SpecialUse;
use crate::store::{SqliteReader, database_path};
use crate::sync::Naming;

/// Extensions in the order of their importance, and what they are used for.
const FEATURES: [(&str, &str); 15] = [
    (
        "QRESYNC",
        "changes since the last sync in one answer, deletions included",
    ),
    ("CONDSTORE", "changed flags only"),
    (
        "LIST-STATUS",
        "all mailboxes and how they stand in one answer",
    ),
    ("SPECIAL-USE", "which mailbox is the trash"),
    (
        "NAMESPACE",
        "names of mailboxes without the server's prefix",
    ),
    ("UIDPLUS", "UIDs of sent messages, exact deletion"),
    ("MOVE", "moves in one step"),
    ("SASL-IR", "one round trip less at login"),
    ("LITERAL+", "sending without asking first"),
    ("LITERAL-", "sending small messages without asking first"),
    ("ENABLE", "switching extensions on"),
    ("UTF8=ACCEPT", "mailbox names in UTF-8"),
    ("COMPRESS=DEFLATE", "less to transfer, with compress = true"),
    ("NOTIFY", "watching all mailboxes, with the daemon"),
    ("IDLE", "watching one mailbox, with the daemon"),
];

/// Connects to an account, logs in, and tells what the server can do.
///
/// # Errors
/// What went wrong; it becomes a problem of the account.
pub async fn check(config: &Config, account: &Account) -> Result<ServerCheck, Fault> {
    let imap = match &account.protocol {
        Protocol::Imap(imap) => imap,
        Protocol::Pop3(_) => return letters::check(config, account).await,
    };
    let mut settings = connection(config, account, imap);
    // Everything is shown here; what is switched off is marked as such.
    let hidden = std::mem::take(&mut settings.hide_capabilities);
    let opened = connect::open(&settings).await?;
    let capabilities = opened.capabilities.clone();
    let session = crate::imap::Session::new(
        opened.stream,
        opened.leftover,
        opened.capabilities,
        crate::imap::SessionOptions {
            veil: opened.veil,
            ..crate::imap::SessionOptions::default()
        },
    );
    session.close().await;
    let foretold = foretell(&capabilities.clone().without(&hidden));
    let watch = status::watch(&foretold.way);
    let login = opened.way.map(|way| Feature {
        name: way.to_owned(),
        used: true,
        note: "logging in".to_owned(),
    });
    Ok(ServerCheck {
        software: opened.server,
        capabilities: capabilities.iter().map(str::to_owned).collect(),
        features: FEATURES
            .iter()
            .map(|(name, use_)| feature(name, use_, &capabilities, imap, watch))
            .chain(login)
            .collect(),
        watch,
        watch_reason: foretold.reason,
    })
}

fn feature(
    name: &str,
    purpose: &str,
    capabilities: &Capabilities,
    imap: &ImapAccount,
    watch: Watch,
) -> Feature {
    let off = imap.disable_extensions.iter().any(|atom| atom == name);
    let other_way = matches!(
        (name, watch),
        ("NOTIFY", Watch::Idle | Watch::Poll) | ("IDLE", Watch::Notify | Watch::Poll)
    );
    let unwanted = name == "COMPRESS=DEFLATE" && !imap.compress;
    let offered = capabilities.has(name);
    let note = match (offered, off, other_way) {
        (false, ..) => "not offered".to_owned(),
        (true, true, _) => "switched off in the configuration".to_owned(),
        (true, false, true) => format!("{purpose}; another way is used"),
        (true, false, false) => purpose.to_owned(),
    };
    Feature {
        name: name.to_owned(),
        used: offered && !off && !other_way && !unwanted,
        note,
    }
}

/// Asks an account's server for its mailboxes and decides on each.
///
/// # Errors
/// What ends the whole program; what goes wrong with the account is in the report.
pub async fn mailboxes(config: &Config, account: &Account) -> Result<AccountMailboxes, Failure> {
    let mut report = AccountMailboxes {
        name: account.name.to_string(),
        mailboxes: Vec::new(),
        problems: Vec::new(),
    };
    let imap = match &account.protocol {
        Protocol::Imap(imap) => imap,
        Protocol::Pop3(_) => return letters::mailboxes(account),
    };
    match list(config, account, imap).await {
        Ok(listed) => {
            let local = local(account)?;
            let choice = |seen: &RemoteMailbox| {
                let decision = imap.mailboxes.decide(&seen.name);
                let folder = local
                    .path_of(&seen.name)
                    .filter(|_| decision.included && seen.selectable);
                MailboxChoice {
                    name: seen.name.as_str().to_owned(),
                    folder: folder.map(|path| path.display().to_string()),
                    role: seen.role.map(role_word).map(str::to_owned),
                    selectable: seen.selectable,
                    included: decision.included && seen.selectable,
                    rule: decision.rule,
                }
            };
            report.mailboxes = listed.iter().map(choice).collect();
        }
        Err(fault) => report.problems.push(Problem::of_account(fault.to_string())),
    }
    Ok(report)
}

async fn list(
    config: &Config,
    account: &Account,
    imap: &ImapAccount,
) -> Result<Vec<RemoteMailbox>, Fault> {
    let connector = connector(config, account, imap);
    connector.set_naming(naming(config, account));
    let mut remote = connector.connect().await?;
    let listed = remote.list().await?;
    remote.close().await;
    Ok(listed)
}

/// How the account calls its mailboxes. A state that cannot be read says nothing of it, which `sync` will report.
fn naming(config: &Config, account: &Account) -> Option<Naming> {
    let path = database_path(&config.state_dir, account.name.as_str());
    SqliteReader::open(&path).ok()??.naming().ok()?
}

fn role_word(role: SpecialUse) -> &'static str {
    match role {
        SpecialUse::All => "all",
        SpecialUse::Archive => "archive",
        SpecialUse::Drafts => "drafts",
        SpecialUse::Flagged => "flagged",
        SpecialUse::Junk => "junk",
        SpecialUse::Sent => "sent",
        SpecialUse::Trash => "trash",
    }
}
