//! What a hook holds outside of Lua's own memory: messages, headers, sets. Lua's collector sees a few octets of each, and
//! would let a script hold any number.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use mlua::{Error, Lua, Result, WeakLua};

/// Counts up to a limit. What the script has let go, but Lua has not collected, is collected before it counts.
pub(super) struct Meter {
    limit: usize,
    used: Cell<usize>,
    /// When to collect.
    next: Cell<usize>,
    lua: RefCell<Option<WeakLua>>,
}

/// Something that counts until it is dropped.
pub(super) struct Held {
    meter: Rc<Meter>,
    octets: usize,
}

impl Meter {
    pub fn new(limit: usize) -> Rc<Self> {
        Rc::new(Self {
            limit,
            used: Cell::new(0),
            next: Cell::new(limit / 2),
            lua: RefCell::new(None),
        })
    }

    /// Whose garbage it is that is held.
    pub fn watch(&self, lua: &Lua) {
        self.lua.replace(Some(lua.weak()));
    }

    /// Counts something; an error where there is no room for it.
    pub fn hold(self: &Rc<Self>, octets: usize) -> Result<Held> {
        if self.with(octets) > self.next.get().min(self.limit) {
            self.collect()?;
        }
        if self.with(octets) > self.limit {
            return Err(full());
        }
        self.used.set(self.with(octets));
        Ok(Held {
            meter: Rc::clone(self),
            octets,
        })
    }

    fn with(&self, octets: usize) -> usize {
        self.used.get().saturating_add(octets)
    }

    fn collect(&self) -> Result<()> {
        let lua = self.lua.borrow().as_ref().and_then(WeakLua::try_upgrade);
        if let Some(lua) = lua {
            lua.gc_collect()?;
        }
        // Not again before something has been added: each time all of Lua's memory is looked at.
        let used = self.used.get();
        let room = self.limit.saturating_sub(used) / 2;
        self.next
            .set((self.limit / 2).max(used.saturating_add(room)));
        Ok(())
    }
}

/// The error of who wants more memory than there is.
pub(super) fn full() -> Error {
    Error::MemoryError("not enough memory".to_owned())
}

impl Drop for Held {
    fn drop(&mut self) {
        let used = self.meter.used.get();
        self.meter.used.set(used.saturating_sub(self.octets));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_does_not_count() {
        let meter = Meter::new(100);
        let first = meter.hold(60).unwrap_or_else(|_| panic!("it fits"));
        assert!(meter.hold(41).is_err());
        drop(first);
        let _more = meter.hold(41).unwrap_or_else(|_| panic!("it fits"));
        assert!(meter.hold(60).is_err());
        assert!(meter.hold(59).is_ok());
        assert!(meter.hold(usize::MAX).is_err());
    }
}
