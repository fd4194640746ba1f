//! What bubbles say. Words come in as mails and servers have them and go out fit to be shown.

mod member;

use std::sync::Arc;

pub(super) use self::member::{Detail, Member};
use super::text::{escape, line};
use super::words::{Button, Notice, Privacy, Rules, Urgency};
use crate::mail::MailboxName;

/// The most characters of a sender, a headline, a text, and the name of a mailbox.
const SENDER: usize = 60;
const HEADLINE: usize = 80;
const TEXT: usize = 160;
const MAILBOX: usize = 40;
/// The most lines in a summary.
const LINES: usize = 5;
/// The most characters that a button copies, and of these that are shown on it.
const COPIED: usize = 200;
const COPY_LABEL: usize = 24;
/// What the key of a button that copies begins with; the text follows.
pub(super) const COPY: &str = "copy:";
/// The most names in a summary of senders.
const NAMES: usize = 3;

/// Of so many messages in one bubble everything is known; of those before them only that they are there.
pub(super) const DETAILED: usize = 100;

/// What a notification server can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "as the specification has them"
)]
pub struct Abilities {
    /// Shows text below the headline.
    pub body: bool,
    /// Reads markup in it.
    pub markup: bool,
    /// Shows buttons.
    pub actions: bool,
    /// Plays sounds.
    pub sound: bool,
}

impl Abilities {
    /// From what GetCapabilities says.
    pub fn of<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let mut abilities = Self::default();
        for word in words {
            match word {
                "body" => abilities.body = true,
                "body-markup" => abilities.markup = true,
                "actions" => abilities.actions = true,
                "sound" => abilities.sound = true,
                // `persistence` among them: what is over is withdrawn, be it on the screen or in a list of the past.
                _ => {}
            }
        }
        abilities
    }
}

/// A bubble, to the last letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bubble {
    /// The name of an icon.
    pub icon: &'static str,
    /// The headline.
    pub summary: String,
    /// The text below; empty where the server shows none.
    pub body: String,
    /// The headline where no text is shown below, if it is another one.
    pub alone: Option<String>,
    /// Buttons: what comes back, and what is written on them. `default` is the bubble itself.
    pub actions: Vec<(String, String)>,
    /// How much it matters.
    pub urgency: Urgency,
    /// As the specification has them.
    pub category: Option<&'static str>,
    /// What is played.
    pub sound: Option<&'static str>,
    /// Nothing is to be played: it only changes what is shown already.
    pub hushed: bool,
    /// Stays until it is dismissed.
    pub lasting: bool,
    /// Nothing for a list of past notifications.
    pub transient: bool,
}

impl Bubble {
    pub(super) fn plain(icon: &'static str, summary: String) -> Self {
        Self {
            icon,
            summary,
            body: String::new(),
            alone: None,
            actions: Vec::new(),
            urgency: Urgency::Normal,
            category: None,
            sound: None,
            hushed: false,
            lasting: false,
            transient: false,
        }
    }

    /// Takes away and rewrites what this server would not show as it is meant.
    #[must_use]
    pub fn for_server(mut self, abilities: &Abilities) -> Self {
        if !abilities.body {
            self.summary = self.alone.take().unwrap_or(self.summary);
            self.body.clear();
        } else if abilities.markup {
            self.body = escape(&self.body);
        }
        if !abilities.actions {
            self.actions.clear();
        }
        if !abilities.sound {
            self.sound = None;
        }
        self
    }
}

fn or(text: String, otherwise: &str) -> String {
    if text.is_empty() {
        otherwise.to_owned()
    } else {
        text
    }
}

/// `1 new message`, `12 new messages`.
fn count(number: usize) -> String {
    match number {
        1 => "1 new message".to_owned(),
        number => format!("{number} new messages"),
    }
}

