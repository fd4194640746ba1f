//! What the desktop needs of the configuration.

use std::path::PathBuf;

use crate::config::{Account, Config, Notify, NotifyAction, Privacy};
use crate::desktop::{self, Bus, Button, Chosen, Quiet, Rules, Setup};

/// How notifications begin.
pub fn setup(config: &Config) -> Setup {
    Setup {
        bus: Bus::Session,
        accounts: accounts(config),
        muted: Some(muted(config)),
    }
}

/// The accounts, and what is to be shown of them.
pub fn accounts(config: &Config) -> Vec<(String, Rules)> {
    let one = |account: &Account| (account.name.to_string(), rules(&account.notify));
    config.accounts.iter().map(one).collect()
}

/// The file with the threads that are muted.
fn muted(config: &Config) -> PathBuf {
    config.state_dir.join("muted-threads")
}

fn rules(notify: &Notify) -> Rules {
    let patterns = notify.mailboxes.clone();
    Rules {
        mailboxes: Chosen::new(move |mailbox| patterns.decide(mailbox).included),
        privacy: match notify.privacy {
            Privacy::Full => desktop::Privacy::Full,
            Privacy::Sender => desktop::Privacy::Sender,
            Privacy::Count => desktop::Privacy::Count,
        },
        burst: usize::try_from(notify.burst).unwrap_or(usize::MAX),
        quiet: notify.quiet_hours.map(|quiet| Quiet {
            from: quiet.from,
            to: quiet.to,
        }),
        buttons: notify.actions.iter().copied().map(button).collect(),
        open: notify.open.clone(),
        archive: notify.archive.clone(),
        sound: notify.sound,
    }
}

fn button(action: NotifyAction) -> Button {
    match action {
        NotifyAction::Open => Button::Open,
        NotifyAction::Read => Button::Read,
        NotifyAction::Archive => Button::Archive,
        NotifyAction::Delete => Button::Delete,
        NotifyAction::Mute => Button::Mute,
    }
}
