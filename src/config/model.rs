//! The resolved configuration: every default filled in, every path absolute, every value of its own type.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::patterns::Patterns;
use crate::auth::{Allowed, SecretSource};
use crate::mail::{FolderNames, MailboxName};
use crate::sync::Policy;

/// Everything the configuration says.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it came from, absolute.
    pub file: PathBuf,
    /// Where the state is kept.
    pub state_dir: PathBuf,
    /// At least one, in the order of the file; names are unique.
    pub accounts: Vec<Account>,
    /// In the order of the file.
    pub hooks: Vec<Hook>,
}

impl Config {
    /// The account of that name.
    #[must_use]
    pub fn account(&self, name: &str) -> Option<&Account> {
        self.accounts
            .iter()
            .find(|account| account.name.as_str() == name)
    }
}

/// An account's name: letters, digits, `_`, `.` and `-`; it can be part of a file name and of `ACCOUNT:MAILBOX`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName(Arc<str>);

impl AccountName {
    /// Reads a name; `None` if it is empty, starts with a dot, is longer than 64, or has any other character.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fine = (1..=64).contains(&text.len())
            && !text.starts_with('.')
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        fine.then(|| Self(text.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// One account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name.
    pub name: AccountName,
    /// Where its server is.
    pub endpoint: Endpoint,
    /// Who logs in.
    pub user: String,
    /// Where the password or token comes from.
    pub secret: SecretSource,
    /// By which mechanisms it may be presented.
    pub auth: Allowed,
    /// The root of its Maildir.
    pub maildir: PathBuf,
    /// How folders lie in it.
    pub layout: Layout,
    /// Whether symbolic links to directories are folders; `None`: those that were there when the account was set up.
    pub follow_links: Option<bool>,
    /// How often mailboxes are looked at that no push covers, and POP3 accounts.
    pub poll: Duration,
    /// How long the server may be silent when it owes an answer.
    pub timeout: Duration,
    /// What the desktop is told.
    pub notify: Notify,
    /// The rest, by protocol.
    pub protocol: Protocol,
}

/// What only one protocol knows.
#[derive(Clone, Debug)]
pub enum Protocol {
    /// Both sides are kept the same.
    Imap(ImapAccount),
    /// Mail is fetched.
    Pop3(Pop3Account),
}

impl Protocol {
    /// `imap` or `pop3`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Imap(_) => "imap",
            Self::Pop3(_) => "pop3",
        }
    }
}

/// What only IMAP accounts have.
#[derive(Clone, Debug)]
pub struct ImapAccount {
    /// Which mailboxes are synced.
    pub mailboxes: Patterns,
    /// Which folders are called otherwise than their mailboxes.
    pub folders: FolderNames,
    /// The most connections held at once; at least one.
    pub connections: u32,
    /// The mailboxes that IDLE is used on where there is no NOTIFY, the most important first.
    pub idle: Vec<MailboxName>,
    /// Directions, the way of deleting, the guard.
    pub policy: Policy,
    /// How many days the local trash is kept.
    pub trash_days: u32,
    /// Capability atoms that are to be taken as not announced, in capitals.
    pub disable_extensions: Vec<String>,
    /// Whether to use COMPRESS=DEFLATE (RFC 4978) where offered.
    pub compress: bool,
}

/// What only POP3 accounts have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pop3Account {
    /// How long fetched mail stays on the server.
    pub keep: Keep,
    /// Larger messages are not fetched, in bytes.
    pub max_message_size: Option<u64>,
    /// The most messages fetched in one session.
    pub max_per_session: Option<u32>,
}

/// How long fetched mail stays on the POP3 server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// It is never deleted.
    Forever,
    /// It is deleted as soon as it is safe here.
    Never,
    /// It is deleted this long after it was fetched.
    Age(Duration),
}

/// A server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Host name or address, IPv6 without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: Tls,
    /// A file of certificates (PEM) that are trusted as well.
    pub ca_file: Option<PathBuf>,
    /// If any: SHA-256 of the only public keys (SPKI) that are accepted, whoever signed them.
    pub pins: Vec<[u8; 32]>,
    /// What servers that ask for it are shown.
    pub certificate: Option<ClientCertificate>,
}

/// A client certificate (PEM).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The file of the certificate.
    pub certificate: PathBuf,
    /// The file of its private key.
    pub key: PathBuf,
}

/// How a connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// TLS from the first byte (RFC 8314).
    Implicit,
    /// TLS after STARTTLS or STLS, or no connection at all.
    Starttls,
    /// None; only to loopback hosts.
    None,
}

impl Tls {
    /// As the configuration writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Implicit => "implicit",
            Self::Starttls => "starttls",
            Self::None => "none",
        }
    }
}

/// The key that says where a password comes from.
#[must_use]
pub fn secret_key(source: &SecretSource) -> &'static str {
    match source {
        SecretSource::Plain(_) => "password",
        SecretSource::File(_) => "password_file",
        SecretSource::Command(_) => "password_command",
        SecretSource::Credential(_) => "password_credential",
        SecretSource::Token(_) => "token_command",
        SecretSource::Certificate => "tls_client_cert",
    }
}

/// How folders lie in a Maildir.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `<maildir>/INBOX`, `<maildir>/Archive/2026`.
    Nested,
    /// `<maildir>` is INBOX, `<maildir>/.Archive.2026`.
    MaildirPlusPlus,
}

/// What the desktop is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// New mail in which mailboxes is announced.
    pub mailboxes: Patterns,
    /// How much of it is shown.
    pub privacy: Privacy,
    /// From so many new messages on there is one summary instead of a bubble each.
    pub burst: u32,
    /// No bubbles at these times of day.
    pub quiet_hours: Option<QuietHours>,
    /// What can be done from a bubble, in this order.
    pub actions: Vec<NotifyAction>,
    /// Program and arguments that open a message; empty: the desktop's mail program.
    pub open: Vec<String>,
    /// Where [`NotifyAction::Archive`] moves a message.
    pub archive: MailboxName,
    /// Whether new mail may be heard.
    pub sound: bool,
}

/// What can be done to a message from its notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotifyAction {
    /// It is shown in a mail program.
    Open,
    /// It is marked as read.
    Read,
    /// It is moved to [`Notify::archive`].
    Archive,
    /// It is deleted, as a mail program does it.
    Delete,
    /// No more notifications for its thread.
    Mute,
}

/// How much of a message a notification shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privacy {
    /// Sender, subject and the beginning of the text.
    Full,
    /// The sender.
    Sender,
    /// How many there are.
    Count,
}

/// A span of local time every day, in minutes after midnight; `from` may be later than `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    /// The first quiet minute.
    pub from: u16,
    /// The first minute that is not quiet any more.
    pub to: u16,
}

/// A hook.
#[derive(Clone, Debug, PartialEq)]
pub struct Hook {
    /// What runs.
    pub script: HookScript,
    /// For which accounts; empty means all.
    pub accounts: Vec<AccountName>,
    /// What it is granted: `exec`, `read_body`, `notify`.
    pub allow: Vec<String>,
    /// How long one handler may take.
    pub timeout: Duration,
    /// How much memory it may use, in bytes.
    pub memory: u64,
    /// Whether it is told of the mail that was there before the first sync.
    pub old_mail: bool,
    /// Handed to the script.
    pub options: toml::Table,
}

/// What a hook runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookScript {
    /// A file of the user's.
    File(PathBuf),
    /// A plugin that is shipped.
    Plugin(String),
}
