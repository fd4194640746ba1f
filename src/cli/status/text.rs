//! `status` for people: what needs them first, then the accounts, and of the mailboxes only those that are not in sync.

use std::fmt::Write as _;

use super::super::render::{self, Table, Tone, count};
use super::super::reports::{AccountStatus, HookStatus, MailboxStatus, State, StatusReport, Watch};
use super::super::sync;
use super::super::times::Now;

/// How it is shown.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// Whether colours may be used.
    pub(super) colour: bool,
    /// Every mailbox, also those that are in sync.
    pub(super) all: bool,
    /// What times are told from.
    pub(super) now: Now,
}

/// The whole report.
pub(super) fn text(report: &StatusReport, view: &View) -> String {
    let mut text = String::new();
    let (troubled, fine): (Vec<_>, Vec<_>) = report.hooks.iter().partition(|it| is_troubled(it));
    for hook in troubled {
        hook_lines(hook, &mut text);
    }
    for account in &report.accounts {
        head(account, view, &mut text);
        needs(account, view, &mut text);
        text.push_str(
            &table(account, view)
                .filter(|it| !it.is_empty())
                .map_or_else(String::new, |it| it.render()),
        );
    }
    let running = fine.iter().filter(|hook| hook.state == "running").count();
    if running > 0 {
        let running = count(u64::try_from(running).unwrap_or(u64::MAX), "hook");
        let _ = writeln!(text, "{running} running");
    }
    // That all is well, or that nobody asked yet, is nothing to be told.
    let shown = report.notifications.as_ref();
    if let Some(shown) = shown.filter(|shown| !["idle", "ready"].contains(&shown.state.as_str())) {
        let (state, detail) = (render::plain(&shown.state), render::plain(&shown.detail));
        let _ = writeln!(text, "notifications: {state}: {detail}");
    }
    text
}

fn is_troubled(hook: &HookStatus) -> bool {
    hook.state == "set-aside" || hook.last_error.is_some() || hook.abandoned + hook.killed > 0
}

fn hook_lines(hook: &HookStatus, text: &mut String) {
    let (file, state) = (render::plain(&hook.file), render::plain(&hook.state));
    let _ = write!(text, "hook {file}: {state}");
    if let Some(error) = &hook.last_error {
        let failures = count(hook.failures, "failure");
        let _ = write!(text, ", {failures}: {}", render::plain(error));
    }
    for (number, what) in [
        (hook.abandoned, "thread abandoned"),
        (hook.killed, "program killed"),
    ] {
        if number > 0 {
            let _ = write!(text, "; {number} {what}");
        }
    }
    text.push('\n');
    if hook.state == "set-aside" {
        let _ = writeln!(text, "  back with: mailferry hooks enable {file}");
    }
}

fn head(account: &AccountStatus, view: &View, text: &mut String) {
    let (state, tone) = state(account.state);
    let watch = super::watch_words(account.watch);
    let reason = account.watch_reason.as_deref();
    let reason = reason.filter(|_| account.watch != Watch::Notify);
    let reason = reason.map(|reason| format!(" ({})", render::plain(reason)));
    let reason = reason.unwrap_or_default();
    let last = account.last_sync.as_deref();
    let last = last.map_or_else(|| "never".to_owned(), |time| view.now.shown(time));
    let _ = write!(
        text,
        "{}: {}, {watch}{reason}, last sync {last}",
        render::plain(&account.name),
        render::paint(state, tone, view.colour)
    );
    if !account.mailboxes.is_empty() {
        let messages = account.mailboxes.iter().map(|it| it.messages).sum();
        let _ = write!(
            text,
            "; {} in {}",
            count(messages, "message"),
            mailboxes(account.mailboxes.len())
        );
    }
    if account.in_flight > 0 {
        let _ = write!(text, ", {} on the way", account.in_flight);
    }
    text.push('\n');
}

fn mailboxes(number: usize) -> String {
    match number {
        1 => "1 mailbox".to_owned(),
        more => format!("{more} mailboxes"),
    }
}

