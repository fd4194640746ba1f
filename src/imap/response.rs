//! What a response means, as types. One line in, one value out; an unknown line is a value too.
//!
//! Does no I/O and keeps no state between responses.

mod code;
mod data;
mod fetch;
mod sets;

use super::error::Words;
use super::token::Cursor;

pub use code::Code;
pub(crate) use data::{Listed, Personal, Stated};
pub(crate) use fetch::{Body, Fetch, FetchError};
#[cfg(any(test, fuzzing))]
pub(crate) use sets::Ranges;

use crate::mail::UidSet;

/// The word a status response begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Ok,
    No,
    Bad,
    Bye,
    PreAuth,
}

/// A status response: its word, code and text (RFC 9051 section 7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub condition: Condition,
    pub code: Code,
    pub words: Words,
}

/// One untagged response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Untagged {
    Status(Status),
    Enabled(Vec<String>),
    List(Listed),
    Stated(Stated),
    /// NAMESPACE (RFC 2342): the first of the user's own namespaces, if there is one.
    Namespace(Option<Personal>),
    /// SEARCH or the ALL of ESEARCH. `None` if it cannot be read.
    Search(Option<UidSet>),
    Exists(u32),
    Expunge(u32),
    /// UIDs, and whether they had gone before.
    Vanished(UidSet, bool),
    Fetch(Fetch),
    /// A FETCH that cannot be read; its UID if that much could be.
    BrokenFetch(Option<crate::mail::Uid>),
    /// Anything else, CAPABILITY and FLAGS among it.
    Other,
}

/// One response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Response {
    /// `+`.
    Continue,
    /// A tag of ours, by number, and how its command ended.
    Tagged(u32, Status),
    /// `*`.
    Untagged(Untagged),
}

/// What our tags begin with, so that they cannot be mistaken for those of the login.
pub(crate) const TAG: &str = "f";

/// Reads a response. What cannot be read at all is [`Untagged::Other`].
pub(crate) fn parse(line: &[u8]) -> Response {
    if line.first() == Some(&b'+') {
        return Response::Continue;
    }
    let mut cursor = Cursor::new(line);
    if cursor.eat(b'*') {
        cursor.blanks();
        return Response::Untagged(untagged(cursor));
    }
    tagged(cursor).unwrap_or(Response::Untagged(Untagged::Other))
}

fn tagged(mut cursor: Cursor<'_>) -> Option<Response> {
    let digits = cursor.atom().strip_prefix(TAG.as_bytes())?;
    let tag = u32::try_from(super::token::number(digits)?).ok()?;
    cursor.blanks();
    let word = cursor.atom();
    Some(Response::Tagged(tag, status(word, cursor)?))
}

fn untagged(mut cursor: Cursor<'_>) -> Untagged {
    if cursor.peek().is_some_and(|byte| byte.is_ascii_digit()) {
        return numbered(cursor);
    }
    let word = cursor.atom();
    if let Some(status) = status(word, cursor) {
        return Untagged::Status(status);
    }
    cursor.blanks();
    let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    let found = if is("LIST") {
        data::list(cursor).map(Untagged::List)
    } else if is("STATUS") {
        data::status(cursor).map(Untagged::Stated)
    } else if is("NAMESPACE") {
        data::namespace(cursor).map(Untagged::Namespace)
    } else if is("SEARCH") {
        Some(Untagged::Search(data::search(cursor)))
    } else if is("ESEARCH") {
        Some(Untagged::Search(data::esearch(cursor)))
    } else if is("VANISHED") {
        data::vanished(cursor).map(|(uids, earlier)| Untagged::Vanished(uids, earlier))
    } else if is("ENABLED") {
        Some(Untagged::Enabled(data::atoms(cursor)))
    } else {
        None
    };
    found.unwrap_or(Untagged::Other)
}

fn numbered(mut cursor: Cursor<'_>) -> Untagged {
    let number = cursor
        .number()
        .and_then(|number| u32::try_from(number).ok());
    cursor.blanks();
    let word = cursor.atom();
    let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    if is("FETCH") {
        let mut fetch = Fetch::new(number.unwrap_or(0));
        return match fetch.read(cursor) {
            Ok(()) => Untagged::Fetch(fetch),
            Err(FetchError) => Untagged::BrokenFetch(fetch.uid),
        };
    }
    match number {
        Some(count) if is("EXISTS") => Untagged::Exists(count),
        Some(seq) if is("EXPUNGE") => Untagged::Expunge(seq),
        _ => Untagged::Other,
    }
}

fn status(word: &[u8], mut cursor: Cursor<'_>) -> Option<Status> {
    let known = [
        ("OK", Condition::Ok),
        ("NO", Condition::No),
        ("BAD", Condition::Bad),
        ("BYE", Condition::Bye),
        ("PREAUTH", Condition::PreAuth),
    ];
    let condition = known
        .into_iter()
        .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word))?
        .1;
    cursor.blanks();
    let (code, text) = code::code(cursor);
    Some(Status {
        condition,
        code,
        words: Words::new(text),
    })
}

#[cfg(test)]
mod tests;
