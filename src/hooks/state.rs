//! One loaded script: its state, its handlers, and how they are called.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlua::{Function, Lua, MultiValue, Table, chunk::ChunkMode};

use super::api::{self, Desk, Message, fill_notification, notification_table, to_lua, word_set};
use super::clock::Clock;
use super::describe;
use super::event::Event;
use super::heads::Heads;
use super::notification::Notification;
use super::reply::{Answer, Failure, HookError, Loaded, Reply, Why};
use super::sandbox;
use super::shelf::Shelf;
use super::spec::{Capability, Spec};
use crate::mail::MailboxName;
use crate::sync::{Happened, Occasion};

/// A script that is loaded.
pub(super) struct State {
    lua: Lua,
    desk: Rc<Desk>,
}

impl State {
    /// Loads the script.
    pub fn load(
        spec: &Spec,
        clock: &Arc<Clock>,
        shelf: Option<Box<dyn Shelf>>,
        heads: &Heads,
    ) -> Result<(Self, Loaded), HookError> {
        let source = spec.script.source()?;
        let file = spec.script.short_name();
        let desk = Rc::new(Desk {
            spec: spec.clone(),
            file: file.clone(),
            clock: Arc::clone(clock),
            shelf,
            heads: heads.clone(),
            reply: RefCell::default(),
            handlers: RefCell::default(),
            timers: RefCell::default(),
            needs: RefCell::default(),
            loading: Cell::new(true),
        });
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
            api::install(&lua, &desk)?;
            let text = source.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&source);
            lua.load(text)
                .set_name(format!("@{file}"))
                .set_mode(ChunkMode::Text)
                .exec()?;
            Ok(lua)
        });
        let made = made.map_err(|error| failed(&error));
        clock.end();
        let lua = made?;
        desk.loading.set(false);
        let loaded = describe_loaded(&desk, &source);
        Ok((Self { lua, desk }, loaded))
    }

    /// How long until the next timer.
    pub fn next_timer(&self) -> Option<Duration> {
        let timers = self.desk.timers.borrow();
        let next = timers.iter().map(|timer| timer.next).min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// Tells all handlers; whether the state may be used any more.
    pub fn tell(&self, occasion: &Occasion, answer: &mut Answer) -> bool {
        let event = Event::of(occasion);
        let handlers = self.handlers(event);
        if handlers.is_empty() {
            return true;
        }
        let arguments = match self.arguments(occasion) {
            Ok(arguments) => arguments,
            Err(error) => return self.count(event, Err(error), answer),
        };
        handlers.iter().all(|run| {
            let called = self.call(run, arguments.clone());
            self.count(event, called, answer)
        })
    }

    /// Runs the timers that are due.
    pub fn timers(&self, answer: &mut Answer) -> bool {
        let now = Instant::now();
        let mut due = Vec::new();
        for timer in self.desk.timers.borrow_mut().iter_mut() {
            if timer.next <= now {
                timer.next = now + timer.every.min(Duration::from_secs(365 * 86_400));
                due.push(timer.run.clone());
            }
        }
        due.iter().all(|run| {
            let called = self.call(run, MultiValue::new());
            self.count(Event::Timer, called, answer)
        })
    }

    /// Lets handlers change a notification or silence it. One that fails changes nothing.
    pub fn notification(&self, shown: Notification, answer: &mut Answer) -> bool {
        answer.notification = Some(shown.clone());
        for run in self.handlers(Event::Notification) {
            let Some(before) = answer.notification.clone() else {
                break;
            };
            let changed = self.changed(&run, &before);
            let changed = changed.map(|after| answer.notification = after);
            if !self.count(Event::Notification, changed, answer) {
                return false;
            }
        }
        true
    }

    fn changed(&self, run: &Function, before: &Notification) -> mlua::Result<Option<Notification>> {
        let account = &self.desk.spec.account;
        let table = notification_table(&self.lua, account, before)?;
        let messages = self.lua.create_table()?;
        for subject in &before.messages {
            messages.raw_push(Message::new(&self.desk, subject.clone()))?;
        }
        table.set("messages", messages)?;
        let mut arguments = MultiValue::new();
        arguments.push_back(mlua::Value::Table(table.clone()));
        self.call(run, arguments)?;
        fill_notification(&table, before)
    }

    fn handlers(&self, event: Event) -> Vec<Function> {
        self.desk
            .handlers
            .borrow()
            .iter()
            .filter(|(known, _)| *known == event)
            .map(|(_, run)| run.clone())
            .collect()
    }

    fn call(&self, run: &Function, arguments: MultiValue) -> mlua::Result<()> {
        self.desk.clock.begin(self.desk.spec.timeout);
        run.call::<()>(arguments)
    }

    /// Takes what a call wanted, or notes why it failed; whether the state may be used any more.
    fn count(&self, event: Event, called: mlua::Result<()>, answer: &mut Answer) -> bool {
        let late = called.is_err() && self.desk.clock.is_over();
        self.desk.clock.end();
        answer.calls += 1;
        let mut wants = self.desk.reply.take();
        let Err(error) = called else {
            answer.failing = Some(0);
            answer.reply.append(wants);
            return true;
        };
        let failure = failure(Some(event), &error, &self.desk.file, late);
        answer.failing = Some(answer.failing.unwrap_or(0) + 1);
        let usable = failure.why == Why::Script;
        wants.wanted.clear();
        wants.notices.clear();
        wants.failures.push(failure);
        answer.reply.append(wants);
        usable
    }

    /// What handlers of an event are called with.
    fn arguments(&self, occasion: &Occasion) -> mlua::Result<MultiValue> {
        let lua = &self.lua;
        let table = lua.create_table()?;
        let event = Event::of(occasion);
        table.raw_set("name", event.name())?;
        table.raw_set("account", self.desk.spec.account.as_str())?;
        let mut arguments = MultiValue::new();
        if let Occasion::Message {
            id,
            side,
            by_listener,
            what,
            subject,
        } = occasion
        {
            table.raw_set("id", format!("{}/{}", self.desk.spec.account, id.0))?;
            table.raw_set("side", format!("{side:?}").to_lowercase())?;
            if *by_listener {
                table.raw_set("by", "hook")?;
            }
            changes(lua, &table, what)?;
            let message = Message::new(&self.desk, subject.clone());
            arguments.push_back(mlua::Value::UserData(lua.create_userdata(message)?));
        } else {
            details(lua, &table, occasion)?;
        }
        arguments.push_back(mlua::Value::Table(table));
        Ok(arguments)
    }
}

