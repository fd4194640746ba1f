//! What is attached to a message.

use mlua::{Error, Lua, Result, Table};

use super::super::spec::Capability;
use super::{Message, values};
use crate::letter::Body;

/// `msg.attachments`: a list of tables with `name`, `type`, `size` and `content()`.
pub(super) fn list(lua: &Lua, message: &Message) -> Result<Table> {
    let list = lua.create_table()?;
    let body = Body::parse(&message.octets()?, 0);
    for (place, attachment) in body.attachments.into_iter().enumerate() {
        let entry = lua.create_table()?;
        entry.raw_set("name", attachment.name)?;
        entry.raw_set("type", attachment.kind)?;
        entry.raw_set("size", attachment.size)?;
        let message = message.clone();
        let content = move |lua: &Lua, _: Table| {
            let demanded = Capability::ReadBody;
            message.desk().demand(demanded, "attachment:content()")?;
            let content = Body::attachment(&message.octets()?, place)
                .ok_or_else(|| Error::runtime("the attachment is gone"))?;
            values::to_lua(lua, &content)
        };
        entry.raw_set("content", lua.create_function(content)?)?;
        list.raw_push(entry)?;
    }
    Ok(list)
}
