//! What every step of a pass has at hand.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::fault::Fault;
use super::news::Telling;
use super::ports::{Clock, Connector, Event, Local, Marker, Observer, Store};
use super::report::{Counts, Problem, Report};
use crate::mail::MailboxName;
use crate::sync::{Change, Heard, Policy};

/// What every account has on this side of the server, whatever its protocol.
pub trait Home {
    /// The Maildir.
    type Local: Local;
    /// The state.
    type Store: Store;
    /// The time.
    type Clock: Clock;
    /// Who is told.
    type Observer: Observer;

    /// The Maildir.
    fn local(&self) -> &Self::Local;
    /// The state.
    fn store(&self) -> &Self::Store;
    /// The time.
    fn clock(&self) -> &Self::Clock;
    /// Who is told.
    fn observer(&self) -> &Self::Observer;
}

/// The outside of one account, bundled so that signatures stay short.
pub trait Ports: Home {
    /// Opens connections.
    type Connector: Connector;

    /// Opens connections.
    fn connector(&self) -> &Self::Connector;
}

/// The user's wishes for one account, as the engine needs them.
pub struct Settings {
    /// Directions, deletions, guard.
    pub policy: Policy,
    /// Whether a mailbox takes part.
    pub selects: Rc<dyn Fn(&MailboxName) -> bool>,
    /// Most connections at once; at least one is used.
    pub connections: usize,
    /// How long the local trash is kept, in days.
    pub trash_days: u32,
    /// How long a connection must have been open before an APPEND of an earlier, dead one counts as not executed.
    pub settle: Duration,
    /// In folders with at least so many messages, each file is not looked at in every pass as long as the directories
    /// tell of no change.
    pub large: u64,
    /// Whether each file is looked at all the same.
    pub thorough: bool,
    /// What listeners are told of.
    pub telling: Telling,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("policy", &self.policy)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

/// Which mailboxes a pass looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// All that take part.
    #[default]
    All,
    /// Only these.
    Only(BTreeSet<MailboxName>),
    /// Something happened in these. Others are looked at only if that is needed to understand it.
    Touched(BTreeSet<MailboxName>),
}

impl Scope {
    /// Whether a mailbox is looked at.
    #[must_use]
    pub fn has(&self, name: &MailboxName) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) | Self::Touched(names) => names.contains(name),
        }
    }
}

/// Whether a pass acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It does what it plans.
    Apply,
    /// It only says what it would do.
    DryRun,
}

/// One pass under way.
pub(super) struct Pass<'a, P> {
    pub(super) ports: &'a P,
    pub(super) settings: &'a Settings,
    pub(super) scope: &'a Scope,
    pub(super) mode: Mode,
    report: RefCell<Report>,
    announced: &'a Announced,
    acted: Cell<bool>,
    /// Whether something came that a mailbox has which was not looked at.
    elsewhere: Cell<bool>,
    /// The mailboxes that something is to be done about, if others are only looked at.
    focus: Option<&'a BTreeSet<MailboxName>>,
    /// Whose mail is not silent any more.
    pub(super) heard: RefCell<Heard>,
}

/// When the process last moved the epoch on. Held while that is being done: whoever wants to act meanwhile waits.
#[derive(Debug, Default)]
pub(super) struct Announced(Mutex<Option<i64>>);

impl Announced {
    /// A process that lives for months still moves it on once in an hour: what comes back from a backup is then
    /// recognised by it.
    const VALID: i64 = 3600;

    fn is_valid(at: Option<i64>, now: i64) -> bool {
        at.is_some_and(|at| (0..Self::VALID).contains(&now.saturating_sub(at)))
    }
}

/// Whether there may be something to tell after it.
fn is_news(change: &Change) -> bool {
    matches!(change, Change::PutNews(_) | Change::Delivered(..))
}

impl<'a, P: Home> Pass<'a, P> {
    pub(super) fn new(
        ports: &'a P,
        settings: &'a Settings,
        scope: &'a Scope,
        mode: Mode,
        announced: &'a Announced,
    ) -> Self {
        Self {
            ports,
            settings,
            scope,
            mode,
            report: RefCell::default(),
            announced,
            acted: Cell::new(false),
            elsewhere: Cell::new(false),
            focus: None,
            heard: RefCell::default(),
        }
    }

