//! What the desktop needs of the configuration.

use std::path::PathBuf;

use crate::config::{Account, Config, NotifyAction, Privacy, Protocol};
use crate::desktop::{self, Bus, Button, Chosen, Quiet, Rules, Setup};
use crate::letter::{Body, Letter, read};

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
    let one = |account: &Account| (account.name.to_string(), rules(account));
    config.accounts.iter().map(one).collect()
}

/// The file with the threads that are muted.
fn muted(config: &Config) -> PathBuf {
    config.state_dir.join("muted-threads")
}

/// What an account wants to be shown.
pub(super) fn rules(account: &Account) -> Rules {
    let notify = &account.notify;
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
        // Nobody would keep them.
        keywords: matches!(account.protocol, Protocol::Imap(_)),
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

/// So much of a message is read for what a bubble shows of it.
const READ: usize = 64 * 1024;
/// So much of its text a bubble may show.
const TEXT: usize = 400;

/// What is written on a message; nothing where its file cannot be read.
pub(in crate::cli) async fn letter_of(path: PathBuf) -> desktop::Letter {
    let read = move || {
        let octets = read(&path, READ).ok()?;
        let header = Letter::parse(&octets);
        let from = header.from();
        let references = ["References", "In-Reply-To"].map(|name| header.header(name));
        let references = references.into_iter().flatten().flat_map(|text| ids(&text));
        Some(desktop::Letter {
            name: from.as_ref().map(|it| it.name.clone()).unwrap_or_default(),
            address: from.map(|it| it.address).unwrap_or_default(),
            subject: header.subject(),
            text: Body::parse(&octets, TEXT).text,
            message_id: header.message_id(),
            references: references.collect(),
        })
    };
    let read = tokio::task::spawn_blocking(read).await;
    read.ok().flatten().unwrap_or_default()
}

/// The Message-IDs in a text, without their brackets.
fn ids(text: &str) -> Vec<String> {
    let parts = text.split('<').skip(1);
    let inside = parts.filter_map(|part| part.split_once('>').map(|(id, _)| id));
    inside.map(str::to_owned).collect()
}
