//! Response codes: what stands in brackets (RFC 9051 section 7.1, RFC 4315, RFC 5530, RFC 7162, RFC 4469, RFC 5465).

use super::sets::Ranges;
use crate::imap::token::{self, Cursor};
use crate::mail::{Flags, ModSeq, Uid, UidSet, UidValidity};
use crate::sync::PermanentFlags;

/// A response code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Code {
    /// There is none.
    #[default]
    None,
    /// ALERT: the text is meant for the user.
    Alert,
    /// ALREADYEXISTS.
    AlreadyExists,
    /// APPENDUID.
    AppendUid(UidValidity, Uid),
    /// AUTHENTICATIONFAILED, AUTHORIZATIONFAILED, EXPIRED.
    AuthenticationFailed,
    /// CANNOT.
    Cannot,
    /// CLOSED: what comes now belongs to the newly selected mailbox.
    Closed,
    /// COPYUID, in pairs; empty if its two sets do not match.
    CopyUid(UidValidity, Vec<(Uid, Uid)>),
    /// HIGHESTMODSEQ; `None` when zero.
    HighestModSeq(Option<ModSeq>),
    /// INUSE.
    InUse,
    /// LIMIT.
    Limit,
    /// MODIFIED.
    Modified(UidSet),
    /// NOMODSEQ.
    NoModSeq,
    /// NONEXISTENT.
    NonExistent,
    /// NOPERM.
    NoPermission,
    /// NOTIFICATIONOVERFLOW: the server tells nothing any more until it is asked again (RFC 5465 section 5.8).
    NotificationOverflow,
    /// OVERQUOTA.
    OverQuota,
    /// PERMANENTFLAGS.
    PermanentFlags(PermanentFlags),
    /// READ-ONLY.
    ReadOnly,
    /// READ-WRITE.
    ReadWrite,
    /// SERVERBUG, CORRUPTION, CONTACTADMIN.
    ServerBug,
    /// TOOBIG.
    TooBig,
    /// TRYCREATE.
    TryCreate,
    /// UIDNEXT.
    UidNext(Option<Uid>),
    /// UIDNOTSTICKY.
    UidNotSticky,
    /// UIDVALIDITY; `None` when it is none that can be relied on.
    UidValidity(Option<UidValidity>),
    /// UNAVAILABLE.
    Unavailable,
    /// Another one.
    Other,
}

/// The code at the cursor, if there is one, and the text after it.
pub(super) fn code(cursor: Cursor<'_>) -> (Code, &[u8]) {
    let mut ahead = cursor;
    let Some(inside) = ahead.section() else {
        return (Code::None, cursor.rest());
    };
    let mut inner = Cursor::new(inside);
    let name = inner.atom();
    inner.blanks();
    let code = plain(name).or_else(|| with_value(name, inner));
    (code.unwrap_or(Code::Other), ahead.rest())
}

fn plain(name: &[u8]) -> Option<Code> {
    let known = [
        ("ALERT", Code::Alert),
        ("ALREADYEXISTS", Code::AlreadyExists),
        ("AUTHENTICATIONFAILED", Code::AuthenticationFailed),
        ("AUTHORIZATIONFAILED", Code::AuthenticationFailed),
        ("EXPIRED", Code::AuthenticationFailed),
        ("CANNOT", Code::Cannot),
        ("CLOSED", Code::Closed),
        ("INUSE", Code::InUse),
        ("LIMIT", Code::Limit),
        ("NOMODSEQ", Code::NoModSeq),
        ("NONEXISTENT", Code::NonExistent),
        ("NOPERM", Code::NoPermission),
        ("NOTIFICATIONOVERFLOW", Code::NotificationOverflow),
        ("OVERQUOTA", Code::OverQuota),
        ("READ-ONLY", Code::ReadOnly),
        ("READ-WRITE", Code::ReadWrite),
        ("SERVERBUG", Code::ServerBug),
        ("CORRUPTION", Code::ServerBug),
        ("CONTACTADMIN", Code::ServerBug),
        ("TOOBIG", Code::TooBig),
        ("TRYCREATE", Code::TryCreate),
        ("UIDNOTSTICKY", Code::UidNotSticky),
        ("UNAVAILABLE", Code::Unavailable),
    ];
    known
        .into_iter()
        .find(|(word, _)| word.as_bytes().eq_ignore_ascii_case(name))
        .map(|(_, code)| code)
}

fn with_value(name: &[u8], mut inner: Cursor<'_>) -> Option<Code> {
    let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
    if is("UIDVALIDITY") {
        let value = small(&mut inner).and_then(UidValidity::new);
        Some(Code::UidValidity(value))
    } else if is("UIDNEXT") {
        Some(Code::UidNext(small(&mut inner).and_then(Uid::new)))
    } else if is("HIGHESTMODSEQ") {
        Some(Code::HighestModSeq(inner.number().and_then(ModSeq::new)))
    } else if is("PERMANENTFLAGS") {
        Some(Code::PermanentFlags(permanent(inner)))
    } else if is("MODIFIED") {
        Some(Code::Modified(Ranges::read(&mut inner)?.to_set()))
    } else if is("APPENDUID") {
        let validity = UidValidity::new(small(&mut inner)?)?;
        inner.blanks();
        let uid = Uid::new(small(&mut inner)?)?;
        Some(Code::AppendUid(validity, uid))
    } else if is("COPYUID") {
        let validity = UidValidity::new(small(&mut inner)?)?;
        inner.blanks();
        let from = Ranges::read(&mut inner)?;
        inner.blanks();
        let to = Ranges::read(&mut inner)?;
        Some(Code::CopyUid(validity, pairs(&from, &to)))
    } else {
        None
    }
}

fn small(cursor: &mut Cursor<'_>) -> Option<u32> {
    let digits = cursor.atom();
    u32::try_from(token::number(digits)?).ok()
}

/// A COPYUID for more messages than this is not believed: no command of ours names so many.
const PAIR_LIMIT: u64 = 1 << 20;

fn pairs(from: &Ranges, to: &Ranges) -> Vec<(Uid, Uid)> {
    if from.len() != to.len() || from.len() > PAIR_LIMIT {
        return Vec::new();
    }
    from.iter().zip(to.iter()).collect()
}

fn permanent(mut cursor: Cursor<'_>) -> PermanentFlags {
    let mut flags = Flags::new();
    let mut any_keyword = false;
    cursor.eat(b'(');
    loop {
        cursor.blanks();
        let atom = cursor.atom();
        if atom.is_empty() {
            return PermanentFlags { flags, any_keyword };
        }
        any_keyword |= atom == b"\\*";
        if let Ok(text) = std::str::from_utf8(atom) {
            flags.insert_wire(text);
        }
    }
}
