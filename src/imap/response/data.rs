//! LIST, STATUS, NAMESPACE, SEARCH, ESEARCH, VANISHED and ENABLED.

use super::sets::Ranges;
use crate::engine::ports::MailboxStatus;
use crate::imap::token::{Cursor, Text};
use crate::mail::{ModSeq, SpecialUse, Uid, UidSet, UidValidity};

/// One LIST response (RFC 9051 section 7.3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// The name as the server writes it.
    pub wire: Vec<u8>,
    /// What stands between its levels; `None` if it has no levels.
    pub delimiter: Option<u8>,
    /// Neither `\Noselect` nor `\NonExistent`.
    pub selectable: bool,
    /// What it is for.
    pub role: Option<SpecialUse>,
}

/// One STATUS response (RFC 9051 section 7.3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stated {
    /// The name as the server writes it.
    pub wire: Vec<u8>,
    /// What it says.
    pub status: MailboxStatus,
}

/// A namespace of the user's own (RFC 2342 section 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Personal {
    /// What names in it begin with, as the server writes it.
    pub prefix: Vec<u8>,
    /// What stands between the levels of its names.
    pub delimiter: Option<u8>,
}

pub(super) fn list(mut cursor: Cursor<'_>) -> Option<Listed> {
    let mut selectable = true;
    let mut role = None;
    if !cursor.eat(b'(') {
        return None;
    }
    loop {
        cursor.blanks();
        if cursor.eat(b')') {
            break;
        }
        let attribute = cursor.atom();
        if attribute.is_empty() {
            return None;
        }
        let is = |word: &str| attribute.eq_ignore_ascii_case(word.as_bytes());
        selectable &= !is("\\Noselect") && !is("\\NonExistent");
        let found = std::str::from_utf8(attribute).ok();
        role = role.or_else(|| SpecialUse::from_wire(found?));
    }
    cursor.blanks();
    let delimiter = match cursor.text()? {
        Text::Here(text) => text.first().copied(),
        _ => None,
    };
    cursor.blanks();
    let wire = cursor.astring()?.into_owned();
    Some(Listed {
        wire,
        delimiter,
        selectable,
        role,
    })
}

pub(super) fn status(mut cursor: Cursor<'_>) -> Option<Stated> {
    let wire = cursor.astring()?.into_owned();
    let mut status = MailboxStatus::default();
    cursor.blanks();
    cursor.eat(b'(');
    loop {
        cursor.blanks();
        let name = cursor.word();
        if name.is_empty() {
            return Some(Stated { wire, status });
        }
        cursor.blanks();
        let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
        let mut value = cursor;
        cursor.skip()?;
        if is("MESSAGES") {
            status.messages = small(&mut value);
        } else if is("UIDNEXT") {
            status.uidnext = small(&mut value).and_then(Uid::new);
        } else if is("UIDVALIDITY") {
            status.uidvalidity = small(&mut value).and_then(UidValidity::new);
        } else if is("HIGHESTMODSEQ") {
            status.modseq = value.number().and_then(ModSeq::new);
        } else if is("MAILBOXID") && value.eat(b'(') {
            status.object_id = value
                .astring()
                .and_then(|id| String::from_utf8(id.into_owned()).ok());
        }
    }
}

/// The first of the personal namespaces, which come first; `Some(None)` if there is none.
pub(super) fn namespace(mut cursor: Cursor<'_>) -> Option<Option<Personal>> {
    if !cursor.eat(b'(') {
        return cursor.atom().eq_ignore_ascii_case(b"NIL").then_some(None);
    }
    cursor.blanks();
    if !cursor.eat(b'(') {
        return cursor.eat(b')').then_some(None);
    }
    cursor.blanks();
    let prefix = match cursor.text()? {
        Text::Here(prefix) => prefix.into_owned(),
        Text::Nil => Vec::new(),
        Text::Coming(_) => return None,
    };
    cursor.blanks();
    let delimiter = match cursor.text()? {
        Text::Here(text) => text.first().copied(),
        _ => None,
    };
    Some(Some(Personal { prefix, delimiter }))
}

fn small(cursor: &mut Cursor<'_>) -> Option<u32> {
    u32::try_from(cursor.number()?).ok()
}

/// Numbers up to the end, or to `(MODSEQ n)`. `None` if one of them is no UID.
pub(super) fn search(mut cursor: Cursor<'_>) -> Option<UidSet> {
    let mut uids = Vec::new();
    loop {
        cursor.blanks();
        if cursor.at_end() || cursor.peek() == Some(b'(') {
            return Some(uids.into_iter().collect());
        }
        uids.push(Uid::new(small(&mut cursor)?)?);
    }
}

/// The ALL of an ESEARCH (RFC 4731); empty if nothing was found.
pub(super) fn esearch(mut cursor: Cursor<'_>) -> Option<UidSet> {
    let mut all = UidSet::new();
    loop {
        cursor.blanks();
        if cursor.at_end() {
            return Some(all);
        }
        if cursor.peek() == Some(b'(') {
            cursor.skip()?;
            continue;
        }
        let name = cursor.atom();
        if name.eq_ignore_ascii_case(b"UID") {
            continue;
        }
        cursor.blanks();
        if name.eq_ignore_ascii_case(b"ALL") {
            all = Ranges::read(&mut cursor)?.to_set();
        } else {
            cursor.skip()?;
        }
    }
}

pub(super) fn vanished(mut cursor: Cursor<'_>) -> Option<(UidSet, bool)> {
    let earlier = cursor.peek() == Some(b'(');
    if earlier {
        cursor.skip()?;
        cursor.blanks();
    }
    Some((Ranges::read(&mut cursor)?.to_set(), earlier))
}

pub(super) fn atoms(mut cursor: Cursor<'_>) -> Vec<String> {
    let mut found = Vec::new();
    while !cursor.at_end() {
        let atom = cursor.atom();
        if atom.is_empty() {
            break;
        }
        found.push(String::from_utf8_lossy(atom).to_ascii_uppercase());
        cursor.blanks();
    }
    found
}
