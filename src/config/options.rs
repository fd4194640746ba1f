//! The smaller tables of an account: `sync`, `notify`, and the mailbox rules.

use super::model::{Notify, NotifyAction, Privacy, QuietHours};
use super::paths::Places;
use super::patterns::Patterns;
use super::reader::{Entry, Section, escape};
use super::secret::command;
use crate::mail::{FolderNameError, FolderNames, MailboxName};
use crate::sync::{Deletions, Guard, Policy, Pull, Push};

pub(super) const SYNC_KEYS: [&str; 5] = ["pull", "push", "deletions", "trash_days", "hold"];
pub(super) const HOLD_KEYS: [&str; 2] = ["messages", "percent"];
pub(super) const NOTIFY_KEYS: [&str; 8] = [
    "mailboxes",
    "privacy",
    "burst",
    "quiet_hours",
    "actions",
    "open",
    "archive",
    "sound",
];

/// What `[accounts.NAME.sync]` says.
pub(super) struct Sync {
    pub policy: Policy,
    pub trash_days: u32,
}

/// Reads `[accounts.NAME.sync]`.
pub(super) fn sync(entry: Option<&Entry<'_>>) -> Sync {
    let default = Sync {
        policy: Policy::default(),
        trash_days: 30,
    };
    entry
        .and_then(|entry| entry.table("a table: [accounts.NAME.sync]", |table| read_sync(&table)))
        .unwrap_or(default)
}

fn read_sync(table: &Section<'_>) -> Sync {
    table.only(&SYNC_KEYS, &[]);
    let mut policy = Policy::default();
    if let Some(entry) = table.entry("pull") {
        const WORDS: [&str; 4] = ["new", "flags", "deletions", "mailboxes"];
        let [new, flags, deletions, mailboxes] = words(&entry, WORDS);
        policy.pull = Pull {
            new,
            flags,
            deletions,
            mailboxes,
        };
    }
    if let Some(entry) = table.entry("push") {
        const WORDS: [&str; 5] = ["new", "flags", "deletions", "moves", "mailboxes"];
        let [new, flags, deletions, moves, mailboxes] = words(&entry, WORDS);
        policy.push = Push {
            new,
            flags,
            deletions,
            moves,
            mailboxes,
        };
    }
    let deletions = table.entry("deletions").and_then(|entry| {
        entry.choice(&[
            ("trash", Deletions::Trash),
            ("expunge", Deletions::Expunge),
            ("never", Deletions::Never),
        ])
    });
    policy.deletions = deletions.unwrap_or(policy.deletions);
    let trash_days = table
        .entry("trash_days")
        .and_then(|entry| entry.integer(0..=36_500))
        .and_then(|days| u32::try_from(days).ok());
    if let Some(guard) = table.entry("hold").and_then(|entry| {
        entry.table("a table: { messages = 20, percent = 25 }", |table| {
            read_guard(&table, policy.guard)
        })
    }) {
        policy.guard = guard;
    }
    Sync {
        policy,
        trash_days: trash_days.unwrap_or(30),
    }
}

fn read_guard(table: &Section<'_>, default: Guard) -> Guard {
    table.only(&HOLD_KEYS, &[]);
    let messages = table
        .entry("messages")
        .and_then(|entry| entry.integer(1..=1_000_000_000))
        .and_then(|number| u32::try_from(number).ok());
    let percent = table
        .entry("percent")
        .and_then(|entry| entry.integer(0..=100))
        .and_then(|number| u8::try_from(number).ok());
    Guard {
        messages: messages.unwrap_or(default.messages),
        percent: percent.unwrap_or(default.percent),
    }
}

/// Which of the words stand in an array.
fn words<const N: usize>(entry: &Entry<'_>, words: [&'static str; N]) -> [bool; N] {
    let choices: Vec<(&str, &str)> = words.iter().map(|word| (*word, *word)).collect();
    let elements = entry
        .elements("an array of words, such as [\"new\", \"flags\"]")
        .unwrap_or_default();
    let given: Vec<&str> = elements
        .iter()
        .filter_map(|element| element.choice(&choices))
        .collect();
    words.map(|word| given.contains(&word))
}

/// Reads mailbox rules.
pub(super) fn patterns(entry: &Entry<'_>) -> Option<Patterns> {
    const WANTED: &str = "an array of mailboxes, such as [\"*\", \"!Spam\"]";
    let elements = entry.elements(WANTED)?;
    let mut texts = Vec::new();
    let mut all_fine = true;
    for element in &elements {
        let text = element.text("a mailbox in quotes");
        let fine = text.filter(|text| match Patterns::parse([*text]) {
            Ok(_) => true,
            Err((_, error)) => {
                element.wrong(format!("`{}` {error}", escape(text)));
                false
            }
        });
        all_fine &= fine.is_some();
        texts.extend(fine);
    }
    if !all_fine {
        return None;
    }
    let patterns = Patterns::parse(texts).ok()?;
    if !patterns.takes_anything_in() {
        entry.wrong_help(
            "takes no mailbox in at all",
            "put \"*\" in front: what no rule takes in stays out, and the last rule that matches decides",
        );
        return None;
    }
    Some(patterns)
}

