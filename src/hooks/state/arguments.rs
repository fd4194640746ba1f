//! What handlers are called with.

use std::rc::Rc;
use std::sync::Arc;

use mlua::chunk::ChunkMode;
use mlua::{AnyUserData, Function, Lua, LuaString, Result, Table};

use super::super::api::{Desk, Handler, Message, to_lua, word_set};
use super::super::event::Event;
use super::super::told::{Matter, Told};
use crate::mail::MailboxName;
use crate::sync::{Happened, NewsId, Occasion, Side};

/// Calls a handler with a message and the table about it, which Lua makes in a fraction of the time. The call is its last,
/// so that no error shows it.
const OF_MESSAGE: &str = "local account = ...
return function(run, msg, name, id, side, by, added, removed, from)
  return run(msg, {
    name = name, account = account, id = account .. '/' .. id, side = side, by = by, added = added, removed = removed,
    from = from,
  })
end";

/// Words that stand in each event, made once.
pub(super) struct Words {
    /// The account's name.
    whose: LuaString,
    local: LuaString,
    remote: LuaString,
    /// The events' names, as in [`Event::ALL`].
    names: Vec<(Event, LuaString)>,
    of_message: Function,
}

impl Words {
    pub fn new(lua: &Lua, account: &str) -> Result<Self> {
        let word = |text: &str| lua.create_string(text);
        let names = Event::ALL.into_iter();
        let names = names.map(|event| Ok((event, word(event.name())?)));
        let of_message = lua.load(OF_MESSAGE).set_name("=of_message");
        Ok(Self {
            whose: word(account)?,
            local: word("local")?,
            remote: word("remote")?,
            names: names.collect::<Result<_>>()?,
            of_message: of_message.set_mode(ChunkMode::Text).call(account)?,
        })
    }

    fn event(&self, event: Event) -> Option<&LuaString> {
        let mut names = self.names.iter();
        names.find(|(known, _)| *known == event).map(|(_, it)| it)
    }

    fn of_side(&self, side: Side) -> &LuaString {
        match side {
            Side::Local => &self.local,
            Side::Remote => &self.remote,
        }
    }
}

/// What handlers of an event are called with.
pub(super) enum Arguments<'t> {
    /// A message, and what happened to it.
    Message {
        message: AnyUserData,
        event: Event,
        id: NewsId,
        side: Side,
        by_listener: bool,
        what: &'t Happened,
    },
    /// No message.
    Other(Table),
}

impl<'t> Arguments<'t> {
    pub fn new(lua: &Lua, desk: &Rc<Desk>, words: &Words, told: &'t Told) -> Result<Self> {
        match &told.matter {
            Matter::Other(occasion) => other(lua, words, told.event, occasion),
            Matter::Message {
                id,
                side,
                by_listener,
                what,
                post,
            } => Ok(Self::Message {
                message: lua.create_userdata(Message::new(desk, Arc::clone(post))?)?,
                event: told.event,
                id: *id,
                side: *side,
                by_listener: *by_listener,
                what,
            }),
        }
    }

    /// Calls a handler. What it does not look at is not made.
    pub fn call(&self, lua: &Lua, words: &Words, handler: &Handler) -> Result<()> {
        let run = &handler.run;
        match self {
            Self::Message { message, .. } if !handler.curious => run.call(message),
            Self::Message {
                message,
                event,
                id,
                side,
                by_listener,
                what,
            } => {
                let (name, side) = (words.event(*event), words.of_side(*side));
                let by = by_listener.then_some("hook");
                let (added, removed, from) = match what {
                    Happened::New | Happened::Deleted => (None, None, None),
                    Happened::Flags { added, removed } => {
                        let (added, removed) = (word_set(lua, added)?, word_set(lua, removed)?);
                        (Some(added), Some(removed), None)
                    }
                    Happened::Moved { from } => (None, None, Some(from.as_str())),
                };
                words
                    .of_message
                    .call((run, message, name, id.0, side, by, added, removed, from))
            }
            Self::Other(table) => run.call(table),
        }
    }
}

fn other<'t>(lua: &Lua, words: &Words, event: Event, occasion: &Occasion) -> Result<Arguments<'t>> {
    let table = lua.create_table()?;
    table.raw_set("name", words.event(event))?;
    table.raw_set("account", &words.whose)?;
    details(lua, &table, occasion)?;
    Ok(Arguments::Other(table))
}

/// What is told of anything but a single message.
fn details(lua: &Lua, table: &Table, occasion: &Occasion) -> Result<()> {
    match occasion {
        Occasion::Message { .. } => Ok(()),
        Occasion::MailboxSynced {
            mailbox,
            changed,
            new,
            gone,
        } => {
            table.raw_set("mailbox", mailbox.as_str())?;
            let paths = lua.create_table_with_capacity(changed.len(), 0)?;
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
