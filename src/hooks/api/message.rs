//! A message, as scripts see it.

use std::cell::OnceCell;
use std::mem::size_of;
use std::rc::Rc;
use std::sync::Arc;

use mlua::{
    Error, Lua, MultiValue, Result, Table, UserData, UserDataFields, UserDataMethods, UserDataRef,
    Value,
};

use super::super::heads::Post;
use super::super::meter::Held;
use super::super::spec::Capability;
use super::{Desk, attachments, values};
use crate::letter::{self, Address, Body, Letter};
use crate::mail::{Flags, MailboxName, Uid};
use crate::sync::{Act, Subject, Wanted};

/// The most of a message that is read for its text and attachments, in bytes.
const MOST_READ: usize = 32 << 20;
/// The most text that a script gets unless it asks for less, in bytes.
const MOST_TEXT: usize = 1 << 20;

/// The longest name of a mailbox that a script may want, in bytes.
pub(super) const LONGEST_NAME: usize = 1000;

/// A message; header and body are read when they are asked for.
#[derive(Clone)]
pub(in super::super) struct Message(Rc<Inner>);

struct Inner {
    desk: Rc<Desk>,
    post: Arc<Post>,
    letter: OnceCell<(Arc<Letter>, Held)>,
    _held: Held,
}

impl Message {
    /// An error where a script holds more of them than it may.
    pub fn new(desk: &Rc<Desk>, post: Arc<Post>) -> Result<Self> {
        Ok(Self(Rc::new(Inner {
            _held: desk.meter.hold(weight(&post.subject))?,
            desk: Rc::clone(desk),
            post,
            letter: OnceCell::new(),
        })))
    }

    pub fn subject(&self) -> &Subject {
        &self.0.post.subject
    }

    /// Its header; empty if it is not at hand and its file is gone or cannot be read.
    pub fn letter(&self) -> Result<&Letter> {
        if let Some((letter, _)) = self.0.letter.get() {
            return Ok(letter);
        }
        self.desk().in_time()?;
        let head = self.0.post.head();
        let held = self.desk().meter.hold(head.weight)?;
        let (letter, _) = self.0.letter.get_or_init(|| (head.letter, held));
        Ok(letter)
    }

    /// All of it, as far as it is read.
    pub(super) fn octets(&self) -> Result<Vec<u8>> {
        self.desk().in_time()?;
        let path = self.subject().path.as_deref().ok_or_else(gone)?;
        letter::read(path, MOST_READ)
            .map_err(|error| Error::runtime(format!("the message cannot be read: {error}")))
    }

    /// Wants something done to it.
    pub fn want(&self, act: Act) -> Result<()> {
        let subject = self.subject();
        self.0.desk.want(Wanted {
            row: subject.row,
            mailbox: subject.mailbox.clone(),
            local: subject.local.clone().ok_or_else(gone)?,
            act,
        })
    }

    pub(super) fn desk(&self) -> &Rc<Desk> {
        &self.0.desk
    }

    fn text(&self, limit: Option<usize>) -> Result<String> {
        self.desk().demand(Capability::ReadBody, "msg:text()")?;
        let limit = limit.unwrap_or(MOST_TEXT).min(MOST_READ);
        Ok(Body::parse(&self.octets()?, limit).text)
    }
}

/// About the octets that a message takes as long as a script has it.
fn weight(subject: &Subject) -> usize {
    let keywords = subject.flags.keywords();
    let keywords: usize = keywords.map(|one| one.as_str().len() + 64).sum();
    let local = subject.local.as_ref().map_or(0, |it| it.as_bytes().len());
    let path = subject.path.as_ref().map_or(0, |it| it.as_os_str().len());
    let header = subject.header.as_ref().map_or(0, |it| it.octets().len());
    size_of::<Inner>() + size_of::<Subject>() + local + path + keywords + header
}

fn gone() -> Error {
    Error::runtime("the message is gone")
}

/// A mailbox's name from a script.
pub(super) fn mailbox(value: &Value) -> Result<MailboxName> {
    let text = values::whole(value, LONGEST_NAME);
    let text = text.filter(|text| !text.chars().any(char::is_control));
    text.and_then(|text| MailboxName::parse(&text))
        .ok_or_else(|| {
            let text = values::quoted(value);
            Error::runtime(format!("\"{text}\" can be no mailbox's name"))
        })
}

/// As in `Jane <jane@example.com>, bob@example.com`.
fn joined(addresses: &[Address]) -> String {
    let shown: Vec<String> = addresses
        .iter()
        .map(|one| match (one.name.as_str(), one.address.as_str()) {
            ("", address) => address.to_owned(),
            (name, "") => name.to_owned(),
            (name, address) => format!("{name} <{address}>"),
        })
        .collect();
    shown.join(", ")
}

