//! What is asked of the daemon, and the answers: the same documents that the verbs print.

use std::time::Duration;

use serde::Serialize;
use tokio::sync::oneshot;

use super::Daemon;
use super::running::Running;
use crate::cli::Failure;
use crate::cli::backend::holds::{holds, undo_batch};
use crate::cli::backend::hooks::Enabled;
use crate::cli::backend::{last, letters, pass, status};
use crate::cli::reports::{
    AccountStatus, AccountSync, HookStatus, LimitedReport, NotificationStatus, Problem, State,
    SyncReport, Watch,
};
use crate::cli::selection;
use crate::config::Protocol;
use crate::control::{Answer, Call, Refusal};
use crate::daemon::{Activity, Order, View, Wish};
use crate::desktop::Topic;
use crate::engine::{Mode, Scope};
use crate::hooks::HookState;
use crate::sync::{HoldId, HoldVerdict};

/// How long a hook may take to be brought back before that is said.
const PATIENCE: Duration = Duration::from_secs(20);

/// The word for a state, as in `status --json`.
pub(super) fn state_word(state: State) -> String {
    serde_json::to_value(state)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// How an account is, going by what its task shows.
pub(super) fn state_of(view: &View) -> State {
    match view.activity {
        Activity::Paused => State::Paused,
        Activity::Blocked => State::Failed,
        _ if !view.problems.is_empty() => State::Failed,
        Activity::Connecting | Activity::Syncing => State::Syncing,
        Activity::Watching if view.held > 0 => State::Held,
        Activity::Watching => State::InSync,
    }
}

fn watch_of(view: &View) -> Watch {
    let coverage = view.remote.as_ref();
    coverage.map_or(Watch::None, |coverage| status::watch(&coverage.way))
}

fn json(document: &impl Serialize) -> Answer {
    serde_json::to_string(document).map_err(|error| Refusal::failed(error.to_string()))
}

fn refused(failure: &Failure) -> Refusal {
    match failure {
        Failure::Usage(message) => Refusal::usage(message),
        other => Refusal::failed(other.to_string()),
    }
}

fn problems(all: Vec<crate::engine::Problem>) -> Vec<Problem> {
    let one = |problem: crate::engine::Problem| Problem {
        mailbox: problem.mailbox.map(|name| name.as_str().to_owned()),
        message: problem.text,
    };
    all.into_iter().map(one).collect()
}

impl Daemon<'_> {
    fn running(&self, name: &str) -> Option<&Running> {
        let mut all = self.running.iter();
        all.find(|running| running.account.name.as_str() == name)
    }

    pub(super) fn state_of(&self, name: &str) -> State {
        let running = self.running(name);
        running.map_or(State::Failed, |running| state_of(&running.view()))
    }

    /// Why the server does not let an account in, if it is so.
    pub(super) fn refusal_of(&self, name: &str) -> Option<String> {
        let view = self.running(name)?.view();
        let blocked = view.activity == Activity::Blocked;
        let problem = view.problems.into_iter().next();
        blocked.then(|| problem.map(|problem| problem.text).unwrap_or_default())
    }

    /// The state on disk, and what the tasks show.
    pub(super) fn status(&self) -> Answer {
        let mut report = status(&self.config);
        for account in &mut report.accounts {
            if let Some(running) = self.running(&account.name) {
                overlay(account, running);
            }
        }
        for hook in &mut report.hooks {
            let boards = self.running.iter().flat_map(|it| it.board.states());
            let known: Vec<HookState> = boards.filter(|it| it.name == hook.file).collect();
            show_hook(hook, &known);
        }
        let desktop = self.desktop.as_ref();
        report.notifications = desktop.map(|it| NotificationStatus::of(&it.state()));
        json(&report)
    }

    /// Brings a hook back that was set aside, and answers when it is.
    pub(super) fn enable_hook(&self, name: &str, call: Call) {
        let boards = self.running.iter();
        let waiting: Vec<_> = boards.filter_map(|it| it.board.enable(name)).collect();
        let unknown = Refusal::usage(format!("no hook `{name}` runs"));
        tokio::task::spawn_local(async move {
            let answer = if waiting.is_empty() {
                Err(unknown)
            } else {
                enabled(waiting).await
            };
            let _ = call.answer.send(answer);
        });
    }

    pub(super) fn holds(&self) -> Answer {
        let all = holds(&self.config).map_err(|failure| refused(&failure))?;
        json(&all)
    }

    pub(super) fn tell_accounts(&self, name: Option<&str>, order: fn() -> Order) -> Answer {
        let selected = selection::accounts(&self.config, name);
        for account in selected.map_err(|failure| refused(&failure))? {
            if let Some(running) = self.running(account.name.as_str()) {
                running.order(order());
            }
        }
        Ok("null".to_owned())
    }

    pub(super) fn remember(&self, name: &str, complete: bool, told: &[crate::engine::Problem]) {
        let Some(account) = self.config.account(name) else {
            return;
        };
        let now = jiff::Timestamp::now().as_second();
        let before = last::read(&self.config, account);
        let ended = last::Last {
            complete: if complete {
                Some(now)
            } else {
                before.and_then(|before| before.complete)
            },
            ended: now,
            problems: problems(told.to_vec()),
            left: self
                .running(name)
                .and_then(|running| pass::left_on_server(running.view().left_there)),
        };
        if let Err(error) = last::write(&self.config, account, &ended) {
            tracing::warn!(account = %name, "cannot write down how the pass ended: {error}");
        }
    }

    /// Has the passes made that were asked for, and answers when all are over.
    pub(super) fn sync(&self, targets: Vec<String>, dry_run: bool, call: Call) {
        let selected = match selection::parse(&self.config, &targets) {
            Ok(selected) => selected,
            Err(failure) => {
                let _ = call.answer.send(Err(refused(&failure)));
                return;
            }
        };
        let mode = if dry_run { Mode::DryRun } else { Mode::Apply };
        let mut waiting = Vec::new();
        for part in selected {
            let refused = match part.account.protocol {
                Protocol::Imap(_) => None,
                Protocol::Pop3(_) => letters::elsewhere(&part),
            };
            let scope = match part.mailboxes {
                None => Scope::All,
                Some(names) => Scope::Only(names.into_iter().collect()),
            };
            let account = part.account.clone();
            let running = self.running(account.name.as_str());
            let paused = running.is_some_and(|it| it.view().activity == Activity::Paused);
            let asked = running
                .filter(|_| refused.is_none())
                .map(|running| ask(running, scope, mode));
            waiting.push(async move {
                match (refused, asked) {
                    (Some(refused), _) => refused,
                    (None, Some(asked)) => match asked.await {
                        Ok(Ok(report)) => pass::told(&account, report),
                        Ok(Err(text)) => AccountSync {
                            state: if paused { State::Paused } else { State::Failed },
                            ..pass::failed(&account, text)
                        },
                        Err(_) => pass::failed(&account, "the account is not ready; ask again"),
                    },
                    (None, None) => pass::failed(&account, "the account does not run"),
                }
            });
        }
        tokio::task::spawn_local(async move {
            let accounts: Vec<AccountSync> = futures_util::future::join_all(waiting).await;
            let report = SyncReport { dry_run, accounts }.unless_unknown();
            let answer = report.map_err(|failure| refused(&failure));
            let _ = call.answer.send(answer.and_then(|report| json(&report)));
        });
    }

    /// Lets a hold's deletions go on.
    pub(super) fn approve(&self, id: String, call: Call) {
        self.verdict(&id, HoldVerdict::Approved, call);
    }

    /// Brings back what a hold keeps, or what was deleted already.
    pub(super) fn restore(&self, id: String, call: Call) {
        let done = id.rsplit_once(":d");
        match done.and_then(|(name, batch)| Some((name, batch.parse().ok()?))) {
            Some((name, batch)) => self.undo(name, batch, call),
            None => self.verdict(&id, HoldVerdict::Restore, call),
        }
    }

    /// Writes down what the user said; the pass that follows is asked for by whoever asked for this.
    fn verdict(&self, id: &str, verdict: HoldVerdict, call: Call) {
        let known = id.rsplit_once(':');
        let known = known.and_then(|(name, number)| Some((name, number.parse().ok()?)));
        let parts = known.and_then(|(name, number)| {
            let parts = self.running(name)?.parts.borrow().clone()?;
            Some((parts, HoldId(number)))
        });
        let unknown = Refusal::usage(format!("there is no hold `{id}`; see `mailferry holds`"));
        let (desktop, id) = (self.desktop.clone(), id.to_owned());
        tokio::task::spawn_local(async move {
            let answer = match parts {
                None => Err(unknown),
                Some((parts, hold)) => match parts.sqlite().set_verdict(hold, verdict).await {
                    Ok(true) => {
                        if let (Some(desktop), Some((account, _))) = (desktop, id.rsplit_once(':'))
                        {
                            desktop.over(account, Topic::Hold(id.clone()));
                        }
                        Ok("null".to_owned())
                    }
                    Ok(false) => Err(unknown),
                    Err(error) => Err(Refusal::failed(error.to_string())),
                },
            };
            let _ = call.answer.send(answer);
        });
    }

    fn undo(&self, name: &str, batch: i64, call: Call) {
        let running = self.running(name);
        let parts = running.and_then(|running| {
            let parts = running.parts.borrow().clone()?;
            Some((parts, running.settings()?))
        });
        let id = format!("{name}:d{batch}");
        tokio::task::spawn_local(async move {
            let answer = match parts {
                None => Err(Refusal::usage(format!("there is no deletion `{id}`"))),
                Some((parts, settings)) => undo_batch(&parts, &settings, batch)
                    .await
                    .map_err(|failure| refused(&failure)),
            };
            let _ = call.answer.send(answer.and_then(
                |problems| match problems.into_iter().next() {
                    None => Ok("null".to_owned()),
                    Some(problem) => Err(Refusal::failed(problem.text)),
                },
            ));
        });
    }
}

