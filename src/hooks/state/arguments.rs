//! What handlers are called with.

use std::rc::Rc;

use mlua::{Lua, LuaString, MultiValue, Result, Table, Value};

use super::super::api::{Desk, Message, to_lua, word_set};
use super::super::event::Event;
use super::super::told::{Matter, Told};
use crate::mail::MailboxName;
use crate::sync::{Happened, Occasion, Side};

/// Words that stand in each event, made once.
pub(super) struct Words {
    name: LuaString,
    account: LuaString,
    id: LuaString,
    side: LuaString,
    local: LuaString,
    remote: LuaString,
    /// The account's name.
    whose: LuaString,
    /// The events' names, as in [`Event::ALL`].
    names: Vec<(Event, LuaString)>,
}

impl Words {
    pub fn new(lua: &Lua, account: &str) -> Result<Self> {
        let word = |text: &str| lua.create_string(text);
        let names = Event::ALL.into_iter();
        let names = names.map(|event| Ok((event, word(event.name())?)));
        Ok(Self {
            name: word("name")?,
            account: word("account")?,
            id: word("id")?,
            side: word("side")?,
            local: word("local")?,
            remote: word("remote")?,
            whose: word(account)?,
            names: names.collect::<Result<_>>()?,
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
pub(super) fn arguments(
    lua: &Lua,
    desk: &Rc<Desk>,
    words: &Words,
    told: &Told,
) -> Result<MultiValue> {
    let table = lua.create_table_with_capacity(0, 6)?;
    table.raw_set(&words.name, words.event(told.event))?;
    table.raw_set(&words.account, &words.whose)?;
    let mut arguments = MultiValue::with_capacity(2);
    match &told.matter {
        Matter::Message {
            id,
            side,
            by_listener,
            what,
            subject,
        } => {
            table.raw_set(&words.id, format!("{}/{}", desk.spec.account, id.0))?;
            table.raw_set(&words.side, words.of_side(*side))?;
            if *by_listener {
                table.raw_set("by", "hook")?;
            }
            changes(lua, &table, what)?;
            let message = Message::new(desk, subject.clone())?;
            arguments.push_back(Value::UserData(lua.create_userdata(message)?));
        }
        Matter::Other(occasion) => details(lua, &table, occasion)?,
    }
    arguments.push_back(Value::Table(table));
    Ok(arguments)
}

fn changes(lua: &Lua, table: &Table, what: &Happened) -> Result<()> {
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
