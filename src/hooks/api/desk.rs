//! What lies between a script and us.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlua::{Error, Function, Result};

use super::super::clock::Clock;
use super::super::event::Event;
use super::super::meter::Meter;
use super::super::process::Runner;
use super::super::reply::{Notice, Reply};
use super::super::shelf::Shelf;
use super::super::spec::{Capability, Spec};
use super::super::tally::{Line, Tally};
use super::super::{describe, sandbox};
use crate::mail::MailboxName;
use crate::sync::Wanted;

/// The most handlers that a script may have.
const MOST_HANDLERS: usize = 200;

/// Something that listens.
#[derive(Clone)]
pub(in super::super) struct Handler {
    pub run: Function,
    /// Whether it takes what is told besides the message.
    pub curious: bool,
}

impl Handler {
    fn new(run: Function) -> Self {
        let info = run.info();
        let curious = info.is_vararg || info.num_params > 1;
        Self { run, curious }
    }
}

/// Something that a script wants run again and again.
#[derive(Clone)]
pub(in super::super) struct Timer {
    pub every: Duration,
    pub next: Instant,
    pub run: Function,
}

/// The script's side of the table, so to speak, and ours.
pub(in super::super) struct Desk {
    pub spec: Spec,
    pub file: String,
    pub clock: Arc<Clock>,
    pub shelf: Option<Box<dyn Shelf>>,
    pub runner: Option<Runner>,
    /// What the script holds of ours.
    pub meter: Rc<Meter>,
    /// What the handler that runs wants so far.
    pub reply: RefCell<Reply>,
    /// What all handlers of the job have wanted so far.
    pub tally: RefCell<Tally>,
    /// Everything that listens, in the order of registration.
    handlers: RefCell<BTreeMap<Event, Rc<Vec<Handler>>>>,
    pub timers: RefCell<Vec<Timer>>,
    pub needs: RefCell<Vec<Capability>>,
    /// The names of all mailboxes, once the handler that runs has asked for them.
    pub mailboxes: RefCell<Option<Rc<[MailboxName]>>>,
    /// Whether the script is being loaded.
    pub loading: Cell<bool>,
}

impl Desk {
    pub fn new(
        spec: &Spec,
        clock: &Arc<Clock>,
        shelf: Option<Box<dyn Shelf>>,
        runner: Option<Runner>,
    ) -> Rc<Self> {
        Rc::new(Self {
            spec: spec.clone(),
            file: spec.script.short_name(),
            clock: Arc::clone(clock),
            shelf,
            runner,
            meter: Meter::new(spec.memory),
            reply: RefCell::default(),
            tally: RefCell::default(),
            handlers: RefCell::default(),
            timers: RefCell::default(),
            needs: RefCell::default(),
            mailboxes: RefCell::default(),
            loading: Cell::new(true),
        })
    }

    /// An error unless it is granted.
    pub fn demand(&self, what: Capability, by: &str) -> Result<()> {
        self.note_need(what);
        if self.spec.grants.has(what) {
            return Ok(());
        }
        let word = what.word();
        Err(Error::runtime(format!(
            "{by} needs allow = [\"{word}\"] in the configuration"
        )))
    }

    fn note_need(&self, what: Capability) {
        let mut needs = self.needs.borrow_mut();
        if !needs.contains(&what) {
            needs.push(what);
        }
    }

    /// Somebody listens.
    pub fn listen(&self, event: Event, run: Function) -> Result<()> {
        let mut handlers = self.handlers.borrow_mut();
        if handlers.values().map(|all| all.len()).sum::<usize>() >= MOST_HANDLERS {
            return Err(Error::runtime("too many handlers"));
        }
        Rc::make_mut(handlers.entry(event).or_default()).push(Handler::new(run));
        Ok(())
    }

    /// Who listens to an event.
    pub fn handlers(&self, event: Event) -> Rc<Vec<Handler>> {
        let handlers = self.handlers.borrow();
        handlers.get(&event).map(Rc::clone).unwrap_or_default()
    }

    /// Wants something done to a message.
    pub fn want(&self, wanted: Wanted) -> Result<()> {
        if self.loading.get() {
            return Err(Error::runtime("mail can only be acted on in a handler"));
        }
        self.tally.borrow_mut().act(&wanted, self.spec.memory)?;
        self.reply.borrow_mut().wanted.push(wanted);
        Ok(())
    }

    /// Wants a notification shown.
    pub fn notice(&self, notice: Notice) {
        if self.tally.borrow_mut().notice() {
            self.reply.borrow_mut().notices.push(notice);
        }
    }

    /// A line for the log.
    pub fn log(&self, text: &str) {
        let line = match self.tally.borrow_mut().line() {
            Line::Kept => describe::plain(text),
            Line::Last => "... and more".to_owned(),
            Line::Dropped => return,
        };
        self.reply.borrow_mut().log.push(line);
    }

    /// An error once time is up, for work of ours that a script asked for.
    pub fn in_time(&self) -> Result<()> {
        if self.clock.is_over() {
            return Err(Error::runtime(sandbox::OVER));
        }
        Ok(())
    }
}
