//! `mailferry`, the table that scripts see.

mod attachments;
mod exec;
mod message;
mod search;
mod sets;
mod time;
mod values;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mlua::{Error, Function, Lua, Result, Table, Value, Variadic};

pub(super) use message::Message;
pub(super) use values::{fill_notification, notification_table, to_lua, word_set};

use super::clock::Clock;
use super::event::Event;
use super::heads::Heads;
use super::notification::Urgency;
use super::reply::{Notice, Reply};
use super::shelf::Shelf;
use super::spec::{Capability, Spec};
use super::{describe, sandbox, span};
use crate::sync::Wanted;

/// The most acts that one handler may want.
const MOST_WANTED: usize = 100_000;
/// The most lines that one handler may log.
const MOST_LINES: usize = 200;
/// The most notifications that one handler may ask for.
const MOST_NOTICES: usize = 20;
/// The most handlers and the most timers that a script may have.
const MOST_HANDLERS: usize = 200;
/// Timers are not more frequent than this.
const SHORTEST: Duration = Duration::from_secs(1);

/// Something that a script wants run again and again.
#[derive(Clone)]
pub(super) struct Timer {
    pub every: Duration,
    pub next: Instant,
    pub run: Function,
}

/// What lies between a script and us.
pub(super) struct Desk {
    pub spec: Spec,
    pub file: String,
    pub clock: Arc<Clock>,
    pub shelf: Option<Box<dyn Shelf>>,
    pub heads: Heads,
    /// What the handler that runs wants so far.
    pub reply: RefCell<Reply>,
    /// Everything that listens, in the order of registration.
    pub handlers: RefCell<Vec<(Event, Function)>>,
    pub timers: RefCell<Vec<Timer>>,
    pub needs: RefCell<Vec<Capability>>,
    /// Whether the script is being loaded.
    pub loading: Cell<bool>,
}

impl Desk {
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

    /// Wants something done to a message.
    pub fn want(&self, wanted: Wanted) -> Result<()> {
        if self.loading.get() {
            return Err(Error::runtime("mail can only be acted on in a handler"));
        }
        let mut reply = self.reply.borrow_mut();
        if reply.wanted.len() >= MOST_WANTED {
            return Err(Error::runtime("more acts than one handler may want"));
        }
        reply.wanted.push(wanted);
        Ok(())
    }

    /// A line for the log.
    pub fn log(&self, text: &str) {
        let log = &mut self.reply.borrow_mut().log;
        if log.len() < MOST_LINES {
            log.push(describe::plain(text));
        } else if log.len() == MOST_LINES {
            log.push("... and more".to_owned());
        }
    }

    /// An error once time is up, for work of ours that a script asked for.
    pub fn in_time(&self) -> Result<()> {
        if self.clock.is_over() {
            return Err(Error::runtime(sandbox::OVER));
        }
        Ok(())
    }
}

/// Makes the table.
pub(super) fn install(lua: &Lua, desk: &Rc<Desk>) -> Result<()> {
    let table = lua.create_table()?;
    table.set("account", desk.spec.account.as_str())?;
    table.set("version", env!("CARGO_PKG_VERSION"))?;
    let options = toml::Value::Table(desk.spec.options.clone());
    table.set("options", values::of_toml(lua, &options)?)?;
    listening(lua, desk, &table)?;
    telling(lua, desk, &table)?;
    exec::install(lua, desk, &table)?;
    search::install(lua, desk, &table)?;
    time::install(lua, &table)?;
    lua.globals().set("mailferry", table)
}

/// `on`, `every` and `needs`.
fn listening(lua: &Lua, desk: &Rc<Desk>, table: &Table) -> Result<()> {
    let shared = Rc::clone(desk);
    let on = move |_: &Lua, (name, run): (String, Function)| {
        let event = Event::parse(&name).ok_or_else(|| no_event(&name))?;
        let mut handlers = shared.handlers.borrow_mut();
        if handlers.len() >= MOST_HANDLERS {
            return Err(Error::runtime("too many handlers"));
        }
        handlers.push((event, run));
        Ok(())
    };
    table.set("on", lua.create_function(on)?)?;
    let shared = Rc::clone(desk);
    let every = move |_: &Lua, (time, run): (Value, Function)| {
        let every = time_of(&time)?.max(SHORTEST);
        let mut timers = shared.timers.borrow_mut();
        if timers.len() >= MOST_HANDLERS {
            return Err(Error::runtime("too many timers"));
        }
        let next = Instant::now() + every.min(Duration::from_secs(365 * 86_400));
        timers.push(Timer { every, next, run });
        Ok(())
    };
    table.set("every", lua.create_function(every)?)?;
    let shared = Rc::clone(desk);
    let needs = move |_: &Lua, words: Variadic<String>| {
        for word in words {
            let what = Capability::parse(&word).ok_or_else(|| {
                let text = format!("there is no capability \"{}\"", describe::plain(&word));
                Error::runtime(text)
            })?;
            shared.demand(what, "this hook")?;
        }
        Ok(())
    };
    table.set("needs", lua.create_function(needs)?)
}

fn no_event(name: &str) -> Error {
    let known: Vec<&str> = Event::ALL.into_iter().map(Event::name).collect();
    Error::runtime(format!(
        "there is no event \"{}\"; there are {}",
        describe::plain(name),
        known.join(", ")
    ))
}

/// `log` and `notify`.
fn telling(lua: &Lua, desk: &Rc<Desk>, table: &Table) -> Result<()> {
    let shared = Rc::clone(desk);
    let log = move |lua: &Lua, values: Variadic<Value>| {
        shared.log(&sandbox::joined(lua, &values)?);
        Ok(())
    };
    table.set("log", lua.create_function(log)?)?;
    let shared = Rc::clone(desk);
    let notify = move |_: &Lua, what: Table| {
        shared.demand(Capability::Notify, "mailferry.notify")?;
        values::only(
            &what,
            "mailferry.notify",
            &["title", "body", "urgency", "copy"],
        )?;
        let urgency: Option<String> = what.get("urgency")?;
        let notice = Notice {
            title: values::text(&what, "title")?.unwrap_or_default(),
            body: values::text(&what, "body")?.unwrap_or_default(),
            urgency: urgency.map_or(Ok(Urgency::Normal), |word| values::urgency(&word))?,
            copy: values::text(&what, "copy")?,
        };
        if notice.title.is_empty() {
            return Err(Error::runtime("mailferry.notify: a title is missing"));
        }
        let mut reply = shared.reply.borrow_mut();
        if reply.notices.len() < MOST_NOTICES {
            reply.notices.push(notice);
        }
        Ok(())
    };
    table.set("notify", lua.create_function(notify)?)
}

/// A length of time as scripts write it: `"1h"`, or seconds.
fn time_of(value: &Value) -> Result<Duration> {
    let text = value.to_string()?;
    let time = match value {
        Value::Integer(_) | Value::String(_) => span::parse(&text),
        _ => None,
    };
    time.ok_or_else(|| {
        let text = describe::plain(&text);
        Error::runtime(format!(
            "\"{text}\" is no time such as \"30s\", \"1h\", \"30d\""
        ))
    })
}
