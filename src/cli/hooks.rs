//! `hooks check` and `hooks run`: trying a hook without touching any mail.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::args::{HooksCommand, HooksTry};
use super::output::Output;
use super::{Failure, Outcome, block_on, pause, read_config, render};
use crate::hooks::{
    Capability, Event, Grants, HookError, Host, Notification, Reply, Script, Spec, Urgency, settle,
    shipped,
};
use crate::letter::{Letter, read_head};
use crate::mail::{Flags, LocalId, MailboxName};
use crate::sync::{Act, Happened, NewsId, Occasion, RowId, Side, Subject};

/// `hooks check` and `hooks run`.
pub(super) fn run(
    command: &HooksCommand,
    file: Option<&Path>,
    output: &mut Output,
) -> Result<Outcome, Failure> {
    match command {
        HooksCommand::Enable { name } => pause::enable_hook(name, &read_config(file)?, output),
        HooksCommand::Check { hook } => check(hook, output),
        HooksCommand::Run {
            hook,
            message,
            event,
            mailbox,
            allow,
        } => {
            let event = Event::parse(event).ok_or_else(|| no_event(event))?;
            let mailbox = MailboxName::parse(mailbox)
                .ok_or_else(|| Failure::Usage(format!("{mailbox:?} can be no mailbox's name")))?;
            let mut spec = spec_of(hook)?;
            spec.grants = Grants::all();
            spec.dry = !allow.iter().any(|word| word == Capability::Exec.word());
            try_it(spec, event, subject(message, mailbox)?, hook.json, output)
        }
    }
}

fn no_event(name: &str) -> Failure {
    let known: Vec<&str> = Event::ALL.into_iter().map(Event::name).collect();
    Failure::Usage(format!(
        "there is no event `{name}`; there are {}",
        known.join(", ")
    ))
}

/// A file, or else a plugin that is shipped.
fn spec_of(hook: &HooksTry) -> Result<Spec, Failure> {
    let name = hook.file.to_string_lossy();
    let script = if !hook.file.exists() && shipped(&name).is_some() {
        Script::Plugin(name.into_owned())
    } else {
        Script::File(hook.file.clone())
    };
    let mut spec = Spec {
        kept: true,
        ..Spec::new(script, "test")
    };
    if let Some(options) = &hook.options {
        let table: toml::Table = format!("options = {options}")
            .parse()
            .map_err(|error| Failure::Usage(format!("--options: {error}")))?;
        spec.options = match table.get("options") {
            Some(toml::Value::Table(options)) => options.clone(),
            _ => {
                return Err(Failure::Usage(
                    "--options is no table such as { folder = \"Lists\" }".to_owned(),
                ));
            }
        };
    }
    Ok(spec)
}

#[derive(Serialize)]
struct CheckReport {
    file: String,
    ok: bool,
    events: Vec<Listened>,
    timers: Vec<u64>,
    needs: Vec<&'static str>,
    error: Option<String>,
}

#[derive(Serialize)]
struct Listened {
    event: &'static str,
    handlers: usize,
}

fn check(hook: &HooksTry, output: &mut Output) -> Result<Outcome, Failure> {
    let mut spec = spec_of(hook)?;
    spec.grants = Grants::all();
    let file = spec.script.name();
    let report = match block_on(async { Ok(Host::start(spec, None).await) })? {
        Ok(host) => {
            let loaded = host.loaded();
            let listened = loaded.handlers.iter().map(|(event, handlers)| Listened {
                event: event.name(),
                handlers: *handlers,
            });
            CheckReport {
                file,
                ok: true,
                events: listened.collect(),
                timers: loaded.timers.iter().map(Duration::as_secs).collect(),
                needs: loaded.needs.iter().map(|need| need.word()).collect(),
                error: None,
            }
        }
        Err(error @ (HookError::Read { .. } | HookError::TooLarge(_))) => {
            return Err(Failure::Usage(error.to_string()));
        }
        Err(error) => CheckReport {
            file,
            ok: false,
            events: Vec::new(),
            timers: Vec::new(),
            needs: Vec::new(),
            error: Some(error.to_string()),
        },
    };
    if hook.json {
        output.json(&report)?;
    } else if report.ok {
        output.text(&shown(&report))?;
    }
    if let (false, Some(error)) = (hook.json, &report.error) {
        return Err(Failure::Hook(error.clone()));
    }
    Ok(Outcome::of(!report.ok, false))
}

