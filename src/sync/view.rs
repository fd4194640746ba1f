//! What was observed, and how it differs from the base.
//!
//! A view can only be built from a complete observation: a listing that ended with the tagged OK, a scan during
//! which the directories did not change. A partial observation is an error in the adapter and never gets here.

use std::collections::BTreeSet;

use super::base::{FileStamp, RowId};
use crate::mail::{Flag, Flags, Keyword, LocalId, ModSeq, Uid, UidSet, UidValidity};

/// One file of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalMessage {
    /// The unique part of its name.
    pub id: LocalId,
    /// What its name says of flags and of those keywords the folder has letters for.
    pub flags: Flags,
    /// How it looks.
    pub stamp: FileStamp,
}

/// Which keywords a folder's file names can show. `$Forwarded` always.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeywordScope {
    /// Keywords with a letter.
    pub lettered: BTreeSet<Keyword>,
}

impl KeywordScope {
    /// Whether a file name can show this keyword.
    #[must_use]
    pub fn shows(&self, keyword: &Keyword) -> bool {
        keyword.as_str().eq_ignore_ascii_case(Keyword::FORWARDED) || self.lettered.contains(keyword)
    }

    /// The flags with every keyword this scope cannot show taken from `base` instead.
    #[must_use]
    pub fn complete(&self, seen: &Flags, base: &Flags) -> Flags {
        let hidden = base
            .keywords()
            .filter(|keyword| !self.shows(keyword))
            .cloned();
        let shown = seen
            .keywords()
            .filter(|keyword| self.shows(keyword))
            .cloned();
        Flags::from_parts(seen.system_bits(), shown.chain(hidden))
    }

    /// The part of `flags` that a file name can show.
    #[must_use]
    pub fn visible(&self, flags: &Flags) -> Flags {
        let shown = flags
            .keywords()
            .filter(|keyword| self.shows(keyword))
            .cloned();
        Flags::from_parts(flags.system_bits(), shown)
    }
}

/// One folder, completely and stably listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalView {
    /// Its files, sorted by id, no id twice.
    pub files: Vec<LocalMessage>,
    /// What its names can show.
    pub scope: KeywordScope,
    /// What tells whether anything came, went or was renamed since; `None` where nothing can.
    pub token: Option<FolderToken>,
}

/// How a folder's directories look as wholes: the same again means that no file came, went or was renamed since. It
/// says nothing of what is in the files. Compared, never interpreted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderToken(pub Vec<u8>);

/// One message as the server lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteMessage {
    /// Its UID.
    pub uid: Uid,
    /// Its flags, without `\Recent`.
    pub flags: Flags,
    /// RFC822.SIZE where it was asked for: a hint for progress and limits, some servers lie.
    pub size: Option<u64>,
}

/// Which flags the server keeps (RFC 9051 section 7.1, PERMANENTFLAGS).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermanentFlags {
    /// The ones that are kept.
    pub flags: Flags,
    /// Whether new keywords can be made (`\*`).
    pub any_keyword: bool,
}

impl PermanentFlags {
    /// Everything is kept: what RFC 9051 says to assume when the server does not say.
    #[must_use]
    pub fn everything() -> Self {
        let flags = Flag::ALL.into_iter().fold(Flags::new(), Flags::with);
        Self {
            flags,
            any_keyword: true,
        }
    }

    /// The part of `flags` that the server keeps.
    #[must_use]
    pub fn kept(&self, flags: &Flags) -> Flags {
        let bits = flags.system_bits() & self.flags.system_bits();
        let keywords = flags
            .keywords()
            .filter(|keyword| self.any_keyword || self.flags.has_keyword(keyword))
            .cloned();
        Flags::from_parts(bits, keywords)
    }
}

/// What a complete observation says about the UIDs it does not list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// These UIDs exist and no others.
    Exactly(UidSet),
    /// Of the UIDs known before, all exist but these (QRESYNC VANISHED; to be confirmed before anything is deleted).
    AllBut(UidSet),
}

impl Presence {
    /// Whether a UID that was known before still exists.
    #[must_use]
    pub fn has(&self, uid: Uid) -> bool {
        match self {
            Self::Exactly(set) => set.contains(uid),
            Self::AllBut(set) => !set.contains(uid),
        }
    }
}

/// One mailbox on the server. The same whether QRESYNC, CONDSTORE or plain listing built it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteView {
    /// UIDVALIDITY; `None` if the server has none or says that UIDs do not last (UIDNOTSTICKY).
    pub uidvalidity: Option<UidValidity>,
    /// UIDNEXT.
    pub uidnext: Option<Uid>,
    /// HIGHESTMODSEQ that this view covers; `None` with NOMODSEQ or without CONDSTORE.
    pub modseq: Option<ModSeq>,
    /// How many messages there are.
    pub exists: u32,
    /// What flags the server keeps.
    pub permanent: PermanentFlags,
    /// Whether it can only be read.
    pub read_only: bool,
    /// Every message the base does not know, and every one whose flags may differ from the base; by UID.
    pub listed: Vec<RemoteMessage>,
    /// What holds for the rest.
    pub presence: Presence,
}

/// How a folder differs from the base.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalChanges {
    /// Rows whose file is gone from this folder.
    pub vanished: Vec<RowId>,
    /// Files without a row.
    pub appeared: Vec<LocalMessage>,
    /// Rows whose flags differ from the base, with the flags they have now (hidden keywords from the base).
    pub flags: Vec<(RowId, Flags)>,
    /// Rows whose file may have been edited in place.
    pub edited: Vec<(RowId, LocalMessage)>,
    /// Rows whose file is another inode and looks as agreed otherwise: a restored or copied Maildir has new ones throughout.
    pub copied: Vec<(RowId, FileStamp)>,
    /// Rows in state `Delivering` whose file is there: they are delivered.
    pub delivered: Vec<(RowId, FileStamp)>,
    /// Rows in state `Delivering` whose file is not there: they were never delivered.
    pub undelivered: Vec<RowId>,
    /// Those of them whose file had got its name and went again: somebody moved or deleted it.
    pub published: Vec<RowId>,
}

/// How a mailbox on the server differs from the base.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoteChanges {
    /// UIDVALIDITY is another one than the base's: no UID of the base means anything.
    pub renumbered: bool,
    /// Rows whose UID is gone.
    pub vanished: Vec<RowId>,
    /// Messages without a row.
    pub appeared: Vec<RemoteMessage>,
    /// Rows whose flags differ from the base, with the flags they have now (what is not kept comes from the base).
    pub flags: Vec<(RowId, Flags)>,
}