/// What is said of one message. `account` is given where there are several.
pub(super) fn of_one(member: &Member, rules: &Rules, account: Option<&str>, tag: u64) -> Bubble {
    let mailbox = (!member.mailbox.is_inbox()).then(|| line(member.mailbox.as_str(), MAILBOX));
    let place = match (account, mailbox) {
        (None, None) => String::new(),
        (Some(place), None) => format!(" ({place})"),
        (None, Some(place)) => format!(" ({place})"),
        (Some(account), Some(mailbox)) => format!(" ({account}: {mailbox})"),
    };
    let mut bubble = mail(format!("{}{place}", member.sender()), rules);
    let detail = member.detail.as_deref();
    bubble.body = match (rules.privacy, detail) {
        (Privacy::Full, Some(detail)) if detail.text.is_empty() => detail.subject.clone(),
        (Privacy::Full, Some(detail)) => format!("{}\n{}", detail.subject, detail.text),
        _ => "New message".to_owned(),
    };
    if let (Privacy::Full, Some(detail)) = (rules.privacy, detail) {
        bubble.alone = Some(format!("{}: {}", bubble.summary, detail.subject));
    }
    bubble.urgency = detail.map(|detail| detail.urgency).unwrap_or_default();
    bubble.actions = buttons(rules, tag, std::slice::from_ref(member));
    if let (Privacy::Full, Some(detail)) = (rules.privacy, detail) {
        add_copy(&mut bubble.actions, detail.copy.as_deref());
    }
    bubble
}

/// What is said of several messages, the newest last.
pub(super) fn of_many(
    members: &[Member],
    rules: &Rules,
    account: Option<&str>,
    tag: u64,
) -> Bubble {
    let mut bubble = mail(line(&headline(members, account), HEADLINE), rules);
    bubble.body = match rules.privacy {
        Privacy::Full => subjects(members),
        Privacy::Sender => senders(members),
        Privacy::Count => String::new(),
    };
    bubble.actions = buttons(rules, tag, members);
    bubble
}

fn mail(summary: String, rules: &Rules) -> Bubble {
    Bubble {
        category: Some("email.arrived"),
        sound: rules.sound.then_some("message-new-email"),
        ..Bubble::plain("mail-unread", summary)
    }
}

/// How many there are, and where.
fn headline(members: &[Member], account: Option<&str>) -> String {
    let mut mailboxes: Vec<&MailboxName> = members.iter().map(|member| &member.mailbox).collect();
    mailboxes.sort();
    mailboxes.dedup();
    let place = match mailboxes.as_slice() {
        [] => String::new(),
        [one] => format!(" in {}", line(one.as_str(), MAILBOX)),
        several => format!(" in {} mailboxes", several.len()),
    };
    let account = account
        .map(|account| format!(" ({account})"))
        .unwrap_or_default();
    format!("{}{place}{account}", count(members.len()))
}

/// The newest messages, a line each, and how many more there are.
fn subjects(members: &[Member]) -> String {
    let told: Vec<&Arc<Detail>> = members
        .iter()
        .rev()
        .filter_map(|it| it.detail.as_ref())
        .take(LINES)
        .collect();
    let mut lines: Vec<String> = told
        .iter()
        .map(|detail| line(&format!("{}: {}", detail.sender, detail.subject), HEADLINE))
        .collect();
    if members.len() > told.len() {
        lines.push(format!("and {} more", members.len() - told.len()));
    }
    lines.join("\n")
}

