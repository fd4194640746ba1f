//! The vocabulary everybody shares: UIDs, flags, mailbox names, identities.
//!
//! Uses the standard library only and knows nothing about sockets, files or plans.

mod flags;
mod folder_names;
mod identity;
mod mailbox;
mod uid;
mod uid_set;
mod uidl;

pub use flags::{Flag, FlagDelta, Flags, Keyword};
pub use folder_names::{FolderNameError, FolderNames};
pub use identity::{Content, ContentDigest, Digest, Identity, LocalId, MessageIdHash};
pub use mailbox::{MailboxName, SpecialUse};
pub use uid::{ModSeq, Uid, UidValidity};
pub use uid_set::UidSet;
pub use uidl::Uidl;
