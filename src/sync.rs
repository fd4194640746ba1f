//! The one decision: base + local view + remote view -> plan.
//!
//! Everything below is pure: no I/O, no clock, no randomness, no logging. Times, limits and what was observed come
//! in as values; out comes a [`Plan`] that can be printed, compared and replayed. It knows `mail` and nothing else.

mod base;
mod change;
mod claims;
mod diff;
mod guard;
mod input;
mod letters;
mod mailboxes;
mod merge;
mod naming;
mod needs;
mod news;
mod pairing;
mod plan;
mod planner;
mod policy;
mod view;

#[cfg(test)]
mod model_tests;

pub use base::{
    Base, Entry, EntryState, FileStamp, HoldId, Intent, IntentId, IntentKind, MailboxId,
    MailboxRecord, Rest, RowId,
};
pub use change::{Change, Deletion, Hold, HoldKind, HoldVerdict, Parked, Side, Watermark};
pub use claims::{Claim, Claims, believed};
pub use diff::{diff_local, diff_remote};
pub use input::{
    Absent, AccountInput, Known, ListRefused, LocalKnown, MailboxInput, MailboxOp, MailboxesInput,
    Needs, SeenFolder, SeenMailbox, Unsynced,
};
pub use letters::{
    FetchLetter, KeepLetters, KnownLetter, Letter, LetterId, LetterState, LettersInput,
    LettersPlan, LettersPolicy, ListedLetter, plan_letters,
};
pub use mailboxes::{BELIEVED_AFTER, plan_mailboxes};
pub use merge::merge_flags;
pub use naming::{Naming, naming};
pub use needs::needs;
pub use news::{
    Act, Happened, Heard, News, NewsId, Occasion, RawHeader, Subject, Tidings, Wanted, What,
};
pub use plan::{FlagPlan, Op, Plan, Wait, WaitReason};
pub use planner::{plan, same_content};
pub use policy::{Deletions, Guard, Policy, Pull, Push};
pub use view::{
    FolderToken, KeywordScope, LocalChanges, LocalMessage, LocalView, PermanentFlags, Presence,
    RemoteChanges, RemoteMessage, RemoteView,
};
