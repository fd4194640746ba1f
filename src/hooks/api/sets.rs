//! Sets of messages: `a + b` (either), `a * b` (both), `a - b` (only the first), and the acts of messages.

use std::collections::HashSet;
use std::mem::size_of;
use std::rc::Rc;

use mlua::{Error, Function, Lua, Result, UserData, UserDataMethods, UserDataRef, Value};

use super::super::meter::Held;
use super::Desk;
use super::message::{Message, acts};
use crate::mail::{LocalId, MailboxName};

/// Messages without repetition, in the order in which they were found.
#[derive(Clone)]
pub(super) struct Set {
    desk: Rc<Desk>,
    messages: Rc<[Message]>,
    _held: Rc<Held>,
}

type Key<'m> = (&'m MailboxName, Option<&'m LocalId>);

fn key(message: &Message) -> Key<'_> {
    let subject = message.subject();
    (&subject.mailbox, subject.local.as_ref())
}

/// What a place in a set takes.
fn places(count: usize) -> usize {
    64 + count * size_of::<Message>()
}

impl Set {
    /// An error where a script holds more than it may.
    pub fn new(desk: &Rc<Desk>, messages: Vec<Message>) -> Result<Self> {
        desk.in_time()?;
        let held = desk.meter.hold(places(messages.len()))?;
        Ok(Self {
            desk: Rc::clone(desk),
            messages: messages.into(),
            _held: Rc::new(held),
        })
    }

    fn keys(&self) -> HashSet<Key<'_>> {
        self.messages.iter().map(key).collect()
    }

    /// Those of this set for which it is so.
    fn only(&self, wanted: impl Fn(&Message) -> bool) -> Vec<Message> {
        let wanted = self.messages.iter().filter(|one| wanted(one));
        wanted.cloned().collect()
    }

    fn filtered(&self, wanted: &Function) -> Result<Self> {
        // As long as it grows it counts, too: this may be called by what is called here.
        let _held = self.desk.meter.hold(places(self.messages.len()))?;
        let mut kept = Vec::new();
        for message in self.messages.iter() {
            if wanted.call::<bool>(message.clone())? {
                kept.push(message.clone());
            }
        }
        Self::new(&self.desk, kept)
    }

    fn at(&self, place: i64) -> Option<Message> {
        let place = usize::try_from(place).ok()?.checked_sub(1)?;
        self.messages.get(place).cloned()
    }
}

type Other = UserDataRef<Set>;

impl UserData for Set {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        acts(methods, |this: &Self, act| {
            this.messages.iter().try_for_each(|one| {
                this.desk.in_time()?;
                one.want(act.clone())
            })
        });
        methods.add_meta_method("__add", |_, this, other: Other| {
            let known = this.keys();
            let more = other.only(|one| !known.contains(&key(one)));
            Self::new(
                &this.desk,
                this.messages.iter().cloned().chain(more).collect(),
            )
        });
        methods.add_meta_method("__mul", |_, this, other: Other| {
            let known = other.keys();
            Self::new(&this.desk, this.only(|one| known.contains(&key(one))))
        });
        methods.add_meta_method("__sub", |_, this, other: Other| {
            let known = other.keys();
            Self::new(&this.desk, this.only(|one| !known.contains(&key(one))))
        });
        methods.add_meta_method("__len", |_, this, ()| Ok(this.messages.len()));
        methods.add_meta_method("__index", |_, this, place: Value| match place {
            Value::Integer(place) => Ok(this.at(place)),
            _ => Err(Error::runtime("a set has numbers and methods only")),
        });
        methods.add_method("filter", |_, this, wanted: Function| this.filtered(&wanted));
        methods.add_method("each", each);
    }
}

/// `for msg in set:each() do`.
fn each(lua: &Lua, set: &Set, (): ()) -> Result<Function> {
    let set = set.clone();
    let mut next = 0;
    lua.create_function_mut(move |_, ()| {
        next += 1;
        Ok(set.messages.get(next - 1).cloned())
    })
}
