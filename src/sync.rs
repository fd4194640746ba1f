//! The one decision: base + local view + remote view -> plan.
//!
//! Everything below is pure: no I/O, no clock, no randomness, no logging. Times, limits and what was observed come
//! in as values; out comes a [`Plan`] that can be printed, compared and replayed. It knows `mail` and nothing else.

mod base;
mod change;
mod input;
mod plan;
mod policy;
mod view;

pub use base::{
    Base, Entry, EntryState, FileStamp, HoldId, Intent, IntentId, IntentKind, MailboxId,
    MailboxRecord, RowId,
};
pub use change::{Change, Deletion, Hold, HoldKind, HoldVerdict, Parked, Side, Watermark};
pub use input::{
    AccountInput, Known, ListRefused, LocalKnown, MailboxInput, MailboxOp, MailboxesInput, Needs,
    SeenFolder, SeenMailbox,
};
pub use plan::{FlagPlan, Op, Plan};
pub use policy::{Deletions, Guard, Policy, Pull, Push};
pub use view::{
    KeywordScope, LocalChanges, LocalMessage, LocalView, PermanentFlags, Presence, RemoteChanges,
    RemoteMessage, RemoteView,
};