fn list(lua: &Lua, addresses: &[Address]) -> Result<Table> {
    let list = lua.create_table()?;
    for one in addresses {
        let entry = lua.create_table()?;
        entry.raw_set("name", one.name.as_str())?;
        entry.raw_set("address", one.address.as_str())?;
        list.raw_push(entry)?;
    }
    Ok(list)
}

impl UserData for Message {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        stored(fields);
        written(fields);
        fields.add_field_method_get("attachments", attachments::list);
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method("header", |_, this, name: String| {
            Ok(this.letter()?.header(&name))
        });
        methods.add_method("headers", |_, this, name: String| {
            Ok(this.letter()?.headers(&name))
        });
        methods.add_method("text", |_, this, limit: Option<usize>| this.text(limit));
        methods.add_method("has_flag", |_, this, word: Value| {
            let wanted = values::flags([word])?;
            Ok(wanted.minus(&this.subject().flags).is_empty())
        });
        acts(methods, |this: &Self, act| this.want(act));
        methods.add_meta_method("__tostring", |_, this, ()| {
            Ok(format!(
                "{}: {}",
                this.subject().mailbox,
                this.letter()?.subject()
            ))
        });
        methods.add_meta_method("__eq", |_, this, other: UserDataRef<Self>| {
            let (one, two) = (this.subject(), other.subject());
            Ok(one.mailbox == two.mailbox && one.local == two.local && one.row == two.row)
        });
    }
}

/// What is known of a message without opening it.
fn stored<F: UserDataFields<Message>>(fields: &mut F) {
    fields.add_field_method_get("account", |lua, this| {
        lua.create_string(&this.desk().spec.account)
    });
    fields.add_field_method_get("mailbox", |lua, this| {
        lua.create_string(this.subject().mailbox.as_str())
    });
    fields.add_field_method_get("id", |lua, this| {
        let local = this.subject().local.as_ref();
        local.map_or(Ok(Value::Nil), |local| {
            values::to_lua(lua, local.as_bytes())
        })
    });
    fields.add_field_method_get("path", |lua, this| {
        let path = this.subject().path.as_ref();
        path.map_or(Ok(Value::Nil), |path| {
            values::to_lua(lua, path.as_os_str().as_encoded_bytes())
        })
    });
    fields.add_field_method_get("uid", |_, this| Ok(this.subject().uid.map(Uid::get)));
    fields.add_field_method_get("size", |_, this| Ok(this.subject().size));
    fields.add_field_method_get("date", |_, this| Ok(this.subject().date));
    fields.add_field_method_get("flags", |lua, this| {
        let system = Flags::from_parts(this.subject().flags.system_bits(), []);
        values::word_set(lua, &system)
    });
    fields.add_field_method_get("keywords", |lua, this| {
        let keywords = this.subject().flags.keywords().cloned();
        values::word_set(lua, &Flags::from_parts(0, keywords))
    });
}

/// What its header says.
fn written<F: UserDataFields<Message>>(fields: &mut F) {
    fields.add_field_method_get("subject", |_, this| Ok(this.letter()?.subject()));
    fields.add_field_method_get("message_id", |_, this| Ok(this.letter()?.message_id()));
    fields.add_field_method_get("list_id", |_, this| Ok(this.letter()?.list_id()));
    fields.add_field_method_get("sent", |_, this| Ok(this.letter()?.date()));
    fields.add_field_method_get("from", |_, this| {
        Ok(joined(&this.letter()?.addresses("From")))
    });
    fields.add_field_method_get("from_name", |_, this| {
        Ok(this.letter()?.from().unwrap_or_default().name)
    });
    fields.add_field_method_get("from_address", |_, this| {
        Ok(this.letter()?.from().unwrap_or_default().address)
    });
    for (name, header) in [("to", "To"), ("cc", "Cc")] {
        fields.add_field_method_get(name, move |_, this| {
            Ok(joined(&this.letter()?.addresses(header)))
        });
    }
    for (name, header) in [("to_addresses", "To"), ("cc_addresses", "Cc")] {
        fields.add_field_method_get(name, move |lua, this| {
            list(lua, &this.letter()?.addresses(header))
        });
    }
}

/// What can be done to a message, and to each of a set.
pub(super) fn acts<T: 'static, M: UserDataMethods<T>>(
    methods: &mut M,
    want: impl Fn(&T, Act) -> Result<()> + Copy + 'static,
) {
    methods.add_method("move_to", move |_, this, name: Value| {
        want(this, Act::MoveTo(mailbox(&name)?))
    });
    methods.add_method("copy_to", move |_, this, name: Value| {
        want(this, Act::CopyTo(mailbox(&name)?))
    });
    methods.add_method("add_flags", move |_, this, words: MultiValue| {
        want(this, Act::AddFlags(values::flags(words)?))
    });
    methods.add_method("remove_flags", move |_, this, words: MultiValue| {
        want(this, Act::RemoveFlags(values::flags(words)?))
    });
    methods.add_method("delete", move |_, this, ()| want(this, Act::Delete));
}
