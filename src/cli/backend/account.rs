//! One account put together: server, Maildir, state, clock, progress.

use std::rc::Rc;
use std::time::Duration;

use super::clock::SystemClock;
use super::{hooks, last};
use crate::auth::{Accepted, Bound};
use crate::cli::progress::{AccountProgress, Terminal};
use crate::config::{self, Account, Config, Environment, ImapAccount, Protocol};
use crate::daemon::Watched;
use crate::engine::ports::{Connector as _, Store as _};
use crate::engine::{Fault, Home, Ports, Settings, Telling};
use crate::imap::{ImapConnector, SessionOptions, connect};
use crate::mail::FolderNames;
use crate::maildir::{self, MaildirAccount, MaildirWatch, NotePlaces};
use crate::net::tls::{ClientIdentity, Pin, TlsMode, TlsSettings};
use crate::store::{SqliteStore, database_path};

/// How long a connection must have been open before an upload of an earlier, dead one is given up.
const SETTLE: Duration = Duration::from_secs(10);

/// Up to here looking at every file costs less than the server's answer does.
const LARGE: u64 = 1000;

/// How much longer than for anything else a server may take to answer for a message that it has got whole: many index it
/// first, and whoever hangs up too early has to look for it later.
const PATIENCE: u32 = 10;

/// Everything outside the engine, for one account.
#[derive(Debug)]
pub(super) struct Parts {
    connector: ImapConnector,
    local: MaildirAccount,
    store: SqliteStore,
    clock: SystemClock,
    progress: AccountProgress,
}

impl Parts {
    /// Takes the account's lock and opens its state; touches neither the server nor the Maildir.
    pub(super) async fn open(
        config: &Config,
        account: &Account,
        imap: &ImapAccount,
        terminal: &Terminal,
    ) -> Result<Self, Fault> {
        let opened = SqliteStore::open(&config.state_dir, account.name.as_str()).await?;
        if let Some(aside) = opened.damaged {
            let aside = aside.display();
            tracing::warn!(account = %account.name, "the state was damaged and set aside as {aside}");
        }
        let mut connector = connector(config, account, imap);
        connector.set_naming(opened.store.naming().await?);
        connector.settings.accepted = Accepted::new(last::went_well(config, account));
        Ok(Self {
            connector,
            local: local_told(config, account)?,
            store: opened.store,
            clock: SystemClock::new(),
            progress: terminal.account(account.name.as_str()),
        })
    }

    pub(super) fn sqlite(&self) -> &SqliteStore {
        &self.store
    }

    /// Closes the state properly.
    pub(super) async fn close(self) -> Result<(), Fault> {
        Ok(self.store.close().await?)
    }
}

impl Watched for Parts {
    type Watcher = ImapConnector;
    type Folders = MaildirWatch;

    fn watcher(&self) -> &ImapConnector {
        &self.connector
    }

    async fn watch_folders(&self) -> Result<MaildirWatch, Fault> {
        Ok(self.local.watch().await?)
    }

    fn secret_mark(&self) -> Option<u64> {
        self.connector.settings.secret.mark()
    }

    fn chance(&self) -> u16 {
        chance()
    }
}

impl Ports for Parts {
    type Connector = ImapConnector;

    fn connector(&self) -> &ImapConnector {
        &self.connector
    }
}

impl Home for Parts {
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

/// Two random octets.
pub(super) fn chance() -> u16 {
    let mut octets = [0; 2];
    // Without chance all wait equally long, which is no harm.
    let _ = getrandom::fill(&mut octets);
    u16::from_ne_bytes(octets)
}

/// Opens connections as the configuration says.
pub(super) fn connector(config: &Config, account: &Account, imap: &ImapAccount) -> ImapConnector {
    ImapConnector {
        settings: connection(config, account, imap),
        options: SessionOptions {
            silence: account.timeout,
            append_silence: account.timeout * PATIENCE,
            ..SessionOptions::default()
        },
        compress: imap.compress,
    }
}

/// Where the account's server is and how it is reached.
pub(super) fn connection(
    config: &Config,
    account: &Account,
    imap: &ImapAccount,
) -> connect::Settings {
    let endpoint = &account.endpoint;
    connect::Settings {
        account: account.name.to_string(),
        host: endpoint.host.clone(),
        port: endpoint.port,
        tls: tls(endpoint),
        user: account.user.clone(),
        secret: account.secret.clone(),
        allowed: account.auth.clone(),
        accepted: Accepted::default(),
        ways: connect::Ways::default(),
        bound: bound(config, account),
        hide_capabilities: imap.disable_extensions.clone(),
        timeout: account.timeout,
    }
}

/// What is remembered of bound logins, beside the account's state.
pub(super) fn bound(config: &Config, account: &Account) -> Bound {
    let state = database_path(&config.state_dir, account.name.as_str());
    Bound::in_file(state.with_extension("bound"))
}

/// How a server is encrypted and trusted.
pub(super) fn tls(endpoint: &config::Endpoint) -> TlsSettings {
    let mode = match endpoint.tls {
        config::Tls::Implicit => TlsMode::Implicit,
        config::Tls::Starttls => TlsMode::StartTls,
        config::Tls::None => TlsMode::None,
    };
    let pins = endpoint.pins.iter().copied().map(Pin::from).collect();
    let identity = endpoint.certificate.as_ref().map(|files| ClientIdentity {
        certificate: files.certificate.clone(),
        key: files.key.clone(),
    });
    TlsSettings::new(mode, endpoint.ca_file.clone(), pins).identified(identity)
}

/// The account's Maildir.
pub(super) fn local(account: &Account) -> Result<MaildirAccount, Fault> {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = match host.trim() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    };
    let settings = maildir::Settings {
        root: account.maildir.clone(),
        layout: match account.layout {
            config::Layout::Nested => maildir::Layout::Nested,
            config::Layout::MaildirPlusPlus => maildir::Layout::MaildirPlusPlus,
        },
        follow: match account.follow_links {
            None => maildir::FollowLinks::FromSetUp,
            Some(true) => maildir::FollowLinks::Always,
            Some(false) => maildir::FollowLinks::Never,
        },
        names: match &account.protocol {
            Protocol::Imap(imap) => imap.folders.clone(),
            Protocol::Pop3(_) => FolderNames::default(),
        },
        host,
        notes: notes(),
    };
    Ok(MaildirAccount::open(settings)?)
}

/// Where other programs keep notes of what they put into Maildirs.
fn notes() -> NotePlaces {
    let user = Environment::of_process();
    let [config, state] = [&user.config_home, &user.state_home].map(|it| it.as_deref());
    NotePlaces::of(user.home.as_deref(), config, state)
}

/// The account's Maildir where its hooks are told of what is delivered.
pub(super) fn local_told(config: &Config, account: &Account) -> Result<MaildirAccount, Fault> {
    let local = local(account)?;
    if hooks::of(config, account).next().is_some() {
        local.keep_headers();
    }
    Ok(local)
}

/// The user's wishes as the engine takes them.
pub(super) fn settings(imap: &ImapAccount) -> Settings {
    let patterns = imap.mailboxes.clone();
    Settings {
        policy: imap.policy,
        selects: Rc::new(move |name| patterns.decide(name).included),
        connections: usize::try_from(imap.connections).unwrap_or(1),
        trash_days: imap.trash_days,
        settle: SETTLE,
        large: LARGE,
        thorough: false,
        telling: Telling::default(),
    }
}