/// What somebody should look at, and what to type next.
fn needs(account: &AccountStatus, view: &View, text: &mut String) {
    text.push_str(&sync::problems(&account.problems, view.colour));
    for hold in &account.holds {
        let label = render::paint("held", Tone::Warn, view.colour);
        let what = count(hold.count, "deletion");
        let (mailbox, reason) = (render::plain(&hold.mailbox), render::plain(&hold.reason));
        let id = render::plain(&hold.id);
        let _ = writeln!(text, "  {label}: {id}: {what} in {mailbox}: {reason}");
        let _ = writeln!(
            text,
            "    delete them: mailferry approve {id}   bring them back: mailferry restore {id}"
        );
    }
    if account.state == State::Paused {
        let name = render::plain(&account.name);
        let _ = writeln!(text, "  go on: mailferry resume {name}");
    }
    if let Some(limited) = &account.limited {
        let allowed = count(limited.allowed.try_into().unwrap_or(u64::MAX), "connection");
        let _ = writeln!(
            text,
            "  only {} of {allowed}: {}",
            limited.connections,
            render::plain(&limited.reason)
        );
    }
}

/// The mailboxes that have something to tell.
fn table(account: &AccountStatus, view: &View) -> Option<Table> {
    let untold = |it: &&MailboxStatus| view.all || has_something(it);
    let shown: Vec<&MailboxStatus> = account.mailboxes.iter().filter(untold).collect();
    let never = |it: &&MailboxStatus| it.state == State::Never;
    if !view.all && account.state == State::Never && shown.iter().all(never) {
        return None;
    }
    let heads = ["MAILBOX", "STATE", "MESSAGES", "LAST SYNC"];
    let mut table = Table::new(&heads, &[2], view.colour);
    for mailbox in shown {
        let (state, tone) = state(mailbox.state);
        let mut messages = mailbox.messages.to_string();
        if mailbox.parked > 0 {
            let _ = write!(messages, " (+{} to try again)", mailbox.parked);
        }
        if let Some(left) = mailbox.left_on_server {
            let _ = write!(messages, " ({})", sync::left_words(left));
        }
        let last = mailbox.last_sync.as_deref();
        let last = last.map_or_else(|| "never".to_owned(), |time| view.now.shown(time));
        table.row([
            (&mailbox.name, Tone::Plain),
            (state, tone),
            (&messages, Tone::Plain),
            (&last, Tone::Plain),
        ]);
    }
    Some(table)
}

fn has_something(mailbox: &MailboxStatus) -> bool {
    mailbox.state != State::InSync || mailbox.parked > 0 || mailbox.left_on_server.is_some()
}

