//! What is attached to a message.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use mlua::{Error, Lua, Result, Table};

use super::super::spec::Capability;
use super::{Message, values};
use crate::letter::Body;

/// Of a message that is longer, in bytes, each attachment is taken out by itself: what is kept counts for no limit.
const LONGEST: usize = 8 << 20;

/// What a message was found to hold when one of its attachments was asked for, until the others are.
#[derive(Default)]
struct Contents(RefCell<BTreeMap<usize, Vec<u8>>>);

impl Contents {
    fn take(&self, message: &Message, place: usize) -> Result<Option<Vec<u8>>> {
        if let Some(kept) = self.0.borrow_mut().remove(&place) {
            return Ok(Some(kept));
        }
        let octets = message.octets()?;
        if octets.len() > LONGEST {
            return Ok(Body::attachment(&octets, place));
        }
        let mut all: BTreeMap<usize, Vec<u8>> =
            Body::contents(&octets).into_iter().enumerate().collect();
        let wanted = all.remove(&place);
        self.0.replace(all);
        Ok(wanted)
    }
}

/// `msg.attachments`: a list of tables with `name`, `type`, `size` and `content()`.
pub(super) fn list(lua: &Lua, message: &Message) -> Result<Table> {
    let list = lua.create_table()?;
    let body = Body::parse(&message.octets()?, 0);
    let contents: Rc<Contents> = Rc::default();
    for (place, attachment) in body.attachments.into_iter().enumerate() {
        let entry = lua.create_table()?;
        entry.raw_set("name", attachment.name)?;
        entry.raw_set("type", attachment.kind)?;
        entry.raw_set("size", attachment.size)?;
        let (message, contents) = (message.clone(), Rc::clone(&contents));
        let content = move |lua: &Lua, _: Table| {
            let demanded = Capability::ReadBody;
            message.desk().demand(demanded, "attachment:content()")?;
            let content = contents
                .take(&message, place)?
                .ok_or_else(|| Error::runtime("the attachment is gone"))?;
            values::to_lua(lua, &content)
        };
        entry.raw_set("content", lua.create_function(content)?)?;
        list.raw_push(entry)?;
    }
    Ok(list)
}