fn shown(report: &CheckReport) -> String {
    let mut text = format!("{}: fine\n", render::plain(&report.file));
    for Listened { event, handlers } in &report.events {
        let times = if *handlers == 1 {
            String::new()
        } else {
            format!(" ({handlers} handlers)")
        };
        let _ = writeln!(text, "  listens to {event}{times}");
    }
    for seconds in &report.timers {
        let _ = writeln!(text, "  runs every {seconds} s");
    }
    if report.events.is_empty() && report.timers.is_empty() {
        text.push_str("  listens to nothing\n");
    }
    if !report.needs.is_empty() {
        let needs: Vec<String> = report
            .needs
            .iter()
            .map(|need| format!("\"{need}\""))
            .collect();
        let _ = writeln!(text, "  needs allow = [{}]", needs.join(", "));
    }
    text
}

/// The message as it would be told of, had it just arrived.
fn subject(file: &Path, mailbox: MailboxName) -> Result<Subject, Failure> {
    let usage = |error: std::io::Error| Failure::Usage(format!("{}: {error}", file.display()));
    let path: PathBuf = std::path::absolute(file).map_err(usage)?;
    let head = read_head(&path).map_err(usage)?;
    let size = std::fs::metadata(&path).map_err(usage)?.len();
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let unique = name.split(|byte| *byte == b':').next().unwrap_or_default();
    Ok(Subject {
        row: RowId(1),
        mailbox,
        local: LocalId::new(unique).or_else(|| LocalId::new(b"message")),
        uid: None,
        size,
        flags: Flags::new(),
        date: Letter::parse(&head).date().unwrap_or_default(),
        path: Some(path),
    })
}

/// An event about the message.
fn occasion(event: Event, subject: Subject) -> Option<Occasion> {
    let mailbox = subject.mailbox.clone();
    let what = match event {
        Event::MessageNew => Happened::New,
        Event::MessageFlags => Happened::Flags {
            added: Flags::new(),
            removed: Flags::new(),
        },
        Event::MessageMoved => Happened::Moved {
            from: MailboxName::inbox(),
        },
        Event::MessageDeleted => Happened::Deleted,
        Event::MailboxSynced => {
            let changed = subject.path.into_iter().collect();
            return Some(Occasion::MailboxSynced {
                mailbox,
                changed,
                new: 1,
                gone: 0,
            });
        }
        Event::AccountSynced => return Some(Occasion::AccountSynced { complete: true }),
        Event::AccountState => {
            return Some(Occasion::AccountState {
                state: "in-sync".to_owned(),
            });
        }
        Event::Hold => {
            let (id, reason) = ("1".to_owned(), "a test".to_owned());
            return Some(Occasion::Hold {
                id,
                mailbox,
                count: 1,
                reason,
            });
        }
        Event::Error => {
            let text = "a test".to_owned();
            return Some(Occasion::Error {
                mailbox: Some(mailbox),
                text,
            });
        }
        Event::Notification | Event::Timer => return None,
    };
    let id = NewsId(1);
    Some(Occasion::Message {
        id,
        side: Side::Remote,
        by_listener: false,
        what,
        subject,
    })
}

/// What would be done; documented in docs/json.md.
#[derive(Default, Serialize)]
struct RunReport {
    event: &'static str,
    acts: Vec<ShownAct>,
    programs: Vec<Vec<String>>,
    notifications: Vec<ShownNotification>,
    silenced: bool,
    log: Vec<String>,
    errors: Vec<String>,
}

#[derive(Serialize)]
struct ShownAct {
    act: &'static str,
    mailbox: Option<String>,
    flags: Option<String>,
}

#[derive(Serialize)]
struct ShownNotification {
    title: String,
    body: String,
    urgency: &'static str,
    copy: Option<String>,
}

