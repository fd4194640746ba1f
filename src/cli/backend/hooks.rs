//! Hooks and the desktop as listeners of one account: hooks are told first; what is left of it then, the desktop is.

mod arrivals;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::account::local;
use super::listeners::{Doing, Ear};
use super::shelf::Stored;
use crate::cli::reports::HookCheck;
use crate::config::{Account, Config, Hook, HookScript, Protocol};
use crate::daemon::{Batch, Bell};
use crate::desktop::{Arrival, Desktop, Gone, Notice, Rules, Topic, Urgency, can_copy};
use crate::engine::Acted;
use crate::hooks::{self, Event, Grants, HookState, Hooks, Reply, Script, Spec};
use crate::mail::Flag;
use crate::store::database_path;
use crate::sync::{Act, Occasion, RowId, Wanted};

/// Whether a hook is back, or why not.
pub(super) type Enabled = Result<(), String>;

/// The hooks of one account, as `status` shows them, and what is asked of them from outside.
#[derive(Default)]
pub struct Board {
    states: RefCell<Vec<HookState>>,
    enable: RefCell<Vec<(String, oneshot::Sender<Enabled>)>>,
    bell: RefCell<Option<Rc<Bell>>>,
}

impl std::fmt::Debug for Board {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Board").finish_non_exhaustive()
    }
}

impl Board {
    pub(super) fn states(&self) -> Vec<HookState> {
        self.states.borrow().clone()
    }

    pub(super) fn rings(&self, bell: Rc<Bell>) {
        self.bell.replace(Some(bell));
    }

    /// Has a hook brought back, and says what came of it; `None` if there is none of that name.
    pub(super) fn enable(&self, name: &str) -> Option<oneshot::Receiver<Enabled>> {
        let is_it =
            |state: &HookState| state.name == name || PathBuf::from(&state.name).ends_with(name);
        let known = self.states.borrow().iter().any(is_it);
        known.then(|| {
            let (answer, answered) = oneshot::channel();
            self.enable.borrow_mut().push((name.to_owned(), answer));
            if let Some(bell) = &*self.bell.borrow() {
                bell.ring();
            }
            answered
        })
    }
}

/// The hooks of an account, in the order of the configuration.
pub(super) fn of<'a>(
    config: &'a Config,
    account: &'a Account,
) -> impl Iterator<Item = &'a Hook> + 'a {
    config
        .hooks
        .iter()
        .filter(|hook| hook.accounts.is_empty() || hook.accounts.contains(&account.name))
}

/// The same, as they are started.
pub(super) fn specs(config: &Config, account: &Account) -> Vec<Spec> {
    of(config, account)
        .map(|hook| Spec {
            grants: Grants::of_words(hook.allow.iter().map(String::as_str)),
            timeout: hook.timeout,
            memory: usize::try_from(hook.memory).unwrap_or(usize::MAX),
            old_mail: hook.old_mail,
            options: hook.options.clone(),
            kept: true,
            ..Spec::new(script(hook), account.name.as_str())
        })
        .collect()
}

/// Loads each hook of these accounts once, with what the configuration grants and hands to it. Nothing is told to it.
pub async fn check(config: &Config, accounts: &[&Account]) -> Vec<HookCheck> {
    let mut checks: Vec<HookCheck> = Vec::new();
    for account in accounts {
        for spec in specs(config, account) {
            let file = spec.script.name();
            if checks
                .iter()
                .any(|check| check.file == file && check.error.is_none())
            {
                continue;
            }
            let spec = Spec { dry: true, ..spec };
            let error = hooks::Host::start(spec, None).await.err();
            let check = HookCheck {
                file,
                readable: !matches!(error, Some(hooks::HookError::Read { .. })),
                error: error.map(|error| error.to_string()),
            };
            if !checks.contains(&check) {
                checks.push(check);
            }
        }
    }
    checks
}