    /// The same, except that something is done only about these mailboxes.
    pub(super) fn focused(self, names: &'a BTreeSet<MailboxName>) -> Self {
        Self {
            focus: Some(names),
            ..self
        }
    }

    /// Whether something is to be done about a mailbox for its own sake.
    pub(super) fn concerns(&self, name: &MailboxName) -> bool {
        self.focus.is_none_or(|names| names.contains(name))
    }

    /// The mailboxes that the pass was asked for by name, if it was.
    pub(super) fn asked_for(&self) -> Option<&'a BTreeSet<MailboxName>> {
        match self.scope {
            Scope::Only(names) => Some(names),
            Scope::All | Scope::Touched(_) => self.focus,
        }
    }

    /// Whether some mailboxes that take part are not looked at.
    pub(super) fn is_narrow(&self) -> bool {
        *self.scope != Scope::All
    }

    /// What came may have come from a mailbox that is not looked at.
    pub(super) fn came_from_elsewhere(&self) {
        self.elsewhere.set(true);
    }

    /// Whether something has to be looked at again together with all other mailboxes.
    pub(super) fn needs_all(&self) -> bool {
        self.elsewhere.get()
    }

    pub(super) fn local(&self) -> &'a P::Local {
        self.ports.local()
    }

    pub(super) fn store(&self) -> &'a P::Store {
        self.ports.store()
    }

    pub(super) fn clock(&self) -> &'a P::Clock {
        self.ports.clock()
    }

    pub(super) fn event(&self, event: Event<'_>) {
        self.ports.observer().event(event);
    }

    /// Whether a mailbox takes part and is looked at.
    pub(super) fn covers(&self, name: &MailboxName) -> bool {
        (self.settings.selects)(name) && self.scope.has(name)
    }

    /// Makes changes to the state; the first one of a pass moves the epoch on.
    pub(super) async fn commit(&self, changes: Vec<Change>) -> Result<(), Fault> {
        if changes.is_empty() {
            return Ok(());
        }
        self.announce().await?;
        let news = self.settings.telling != Telling::Nothing && changes.iter().any(is_news);
        self.store().commit(changes).await?;
        if news {
            self.event(Event::News);
        }
        Ok(())
    }

    /// Whether this pass has had an effect.
    pub(super) fn has_acted(&self) -> bool {
        self.acted.get()
    }

    /// Moves the epoch on, in the state and in the root's marker, before the first effect of a pass. A state or a
    /// Maildir that comes back from a backup is recognised by it.
    pub(super) async fn announce(&self) -> Result<(), Fault> {
        self.acted.set(true);
        let now = self.clock().now();
        let mut announced = self.announced.0.lock().await;
        if Announced::is_valid(*announced, now) {
            return Ok(());
        }
        let state = self.store().id().await?;
        // One that was announced and not settled may stand in the marker. It is announced again and no other: with a
        // further one the state would not know its own marker, if the program ended now.
        let announced_before = state.pending.filter(|pending| *pending > state.epoch);
        let next = announced_before.unwrap_or(state.epoch + 1);
        self.store().set_epoch(state.epoch, Some(next)).await?;
        let marker = Marker {
            id: state.id,
            epoch: next,
        };
        self.local().mark_root(&marker).await?;
        self.store().set_epoch(next, None).await?;
        *announced = Some(now);
        Ok(())
    }

    /// Something that the user should know of and that is no failure.
    pub(super) fn remark(&self, text: &str) {
        let mailbox = None;
        self.event(Event::Warning { mailbox, text });
    }

    /// Notes what went wrong with a mailbox or the account, and carries on.
    pub(super) fn problem(&self, mailbox: Option<&MailboxName>, text: &impl fmt::Display) {
        let text = text.to_string();
        self.event(Event::Warning {
            mailbox,
            text: &text,
        });
        let problem = Problem {
            mailbox: mailbox.cloned(),
            text,
        };
        self.report.borrow_mut().problems.push(problem);
    }

    pub(super) fn count(&self, mailbox: &MailboxName, add: impl FnOnce(&mut Counts)) {
        let mut report = self.report.borrow_mut();
        add(report.mailboxes.entry(mailbox.clone()).or_default());
    }

    pub(super) fn with_report<T>(&self, change: impl FnOnce(&mut Report) -> T) -> T {
        change(&mut self.report.borrow_mut())
    }

    pub(super) fn take_report(&self) -> Report {
        self.report.take()
    }
}