/// The newest messages' senders, each once.
fn senders(members: &[Member]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in members
        .iter()
        .rev()
        .map(Member::sender)
        .filter(|name| !name.is_empty())
    {
        if names.len() == NAMES {
            break;
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let told = members
        .iter()
        .filter(|member| names.contains(&member.sender()))
        .count();
    match members.len() - told {
        0 => names.join(", "),
        1 => format!("{} and 1 more message", names.join(", ")),
        more => format!("{} and {more} more messages", names.join(", ")),
    }
}

/// What is written on a button, and comes back with the tag of what was shown.
fn buttons(rules: &Rules, tag: u64, members: &[Member]) -> Vec<(String, String)> {
    let count = members.len();
    let alone = count == 1 && rules.privacy != Privacy::Count;
    let one = |button: &Button| {
        let (word, label) = match button {
            // The bubble itself is what opens the message; its key is fixed.
            Button::Open => return Some(("default".to_owned(), "Open".to_owned())),
            Button::Read if count == 1 => ("read", "Mark as read".to_owned()),
            // Which ones they are is not known any more.
            Button::Read if members.iter().any(|member| member.local.is_none()) => return None,
            Button::Read => ("read", format!("Mark all {count} as read")),
            // Nobody throws away what they have not seen.
            _ if !alone => return None,
            Button::Archive => ("archive", "Archive".to_owned()),
            Button::Delete => ("delete", "Delete".to_owned()),
            Button::Mute => ("mute", "Mute thread".to_owned()),
        };
        Some((format!("{word}:{tag}"), label))
    };
    rules.buttons.iter().filter_map(one).collect()
}

/// A button that copies a text, before all but the bubble itself: many desktops show a few only.
fn add_copy(actions: &mut Vec<(String, String)>, text: Option<&str>) {
    let text = text.map(|text| line(text, COPIED)).unwrap_or_default();
    if text.is_empty() {
        return;
    }
    let behind = actions.iter().take_while(|(key, _)| key == "default");
    let place = behind.count();
    let label = format!("Copy {}", line(&text, COPY_LABEL));
    actions.insert(place, (format!("{COPY}{text}"), label));
}

/// What is said of something that is no message.
pub(super) fn of_notice(notice: &Notice, account: &str) -> Bubble {
    let button = |word: &str, label: &str| (word.to_owned(), label.to_owned());
    match notice {
        Notice::SignIn { reason } => Bubble {
            body: line(reason, TEXT),
            actions: vec![
                button("default", "Try again"),
                button("sign-in", "Try again"),
            ],
            lasting: true,
            ..Bubble::plain("dialog-password", format!("Sign in again: {account}"))
        },
        Notice::Hold {
            mailbox,
            count,
            reason,
            ..
        } => Bubble {
            body: line(reason, TEXT),
            actions: vec![button("approve", "Approve"), button("restore", "Restore")],
            lasting: true,
            ..Bubble::plain("dialog-warning", held(mailbox, *count, account))
        },
        Notice::SetAside { plugin, error } => Bubble {
            body: line(error, TEXT),
            lasting: true,
            ..Bubble::plain(
                "dialog-error",
                format!("Plugin set aside: {}", line(plugin, SENDER)),
            )
        },
        Notice::Said {
            title,
            body,
            urgency,
            copy,
        } => {
            let mut actions = Vec::new();
            add_copy(&mut actions, copy.as_deref());
            Bubble {
                body: line(body, TEXT),
                urgency: *urgency,
                actions,
                ..Bubble::plain("mail-unread", or(line(title, HEADLINE), "mailferry"))
            }
        }
    }
}

fn held(mailbox: &MailboxName, count: u64, account: &str) -> String {
    let many = if count == 1 { "deletion" } else { "deletions" };
    format!(
        "{count} {many} held in {} ({account})",
        line(mailbox.as_str(), MAILBOX)
    )
}

/// Several things that hooks say at once.
pub(super) fn of_talk(said: &[Notice], unsaid: usize) -> Bubble {
    let all = said.len() + unsaid;
    let titles = said
        .iter()
        .rev()
        .take(LINES)
        .filter_map(|notice| match notice {
            Notice::Said { title, .. } => Some(line(title, HEADLINE)),
            _ => None,
        });
    let mut lines: Vec<String> = titles.collect();
    if all > lines.len() {
        lines.push(format!("and {} more", all - lines.len()));
    }
    Bubble {
        body: lines.join("\n"),
        ..Bubble::plain("mail-unread", format!("{all} notes from plugins"))
    }
}

/// That something asked for from a bubble was not done.
pub(super) fn of_failure(what: &str, reason: &str) -> Bubble {
    Bubble {
        body: line(reason, TEXT),
        transient: true,
        ..Bubble::plain("dialog-error", format!("Could not {what}"))
    }
}