/// Waits until a hook is back in each account. One that is busy with an event is brought back after that.
async fn enabled(waiting: Vec<oneshot::Receiver<Enabled>>) -> Answer {
    let all = futures_util::future::join_all(waiting);
    let all = tokio::time::timeout(PATIENCE, all).await.map_err(|_| {
        let text = "it is busy, and will be brought back after that; see `mailferry status`";
        Refusal::failed(text.to_owned())
    })?;
    for one in all {
        // An account that starts anew at this moment loads its hooks anew as well.
        one.unwrap_or(Ok(())).map_err(Refusal::failed)?;
    }
    Ok("null".to_owned())
}

/// One hook of several accounts is shown as where it is worst.
fn show_hook(hook: &mut HookStatus, known: &[HookState]) {
    let rank = |state: &HookState| match state.state {
        "running" => 0,
        "not-loaded" => 1,
        _ => 2,
    };
    let Some(worst) = known.iter().max_by_key(|state| rank(state)) else {
        return;
    };
    hook.state = worst.state.to_owned();
    hook.last_error = worst.last_error.clone();
    hook.failures = u64::try_from(worst.failures).unwrap_or(u64::MAX);
    let all = |of: fn(&HookState) -> usize| known.iter().map(of).sum::<usize>();
    hook.abandoned = u64::try_from(all(|state| state.abandoned)).unwrap_or(u64::MAX);
    hook.killed = u64::try_from(all(|state| state.killed)).unwrap_or(u64::MAX);
}

/// Asks a task for a pass.
fn ask(
    running: &Running,
    scope: Scope,
    mode: Mode,
) -> oneshot::Receiver<Result<crate::engine::Report, String>> {
    let (answer, asked) = oneshot::channel();
    running.order(Order::Sync(Wish {
        scope,
        mode,
        answer,
    }));
    asked
}

fn overlay(account: &mut AccountStatus, running: &Running) {
    let view = running.view();
    account.state = state_of(&view);
    account.watch = watch_of(&view);
    account.watch_reason = view.remote.as_ref().map(|it| it.reason.clone());
    account.limited = view.limited.clone().map(|limited| LimitedReport {
        connections: limited.connections,
        allowed: limited.allowed,
        reason: limited.reason,
    });
    let (done, total) = running.messages();
    account.in_flight = total.saturating_sub(done);
    for mailbox in &mut account.mailboxes {
        mailbox.left_on_server = pass::left_on_server(view.left_there);
    }
    account.problems = problems(view.problems);
    let warnings = view.local.warnings.into_iter();
    account.problems.extend(warnings.map(Problem::of_account));
}
