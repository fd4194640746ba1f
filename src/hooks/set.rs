//! All hooks of one account, in the order of the configuration.

use std::sync::Arc;
use std::time::Instant;

use super::acts::settle;
use super::event::Event;
use super::host::Host;
use super::notification::Notification;
use super::reply::{HookError, Reply};
use super::shelf::Shelf;
use super::spec::Spec;
use super::told::Told;
use crate::sync::Occasion;

/// The hooks of one account.
#[derive(Default)]
pub struct Hooks(Vec<Host>);

/// A hook in `status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookState {
    /// The script's path, or the plugin's name.
    pub name: String,
    /// `running`, `set-aside` or `not-loaded`.
    pub state: &'static str,
    /// How often it failed in a row.
    pub failures: usize,
    /// The last failure.
    pub last_error: Option<String>,
    /// How many of its threads did not come back.
    pub abandoned: usize,
    /// How many of its programs were killed because they took too long.
    pub killed: usize,
}

impl Hooks {
    /// Starts them all; one that cannot be loaded stays in the list, and says so in [`Self::states`]. `shelf` makes
    /// a place to search for each.
    pub async fn start(
        specs: Vec<Spec>,
        mut shelf: impl FnMut() -> Option<Box<dyn Shelf>>,
    ) -> Self {
        let mut hosts = Vec::new();
        for spec in specs {
            hosts.push(Host::start_or_keep(spec, shelf()).await);
        }
        Self(hosts)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them.
    #[must_use]
    pub fn hosts(&self) -> &[Host] {
        &self.0
    }

    /// Tells each of them, and collects what they want, ready to be carried out. `old` says that this is mail of a
    /// first sync. Hooks whose files have changed are loaded anew first.
    pub async fn tell(&mut self, occasions: &[Occasion], old: bool) -> Reply {
        for host in &mut self.0 {
            host.reload_if_changed().await;
        }
        let heard = |one: &&Occasion| self.0.iter().any(|it| it.hears(Event::of(one), old));
        let told: Vec<Arc<Told>> = Told::all(occasions.iter().filter(heard));
        let mut all = Reply::default();
        for host in &mut self.0 {
            all.append(host.hear(&told, old).await);
        }
        all.wanted = settle(all.wanted);
        all
    }

    /// Whether one of them hears of such events, or may after it was loaded anew, which comes before it is told.
    #[must_use]
    pub fn may_hear(&self, event: Event) -> bool {
        self.0.iter().any(|host| host.may_hear(event))
    }

    /// When [`Self::tick`] has something to do; `None` if no hook has a timer.
    #[must_use]
    pub fn next_timer(&self) -> Option<Instant> {
        self.0.iter().filter_map(Host::next_timer).min()
    }

    /// Runs the timers that are due, of the files as they are now.
    pub async fn tick(&mut self) -> Reply {
        let mut all = Reply::default();
        for host in &mut self.0 {
            host.reload_if_changed().await;
            all.append(host.tick().await);
        }
        all.wanted = settle(all.wanted);
        all
    }

    /// Lets each of them change a notification; `None` once one of them has silenced it.
    pub async fn notification(&mut self, shown: Notification) -> (Option<Notification>, Reply) {
        let mut all = Reply::default();
        let mut shown = Some(shown);
        for host in &mut self.0 {
            let Some(before) = shown.take() else { break };
            let (after, reply) = host.notification(before).await;
            shown = after;
            all.append(reply);
        }
        all.wanted = settle(all.wanted);
        (shown, all)
    }

    /// Brings a hook back that was set aside. The name is that of `status`, or the end of a path. `false` if there is
    /// none of that name.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub async fn enable(&mut self, name: &str) -> Result<bool, HookError> {
        let wanted = |host: &Host| {
            let known = host.name();
            known == name || std::path::Path::new(&known).ends_with(name)
        };
        let mut found = false;
        for host in self.0.iter_mut().filter(|host| wanted(host)) {
            host.enable().await?;
            found = true;
        }
        Ok(found)
    }

    /// What became of each.
    #[must_use]
    pub fn states(&self) -> Vec<HookState> {
        self.0
            .iter()
            .map(|host| HookState {
                name: host.name(),
                state: host.condition().word(),
                failures: host.failures(),
                last_error: host.last_error().map(str::to_owned),
                abandoned: host.abandoned(),
                killed: host.killed(),
            })
            .collect()
    }
}