/// Reads `[accounts.NAME.folders]`: mailboxes, and the folders that they are in.
pub(super) fn folders(entry: &Entry<'_>) -> FolderNames {
    let mut names = FolderNames::default();
    entry.table("a table: [accounts.NAME.folders]", |table| {
        for (mailbox, folder) in table.entries() {
            let Some(name) = MailboxName::parse(mailbox) else {
                folder.wrong_key("is not the name of a mailbox", None);
                continue;
            };
            let Some(text) = folder.word("the name of a folder in quotes") else {
                continue;
            };
            match names.add(&name, text) {
                Ok(()) => {}
                Err(FolderNameError::Empty) => folder.wrong_help(
                    "is not the name of a folder",
                    "it is relative to `maildir`, with `/` between levels: \"Archive/2026\"",
                ),
                Err(FolderNameError::Taken) => {
                    folder.wrong(format!(
                        "`{}` is the folder of another mailbox already",
                        escape(text)
                    ));
                }
            }
        }
    });
    names
}

/// Reads `[accounts.NAME.notify]`.
pub(super) fn notify(entry: Option<&Entry<'_>>, places: Places<'_>) -> Notify {
    entry
        .and_then(|entry| {
            entry.table("a table: [accounts.NAME.notify]", |table| {
                read_notify(&table, places)
            })
        })
        .unwrap_or_else(default_notify)
}

const ACTIONS: [(&str, NotifyAction); 5] = [
    ("open", NotifyAction::Open),
    ("read", NotifyAction::Read),
    ("archive", NotifyAction::Archive),
    ("delete", NotifyAction::Delete),
    ("mute", NotifyAction::Mute),
];

fn default_notify() -> Notify {
    Notify {
        mailboxes: Patterns::inbox(),
        privacy: Privacy::Full,
        burst: 5,
        quiet_hours: None,
        actions: ACTIONS.map(|(_, action)| action).to_vec(),
        open: Vec::new(),
        archive: MailboxName::parse("Archive").unwrap_or_else(MailboxName::inbox),
        sound: true,
    }
}

fn read_notify(table: &Section<'_>, places: Places<'_>) -> Notify {
    table.only(&NOTIFY_KEYS, &[]);
    let default = default_notify();
    let mailboxes = table.entry("mailboxes").and_then(|entry| {
        let nothing = entry.value.as_array().is_some_and(|array| array.is_empty());
        // No mailbox is a fine answer here: it means silence.
        if nothing {
            Patterns::parse([]).ok()
        } else {
            patterns(&entry)
        }
    });
    let privacy = table.entry("privacy").and_then(|entry| {
        entry.choice(&[
            ("full", Privacy::Full),
            ("sender", Privacy::Sender),
            ("count", Privacy::Count),
        ])
    });
    let burst = table
        .entry("burst")
        .and_then(|entry| entry.integer(1..=1_000))
        .and_then(|number| u32::try_from(number).ok());
    let quiet_hours = table
        .entry("quiet_hours")
        .and_then(|entry| entry.parsed("two times of day, such as \"22:00-07:00\"", quiet_hours));
    Notify {
        mailboxes: mailboxes.unwrap_or(default.mailboxes),
        privacy: privacy.unwrap_or(default.privacy),
        burst: burst.unwrap_or(default.burst),
        quiet_hours,
        actions: table
            .entry("actions")
            .map_or(default.actions, |entry| actions(&entry)),
        open: table
            .entry("open")
            .and_then(|entry| command(&entry, places))
            .unwrap_or_default(),
        archive: table
            .entry("archive")
            .and_then(|entry| archive(&entry))
            .unwrap_or(default.archive),
        sound: table
            .entry("sound")
            .and_then(|entry| entry.truth())
            .unwrap_or(default.sound),
    }
}

/// Which buttons there are, in the user's order.
fn actions(entry: &Entry<'_>) -> Vec<NotifyAction> {
    let mut actions = Vec::new();
    let elements = entry.elements("an array of words, such as [\"open\", \"read\"]");
    for action in elements
        .unwrap_or_default()
        .iter()
        .filter_map(|element| element.choice(&ACTIONS))
    {
        if !actions.contains(&action) {
            actions.push(action);
        }
    }
    actions
}

fn archive(entry: &Entry<'_>) -> Option<MailboxName> {
    entry.parsed("the name of a mailbox in quotes", |text| {
        let name = MailboxName::parse(text).filter(|name| !name.is_inbox());
        name.ok_or_else(|| {
            format!(
                "`{}` is no mailbox that mail can be archived in",
                escape(text)
            )
        })
    })
}

fn quiet_hours(text: &str) -> Result<QuietHours, String> {
    let wrong = || {
        format!(
            "`{}` is not two times of day, such as \"22:00-07:00\"",
            escape(text)
        )
    };
    let (from, to) = text.split_once('-').ok_or_else(wrong)?;
    let from = time_of_day(from.trim()).ok_or_else(wrong)?;
    let to = time_of_day(to.trim()).ok_or_else(wrong)?;
    if from == to {
        return Err("begins and ends at the same time".to_owned());
    }
    Ok(QuietHours { from, to })
}

/// Minutes after midnight.
fn time_of_day(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !(digits(hours) && digits(minutes) && minutes.len() == 2) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}
