//! Sets of messages: `a + b` (either), `a * b` (both), `a - b` (only the first), and the acts of messages.

use std::collections::HashSet;

use mlua::{Error, Function, Lua, Result, UserData, UserDataMethods, UserDataRef, Value};

use super::message::{Message, acts};
use crate::mail::{LocalId, MailboxName};

/// Messages without repetition, in the order in which they were found.
#[derive(Clone, Default)]
pub(super) struct Set(pub Vec<Message>);

type Key = (MailboxName, Option<LocalId>);

fn key(message: &Message) -> Key {
    let subject = message.subject();
    (subject.mailbox.clone(), subject.local.clone())
}

impl Set {
    fn keys(&self) -> HashSet<Key> {
        self.0.iter().map(key).collect()
    }

    /// Those of this set for which it is so.
    fn only(&self, wanted: impl Fn(&Message) -> bool) -> Self {
        Self(self.0.iter().filter(|one| wanted(one)).cloned().collect())
    }

    fn filtered(&self, wanted: &Function) -> Result<Self> {
        let mut kept = Vec::new();
        for message in &self.0 {
            if wanted.call::<bool>(message.clone())? {
                kept.push(message.clone());
            }
        }
        Ok(Self(kept))
    }

    fn at(&self, place: i64) -> Option<Message> {
        let place = usize::try_from(place).ok()?.checked_sub(1)?;
        self.0.get(place).cloned()
    }
}

type Other = UserDataRef<Set>;

impl UserData for Set {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        acts(methods, |this: &Self, act| {
            this.0.iter().try_for_each(|one| one.want(act.clone()))
        });
        methods.add_meta_method("__add", |_, this, other: Other| {
            let known = this.keys();
            let more = other.only(|one| !known.contains(&key(one)));
            Ok(Self(this.0.iter().chain(&more.0).cloned().collect()))
        });
        methods.add_meta_method("__mul", |_, this, other: Other| {
            let known = other.keys();
            Ok(this.only(|one| known.contains(&key(one))))
        });
        methods.add_meta_method("__sub", |_, this, other: Other| {
            let known = other.keys();
            Ok(this.only(|one| !known.contains(&key(one))))
        });
        methods.add_meta_method("__len", |_, this, ()| Ok(this.0.len()));
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
    let messages = set.0.clone();
    let mut next = 0;
    lua.create_function_mut(move |_, ()| {
        next += 1;
        Ok(messages.get(next - 1).cloned())
    })
}
