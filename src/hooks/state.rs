//! One loaded script: its state, its handlers, and how they are called.

mod arguments;

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlua::{Function, Lua, chunk::ChunkMode};

use self::arguments::{Arguments, Words};
use super::api::{self, Desk, Message, fill_notification, notification_table};
use super::clock::Clock;
use super::describe;
use super::event::Event;
use super::heads::Post;
use super::notification::Notification;
use super::process::Runner;
use super::progress::Progress;
use super::reply::{Failure, HookError, Loaded, Reply, Why};
use super::sandbox;
use super::shelf::Shelf;
use super::spec::{Capability, Spec};
use super::told::Told;

/// A script that is loaded.
pub(super) struct State {
    lua: Lua,
    desk: Rc<Desk>,
    words: Words,
}

impl State {
    /// Loads the script.
    pub fn load(
        spec: &Spec,
        clock: &Arc<Clock>,
        shelf: Option<Box<dyn Shelf>>,
        runner: Option<Runner>,
    ) -> Result<(Self, Loaded), HookError> {
        let source = spec.script.source()?;
        let file = spec.script.short_name();
        let desk = Desk::new(spec, clock, shelf, runner);
        let noted = Rc::downgrade(&desk);
        let note = move |line: String| {
            if let Some(desk) = noted.upgrade() {
                desk.log(&line);
            }
        };
        let failed = |error: &mlua::Error| {
            let late = clock.is_over();
            HookError::Script(failure(None, error, &file, late))
        };
        clock.begin(spec.timeout);
        let made = sandbox::state(spec.memory, clock, &file, note).and_then(|lua| {
            desk.meter.watch(&lua);
            let words = Words::new(&lua, &spec.account)?;
            api::install(&lua, &desk)?;
            let text = source.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&source);
            lua.load(text)
                .set_name(format!("@{file}"))
                .set_mode(ChunkMode::Text)
                .exec()?;
            Ok((lua, words))
        });
        let made = made.map_err(|error| failed(&error));
        clock.end();
        let (lua, words) = made?;
        desk.loading.set(false);
        let loaded = describe_loaded(&desk, &source);
        Ok((Self { lua, desk, words }, loaded))
    }

    /// A job begins: what the one before wanted does not count any more.
    pub fn begin(&self) {
        self.desk.tally.take();
    }

    /// How long until the next timer.
    pub fn next_timer(&self) -> Option<Duration> {
        let timers = self.desk.timers.borrow();
        let next = timers.iter().map(|timer| timer.next).min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// Tells all handlers; whether the state may be used any more.
    pub fn tell(&self, told: &Told, progress: &Progress) -> bool {
        let handlers = self.desk.handlers(told.event);
        if handlers.is_empty() {
            return true;
        }
        let arguments = match Arguments::new(&self.lua, &self.desk, &self.words, told) {
            Ok(arguments) => arguments,
            Err(error) => return self.count(told.event, Err(error), progress),
        };
        handlers.iter().all(|handler| {
            let called = self.timed(|| arguments.call(&self.lua, &self.words, handler));
            self.count(told.event, called, progress)
        })
    }

    /// Runs the timers that are due.
    pub fn timers(&self, progress: &Progress) -> bool {
        let now = Instant::now();
        let mut due = Vec::new();
        for timer in self.desk.timers.borrow_mut().iter_mut() {
            if timer.next <= now {
                timer.next = now + timer.every.min(Duration::from_secs(365 * 86_400));
                due.push(timer.run.clone());
            }
        }
        due.iter().all(|run| {
            let called = self.timed(|| run.call(()));
            self.count(Event::Timer, called, progress)
        })
    }

    /// Lets handlers change a notification or silence it. One that fails changes nothing.
    pub fn notification(&self, shown: &Notification, progress: &Progress) -> bool {
        let mut now = shown.clone();
        progress.note(|answer| answer.notification = Some(now.clone()));
        for handler in self.desk.handlers(Event::Notification).iter() {
            let (called, after) = match self.changed(&handler.run, &now) {
                Ok(after) => (Ok(()), after),
                Err(error) => (Err(error), Some(now)),
            };
            progress.note(|answer| answer.notification.clone_from(&after));
            if !self.count(Event::Notification, called, progress) {
                return false;
            }
            let Some(after) = after else { break };
            now = after;
        }
        true
    }

    fn changed(&self, run: &Function, before: &Notification) -> mlua::Result<Option<Notification>> {
        let account = &self.desk.spec.account;
        let table = notification_table(&self.lua, account, before)?;
        let messages = self.lua.create_table()?;
        for subject in &before.messages {
            messages.raw_push(Message::new(&self.desk, Post::alone(subject.clone()))?)?;
        }
        table.set("messages", messages)?;
        self.timed(|| run.call(&table))?;
        fill_notification(&table, before)
    }

    /// Calls a handler, which has its time from now on.
    fn timed(&self, call: impl FnOnce() -> mlua::Result<()>) -> mlua::Result<()> {
        self.desk.mailboxes.take();
        self.desk.clock.begin(self.desk.spec.timeout);
        call()
    }

    /// Takes what a call wanted, or notes why it failed; whether the state may be used any more.
    fn count(&self, event: Event, called: mlua::Result<()>, progress: &Progress) -> bool {
        let late = called.is_err() && self.desk.clock.is_over();
        let mut wants = self.desk.reply.take();
        let failure = called
            .err()
            .map(|error| failure(Some(event), &error, &self.desk.file, late));
        let usable = failure.as_ref().is_none_or(|it| it.why == Why::Script);
        if let Some(failure) = failure {
            self.desk.tally.borrow_mut().forget(&wants.wanted);
            wants.wanted.clear();
            wants.notices.clear();
            wants.failures.push(failure);
        }
        progress.note(|answer| {
            answer.calls += 1;
            answer.failing = match wants.failures.is_empty() {
                true => Some(0),
                false => Some(answer.failing.unwrap_or(0) + 1),
            };
            answer.reply.append(wants);
        });
        // Until all is noted the deadline holds: who waits for this thread may give it up, and then takes what is noted.
        self.desk.clock.end();
        usable
    }
}

fn failure(event: Option<Event>, error: &mlua::Error, file: &str, late: bool) -> Failure {
    let why = if late {
        Why::Deadline
    } else if describe::is_memory(error) {
        Why::Memory
    } else {
        Why::Script
    };
    Failure {
        event,
        why,
        text: describe::error(error, file),
    }
}

/// What a script said while it was loaded. What it needs is what it says, and what its text uses.
fn describe_loaded(desk: &Desk, source: &[u8]) -> Loaded {
    let mut needs = desk.needs.borrow().clone();
    let text = String::from_utf8_lossy(source);
    let uses = |words: &[&str]| {
        text.lines()
            .filter(|line| !line.trim_start().starts_with("--"))
            .any(|line| words.iter().any(|word| line.contains(word)))
    };
    for (capability, words) in [
        (Capability::Exec, &["mailferry.exec"][..]),
        (Capability::ReadBody, &[":text(", ":content("]),
        (Capability::Notify, &["mailferry.notify"]),
    ] {
        if uses(words) {
            needs.push(capability);
        }
    }
    needs.sort();
    needs.dedup();
    let said: Reply = desk.reply.take();
    Loaded {
        handlers: Event::ALL
            .into_iter()
            .map(|event| (event, desk.handlers(event).len()))
            .filter(|(_, count)| *count > 0)
            .collect(),
        timers: desk
            .timers
            .borrow()
            .iter()
            .map(|timer| timer.every)
            .collect(),
        needs,
        log: said.log,
    }
}