/// What a hook runs.
pub(super) fn script(hook: &Hook) -> Script {
    match &hook.script {
        HookScript::File(path) => Script::File(path.clone()),
        HookScript::Plugin(name) => Script::Plugin(name.clone()),
    }
}

/// One account's hooks, and the desktop behind them.
pub(super) struct Stage {
    specs: Vec<Spec>,
    hooks: Hooks,
    board: Rc<Board>,
    desktop: Option<Rc<Desktop>>,
    rules: Rules,
    /// Where `mailferry.search` looks.
    stored: Option<Stored>,
    /// What hooks want done to messages of the batch that is being told, as far as it leaves nothing to show.
    settling: Vec<Wanted>,
    /// Messages to which that was done.
    handled: BTreeSet<RowId>,
    /// New messages that are not shown if what is wanted because of their notification is done.
    kept_back: Vec<(Arrival, Vec<Wanted>)>,
    /// Those that were set aside when last looked at.
    aside: Vec<String>,
}

impl Stage {
    pub(super) fn new(
        specs: Vec<Spec>,
        board: Rc<Board>,
        desktop: Option<Rc<Desktop>>,
        rules: Rules,
    ) -> Self {
        Self {
            specs,
            hooks: Hooks::default(),
            board,
            desktop,
            rules,
            stored: None,
            settling: Vec::new(),
            handled: BTreeSet::new(),
            kept_back: Vec::new(),
            aside: Vec::new(),
        }
    }

    /// With mail for `mailferry.search` to look through.
    pub(super) fn over(mut self, config: &Config, account: &Account) -> Self {
        let database = database_path(&config.state_dir, account.name.as_str());
        self.stored = local(account).ok().map(|maildir| Stored {
            database,
            maildir,
            letters: matches!(account.protocol, Protocol::Pop3(_)),
        });
        self
    }

    /// What a hook says and how it failed goes to the log, what it wants shown to the desktop.
    fn heed(&mut self, account: &str, reply: Reply) -> Vec<Wanted> {
        for line in &reply.log {
            tracing::info!(target: "hook", "a hook says: {line}");
        }
        for failure in &reply.failures {
            tracing::warn!("a hook failed: {failure}");
        }
        if let Some(desktop) = &self.desktop {
            for notice in reply.notices {
                desktop.notice(
                    account,
                    Notice::Said {
                        title: notice.title,
                        body: notice.body,
                        urgency: urgency(notice.urgency),
                        copy: notice.copy.filter(|_| can_copy()),
                    },
                );
            }
        }
        self.show_states(account);
        reply.wanted
    }

    fn show_states(&mut self, account: &str) {
        let states = self.hooks.states();
        let aside: Vec<&HookState> = states.iter().filter(|it| it.state == "set-aside").collect();
        for state in aside.iter().filter(|it| !self.aside.contains(&it.name)) {
            let (name, error) = (&state.name, state.last_error.as_deref().unwrap_or_default());
            tracing::warn!(%account, "the hook {name} was set aside: {error}; `mailferry hooks enable {name}` brings it back");
        }
        if let Some(desktop) = &self.desktop {
            for state in aside.iter().filter(|it| !self.aside.contains(&it.name)) {
                let error = state.last_error.clone().unwrap_or_default();
                let plugin = state.name.clone();
                desktop.notice(account, Notice::SetAside { plugin, error });
            }
            let back = self.aside.iter();
            for name in back.filter(|name| !aside.iter().any(|it| it.name == **name)) {
                desktop.over(account, Topic::SetAside(name.clone()));
            }
        }
        self.aside = aside.into_iter().map(|it| it.name.clone()).collect();
        self.board.states.replace(states);
    }
}

fn urgency(urgency: hooks::Urgency) -> Urgency {
    match urgency {
        hooks::Urgency::Low => Urgency::Low,
        hooks::Urgency::Normal => Urgency::Normal,
        hooks::Urgency::Critical => Urgency::Critical,
    }
}

