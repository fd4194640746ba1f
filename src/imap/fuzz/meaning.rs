//! What a response means, in a form that another parser's result can be brought into.

use super::reader::{Seen, read};
use crate::imap::response::{Body, Code, Condition, Response, Status, Untagged};

/// A response's meaning; only what both sides know is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// `+`.
    Continue,
    /// Tag (none for `*`), condition and code; no code is what we have no use for.
    Status(Option<u32>, &'static str, Option<String>),
    /// `* n EXISTS`.
    Exists(u32),
    /// `* n EXPUNGE`.
    Expunge(u32),
    /// The UIDs as a set.
    Search(String),
    /// The UIDs as a set, and whether they had gone earlier.
    Vanished(String, bool),
    /// Name, delimiter, selectable.
    List(Vec<u8>, Option<u8>, bool),
    /// Name, MESSAGES, UIDNEXT, UIDVALIDITY, HIGHESTMODSEQ.
    Stated(Vec<u8>, [Option<u64>; 4]),
    /// One FETCH.
    Fetch(Fetched),
    /// A FETCH that makes no sense.
    Broken,
    /// Anything else.
    Other,
}

/// One FETCH.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Its number.
    pub seq: u32,
    /// UID.
    pub uid: Option<u32>,
    /// FLAGS as on the wire, in our order.
    pub flags: Option<String>,
    /// MODSEQ.
    pub modseq: Option<u64>,
    /// RFC822.SIZE.
    pub size: Option<u64>,
    /// INTERNALDATE in seconds since 1970.
    pub date: Option<i64>,
    /// `BODY[...]`; `Some(None)` for NIL.
    pub body: Option<Option<Vec<u8>>>,
}

/// What we make of exactly one response; `None` if we see several, or less than one.
///
/// # Panics
/// Never, it is hoped.
#[must_use]
pub fn meaning(octets: &[u8]) -> Option<Meaning> {
    let (seen, rest) = read([octets], false);
    match seen.as_slice() {
        [Seen::Response(response)] if rest.is_empty() => Some(of(response)),
        _ => None,
    }
}

fn of(response: &Response) -> Meaning {
    match response {
        Response::Continue => Meaning::Continue,
        Response::Tagged(tag, status) => of_status(Some(*tag), status),
        Response::Untagged(untagged) => of_untagged(untagged),
    }
}

fn of_untagged(untagged: &Untagged) -> Meaning {
    match untagged {
        Untagged::Status(status) => of_status(None, status),
        Untagged::Exists(count) => Meaning::Exists(*count),
        Untagged::Expunge(seq) => Meaning::Expunge(*seq),
        Untagged::Search(Some(uids)) => Meaning::Search(uids.to_string()),
        Untagged::Vanished(uids, earlier) => Meaning::Vanished(uids.to_string(), *earlier),
        Untagged::List(item) => Meaning::List(item.wire.clone(), item.delimiter, item.selectable),
        Untagged::Stated(item) => Meaning::Stated(
            item.wire.clone(),
            [
                item.status.messages.map(u64::from),
                item.status.uidnext.map(|uid| u64::from(uid.get())),
                item.status.uidvalidity.map(|uid| u64::from(uid.get())),
                item.status.modseq.map(crate::mail::ModSeq::get),
            ],
        ),
        Untagged::Fetch(fetch) => Meaning::Fetch(Fetched {
            seq: fetch.seq,
            uid: fetch.uid.map(crate::mail::Uid::get),
            flags: fetch.flags.as_ref().map(ToString::to_string),
            modseq: fetch.modseq.map(crate::mail::ModSeq::get),
            size: fetch.size,
            date: fetch.date,
            body: match &fetch.body {
                Body::Absent | Body::Coming(_) => None,
                Body::Nil => Some(None),
                Body::Here(octets) => Some(Some(octets.clone())),
            },
        }),
        Untagged::BrokenFetch(_) => Meaning::Broken,
        Untagged::Search(None)
        | Untagged::Enabled(_)
        | Untagged::Namespace(_)
        | Untagged::Other => Meaning::Other,
    }
}

fn of_status(tag: Option<u32>, status: &Status) -> Meaning {
    let condition = match status.condition {
        Condition::Ok => "OK",
        Condition::No => "NO",
        Condition::Bad => "BAD",
        Condition::Bye => "BYE",
        Condition::PreAuth => "PREAUTH",
    };
    let code = match &status.code {
        Code::UidNext(uid) => uid.map(|uid| format!("UIDNEXT {uid}")),
        Code::UidValidity(validity) => validity.map(|validity| format!("UIDVALIDITY {validity}")),
        Code::HighestModSeq(modseq) => modseq.map(|modseq| format!("HIGHESTMODSEQ {modseq}")),
        Code::AppendUid(validity, uid) => Some(format!("APPENDUID {validity} {uid}")),
        Code::CopyUid(validity, pairs) if !pairs.is_empty() => {
            Some(format!("COPYUID {validity} {pairs:?}"))
        }
        Code::Modified(uids) => Some(format!("MODIFIED {uids}")),
        Code::TryCreate => Some("TRYCREATE".to_owned()),
        Code::ReadOnly => Some("READ-ONLY".to_owned()),
        Code::ReadWrite => Some("READ-WRITE".to_owned()),
        Code::NoModSeq => Some("NOMODSEQ".to_owned()),
        Code::Closed => Some("CLOSED".to_owned()),
        Code::OverQuota => Some("OVERQUOTA".to_owned()),
        _ => None,
    };
    Meaning::Status(tag, condition, code)
}