fn state(state: State) -> (&'static str, Tone) {
    match state {
        State::Never => ("never synced", Tone::Plain),
        State::InSync => ("in sync", Tone::Good),
        State::Syncing => ("syncing", Tone::Plain),
        State::Held => ("deletions held", Tone::Warn),
        State::Failed => ("failed", Tone::Bad),
        State::Paused => ("paused", Tone::Warn),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Outcome;
    use super::super::super::reports::{HeldSide, HoldReport, NotificationStatus, Problem};
    use super::*;

    fn view() -> View {
        View {
            colour: false,
            all: false,
            now: Now::at(120),
        }
    }

    fn report() -> StatusReport {
        StatusReport {
            accounts: vec![AccountStatus {
                name: "work".to_owned(),
                protocol: "imap".to_owned(),
                state: State::Failed,
                watch: Watch::None,
                watch_reason: None,
                limited: None,
                last_sync: Some(crate::cli::reports::timestamp(0)),
                in_flight: 0,
                mailboxes: vec![MailboxStatus {
                    name: "INBOX".to_owned(),
                    state: State::InSync,
                    messages: 12,
                    parked: 1,
                    last_sync: None,
                    left_on_server: None,
                }],
                holds: Vec::new(),
                problems: vec![Problem {
                    mailbox: Some("Spam".to_owned()),
                    message: "NO \u{7}".to_owned(),
                }],
            }],
            hooks: vec![HookStatus {
                file: "a.lua".to_owned(),
                state: "set-aside".to_owned(),
                failures: 3,
                last_error: Some("boom".to_owned()),
                abandoned: 1,
                killed: 0,
            }],
            notifications: None,
        }
    }

    #[test]
    fn people_see_why_they_see_no_notifications() {
        use crate::desktop::State;

        let told = |state| {
            let notifications = Some(NotificationStatus::of(&state));
            let report = StatusReport {
                notifications,
                ..StatusReport::default()
            };
            (
                text(&report, &view()),
                serde_json::to_value(&report).unwrap()["notifications"].clone(),
            )
        };
        let (text, json) = told(State::Unavailable {
            reason: "there is no session bus: \u{1b}[1m".to_owned(),
        });
        let line = "notifications: unavailable: there is no session bus: \\u{1b}[1m\n";
        assert_eq!(text, line);
        assert_eq!(json["state"], "unavailable");
        let server = "dunst 1.9.0".to_owned();
        let (text, json) = told(State::Ready { server });
        assert_eq!(text, "");
        assert_eq!(json["detail"], "shown by dunst 1.9.0");
        assert_eq!(told(State::Idle).0, "");
    }

    #[test]
    fn people_see_state_counts_and_problems() {
        assert_eq!(
            text(&report(), &view()),
            "hook a.lua: set-aside, 3 failures: boom; 1 thread abandoned\n\
             \u{20} back with: mailferry hooks enable a.lua\n\
             work: failed, not watched, last sync 2 minutes ago; 12 messages in 1 mailbox\n\
             \u{20} problem: Spam: NO \\u{7}\n\
             MAILBOX  STATE                MESSAGES  LAST SYNC\n\
             INBOX    in sync  12 (+1 to try again)  never\n"
        );
    }

    #[test]
    fn people_see_how_an_account_is_watched_and_why() {
        let mut report = report();
        report.accounts[0].watch = Watch::Idle;
        report.accounts[0].watch_reason = Some("it has no NOTIFY \u{7}".to_owned());
        let told = text(&report, &view());
        let line = "work: failed, watched with IDLE (it has no NOTIFY \\u{7}), last sync";
        assert!(told.contains(line), "{told}");
    }

    #[test]
    fn people_see_that_a_server_grants_fewer_connections() {
        let mut report = report();
        report.accounts[0].limited = Some(crate::cli::reports::LimitedReport {
            connections: 1,
            allowed: 3,
            reason: "NO [LIMIT] \u{7}".to_owned(),
        });
        let told = text(&report, &view());
        assert!(
            told.contains("\n  only 1 of 3 connections: NO [LIMIT] \\u{7}\n"),
            "{told}"
        );
    }

    #[test]
    fn the_json_has_the_promised_fields() {
        let json = serde_json::to_value(report()).unwrap();
        for field in ["name", "state", "watch", "mailboxes", "holds", "problems"] {
            assert!(json["accounts"][0].get(field).is_some(), "{field}");
        }
        for field in [
            "file",
            "state",
            "failures",
            "last_error",
            "abandoned",
            "killed",
        ] {
            assert!(json["hooks"][0].get(field).is_some(), "{field}");
        }
        assert_eq!(json["accounts"][0]["mailboxes"][0]["state"], "in-sync");
        assert_eq!(report().outcome(), Outcome::Failed);
    }

    #[test]
    fn people_see_what_is_held_and_only_mailboxes_that_are_not_in_sync() {
        let mut report = report();
        report.hooks[0] = HookStatus {
            file: "b.lua".to_owned(),
            state: "running".to_owned(),
            failures: 0,
            last_error: None,
            abandoned: 0,
            killed: 0,
        };
        let account = &mut report.accounts[0];
        account.state = State::Held;
        account.problems.clear();
        account.mailboxes[0].parked = 0;
        let mut sent = account.mailboxes[0].clone();
        sent.name = "Sent".to_owned();
        sent.state = State::Held;
        account.mailboxes.push(sent);
        account.holds.push(HoldReport {
            id: "work:1".to_owned(),
            account: "work".to_owned(),
            mailbox: "Sent".to_owned(),
            side: HeldSide::Server,
            count: 12,
            since: crate::cli::reports::timestamp(0),
            reason: "too many".to_owned(),
        });
        let told = text(&report, &view());
        assert_eq!(
            told,
            "work: deletions held, not watched, last sync 2 minutes ago; 24 messages in 2 mailboxes\n\
             \u{20} held: work:1: 12 deletions in Sent: too many\n\
             \u{20}   delete them: mailferry approve work:1   bring them back: mailferry restore work:1\n\
             MAILBOX  STATE           MESSAGES  LAST SYNC\n\
             Sent     deletions held        12  never\n\
             1 hook running\n"
        );
        let all = View {
            all: true,
            ..view()
        };
        assert!(text(&report, &all).contains("\nINBOX "));
    }
}