/// Whether a message to which this is done need not be shown any more.
fn settles(act: &Act) -> bool {
    match act {
        Act::MoveTo(_) | Act::Delete => true,
        Act::AddFlags(flags) => flags.has(Flag::Seen) || flags.has(Flag::Deleted),
        Act::CopyTo(_) | Act::RemoveFlags(_) => false,
    }
}

impl Ear for Stage {
    fn wants_old(&self) -> bool {
        self.specs.iter().any(|spec| spec.old_mail)
    }

    fn wants_files(&self) -> bool {
        self.hooks.may_hear(Event::MailboxSynced)
    }

    fn begin<'a>(&'a mut self, account: &'a str) -> Doing<'a, ()> {
        Box::pin(async move {
            let shelf = || self.stored.as_ref().map(Stored::shelf);
            self.hooks = Hooks::start(self.specs.clone(), shelf).await;
            for state in self.hooks.states() {
                if let Some(error) = &state.last_error {
                    tracing::error!("the hook {} was not loaded: {error}", state.name);
                }
            }
            self.show_states(account);
        })
    }

    fn told<'a>(&'a mut self, account: &'a str, batch: &'a Batch) -> Doing<'a, Vec<Wanted>> {
        Box::pin(async move {
            let reply = self.hooks.tell(&batch.occasions, batch.old).await;
            let wanted = self.heed(account, reply);
            let settling = wanted.iter().filter(|wish| settles(&wish.act));
            self.settling = settling.cloned().collect();
            wanted
        })
    }

    fn answered(&mut self, account: &str, batch: &Batch, acted: &Acted) {
        let left = self.left_over(acted);
        if let Some(desktop) = &self.desktop {
            desktop.arrived(account, batch.since, left);
        }
    }

    fn decided(&mut self, account: &str, ids: &[String]) {
        if let Some(desktop) = &self.desktop {
            for id in ids {
                desktop.over(account, Topic::Hold(id.clone()));
            }
        }
    }

    fn done<'a>(
        &'a mut self,
        account: &'a str,
        batch: &'a Batch,
        acted: &'a Acted,
    ) -> Doing<'a, Vec<Wanted>> {
        Box::pin(async move {
            if self.desktop.is_none() {
                return Vec::new();
            }
            // What was refused was not done: the message is where it was, and somebody has to hear of it.
            let refused = |wish: &Wanted| acted.refused.iter().any(|(it, _)| it == wish);
            let settling = std::mem::take(&mut self.settling);
            let settled = settling.into_iter().filter(|wish| !refused(wish));
            self.handled = settled.map(|wish| wish.row).collect();
            let (arrivals, wanted) = self.arrivals(account, batch).await;
            let Some(desktop) = &self.desktop else {
                return wanted;
            };
            desktop.arrived(account, batch.since, arrivals);
            desktop.gone(
                account,
                batch.occasions.iter().filter_map(Gone::of).collect(),
            );
            for occasion in &batch.occasions {
                if let Occasion::Hold {
                    id,
                    mailbox,
                    count,
                    reason,
                } = occasion
                {
                    let notice = Notice::Hold {
                        id: id.clone(),
                        mailbox: mailbox.clone(),
                        count: *count,
                        reason: reason.clone(),
                    };
                    desktop.notice(account, notice);
                }
            }
            wanted
        })
    }

    fn due(&self) -> Option<Duration> {
        if !self.board.enable.borrow().is_empty() {
            return Some(Duration::ZERO);
        }
        let next = self.hooks.next_timer()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    fn tick<'a>(&'a mut self, account: &'a str) -> Doing<'a, Vec<Wanted>> {
        Box::pin(async move {
            for (name, answer) in self.board.enable.take() {
                let enabled = self.hooks.enable(&name).await;
                let enabled = enabled.map(drop).map_err(|error| error.to_string());
                if let Err(error) = &enabled {
                    tracing::error!("the hook {name} was not loaded: {error}");
                }
                // Whoever asked may have gone.
                let _ = answer.send(enabled);
            }
            let reply = self.hooks.tick().await;
            self.heed(account, reply)
        })
    }
}
