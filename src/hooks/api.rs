//! `mailferry`, the table that scripts see.

mod attachments;
mod desk;
mod exec;
mod message;
mod search;
mod sets;
mod time;
mod values;

use std::rc::Rc;
use std::time::{Duration, Instant};

use mlua::{Error, Function, Lua, MultiValue, Result, Table, Value};

pub(super) use desk::{Desk, Handler, Timer};
pub(super) use message::Message;
pub(super) use values::{fill_notification, notification_table, to_lua, word_set};

use super::event::Event;
use super::notification::Urgency;
use super::reply::Notice;
use super::spec::Capability;
use super::{describe, span};

/// The most timers that a script may have.
const MOST_TIMERS: usize = 200;
/// Timers are not more frequent than this.
const SHORTEST: Duration = Duration::from_secs(1);

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
        shared.listen(event, run)
    };
    table.set("on", lua.create_function(on)?)?;
    let shared = Rc::clone(desk);
    let every = move |_: &Lua, (time, run): (Value, Function)| {
        let every = time_of(&time)?.max(SHORTEST);
        let mut timers = shared.timers.borrow_mut();
        if timers.len() >= MOST_TIMERS {
            return Err(Error::runtime("too many timers"));
        }
        let next = Instant::now() + every.min(Duration::from_secs(365 * 86_400));
        timers.push(Timer { every, next, run });
        Ok(())
    };
    table.set("every", lua.create_function(every)?)?;
    let shared = Rc::clone(desk);
    let needs = move |_: &Lua, words: MultiValue| {
        for word in words {
            let what = Capability::parse(&values::shown(&word)).ok_or_else(|| {
                let word = values::quoted(&word);
                Error::runtime(format!("there is no capability \"{word}\""))
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
    table.set("log", lua.globals().get::<Function>("print")?)?;
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
        shared.notice(notice);
        Ok(())
    };
    table.set("notify", lua.create_function(notify)?)
}

/// A length of time as scripts write it: `"1h"`, or seconds.
fn time_of(value: &Value) -> Result<Duration> {
    let text = values::shown(value);
    let time = match value {
        Value::Integer(_) | Value::String(_) => span::parse(&text),
        _ => None,
    };
    time.ok_or_else(|| {
        let text = values::quoted(value);
        Error::runtime(format!(
            "\"{text}\" is no time such as \"30s\", \"1h\", \"30d\""
        ))
    })
}
