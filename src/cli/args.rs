//! The arguments, as clap reads them.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Parser, Subcommand};
use clap_complete::Shell;

use crate::setup::import::Tool;

/// Sections with a head line each; the manual has them too.
pub(super) const AFTER_HELP: &str = "\
Exit codes:
  0  all in sync
  1  something failed; the rest was done
  2  wrong usage or configuration
  3  deletions are held; see `mailferry holds`

Files:
  $XDG_CONFIG_HOME/mailferry/config.toml   the configuration
  $XDG_STATE_HOME/mailferry/               the state
  $XDG_RUNTIME_DIR/mailferry/control.sock  where the daemon listens

Environment:
  MAILFERRY_LOG, RUST_LOG   what is logged, as in `info` or `mailferry::imap=debug`";

/// Keeps a local Maildir and a mail server the same, in both directions
#[derive(Debug, Parser)]
#[command(name = "mailferry", version, propagate_version = true, after_long_help = AFTER_HELP)]
pub(super) struct Args {
    /// The configuration file
    #[arg(short, long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Tell more; twice or three times for details
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,

    /// Tell nothing but errors; twice for nothing at all
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "verbose")]
    quiet: u8,

    #[command(subcommand)]
    pub command: Command,
}

impl Args {
    /// How much is told: 0 is warnings and errors, each step up or down is one `-v` or `-q`.
    pub fn verbosity(&self) -> i16 {
        i16::from(self.verbose) - i16::from(self.quiet)
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the daemon, in the foreground
    Run,
    /// Sync once: all accounts, some, or some mailboxes
    Sync(SyncArgs),
    /// Show every account and mailbox: state, last sync, counts, holds
    Status(StatusArgs),
    /// Validate the configuration, connect, log in, and show what the server can do
    Check(CheckArgs),
    /// Show each mailbox on the server, its folder, and the rule that took it in or left it out
    Mailboxes(MailboxesArgs),
    /// Show the deletions that are held
    Holds(HoldsArgs),
    /// Let held deletions go on
    Approve {
        /// The hold, as `mailferry holds` shows it
        id: String,
    },
    /// Bring the messages of held deletions back
    Restore {
        /// The hold, as `mailferry holds` shows it
        id: String,
    },
    /// Let the daemon stop syncing until `resume`
    Pause {
        /// The account; all without it
        account: Option<String>,
    },
    /// Let the daemon go on syncing after `pause`, or after a login that failed
    Resume {
        /// The account; all without it
        account: Option<String>,
    },
    /// Try a hook without touching any mail
    #[command(subcommand)]
    Hooks(HooksCommand),
    /// Try notifications
    #[command(subcommand)]
    Notify(NotifyCommand),
    /// Set up a first account, or one more: find its server, try the login, write the configuration
    Init(InitArgs),
    /// Make a configuration from that of another mail program
    Import(ImportArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

#[derive(Debug, clap::Args)]
pub(super) struct SyncArgs {
    /// What to sync; everything without it
    #[arg(value_name = "ACCOUNT[:MAILBOX]")]
    pub targets: Vec<String>,
    /// Show what would be done and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct StatusArgs {
    /// Print one JSON document (with --watch: one per line)
    #[arg(long)]
    pub json: bool,
    /// Show it again whenever it changes
    #[arg(long)]
    pub watch: bool,
    /// Show every mailbox, also those that are in sync
    #[arg(long)]
    pub all: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    /// The account; all without it
    pub account: Option<String>,
    /// Look at the configuration only, connect to nothing
    #[arg(long)]
    pub offline: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct MailboxesArgs {
    /// The account; all without it
    pub account: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct HoldsArgs {
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// Show deletions that were carried out instead; `restore` brings them back, too
    #[arg(long)]
    pub done: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ImportArgs {
    /// The program
    #[arg(value_name = "TOOL", value_parser = tool_parser())]
    pub tool: Tool,
    /// Its configuration; without it the usual place
    pub file: Option<PathBuf>,
    /// Add the accounts to the configuration; they are only printed without it
    #[arg(long)]
    pub write: bool,
}

#[derive(Debug, Default, clap::Args)]
pub(super) struct InitArgs {
    /// The mail address
    #[arg(long, value_name = "ADDRESS")]
    pub email: Option<String>,
    /// What the account is called; from the address without it
    #[arg(long)]
    pub name: Option<String>,
    /// Where its mail is kept; ~/Mail/NAME without it
    #[arg(long, value_name = "DIRECTORY")]
    pub maildir: Option<String>,
    /// The server; it is looked for without it
    #[arg(long)]
    pub host: Option<String>,
    /// The server's port; the usual one without it
    #[arg(long, requires = "host", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// When TLS begins
    #[arg(long, requires = "host", value_parser = ["implicit", "starttls", "none"])]
    pub tls: Option<String>,
    /// A certificate (PEM) that is trusted as well
    #[arg(long, value_name = "FILE")]
    pub tls_ca_file: Option<String>,
    /// The user name; the address, or what the provider takes, without it
    #[arg(long)]
    pub user: Option<String>,
    /// How mail is fetched
    #[arg(long, value_parser = ["imap", "pop3"])]
    pub protocol: Option<String>,
    /// A command that prints the password
    #[arg(long, value_name = "COMMAND", group = "secret")]
    pub password_command: Option<String>,
    /// A file with the password, which only you may read
    #[arg(long, value_name = "FILE", group = "secret")]
    pub password_file: Option<String>,
    /// The desktop's keyring: not in this version yet
    #[arg(long, value_name = "ENTRY", group = "secret")]
    pub password_keyring: Option<String>,
    /// An access token in place of a password: not in this version yet
    #[arg(long, group = "secret")]
    pub oauth2: bool,
    /// Look nothing up and try nothing
    #[arg(long)]
    pub offline: bool,
    /// Ask nothing, and write the configuration
    #[arg(long)]
    pub yes: bool,
}

/// Reads the name of a tool.
fn tool_parser() -> impl TypedValueParser<Value = Tool> {
    let names = Tool::ALL.map(|(name, _)| name);
    PossibleValuesParser::new(names).map(|name| {
        let found = Tool::ALL.into_iter().find(|(known, _)| *known == name);
        found.map_or(Tool::Mbsync, |(_, tool)| tool)
    })
}

#[derive(Debug, Subcommand)]
pub(super) enum NotifyCommand {
    /// Show one notification, and what the desktop can do with them
    Test,
}

#[derive(Debug, Subcommand)]
pub(super) enum HooksCommand {
    /// Load a hook and show what it listens to, and what it must be granted
    Check {
        #[command(flatten)]
        hook: HooksTry,
    },
    /// Bring back a hook that was set aside
    Enable {
        /// As `status` shows it, or the end of its path
        name: String,
    },
    /// Run a hook on a message and show what it would do
    Run {
        #[command(flatten)]
        hook: HooksTry,
        /// The message
        #[arg(long, value_name = "FILE")]
        message: PathBuf,
        /// The event
        #[arg(long, value_name = "NAME", default_value = "message.new")]
        event: String,
        /// The mailbox that the message is said to be in
        #[arg(long, value_name = "NAME", default_value = "INBOX")]
        mailbox: String,
        /// With `exec` programs are run; they are only shown without it
        #[arg(long, value_name = "CAPABILITY", value_parser = ["exec"])]
        allow: Vec<String>,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct HooksTry {
    /// The Lua file, or the name of a plugin
    pub file: PathBuf,
    /// The hook's options, as in the configuration: '{ folder = "Lists" }'
    #[arg(long, value_name = "TOML")]
    pub options: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn verbosity_counts_both_ways_and_anywhere() {
        let of = |words: &[&str]| Args::try_parse_from(words).map(|args| args.verbosity());
        assert_eq!(of(&["mailferry", "-vv", "man"]).unwrap(), 2);
        assert_eq!(of(&["mailferry", "man", "-q"]).unwrap(), -1);
        assert!(of(&["mailferry", "-v", "-q", "man"]).is_err());
    }
}