fn changes(lua: &Lua, table: &Table, what: &Happened) -> mlua::Result<()> {
    match what {
        Happened::New | Happened::Deleted => Ok(()),
        Happened::Flags { added, removed } => {
            table.raw_set("added", word_set(lua, added)?)?;
            table.raw_set("removed", word_set(lua, removed)?)
        }
        Happened::Moved { from } => table.raw_set("from", from.as_str()),
    }
}

/// What is told of anything but a single message.
fn details(lua: &Lua, table: &Table, occasion: &Occasion) -> mlua::Result<()> {
    match occasion {
        Occasion::Message { .. } => Ok(()),
        Occasion::MailboxSynced {
            mailbox,
            changed,
            new,
            gone,
        } => {
            table.raw_set("mailbox", mailbox.as_str())?;
            let paths = lua.create_table()?;
            for path in changed {
                paths.raw_push(to_lua(lua, path.as_os_str().as_encoded_bytes())?)?;
            }
            table.raw_set("changed", paths)?;
            table.raw_set("new", *new)?;
            table.raw_set("gone", *gone)
        }
        Occasion::AccountSynced { complete } => table.raw_set("complete", *complete),
        Occasion::AccountState { state } => table.raw_set("state", state.as_str()),
        Occasion::Hold {
            id,
            mailbox,
            count,
            reason,
        } => {
            table.raw_set("id", id.as_str())?;
            table.raw_set("mailbox", mailbox.as_str())?;
            table.raw_set("count", *count)?;
            table.raw_set("reason", reason.as_str())
        }
        Occasion::Error { mailbox, text } => {
            let mailbox = mailbox.as_ref().map(MailboxName::as_str);
            table.raw_set("mailbox", mailbox)?;
            table.raw_set("text", text.as_str())
        }
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
    let handlers = desk.handlers.borrow();
    let count = |event: Event| handlers.iter().filter(|(known, _)| *known == event).count();
    let said: Reply = desk.reply.take();
    Loaded {
        handlers: Event::ALL
            .into_iter()
            .map(|event| (event, count(event)))
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
