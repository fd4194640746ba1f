//! Hooks: Lua scripts that are told what happened to mail, and say what is to be done with it.
//!
//! [`Hooks`] is one account's scripts, in the order of the configuration: an [`Occasion`](crate::sync::Occasion) goes in,
//! a [`Reply`] comes out. Each script has a Lua state of its own on a thread of its own ([`Host`]), which is given up when
//! it does not come back in time. Scripts want things; nothing in here touches a mailbox. Knows nothing of servers, of
//! the state and of how acts are carried out.

mod acts;
mod api;
mod clock;
mod describe;
mod event;
mod heads;
mod host;
mod meter;
mod notification;
mod plugins;
mod process;
mod progress;
mod query;
mod reply;
mod sandbox;
mod set;
mod shelf;
mod span;
mod spec;
mod state;
mod tally;
#[cfg(test)]
mod tests;
mod told;
mod worker;

pub use acts::settle;
pub use event::Event;
pub use host::{Condition, Host};
pub use notification::{Notification, Urgency};
pub use plugins::{shipped, shipped_names};
pub use process::{KEEPER, keep};
pub use reply::{Answer, Failure, HookError, Loaded, Notice, Reply, Why};
pub use set::{HookState, Hooks};
pub use shelf::{Shelf, ShelfError, Shelved};
pub use spec::{Capability, Grants, Script, Spec};