fn try_it(
    spec: Spec,
    event: Event,
    subject: Subject,
    json: bool,
    output: &mut Output,
) -> Result<Outcome, Failure> {
    let notification = Notification {
        mailbox: Some(subject.mailbox.clone()),
        title: title(&subject),
        body: String::new(),
        urgency: Urgency::Normal,
        copy: None,
        messages: vec![subject.clone()],
    };
    let done = block_on(async {
        let mut host = match Host::start(spec, None).await {
            Ok(host) => host,
            Err(error @ (HookError::Read { .. } | HookError::TooLarge(_))) => {
                return Err(Failure::Usage(error.to_string()));
            }
            Err(error) => return Err(Failure::Hook(error.to_string())),
        };
        Ok(match occasion(event, subject) {
            Some(occasion) => (None, host.tell(&[occasion], false).await),
            None => {
                let (after, reply) = host.notification(notification).await;
                (Some(after), reply)
            }
        })
    })?;
    let report = report(event, done.0, done.1);
    if json {
        output.json(&report)?;
    } else {
        output.text(&described(&report))?;
        for error in &report.errors {
            super::output::complain(&Failure::Hook(error.clone()));
        }
    }
    Ok(Outcome::of(!report.errors.is_empty(), false))
}

fn title(subject: &Subject) -> String {
    let head = subject
        .path
        .as_deref()
        .and_then(|path| read_head(path).ok());
    let letter = Letter::parse(&head.unwrap_or_default());
    letter.from().unwrap_or_default().shown().to_owned()
}

fn report(event: Event, shown: Option<Option<Notification>>, reply: Reply) -> RunReport {
    let mut notifications: Vec<ShownNotification> = reply
        .notices
        .into_iter()
        .map(|notice| ShownNotification {
            title: notice.title,
            body: notice.body,
            urgency: notice.urgency.word(),
            copy: notice.copy,
        })
        .collect();
    let silenced = matches!(shown, Some(None));
    notifications.extend(shown.flatten().map(|one| ShownNotification {
        title: one.title,
        body: one.body,
        urgency: one.urgency.word(),
        copy: one.copy,
    }));
    RunReport {
        event: event.name(),
        acts: settle(reply.wanted)
            .iter()
            .map(|one| shown_act(&one.act))
            .collect(),
        programs: reply.programs,
        notifications,
        silenced,
        log: reply.log,
        errors: reply.failures.iter().map(ToString::to_string).collect(),
    }
}

fn shown_act(act: &Act) -> ShownAct {
    let (act, mailbox, flags) = match act {
        Act::MoveTo(name) => ("move", Some(name), None),
        Act::CopyTo(name) => ("copy", Some(name), None),
        Act::AddFlags(flags) => ("add-flags", None, Some(flags)),
        Act::RemoveFlags(flags) => ("remove-flags", None, Some(flags)),
        Act::Delete => ("delete", None, None),
    };
    ShownAct {
        act,
        mailbox: mailbox.map(|name| name.as_str().to_owned()),
        flags: flags.map(ToString::to_string),
    }
}

fn described(report: &RunReport) -> String {
    let mut text = String::new();
    for line in &report.log {
        let _ = writeln!(text, "log: {}", render::plain(line));
    }
    for argv in &report.programs {
        let _ = writeln!(text, "program: {}", render::plain(&format!("{argv:?}")));
    }
    for act in &report.acts {
        let detail = act.mailbox.as_ref().or(act.flags.as_ref());
        let detail =
            detail.map_or_else(String::new, |detail| format!(" {}", render::plain(detail)));
        let _ = writeln!(text, "{}{detail}", act.act);
    }
    for one in &report.notifications {
        let (title, body) = (render::plain(&one.title), render::plain(&one.body));
        let _ = writeln!(text, "notification ({}): {title}: {body}", one.urgency);
    }
    if report.silenced {
        text.push_str("the notification is silenced\n");
    }
    if text.is_empty() && report.errors.is_empty() {
        text.push_str("nothing would be done\n");
    }
    text
}
